"""Compares the selectors of the platform tables on real pages: by the index, by parsel, and on Scrapy's response."""

from __future__ import annotations

import tarfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lxml.etree import _Element as Element
from parsel import Selector
from scrapy.http import HtmlResponse

from archiver.extraction.page import Page, parse_page
from archiver.platforms import Platform, by_name, platform_tables
from archiver.platforms.selector_index import Index, is_xpath, remove_selector_prefix

URL = "https://example.org/2020/01/02/a-post/"
ENDINGS = (".html", ".htm", ".xhtml")
BY_HAND = (
    "title::text",
    "h1 ::text",
    "h1::text",
    "article p:first-of-type::text",
    "time::attr(datetime)",
    "a::attr(href)",
    "meta[property='og:title']::attr(content)",
    "link[rel=canonical]::attr(href)",
    "div:not([class]) > p",
    "main :is(h1, h2)",
    "ul > li + li",
    "//h1//text()",
    "//meta[@name='author']/@content",
    "normalize-space(//title)",
    "count(//p)",
    "//a[contains(@href, '/tag/')]/text()",
    "//p[re:test(., '\\d{4}')]",
    "(//p)[last()]",
)
"""Selectors as people write them in `scrapy shell`, CSS and XPath."""


@dataclass(frozen=True)
class File:
    name: str
    html: bytes


@dataclass
class Figures:
    """The results. `differing`: selectors for which index and parsel disagree, with the page. `other`: number of pages
    for which Scrapy's response gives different texts, by cause."""

    pages: int = 0
    selectors: int = 0
    answers: int = 0
    differing: list[str] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    index_seconds: float = 0.0
    parsel_seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        return not self.differing

    def as_json(self) -> dict[str, Any]:
        return {
            "pages": self.pages,
            "selectors": self.selectors,
            "answers": self.answers,
            "differing": self.differing,
            "other_on_scrapys_response": dict(self.other),
            "examples": self.examples,
            "asked_of_a_page": self.asked / self.pages,
            "index_ms": self._ms(self.index_seconds),
            "parsel_ms": self._ms(self.parsel_seconds),
        }

    def as_text(self) -> str:
        lines = [
            f"{self.pages} pages, {self.selectors} selectors of the tables, {self.answers} elements found",
            f"Index and parsel differ: {len(self.differing)}",
            *(f"    {line}" for line in self.differing[:20]),
            f"Pages for which response.css() gives different texts: {sum(self.other.values())}",
            *(f"    {cause}: {n} (for example {self.examples[cause]})" for cause, n in self.other.most_common()),
            f"The {self.asked / self.pages:.0f} selectors of a page take {self._ms(self.index_seconds):.2f} ms with "
            f"the index, including building it, and {self._ms(self.parsel_seconds):.2f} ms with parsel.",
        ]
        return "\n".join(lines)

    def _ms(self, seconds: float) -> float:
        return 1000 * seconds / self.pages


def pages(folder: Path, limit: int | None = None) -> list[File]:
    """Return the pages of a folder, evenly spread if there are more than `limit`."""
    archive = folder / "html.tar.xz"
    if archive.is_file():
        with tarfile.open(archive) as opened:
            found = [
                File(m.name, opened.extractfile(m).read())
                for m in opened  # type: ignore[union-attr]
                if m.isfile() and m.name.endswith(ENDINGS)
            ]
    else:
        found = [
            File(str(p.relative_to(folder)), p.read_bytes()) for p in sorted(folder.rglob("*")) if p.suffix in ENDINGS
        ]
    return found[:: max(1, -(-len(found) // limit))] if limit else found


def measure(files: Sequence[File]) -> Figures:
    figures = Figures(len(files))
    table = tuple(dict.fromkeys(s for platform in platform_tables() for s in _selectors(platform)))
    figures.selectors = len(table)
    for file in files:
        page = parse_page(file.html, URL)
        _judge(figures, file, page, table)
        _compare_scrapy(figures, file, page, table)
        _cost(figures, page)
    return figures


def _selectors(platform: Platform) -> Iterable[str]:
    """Return all selectors of a platform's table."""
    for one in fields(platform):
        value = getattr(platform, one.name)
        if isinstance(value, tuple) and one.name not in ("kinds", "paths", "feeds", "sitemaps"):
            yield from value


def _judge(figures: Figures, file: File, page: Page, table: Sequence[str]) -> None:
    """Compare the index with parsel: each selector must give the same elements in the same order."""
    present = set(page.index.present(tuple(table)))
    for selector in table:
        expected = roots(page.selector, selector)
        figures.answers += len(expected)
        if page.index.select(selector) != expected or (expected and selector not in present):
            figures.differing.append(f"{file.name}: {selector}")
    for selector in BY_HAND:
        if page.index.answer(selector) != [
            one if isinstance(one, (str, Element)) else str(one) for one in roots(page.selector, selector)
        ]:
            figures.differing.append(f"{file.name}: {selector}")


def roots(document: Selector, selector: str) -> list[Any]:
    """Return the result of `.css()` or `.xpath()` without parsel's wrapper objects."""
    found = (
        document.xpath(remove_selector_prefix(selector))
        if is_xpath(selector)
        else document.css(remove_selector_prefix(selector))
    )
    return [one.root for one in found]


def _compare_scrapy(figures: Figures, file: File, page: Page, table: Sequence[str]) -> None:
    """Check whether Scrapy's response for the same bytes gives the same texts, and find the cause if not."""
    response = HtmlResponse(URL, body=file.html)
    try:
        theirs = Index(response.selector.root)  # equal to parsel, as checked above, but faster
        differing = [s for s in table if [*map(text_of, theirs.answer(s))] != [*map(text_of, page.index.answer(s))]]
        differing += [s for s in BY_HAND if texts(response.selector, s) != texts(page.selector, s)]
    except ValueError as error:
        figures.other[f"Scrapy cannot parse it ({type(error).__name__})"] += 1
        figures.examples.setdefault(f"Scrapy cannot parse it ({type(error).__name__})", file.name)
        return
    if differing:
        cause = _cause(file, page, response, differing)
        figures.other[cause] += 1
        figures.examples.setdefault(cause, f"{file.name}: {differing[0]}")


def texts(document: Selector, selector: str) -> list[str]:
    """Return the result of a selector as texts; for an element its name and all text in it."""
    return list(map(text_of, roots(document, selector)))


def text_of(found: Any) -> str:
    return f"<{found.tag}> {''.join(map(str, found.itertext('*')))}" if isinstance(found, Element) else str(found)


def _cause(file: File, page: Page, response: HtmlResponse, differing: Sequence[str]) -> str:
    """Find out why two trees of the same bytes give different results, by testing one cause after another."""
    bare_response = HtmlResponse(URL, body=page.text.encode(), encoding="utf-8")
    if all(texts(bare_response.selector, s) == texts(page.selector, s) for s in differing):
        same = response.encoding == page.encoding
        return (
            "letters in the wrong encoding (repaired here)"
            if same
            else (f"another encoding ({response.encoding} there, {page.encoding} here)")
        )
    if all(_stripped(bare_response, s) == _stripped(page, s) for s in differing):
        return "white space at the end of a page that does not close its tags"
    for node in bare_response.selector.xpath("//comment() | //processing-instruction()"):
        _take_out(node.root)
    if all(texts(bare_response.selector, s) == texts(page.selector, s) for s in differing):
        return "a comment within a text (one text here, two there)"
    return "other"


def _stripped(document: HtmlResponse | Page, selector: str) -> list[str]:
    return [text.rstrip() for text in texts(document.selector, selector)]


def _take_out(node: Element) -> None:
    parent, before = node.getparent(), node.getprevious()
    if parent is None:
        return
    if before is not None:
        before.tail = (before.tail or "") + (node.tail or "")
    else:
        parent.text = (parent.text or "") + (node.tail or "")
    node.tail = None
    parent.remove(node)


def _cost(figures: Figures, page: Page) -> None:
    """Time the selectors of a page (those of its platform and of `generic`) with the index and with parsel. The time to
    build the index is included."""
    asked = tuple(dict.fromkeys(s for p in {page.platform.name, "generic"} for s in _selectors(by_name(p))))
    figures.asked += len(asked)
    began = time.process_time()
    index = Index(page.root)
    for selector in index.present(asked):
        index.select(selector)
    middle = time.process_time()
    for selector in asked:
        roots(page.selector, selector)
    figures.index_seconds += middle - began
    figures.parsel_seconds += time.process_time() - middle
