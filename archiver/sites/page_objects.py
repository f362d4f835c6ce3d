"""Page objects (classes that a person writes for a site, and that override single fields of its articles), and the test
cases for them.

They are in the folder that archiver.toml names in `page_objects`, or in installed packages with an entry point in the
group `archiver.page_objects`. Code in any other place is never run. A file that cannot be used is reported, and stops
only the crawls of the sites that it is for. If a field fails on a page, the article keeps the value that the page
object returned before or, if there is none, the one that was extracted without it. The failure is stored as evidence.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import logging
import re
import reprlib
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from lxml import etree
from lxml.etree import _Element as Element
from lxml.html import HTMLParser
from parsel import Selector, SelectorList

from archiver.extraction.body import body_of_html, render_container
from archiver.extraction.bylines import BylineBlock
from archiver.extraction.date_candidates import date_of_element
from archiver.extraction.date_parser import Moment, machine_date, visible_date
from archiver.extraction.normalization import clean_text, element_line, fold_text, tidy_body
from archiver.extraction.page import Page, language_tag, parse_page
from archiver.extraction.post_locator import Post
from archiver.extraction.site_rules import SiteRules, from_toml
from archiver.markup.text_marks import captions_of
from archiver.model.errors import BadPageObject
from archiver.model.fields import ACCESS, BY_NAME, EVIDENCE, PAGE_FIELDS, leading_field
from archiver.model.items import (
    PAGE_OBJECT,
    PAGE_OBJECT_FAILED,
    Article,
    Evidence,
    GeoTag,
    PageKind,
    format_degrees,
)
from archiver.model.lazy_regex import lazy_regex
from archiver.model.words import did_you_mean
from archiver.sites.config import load_config

GROUP = "archiver.page_objects"
"""The group of entry points by which installed packages offer page objects."""
_log = logging.getLogger(__name__)


# What a page object is written with.


class Empty(Enum):
    """The value by which a page object says that a field is empty on purpose."""

    EMPTY = "empty"


EMPTY = Empty.EMPTY


class field:
    """Decorator for a method of a page object: its result is the article's field with the method's name. The method is
    called once for each page.
    """

    def __init__(self, method: Callable[[Any], Any] | None = None, **options: Any) -> None:
        if method is None:
            raise TypeError("write @field without parentheses")
        self.method, self.name, self.__doc__ = method, getattr(method, "__name__", ""), method.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, page_object: Any, owner: type | None = None) -> Any:
        if page_object is None:
            return self
        value = page_object.__dict__[self.name] = self.method(
            page_object
        )  # Python finds this value before it calls `__get__` again
        return value

    @property
    def line(self) -> int:
        code = getattr(self.method, "__code__", None)
        return code.co_firstlineno if code is not None else 0


class PageObject:
    """One page of a site. A subclass names the addresses of its pages with `handle_urls`, and has a method with
    `@field` for each field that it overrides.

    - `url`: the address of the page. `html`: its decoded source.
    - `article`: the article as it was extracted without the page object.
    - `captured_at`: when the page was fetched; None if unknown.

    A field returns None, or something empty, if it finds nothing: the article keeps its own value. It returns EMPTY if
    the field is to be empty.
    """

    url_patterns: ClassVar[tuple[URLPattern, ...]] = ()

    def __init__(self, page: Page, article: Article) -> None:
        self.article, self.url, self.captured_at = article, page.url, page.captured_at
        self._source = page

    @cached_property
    def page(self) -> Page:
        """The page, parsed anew for the page object, which may therefore change the tree. Its elements have a type that
        parsel can drop.
        """
        source = self._source
        return parse_page(source.decoded, source.url, captured_at=source.captured_at, parser_of=HTMLParser)

    @property
    def html(self) -> str:
        return self._source.text

    @property
    def selector(self) -> Selector:
        """The page as a parsel selector, like `response.selector` in Scrapy."""
        return self.page.selector

    def css(self, query: str) -> SelectorList[Selector]:
        """Returns the nodes that match a CSS query, like `response.css()` in Scrapy."""
        return self.selector.css(query)

    def xpath(self, query: str) -> SelectorList[Selector]:
        """Returns the nodes that match an XPath query, like `response.xpath()` in Scrapy."""
        return self.selector.xpath(query)

    def urljoin(self, href: str | None) -> str:
        """Returns the address `href` on the page as an absolute, normalized URL; "" if the address is missing (None) or
        invalid.
        """
        return self.page.join(href)


_PageObjectClass = TypeVar("_PageObjectClass", bound=type[PageObject])


def handle_urls(*patterns: str) -> Callable[[_PageObjectClass], _PageObjectClass]:
    """Decorator for a page object: the addresses that it is for. See `URLPattern` for their form."""
    if not patterns or not all(isinstance(one, str) for one in patterns):
        raise TypeError('handle_urls needs the addresses of the pages: @handle_urls("blog.example.org")')
    parsed = tuple(map(URLPattern.parse, patterns))

    def mark(page_object: _PageObjectClass) -> _PageObjectClass:
        if not inspect.isclass(page_object) or not issubclass(page_object, PageObject):
            name = getattr(page_object, "__name__", page_object)
            raise TypeError(f"handle_urls is for page objects: write class {name}(PageObject)")
        page_object.url_patterns = parsed
        return page_object

    return mark


_PATTERN = lazy_regex(r"(?:https?://)?(?P<host>[^\s/?#:]+)(?P<port>:\d+)?(?P<path>/\S*)?", re.IGNORECASE)
_WWW = lazy_regex(r"^www\d?\.")


@dataclass(frozen=True, slots=True)
class URLPattern:
    """The addresses of one host, or those that begin with one path: "example.org", "example.org/blog".

    The host is the same with and without "www."; "*.example.org" is every host below example.org. In the path, `*`
    stands for any characters. A path ends at "/", "?" or at the end of the address, unless it ends with "/" or "*".
    Without a port, the pattern is for all ports.
    """

    host: str
    path: str

    @classmethod
    def parse(cls, text: str) -> URLPattern:
        """Parses a pattern. Raises ValueError if the text is not a pattern."""
        match = _PATTERN.fullmatch(text.strip())
        if match is None or (match["host"].strip("*.") == "") or "*" in match["host"].removeprefix("*."):
            raise ValueError(
                f"{text!r} is not an address: write a host (blog.example.org), a host and the beginning of a path "
                "(example.org/blog), or *.example.org for all hosts below example.org"
            )
        return cls(_plain_host(match["host"]) + (match["port"] or ""), match["path"] or "/")

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Returns a key by which patterns are compared: of several patterns that match an address, the one with the
        greatest key is the narrowest and is used.
        """
        return not self.host.startswith("*"), len(self.host), len(self.path)

    def __str__(self) -> str:
        return (self.host + self.path).rstrip("/")

    def has_host(self, url: str) -> bool:
        """Returns True if the host of a URL is one of the hosts of this pattern, whatever the path."""
        parts = urlsplit(url)
        host, port = _plain_host(parts.hostname or ""), f":{parts.port}" if parts.port else ""
        name, colon, number = self.host.partition(":")
        return (not colon or port == colon + number) and (host.endswith(name[1:]) if name[0] == "*" else host == name)

    def matches(self, url: str) -> bool:
        if not self.has_host(url):
            return False
        parts = urlsplit(url)
        end = "" if self.path.endswith(("/", "*")) else r"(?:[/?#]|$)"
        path = ".*".join(map(re.escape, self.path.split("*")))
        return re.match(path + end, f"{parts.path or '/'}?{parts.query}") is not None


def _plain_host(host: str) -> str:
    host = _WWW.sub("", host.lower().rstrip("."))
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


# The values of fields.

Values = dict[str, Any]
"""Attributes of an article, by name."""
_MARKUP = lazy_regex(r"\s*<[a-zA-Z][^>]*>.*>\s*", re.DOTALL)
_NUMBERS_OF_PLACE = 2


class _Unfit(Exception):
    """Raised for a value that the field cannot have. The message says why, and which values it can have."""


def _nodes(value: Any) -> Any:
    """Returns a value with the elements and strings of parsel's selectors in place of the selectors."""
    if isinstance(value, SelectorList):
        return [one.root for one in value]
    if isinstance(value, Selector):
        return value.root
    if isinstance(value, str | bytes | Mapping | GeoTag) or not isinstance(value, Iterable) or _is_element(value):
        return value
    return [_nodes(one) for one in value]


def _is_element(value: Any) -> bool:
    return isinstance(value, Element)


def _storable(text: str) -> str:
    """Returns a text without half surrogates, which cannot be stored, and as a plain str: lxml's strings keep the tree
    of their page in memory.
    """
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _line(value: Any) -> str:
    if isinstance(value, str):
        return clean_text(_storable(value))
    if _is_element(value):
        return element_line(value)
    raise _Unfit(f"{_shown(value)} is not a text: return a string, a selector or an element")


def _read_text(name: str, value: Any, page: Page) -> Values:
    first = next(iter(value), "") if isinstance(value, list) else value
    text = _line(first)
    if text and BY_NAME[name].address and not (text := page.join(text)):
        raise _Unfit(f"{_shown(first)} is not an address")
    if text and name == "language" and not (text := language_tag(text)):
        raise _Unfit(f"{_shown(first)} is not a language: return a tag such as 'en' or 'pt-BR'")
    if text and name == "access" and text not in ACCESS:
        raise _Unfit(f"{_shown(first)} is not an access: return {', '.join(map(repr, ACCESS))} or None")
    return {name: text}


def _read_texts(name: str, value: Any, page: Page) -> Values:
    found: dict[str, str] = {}
    for line in map(_line, value if isinstance(value, list) else [value]):
        if line:
            found.setdefault(fold_text(line) or line, line)
    return {name: tuple(found.values())}


def _read_time(name: str, value: Any, page: Page) -> Values:
    first = next(iter(value), "") if isinstance(value, list) else value
    moment = _moment(first, page) if first != "" else None
    if (moment is None and first != "") or (moment is not None and not _is_storable(moment.at)):
        raise _Unfit(f"{_shown(first)} is not a date: return a datetime, ISO 8601, or the date as the page shows it")
    precision = {f"{name}_precision": moment.precision if moment else None}
    return {name: moment.at if moment else None, **{k: v for k, v in precision.items() if k in BY_NAME}}


def _is_storable(at: datetime) -> bool:
    """Returns True if a time can be stored in UTC, as some hours of the years 1 and 9999 cannot."""
    try:
        return at.astimezone(UTC) is not None
    except OverflowError:
        return False


def _moment(value: Any, page: Page) -> Moment | None:
    if isinstance(value, datetime):
        return Moment(value if value.tzinfo else value.replace(tzinfo=UTC), "second", value.tzinfo is not None)
    if isinstance(value, date):
        return Moment(datetime.combine(value, time(), UTC), "day", False)
    if page.decided_date_language is None:
        month_first, day_first = (_written_date(value, language) for language in ("en-US", "en-GB"))
        if month_first and day_first and month_first.at != day_first.at:
            raise _Unfit(
                f"{_shown(value if isinstance(value, str) else element_line(value))} is two dates, and nothing on the "
                "page says which number is the month: return a datetime or ISO 8601"
            )
    return _written_date(value, page.date_language)


def _written_date(value: Any, language: str) -> Moment | None:
    if isinstance(value, str):
        return machine_date(value) or visible_date(value, language, True)
    return date_of_element(value, language)[0] if _is_element(value) else None


def _read_places(name: str, value: Any, page: Page) -> Values:
    is_one = not isinstance(value, list) or (
        len(value) == _NUMBERS_OF_PLACE and all(isinstance(one, int | float) for one in value)
    )
    return {name: tuple(map(_place, [value] if is_one else value))}


def _place(value: Any) -> GeoTag:
    if isinstance(value, list) and len(value) == _NUMBERS_OF_PLACE:
        value = {"latitude": value[0], "longitude": value[1]}
    elif isinstance(value, str) or _is_element(value):
        value = {"placename": _line(value)}
    try:
        place: Any = GeoTag(**{"latitude": None, "longitude": None, **value}) if isinstance(value, Mapping) else value
        north, east = place.latitude, place.longitude
        has_position = north is not None and east is not None
        is_place = abs(north) <= 90 and abs(east) <= 180 if has_position else bool(place.placename)
    except (TypeError, AttributeError):
        is_place = False
    if not is_place:
        raise _Unfit(
            f"{_shown(value)} is not a place: return its name, (latitude, longitude) in degrees, or a dict with the "
            "keys of a geo-tag"
        )
    texts = {name: _line(getattr(place, name)) for name in ("placename", "region", "role")}
    found: GeoTag = replace(place, source=PAGE_OBJECT, **texts)
    return found


def _read_body(name: str, value: Any, page: Page, title: str) -> Values:
    parts = value if isinstance(value, list) else [value]
    if wrong := [one for one in parts if not isinstance(one, str) and not _is_element(one)]:
        raise _Unfit(f"{_shown(wrong[0])} is not a text: return an element, a selector, HTML or plain text")
    if len(parts) == 1 and _is_element(parts[0]) and parts[0].getroottree().getroot() is page.root:
        top = parts[0]
        rendered = render_container(page, Post(page, body=top, holder=top), top, title, BylineBlock())
    elif any(_is_element(one) or _MARKUP.fullmatch(one) for one in parts):
        rendered = body_of_html("\n".join(map(_html, parts)), page.url, title)
    else:
        text = re.sub(r"\n{3,}", "\n\n", "\n\n".join(_plain_paragraphs(one) for one in parts))
        return {name: tidy_body(text), "markup": (), "captions": ()}
    markup = rendered.markup(rendered.text)
    return {name: rendered.text, "markup": markup, "captions": captions_of(markup)}


def _html(part: Any) -> str:
    if _is_element(part):
        return etree.tostring(part, encoding="unicode", method="html", with_tail=False)
    return part if _MARKUP.fullmatch(part) else f"<p>{part.replace('&', '&amp;').replace('<', '&lt;')}</p>"


def _plain_paragraphs(text: str) -> str:
    return "\n".join(map(_line, text.splitlines()))


def _shown(value: Any) -> str:
    return reprlib.repr(value)


_READERS: dict[str, Callable[[str, Any, Page], Values]] = {
    "text": _read_text,
    "texts": _read_texts,
    "time": _read_time,
    "geotags": _read_places,
}
"""For each shape of a field, the function that converts what a page object returns to attributes of an article."""


def _convert(name: str, value: Any, page_object: PageObject) -> Values:
    """Converts what a page object returns for a field to attributes of an article. An empty value means that the page
    object found nothing. Raises _Unfit.
    """
    if inspect.isawaitable(value):
        raise _Unfit("it is asynchronous: write it with def, not async def")
    if BY_NAME[name].choice == "text":
        return _read_body(name, _nodes(value), page_object.page, page_object.article.title)
    return _READERS[BY_NAME[name].shape](name, _nodes(value), page_object.page)


def _empty(name: str) -> Values:
    """Returns the attributes, by name, that make a field of an article empty."""
    plain = Article(url="")
    followers = [other for other in PAGE_FIELDS if leading_field(other) == name]
    return {one: getattr(plain, one) for one in followers}


# Loading.


@dataclass(frozen=True, slots=True)
class LoadedPageObject:
    """A page object that can be used. `file` is the name of its file, `digest` a digest of its source, and `fields` the
    names of the fields that it overrides, in the order of the field table.
    """

    kind: type[PageObject]
    file: str
    digest: str
    fields: tuple[str, ...]
    patterns: tuple[URLPattern, ...]

    @property
    def name(self) -> str:
        return self.kind.__name__

    @property
    def version(self) -> str:
        """Returns its name and the digest of its source, as the extractor of an article names it:
        "HarbourPost@1a2b3c4d".
        """
        return f"{self.name}@{self.digest}"

    def locate(self, name: str) -> str:
        """Returns where a field is read, for its evidence: "HarbourPost, harbour.py:14"."""
        return f"{self.name}, {self.file}:{_field_of(self.kind, name).line}"


_CLASS = lazy_regex(r"^[ \t]*class[ \t]+(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file with page objects that cannot be used. `text` is its source code, in which `concerns` looks for the hosts
    and class names.
    """

    error: BadPageObject
    text: str

    def concerns(self, host: str, used: Collection[str] = ()) -> bool:
        """Returns True if the file is for the site at this host (with its port, if it has one). A file is for a site if
        it names the host, without a port or with this one, or if it defines a page object that was `used` for the
        site's articles.
        """
        return self._names_host(host) or not {one[1] for one in _CLASS.finditer(self.text)}.isdisjoint(used)

    def _names_host(self, host: str) -> bool:
        name, _, port = host.partition(":")
        labels = _plain_host(name).split(".")
        parents = ("*." + ".".join(labels[n:]) for n in range(1, len(labels) - 1))
        names = "|".join(map(re.escape, (".".join(labels), f"www.{'.'.join(labels)}", *parents)))
        found = re.finditer(rf"(?<![\w.-])(?:{names})(?![\w-]|\.\w)(?::(\d+))?", self.text)
        return any(one[1] in (None, port) for one in found)


class PageObjects:
    """All page objects, and the files that cannot be used."""

    def __init__(self, loaded: Sequence[LoadedPageObject] = (), broken: Sequence[BrokenFile] = ()) -> None:
        self.loaded, self.broken = tuple(loaded), tuple(broken)
        self._reported: set[tuple[str, str]] = set()

    @property
    def digest(self) -> str:
        """A digest of all page objects; "" if there are none."""
        return _digest(*(one.version for one in self.loaded)) if self.loaded else ""

    def check(self, *hosts: str) -> None:
        """Raises BadPageObject for the first file that cannot be used: of those that name one of the hosts, or of all
        files if no host is given.
        """
        for one in self.broken:
            if not hosts or any(map(one.concerns, hosts)):
                raise one.error

    def check_site(self, host: str, used: Collection[str]) -> None:
        """Raises BadPageObject for the first file that cannot be used and is for the site with this host. `used` are
        the names of the page objects that have read the site's articles.
        """
        for one in self.broken:
            if one.concerns(host, used):
                raise one.error

    def of(self, url: str) -> LoadedPageObject | None:
        """Returns the page object for an address: the one with the narrowest pattern that matches it. Returns None if
        no pattern matches.
        """
        found = [(p.rank, n) for n, one in enumerate(self.loaded) for p in one.patterns if p.matches(url)]
        return self.loaded[max(found)[1]] if found else None

    def apply(self, article: Article, page: Page) -> Article:
        """Returns the article of a page with the values of the page's page object. A page that is not a post is
        returned unchanged; of a further part of a post, only the body is overridden.
        """
        found = self.of(page.url) if self.loaded and article.kind is PageKind.POST else None
        if found is None:
            return article
        is_part = bool(article.part_of) or article.part > 1
        names = [name for name in found.fields if not is_part or BY_NAME[name].choice == "text"]
        values, evidence = self._read_fields(found, names, article, page)
        kept = [
            one for one in article.evidence if not (one.field in values and BY_NAME[one.field].choice in _COLLECTED)
        ]
        read_by = f"{article.read_by} + {found.version}" if article.read_by else found.version
        return replace(article, **values, evidence=(*evidence, *kept), read_by=read_by)

    def _read_fields(
        self, found: LoadedPageObject, names: Sequence[str], article: Article, page: Page
    ) -> tuple[Values, list[Evidence]]:
        """Returns the attributes that a page object overrides, and the evidence of its fields."""
        try:
            page_object = found.kind(page, article)
        except Exception as error:
            # The class may have a constructor of its own, and any error in it must not lose the post.
            return {}, [self._failure(found, page.url, name, error) for name in names]
        values: Values = {}
        evidence: list[Evidence] = []
        # The body is read last: a page object may drop elements for it that other fields are read from.
        for name in sorted(names, key=lambda name: BY_NAME[name].choice == "text"):
            changed, shown = self._read(found, page_object, name, page.url)
            values |= changed
            evidence += shown
        return values, evidence

    def _read(
        self, found: LoadedPageObject, page_object: PageObject, name: str, url: str
    ) -> tuple[Values, list[Evidence]]:
        """Returns the attributes and the evidence of one field; no attributes if the article keeps its own value."""
        where = found.locate(name)
        try:
            value = getattr(page_object, name)
            if value is EMPTY:
                return _empty(name), [Evidence(name, "", PAGE_OBJECT, where, 1.0)]
            values = {} if value is None else _convert(name, value, page_object)
        except Exception as error:
            # The class is the user's, and any error in it must not lose the post.
            return {}, [self._failure(found, url, name, error)]
        if not values.get(name):
            return {}, []
        return values, [Evidence(name, text, PAGE_OBJECT, where, 1.0) for text in _evidence_texts(name, values[name])]

    def _failure(self, found: LoadedPageObject, url: str, name: str, error: Exception) -> Evidence:
        """Returns the evidence of a failure. The first failure of each field is logged."""
        own = inspect.getsourcefile(found.kind)
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
        line = next((n for n in reversed(lines) if n), _field_of(found.kind, name).line)
        why = str(error) if isinstance(error, _Unfit) else _one_line(error)
        if (found.name, name) not in self._reported:
            self._reported.add((found.name, name))
            _log.warning(
                "%s.%s failed on %s (%s, line %s: %s). The article keeps the value that the page object returned "
                "before or, if there is none, the one that was extracted without it. Further failures of this field "
                "are not logged.",
                found.name,
                name,
                url,
                found.file,
                line,
                why.rstrip("."),
            )
        return Evidence(name, "", PAGE_OBJECT_FAILED, f"{found.name}, {found.file}:{line}: {why}"[:120], 0.0)


def why_unused(used: LoadedPageObject, article: Article) -> str:
    """Returns why the page object for an article's address is not used, as a sentence without a full stop; "" if it is
    used.
    """
    if article.kind is PageKind.POST:
        return ""
    return f"{used.name} is not used: the page is not a post ({article.kind_rule})"


_COLLECTED = ("collected", "places")
_NONE = PageObjects()


def _one_line(error: BaseException) -> str:
    """Returns an exception as one line. The exception may be the user's, and its text may fail, too."""
    return _storable(" ".join("".join(traceback.format_exception_only(error)).split()))


def _evidence_texts(name: str, value: Any) -> list[str]:
    """Returns a field's value as the texts that its evidence stores: one for each author, category, tag or place,
    otherwise one.
    """
    if BY_NAME[name].choice == "text":
        return [f"{len(value)} characters"]
    if BY_NAME[name].choice == "collected":
        return [one[:300] for one in value]
    if BY_NAME[name].shape == "geotags":
        return [_place_text(one) for one in value]
    text = value.isoformat() if isinstance(value, datetime) else value if isinstance(value, str) else ", ".join(value)
    return [text[:300]]


def _place_text(place: GeoTag) -> str:
    degrees = [one for one in (place.latitude, place.longitude) if one is not None]
    return " ".join(filter(None, (format_degrees(*degrees, between=", "), place.placename, place.region)))


def load_page_objects() -> PageObjects:
    """Loads the page objects of the folder in archiver.toml and of the installed packages. The files are loaded again
    only if one of them has changed.

    Raises BadPageObject if there is no such folder, and the errors of `load_config`. Files that cannot be used are in
    the result.
    """
    folder, installed = load_config().page_objects, installed_page_objects()
    if not folder and not installed:
        return _NONE
    files = _files(Path(folder)) if folder else ()
    return _load(folder, tuple((file, _signature(file)) for file in files), installed)


@lru_cache(maxsize=1)
def installed_page_objects() -> tuple[EntryPoint, ...]:
    """Returns the entry points of the installed packages with page objects, without loading them."""
    return tuple(entry_points(group=GROUP))


def _files(folder: Path) -> tuple[Path, ...]:
    """Returns the Python files in a folder, without tests."""
    try:
        found = sorted(one for one in folder.iterdir() if one.suffix == ".py" and one.is_file())
    except OSError as error:
        raise BadPageObject(
            str(folder), 0, f"the folder cannot be read ({error.strerror}); archiver.toml names it in page_objects"
        ) from error
    return tuple(one for one in found if not one.name.startswith(("test_", "conftest", "__init__")))


def _signature(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _load(folder: str, files: tuple[tuple[Path, Any], ...], installed: tuple[EntryPoint, ...]) -> PageObjects:
    modules: list[_Module] = []
    broken: list[BrokenFile] = []
    package = _package(Path(folder), files) if files else ""
    loaders: list[_FileLoader | _EntryPointLoader] = [_FileLoader(package, file) for file, _ in files]
    loaders += [_EntryPointLoader(one) for one in installed]
    for load in loaders:
        try:
            with _without_bytecode():
                modules.append(load())
        except (Exception, SystemExit) as error:
            # The file is the user's, and its errors must not stop the crawls of other sites.
            broken.append(_broken(load.file, error))
    bases = {base for one in modules for kind in one.kinds for base in kind.__mro__[1:]}
    shared = [one.source for one in modules if not any("url_patterns" in vars(kind) for kind in one.kinds)]
    loaded: list[LoadedPageObject] = []
    for one in modules:
        try:
            mine = [_validated(one, kind, shared) for kind in one.kinds if kind not in bases or _has_patterns(kind)]
            for page_object in mine:
                _refuse_second(page_object, loaded)
            loaded += mine
        except _InvalidClass as error:
            broken.append(BrokenFile(BadPageObject(_shown_path(one.path), error.line, str(error)), one.source))
    return PageObjects(loaded, broken)


@dataclass(frozen=True, slots=True)
class _Module:
    """A loaded file: its path, its source and its page objects."""

    path: str
    source: str
    kinds: tuple[type[PageObject], ...]

    @classmethod
    def of(cls, module: ModuleType, path: str) -> _Module:
        kinds = (one for one in vars(module).values() if inspect.isclass(one) and issubclass(one, PageObject))
        own = tuple(dict.fromkeys(one for one in kinds if one.__module__ == module.__name__))
        return cls(path, _source(path), own)


def _source(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class _FileLoader:
    """Loads one file of a folder. All files of the folder are modules of one package, so that they can import one
    another with `from .other import name`.
    """

    def __init__(self, package: str, file: Path) -> None:
        self.file, self._package = str(file), package

    def __call__(self) -> _Module:
        name = f"{self._package}.{re.sub(r'[^0-9a-zA-Z_]', '_', Path(self.file).stem)}"
        module = sys.modules.get(name)
        if module is None:
            spec = importlib.util.spec_from_file_location(name, self.file)
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        return _Module.of(module, self.file)


class _EntryPointLoader:
    """Loads the page objects of an entry point, which names a module or a class."""

    def __init__(self, entry: EntryPoint) -> None:
        self.file, self._entry = f"the entry point {entry.name} = {entry.value}", entry

    def __call__(self) -> _Module:
        found = self._entry.load()
        module = found if inspect.ismodule(found) else sys.modules[self._entry.module]
        whole = _Module.of(module, inspect.getsourcefile(module) or self.file)
        if inspect.ismodule(found):
            return whole
        if not inspect.isclass(found) or not issubclass(found, PageObject):
            raise _InvalidClass(0, f"{self._entry.value} is neither a module nor a subclass of archiver.PageObject")
        return replace(whole, kinds=(found,))


def _package(folder: Path, files: tuple[tuple[Path, Any], ...]) -> str:
    """Makes a package for the files of a folder, and returns its name. If a file has changed, the name is another one,
    so that all files are loaded again.
    """
    name = f"archiver_page_objects_{_digest(str(folder.resolve()), str(files))}"
    package = sys.modules.setdefault(name, ModuleType(name))
    package.__path__ = [str(folder)]
    return name


@contextmanager
def _without_bytecode() -> Iterator[None]:
    """Context manager within which imports write no bytecode: the folder may be read-only, and bytecode of a file that
    is changed twice within a second would be taken for that of the new file.
    """
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _digest(*texts: str) -> str:
    return hashlib.blake2b("\0".join(texts).encode(errors="replace"), digest_size=4).hexdigest()


class _InvalidClass(Exception):
    """Raised for a class that cannot be used. `line` is the line of its file; 0 if unknown."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


_MACHINERY = frozenset((__file__, importlib.__file__, importlib.metadata.__file__))


def _broken(file: str, error: BaseException) -> BrokenFile:
    """Returns the file whose import failed: `file`, or a file next to it that it imports."""
    if isinstance(error, SyntaxError) and error.filename:
        path, line, why = error.filename, error.lineno or 0, f"{error.msg[:1].lower()}{error.msg[1:]}"
    else:
        frames = [
            one
            for one in traceback.extract_tb(error.__traceback__)
            if one.filename not in _MACHINERY and not one.filename.startswith("<frozen")
        ]
        folder = Path(file).resolve().parent
        near = [one for one in frames if Path(one.filename).resolve().parent == folder] or frames
        path, line = (near[-1].filename, near[-1].lineno or 0) if near else (file, 0)
        is_own = isinstance(error, _InvalidClass) or traceback.extract_tb(error.__traceback__)[-1].filename == __file__
        why = str(error) if is_own else _one_line(error)
    text = "\n".join(map(_source, dict.fromkeys((path, file))))  # the file that imports the broken one names the hosts
    return BrokenFile(BadPageObject(_shown_path(path), line, why), text)


def _shown_path(path: str) -> str:
    """Returns a path as a person types it here: relative, if the file is below the current folder."""
    absolute = Path(path).resolve()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else path


def _has_patterns(kind: type[PageObject]) -> bool:
    return "url_patterns" in vars(kind)


def _field_of(kind: type[PageObject], name: str) -> field:
    found = (vars(base).get(name) for base in kind.__mro__)
    return next(one for one in found if isinstance(one, field))


def _validated(module: _Module, kind: type[PageObject], shared: Sequence[str]) -> LoadedPageObject:
    """Checks the class `kind` of a loaded file, and returns it as a page object that can be used. `shared` are the
    sources of files without page objects, whose changes also change its version. Raises _InvalidClass with the first
    mistake in the class.
    """
    if not _has_patterns(kind):
        raise _InvalidClass(
            _line_of(kind),
            f'the class {kind.__name__} does not say which pages it is for: write @handle_urls("blog.example.org") '
            "above it",
        )
    names = {
        name
        for base in kind.__mro__
        if issubclass(base, PageObject) and base is not PageObject
        for name, value in vars(base).items()
        if _is_valid_field(kind, name, value)
    }
    if not names:
        raise _InvalidClass(
            _line_of(kind),
            f"the class {kind.__name__} overrides no field: write @field above a method that is named like one of "
            f"{', '.join(EVIDENCE)}",
        )
    digest = _digest(module.source, *shared)
    ordered = tuple(name for name in EVIDENCE if name in names)
    return LoadedPageObject(kind, Path(module.path).name, digest, ordered, vars(kind)["url_patterns"])


def _is_valid_field(kind: type[PageObject], name: str, value: Any) -> bool:
    """Returns True if an attribute (`name`, `value`) of a page object overrides a field; False for any other attribute.
    Raises _InvalidClass for a mistake, such as a method with the name of a field but without `@field`.
    """
    if not isinstance(value, field):
        if name in EVIDENCE and (inspect.isfunction(value) or isinstance(value, property)):
            method: Any = value.fget if isinstance(value, property) else value
            why = f"{kind.__name__}.{name} is named like a field, but is none: write @field above it"
            raise _InvalidClass(field(method).line, why)
        return False
    if name not in EVIDENCE:
        raise _InvalidClass(value.line, f"{kind.__name__}.{name} cannot override a field: {_why_no_field(name)}")
    if inspect.iscoroutinefunction(value.method):
        raise _InvalidClass(value.line, f"{kind.__name__}.{name} is asynchronous: write def, not async def")
    return True


def _why_no_field(name: str) -> str:
    if name in BY_NAME and leading_field(name) != name:
        return f"{name} follows from {leading_field(name)}; override that"
    if name in BY_NAME:
        return f"{name} is not read from the text of a page; the fields are {', '.join(EVIDENCE)}"
    question = did_you_mean(name, EVIDENCE)
    return f"there is no field {name!r}{question}{'?' if question else ''} The fields are {', '.join(EVIDENCE)}"


def _line_of(kind: type[PageObject]) -> int:
    try:
        return inspect.getsourcelines(kind)[1]
    except OSError:
        return 0


def _refuse_second(one: LoadedPageObject, loaded: Sequence[LoadedPageObject]) -> None:
    """Raises _InvalidClass if another page object has one of the patterns of this one."""
    for other in loaded:
        if twice := set(one.patterns) & set(other.patterns):
            pattern = min(map(str, twice))
            raise _InvalidClass(
                _line_of(one.kind),
                f"{one.name} is for {pattern}, as {other.name} in {other.file} is: "
                "give one of them another address, or write both as one class",
            )


def parse_rules(data: bytes, file: str) -> SiteRules:
    """Parses a file with handwritten site rules. Raises BadRules."""
    return from_toml(data.decode("utf-8", errors="replace"), file, by_hand=True, version=Path(file).name)
