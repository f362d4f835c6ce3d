"""A page decoded and parsed once: what every field module works on."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cached_property
from itertools import chain
from urllib.parse import urljoin, urlsplit

from lxml import etree
from lxml.etree import _Element as Element
from parsel import Selector, SelectorList

from archiver.errors import BadRules
from archiver.extraction.source.bounds import LARGE, bound, cut, flatten
from archiver.extraction.source.decode import Decoded, decode
from archiver.extraction.structured import Structured
from archiver.extraction.text import clean, line
from archiver.platforms import Index, Platform, detect
from archiver.platforms.expressions import Found
from archiver.urls import folder_path, normalize

# Top-level domains of two letters that sites anywhere take, and that of the country with the month first.
_COUNTRIES_OF_ANYBODY = frozenset(("us", "io", "co", "ai", "tv", "me", "cc", "ly", "to", "gg", "fm", "so", "sh", "la"))
_NUMBERS = re.compile(r"(?<![\d/-])(\d{1,2})[/-](\d{1,2})[/-](?:19|20)\d{2}(?![\d/-])")
_LANG = ("lang", "{http://www.w3.org/XML/1998/namespace}lang", "xml:lang")
_LANGUAGE_METAS = ("og:locale", "content-language", "language", "dc.language")
_EMPTY = "<html><head></head><body></body></html>"


class Page:
    """One page. `root` is its <html> element, `text` its source decoded, `url` the address it was read at.

    `captured_at` (aware) is when it was fetched, None where that is not known: what "3 hours ago" is counted from.

    All attributes are computed at most once and never changed.
    """

    def __init__(self, root: Element, decoded: Decoded, url: str, captured_at: datetime | None = None) -> None:
        self.root, self.decoded, self.url, self.captured_at = root, decoded, url, captured_at
        self.text, self.encoding = decoded.text, decoded.encoding

    @cached_property
    def index(self) -> Index:
        return Index(self.root)

    @property
    def selector(self) -> Selector:
        """The page as parsel has it, as `response.selector` is in Scrapy."""
        return self.index.selector

    def css(self, query: str) -> SelectorList[Selector]:
        """What a CSS selector means here, as `response.css()` in `scrapy shell`."""
        return self.selector.css(query)

    def xpath(self, query: str) -> SelectorList[Selector]:
        """What an XPath means here, as `response.xpath()` in `scrapy shell`."""
        return self.selector.xpath(query)

    def ask(self, selector: str) -> list[Found]:
        """What parsel answers to a selector of the site's rules, in either language. Raises BadRules for an XPath that
        fails only where it meets a node, as `//p[count('x')]` does."""
        try:
            return self.index.by_parsel(selector)
        except ValueError as error:
            raise BadRules(self.hosts[0], f"on {self.url} parsel cannot evaluate {selector!r}: {error}") from None

    @cached_property
    def data(self) -> Structured:
        return Structured(self.index)

    @cached_property
    def platform(self) -> Platform:
        return detect(self.index, self.data.meta_first("generator"))

    def assume(self, platform: Platform) -> None:
        """Take the platform as known, where the site's learned rules tell it."""
        self.__dict__.setdefault("platform", platform)

    @cached_property
    def body_classes(self) -> tuple[str, ...]:
        """Classes of <body> and <html>: where platforms say what kind of page it is."""
        found = [e.get("class") or "" for tag in ("body", "html") for e in self.index.tag(tag)[:1]]
        return tuple(" ".join(found).split())

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
        """An address of the page made absolute, "" where it is none."""
        return (normalize(href, self.base) or "") if href else ""

    @cached_property
    def canonical(self) -> str:
        """The address the page declares as its own: rel=canonical, else og:url; "" where none."""
        for el in self.index.select("link[rel~=canonical]"):
            if url := self.join(el.get("href")):
                return url
        return self.join(self.data.meta_first("og:url"))

    @cached_property
    def addresses(self) -> set[str]:
        """The page's addresses without fragment and final slash, for recognising it in its own declarations."""
        return {
            u.partition("#")[0].rstrip("/")
            for u in (self.url, self.canonical, self.join(self.data.meta_first("og:url")))
            if u
        }

    @cached_property
    def hosts(self) -> tuple[str, str, tuple[str, ...]]:
        """The page's host and that of its canonical address, without "www."; how addresses there begin."""
        own, canonical = (_host(url).removeprefix("www.") for url in (self.url, self.canonical or self.url))
        beginnings = (f"{scheme}//{www}{host}/" for scheme in ("https:", "http:", "") for www in ("", "www.")
                      for host in dict.fromkeys((own, canonical)) if host)
        return own, canonical, tuple(beginnings)

    @cached_property
    def path(self) -> str:
        """The address's path; a folder's index file stands for the folder."""
        return folder_path(urlsplit(self.url).path or "/")

    @cached_property
    def text_length(self) -> int:
        """Characters of text in the body, scripts and styles aside."""
        silent = 0
        for el in chain.from_iterable(map(self.index.tag, ("script", "style", "noscript", "template"))):
            silent += len((el.text or "").strip()) + len((el.tail or "").strip())
        return self.index.text_length(self.root) - silent

    @cached_property
    def head_title(self) -> str:
        for el in self.index.tag("title"):
            parent = el.getparent()
            if parent is None or parent.tag != "svg":
                return line(el)
        return ""

    @property
    def language(self) -> str | None:
        """BCP 47 tag as declared: <html lang>, og:locale, content-language, inLanguage; None where nothing is."""
        return self.language_told[0]

    @cached_property
    def language_told(self) -> tuple[str | None, str, str]:
        """The language, the source that declares it and where; (None, "", "") where nothing does."""
        given = [(self.root.get(name), "head", "html[lang]") for name in _LANG]
        given += [(e.get("lang"), "head", "body[lang]") for e in self.index.tag("body")[:1]]
        given += [(v, "meta", name) for name in _LANGUAGE_METAS for v in self.data.meta(name)]
        given += [(t, "json-ld", "inLanguage") for n in self.data.articles()[:1]
                  for t in self.data.texts(n, "inLanguage")]
        for value, source, locator in given:
            tag = clean(value).split(",")[0].split(".")[0].strip().replace("_", "-")
            parts = tag.split("-")
            if (
                2 <= len(parts[0]) <= 3
                and parts[0].isascii()
                and parts[0].isalpha()
                and parts[0].lower() not in ("und", "mul")
            ):
                rest = [p.upper() if len(p) == 2 else p.title() if len(p) == 4 else p for p in parts[1:] if p]
                return "-".join([parts[0].lower(), *rest]), source, locator
        return None, "", ""

    @cached_property
    def date_language(self) -> str:
        """The page's language with the country whose order its all-number dates have, "" where no language is told.

        "English" leaves 3/4/2021 open: other dates of the page tell, else the country of its address.
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
        if language in ("", "en"):
            country = (urlsplit(self.url).hostname or "").rpartition(".")[2]
            local = len(country) == 2 and country not in _COUNTRIES_OF_ANYBODY
            return "en-GB" if local else language and "en-US"
        return language


def parse(body: bytes | str | Decoded, url: str, content_type: str = "", captured_at: datetime | None = None) -> Page:
    """Decodes and parses a page; one that was decoded before is taken as it is. Never raises: what is no HTML gives an
    empty document.

    `content_type` is the response's header, for its charset; `captured_at` (aware) as in `Page`.
    An address that cannot be one is none.
    """
    decoded = body if isinstance(body, Decoded) else decode(body, content_type)
    root: Element | None = None
    if decoded.text.strip():
        parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
        try:
            root = etree.fromstring(cut(decoded.text).encode("utf-8", errors="replace"), parser)
        except (etree.XMLSyntaxError, ValueError, AssertionError):
            root = None
    if root is None or not isinstance(root.tag, str):
        root = etree.fromstring(_EMPTY, etree.HTMLParser())
    else:
        flatten(root)
        if len(decoded.text) > LARGE:
            bound(root, len(decoded.text))
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
