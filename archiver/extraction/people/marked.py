"""The lines of a page around its post, each piece with what marks it as an author's name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lxml.etree import _Element as Element

from archiver.extraction.people import authormarks as marks
from archiver.extraction.people.byline_words import word_set
from archiver.extraction.text import clean

_BLOCK = word_set(
    "p div ul ol li h1 h2 h3 h4 h5 h6 pre table tr td blockquote section header figure article footer aside nav hr "
    "main dl "
    "dt dd address br"
)
_SILENT = word_set(
    "script style noscript template svg iframe select textarea object video audio canvas head button input"
)


_MOST = 4000  # characters of one text that are read: no byline is longer
_PICTURES = 8  # in one line: a gallery shows no author


@dataclass(frozen=True, slots=True)
class Chunk:
    """A text without elements in it. `mark`: the innermost author mark around it; `href`: that of the link around it;
    `head`: whether it is in a heading."""

    text: str
    el: Element
    mark: str
    href: str
    head: bool


@dataclass(frozen=True, slots=True)
class _Around:
    """What the elements around a text say of it, as in `Chunk`."""

    mark: str = ""
    href: str = ""
    head: bool = False

    def inside(self, el: Element) -> _Around:
        """The same inside one more element."""
        mark = _own_mark(el) or (marks.NOT if self.mark and marks.is_aside(el.get("class") or "") else self.mark)
        tag = el.tag
        href = (el.get("href") or "#") if tag == "a" else self.href
        head = self.head or tag in ("h1", "h2")
        if mark == self.mark and href == self.href and head == self.head:
            return self
        return _Around(mark, href, head)


_NOTHING_AROUND = _Around()


@dataclass(slots=True)
class Line:
    chunks: list[Chunk] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)

    text: str = ""


def after(el: Element) -> Iterator[tuple[Element, bool]]:
    """What follows an element in the document: (element, False) is to be read whole, (element, True) only its tail."""
    at: Element | None = el
    while at is not None and at.tag not in ("body", "html"):
        yield at, True
        for sibling in at.itersiblings():
            yield sibling, False
            yield sibling, True
        at = at.getparent()


def before(el: Element) -> Iterator[tuple[Element, bool]]:
    """What precedes an element, nearest first: the siblings before it and before its nearest ancestors."""
    at: Element | None = el
    for _ in range(5):
        if at is None or at.tag in ("body", "html", "main"):
            return
        for sibling in at.itersiblings(preceding=True):
            yield sibling, False
        at = at.getparent()


class Reader:
    """Reads elements into lines; a line ends where a block begins or ends.

    Menus, comments, lists of other posts, quotations and forms are left out. `room`: the characters left to read.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self._at = Line()

    def _close(self) -> Iterator[Line]:
        one = self._at
        one.text = clean(" ".join(c.text for c in one.chunks))
        yield one
        self._at = Line()

    def _take(self, text: str | None, el: Element | None, around: _Around) -> None:
        if text and el is not None and not text.isspace() and (text := clean(text[:_MOST])):
            self.room -= len(text)
            self._at.chunks.append(Chunk(text, el, around.mark, around.href, around.head))

    def lines(self, roots: Iterable[tuple[Element, bool]]) -> Iterator[Line]:
        for root, tail_only in roots:
            if self.room <= 0:
                break
            if tail_only:
                self._take(root.tail, root.getparent(), _NOTHING_AROUND)
            else:
                yield from self._read(root)
        yield from self._end_line()

    def _end_line(self) -> Iterator[Line]:
        if self._at.chunks or self._at.pictures:
            yield from self._close()

    def _read(self, root: Element) -> Iterator[Line]:
        stack = [(root, _NOTHING_AROUND)]
        entered: list[Element] = []  # an element is on the stack twice: to be entered, and to be left
        while stack and self.room > 0:
            el, around = stack.pop()
            if entered and entered[-1] is el:
                entered.pop()
                if el.tag in _BLOCK:
                    yield from self._end_line()
            elif isinstance(el.tag, str) and el.tag not in _SILENT and not marks.is_foreign(el):
                if el.tag in _BLOCK:
                    yield from self._end_line()
                entered.append(el)
                stack.append((el, around))
                inside = self._enter(el, around)
                if len(el):
                    stack += [(child, inside) for child in reversed(el)]
                continue
            if el is not root and (text := el.tail):
                self._take(text, el.getparent(), around)

    def _enter(self, el: Element, around: _Around) -> _Around:
        """Reads an element's picture and the text before its first child."""
        if el.tag == "img" and len(self._at.pictures) < _PICTURES and (who := marks.pictured(el)):
            self._at.pictures.append(who)
        inside = around.inside(el)
        if text := el.text:
            self._take(text, el, inside)
        return inside


def _own_mark(el: Element) -> str:
    own = marks.mark(classes) if (classes := el.get("class")) else ""
    if own == marks.NOT:
        return own
    for value in (el.get("rel"), el.get("itemprop")):
        if value and "author" in value.split():
            return own or marks.AUTHOR
    return own
