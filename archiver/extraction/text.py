"""Text of elements: one line, and the plain text of a body."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html import unescape

from lxml.etree import _Element as Element

_SPACE = re.compile(r"[\s\u00a0\u2007\u202f\u3000]+")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ENTITY = re.compile(r"&(#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,31});")
_SILENT = frozenset(
    [
        "script", "style", "noscript", "template", "svg", "iframe", "object", "select", "textarea", "button",
        "form", "input", "canvas", "audio", "video", "map", "head", "nav", "math-source",
    ]
)
BREAK = frozenset(
    [
        "p", "div", "section", "article", "header", "footer", "main", "aside", "blockquote", "figure", "details",
        "figcaption", "table", "tbody", "thead", "tfoot", "ul", "ol", "dl", "pre", "h1", "h2", "h3", "h4", "h5",
        "h6", "hr", "address", "center", "fieldset", "summary", "caption", "hgroup", "form", "nav", "body", "li",
        "tr", "dt", "dd", "option",
    ]
)
"""Elements that begin and end a line of their own."""
CELL = frozenset({"td", "th"})


def clean(text: str | None) -> str:
    """One line: NFC, entities that were escaped twice decoded, white space collapsed, invisible marks removed."""
    if not text:
        return ""
    if "&" in text and _ENTITY.search(text):
        text = unescape(text)
    return unicodedata.normalize("NFC", _SPACE.sub(" ", _INVISIBLE.sub("", text))).strip()


def line(el: Element | None) -> str:
    """All text of an element as one line, without scripts; blocks and line breaks become a space."""
    if el is None:
        return ""
    parts: list[str] = []
    for at in _pieces(el):
        if isinstance(at, str):
            parts.append(at)
        elif at.tag in BREAK or at.tag in CELL or at.tag == "br":
            parts.append(" ")
    return clean("".join(parts))


def folded(text: str) -> str:
    """Letters and digits only, without case: for asking whether two texts say the same."""
    text = unicodedata.normalize("NFKC", clean(text)).casefold()
    return "".join(c for c in text if c.isalnum() or unicodedata.category(c)[0] == "M")


def _pieces(top: Element) -> Iterator[Element | str]:
    """Texts, and elements where they begin and end, in reading order, without recursion: pages nest 2,000 deep."""
    stack: list[tuple[Element, bool]] = [(top, False)]
    while stack:
        el, done = stack.pop()
        if not done and isinstance(el.tag, str) and el.tag not in _SILENT:
            yield el
            if el.text:
                yield el.text
            stack.append((el, True))
            stack.extend((child, False) for child in reversed(el))
            continue
        if done:
            yield el
        if el is not top and el.tail:
            yield el.tail


def tidy(text: str) -> str:
    """At most one blank line in a row, none at the ends; NFC."""
    text = unicodedata.normalize("NFC", re.sub(r"[ \t]+\n", "\n", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip()
