"""The headings of a page: how they compare with the titles that it declares, and which of them are the site's."""

from __future__ import annotations

import re

from lxml.etree import _Element as Element

from archiver.extraction.likeness import likeness
from archiver.extraction.page import Page
from archiver.extraction.text import line

TITLE_PARTS = re.compile(r"\s+[|·•»«›‹–—:/-]+\s+|\s*[｜|]\s*")
_SITE_HEADER = re.compile(
    r"[\s_-](site-?(title|header|branding|logo|name)|branding|masthead|logo|navbar\S*|blog-?(title|name))[\s_-]",
    re.IGNORECASE,
)
_TOP = frozenset({"html", "body", "main"})
_UNLIKE = 0.4
ALIKE = 0.6
"""From this likeness on, a heading says what a declared title says."""


def declared_titles(page: Page) -> list[str]:
    """The titles that a page declares: of each the longest part, since the others name site and section."""
    data = page.data
    given = data.texts(data.article(page.addresses), "headline")[:1]
    given += [*data.meta("og:title")[:1], *data.meta("twitter:title")[:1], page.head_title]
    return [max(TITLE_PARTS.split(t), key=len) for t in given if t]


def likest(declared: list[str], headings: list[Element]) -> Element:
    """The first heading, unless it is unlike every declared title and a later one is like one of them."""
    if len(headings) == 1:
        return headings[0]
    alike = [max((likeness(line(el), t) for t in declared), default=0.0) for el in headings]
    if alike[0] >= _UNLIKE or max(alike) < ALIKE:
        return headings[0]
    return headings[alike.index(max(alike))]


def opens(body: Element, el: Element) -> bool:
    """Whether hardly any text precedes an element in the body that contains it."""
    before = 0
    for at in body.iter("*"):
        if at is el:
            return before < 200
        before += len((at.text or "").strip())
    return False


def in_site_header(el: Element) -> bool:
    at: Element | None = el
    while at is not None and at.tag not in _TOP:
        if _SITE_HEADER.search(f" {at.get('class') or ''} {at.get('id') or ''}  "):
            return True
        at = at.getparent()
    return any(a.get("rel") == "home" for a in el.iter("a"))
