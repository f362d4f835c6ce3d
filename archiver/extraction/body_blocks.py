"""Reads the text of an element as blocks in reading order, with their lengths, in one walk through its tree."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import accumulate, islice

from lxml.etree import _Element as Element

from archiver.extraction.boilerplate import boilerplate_word
from archiver.extraction.text_normalization import BREAK, CELL, clean_text

UNREAD = frozenset(
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
        "input",
        "canvas",
        "audio",
        "video",
        "map",
        "head",
        "math-source",
        "dialog",
        "datalist",
    ]
)
_LINE = frozenset(["li", "tr", "dt", "dd", "option", "tbody", "thead", "tfoot"])
_INLINE = frozenset(
    [
        "a",
        "span",
        "b",
        "i",
        "em",
        "strong",
        "img",
        "u",
        "s",
        "small",
        "sub",
        "sup",
        "font",
        "code",
        "mark",
        "abbr",
        "time",
        "cite",
        "q",
        "label",
        "picture",
        "source",
        "wbr",
        "del",
        "ins",
        "big",
        "strike",
        "tt",
        "kbd",
        "samp",
        "var",
        "dfn",
        "bdi",
        "bdo",
        "ruby",
        "rt",
        "rp",
        "rb",
        "data",
        "col",
        "colgroup",
        "path",
        "use",
        "g",
    ]
)
# How the walk treats elements, by tag. All other elements are treated as divisions.
_KINDS = {
    **dict.fromkeys(BREAK, "break"), **dict.fromkeys(CELL, "cell"), **dict.fromkeys(_INLINE, "inline"),
    **dict.fromkeys(UNREAD, "unread"),
}  # fmt: skip
# Elements that mostly contain plain text. They are read in one piece unless they contain one of the elements listed
# below.
_OFTEN_PLAIN = frozenset(["p", "li", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "figcaption"])
_NOT_PLAIN = BREAK | CELL | UNREAD | {"br", "button", "dialog"}
_LISTS = frozenset(["ul", "ol", "dl", "table", "pre", "blockquote"])
_WIDE = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
_PARAGRAPHS = re.compile("\x1e\\s*\x1e[\\s\x1e]*")
_NEWLINE, _BLANK = "\x1e", "\n\n"
Texts = tuple[str, str]


class TextBlock:
    """A run of text between two breaks. `gap` is the white space before it: "" or one or two line ends.

    `size` is the length of the text, counted in Latin letters; a Han character counts as two and a half of these.
    `linked` is the part of `size` that is inside links. `element` is the block-level element that contains the text.
    """

    __slots__ = ("element", "gap", "linked", "size", "text")

    def __init__(self, text: str, gap: str, element: Element, size: float, linked: float) -> None:
        self.text, self.gap, self.element, self.size, self.linked = text, gap, element, size, linked

    def __repr__(self) -> str:
        return f"Block({self.element.tag}, {self.text[:60]!r}, {self.size:.0f}, {self.linked:.0f})"


class BlockLayout:
    """The text blocks in `top`. `spans` holds, for each block-level element, its range of blocks."""

    __slots__ = ("_boilerplate_words", "blocks", "spans", "top")

    def __init__(self, top: Element, blocks: list[TextBlock], spans: dict[Element, tuple[int, int]]) -> None:
        self.top, self.blocks, self.spans = top, blocks, spans
        self._boilerplate_words: dict[Element, str] = {}

    def boilerplate_word(self, el: Element) -> str:
        """Returns the word in an element's class or id that marks it as boilerplate; "" if no word does. The result is
        cached.
        """
        found = self._boilerplate_words.get(el)
        if found is None:
            found = self._boilerplate_words[el] = boilerplate_word(el)
        return found

    def prefix_sums(self, of: list[float]) -> list[float]:
        """Returns the prefix sums of `of`, which holds a number for each block. If `s` is the result, the sum over the
        blocks from `lo` to `hi` is `s[hi] - s[lo]`.
        """
        return [0.0, *accumulate(of)]


def covered_total(spans: list[tuple[int, int]], sums: list[float]) -> float:
    """Returns the sum of the blocks' numbers over several ranges of blocks. Blocks in nested ranges count once.

    `sums` are the prefix sums of these numbers, from `BlockLayout.prefix_sums`.
    """
    total, done = 0.0, 0
    for lo, hi in sorted(spans):
        if hi > done:
            total += sums[hi] - sums[max(lo, done)]
            done = hi
    return total


def text_width(text: str) -> float:
    """Returns the length of a text, counted in Latin letters. A Han character and the like counts as 2.5."""
    return float(len(text)) if text.isascii() else len(text) + 1.5 * sum(map(len, _WIDE.findall(text)))


class _LayoutReader:
    """Walks through the tree of an element, and collects its text blocks and the block range of each of its elements.

    - `at`: the block-level element that is being read.
    - `buffer`: the text since the last break.
    - `pre`, `links`, `in_cell`: the numbers of preformatted elements, links and table cells that are open.
    - `cells`: the cells of the current table row that have been read.
    """

    __slots__ = (
        "at", "blocks", "buffer", "cells", "gap", "in_cell", "linked", "links", "pre", "skip", "spans", "texts", "top",
        "touched",
    )  # fmt: skip

    def __init__(self, top: Element, skip: Collection[Element], texts: Mapping[Element, Texts]) -> None:
        self.top, self.skip, self.texts = top, skip, texts
        self.touched = _ancestors_of(skip)
        self.blocks: list[TextBlock] = []
        self.spans: dict[Element, tuple[int, int]] = {}
        self.buffer: list[str] = []
        self.cells: list[str] = []
        self.at = top
        self.gap, self.linked = "", 0.0
        self.pre = self.links = self.in_cell = 0

    def read_inside(self, el: Element) -> None:
        """Reads the text of an element and of its descendants."""
        texts, skip = self.texts, self.skip
        if text := texts[el][0]:
            self.take_text(text)
        for child in el:
            tag = child.tag
            kind = _KINDS.get(tag, "")
            if kind != "unread" and child not in skip:
                if kind == "break" and not self.in_cell and not self.pre:
                    self.read_block(child, tag)
                elif kind == "inline":
                    if tag == "a":
                        self.links += 1
                        self.read_inside(child)
                        self.links -= 1
                    else:
                        self.read_inside(child)
                else:
                    self.read_other(child, tag, kind)
            if text := texts[child][1]:
                self.take_text(text)

    def take_text(self, text: str) -> None:
        if self.pre or not text.isspace():
            self.buffer.append(text)
            if self.links:
                self.linked += text_width(text)
        elif self.buffer:
            self.buffer.append(" ")

    def read_block(self, el: Element, tag: str) -> None:
        """Reads a block-level element, which begins and ends a line."""
        if tag == "tr":
            self.end_row()
        gap = ""
        if self.buffer or self.gap != _BLANK:  # otherwise, ending the line would change nothing
            gap = _gap_before(el, tag, self.top)
            self.end_line(gap)
        outer, first = self.at, len(self.blocks)
        self.at = el
        if tag in _OFTEN_PLAIN and len(el) > 1 and not self.links and el not in self.touched and _is_plain(el):
            self.buffer.append("".join(el.itertext()))  # type: ignore[arg-type]
            for link in el.iter("a"):
                self.linked += text_width("".join(link.itertext()))  # type: ignore[arg-type]
            self.pre += tag == "pre"
        else:
            self.pre += tag == "pre"
            self.read_inside(el)
            if tag == "tr":
                self.end_row()
        if self.buffer or self.gap != _BLANK:
            self.end_line(gap or _gap_before(el, tag, self.top))
        self.pre -= tag == "pre"
        self.spans[el] = (first, len(self.blocks))
        self.at = outer

    def read_cell(self, el: Element) -> None:
        """Reads a table cell as a part of its row's line or, if the table is used for layout, as a separate block.
        Skips a cell that contains the line numbers of the code in the next cell.
        """
        if not self.in_cell and _numbers_lines(el):
            return
        if self.in_cell or not _is_division(el):
            self.in_cell += 1
            self.read_inside(el)
            self.in_cell -= 1
            if not self.in_cell:
                self.cells.append(clean_text("".join(self.buffer).replace(_NEWLINE, " ")))
                self.buffer.clear()
            return
        self.end_row()
        self.end_line(_BLANK)
        outer, first = self.at, len(self.blocks)
        self.at = el
        self.read_inside(el)
        self.end_line(_BLANK)
        self.spans[el] = (first, len(self.blocks))
        self.at = outer

    def read_other(self, el: Element, tag: str, kind: str) -> None:
        """Reads an element of any kind in any context. `read_inside` itself handles the commonest cases."""
        if kind == "inline":
            self.links += tag == "a"
            self.read_inside(el)
            self.links -= tag == "a"
        elif kind == "cell" and not self.pre:
            self.read_cell(el)
        elif self.in_cell and not self.pre:
            self.buffer.append(" ")
            self.read_inside(el)
            self.buffer.append(" ")
        elif tag == "br":
            self.buffer.append("\n" if self.pre else _NEWLINE)
            self.read_inside(el)
        elif self.pre and tag != "pre":
            self.read_inside(el)
            if kind == "break" and self.buffer and not self.buffer[-1].endswith("\n"):
                self.buffer.append("\n")
        elif kind == "break":
            self.read_block(el, tag)
        else:
            first = len(self.blocks)
            self.read_inside(el)
            self.spans[el] = (first, len(self.blocks))

    def end_row(self) -> None:
        """Writes the cells of a table row as one line."""
        if self.cells:
            self.buffer.append(" | ".join(c for c in self.cells if c))
            self.cells.clear()

    def end_line(self, gap: str) -> None:
        """Ends the current run of text and turns it into blocks. The gap before the next block is at least `gap`."""
        if self.buffer:
            text = "".join(self.buffer)
            self.buffer.clear()
            if text.isspace():
                parts = []
            elif self.pre:
                parts = [text.expandtabs(4).strip("\n").rstrip()]
            elif _NEWLINE in text:
                parts = [
                    "\n".join(line for line in map(clean_text, part.split(_NEWLINE)) if line)
                    for part in _PARAGRAPHS.split(text)
                ]
            else:
                parts = [clean_text(text)]
            for part in parts:
                if part and not part.isspace():
                    size = text_width(part)
                    self.blocks.append(TextBlock(part, self.gap, self.at, size, min(self.linked, size)))
                    self.linked = max(0.0, self.linked - size)
                    self.gap = _BLANK if len(parts) > 1 else ""
            self.linked = 0.0
        if gap > self.gap:
            self.gap = gap


def _ancestors_of(skip: Collection[Element]) -> set[Element]:
    """Returns all ancestors of the elements in `skip`. These ancestors cannot be read in one piece, since a part of
    them is skipped.
    """
    found: set[Element] = set()
    for el in skip:
        for at in el.iterancestors():
            if at in found:
                break
            found.add(at)
    return found


def _is_plain(el: Element) -> bool:
    """Returns True if an element contains only text and inline elements, so that its text can be read in one piece."""
    return all(child.tag not in _NOT_PLAIN and (not len(child) or _is_plain(child)) for child in el)


def lay_out(
    top: Element, skip: Collection[Element] = frozenset(), texts: Mapping[Element, Texts] | None = None
) -> BlockLayout:
    """Reads the text of an element into blocks.

    Paragraphs, headings and the like are blocks after a blank line. List items and table rows (with cells joined by
    " | ") are blocks after a line end. Two consecutive <br> separate paragraphs. `pre` keeps its lines.

    `skip` are elements to leave out. `texts` holds the text and tail of each element, if they are already known. Time
    and memory are linear in the size of the element. Recurses once or twice per level of nesting; a `Page` is no deeper
    than `page.MAX_DEPTH`.
    """
    if texts is None:
        texts = {e: (e.text or "", e.tail or "") for e in top.iter("*")}
    reader = _LayoutReader(top, skip, texts)
    tag, kind = top.tag, _KINDS.get(top.tag, "")
    if kind != "unread" and top not in skip:
        reader.read_other(top, tag, kind)
    reader.end_row()
    reader.end_line("")
    reader.spans[top] = (0, len(reader.blocks))
    return BlockLayout(top, reader.blocks, reader.spans)


def _is_division(cell: Element) -> bool:
    """Returns True if a table cell is used for layout, because it contains a table, headings, several paragraphs or
    lines of code, or several boxes with a paragraph.
    """
    if next(cell.iter("table", "h1", "h2", "h3", "article"), None) is not None:
        return True
    if len(list(islice(cell.iter("div"), 3))) > 2 and cell.find(".//div//p") is not None:
        return True
    return len(list(islice(cell.iter("p"), 3))) > 2 or _has_lines(cell)


def _has_lines(cell: Element) -> bool:
    """Returns True if a table cell contains preformatted text of several lines."""
    pre = next(cell.iter("pre"), None)
    if pre is None:
        return False
    return next(pre.iter("br"), None) is not None or "\n" in "".join(pre.itertext()).strip("\n")  # type: ignore[arg-type]


def _numbers_lines(cell: Element) -> bool:
    """Returns True if a table cell contains only the line numbers of the code in the next cell, as syntax highlighters
    write them.
    """
    beside = cell.getnext()
    if beside is None or beside.tag != "td" or next(beside.iter("pre"), None) is None:
        return False
    numbers = " ".join(cell.itertext()).split()  # type: ignore[arg-type]
    if not numbers or not numbers[0].isdecimal() or (len(numbers) == 1 and cell.find(".//pre") is None):
        return False
    first = int(numbers[0])
    return numbers == [str(n) for n in range(first, first + len(numbers))]


def _gap_before(el: Element, tag: str, top: Element) -> str:
    if tag in _LINE:
        return "\n"
    if tag not in _LISTS and el is not top:
        parent = el.getparent()
        if parent is not None and parent is not top and parent.tag in ("li", "dd", "dt"):
            return "\n"
    return "\n\n"


def written_text(blocks: list[TextBlock]) -> str:
    """Returns blocks as plain text. The gap of each block is written before it."""
    return "".join(b.gap + b.text for b in blocks).strip("\n")
