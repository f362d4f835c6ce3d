"""Normalizes texts: reads an element's text as one line, folds a text for comparison, and tidies the white space of a
body."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import unescape

from lxml import etree
from lxml.etree import _Element as Element

from archiver.markup import lazy_regex

_INVISIBLE = lazy_regex("[\u200b\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ENTITY = lazy_regex(r"&(#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,31});")
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


# Escapes such as \W and "(?P" keep their case. Apart from capitals, only "ı" equals an ASCII letter if case is ignored.
_IN_PATTERN = lazy_regex(r"\\.|\(\?P|[A-Zı]")


def _lower_in_pattern(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) > 1 else found[0].lower().replace("ı", "i")


class CaselessPattern:
    """A regular expression that ignores case. The string of a match may be in lower case, so only the positions of a
    match are of use.

    A text in ASCII is converted to lower case and matched with a case-sensitive pattern, because only then the engine
    skips alternatives by their first letter. With many alternatives this halves the time.
    """

    __slots__ = ("_any", "_lower")

    def __init__(self, pattern: str) -> None:
        self._any = lazy_regex(pattern, re.IGNORECASE)
        self._lower = lazy_regex(_IN_PATTERN.sub(_lower_in_pattern, pattern))

    def match(self, text: str) -> re.Match[str] | None:
        return self._lower.match(text.lower()) if text.isascii() else self._any.match(text)


_MOST_LOST = 20
"""A cleaned text without entities loses fewer characters than this if more text follows it, whose first signs may be
composed with its last ones."""
_SHORT = 300  # results are cached for texts of at most this many characters (names, titles, lines), which recur often


def clean_text(text: str | None) -> str:
    """Returns a text as one clean line, "" for None: in NFC, with white space collapsed, invisible characters removed
    and entities decoded. A parsed text still contains entities if the page escaped it twice.
    """
    if not text:
        return ""
    if "&" in text and _ENTITY.search(text):
        text = unescape(text)
    # Quick tests: of all white space only the space is printable, and invisible characters are not printable either.
    if "  " in text or text[:1] == " " or text[-1:] == " " or not text.isprintable():
        text = " ".join(text.split())
    if text.isascii():
        return text
    if not text.isprintable():
        text = " ".join(_INVISIBLE.sub("", text).split())
    return unicodedata.normalize("NFC", text)


def element_line(el: Element | None) -> str:
    """Returns all text of an element as one line, without scripts; "" for None. Blocks and line breaks are replaced by
    spaces.
    """
    if el is None or el.tag in _UNREAD:
        return ""
    if len(el) == 0:
        return clean_text(el.text)
    if all(below.tag not in _NOT_INLINE for below in el.iterdescendants()):
        return clean_text("".join(el.itertext()))  # type: ignore[arg-type]
    return clean_text("".join(_text_parts(el)))


def has_longer_line(el: Element, length: int) -> bool:
    """Returns True if `element_line` of an element has more than `length` characters. A long element is read only as
    far as necessary.
    """
    if el.tag in _UNREAD:
        return False
    enough = length + _MOST_LOST
    parts: list[str] = []
    count = 0
    for part in _text_parts(el):
        parts.append(part)
        count += len(part.strip())
        if count > enough:
            start = "".join(parts)
            if "&" not in start and len(clean_text(start)) > enough:
                return True
            break
    return len(element_line(el)) > length


def _text_parts(el: Element) -> Iterator[str]:
    """Yields the texts of an element and a space for each block and line break, without scripts."""
    for event, at in (walker := etree.iterwalk(el, events=("start", "end"))):
        tag = at.tag
        if tag in _UNREAD or not isinstance(tag, str):
            if event == "start":
                walker.skip_subtree()
                continue
        elif tag in BREAK or tag in CELL or tag == "br":
            yield " "
        if text := at.text if event == "start" else at.tail if at is not el else None:
            yield text


def has_text(el: Element, least: int = 1) -> bool:
    """Returns True if an element contains at least `least` characters of text, not counting white space around its
    texts.
    """
    length = 0
    for text in el.itertext():
        length += len(text.strip())
        if length >= least:
            return True
    return False


def fold_text(text: str) -> str:
    """Returns only the letters and digits of a text, in NFKC and casefolded, so that it can be compared with others."""
    return _folded_cached(text) if len(text) <= _SHORT else _folded(text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", clean_text(text)).casefold().translate(_LETTERS_ONLY)


_folded_cached = lru_cache(maxsize=8_192)(_folded)


# Matches only from the start of white space. Otherwise a long run of spaces without a line end takes quadratic time.
_BEFORE_BREAK = lazy_regex(r"(?<![ \t])[ \t]+\n")


def tidy_body(text: str) -> str:
    """Returns a body in NFC with at most one blank line in a row, none at its ends, and no white space before line
    ends.
    """
    if " \n" in text or "\t\n" in text:
        text = _BEFORE_BREAK.sub("\n", text)
    text = unicodedata.normalize("NFC", text)
    return (re.sub(r"\n{3,}", "\n\n", text) if "\n\n\n" in text else text).strip()
