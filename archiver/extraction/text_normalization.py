"""Normalizes texts: reads an element's text as one line, folds a text for comparison, and tidies the white space of a
body."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import unescape

from lxml import etree
from lxml.etree import _Element as Element

_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ENTITY = re.compile(r"&(#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,31});")
_UNREAD = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "iframe",
        "object",
        "select",
        "textarea",
        "button",
        "form",
        "input",
        "canvas",
        "audio",
        "video",
        "map",
        "head",
        "nav",
        "math-source",
    ]
)
BREAK = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "blockquote",
        "figure",
        "details",
        "figcaption",
        "table",
        "tbody",
        "thead",
        "tfoot",
        "ul",
        "ol",
        "dl",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "address",
        "center",
        "fieldset",
        "summary",
        "caption",
        "hgroup",
        "form",
        "nav",
        "body",
        "li",
        "tr",
        "dt",
        "dd",
        "option",
    ]
)
"""Elements before and after which a new line begins."""
CELL = frozenset({"td", "th"})
_NOT_INLINE = BREAK | CELL | _UNREAD | {"br"}


class _LettersOnly(dict[int, str | None]):
    """A table for `str.translate` that keeps letters, digits and combining marks and removes all other characters. A
    character is added to the table when it first occurs.
    """

    def __missing__(self, code: int) -> str | None:
        c = chr(code)
        self[code] = kept = c if c.isalnum() or unicodedata.category(c)[0] == "M" else None
        return kept


_LETTERS_ONLY = _LettersOnly()
_SHORT = 300  # results are cached for texts of at most this many characters (names, titles, lines), which recur often


def clean_text(text: str | None) -> str:
    """Returns a text as one clean line: in NFC, with white space collapsed, invisible characters removed and entities
    decoded. A parsed text still contains entities if the page escaped it twice.
    """
    if not text:
        return ""
    if "&" in text and _ENTITY.search(text):
        text = unescape(text)
    text = " ".join(text.split())
    if text.isascii():
        return text
    if not text.isprintable():  # quick test: a text with invisible characters is not printable
        text = " ".join(_INVISIBLE.sub("", text).split())
    return unicodedata.normalize("NFC", text)


def element_line(el: Element | None) -> str:
    """Returns all text of an element as one line, without scripts. Blocks and line breaks are replaced by spaces."""
    if el is None or el.tag in _UNREAD:
        return ""
    if len(el) == 0:
        return clean_text(el.text)
    if all(below.tag not in _NOT_INLINE for below in el.iterdescendants()):
        return clean_text("".join(el.itertext()))  # type: ignore[arg-type]
    parts: list[str] = []
    for event, at in (walker := etree.iterwalk(el, events=("start", "end"))):
        tag = at.tag
        if tag in _UNREAD or not isinstance(tag, str):
            if event == "start":
                walker.skip_subtree()
                continue
        elif tag in BREAK or tag in CELL or tag == "br":
            parts.append(" ")
        if text := at.text if event == "start" else at.tail if at is not el else None:
            parts.append(text)
    return clean_text("".join(parts))


def fold_text(text: str) -> str:
    """Returns only the letters and digits of a text, in NFKC and casefolded, so that it can be compared with others."""
    return _folded_cached(text) if len(text) <= _SHORT else _folded(text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", clean_text(text)).casefold().translate(_LETTERS_ONLY)


_folded_cached = lru_cache(maxsize=8_192)(_folded)


# Matches only from the start of white space. Otherwise a long run of spaces without a line end takes quadratic time.
_BEFORE_BREAK = re.compile(r"(?<![ \t])[ \t]+\n")


def tidy_body(text: str) -> str:
    """Returns a body in NFC with at most one blank line in a row, none at its ends, and no white space before line
    ends.
    """
    if " \n" in text or "\t\n" in text:
        text = _BEFORE_BREAK.sub("\n", text)
    text = unicodedata.normalize("NFC", text)
    return (re.sub(r"\n{3,}", "\n\n", text) if "\n\n\n" in text else text).strip()
