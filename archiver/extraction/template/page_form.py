"""Computes the form of a page (its markup and the pattern of its address), and the place in its markup that shows the
date. Pages made from the same template have the same form.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit
from zlib import crc32

from lxml.etree import _Element as Element

from archiver.extraction.authors.bylines import CHANGED_BESIDE_HEADING
from archiver.extraction.normalization import element_line, fold_text
from archiver.extraction.page import Page
from archiver.items import PAGE_OBJECT, PAGE_OBJECT_FAILED, PAGE_OBJECT_KEPT, REFUSED, Article, Evidence, PageForm
from archiver.lazy_regex import lazy_regex
from archiver.platforms.selector_index import split_words
from archiver.urls import folder_path

# Names that belong to one page only: names with digits, and names made from the terms of the page's post ("tag-maps").
_PAGE_SPECIFIC = lazy_regex(r"\d|^(?:category|tag|author|term|label|format|language|lang)-")
# Markup inside these elements belongs to the text and differs from post to post.
_TEXT_TAGS = frozenset(
    ("p", "blockquote", "pre", "code", "figure", "td", "tr", "th", "em", "strong", "b", "i", "h2", "h3", "h4", "dd")
)
_DECLARED = ("rel", "itemprop")
_MAX_ALIKE = 6  # at most this many elements with equal classes are read, since further rows of a menu add nothing
_MAX_TOKENS = 600
_MAX_NAMES = 8
_MAX_VALUE_LENGTH = 400
_MAX_TITLE_LENGTH = 400
_MEDIA = ("img", "iframe", "video", "audio", "embed", "object")
_MAX_MEDIA = 99
_HENTRY = lazy_regex(r"type-([a-z][a-z_-]{0,30})")
_DATE_SLUG = lazy_regex(r"(?:19|20)\d\d-\d\d?-\d\d?-(?=.)")


@lru_cache(maxsize=1)  # cached because it is needed twice for each page
def page_form(page: Page) -> PageForm:
    """Returns the form of a page, by which pages of one template are recognized: the tokens of its markup, the pattern
    of its address, and some facts about its content.
    """
    return PageForm(
        markup_tokens(page),
        address_pattern(page.url),
        _own_hentry_type(page),
        page.text_length.bit_length(),
        min(sum(len(page.index.tag(tag)) for tag in _MEDIA), _MAX_MEDIA),
        _titles(page),
    )


def markup_tokens(page: Page) -> frozenset[int]:
    """Returns the hashes of the tokens that describe a page's markup: `parent>tag.class`, `parent>tag#id`,
    `tag[rel=...]` and `tag[itemprop=...]` for each element.

    Names with digits are left out, and so is the markup inside paragraphs, tables and the like, since it belongs to the
    text.
    """
    index = page.index
    found: set[int] = set()
    for value, elements in index.by_class_value():
        for parent, tag in {(_parent_tag(el), el.tag) for el in elements[:_MAX_ALIKE]}:
            found.update(_class_tokens(parent, tag, value))
    for value, elements in index.by_id():
        found.update(_id_tokens(_parent_tag(elements[0]), elements[0].tag, value))
    for name in _DECLARED:
        for value, elements in index.by_word(name):
            found.update(_declared_tokens(elements[0].tag, name, value))
    if len(found) > _MAX_TOKENS:
        return frozenset(sorted(found)[:_MAX_TOKENS])
    return frozenset(found)


def _parent_tag(el: Element) -> str:
    parent = el.getparent()
    return parent.tag if parent is not None else ""


@lru_cache(maxsize=16_384)
def _class_tokens(parent: str, tag: str, value: str) -> tuple[int, ...]:
    if parent in _TEXT_TAGS or len(value) > _MAX_VALUE_LENGTH:
        return ()
    names = [name for name in split_words(value) if not _PAGE_SPECIFIC.search(name)]
    return tuple(_hash(f"{parent}>{tag}.{name}") for name in names[:_MAX_NAMES])


@lru_cache(maxsize=16_384)
def _id_tokens(parent: str, tag: str, value: str) -> tuple[int, ...]:
    if parent in _TEXT_TAGS or tag in _TEXT_TAGS or _PAGE_SPECIFIC.search(value) or len(value) > _MAX_VALUE_LENGTH:
        return ()
    return (_hash(f"{parent}>{tag}#{value}"),)


@lru_cache(maxsize=16_384)
def _declared_tokens(tag: str, name: str, value: str) -> tuple[int, ...]:
    return () if _PAGE_SPECIFIC.search(value) else (_hash(f"{tag}[{name}={value}]"),)


def _hash(text: str) -> int:
    return crc32(text.encode("utf-8", errors="replace"))


def address_pattern(url: str) -> str:
    """Returns the pattern of an address: "Y/9/s" for "/2024/05/a-name/". The names of query parameters are appended.

    Each segment of the path becomes `Y` if it is a year, `9` if it is another number, `D-s` if it is a date followed by
    words, and `s` otherwise. A segment after a year, month and day is always `s`. The extension of a file name is kept.
    """
    parts = urlsplit(url)
    path, _, kept = unquote(parts.path).partition("?")  # in a static copy, the query is in the name of the file
    query = parts.query or kept.removesuffix(".html")
    steps = [step for step in folder_path(path).split("/") if step]
    out: list[str] = []
    for n, step in enumerate(steps, 1):
        is_name = out[-3:] == ["Y", "9", "9"]  # after a complete date, even a number is a name
        out.append(_step_pattern(step, is_last=n == len(steps), is_name=is_name))
    names = sorted({part.partition("=")[0] for part in query.split("&") if part})[:_MAX_NAMES]
    return "/".join(out)[:120] + (f"?{'&'.join(names)}"[:60] if names else "")


def _step_pattern(step: str, *, is_last: bool, is_name: bool) -> str:
    name, dot, ending = step.rpartition(".") if is_last else (step, "", "")
    if not dot or not 1 < len(ending) <= 5 or not ending.isalnum():
        name, dot, ending = step, "", ""
    if name.isdecimal() and not is_name:
        kind = "Y" if len(name) == 4 and name[:2] in ("19", "20") else "9"
    else:
        kind = "D-s" if _DATE_SLUG.match(name) else "s"
    return f"{kind}{dot}{ending}"


def _own_hentry_type(page: Page) -> str:
    """Returns the post type in the classes of the page's only `hentry` ("post", "page"); "" if there is none."""
    entries = page.index.with_class("hentry")
    if len(entries) != 1:
        return ""
    found = next((m for name in split_words(entries[0].get("class") or "") if (m := _HENTRY.fullmatch(name))), None)
    return found[1] if found else ""


def _titles(page: Page) -> tuple[int, int]:
    """Returns the hashes of the page's <title> and of its first heading. The hash of a missing or empty one is 0."""
    heading = next((el for tag in ("h1", "h2") for el in page.index.tag(tag)[:1]), None)
    return _text_hash(page.head_title), _text_hash(element_line(heading)) if heading is not None else 0


def _text_hash(text: str) -> int:
    folded = fold_text(text[:_MAX_TITLE_LENGTH])
    return _hash(folded) if folded else 0


def date_slot(article: Article) -> int:
    """Returns a number for the place in the page's markup where the date of publication is shown; 0 if the page does
    not show it. The number is equal for all pages that show the date in the same place.

    - It is 0 if the date is uncertain, or is only declared in the head or in the address.
    - It is `HEAD_SLOT` if a learned rule reads the date from the head, since it is then unknown whether the page shows
      it.
    - A date of the last change in the byline counts if it is used as the date of publication and the page shows no
      other.
    """
    shown = [e for e in article.evidence if e.field == "published" and e.source not in _NOT_SHOWN]
    if article.published is None:
        return 0
    day = article.published.date().isoformat()
    found = [e for e in shown if e.confidence > _CERTAIN] or [
        e for e in shown if e.locator == CHANGED_BESIDE_HEADING and e.value.startswith(day)
    ]
    if not found:
        return 0
    best = max(found, key=lambda e: e.confidence)
    return HEAD_SLOT if best.locator.startswith(_IN_HEAD) else _hash(_slot_of(best))


def shows_one_date(article: Article) -> bool:
    """Returns True if all dates on the page that may be its date of publication, however uncertain, are on the same
    day. For a post without a heading, this is the only sign that the date is right.
    """
    shown = {e.value[:10] for e in article.evidence if e.field == "published" and e.source not in _NOT_SHOWN}
    return article.published is not None and len(shown) == 1


_CERTAIN = 0.6
HEAD_SLOT = 1
"""The value of `date_slot` if a learned rule reads the date in the head of the page."""
_IN_HEAD = ("ld+json", "meta[")
_NOT_SHOWN = frozenset(
    (
        "api",
        "feed",
        "meta",
        "json-ld",
        "url",
        "address",
        "listing",
        "sitemap",
        REFUSED,
        PAGE_OBJECT,
        PAGE_OBJECT_FAILED,
        PAGE_OBJECT_KEPT,
    )
)


def _slot_of(evidence: Evidence) -> str:
    return f"{evidence.source}:{re.sub(r'[0-9]+', '', evidence.locator)}"
