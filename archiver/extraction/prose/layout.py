"""The text below an element as blocks in reading order, measured in one walk, so that later questions cost nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import accumulate, islice

from lxml import etree
from lxml.etree import _Element as Element

from archiver.extraction.prose.noise import said_by_names
from archiver.extraction.text import BREAK, CELL, clean

SILENT = frozenset(
    [
        "script", "style", "noscript", "template", "svg", "iframe", "object", "select", "textarea", "input",
        "canvas", "audio", "video", "map", "head", "math-source", "dialog", "datalist",
    ]
)
_LINE = frozenset(["li", "tr", "dt", "dd", "option", "tbody", "thead", "tfoot"])
_INLINE = frozenset(
    [
        "a", "span", "b", "i", "em", "strong", "img", "u", "s", "small", "sub", "sup", "font", "code", "mark",
        "abbr", "time", "cite", "q", "label", "picture", "source", "wbr", "del", "ins", "big", "strike", "tt",
        "kbd", "samp", "var", "dfn", "bdi", "bdo", "ruby", "rt", "rp", "rb", "data", "col", "colgroup", "path",
        "use", "g",
    ]
)
# What an element is to the walk; that of none of these is a part like any division.
_KINDS = {
    **dict.fromkeys(BREAK, "break"), **dict.fromkeys(CELL, "cell"), **dict.fromkeys(_INLINE, "inline"),
    **dict.fromkeys(SILENT, "silent"),
}  # fmt: skip
# Elements that are mostly a line of text with some inline elements, and what must not be in them to be read as one.
_OFTEN_PLAIN = frozenset(["p", "li", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "figcaption"])
_NOT_PLAIN = (*sorted(BREAK | CELL | SILENT), "br", "button", "dialog")
_LISTS = frozenset(["ul", "ol", "dl", "table", "pre", "blockquote"])
_WIDE = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
_PARAGRAPHS = re.compile("\x1e\\s*\x1e[\\s\x1e]*")
_NEWLINE = "\x1e"
Texts = tuple[str | None, str | None]


class Block:
    """A run of text between two breaks. `gap` is what stands before it: a blank line or a line's end.

    `size` counts letters as wide as Latin ones (a Han character counts as two and a half), `linked` those of them
    that are inside links. `element` is the block-level element it stands in.
    """

    __slots__ = ("element", "gap", "linked", "size", "text")

    def __init__(self, text: str, gap: str, element: Element, size: float, linked: float) -> None:
        self.text, self.gap, self.element, self.size, self.linked = text, gap, element, size, linked

    def __repr__(self) -> str:
        return f"Block({self.element.tag}, {self.text[:60]!r}, {self.size:.0f}, {self.linked:.0f})"


class Layout:
    """The blocks below `top`, and for each block-level element which of them are below it (`spans`)."""

    __slots__ = ("blocks", "said", "spans", "top")

    def __init__(self, top: Element, blocks: list[Block], spans: dict[Element, tuple[int, int]]) -> None:
        self.top, self.blocks, self.spans = top, blocks, spans
        self.said: dict[Element, str] = {}

    def noise(self, el: Element) -> str:
        """The word by which an element's names say that it is no text (`noise.said_by_names`)."""
        found = self.said.get(el)
        if found is None:
            found = self.said[el] = said_by_names(el)
        return found

    def sums(self, of: list[float]) -> list[float]:
        """Sums of a figure before each block, so that `s[hi] - s[lo]` is that of a span."""
        return [0.0, *accumulate(of)]


def covered(spans: list[tuple[int, int]], sums: list[float]) -> float:
    """How much of a figure lies in some spans together; nested ones count once."""
    total, done = 0.0, 0
    for lo, hi in sorted(spans):
        if hi > done:
            total += sums[hi] - sums[max(lo, done)]
            done = hi
    return total


def width(text: str) -> float:
    """Letters of a text, as wide as Latin ones."""
    return float(len(text)) if text.isascii() else len(text) + 1.5 * sum(map(len, _WIDE.findall(text)))


class _Writer:
    """What is read so far: finished blocks, and the run of text that the next break ends."""

    __slots__ = ("at", "blocks", "buffer", "gap", "linked", "pre")

    def __init__(self, top: Element) -> None:
        self.blocks: list[Block] = []
        self.buffer: list[str] = []
        self.at = [top]
        self.gap, self.linked, self.pre = "", 0.0, 0

    def end_row(self, cells: list[str]) -> None:
        """Writes the cells that were read as one line."""
        if cells:
            self.buffer.append(" | ".join(c for c in cells if c))
            cells.clear()

    def read(self, el: Element, gap: str) -> None:
        """Reads an element without breaks in it as a block of its own."""
        self.at.append(el)
        self.buffer.append("".join(el.itertext()))  # type: ignore[arg-type]
        for link in el.iter("a"):
            self.linked += width("".join(link.itertext()))  # type: ignore[arg-type]
        self.pre += el.tag == "pre"
        self.end_line(gap)
        self.pre -= el.tag == "pre"
        self.at.pop()

    def end_line(self, gap: str) -> None:
        """Makes a block of the run, and leaves at least `gap` before the next one."""
        if self.buffer:
            text = "".join(self.buffer)
            self.buffer.clear()
            if text.isspace():
                parts = []
            elif self.pre:
                parts = [text.expandtabs(4).strip("\n").rstrip()]
            elif _NEWLINE in text:
                parts = [
                    "\n".join(line for line in map(clean, part.split(_NEWLINE)) if line)
                    for part in _PARAGRAPHS.split(text)
                ]
            else:
                parts = [clean(text)]
            for part in parts:
                if part and not part.isspace():
                    size = width(part)
                    self.blocks.append(Block(part, self.gap, self.at[-1], size, min(self.linked, size)))
                    self.linked = max(0.0, self.linked - size)
                    self.gap = "\n\n" if len(parts) > 1 else ""
            self.linked = 0.0
        if gap > self.gap:
            self.gap = gap


def _above(skip: Collection[Element]) -> set[Element]:
    """The elements around those that are left out."""
    found: set[Element] = set()
    for el in skip:
        for at in el.iterancestors():
            if at in found:
                break
            found.add(at)
    return found


def _is_plain(el: Element, touched: set[Element]) -> bool:
    """Whether an element holds nothing but text and inline elements, all of it to be read."""
    return el not in touched and next(el.iterdescendants(*_NOT_PLAIN), None) is None


def layout(
    top: Element, skip: Collection[Element] = frozenset(), texts: Mapping[Element, Texts] | None = None
) -> Layout:
    """Reads the text below an element.

    Paragraphs, headings and the like are blocks after a blank line; list items and table rows (cells joined by
    " | ") after a line's end; two <br> in a row part paragraphs; `pre` keeps its lines. `skip`: elements left out;
    `texts`: the text and the tail of each element, where they are known already.
    Time and memory are linear in the size of the part, however deep it nests.
    """
    w = _Writer(top)
    spans: dict[Element, tuple[int, int]] = {}
    open_: list[tuple[Element, int, str]] = []
    cells: list[str] = []
    links = in_cell = 0
    touched = _above(skip)
    whole: Element | None = None
    walker = etree.iterwalk(top, events=("start", "end"))
    for event, el in walker:
        tag = el.tag
        kind = _KINDS.get(tag, "")
        starts = event == "start"
        if el is whole:
            whole = None  # its end, after it was read in one piece
        elif kind == "silent" or el in skip:
            if starts:
                walker.skip_subtree()
                continue
        elif kind == "inline":
            if tag == "a":
                links += 1 if starts else -1
        elif kind == "cell" and not w.pre:
            if starts:
                if in_cell or not _is_division(el):
                    in_cell += 1
                else:
                    w.end_row(cells)
                    w.end_line("\n\n")
                    w.at.append(el)
                    open_.append((el, len(w.blocks), ""))
            elif in_cell:
                in_cell -= 1
                if not in_cell:
                    cells.append(clean("".join(w.buffer).replace(_NEWLINE, " ")))
                    w.buffer.clear()
            elif open_ and open_[-1][0] is el:
                w.end_line("\n\n")
                spans[el] = (open_.pop()[1], len(w.blocks))
                w.at.pop()
        elif in_cell and not w.pre:
            w.buffer.append(" ")
        elif tag == "br":
            if starts:
                w.buffer.append("\n" if w.pre else _NEWLINE)
        elif w.pre and tag != "pre":
            if kind == "break" and not starts and w.buffer and not w.buffer[-1].endswith("\n"):
                w.buffer.append("\n")
        elif kind == "break":
            if tag == "tr":
                w.end_row(cells)
            if starts:
                gap = _gap(el, tag, top)
                w.end_line(gap)
                if tag in _OFTEN_PLAIN and len(el) > 1 and not links and el is not top and _is_plain(el, touched):
                    w.read(el, gap)
                    spans[el] = (len(w.blocks) - bool(w.blocks and w.blocks[-1].element is el), len(w.blocks))
                    whole = el
                    walker.skip_subtree()
                    continue
                w.at.append(el)
                open_.append((el, len(w.blocks), gap))
                w.pre += tag == "pre"
            else:
                _, first, gap = open_.pop()
                w.end_line(gap)
                w.pre -= tag == "pre"
                spans[el] = (first, len(w.blocks))
                w.at.pop()
        elif starts:
            open_.append((el, len(w.blocks), ""))
        else:
            spans[el] = (open_.pop()[1], len(w.blocks))
        if not starts and el is top:
            break
        text = texts[el][not starts] if texts is not None else el.text if starts else el.tail
        if text:
            if w.pre or not text.isspace():
                w.buffer.append(text)
                if links:
                    w.linked += width(text)
            elif w.buffer:
                w.buffer.append(" ")
    w.end_row(cells)
    w.end_line("")
    spans[top] = (0, len(w.blocks))
    return Layout(top, w.blocks, spans)


def _is_division(cell: Element) -> bool:
    """Whether a table is there for the layout: its cell holds a table, headings or several paragraphs."""
    if next(cell.iter("table", "h1", "h2", "h3", "article"), None) is not None:
        return True
    return len(list(islice(cell.iter("p"), 3))) > 2


def _gap(el: Element, tag: str, top: Element) -> str:
    if tag in _LINE:
        return "\n"
    if tag not in _LISTS and el is not top:
        parent = el.getparent()
        if parent is not None and parent is not top and parent.tag in ("li", "dd", "dt"):
            return "\n"
    return "\n\n"


def written(blocks: list[Block]) -> str:
    """Blocks as plain text."""
    return "".join(b.gap + b.text for b in blocks).strip("\n")
