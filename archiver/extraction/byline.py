"""The free-text lines around a heading: "Posted on: Sat 20 June 2026 by NAME", "May 6, 2022 - Jane Doe (@jdoe) John Smith"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from archiver.extraction.datetext import Moment, visible
from archiver.extraction.names import looks_personal, names
from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.text import clean
from archiver.extraction.words import BY, MODIFIED
from lxml.etree import _Element as Element

_DASH = re.compile(r"^\s*[-–—|·•,:]\s*|\s*[-–—|·•,:]\s*$")
_BLOCK = frozenset({"p", "div", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "blockquote", "section", "header", "figure", "article",
                    "footer", "aside", "nav", "hr", "main", "dl", "address"})
_HANDLE = re.compile(r"[\(\[]?\s*@[\w.]+\s*[\)\]]?")
_LABEL = re.compile(r"^(?:posted|published|written|date|last updated|updated|on|veröffentlicht|publié|publicado|pubblicato|опубликовано|đăng|发布于|发表于|"
                    r"投稿日|公開日|更新日|작성일|نشر|פורסם)\b", re.IGNORECASE)
_SEARCH_BY = re.compile(r"(?:^|[\s|·•,–—-])((?:by|por|par|von|da|di|door|przez|bởi|oleh|av|af|автор|作者|記者|记者|文|בקלם|מאת|بقلم)[:：]?\s+\S.*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Beside:
    """What the lines right below (or above) the heading say. `lines`: those that are meta lines, not text."""

    names: tuple[str, ...] = ()
    moment: Moment | None = None
    modified: Moment | None = None
    sure: bool = False
    lines: tuple[str, ...] = ()
    elements: tuple[Element, ...] = ()


@dataclass(slots=True)
class _Line:
    text: str
    chunks: list[str]
    elements: list[Element]


def beside_heading(page: Page, post: Post) -> Beside:
    """Reads up to a dozen short lines after the title (and, for a date only, the line before it)."""
    if post.title is None:
        return Beside()
    language = page.language or ""
    found: list[str] = []
    moment = modified = None
    sure = False
    meta: list[str] = []
    elements: list[Element] = []
    for n, one in enumerate(_lines_after(post)):
        if n >= 8 or len(one.text) > 240:
            break
        when = visible(one.text, language) if len(one.text) < 200 else None
        rest = _without_date(one.text) if when else one.text
        said = _names_in(one, rest, when is not None)
        if when is None and not said:
            if n > 3 or len(one.text) > 120:
                break
            continue
        if when is not None:
            if MODIFIED.search(one.text):
                modified = modified or when
            else:
                moment = moment or when
        if said and not found:
            found, sure = said, when is not None or bool(BY.match(one.text))
        meta.append(one.text)
        elements += one.elements
    return Beside(tuple(dict.fromkeys(found)), moment, modified, sure, tuple(meta), tuple(elements))


def _names_in(one: _Line, rest: str, dated: bool) -> list[str]:
    """The names of a meta line: after "by"; or, beside a date, chunks that have the shape of names."""
    m = BY.match(one.text) or BY.match(rest)
    if m and m.end() > 0:
        text = one.text if BY.match(one.text) else rest
        if not dated and len(text) > 160:
            return []
        return [x for x in names(text) if looks_personal(x)]
    if (m := _SEARCH_BY.search(rest)) and (dated or len(rest) < 90) and (found := names(m[1])) and all(looks_personal(x) for x in found):
        return found
    if not dated:
        return []
    out: list[str] = []
    for n, chunk in enumerate(one.chunks):
        bare = _DASH.sub("", _DASH.sub("", clean(_HANDLE.sub(" ", _without_date(chunk)))))
        if not bare or _LABEL.match(bare):
            continue
        found = names(bare)
        handled = "@" in "".join(one.chunks[n : n + 2])
        if not found or not all(looks_personal(x) and (len(x.split()) > 1 or not x.isascii() or handled) for x in found):
            return []
        out += found
    return out


_DATE_PARTS = re.compile(
    r"(?:\w{2,12}\.?,?\s+)?(?:\d{1,2}(?:st|nd|rd|th|\.)?\s+(?:de\s+)?\w{3,12}\.?,?\s+(?:de\s+)?\d{4}|\w{3,12}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4}|"
    r"\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T,]?\s*(?:at\s+)?\d{1,2}:\d{2}(?::\d{2})?(?:\s*[ap]\.?m\.?)?(?:\s*[A-Z]{2,4}\b|Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE)


def _without_date(text: str) -> str:
    return _DASH.sub("", _DASH.sub("", _LABEL.sub("", _DATE_PARTS.sub(" ", text, count=1).strip())).lstrip(" :：")).strip()


def _lines_after(post: Post) -> list[_Line]:
    """The text after the heading, line by line: a line ends where a block element begins or ends."""
    title = post.title
    assert title is not None
    out: list[_Line] = []
    chunks: list[str] = []
    elements: list[Element] = []
    budget = 900

    def close() -> None:
        text = clean(" ".join(chunks))
        if text:
            out.append(_Line(text, [c for c in map(clean, chunks) if c], list(elements)))
        chunks.clear()
        elements.clear()

    def take(text: str | None) -> None:
        nonlocal budget
        if text and text.strip():
            budget -= len(text.strip())
            chunks.extend(part for part in re.split(r"\n\s*\n", text) if part.strip())

    def read(el: Element, depth: int) -> None:
        if not isinstance(el.tag, str) or el.tag in ("script", "style", "noscript", "svg", "button", "form", "nav", "aside"):
            return
        block = el.tag in _BLOCK
        if block:
            close()
        take(el.text)
        elements.append(el)
        for child in el:
            if budget <= 0 or len(out) > 10:
                return
            if depth < 40:
                read(child, depth + 1)
            take(child.tail)
        if block:
            close()

    at: Element | None = title
    for _ in range(4):
        if at is None or budget <= 0 or at.tag in ("body", "html") or at is post.body:
            break
        take(at.tail)
        sibling = at.getnext()
        while sibling is not None and budget > 0 and len(out) <= 10:
            if sibling is post.body:
                close()
                return out
            read(sibling, 0)
            take(sibling.tail)
            sibling = sibling.getnext()
        close()
        at = at.getparent()
        if at is post.holder:
            break
    close()
    return out
