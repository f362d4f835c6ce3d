"""Page objects (classes that a person writes for a site, and that override single fields of its articles).

They are in the folder that archiver.toml names in `page_objects`, or in installed packages with an entry point in the
group `archiver.page_objects`. Code in any other place is never run. A file that cannot be used is reported, and stops
only the crawls of the sites that it is for. If a field fails on a page, the article keeps the value that the page
object returned before or, if there is none, the one that was extracted without it. The failure is stored as evidence.
"""

from __future__ import annotations

import hashlib
import importlib
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
from archiver.model.items import PAGE_OBJECT, PAGE_OBJECT_FAILED, Article, Evidence, GeoTag, PageKind, format_degrees
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


class field(cached_property[Any]):
    """Decorator for a method of a page object: its result is the article's field with the method's name. The method is
    called once for each page.
    """

    def __init__(self, method: Callable[[Any], Any] | None = None) -> None:
        if method is None:
            raise TypeError("write @field without parentheses")
        super().__init__(method)


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


_PATTERN = lazy_regex(r"(?:https?://)?(?P<host>(?:\*\.)?[^\s/?#:*]+)(?P<port>:\d+)?(?P<path>/\S*)?", re.IGNORECASE)
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
        if match is None or not match["host"].strip("*."):
            raise ValueError(
                f"{text!r} is not an address: write a host (blog.example.org), a host and the beginning of a path "
                "(example.org/blog), or *.example.org for all hosts below example.org"
            )
        return cls(_plain_host(match["host"]) + (match["port"] or ""), match["path"] or "/")

    @property
    def rank(self) -> tuple[bool, int, int]:
        """A key by which patterns are compared: of several that match an address, the one with the greatest key is the
        narrowest and is used.
        """
        return not self.host.startswith("*"), len(self.host), len(self.path)

    def __str__(self) -> str:
        return (self.host + self.path).rstrip("/")

    def has_host(self, url: str) -> bool:
        """Returns True if the host of a URL is one of the hosts of this pattern, whatever the path."""
        parts = urlsplit(url)
        host = _plain_host(parts.hostname or "")
        if ":" in self.host:
            host += f":{parts.port or ''}"
        return host.endswith(self.host[1:]) if self.host[0] == "*" else host == self.host

    def matches(self, url: str) -> bool:
        parts = urlsplit(url)
        end = "" if self.path.endswith(("/", "*")) else r"(?:[/?#]|$)"
        path = ".*".join(map(re.escape, self.path.split("*")))
        return self.has_host(url) and re.match(path + end, f"{parts.path or '/'}?{parts.query}") is not None


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


class _Unfit(Exception):
    """Raised for a value that the field cannot have. The message says why, and which values it can have."""

    def __init__(self, value: Any, why: str) -> None:
        super().__init__(f"{reprlib.repr(value)} {why}")


def _nodes(value: Any) -> list[Any]:
    """Returns a value as a list, with the elements and strings of parsel's selectors in place of the selectors."""
    if isinstance(value, Selector):
        return [value.root]
    if isinstance(value, str | bytes | Mapping | GeoTag | Element) or not isinstance(value, Iterable):
        return [value]
    return [node for one in value for node in _nodes(one)]


def _storable(text: str) -> str:
    """Returns a text without half surrogates, which cannot be stored, and as a plain str: lxml's strings keep the tree
    of their page in memory.
    """
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _line(value: Any) -> str:
    if isinstance(value, str):
        return clean_text(_storable(value))
    if isinstance(value, Element):
        return element_line(value)
    raise _Unfit(value, "is not a text: return a string, a selector or an element")


def _read_text(name: str, value: Any, page: Page) -> Values:
    first = next(iter(_nodes(value)), "")
    text = _line(first)
    if text and BY_NAME[name].address and not (text := page.join(text)):
        raise _Unfit(first, "is not an address")
    if text and name == "language" and not (text := language_tag(text)):
        raise _Unfit(first, "is not a language: return a tag such as 'en' or 'pt-BR'")
    if text and name == "access" and text not in ACCESS:
        raise _Unfit(first, f"is not an access: return {', '.join(map(repr, ACCESS))} or None")
    return {name: text}


def _read_texts(name: str, value: Any, page: Page) -> Values:
    lines = filter(None, map(_line, _nodes(value)))
    found: dict[str, str] = {}
    for line in lines:
        found.setdefault(fold_text(line) or line, line)
    return {name: tuple(found.values())}


def _read_time(name: str, value: Any, page: Page) -> Values:
    first = next(iter(_nodes(value)), "")
    moment = _moment(first, page)
    try:
        if moment is not None:
            moment.at.astimezone(UTC)  # some hours of the years 1 and 9999 cannot be stored
    except OverflowError:
        moment = None
    if moment is None and first != "":
        raise _Unfit(first, "is not a date: return a datetime, ISO 8601, or the date as the page shows it")
    return {name: moment and moment.at} | {
        one: moment and moment.precision for one in (f"{name}_precision",) if one in BY_NAME
    }


def _moment(value: Any, page: Page) -> Moment | None:
    if isinstance(value, datetime):
        return Moment(value if value.tzinfo else value.replace(tzinfo=UTC), "second", value.tzinfo is not None)
    if isinstance(value, date):
        return Moment(datetime.combine(value, time(), UTC), "day", False)
    if page.decided_date_language is None:
        month_first, day_first = (_written_date(value, language) for language in ("en-US", "en-GB"))
        if month_first and day_first and month_first.at != day_first.at:
            why = "is two dates, and nothing on the page says which number is the month: return a datetime or ISO 8601"
            raise _Unfit(_line(value), why)
    return _written_date(value, page.date_language)


def _written_date(value: Any, language: str) -> Moment | None:
    if isinstance(value, str):
        return machine_date(value) or visible_date(value, language, True)
    return date_of_element(value, language)[0] if isinstance(value, Element) else None


def _read_places(name: str, value: Any, page: Page) -> Values:
    is_pair = isinstance(value, Sequence) and len(value) == 2 and all(isinstance(one, int | float) for one in value)
    is_many = isinstance(value, Iterable) and not isinstance(value, str | Mapping | Selector | Element)
    return {name: tuple(map(_place, value if is_many and not is_pair else [value]))}


def _place(value: Any) -> GeoTag:
    fields: Any = value
    if isinstance(value, str | Selector | Element):
        fields = {"placename": _line(*_nodes(value))}
    elif isinstance(value, Sequence) and len(value) == 2:
        fields = {"latitude": value[0], "longitude": value[1]}
    try:
        place = GeoTag(**{"latitude": None, "longitude": None, **fields}) if isinstance(fields, Mapping) else fields
        texts = {name: _line(getattr(place, name)) for name in ("placename", "region", "role")}
        north, east = place.latitude, place.longitude
        if texts["placename"] if north is None or east is None else abs(north) <= 90 and abs(east) <= 180:
            return replace(place, source=PAGE_OBJECT, **texts)
    except (TypeError, AttributeError):
        pass
    raise _Unfit(value, "is not a place: return its name, (latitude, longitude) in degrees, or a dict as of a geo-tag")


def _read_body(name: str, value: Any, page: Page, title: str = "") -> Values:
    parts = _nodes(value)
    lines = ["\n".join(map(_line, one.splitlines() if isinstance(one, str) else [one])) for one in parts]
    if len(parts) == 1 and isinstance(top := parts[0], Element) and top.getroottree().getroot() is page.root:
        rendered = render_container(page, Post(page, body=top, holder=top), top, title, BylineBlock())
    elif any(isinstance(one, Element) or _MARKUP.fullmatch(one) for one in parts):
        rendered = body_of_html("\n".join(map(_html, parts)), page.url, title)
    else:
        return {name: tidy_body(re.sub(r"\n{3,}", "\n\n", "\n\n".join(lines))), "markup": (), "captions": ()}
    markup = rendered.markup(rendered.text)
    return {name: rendered.text, "markup": markup, "captions": captions_of(markup)}


def _html(part: Any) -> str:
    if isinstance(part, Element):
        return etree.tostring(part, encoding="unicode", method="html", with_tail=False)
    return part if _MARKUP.fullmatch(part) else f"<p>{part.replace('&', '&amp;').replace('<', '&lt;')}</p>"


_READERS: dict[str, Callable[..., Values]] = {
    "text": _read_text,
    "texts": _read_texts,
    "time": _read_time,
    "geotags": _read_places,
}
"""For each shape of a field, the function that converts what a page object returns to attributes of an article. An
empty value means that the page object found nothing."""


def _read_field(page_object: PageObject, name: str) -> tuple[Values, list[str]]:
    """Returns the attributes of an article that a page object overrides by a field, and what its evidence shows. There
    are none if the page object found nothing. Raises _Unfit, and whatever the page object raises.
    """
    value = getattr(page_object, name)
    if value is None:
        return {}, []
    if value is EMPTY:
        plain = Article(url="")
        return {one: getattr(plain, one) for one in PAGE_FIELDS if leading_field(one) == name}, [""]
    if BY_NAME[name].choice == "text":
        values = _read_body(name, value, page_object.page, page_object.article.title)
        shown = [f"{len(values[name])} characters"]
    else:
        values = _READERS[BY_NAME[name].shape](name, value, page_object.page)
        found = values[name] if BY_NAME[name].choice in _COLLECTED else [values[name]]
        shown = [_shown(one)[:300] for one in found]
    return (values, shown) if values[name] else ({}, [])


_COLLECTED = ("collected", "places")


def _shown(value: Any) -> str:
    if isinstance(value, GeoTag):
        degrees = [one for one in (value.latitude, value.longitude) if one is not None]
        return " ".join(filter(None, (format_degrees(*degrees, between=", "), value.placename, value.region)))
    if isinstance(value, datetime):
        return value.isoformat()
    return ", ".join(value) if isinstance(value, tuple) else str(value)


# All page objects.


@dataclass(frozen=True, slots=True)
class LoadedPageObject:
    """A page object that can be used. `file` is the name of its file, `digest` a digest of its source, and `fields` the
    names of the fields that it overrides, in the order of the field table.
    """

    kind: type[PageObject]
    file: str
    digest: str
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.kind.__name__

    @property
    def patterns(self) -> tuple[URLPattern, ...]:
        return self.kind.url_patterns

    @property
    def version(self) -> str:
        """Its name and the digest of its source, as the extractor of an article names it: "HarbourPost@1a2b3c4d"."""
        return f"{self.name}@{self.digest}"


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file with page objects that cannot be used. `text` is its source code."""

    error: BadPageObject
    text: str

    def concerns(self, host: str, used: Collection[str] = ()) -> bool:
        """Returns True if the file is for the site at this host (with its port, if it has one): it contains the name of
        the host or of a domain above it, without a port or with this one, or defines one of the page objects that were
        `used` for the site's articles.
        """
        name, _, port = host.partition(":")
        labels = _plain_host(name).split(".")
        names = "|".join(re.escape(".".join(labels[n:])) for n in range(max(len(labels) - 1, 1)))
        found = re.finditer(rf"(?<![\w-])(?<!\w\.)(?:www\.|\*\.)?(?:{names})(?![\w-]|\.\w)(?::(\d+))?", self.text)
        return any(one[1] in (None, port) for one in found) or any(
            re.search(rf"\bclass {one}\b", self.text) for one in used
        )


class PageObjects:
    """All page objects, and the files that cannot be used."""

    def __init__(self, loaded: Sequence[LoadedPageObject] = (), broken: Sequence[BrokenFile] = ()) -> None:
        self.loaded, self.broken = tuple(loaded), tuple(broken)
        self._reported: set[tuple[str, str]] = set()

    @property
    def digest(self) -> str:
        """A digest of all page objects; "" if there are none."""
        return _digest(*(one.version for one in self.loaded)) if self.loaded else ""

    def check(self, host: str = "", used: Collection[str] = ()) -> None:
        """Raises BadPageObject for the first file that cannot be used, of those that are for the site with this host or
        of all files if no host is given. `used` are the names of the page objects that have read the site's articles.
        """
        for one in self.broken:
            if not host or one.concerns(host, used):
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
        values: Values = {}
        evidence: list[Evidence] = []
        page_object: PageObject | None = None
        # The body is read last: a page object may drop elements for it that other fields are read from.
        for name in sorted(found.fields, key=lambda name: BY_NAME[name].choice == "text"):
            if is_part and BY_NAME[name].choice != "text":
                continue
            try:
                page_object = page_object or found.kind(page, article)
                changed, shown = _read_field(page_object, name)
            except Exception as error:
                # The class is the user's, and any error in it must not lose the post.
                evidence.append(self._failure(found, page.url, name, error))
                continue
            values |= changed
            where = f"{found.name}, {found.file}:{_line_of(found.kind, name)}"
            evidence += [Evidence(name, text, PAGE_OBJECT, where, 1.0) for text in shown]
        kept = [e for e in article.evidence if not (e.field in values and BY_NAME[e.field].choice in _COLLECTED)]
        read_by = f"{article.read_by} + {found.version}" if article.read_by else found.version
        return replace(article, **values, evidence=(*evidence, *kept), read_by=read_by)

    def _failure(self, found: LoadedPageObject, url: str, name: str, error: Exception) -> Evidence:
        """Returns the evidence of a failure. The first failure of each field is logged."""
        own = inspect.getsourcefile(found.kind)
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
        line = next((n for n in reversed(lines) if n), _line_of(found.kind, name))
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
    is_used = article.kind is PageKind.POST
    return "" if is_used else f"{used.name} is not used: the page is not a post ({article.kind_rule})"


def _one_line(error: BaseException) -> str:
    """Returns an exception as one line. The exception may be the user's, and its text may fail, too."""
    return _storable(" ".join("".join(traceback.format_exception_only(error)).split()))


def _digest(*texts: str) -> str:
    return hashlib.blake2b("\0".join(texts).encode(errors="replace"), digest_size=4).hexdigest()


# Loading.


def load_page_objects() -> PageObjects:
    """Loads the page objects of the folder in archiver.toml and of the installed packages. The files are loaded again
    only if one of them has changed.

    Raises BadPageObject if there is no such folder, and the errors of `load_config`. Files that cannot be used are in
    the result.
    """
    folder = load_config().page_objects
    return _load(folder, _files(Path(folder)) if folder else (), installed_page_objects())


@lru_cache(maxsize=1)
def installed_page_objects() -> tuple[EntryPoint, ...]:
    """Returns the entry points of the installed packages with page objects, without loading them."""
    return tuple(entry_points(group=GROUP))


def _files(folder: Path) -> tuple[tuple[Path, int, int], ...]:
    """Returns the Python files in a folder, without tests, each with the time of its last change and its size."""
    try:
        found = sorted(one for one in folder.iterdir() if one.suffix == ".py" and one.is_file())
        own = [one for one in found if not one.name.startswith(("test_", "conftest", "__init__"))]
        return tuple((one, one.stat().st_mtime_ns, one.stat().st_size) for one in own)
    except OSError as error:
        why = f"the folder cannot be read ({error.strerror}); archiver.toml names it in page_objects"
        raise BadPageObject(str(folder), 0, why) from error


@lru_cache(maxsize=4)
def _load(folder: str, files: tuple[tuple[Path, int, int], ...], installed: tuple[EntryPoint, ...]) -> PageObjects:
    # All files of the folder are modules of one package, so that they can import one another. If a file has changed,
    # the package has another name, so that all files are loaded again.
    package = f"archiver_page_objects_{_digest(folder, str(files))}"
    sys.modules.setdefault(package, ModuleType(package)).__path__ = [str(Path(folder).resolve())]
    importlib.invalidate_caches()
    named = {str(file): f"{package}.{file.stem}" for file, *_ in files}
    entries = {f"the entry point {one.name} = {one.value}": one for one in installed}
    found: list[tuple[str, str, list[type[PageObject]]]] = []
    broken: list[BrokenFile] = []
    for file in (*named, *entries):
        try:
            with _without_bytecode():
                found.append(_classes_of_entry(entries[file]) if file in entries else _classes_of(named[file]))
        except (Exception, SystemExit) as error:
            # The file is the user's, and its errors must not stop the crawls of other sites.
            broken.append(_broken(file, error))
    bases = {base for _, _, kinds in found for kind in kinds for base in kind.__mro__[1:]}
    shared = [source for _, source, kinds in found if not any(map(_has_patterns, kinds))]
    loaded: list[LoadedPageObject] = []
    for path, source, kinds in found:
        try:
            digest = _digest(source, *shared)
            mine = [kind for kind in kinds if _has_patterns(kind) or kind not in bases]
            loaded += [_validated(kind, Path(path).name, digest, loaded) for kind in mine]
        except _InvalidClass as error:
            broken.append(BrokenFile(BadPageObject(_shown_path(path), error.line, str(error)), source))
    return PageObjects(loaded, broken)


def _classes_of(name: str) -> tuple[str, str, list[type[PageObject]]]:
    """Imports a module. Returns the path of its file, its source and its page objects."""
    module = importlib.import_module(name)
    kinds = (one for one in vars(module).values() if inspect.isclass(one) and issubclass(one, PageObject))
    path = inspect.getsourcefile(module) or name
    return path, _source(path), [one for one in dict.fromkeys(kinds) if one.__module__ == name]


def _classes_of_entry(entry: EntryPoint) -> tuple[str, str, list[type[PageObject]]]:
    """Loads an entry point, which names a module or a class. Returns the same as `_classes_of`."""
    path, source, kinds = _classes_of(entry.module)
    found = entry.load()
    if inspect.ismodule(found):
        return path, source, kinds
    if not inspect.isclass(found) or not issubclass(found, PageObject):
        raise _InvalidClass(0, f"{entry.value} is neither a module nor a subclass of archiver.PageObject")
    return path, source, [found]


def _source(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


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


class _InvalidClass(Exception):
    """Raised for a class that cannot be used. `line` is the line of its file; 0 if unknown."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def _broken(file: str, error: BaseException) -> BrokenFile:
    """Returns the file whose import failed: `file`, or a file next to it that it imports."""
    frames = [(one.filename, one.lineno or 0) for one in traceback.extract_tb(error.__traceback__)]
    own = [one for one in frames if Path(one[0]).parent == Path(file).resolve().parent]
    (path, line), why = (own or [(file, 0)])[-1], _one_line(error)
    if isinstance(error, SyntaxError) and error.filename:
        path, line, why = error.filename, error.lineno or 0, f"{error.msg[:1].lower()}{error.msg[1:]}"
    elif isinstance(error, _InvalidClass) or frames[-1][0] == __file__:
        why = str(error)
    text = "\n".join(map(_source, dict.fromkeys((path, file))))  # the file that imports the broken one names the hosts
    return BrokenFile(BadPageObject(_shown_path(path), line, why), text)


def _shown_path(path: str) -> str:
    """Returns a path as a person types it here: relative, if the file is below the current folder."""
    absolute = Path(path).resolve()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else path


def _has_patterns(kind: type[PageObject]) -> bool:
    return "url_patterns" in vars(kind)


def _attribute(kind: type[PageObject], name: str) -> Any:
    return next(vars(base)[name] for base in kind.__mro__ if name in vars(base))


def _line_of(kind: type[PageObject], name: str = "") -> int:
    """Returns the line of a class, or of its method with this name; 0 if unknown."""
    found: Any = _attribute(kind, name) if name else kind
    try:
        return inspect.getsourcelines(getattr(found, "func", None) or getattr(found, "fget", None) or found)[1]
    except (OSError, TypeError):
        return 0


def _validated(kind: type[PageObject], file: str, digest: str, loaded: Sequence[LoadedPageObject]) -> LoadedPageObject:
    """Returns a class as a page object that can be used. Raises _InvalidClass with its first mistake, such as a method
    with the name of a field but without `@field`, or an address that one of the `loaded` has, too.
    """
    names = {name for base in kind.__mro__ if issubclass(base, PageObject) for name in vars(base)} - set(
        dir(PageObject)
    )
    fields = {name for name in names if isinstance(_attribute(kind, name), field)}
    if not _has_patterns(kind):
        why = 'does not say which pages it is for: write @handle_urls("blog.example.org") above it'
        raise _InvalidClass(_line_of(kind), f"the class {kind.__name__} {why}")
    for name in sorted(names):
        found = _attribute(kind, name)
        if name in EVIDENCE and name not in fields and (inspect.isfunction(found) or isinstance(found, property)):
            why = "is named like a field, but is none: write @field above it"
        elif name in fields and name not in EVIDENCE:
            why = f"cannot override a field: {_why_no_field(name)}"
        elif name in fields and inspect.iscoroutinefunction(found.func):
            why = "is asynchronous: write def, not async def"
        else:
            continue
        raise _InvalidClass(_line_of(kind, name), f"{kind.__name__}.{name} {why}")
    if not fields:
        why = f"overrides no field: write @field above a method that is named like one of {', '.join(EVIDENCE)}"
        raise _InvalidClass(_line_of(kind), f"the class {kind.__name__} {why}")
    one = LoadedPageObject(kind, file, digest, tuple(name for name in EVIDENCE if name in fields))
    for other in loaded:
        if twice := set(one.patterns) & set(other.patterns):
            raise _InvalidClass(
                _line_of(kind),
                f"{one.name} is for {min(map(str, twice))}, as {other.name} in {other.file} is: "
                "give one of them another address, or write both as one class",
            )
    return one


def _why_no_field(name: str) -> str:
    if name in BY_NAME and leading_field(name) != name:
        return f"{name} follows from {leading_field(name)}; override that"
    if name in BY_NAME:
        return f"{name} is not read from the text of a page; the fields are {', '.join(EVIDENCE)}"
    question = did_you_mean(name, EVIDENCE)
    return f"there is no field {name!r}{question}{'?' if question else ''} The fields are {', '.join(EVIDENCE)}"


def parse_rules(data: bytes, file: str) -> SiteRules:
    """Parses a file with handwritten site rules. Raises BadRules."""
    return from_toml(data.decode("utf-8", errors="replace"), file, by_hand=True, version=Path(file).name)
