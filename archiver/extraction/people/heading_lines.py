"""The text right above and below the heading of a post, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml.etree import _Element as Element

from archiver.extraction.prose.noise import names_footer
from archiver.extraction.scope import Post
from archiver.extraction.text import clean, line

_BLANK_LINE = re.compile(r"\n\s*\n")
_BLOCK = frozenset(
    {
        "p",
        "div",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "pre",
        "table",
        "blockquote",
        "section",
        "header",
        "figure",
        "article",
        "footer",
        "aside",
        "nav",
        "hr",
        "main",
        "dl",
        "address",
    }
)
_SILENT = frozenset({"script", "style", "noscript", "svg", "button", "form", "nav", "aside"})
_MOST_LINES, _ROOM = 10, 900  # lines and characters that are read after the heading


@dataclass(slots=True)
class Line:
    text: str
    chunks: list[str]
    elements: list[Element]


def lines_before(post: Post) -> list[Line]:
    """Short blocks right above the heading, nearest first; some themes put the date there."""
    out: list[Line] = []
    at: Element | None = post.title
    for _ in range(3):
        if at is None or at.tag in ("body", "html", "main") or at is post.holder:
            break
        previous = at.getprevious()
        while previous is not None and len(out) < 3:
            text = line(previous)
            if len(text) > 160:
                return out
            if text:
                out.append(Line(text, [text], [previous]))
            previous = previous.getprevious()
        at = at.getparent()
    return out


def lines_after(post: Post) -> list[Line]:
    """The text after the heading, line by line: a line ends where a block element begins or ends."""
    reader = _LineReader(post)
    reader.read_after()
    return reader.lines


class _LineReader:
    """Reads what follows the heading of a post, up to its body, into lines. `room`: the characters left to read."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.lines: list[Line] = []
        self.room = _ROOM
        self._chunks: list[str] = []
        self._elements: list[Element] = []

    @property
    def is_full(self) -> bool:
        return self.room <= 0 or len(self.lines) > _MOST_LINES

    def read_after(self) -> None:
        at = self.post.title
        for _ in range(4):
            if at is None or self.room <= 0 or at.tag in ("body", "html") or at is self.post.body:
                break
            self._take(at.tail)
            is_at_body = self._read_siblings(at)
            self._close()
            at = at.getparent()
            if is_at_body or at is self.post.holder:
                break
        self._close()

    def _read_siblings(self, el: Element) -> bool:
        """Reads the siblings after an element; whether the post's body is one of them."""
        sibling = el.getnext()
        while sibling is not None and not self.is_full:
            if sibling is self.post.body:
                return True
            self._read(sibling, 0)
            self._take(sibling.tail)
            sibling = sibling.getnext()
        return False

    def _read(self, el: Element, depth: int) -> None:
        if not isinstance(el.tag, str) or el.tag in _SILENT:
            return
        if names_footer(f"{el.get('class') or ''} {el.get('id') or ''}"):
            return
        is_block = el.tag in _BLOCK
        if is_block:
            self._close()
        self._take(el.text)
        if is_block:
            self._elements.append(el)
        for child in el:
            if self.is_full:
                return
            if depth < 40:
                self._read(child, depth + 1)
            self._take(child.tail)
        if is_block:
            self._close()

    def _take(self, text: str | None) -> None:
        if text and text.strip():
            self.room -= len(text.strip())
            self._chunks.extend(part for part in _BLANK_LINE.split(text) if part.strip())

    def _close(self) -> None:
        """Ends the line that is being read."""
        text = clean(" ".join(self._chunks))
        if text:
            self.lines.append(Line(text, [c for c in map(clean, self._chunks) if c], list(self._elements)))
        self._chunks.clear()
        self._elements.clear()
