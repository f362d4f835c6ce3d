"""Decodes and parses a page for all modules of extraction, limits how much of a page is parsed, and recognizes pages
that are empty unless JavaScript runs.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from html import unescape
from itertools import chain, islice
from urllib.parse import urljoin, urlsplit

from lxml import etree
from lxml.etree import _Element as Element
from parsel import Selector, SelectorList
from w3lib.encoding import http_content_type_encoding, read_bom, resolve_encoding

from archiver.extraction.date_parser import url_date
from archiver.extraction.metadata import PageMetadata
from archiver.extraction.normalization import clean_text, element_line, has_text, write_formulas
from archiver.extraction.site_rules import SiteConstants
from archiver.model.errors import BadRules
from archiver.model.items import Evidence
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import IN_FOLDER, folder_of, folder_path, normalize
from archiver.platforms import Platform, by_name, detect_platform
from archiver.platforms.selector_index import Found, Index

# Limits. If a page is badly broken, or was built to be slow to parse, only its beginning is parsed.

LARGE = 400_000
"""The parts of a page are checked against the limits below only if its source has more characters than this. No part of
a smaller page can be too large."""
MAX_TAGS = 40_000
MAX_DEPTH = 120
"""Elements are nested at most this deep. Deeper elements are replaced by their text, since selectors walk through all
ancestors."""
MAX_TEXT = 1_500_000
"""All text nodes together have at most this many characters."""
MAX_RUN = 300_000
"""One text node has at most this many characters."""
MAX_ATTRIBUTES = 500
MAX_VALUE = 20_000
"""An attribute has at most this many characters. A longer one is data (an image, a program's state), not a class or a
name."""
MAX_CLASSES, CUT_CLASS = 500_000, 60
"""All class attributes together have at most `MAX_CLASSES` characters. Once this limit is reached, each further class
attribute is cut to `CUT_CLASS` characters."""

_UNREAD = frozenset({"script", "style"})
_QUOTED = """(?:"[^"]*+"|'[^']*+')"""
# Matches source code with tags of ordinary length, and reads each character only once (HTML, section 13.2.5). Quotation
# marks count only after "="; scripts and comments are skipped. If the match ends before the source does, a tag with
# very many attributes may follow.
_INSIDE = rf"(?:[^>=]{{1,20}}+(?:={_QUOTED})?+|=\s*+{_QUOTED}?){{0,750}}+(?:>|$)"
_RAW_NAMES = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
_RAW = "|".join(rf"(?i:{name})\b{_INSIDE}(?:[^<]++|<(?!/(?i:{name})))*+" for name in _RAW_NAMES)
# A comment ends at "-->" or "--!>"; "<!-->" and "<!--->" are complete comments.
_COMMENT = r"!--(?!-?>)(?:[^-]++|-(?!-!?>))*+"
_TAGS = "|".join(  # the commonest ones first: end tags, and start tags whose first letter no name in _RAW_NAMES has
    (
        r"/[a-zA-Z][a-zA-Z0-9]*+>",
        rf"[a-hj-mo-ru-wyzA-HJ-MO-RU-WYZ]{_INSIDE}",
        _COMMENT,
        rf"(?=[sStTxXiInN])(?:{_RAW})",
        rf"/?[a-zA-Z]{_INSIDE}",
        "(?!/?[a-zA-Z])",
    )
)
_ORDINARY = lazy_regex(rf"[^<]*+(?:<(?:{_TAGS})[^<]*+)*+")
_ATTRIBUTE = rf"""[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:{_QUOTED}|[^\s>"'][^\s>]*+)?)?"""
# Matches tags and splits their attributes as a browser does, which is slower.
_TAG = lazy_regex(
    rf"""<!--(?:-?>|.*?--!?>|.*+)|<(?:(?P<raw>{"|".join(_RAW_NAMES)})\b|/?[a-zA-Z][^\s/>]*+)(?P<all>(?:{_ATTRIBUTE})*+)"""
    r"""(?P<after>(?(raw)[\s/]*+>(?:.*?</(?P=raw)|.*+)|))""",
    re.DOTALL | re.IGNORECASE,
)
_ONE = lazy_regex(_ATTRIBUTE)


def cut_source(text: str) -> str:
    """Returns HTML source with at most MAX_TAGS tags, each with at most MAX_ATTRIBUTES attributes.

    The parser's time grows with the square of the number of attributes of an element: it takes minutes for 100,000.
    """
    if (ordinary := _ORDINARY.match(text)) is None or ordinary.end() < len(text):
        text = _TAG.sub(_limit_attributes, text)
    if len(text) < MAX_TAGS * 2 or text.count("<") <= MAX_TAGS:
        return text
    at = -1
    for _ in range(MAX_TAGS):
        at = text.find("<", at + 1)
    return text[:at]


def _limit_attributes(tag: re.Match[str]) -> str:
    given = tag["all"] or ""
    if len(given) < MAX_ATTRIBUTES * 2:
        return tag[0]
    found = list(islice(_ONE.finditer(given), MAX_ATTRIBUTES + 1))
    if len(found) <= MAX_ATTRIBUTES:
        return tag[0]
    return tag[0][: tag.start("all") - tag.start()] + given[: found[-1].start()] + tag["after"]


_END_OF_DOCUMENT = lazy_regex("</html[^>]*>", re.IGNORECASE)
"""libxml2 leaves out what follows this tag; a browser puts it into the body (HTML standard, section 13.2.6.4.19)."""
_TOO_DEEP = etree.XPath("/*" * MAX_DEPTH)


def flatten(root: Element) -> None:
    """Replaces elements that are nested deeper than MAX_DEPTH by their text, in place."""
    found: list[Element] = _TOO_DEEP(root)  # type: ignore[assignment]
    for el in found:
        text = " ".join(str(t) for t in el.itertext() if t.strip())
        del el[:]
        el.text = _remove_unfit(text)


_LONG_VALUES = etree.XPath(f"//*[@*[string-length() > {MAX_VALUE}]]")


def bound_page(root: Element, size: int) -> None:
    """Shortens attributes and texts in the tree of a large page to the limits of this module, in place.

    `size` is the number of characters in the page's source.
    """
    # The totals of a small page are within the limits, so only its single values and texts can be too long.
    few = size <= min(MAX_CLASSES, MAX_TEXT)
    some: Iterable[Element] = _LONG_VALUES(root) if few else root.iter("*")  # type: ignore[assignment]
    classes = MAX_CLASSES
    for el in some:
        for name, value in el.attrib.items():
            most = CUT_CLASS if name == "class" and classes <= 0 else MAX_VALUE
            if len(value) > most:
                el.set(name, _remove_unfit(value[:most]))
            if name == "class":
                classes -= min(len(value), most)
    room, fitting = MAX_TEXT, MAX_RUN if few else 0
    for el in root.iter("*"):
        if (text := el.text) and len(text) > fitting and el.tag not in _UNREAD:
            room = _cut_text(el, "text", text, room)
        if (tail := el.tail) and len(tail) > fitting:
            room = _cut_text(el, "tail", tail, room)


def _cut_text(el: Element, where: str, value: str, room: int) -> int:
    most = max(min(room, MAX_RUN), 0)
    if len(value) > most:
        setattr(el, where, _remove_unfit(value[:most]))
    return room - min(len(value), most)


def _remove_unfit(text: str | bytes) -> str:
    """Returns a text without characters that lxml does not accept. Entities in the source can produce them."""
    return UNFIT.sub("", str(text))


_AMP_TAGS = {
    "amp-img": "img", "amp-anim": "img", "amp-video": "video", "amp-audio": "audio", "amp-iframe": "iframe",
    "amp-youtube": "iframe",
}  # fmt: skip


def replace_amp_elements(index: Index) -> bool:
    """Replaces the images, recordings and frames of an AMP page by the corresponding HTML elements, in place. Returns
    True if the page has any; its index is then outdated.
    """
    found = index.tag(*_AMP_TAGS)
    for el in found:
        if video := el.get("data-videoid"):
            el.set("src", f"https://www.youtube.com/embed/{video}")
        el.tag = _AMP_TAGS[str(el.tag)]
        if el.tag == "img":
            del el[:]  # the image for browsers without scripts
            el.text = None
    return bool(found)


_SIDENOTES = ("sidenote", "marginnote", "side-note", "margin-note")
"""Classes of notes that a page shows in its margin. In the source, they are within the sentence to which they belong
(Tufte CSS and others)."""
_AROUND_SIDENOTES = ("p", "h1", "h2", "h3", "h4", "h5", "h6")


def move_sidenotes(index: Index) -> bool:
    """Moves notes in the margin out of the sentences that contain them: each becomes a paragraph of its own after the
    paragraph. Changes the page in place. Returns True if the page has any; its index is then outdated.
    """
    moved: dict[Element, Element] = {}
    for el in chain.from_iterable(map(index.with_class, _SIDENOTES)):
        around = next(el.iterancestors(*_AROUND_SIDENOTES), None)
        before = el.getprevious()
        parent = el.getparent()
        if around is None or parent is None or el.tag not in ("span", "small", "aside") or not has_text(el):
            continue
        label = next(el.itersiblings("label", preceding=True), None)
        toggle = label.getnext() if label is not None else None
        if label is not None and toggle is not None and toggle.get("id") == label.get("for"):
            label.text = None  # the sign that opens the note on a small screen
        if before is not None:
            before.tail = (before.tail or "") + (el.tail or "")
        else:
            parent.text = (parent.text or "") + (el.tail or "")
        el.tail = None
        parent.remove(el)
        el.tag = "p"
        moved.get(around, around).addnext(el)
        moved[around] = el
    return bool(moved)


# The page.

# On sites with a two-letter top-level domain, the day precedes the month. These domains are exceptions: those that are
# used worldwide, and .us.
_GENERIC_COUNTRY_CODES = frozenset(("us", "io", "co", "ai", "tv", "me", "cc", "ly", "to", "gg", "fm", "so", "sh", "la"))
_NUMBERS = lazy_regex(r"(?<![\d/-])(\d{1,2})[/-](\d{1,2})[/-]((?:19|20)\d{2})(?![\d/-])")
_ENGLISH, _ENGLISH_LENGTH, _ENGLISH_WORDS = (" the ", " and ", " of "), 100_000, 8
"""A page without a declared language is in English if each of the words `_ENGLISH` occurs `_ENGLISH_WORDS` times in the
first `_ENGLISH_LENGTH` characters."""
_LANG = ("lang", "{http://www.w3.org/XML/1998/namespace}lang", "xml:lang")
_LANGUAGE_METAS = ("og:locale", "content-language", "language", "dc.language")
_EMPTY = "<html><head></head><body></body></html>"


_FROM_ROOT, _WEB = re.compile(r"/(?!/)|(?:https?:)?//[^/?#\s]"), ("http", "https")
"""`_FROM_ROOT` matches the beginning of an address that does not depend on the path of the page with the link. `_WEB`
are the schemes that such a page may have."""


class Page:
    """A parsed page: `root` is its <html> element, `text` its decoded source, and `url` the address from which it was
    fetched.

    `captured_at` (aware) is when the page was fetched, None if unknown. Relative dates such as "3 hours ago" are
    counted back from it. `constants` are values that belong to the site and not to a single post. Each attribute is
    computed at most once and never changes.
    """

    def __init__(self, root: Element, decoded: DecodedText, url: str, captured_at: datetime | None = None) -> None:
        self.root, self.decoded, self.url, self.captured_at = root, decoded, url, captured_at
        self.text, self.encoding = decoded.text, decoded.encoding
        self.constants = SiteConstants()
        self.names: tuple[SiteConstants, list[str]] | None = None  # see `title.site_names`
        self._joined: dict[str, str] = {}

    @cached_property
    def index(self) -> Index:
        index = Index(self.root)
        is_changed = [change(index) for change in (write_formulas, replace_amp_elements, move_sidenotes)]
        return Index(self.root) if any(is_changed) else index

    @property
    def selector(self) -> Selector:
        """The page as a parsel selector, like `response.selector` in Scrapy."""
        return self.index.selector

    def css(self, query: str) -> SelectorList[Selector]:
        """Returns the nodes that match a CSS query, like `response.css()` in `scrapy shell`."""
        return self.selector.css(query)

    def xpath(self, query: str) -> SelectorList[Selector]:
        """Returns the nodes that match an XPath query, like `response.xpath()` in `scrapy shell`."""
        return self.selector.xpath(query)

    def ask(self, selector: str) -> list[Found]:
        """Returns the elements and strings that a CSS or XPath selector of the site's rules finds on the page, as
        parsel does.

        Raises BadRules for an XPath that fails only when it is evaluated on a node, such as `//p[count('x')]`.
        """
        try:
            return self.index.by_parsel(selector)
        except ValueError as error:
            raise BadRules(self.hosts[0], f"on {self.url} parsel cannot evaluate {selector!r}: {error}") from None

    @cached_property
    def data(self) -> PageMetadata:
        return PageMetadata(self.index)

    @cached_property
    def platform(self) -> Platform:
        return detect_platform(self.index, self.data.meta_first("generator"))

    def without_rules(self) -> Page:
        """Returns the same page without what a site's rules set, its platform and its constants, so that it can be
        extracted with other rules. The tree and what was read from it are shared.
        """
        _ = self.index
        page = copy(self)
        page.constants, page.names = SiteConstants(), None
        page.__dict__.pop("platform", None)
        return page

    def assume(self, platform: str) -> None:
        """Sets the page's platform to the one that the site's rules name, unless a platform has already been
        detected.
        """
        self.__dict__.setdefault("platform", by_name(platform))

    @cached_property
    def body_classes(self) -> tuple[str, ...]:
        """The classes of <body> and <html>, with which many platforms mark the kind of a page."""
        found = [e.get("class") or "" for tag in ("body", "html") for e in self.index.tag(tag)[:1]]
        return tuple(" ".join(found).split())

    @cached_property
    def main_content(self) -> Element | None:
        """The element that the page marks as its main content; None if the page marks none, or if the marked element is
        empty.
        """
        found = (e for rule in ("main", "[role=main]") for e in self.index.select(rule))
        return next((e for e in found if has_text(e) or e.find(".//img") is not None), None)

    @cached_property
    def base(self) -> str:
        for el in self.index.tag("base")[:1]:
            return self.join_raw(self.url, el.get("href") or "") or self.url
        return self.url

    @staticmethod
    def join_raw(base: str, href: str) -> str:
        try:
            return urljoin(base, href.strip())
        except ValueError:
            return ""

    def join(self, href: str | None) -> str:
        """Returns the address `href` on the page as an absolute, normalized URL; "" if the address is missing (None) or
        invalid.
        """
        if not href:
            return ""
        url = self._joined.get(href)
        if url is None:
            base = self._shared_base(href)
            url = self._joined[href] = _join(href, base) if base else normalize(href, self.base) or ""
        return url

    def _shared_base(self, href: str) -> str:
        """Returns the address of the home page or of a folder, relative to which `href` leads to the same page as on
        this page; "" if there is none.
        """
        if not href.isprintable():
            return ""
        return self._root if _FROM_ROOT.match(href) else self._folder if IN_FOLDER.match(href) else ""

    @cached_property
    def _root(self) -> str:
        """The address of the home page on the host to which relative links lead; "" if it is not known."""
        try:
            parts = urlsplit(self.base)
        except ValueError:
            return ""
        return f"{parts.scheme}://{parts.netloc}/" if parts.scheme in _WEB and parts.netloc else ""

    @cached_property
    def _folder(self) -> str:
        return folder_of(self.base) if self._root else ""

    @cached_property
    def canonical(self) -> str:
        """The address that the page declares as its own (rel=canonical, or else og:url), normalized; "" if it declares
        none.
        """
        for el in self.index.select("link[rel~=canonical]"):
            if url := self.join(el.get("href")):
                return url
        return self.join(self.data.meta_first("og:url"))

    @cached_property
    def addresses(self) -> set[str]:
        """The page's own addresses (fetched, canonical, og:url), without fragment and final slash. They show which
        article in the metadata is the page's own.
        """
        return {
            u.partition("#")[0].rstrip("/")
            for u in (self.url, self.canonical, self.join(self.data.meta_first("og:url")))
            if u
        }

    @cached_property
    def hosts(self) -> tuple[str, str, tuple[str, ...]]:
        """A tuple of the page's host, the host of its canonical address (both without "www."), and the beginnings of
        all addresses on these hosts, such as "https://www.example.org/".
        """
        own, canonical = (_host(url).removeprefix("www.") for url in (self.url, self.canonical or self.url))
        beginnings = (
            f"{scheme}//{www}{host}/"
            for scheme in ("https:", "http:", "")
            for www in ("", "www.")
            for host in dict.fromkeys((own, canonical))
            if host
        )
        return own, canonical, tuple(beginnings)

    @cached_property
    def path(self) -> str:
        """The path of the page's address, without the name of an index file such as index.html."""
        return folder_path(urlsplit(self.url).path or "/")

    @cached_property
    def text_length(self) -> int:
        """The number of characters of text on the page, without scripts and styles."""
        excluded = 0
        for el in chain.from_iterable(map(self.index.tag, ("script", "style", "noscript", "template"))):
            excluded += len((el.text or "").strip()) + len((el.tail or "").strip())
        return self.index.text_length(self.root) - excluded

    @cached_property
    def head_title(self) -> str:
        for el in self.index.tag("title"):
            parent = el.getparent()
            if parent is None or parent.tag != "svg":
                return element_line(el)
        return ""

    @property
    def language(self) -> str | None:
        """The BCP 47 tag that the page declares (<html lang>, og:locale, content-language, inLanguage); None if the
        page declares none.
        """
        return self.declared_languages[0][0] if self.declared_languages else None

    @cached_property
    def declared_languages(self) -> tuple[tuple[str, str, str], ...]:
        """The declared languages as BCP 47 tags, most trusted first, each with the source that declares it and the
        locator of the tag in that source.
        """
        given = [(self.root.get(name), "head", "html[lang]") for name in _LANG]
        given += [(e.get("lang"), "head", "body[lang]") for e in self.index.tag("body")[:1]]
        given += [(v, "meta", name) for name in _LANGUAGE_METAS for v in self.data.meta(name)]
        given += [
            (t, "json-ld", "inLanguage") for n in self.data.articles()[:1] for t in self.data.texts(n, "inLanguage")
        ]
        return tuple((tag, source, locator) for value, source, locator in given if (tag := language_tag(value)))

    @cached_property
    def date_language(self) -> str:
        """The page's language as a BCP 47 tag; "" if unknown. For English, the tag includes a country, which decides
        the order of day and month in 3/4/2021. It is the United States, unless something on the page shows another
        order.
        """
        if (decided := self.decided_date_language) is not None:
            return decided
        return "en-US" if self.language or self._is_in_english() else ""

    @cached_property
    def decided_date_language(self) -> str | None:
        """The page's language as a BCP 47 tag; None if it is unknown whether 3/4/2021 is in March or April.

        In English, this depends on the country. It is decided by an unambiguous date on the page, by a date in the
        month of the page's address, by the declared country, or by the country of the page's host, in this order.
        """
        language = self.language or ""
        if language and language != "en" and not language.startswith("en-"):
            return language
        for text, _ in self.index.texts.values():
            if text and 7 < len(text) < 60 and ("/" in text or "-" in text) and (m := _NUMBERS.search(text)):
                first, second = int(m[1]), int(m[2])
                if first <= 12 < second <= 31:
                    return "en-US"
                if second <= 12 < first <= 31:
                    return "en-GB"
                address = url_date(self.path) if first != second else None
                if address and address.year == int(m[3]) and address.month in (first, second):
                    return "en-US" if address.month == first else "en-GB"
        if language in ("", "en"):
            country = (urlsplit(self.url).hostname or "").rpartition(".")[2]
            local = len(country) == 2 and country not in _GENERIC_COUNTRY_CODES
            return "en-GB" if local else None
        return language

    def _is_in_english(self) -> bool:
        return all(self.text.count(word, 0, _ENGLISH_LENGTH) >= _ENGLISH_WORDS for word in _ENGLISH)


@lru_cache(maxsize=4_096)  # the pages of a site share most of the links in their menus
def _join(href: str, base: str) -> str:
    """Returns the normalized URL of an address relative to a home page or a folder, whose pages share the cached
    result; "" if the address is invalid.
    """
    return normalize(href, base) or ""


def language_tag(value: str | None) -> str:
    """Returns a declared language as a BCP 47 tag ("pt_br" as "pt-BR"); "" if the value is not a language."""
    parts = clean_text(value).split(",")[0].split(".")[0].strip().replace("_", "-").split("-")
    primary = parts[0].lower()
    if not (2 <= len(primary) <= 3 and primary.isascii() and primary.isalpha()) or primary in ("und", "mul"):
        return ""
    rest = [p.upper() if len(p) == 2 else p.title() if len(p) == 4 else p for p in parts[1:] if p]
    return "-".join([primary, *rest])


def parse_page(
    body: bytes | str | DecodedText,
    url: str,
    content_type: str = "",
    captured_at: datetime | None = None,
    parser_of: type[etree.HTMLParser] = etree.HTMLParser,
) -> Page:
    """Decodes and parses a page. Never raises; for a body that is not HTML, the page is an empty document.

    A DecodedText is not decoded again. `content_type` is the response's header, whose charset is used. `captured_at`
    (aware) is when the page was fetched, None if unknown. An invalid `url` is replaced by "". `parser_of` is the class
    of the parser, which decides the class of the elements.
    """
    decoded = body if isinstance(body, DecodedText) else decode_page(body, content_type)
    root: Element | None = None
    if decoded.text and not decoded.text.isspace():
        parser = parser_of(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
        try:
            source = cut_source(_END_OF_DOCUMENT.sub("", decoded.text))
            root = etree.fromstring(source.encode("utf-8", errors="replace"), parser)
        except (etree.XMLSyntaxError, ValueError, AssertionError):
            root = None
    if root is None or not isinstance(root.tag, str):
        root = etree.fromstring(_EMPTY, etree.HTMLParser())
    else:
        flatten(root)
        if len(decoded.text) > LARGE:
            bound_page(root, len(decoded.text))
    return Page(root, decoded, url if _is_address(url) else "", captured_at)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_address(url: str) -> bool:
    try:
        return bool(urlsplit(url).geturl())
    except ValueError:
        return False


JAVASCRIPT_REASON = "it has no text without JavaScript"
_MAX_TEXT = 200
"""A page with more characters of visible text than this has content. A shorter text may be a footer or "Loading
...".
"""
_FEW = 20
_INVISIBLE = ("script", "style", "noscript", "template")
# The containers that React, Vue, Angular, Svelte, Next, Nuxt, Gatsby and similar frameworks fill.
_ROOTS = (
    "#root",
    "#app",
    "#__next",
    "#__nuxt",
    "#___gatsby",
    "#svelte",
    "app-root",
    "[data-reactroot]",
    "[ng-app]",
    "[ng-view]",
)
_ASKS = lazy_regex(r"java\s?script|ジャバスクリプト|자바스크립트|джаваскрипт", re.IGNORECASE)


def needs_javascript(page: Page) -> bool:
    """Returns True if a page shows hardly anything without scripts. Such a page contains scripts, but hardly any text,
    links or pictures. It also contains an empty element for a script to fill, or a <noscript> that asks for JavaScript.
    """
    index = page.index
    body = next(iter(index.tag("body")), None)
    if body is None or not index.tag("script") or _has_paragraphs(page) or _visible_length(page, body) > _MAX_TEXT:
        return False
    if _has_content(page, body):
        return False
    return any(_is_empty(page, root) for selector in _ROOTS for root in index.select(selector)) or any(
        _ASKS.search("".join(map(str, el.itertext()))) for el in index.tag("noscript")
    )


def _has_paragraphs(page: Page) -> bool:
    """Returns True if the first paragraphs of a page alone contain more than `_MAX_TEXT` characters of visible text.
    Most pages pass this quick test and need no other.
    """
    length = 0
    for el in islice(page.index.tag("p"), _FEW):
        if not _is_hidden(el):
            length += len((el.text or "").strip())
    return length > _MAX_TEXT


def _visible_length(page: Page, body: Element) -> int:
    length = page.index.text_length
    hidden = [el for tag in _INVISIBLE for el in page.index.tag(tag)]
    outer = [el for el in hidden if not any(above.tag in _INVISIBLE for above in el.iterancestors())]
    return length(body) - sum(length(el) for el in outer if any(above is body for above in el.iterancestors()))


def _has_content(page: Page, body: Element) -> bool:
    """Returns True if a page links to more than three addresses, or contains a picture, recording or frame. What is
    hidden, as in <noscript>, does not count.
    """
    links = {page.join(a.get("href")) for a in body.iter("a") if not _is_hidden(a)}
    media = [el for el in body.iter("img", "video", "audio", "iframe", "picture", "object") if not _is_hidden(el)]
    return len(links - {"", None}) > 3 or bool(media)


def _is_hidden(el: Element) -> bool:
    return next(el.iterancestors(*_INVISIBLE), None) is not None


def _is_empty(page: Page, root: Element) -> bool:
    return _visible_length(page, root) <= _MAX_TEXT // 4


# Repairing text that was certainly encoded as UTF-8 twice ("cafÃ©", "donâ€™t").

_MANY, _MAX_COUNT = 3, 20_000
"""A page is repaired only if it contains at least `_MANY` sequences that prove that it is mojibake; a text about such
errors may contain a few. At most `_MAX_COUNT` runs of text are examined."""


def _byte_table(codec: str) -> dict[int, int]:
    """Returns a map from each character of a single-byte encoding to its byte. Bytes without a character are mapped to
    themselves, and so are, in windows-1252, the C1 control characters of ISO 8859-1.
    """
    out: dict[int, int] = {}
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(codec, errors="ignore") or chr(byte)
        out[ord(char)] = byte
    return out | ({byte: byte for byte in range(0x80, 0xA0)} if codec == "cp1252" else {})


def _character_class(table: dict[int, int], first: int, last: int) -> str:
    return "[" + "".join(re.escape(chr(c)) for c, byte in table.items() if first <= byte <= last) + "]"


class _Misreading:
    """A single-byte encoding with which UTF-8 text may have been wrongly decoded. Every such text contains one of
    `marks`, and character sequences that `sure` matches prove it.
    """

    def __init__(self, codec: str, marks: str) -> None:
        self.table, self.marks = _byte_table(codec), tuple(marks.split())
        self.hints = sorted({mark.encode("utf-8")[:1] for mark in self.marks})
        tail = _character_class(self.table, 0x80, 0xBF)
        two, three = _character_class(self.table, 0xC3, 0xDF), _character_class(self.table, 0xE0, 0xEF)
        letter = r"[A-Za-z]"
        quote = f"{_character_class(self.table, 0xE2, 0xE2)}{_character_class(self.table, 0x80, 0x80)}{tail}"
        pair = f"{_character_class(self.table, 0xC3, 0xC3)}{tail}"
        self.sure = lazy_regex(
            f"(?<={letter})(?:{pair}|{quote})(?={letter})|(?:{two}{tail}){{4}}|(?:{three}{tail}{tail}){{3}}|"
            f"(?<={letter})(?:{pair})(?=\\s)|(?<={letter}){quote}\\s|\\s{quote}(?={letter})"
        )

    def matches(self, text: str, beyond: set[str]) -> bool:
        """Returns True if a text was wrongly decoded with this encoding. `beyond` are the text's characters outside
        ASCII.

        The text must contain one of `marks`, and at least `_MANY` sequences that prove the mistake.
        """
        if not any(beyond.issuperset(mark) and mark in text for mark in self.marks):
            return False
        count = last = 0
        # Such a sequence is within a run of non-ASCII characters, with at most one more character on either side.
        for m in _SEVERAL.finditer(text):
            at = max(m.start() - 1, last)
            while hit := self.sure.search(text, at, m.end() + 1):
                at = last = hit.end()
                count += 1
                if count == _MANY:
                    return True
        return False

    def restore(self, stretch: str) -> str:
        """Returns the original text of a run of non-ASCII characters (`stretch`) that was wrongly decoded with this
        encoding; "" if it was not.
        """
        try:
            return bytes(self.table[ord(c)] for c in stretch).decode("utf-8")
        except (KeyError, UnicodeDecodeError):
            return ""


# The marks are the commonest letters (Latin, Cyrillic, Greek, Hebrew, Arabic, Thai, CJK) as they look when they are
# wrongly decoded.
_MISREADINGS = (
    _Misreading("cp1252", "Ã â€ â\x80 Ð Ñ Î± ×™ ×\x99 Ø§ à¸ ï¼ ã€ ã\x80 ã\x81 ì´ ì— ì\x97 ä¸"),
    _Misreading("cp1251", "Г© Гј ГЎ ГЈ Г¤ Г¶ Г¨ Гі вЂ Р° Рѕ Рё О± Ч™ Ш§ аё пј гЂ гЃ мќґ мќ„ дё"),
)
_RUN = lazy_regex('[^<>"]+')
_STRETCH = lazy_regex("[^\x00-\x7f]+")
_SEVERAL = lazy_regex("[^\x00-\x7f]{2,}")
_ASCII = bytes(range(128))
# The commonest letters and quotation marks of such texts (see `_MISREADINGS`), as programs write them with entities.
_ENTITY_MARK = lazy_regex(
    r"&(?:acirc;&(?:euro|#128);|#226;&#(?:128|8364);|(?:Atilde|#195|ETH|#208|Icirc|times|Oslash);&|agrave;&cedil;|"
    r"iuml;&frac14;|atilde;&euro;|auml;&cedil;)"
)
_ENTITIES = lazy_regex(r"(?:&(?:#\d{2,5}|#[xX][0-9a-fA-F]{2,4}|[a-zA-Z]{2,8}\d{0,2});|[^\x00-\x7f]){2,}")


def repair_mojibake(text: str, source: bytes = b"") -> tuple[str, int]:
    """Repairs a text in which UTF-8 was wrongly decoded with another encoding. Returns the text and the number of
    repaired runs of characters. A correct text is not changed.

    `source` is the same text as UTF-8 bytes; it may be empty. Bytes are searched faster.
    """
    if text.isascii():
        return text, 0
    count = 0
    beyond: set[str] | None = None
    for misreading in _MISREADINGS:
        if source and not count and not any(hint in source for hint in misreading.hints):
            continue
        for _ in range(2):  # some texts were wrongly decoded twice
            if beyond is None:
                beyond = _non_ascii_characters(text.encode("utf-8", errors="ignore") if count or not source else source)
            if not misreading.matches(text, beyond):
                break
            text, more = _repair_runs(text, misreading)
            count += more
            if not more:
                break
            beyond = None
    return text, count


def decode_misread_entities(text: str) -> str:
    """Decodes the runs of entities in a text that stand for wrongly decoded UTF-8 ("caf&Atilde;&copy;"), so that
    `repair_mojibake` can repair it. Programs write such entities when they take the bytes of UTF-8 for Latin-1
    characters.

    Entities of ASCII characters are kept, since they may be markup shown as text.
    """
    if not _ENTITY_MARK.search(text):
        return text
    return _ENTITIES.sub(_decode_non_ascii, text)


def _decode_non_ascii(entities: re.Match[str]) -> str:
    decoded = unescape(entities[0])
    return entities[0] if any(map(str.isascii, decoded)) else decoded


def _non_ascii_characters(source: bytes) -> set[str]:
    """Returns the set of a text's characters outside ASCII."""
    return set(source.translate(None, _ASCII).decode("utf-8", errors="ignore"))


def _repair_runs(text: str, misreading: _Misreading) -> tuple[str, int]:
    count = tried = 0

    def repair(m: re.Match[str]) -> str:
        nonlocal count, tried
        run = m[0]
        if run.isascii() or tried >= _MAX_COUNT:
            return run
        tried += 1
        known: dict[str, str] = {}
        for stretch in _STRETCH.findall(run):
            original = known.setdefault(stretch, misreading.restore(stretch))
            if not _is_plausible(original) and any(c.isalpha() for c in stretch):
                return run
        if not any(_is_plausible(original) for original in known.values()):
            return run
        count += 1
        return _STRETCH.sub(lambda s: known[s[0]] if _is_plausible(known[s[0]]) else s[0], run)

    return _RUN.sub(repair, text), count


def _is_plausible(original: str) -> bool:
    """Returns True if a repaired text contains only characters in common use.

    If the text was correct and only looked like mojibake, for example because a letter precedes a quotation mark, the
    repair yields phonetic signs or control characters.
    """
    return bool(original) and not any("\u0180" <= c <= "\u02ff" or "\u0080" <= c <= "\u009f" for c in original)


# Guessing the encoding of bytes that declare none (or a wrong one), by the letters that the bytes would stand for.

_LETTER_RUN = lazy_regex(rb"[^<>]+")
_SAMPLE = 16_000
_LETTERS = lazy_regex(rb"[A-Za-z]")
# Encodings, each with the letters and punctuation marks that are common in texts in this encoding.
_ALPHABETS = (
    ("cp1252", "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßÀÁÂÄÅÆÇÈÉÊËÍÎÓÔÖØÚÜÑœŒ€«»“”„‘’…–—·º°ª¿¡§ \u00a0"),
    ("cp1250", "áäčďéěíĺľňóôŕřšťúůýžąćęłńśźżőűđăâîşţöüßÁČĎÉĚÍĽŇÓŘŠŤÚŮÝŽĄĆĘŁŃŚŹŻŐŰĐĂÂÎŞŢÖÜ„“”‘’«»…–—§° \u00a0"),
    ("iso8859-2", "áäčďéěíĺľňóôŕřšťúůýžąćęłńśźżőűđăâîşţöüßÁČĎÉĚÍĽŇÓŘŠŤÚŮÝŽĄĆĘŁŃŚŹŻŐŰĐĂÂÎŞŢÖÜ§° \u00a0"),
    ("cp1254", "ığşçöüâîûİĞŞÇÖÜ“”‘’…–—«»éè \u00a0"),
    ("cp1257", "ąčęėįšųūžāēģīķļņõäöüĄČĘĖĮŠŲŪŽĀĒĢĪĶĻŅÕÄÖÜ„“”‘’…–—«» \u00a0"),
)


def text_sample(body: bytes) -> bytes:
    """Returns some of the texts between a page's tags that contain non-ASCII bytes, joined by spaces. The encoding is
    guessed from them, since markup and ASCII say nothing about it.
    """
    out: list[bytes] = []
    room = _SAMPLE
    for m in _LETTER_RUN.finditer(body[:400_000]):
        run = m[0]
        if run.isascii():
            continue
        if len(run) > room:
            # A cut at a space is never inside a character, since no legacy encoding has a space as the trailing byte of
            # a character.
            run = run[: max(run.rfind(b" ", 0, room), run.rfind(b"\n", 0, room)) if b" " in run[:room] else room]
        out.append(run)
        room -= len(run)
        if room < 200:
            break
    return b" ".join(out)


def non_ascii_share(body: bytes) -> float:
    """Returns the share (0 to 1) of non-ASCII letters among all letters. Every non-ASCII byte counts as a letter."""
    sample = text_sample(body)
    high = len(sample.translate(None, _ASCII))
    return high / max(high + len(_LETTERS.findall(sample)), 1)


def guess_encoding(body: bytes) -> str:
    """Returns Python's name of the likeliest encoding of some bytes; "" if it cannot be determined."""
    sample = text_sample(body)
    if not sample:
        return ""
    return (
        _guess_japanese(sample)
        or (_guess_latin(sample) if non_ascii_share(body) < 0.5 else "")
        or _guess_by_library(sample)
    )


def _guess_japanese(sample: bytes) -> str:
    """Returns the Japanese encoding in which a sample contains hiragana, which only Japanese uses; "" if there is no
    such encoding.
    """
    for name in ("cp932", "euc_jp"):
        text = sample.decode(name, errors="replace")
        wide = [c for c in text if c > "\u00ff"]
        kana = sum("\u3041" <= c <= "\u3093" for c in wide)
        if kana > 0.15 * len(wide) and text.count("\ufffd") <= len(wide) / 50:
            return name
    return ""


def _guess_latin(sample: bytes) -> str:
    best, most = "", 0
    for name, alphabet in _ALPHABETS:
        high = [c for c in sample.decode(name, errors="replace") if c > "\x7f"]
        score = sum(1 if c in alphabet else -3 for c in high)
        if score > most:
            best, most = name, score
    return best


def _guess_by_library(sample: bytes) -> str:
    try:
        from charset_normalizer import from_bytes

        found = from_bytes(sample).best()
    except (ValueError, LookupError, UnicodeError):
        return ""
    return found.encoding if found else ""


MAX_BYTES = 12_000_000
"""At most this many bytes of a page are read. No post is longer, and the parser must not be given a video."""
_GZIP, _ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")

_HEAD = 16_384
_META = lazy_regex(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_XML = lazy_regex(rb"""^\s{0,99}<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})["']""", re.IGNORECASE)
# Labels of encodings that browsers know (WHATWG Encoding, section 4.2) but Python does not.
_LABELS = {
    "x-gbk": "gb18030",
    "chinese": "gb18030",
    "csgb2312": "gb18030",
    "iso-ir-58": "gb18030",
    "gb_2312": "gb18030",
    "cn-big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "ms932": "cp932",
    "x-euc-jp": "euc_jp",
    "korean": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "ksc_5601": "cp949",
    "csksc56011987": "cp949",
    "windows-949": "cp949",
    "cseuckr": "cp949",
    "iso-ir-149": "cp949",
    "koi": "koi8_r",
    "koi8-ru": "koi8_u",
    "koi8": "koi8_r",
    "cskoi8r": "koi8_r",
    "x-cp1250": "cp1250",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "x-cp1253": "cp1253",
    "x-cp1254": "cp1254",
    "x-cp1255": "cp1255",
    "x-cp1256": "cp1256",
    "x-cp1257": "cp1257",
    "x-cp1258": "cp1258",
    "win-1250": "cp1250",
    "win1251": "cp1251",
    "dos-874": "cp874",
    "iso-8859-8-i": "iso8859-8",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-roman": "mac_roman",
    "x-mac-ukrainian": "mac_cyrillic",
    "iso88591": "cp1252",
    "iso885915": "iso8859-15",
    "unicode-1-1-utf-8": "utf-8",
    "x-unicode20utf8": "utf-8",
    "unicode11utf8": "utf-8",
    "unicode20utf8": "utf-8",
    "utf8mb4": "utf-8",
    "utf-8-sig": "utf-8",
}
# Encodings, each with the superset that browsers use in its place.
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "johab": "cp949",
    "big5": "big5hkscs",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
}
_WESTERN = frozenset({"cp1252", "iso8859-15", "mac-roman"})
# The default encodings of browsers by language (HTML, section 13.2.3.2, the table of suggested default encodings).
_LEGACY = {
    "ar": "cp1256",
    "ba": "cp1251",
    "be": "cp1251",
    "bg": "cp1251",
    "cs": "cp1250",
    "el": "iso8859-7",
    "et": "cp1257",
    "fa": "cp1256",
    "he": "cp1255",
    "hr": "cp1250",
    "hu": "iso8859-2",
    "ja": "cp932",
    "kk": "cp1251",
    "ko": "cp949",
    "ku": "cp1254",
    "ky": "cp1251",
    "lt": "cp1257",
    "lv": "cp1257",
    "mk": "cp1251",
    "pl": "iso8859-2",
    "ru": "cp1251",
    "sk": "cp1250",
    "sl": "iso8859-2",
    "sr": "cp1251",
    "tg": "cp1251",
    "th": "cp874",
    "tr": "cp1254",
    "tt": "cp1251",
    "uk": "cp1251",
    "vi": "cp1258",
    "zh": "gb18030",
    "zh-tw": "big5hkscs",
    "zh-hk": "big5hkscs",
    "zh-hant": "big5hkscs",
}
_WIDE = {"utf-16": "utf-16-le", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}
_ASCII_TAG, _ANY_TAG = lazy_regex(rb"<(?:!doctype|[a-z][a-z0-9]*[\s>])", re.IGNORECASE), lazy_regex(r"<[!?/A-Za-z]")
_JIS = (b"\x1b$B", b"\x1b$@")
_LANGUAGE = lazy_regex(rb"""<html[^>]{0,500}?\slang\s*=\s*["']?([a-z-]{2,15})""", re.IGNORECASE)
_CONTROL = bytes([*range(9), 11, 12, *range(14, 32)])
UNFIT = lazy_regex("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


# Control characters of ISO 6429 have no use on pages. They were windows-1252 characters before a program read them as
# latin-1 and wrote them as UTF-8.
_CONTROLS = {b: bytes([b]).decode("cp1252") for b in range(0x80, 0xA0) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
_HAS_CONTROLS = lazy_regex("[\x80-\x9f]")
_HAS_CONTROLS_UTF_8 = lazy_regex(rb"\xc2[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a page, the encoding with which it was decoded (Python's name), and what determined that encoding.

    `how` is "text" (the page was given as text), "bom", "utf-8" (the bytes are valid UTF-8), "header", "meta", "xml",
    "language" (of <html lang>), "zeros" (UTF-16 without a byte order mark) or "detected". `repaired` is the number of
    runs of text that had been encoded twice and were repaired. `packed` is "gzip" or "deflate" if the bytes were
    compressed although no header says so.
    """

    text: str
    encoding: str
    how: str
    repaired: int = 0
    packed: str = ""

    def evidence(self) -> Evidence:
        notes = [f"{self.repaired} runs of text were encoded twice"] if self.repaired else []
        notes += [f"compressed with {self.packed}, although no header says so"] if self.packed else []
        locator = "; ".join(notes)
        sure = self.how not in ("language", "detected")
        return Evidence("encoding", self.encoding, self.how, locator, 0.95 if sure else 0.7)


def unpack_undeclared(body: bytes, limit: int = MAX_BYTES) -> tuple[bytes, str]:
    """Decompresses a page's bytes that were compressed without a Content-Encoding, up to `limit` bytes; returns them
    and the name of the method. Returns the bytes unchanged, with "", if they are not compressed, are truncated, or
    cannot be decompressed.
    """
    method = "gzip" if body.startswith(_GZIP) else "deflate" if body.startswith(_ZLIB) else ""
    if not method:
        return body, ""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: the first bytes decide between gzip and zlib
    try:
        text = unpacker.decompress(body, limit)
    except zlib.error:
        return body, ""
    return (text, method) if text and (unpacker.eof or len(text) >= limit) else (body, "")


def decode_page(body: bytes | str, content_type: str = "") -> DecodedText:
    """Decodes the bytes of a page with their actual encoding, and cleans the text.

    Bytes that were compressed although no header says so are decompressed first.

    The first of these that applies determines the encoding:

    - a byte order mark;
    - the zero bytes of UTF-16, or a Content-Type header with UTF-16;
    - UTF-8, if the bytes are valid UTF-8 and not only ASCII, whatever is declared;
    - the Content-Type header;
    - the declaration in the document, unless it is a western encoding and most letters are outside ASCII, since servers
      declare latin-1 for everything;
    - the encoding that was usual for the document's language before UTF-8;
    - a guess from the bytes, or windows-1252 if there is none.

    Broken bytes become U+FFFD. Characters that an XML tree cannot contain are removed. UTF-8 that was clearly decoded
    with another encoding is repaired.
    """
    packed = ""
    if isinstance(body, bytes):
        body, packed = unpack_undeclared(body)
    body = body[:MAX_BYTES]
    source = b""
    if isinstance(body, str):
        read = DecodedText(body.lstrip("\ufeff"), "utf-8", "text")
        fit = False
        controls = _HAS_CONTROLS.search(read.text) is not None
    else:
        read = _decode(body, content_type)
        fit = len(body.translate(None, _CONTROL)) == len(body) and not _has_noncharacter(read.text)
        controls = read.encoding == "utf-8" and _HAS_CONTROLS_UTF_8.search(body) is not None
        if read.how == "utf-8" and fit and not controls:
            source = body
    text = read.text.translate(_CONTROLS) if controls else read.text
    if (decoded := decode_misread_entities(text)) is not text:
        text, source = decoded, b""
    text, count = repair_mojibake(text if fit else UNFIT.sub("", text), source)
    return DecodedText(text, read.encoding, read.how, count, packed)


def _has_noncharacter(text: str) -> bool:
    return "\ufffe" in text or "\uffff" in text


def _decode(body: bytes, content_type: str) -> DecodedText:
    if found := _decode_by_mark(body) or _decode_by_zeros(body) or _decode_by_wide_header(body, content_type):
        return found
    if body.isascii():
        return _decode_seven_bit(body, content_type)
    try:
        text, used = codecs.utf_8_decode(body, "strict", False)
    except UnicodeDecodeError:
        text, used = "", 0
    if text and used == len(body):
        return _as_utf8(text)
    declared = _declared_encodings(body, content_type)
    return (
        _decode_damaged_utf8(body, text, [name for name, _ in declared])
        or _decode_as_declared(body, declared)
        or _decode_by_language(body)
        or _decode_by_guess(body)
    )


def _as_utf8(text: str) -> DecodedText:
    return DecodedText(text, "utf-8", "utf-8")


def _decode_by_mark(body: bytes) -> DecodedText | None:
    name, mark = read_bom(body)
    if not name or not mark:
        return None
    return DecodedText(body[len(mark) :].decode(name, errors="replace"), name, "bom")


def _decode_by_zeros(body: bytes) -> DecodedText | None:
    wide = _utf16_by_zeros(body)
    return DecodedText(body.decode(wide, errors="replace"), wide, "zeros") if wide else None


def _decode_by_wide_header(body: bytes, content_type: str) -> DecodedText | None:
    """Returns the page decoded as UTF-16 if the Content-Type header says so and the decoded text contains markup;
    otherwise None.

    Of all declarations, only a byte order mark takes precedence over the header (HTML, section 13.2.3.2). "utf-16"
    means little-endian (WHATWG Encoding, section 4.2).
    """
    name = _WIDE.get(_loose_charset(content_type).lower())
    if name is None or _ASCII_TAG.search(body[:_HEAD]):
        return None
    text = _decode_strictly(body, name)
    return DecodedText(text, name, "header") if _ANY_TAG.search(text[:_HEAD]) else None


def _decode_seven_bit(body: bytes, content_type: str) -> DecodedText:
    """Decodes ASCII bytes. If the declared encoding uses escape sequences, as ISO-2022-JP does, decodes them with this
    encoding. ISO-2022-JP is also recognized without a declaration, by its escape sequences for JIS X 0208.
    """
    if b"\x1b" in body or b"~{" in body:
        for name, how in _declared_encodings(body, content_type):
            if name.startswith(("iso2022", "hz")) and (text := _decode_strictly(body, name)):
                return DecodedText(text, name, how)
        if any(sign in body for sign in _JIS) and (text := _decode_strictly(body, "iso2022_jp_ext")):
            return DecodedText(text, "iso2022_jp", "detected")
    return _as_utf8(body.decode("ascii"))


def _decode_damaged_utf8(body: bytes, text: str, declared: list[str]) -> DecodedText | None:
    """Returns the text of UTF-8 bytes that end within a character or contain a few broken bytes; None if the bytes are
    not UTF-8.

    `text` is the decoded text without an incomplete last character; "" if more than that is broken. If another encoding
    is declared, `text` must contain more than three non-ASCII characters to be used.
    """
    if text and (not declared or "utf-8" in declared or len(text) - len(text.encode("ascii", errors="ignore")) > 3):
        return _as_utf8(text)
    if (not declared or "utf-8" in declared) and _broken_share(body) < 0.1:
        return _as_utf8(body.decode("utf-8", errors="archiver-stray"))
    return None


def _decode_as_declared(body: bytes, declared: list[tuple[str, str]]) -> DecodedText | None:
    """Decodes with the first declared encoding that fits all bytes, or else with the first one that fits nearly all.
    Returns None if no declared encoding fits.
    """
    usable = [(name, how) for name, how in declared if name != "utf-8"]
    if any(name in _WESTERN for name, _ in usable) and non_ascii_share(body) > 0.5:
        usable = [(name, how) for name, how in usable if name not in _WESTERN]
    for name, how in usable:
        if text := _decode_strictly(body, name):
            return DecodedText(text, name, how)
    for name, how in usable:
        text = body.decode(name, errors="replace")
        if text.count("\ufffd") < len(text) / 200:
            return DecodedText(text, name, how)
    return None


def _decode_by_language(body: bytes) -> DecodedText | None:
    legacy = _legacy_encoding(body)
    text = _decode_strictly(body, legacy)
    return DecodedText(text, legacy, "language") if text else None


def _decode_by_guess(body: bytes) -> DecodedText:
    name = _codec(guess_encoding(body)) or "cp1252"
    return DecodedText(body.decode(name, errors="replace"), name, "detected")


def _utf16_by_zeros(body: bytes) -> str:
    """Returns "utf-16-le" or "utf-16-be" if about every other byte is zero, as in UTF-16 markup; otherwise ""."""
    head = body[:2_000]
    half = len(head) // 2
    if half < 4 or b"\0" not in head:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else ""


def _legacy_encoding(body: bytes) -> str:
    """Returns the encoding that was usual for the page's declared language before UTF-8; "" if there is none.

    For a western European language, it is windows-1252. But if most letters of such a page are outside ASCII, the
    declared language is wrong, and "" is returned.
    """
    match = _LANGUAGE.search(body[:_HEAD])
    if not match:
        return ""
    language = match.group(1).decode("ascii").lower()
    name = _LEGACY.get(language) or _LEGACY.get(language.split("-")[0], "cp1252")
    return "" if name in _WESTERN and non_ascii_share(body) > 0.5 else name


def _codec(label: str) -> str:
    """Returns Python's name for the encoding with a given label; "" for a label that is unknown or not used on the
    web.
    """
    label = label.strip().lower()
    name = _LABELS.get(label) or resolve_encoding(label) or ""
    try:
        info = codecs.lookup(name) if name else None
    except (LookupError, ValueError):
        return ""
    if info is None or not getattr(info, "_is_text_encoding", True) or info.name in ("utf-7", "idna", "punycode"):
        return ""
    if info.name.startswith(("utf-16", "utf-32")):
        # If a document declares UTF-16 in a declaration that can be read as ASCII, the document is not in UTF-16 (HTML,
        # section 13.2.3.2).
        return "utf-8"
    if info.name.startswith(("unicode", "raw-unicode", "undefined", "mbcs", "oem")):
        return ""
    return _WIDER.get(info.name, info.name)


def _declared_encodings(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Returns the declared encodings, each once and with the place of its declaration ("header", "meta" or "xml"), the
    most reliable one first.
    """
    head = body[:_HEAD]
    out: dict[str, str] = {}
    labels = [(http_content_type_encoding(content_type) or _loose_charset(content_type), "header")]
    labels += [
        (m.group(1).decode("ascii", "ignore"), how)
        for pattern, how in ((_XML, "xml"), (_META, "meta"))
        if (m := pattern.search(head))
    ]
    for label, how in labels:
        if label and (name := _codec(label)):
            out.setdefault(name, how)
    return list(out.items())


def _loose_charset(content_type: str) -> str:
    """Returns the charset in a Content-Type header, even if the header is malformed or w3lib does not know the charset;
    "" if the header has no charset.
    """
    m = re.search(r"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", content_type[:1_000], re.IGNORECASE)
    return m[1] if m else ""


def _decode_strictly(body: bytes, name: str) -> str:
    if not name:
        return ""
    try:
        return body.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return ""


def _broken_share(body: bytes) -> float:
    """Returns the share (0 to 1) of invalid characters among the non-ASCII characters when bytes are read as UTF-8. It
    is nearly 1 if the bytes are in another encoding.
    """
    text = body[:400_000].decode("utf-8", errors="replace")
    return text.count("\ufffd") / max(len(text) - len(text.encode("ascii", errors="ignore")), 1)


# Quotation marks, dashes and spaces that word processors write, in windows-1252.
_STRAY = {b: bytes([b]).decode("cp1252") for b in (*range(0x91, 0x98), 0x85, 0xA0, 0xAB, 0xBB)}


def _decode_stray(error: UnicodeError) -> tuple[str | bytes, int]:
    """Error handler for decoding UTF-8. A single invalid byte between ASCII bytes is read as windows-1252, since it was
    probably pasted from another program. Any other invalid byte becomes U+FFFD.

    Returns the replacement and the position at which decoding continues.
    """
    assert isinstance(error, UnicodeDecodeError)
    at, data = error.start, error.object
    alone = error.end - at == 1 and data[at - 1 : at].isascii() and data[at + 1 : at + 2].isascii()
    return (_STRAY.get(data[at], "\ufffd") if alone else "\ufffd"), error.end


codecs.register_error("archiver-stray", _decode_stray)
