"""Decodes and parses a page for all modules of extraction, limits how much of a page is parsed, and recognizes pages
that are empty unless JavaScript runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import copy
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import chain, islice
from urllib.parse import urljoin, urlsplit

from lxml import etree
from lxml.etree import _Element as Element
from parsel import Selector, SelectorList

from archiver.errors import BadRules
from archiver.extraction.date_parser import url_date
from archiver.extraction.decoding import UNFIT, DecodedText, decode_page
from archiver.extraction.metadata import PageMetadata
from archiver.extraction.normalization import clean_text, element_line, has_text, write_formulas
from archiver.extraction.template.site_rules import SiteConstants
from archiver.lazy_regex import lazy_regex
from archiver.platforms import Platform, detect_platform
from archiver.platforms.selector_index import Found, Index
from archiver.urls import IN_FOLDER, folder_of, folder_path, normalize

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

    def assume(self, platform: Platform) -> None:
        """Sets the page's platform to the one that the site's rules name, unless a platform has already been
        detected.
        """
        self.__dict__.setdefault("platform", platform)

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
            root = etree.fromstring(cut_source(decoded.text).encode("utf-8", errors="replace"), parser)
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
