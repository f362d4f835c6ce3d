"""The blocks of an element's text: reads them in reading order, with their lengths, in one walk through its tree."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice

from lxml.etree import _Element as Element

from archiver.extraction.boilerplate import boilerplate_word
from archiver.extraction.normalization import BREAK, NOT_TEXT, clean_text, has_text
from archiver.markup.text_marks import CELLS
from archiver.model.lazy_regex import lazy_regex

UNREAD = NOT_TEXT | {"dialog", "datalist"}
"""The tags of elements that are not read, since their content is not part of the text around them."""
_BLOCK_LINE = frozenset(["li", "tr", "dt", "dd", "option", "tbody", "thead", "tfoot"])
_INLINE = frozenset(
    """
    a abbr b bdi bdo big cite code col colgroup data del dfn em font g i img ins kbd label mark math path picture q rb
    ruby s samp small source span strike strong sub sup time tt u use var wbr
    """.split()  # noqa: SIM905
)
EMBEDS = frozenset(["audio", "embed", "iframe", "video"])
"""The tags of elements that show a recording or a part of another page, and have no text."""
MEDIA = EMBEDS | {"img", "a"}
"""The tags of elements that are read as media: images, recordings, and links (if they are cards with the title of
another page)."""
RULE = "hr"
# How the walk treats elements, by tag. All other elements are treated as divisions.
_KINDS = {
    **dict.fromkeys(BREAK, "break"), **dict.fromkeys(CELLS, "cell"), **dict.fromkeys(_INLINE, "inline"),
    **dict.fromkeys(UNREAD, "unread"),
    **dict.fromkeys([*EMBEDS, "img"], "media"), "input": "shown", "noscript": "shown", RULE: "rule",
}  # fmt: skip
# Elements that mostly contain plain text. They are read in one piece unless they contain one of the elements listed
# below.
_OFTEN_PLAIN = frozenset(["p", "li", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "figcaption"])
_NOT_PLAIN = BREAK | CELLS | UNREAD | {"br", "button", "dialog", "img"}
_LISTS = frozenset(["ul", "ol", "dl", "table", "pre", "blockquote"])
_WIDE = lazy_regex("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
_PARAGRAPHS = lazy_regex("\x1e\\s*\x1e[\\s\x1e]*")
_NEWLINE, _BLANK = "\x1e", "\n\n"
_AMPERSAND = "\0"
"""Replaces an ampersand in code until the text is cleaned, so that "&lt;" shown as code is not decoded as an entity."""
_CODE_TAGS = ("code", "pre", "tt", "kbd", "samp")
_LISTING_TAGS = frozenset(["pre", "table", "div", "p", "ol"])
# Classes of the elements that syntax highlighters write around line numbers and around lines, and of code in general.
_NUMBER_CLASS = lazy_regex(
    r"line-?_?no(?:s|div)?(?:$|[\s_-])|line-?_?num|(?:^|\s)(?:lnt?|lnum|lno|linenr|gutter|hljs-ln-n\w*|blob-num)(?:$|\s)",
    re.IGNORECASE,
)
_LINE_CLASS = lazy_regex(r"(?:^|[\s_-])line(?:$|\s)", re.IGNORECASE)
_CODE_CLASS = lazy_regex(
    r"(?:^|[\s_-])(?:code|highlight(?:er)?|syntaxhighlighter|crayon|hljs|shiki|prism\w*|blob)(?:$|[\s_-])",
    re.IGNORECASE,
)
_OLD_LIST_CLASS = lazy_regex(r"(?:^|\s)dp-\w")  # the list items are the lines of code
_NOT_SELECTED = lazy_regex(r"user-select:\s*none")
_NUMBERS = lazy_regex(r"\s*\d+(?:\s+\d+)*\s*[.:|]?\s*")
_MAX_WRAPPERS = 3
_EMOJI_SIGN = (
    "[\u2190-\u21ff\u231a-\u23ff\u24c2\u25aa-\u27bf\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_EMOJI = lazy_regex(
    "[#*0-9]\ufe0f?\u20e3"
    f"|[\U0001f1e6-\U0001f1ff]{{2}}|{_EMOJI_SIGN}\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
    f"(?:\u200d{_EMOJI_SIGN}\ufe0f?[\U0001f3fb-\U0001f3ff]?)*"
)
_MAX_EMOJI = 16
_MAX_FRAME = 2
_PARAGRAPHS_OF_CELL = 150  # a shorter cell with blank lines contains data, and is not used for layout
_TASK_CLASS = lazy_regex(r"(?:^|[\s_-])task(?:$|[\s_-])|task-?list", re.IGNORECASE)
Texts = tuple[str, str]


@dataclass(frozen=True, slots=True)
class WholeElement:
    """The origin of a piece of text that is the whole text of one element, including its children."""

    element: Element


@dataclass(frozen=True, slots=True)
class CellPieces:
    """The text of a table cell, with the pieces of which it consists (`texts`) and the places of these pieces on the
    page (`origins`).
    """

    cell: Element
    text: str
    texts: list[str]
    origins: list[Origin]


@dataclass(frozen=True, slots=True)
class RowOfCells:
    """The origin of a line of text that is a table row: the row's cells."""

    cells: tuple[CellPieces, ...]


Origin = Element | WholeElement | RowOfCells
"""The place of a piece of text on the page. If it is an element, the piece is directly inside it and in none of its
children. An empty piece stands for the image or recording that the element shows."""


@dataclass(frozen=True, slots=True)
class MediaPosition:
    """The position of an image, a recording or a rule between two blocks. `before` is the index of the block that
    follows it.
    """

    element: Element
    before: int


class TextBlock:
    """A block of text, such as a paragraph: a run of text between two breaks.

    - `gap`: the white space before it, "" or one or two line ends.
    - `size`: the length of the text in Latin letters; a Han character counts as two and a half of these.
    - `linked`: the part of `size` that is inside links.
    - `element`: the block-level element that contains the text.
    - `is_code`: True if the text is a block of code.
    - `texts`, `origins`: the pieces of text on the page from which the block was made, and their places. If line breaks
      split one run of text into several blocks, each of these has the pieces of the whole run.
    """

    __slots__ = ("element", "gap", "is_code", "linked", "origins", "size", "text", "texts")

    def __init__(
        self, text: str, gap: str, element: Element, size: float, linked: float, pieces: tuple[list[str], list[Origin]]
    ) -> None:
        self.is_code = False
        self.text, self.gap, self.element, self.size, self.linked = text, gap, element, size, linked
        self.texts, self.origins = pieces

    def __repr__(self) -> str:
        return f"Block({self.element.tag}, {self.text[:60]!r}, {self.size:.0f}, {self.linked:.0f})"


class BlockLayout:
    """The text blocks in the element `top`.

    - `spans`: maps each block-level element to the range of its blocks, as (first, end).
    - `media`: the images and recordings outside of the blocks, in reading order.
    - `code`: the elements that are blocks of code.
    - `overlays`: the links without text, in reading order.
    """

    __slots__ = ("_boilerplate_words", "blocks", "code", "media", "overlays", "spans", "top")

    def __init__(
        self,
        top: Element,
        blocks: list[TextBlock],
        spans: dict[Element, tuple[int, int]],
        media: list[MediaPosition],
        code: frozenset[Element] = frozenset(),
        overlays: Sequence[Element] = (),
    ) -> None:
        self.top, self.blocks, self.spans, self.media, self.code = top, blocks, spans, media, code
        self.overlays = overlays
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
        """Returns the prefix sums of `of`, which contains one number for each block. If `s` is the result, the sum for
        the blocks from `lo` up to but not including `hi` is `s[hi] - s[lo]`.
        """
        return [0.0, *accumulate(of)]


def covered_total(spans: list[tuple[int, int]], sums: list[float]) -> float:
    """Returns the sum of one number for each block, over several block ranges (`spans`). A block in several ranges
    counts once. `sums` are the prefix sums of the numbers, from `BlockLayout.prefix_sums`.
    """
    total, done = 0.0, 0
    for lo, hi in sorted(spans):
        if hi > done:
            total += sums[hi] - sums[max(lo, done)]
            done = hi
    return total


def text_width(text: str) -> float:
    """Returns the length of a text, counted in Latin letters. A wide character, such as a Han character,
    counts as 2.5.
    """
    if text.isascii() or _WIDE.search(text) is None:
        return float(len(text))
    return len(text) + 1.5 * sum(map(len, _WIDE.findall(text)))


class _LayoutReader:
    """Walks through the tree of an element, and collects its text blocks and the block range of each block-level
    element.

    - `at`: the block-level element that is being read.
    - `pre`, `links`, `in_cell`: how many <pre>, <a> and table cells are open.
    - `buffer`, `origins`: the pieces of the current run of text, and their places.
    - `cells`: the cells of the current row that have been read.
    """

    __slots__ = (
        "at", "blocks", "buffer", "cells", "code", "gap", "in_cell", "linked", "links", "media", "origins",
        "overlays", "pre", "skip", "spans", "texts", "top", "touched",
    )  # fmt: skip

    def __init__(self, top: Element, skip: Collection[Element], texts: Mapping[Element, Texts]) -> None:
        self.top, self.skip, self.texts = top, skip, texts
        self.touched = _ancestors_of(skip)
        self.blocks: list[TextBlock] = []
        self.spans: dict[Element, tuple[int, int]] = {}
        self.media: list[MediaPosition] = []
        self.buffer: list[str] = []
        self.origins: list[Origin] = []
        self.cells: list[CellPieces] = []
        self.code: set[Element] = set()
        self.overlays: list[Element] = []
        self.at = top
        self.gap, self.linked = "", 0.0
        self.pre = self.links = self.in_cell = 0

    def read_inside(self, el: Element) -> None:
        """Reads the text of an element and of its descendants."""
        texts, skip, in_figure = self.texts, self.skip, el.tag == "figure"
        if text := texts[el][0]:
            self.take_text(text, el)
        for child in el[:]:  # type: ignore[index]  # a list is faster to walk through than an element
            tag = child.tag
            kind = _KINDS.get(tag, "")
            if kind != "unread" and child not in skip:
                if kind == "break" and not self.in_cell and not self.pre:
                    self.read_block(child, tag)
                elif kind == "inline":
                    self.links += tag == "a"
                    if in_figure:
                        self.take_card(child)
                    if len(child):
                        self.read_inside(child)
                    elif text := texts[child][0]:
                        self.take_text(text, child)
                    else:
                        self.take_empty_link(child)
                    self.links -= tag == "a"
                else:
                    self.read_other(child, tag, kind)
            if text := texts[child][1]:
                if not text.isspace() or self.pre:
                    self.take_text(text, el)
                elif self.buffer:
                    self.take_piece(" ", el)

    def take_text(self, text: str, origin: Element) -> None:
        if self.pre or not text.isspace():
            if "&" in text and not self.pre and _is_code(origin, self.at):
                text = text.replace("&", _AMPERSAND)
            self.buffer.append(text)
            self.origins.append(origin)
            if self.links:
                self.linked += text_width(text)
        elif self.buffer:
            self.buffer.append(" ")
            self.origins.append(origin)

    def take_shown(self, el: Element, tag: str) -> None:
        """Adds what is shown for an element without text: "[ ]" or "[x]" for the checkbox of a task, or the image in a
        <noscript>.
        """
        if tag == "input":
            if _is_task_box(el) and "".join(self.buffer).strip() == "":
                self.take_piece("[ ] " if el.get("checked") is None else "[x] ", el)
        elif (img := _image_without_script(el)) is not None:
            self.take_piece("", img)

    def take_empty_link(self, el: Element) -> None:
        """Records a link without text, which may be laid over a whole card. `el` is an empty element. If it is not the
        link itself, it must be the only element in the link; otherwise, nothing is recorded.
        """
        if not self.links:
            return
        parent = el.getparent()
        link = el if el.tag == "a" or parent is None else parent
        if link.tag == "a" and link.get("href") and (link is el or (len(link) == 1 and not _has_own_text(link))):
            self.overlays.append(link)

    def take_card(self, link: Element) -> None:
        if link.tag == "a" and not self.in_cell and not self.pre and is_card(link):
            self.take_piece("", link)

    def take_piece(self, text: str, origin: Origin) -> None:
        self.buffer.append(text)
        self.origins.append(origin)

    def read_block(self, el: Element, tag: str) -> None:
        """Reads a block-level element, which begins and ends a line."""
        if tag == "tr":
            self.end_row()
        elif tag in _LISTING_TAGS and el not in self.touched and (code := code_in(el, tag)):
            self.read_code(el, code)
            return
        gap = ""
        if self.buffer or self.gap != _BLANK:  # otherwise, ending the line would change nothing
            gap = _gap_before(el, tag, self.top)
            self.end_line(gap)
        outer, first = self.at, len(self.blocks)
        self.at = el
        if tag in _OFTEN_PLAIN and len(el) > 1 and not self.links and el not in self.touched and _is_plain(el):
            self.take_piece("".join(el.itertext()), WholeElement(el))  # type: ignore[arg-type]
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

    def read_rule(self, el: Element, tag: str) -> None:
        """Reads a line across the page, which separates two parts of the text."""
        self.read_block(el, tag)
        self.media.append(MediaPosition(el, len(self.blocks)))

    def read_code(self, el: Element, code: str) -> None:
        """Reads an element that is a block of code, given its text."""
        if self.buffer or self.gap != _BLANK:
            self.end_line(_gap_before(el, "pre", self.top))
        outer, first = self.at, len(self.blocks)
        self.at = el
        self.code.add(el)
        self.take_piece(code, WholeElement(el))
        for link in el.iter("a"):
            self.linked += text_width("".join(link.itertext()))  # type: ignore[arg-type]
        self.pre += 1
        self.end_line(_gap_before(el, "pre", self.top))
        self.pre -= 1
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
                text = clean_line("".join(self.buffer).replace(_NEWLINE, " "))
                self.cells.append(CellPieces(el, text, self.buffer, self.origins))
                self.buffer, self.origins = [], []
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
        """Reads an element of any kind in any context, except the commonest cases, which `read_inside` handles
        itself.
        """
        if kind == "media":
            if not self.pre:
                self.take_piece(_emoji_in(el), el)
        elif kind == "shown":
            if not self.pre:
                self.take_shown(el, tag)
        elif kind == "inline":
            self.links += tag == "a"
            self.read_inside(el)
            self.links -= tag == "a"
        elif kind == "cell" and not self.pre:
            self.read_cell(el)
        elif self.in_cell and not self.pre:
            self.take_piece(" ", el)
            self.read_inside(el)
            self.take_piece(" ", el)
        elif tag == "br":
            self.take_piece("\n" if self.pre else _NEWLINE, el)
            self.read_inside(el)
        elif self.pre and tag != "pre":
            self.read_inside(el)
            if kind in _BLOCK_READERS and self.buffer and not self.buffer[-1].endswith("\n"):
                self.take_piece("\n", el)
        elif kind in _BLOCK_READERS:
            _BLOCK_READERS[kind](self, el, tag)
        else:
            first = len(self.blocks)
            self.read_inside(el)
            self.spans[el] = (first, len(self.blocks))

    def end_row(self) -> None:
        """Adds the cells of a table row to the text as one line."""
        if self.cells:
            text = " | ".join(c.text for c in self.cells if c.text)
            self.take_piece(text.replace("&", _AMPERSAND), RowOfCells(tuple(self.cells)))
            self.cells.clear()

    def end_line(self, gap: str) -> None:
        """Ends the current run of text and turns it into blocks. The gap before the next block is at least `gap`."""
        if self.buffer:
            text = "".join(self.buffer)
            pieces, found = (self.buffer, self.origins), len(self.blocks)
            self.buffer, self.origins = [], []
            if text.isspace():
                parts = []
            elif self.pre:
                parts = [text.strip("\n").rstrip()]
            elif _NEWLINE in text:
                parts = [
                    "\n".join(line for line in map(clean_line, part.split(_NEWLINE)) if line)
                    for part in _PARAGRAPHS.split(text)
                ]
            else:
                parts = [clean_line(text)]
            for part in parts:
                if part and not part.isspace():
                    size = float(len(part)) if part.isascii() else text_width(part)
                    linked = min(self.linked, size) if self.linked else 0.0
                    self.blocks.append(TextBlock(part, self.gap, self.at, size, linked, pieces))
                    self.linked -= linked
                    self.gap = _BLANK if len(parts) > 1 else ""
            self.linked = 0.0
            if self.pre and len(self.blocks) > found:
                self.blocks[-1].is_code = True
            if len(self.blocks) == found:
                self.media += (MediaPosition(el, found) for el in media_of(*pieces))
        if gap > self.gap:
            self.gap = gap


_BLOCK_READERS = {"break": _LayoutReader.read_block, "rule": _LayoutReader.read_rule}


def clean_line(text: str) -> str:
    """Returns a text as one clean line (see `clean_text`). Entities in code are not decoded, because code shows them as
    text.
    """
    cleaned = clean_text(text)
    return cleaned.replace(_AMPERSAND, "&") if _AMPERSAND in cleaned else cleaned


def _has_own_text(el: Element) -> bool:
    """Returns True if an element has text before or after its only child."""
    return any(text and not text.isspace() for text in (el.text, el[0].tail))


def is_card(link: Element) -> bool:
    """Returns True if a link in a <figure> is a card for another page: it contains blocks of text, and not only a
    picture.
    """
    parent = link.getparent()
    if parent is None or parent.tag != "figure":
        return False
    return any(el.text and not el.text.isspace() for el in link.iter("div", "p", "h2", "h3", "h4"))


def _emoji_in(img: Element) -> str:
    """Returns the emoji that an image stands for; "" if the image is something else."""
    alt = img.get("alt") or ""
    if not alt or len(alt) > _MAX_EMOJI or alt.isascii():
        return ""
    return alt if _EMOJI.fullmatch(alt) else ""


def _is_task_box(box: Element) -> bool:
    """Returns True if an <input> is the checkbox before an item of a task list, which readers cannot change."""
    return (
        box.get("type") == "checkbox"
        and (box.get("disabled") is not None or _TASK_CLASS.search(box.get("class") or "") is not None)
        and next(box.iterancestors("li"), None) is not None
    )


def _image_without_script(noscript: Element) -> Element | None:
    """Returns the only image in a <noscript>; None if there is not exactly one, or if another image beside the
    <noscript> is shown in its place when scripts run.
    """
    images = list(islice(noscript.iter("img"), 2))
    if len(images) != 1 or not images[0].get("src"):
        return None
    beside = (noscript.getprevious(), noscript.getnext())
    is_shown = any(one is not None and next(one.iter("img"), None) is not None for one in beside)
    return None if is_shown else images[0]


def _is_code(origin: Element, block: Element) -> bool:
    """Returns True if a piece of text is in code: there is a <code> or the like between it and its block, or its block
    is one. `origin` is the element of the text.
    """
    at: Element | None = origin
    while at is not None and at is not block:
        if at.tag in _CODE_TAGS:
            return True
        at = at.getparent()
    return at is not None and at.tag in _CODE_TAGS


# Blocks of code.


def code_in(el: Element, tag: str) -> str:
    """Returns the text of an element that is a block of code: its lines with their indentation, without line numbers.
    Returns "" for any other element.

    A block of code may be a `pre`, a table or list with one line in each row or item, a `div` that contains a `div` for
    each line, or a paragraph of `code` elements with line breaks.
    """
    if tag == "pre":
        return _code_text(el)
    if tag == "table":
        return _code_of_rows(el)
    if tag == "ol":
        is_code = _OLD_LIST_CLASS.search(el.get("class") or "") is not None
        return _code_text(el) if is_code else ""
    if tag == "p":
        return _code_of_paragraph(el)
    return _code_text(el) if _has_line_divisions(el) else ""


def _code_text(el: Element) -> str:
    out: list[str] = []
    _take_code(el, out)
    return "".join(out).replace("\xa0", " ")


def _take_code(el: Element, out: list[str]) -> None:
    """Appends the text of an element with code to `out`, as pieces of text. Each block-level element in it is
    a line.
    """
    if el.text:
        out.append(el.text)
    for child in el:
        tag = child.tag
        tail = child.tail or ""
        if not isinstance(tag, str) or tag in UNREAD or tag == "button" or _is_line_number(child, out):
            pass
        elif tag == "br":
            out.append("\n")
        else:
            is_line = tag in BREAK
            if is_line and not _ends_line(out):
                out.append("\n")
            before = len(out)
            _take_code(child, out)
            is_blank = is_line and not any(out[before:]) and next(child.iterdescendants(*BREAK), None) is None
            if is_blank or (is_line and not _ends_line(out)) or _is_unfinished_line(child, tail, out):
                out.append("\n")
            if is_line and tail.isspace():
                tail = ""  # the line ends already
        if tail:
            out.append(tail)


def _ends_line(out: list[str]) -> bool:
    last = next((text for text in reversed(out) if text), "\n")
    return last.endswith("\n")


def _is_unfinished_line(el: Element, tail: str, out: list[str]) -> bool:
    """Returns True if an inline element is a line of code without a line end, because its style displays it as a block.
    `tail` is the text after it, and `out` is the code before it.
    """
    following = el.getnext()
    if following is None or following.tag != el.tag or tail or _ends_line(out):
        return False
    if el.tag == "code":
        parent = el.getparent()
        return parent is not None and parent.tag == "pre"
    classes, next_classes = el.get("class") or "", following.get("class") or ""
    return _LINE_CLASS.search(classes) is not None and _LINE_CLASS.search(next_classes) is not None


def _is_line_number(el: Element, out: list[str]) -> bool:
    """Returns True if an element at the start of a line of code contains only line numbers. `out` is the code before
    it.
    """
    if el.tag in CELLS and _numbers_lines(el):
        return True
    if not (
        (el.get("data-line-number") and el.getnext() is not None)
        or ((classes := el.get("class")) and _names_line_number(classes))
        or ((style := el.get("style")) and _NOT_SELECTED.search(style))
    ):
        return False
    text = "".join(el.itertext())  # type: ignore[arg-type]
    return (not text or text.isspace() or _NUMBERS.fullmatch(text) is not None) and _ends_line(out)


@lru_cache(maxsize=1_024)  # each word of highlighted code has a class
def _names_line_number(classes: str) -> bool:
    return _NUMBER_CLASS.search(classes) is not None


def _code_of_rows(table: Element) -> str:
    """Returns the text of a table that has one line of code in each row, beside its number; "" for any other table."""
    first = next(table.iter("tr"), None)
    if first is None or len(first) < 2 or not _CODE_CLASS.search(first[-1].get("class") or ""):
        return ""
    lines: list[str] = []
    number = 0
    for row in table.iter("tr"):
        cells = list(row)
        if len(cells) < 2 or cells[-1].tag != "td" or not _CODE_CLASS.search(cells[-1].get("class") or ""):
            return ""
        text = "".join(cells[0].itertext()).strip()  # type: ignore[arg-type]
        shown = text or cells[0].get("data-line-number") or ""
        if not shown.isdecimal() or (lines and int(shown) <= number):
            return ""
        number = int(shown)
        lines.append(_code_text(cells[-1]).removesuffix("\n"))
    is_list = len(lines) > 1 or next(table.iter("pre"), None) is None
    return "\n".join(lines) if is_list and not any("\n" in line for line in lines) else ""


def _code_of_paragraph(el: Element) -> str:
    """Returns the text of a paragraph that consists of code with line breaks; "" for any other paragraph."""
    if len(el) == 0 or (el.text and not el.text.isspace()) or next(el.iter("br"), None) is None:
        return ""
    for child in el:
        if child.tag not in ("code", "tt", "samp", "br") or (child.tail and not child.tail.isspace()):
            return ""
    out: list[str] = []
    _take_code_lines(el, out)
    lines = "".join(out).split(_NEWLINE)
    text = "\n".join(" ".join(re.split("[ \t\r\n]+", line)).strip(" ").replace("\xa0", " ") for line in lines)
    return text if "\n" in text.strip("\n") else ""


def _take_code_lines(el: Element, out: list[str]) -> None:
    out.append(el.text or "")
    for child in el:
        if child.tag == "br":
            out.append(_NEWLINE)
        elif isinstance(child.tag, str) and child.tag not in UNREAD:
            _take_code_lines(child, out)
        out.append(child.tail or "")


def _has_line_divisions(el: Element) -> bool:
    """Returns True if each child of a `div` is a line of code. The children are then also `div` elements."""
    if len(el) < 2 or (first := el[0]).tag != "div" or (el.text and not el.text.isspace()):
        return False
    if "line" not in (first.get("class") or "").lower() and (len(first) == 0 or first[0].tag != "code"):
        return False  # quick test
    if not all(child.tag == "div" and not (child.tail and not child.tail.isspace()) for child in el):
        return False
    if all(_has_only_code(child) for child in el):
        return True
    if not all(_LINE_CLASS.search(child.get("class") or "") for child in el):
        return False
    around = [el, *islice(el.iterancestors(), _MAX_WRAPPERS)]
    return any(_CODE_CLASS.search(at.get("class") or "") for at in around)


def _has_only_code(el: Element) -> bool:
    """Returns True if all text of an element is in `code` elements directly inside it."""
    texts = (el.text, *(child.tail for child in el))
    return len(el) > 0 and all(c.tag == "code" for c in el) and not any(t and t.strip(" \t\r\n\xa0") for t in texts)


def media_of(texts: Iterable[str], origins: Iterable[Origin]) -> Iterator[Element]:
    """Yields the elements of the images and recordings among some pieces of text, given with their origins. An image or
    recording is a piece with an empty text.
    """
    for text, origin in zip(texts, origins, strict=True):
        if isinstance(origin, RowOfCells):
            for cell in origin.cells:
                yield from media_of(cell.texts, cell.origins)
        elif not text and not isinstance(origin, WholeElement) and origin.tag in MEDIA:
            yield origin


def _ancestors_of(skip: Collection[Element]) -> set[Element]:
    """Returns all ancestors of the elements in `skip`. They cannot be read at once, since a part of them is left
    out.
    """
    found: set[Element] = set()
    for el in skip:
        for at in el.iterancestors():
            if at in found:
                break
            found.add(at)
    return found


def _is_plain(el: Element) -> bool:
    """Returns True if an element contains only text and inline elements, so that its text can be read at once."""
    return _has_no_breaks(el) and not any("&" in "".join(at.itertext()) for at in el.iter(*_CODE_TAGS))  # type: ignore[arg-type]


def _has_no_breaks(el: Element) -> bool:
    return all(child.tag not in _NOT_PLAIN and (not len(child) or _has_no_breaks(child)) for child in el)


def lay_out(
    top: Element, skip: Collection[Element] = frozenset(), texts: Mapping[Element, Texts] | None = None
) -> BlockLayout:
    """Returns the text of the element `top` as blocks.

    Paragraphs, headings and the like are blocks after a blank line. List items and table rows (with cells joined by " |
    ") are blocks after a line end. Two consecutive <br> separate paragraphs. `pre` keeps its lines.

    `skip` are elements to leave out. `texts` maps elements to their text and tail, if these are already known. Time and
    memory are linear in the size of the element. Recurses once or twice per level of nesting, which is safe because a
    `Page` is no deeper than `page.MAX_DEPTH`.
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
    return BlockLayout(top, reader.blocks, reader.spans, reader.media, frozenset(reader.code), reader.overlays)


def _is_division(cell: Element) -> bool:
    """Returns True if a table cell is used for layout, because it contains a table, headings, several paragraphs or
    lines of code, several boxes with a paragraph, or a text with blank lines.
    """
    if next(cell.iter("table", "h1", "h2", "h3", "article"), None) is not None or _is_in_picture_frame(cell):
        return True
    if len(list(islice(cell.iter("div"), 3))) > 2 and cell.find(".//div//p") is not None:
        return True
    return len(list(islice(cell.iter("p"), 3))) > 2 or _has_blank_line(cell) or _has_lines(cell)


def _has_blank_line(cell: Element) -> bool:
    """Returns True if a table cell has two consecutive line breaks between texts, as old pages separate paragraphs."""
    for br in cell.iter("br"):
        following = br.getnext()
        if following is not None and following.tag == "br" and not (br.tail or "").strip():
            return has_text(cell, _PARAGRAPHS_OF_CELL)
    return False


def _is_in_picture_frame(cell: Element) -> bool:
    """Returns True if a cell is in a table around one picture, which may have a caption below it."""
    row = cell.getparent()
    if row is None or len(row) > 1:
        return False
    table = next(cell.iterancestors("table"), None)
    rows = list(islice(table.iter("tr"), _MAX_FRAME + 1)) if table is not None else []
    if not rows or len(rows) > _MAX_FRAME or any(len(one) != 1 for one in rows):
        return False
    return next(rows[0].iter("img"), None) is not None


def _has_lines(cell: Element) -> bool:
    """Returns True if a table cell has preformatted text of several lines, or code whose lines have numbers."""
    pre = next(cell.iter("pre"), None)
    before = cell.getprevious()
    if before is not None and before.tag == cell.tag and _numbers_lines(before):
        return True
    if pre is None:
        return any(map(_has_line_divisions, cell.iter("div")))
    return next(pre.iter("br"), None) is not None or "\n" in "".join(pre.itertext()).strip("\n")  # type: ignore[arg-type]


def _numbers_lines(cell: Element) -> bool:
    """Returns True if a table cell contains only the line numbers of the code in the next cell, as syntax highlighters
    write them.
    """
    beside = cell.getnext()
    if beside is None or beside.tag != "td":
        return False
    if next(beside.iter("pre"), None) is None and not any(map(_has_line_divisions, beside.iter("div"))):
        return False
    numbers = " ".join(cell.itertext()).split()  # type: ignore[arg-type]
    is_marked = cell.find(".//pre") is not None or _NUMBER_CLASS.search(cell.get("class") or "") is not None
    if not numbers or not numbers[0].isdecimal() or (len(numbers) == 1 and not is_marked):
        return False
    first = int(numbers[0])
    return numbers == [str(n) for n in range(first, first + len(numbers))]


def _gap_before(el: Element, tag: str, top: Element) -> str:
    if tag in _BLOCK_LINE:
        return "\n"
    if tag not in _LISTS and el is not top:
        parent = el.getparent()
        if parent is not None and parent is not top and parent.tag in ("li", "dd", "dt"):
            return "\n"
    return "\n\n"


def written_text(blocks: Sequence[TextBlock], layout: BlockLayout) -> str:
    """Returns some of the blocks of a layout, given in reading order, as plain text. Two blocks are separated by white
    space: the widest `gap` of the second block and of the blocks between them that are not in `blocks`.
    """
    chosen = iter(blocks)
    following = next(chosen, None)
    out: list[str] = []
    gap = ""
    for block in layout.blocks:
        gap = max(gap, block.gap)
        if block is following:
            out += (gap, block.text)
            gap, following = "", next(chosen, None)
    return "".join(out).strip("\n")
