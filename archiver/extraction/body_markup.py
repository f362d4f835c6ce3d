"""Finds the markup of a body: its headings, lists, links, images and other structure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from urllib.parse import unquote

from lxml.etree import _Element as Element

from archiver.extraction.blocks import (
    EMBEDS,
    MEDIA,
    RULE,
    BlockLayout,
    CellPieces,
    MediaPosition,
    Origin,
    RowOfCells,
    TextBlock,
    WholeElement,
    clean_line,
    is_card,
    media_of,
)
from archiver.extraction.normalization import clean_text, element_line, tidy_body
from archiver.extraction.page import Page
from archiver.markup.html_writer import ANCHOR_PREFIX
from archiver.markup.text_marks import (
    ALIGNMENTS,
    ANCHOR,
    HEADINGS,
    ITEMS,
    NUMBER_STYLES,
    SPANS,
    is_safe_url,
    is_web_url,
)
from archiver.model.items import Mark
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import asset_address, widest_in_srcset

_INLINE_KINDS = {
    "a": "a", "b": "strong", "strong": "strong", "i": "em", "em": "em", "cite": "em", "dfn": "em", "var": "em",
    "code": "code", "tt": "code", "kbd": "kbd", "samp": "code", "del": "del", "s": "del", "strike": "del",
    "ins": "ins", "mark": "mark", "q": "q", "sup": "sup", "sub": "sub", "abbr": "abbr", "acronym": "abbr",
    "ruby": "ruby", "math": "math",
}  # fmt: skip
_CONTAINER_KINDS = {
    **dict.fromkeys(HEADINGS, ""), "ul": "ul", "menu": "ul", "ol": "ol", "li": "li", "dl": "dl", "dt": "dt", "dd": "dd",
    "blockquote": "blockquote", "pre": "pre",
}  # fmt: skip
_PARENTS = {"li": ("ul", "ol", "menu"), "dt": ("dl",), "dd": ("dl",)}
_EMPTY_KINDS = frozenset({"figure", "img", "td", "th", RULE, *EMBEDS})
"""Kinds of marks that may span no text, such as images."""
_LIST_KINDS = frozenset({"ul", "ol", "dl", "table", "tr"})
_LISTS = frozenset({"ul", "ol", "menu", "dl"})
_VALUED = frozenset({"a", "abbr", "ruby"})
"""Kinds of inline marks that need a value: a link without an address is not a mark."""
_FLOW_KINDS = frozenset({"blockquote", "ul", "ol", "dl", *ITEMS})
"""Kinds of containers in which an image may follow the last block."""
_NUMBER_STYLES = {
    "lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A", "upper-latin": "A", "lower-roman": "i",
    "upper-roman": "I",
}  # fmt: skip
_LIST_STYLE = lazy_regex(r"list-style(?:-type)?:\s*(?:\w+\s+)?((?:low|upp)er-(?:alpha|latin|roman))", re.IGNORECASE)
_NUMBER = lazy_regex(r"-?\d{1,8}")
_NEWLINE = "\x1e"
_LANGUAGE = lazy_regex(
    r"(?:^|\s)(?:lang(?:uage)?-|mw-highlight-lang-|data type-|highlight-(?:source-|text-)?|brush:\s*|lang:|src-)"
    r"([a-zA-Z][\w+#.-]{0,19})(?=[\s;]|$)",
    re.IGNORECASE,
)
_NO_LANGUAGE = frozenset(
    {"none", "text", "plain", "plaintext", "plain_text", "default", "nohighlight", "txt", "notranslate", "auto"}
)
_LANGUAGE_ATTRIBUTES = ("data-lang", "data-language", "data-enlighter-language")
_HIGHLIGHTED = frozenset(
    {"highlight", "codehilite", "sourcecode", "syntaxhighlighter", "hljs", "prettyprint", "listing"}
)
"""Classes of highlighted code. The next class of the element then names the language."""
_CODE_LEVELS = 3
"""So many elements around and inside a block of code may name its language."""
_CAPTION_CLASS = lazy_regex(r"(?:^|[\s_-])caption(?:$|[\s_-])|(?:^|\s)img_desc(?:$|\s)", re.IGNORECASE)
_ICON_CLASS = lazy_regex(
    r"(?:^|[\s_-])(?:emoji|smil(?:ey|ies)|wp-smiley|avatar|gravatar|icon|spinner|pixel)(?:$|[\s_-])", re.IGNORECASE
)
_LATE_IMAGE = lazy_regex(r"(?:https?:)?/{0,2}[^\s{}\[\]\"']+\.(?:jpe?g|png|gif|webp|avif)(?:[?#]\S*)?", re.IGNORECASE)
_SMALL_FORM = lazy_regex(
    r"thumb|small|preview|placeholder|blur|low|error|fallback|srcset|^(?:alt|title)$", re.IGNORECASE
)
"""Matches the names of attributes of an image that contain a smaller version of it, or a text, and not the image."""
_PLACEHOLDER = lazy_regex(
    r"(?:^data:|/(?:blank|spacer|placeholder|pixel|transparent|loading|lazy)[\w.-]*\.(?:gif|png|svg)(?:$|\?)"
    r"|/(?:gr[ae]y|loader|empty|dummy|clear|trans|1x1)\.(?:gif|png|svg)(?:$|\?))",
    re.IGNORECASE,
)
_NO_RECORDING = lazy_regex(
    r"doubleclick|googlesyndication|googletagmanager|facebook\.com/plugins/like|platform\.twitter\.com/widgets/(?:tweet_button|follow)"
    r"|/ads?/|addthis|sharethis|disqus|recaptcha|about:blank",
    re.IGNORECASE,
)
_MAIL = lazy_regex(r"(?:mailto|tel):[^\s<>\"]+$", re.IGNORECASE)
_MAX_MARKS = 20_000
"""A body has at most this many marks. Further ones are left out."""
_MAX_CAPTION = 1_000
_SHORT_CAPTION = 200
"""A text beside an image that is not part of the body is the image's caption if it has at most this many letters."""
_NO_TEXT_TAGS = frozenset({"nav", "footer", "aside", "button"})
_PICTURE_WORDS = frozenset(
    {"caption", "captions", "lightbox"}
)  # in the classes of elements around an image that is part of the text
_MAX_SPAN = 100
_MAX_CAPTION_LEVELS = 6
_MAX_CAPTIONS = 50
_MAX_AROUND_IMAGE = 25
_REFERENCE = lazy_regex(r"[\[(]?\s*(?:\d{1,4}|[*†‡§]{1,3})\s*[\])]?")
_MAX_AROUND = 3
_MAX_SKIPPED = 2
_ALIGN_STYLE = lazy_regex(r"text-align:\s*(left|center|right)", re.IGNORECASE)
_ALIGN_CLASS = lazy_regex(r"(?:^|[\s-])(?:text-(?:align-)?|halign-|org-)(left|center|right)(?:$|\s)", re.IGNORECASE)
_IMAGE_FILE = lazy_regex(r"\.(?:jpe?g|png|gif|webp|avif)$", re.IGNORECASE)
_TINY = 2  # an image with at most this width or height, in pixels, counts visits


@dataclass(slots=True)
class _OpenMark:
    """A mark of a body that is still being read, so that its end may not be final. The attributes are those of `Mark`,
    with `end` in place of the length.
    """

    start: int
    kind: str
    value: str = ""
    alt: str = ""
    caption: str = ""
    link: str = ""
    end: int = 0

    def mark(self) -> Mark:
        length = max(self.end - self.start, 0)
        return Mark(self.start, length, self.kind, self.value, self.alt, self.caption, self.link)


@dataclass(frozen=True, slots=True)
class _Container:
    """An element around blocks that has a mark, such as a list, a quotation, a heading or a code block.

    `is_loose` is True for the item that stands for text directly in a list, outside of its items.
    """

    element: Element
    kind: str
    value: str = ""
    is_loose: bool = False


@dataclass(slots=True)
class _Line:
    """The text of a block, which is being put together from its pieces.

    - `marks`: the inline marks in the text, by their elements.
    - `inline`: the elements that become inline marks (see `_inline_elements`), by the element of a piece in them.
    """

    size: int = 0
    parts: list[str] = field(default_factory=list)
    marks: dict[Element | int, _OpenMark] = field(default_factory=dict)
    inline: dict[Element, list[Element]] = field(default_factory=dict)
    needs_space: bool = False

    def take(self, text: str) -> tuple[int, int]:
        """Adds a piece of text, with its white space cleaned like that of the block. Returns the positions in the line
        at which the piece starts and ends.
        """
        cleaned, start = clean_line(text), self.size
        if not cleaned:
            self.needs_space |= text != "" and text.isspace()
            return start, start
        if start and (self.needs_space or text[0].isspace()) and self.parts[-1] != "\n":
            self.parts.append(" ")
            start += 1
        self.parts.append(cleaned)
        self.size = start + len(cleaned)
        self.needs_space = text[-1].isspace()
        return start, self.size

    def end_line(self) -> None:
        self.needs_space = False
        if self.size and not self.ends_line:
            self.parts.append("\n")
            self.size += 1

    @property
    def place(self) -> int:
        """The position at which the next piece of text would begin."""
        return self.size + (self.needs_space and self.size > 0 and not self.ends_line)

    @property
    def ends_line(self) -> bool:
        return bool(self.parts) and self.parts[-1] == "\n"

    @property
    def text(self) -> str:
        return "".join(self.parts).rstrip("\n")


def find_markup(
    page: Page, top: Element, layout: BlockLayout, blocks: Sequence[TextBlock], body: str
) -> tuple[Mark, ...]:
    """Returns the marks of a body. `blocks` are its text blocks in reading order, chosen from `layout`, and `top` is
    the element around them. A block whose text is not in `body` gets no marks.
    """
    return _MarkupReader(page, top, layout, body).read(blocks)


class _MarkupReader:
    """Collects the marks of one body.

    - `open`: the containers around the last block that was read, outermost first.
    - `wanted`: the anchors (ids or names of elements) to which links in the text lead.
    - `notes`: the anchors of footnotes, to which links with numbers lead.
    - `end`: the position in the body at which the last block ends.
    - `last`: the index of this block in the layout.
    """

    def __init__(self, page: Page, top: Element, layout: BlockLayout, body: str) -> None:
        self.page, self.top, self.layout, self.body = page, top, layout, body
        self.marks: list[_OpenMark] = []
        self.open: list[tuple[_Container, _OpenMark]] = []
        self.chains: dict[Element, tuple[_Container, ...]] = {}
        self.links: dict[Element, str] = {}
        self.around: dict[Element, list[Element]] = {}
        inner = [
            (link[1:], el)
            for el in top.iter("a")
            if "#" in (el.get("href") or "") and (link := self._link(el)).startswith("#")
        ]
        self.wanted = {name for name, _ in inner}
        self.notes = {name for name, el in inner if _REFERENCE.fullmatch(element_line(el))}
        self.end, self.last = 0, -1
        self.alone: set[Element] = set()
        self.late: list[Element] = []
        self.beside: dict[Element, str] = {}

    def read(self, blocks: Sequence[TextBlock]) -> tuple[Mark, ...]:
        positions = {id(block): n for n, block in enumerate(self.layout.blocks)}
        waiting = [one for one in self._media_outside(blocks) if self._is_in_text(one.element)]
        at = 0
        if blocks and (first := positions.get(id(blocks[0]))) is not None:
            before = min((lo for el, (lo, _) in self.layout.spans.items() if el is self.top), default=first)
            while at < len(waiting) and waiting[at].before < before:
                at += 1
        for block in blocks:
            if len(self.marks) > _MAX_MARKS:
                break
            index = positions.get(id(block), -1)
            media, self.late = self.late, []
            while at < len(waiting) and waiting[at].before <= index:
                media.append(waiting[at].element)
                at += 1
            self._read_block(block, index, media)
            self.last = index
        for el in self.late:
            self._take_media(el, len(self.body))
        last = self.layout.spans.get(self.top, (0, 0))[1]
        for one in waiting[at:]:
            if one.before <= last:
                self._take_media(one.element, len(self.body))
        self._close(0)
        return self._finished()

    def _media_outside(self, blocks: Sequence[TextBlock]) -> list[MediaPosition]:
        """Returns the images and recordings outside the text of `blocks`, in reading order. They are between the blocks
        of the page, or in blocks that are left out of the body, such as an image above its short caption.
        """
        chosen = {id(block) for block in blocks}
        found = list(self.layout.media)
        for n, block in enumerate(self.layout.blocks):
            if "" in block.texts and id(block) not in chosen:
                media = list(media_of(block.texts, block.origins))
                found += (MediaPosition(el, n) for el in media)
                if len(media) == 1 and block.size <= _SHORT_CAPTION:
                    self.beside[media[0]] = block.text
        return sorted(found, key=lambda one: one.before)

    def _finished(self) -> tuple[Mark, ...]:
        """Returns the marks, without those that have no effect: empty ones, repeated or unused anchors, links to
        missing anchors, and rules that separate nothing.
        """
        linked = {m.value[1:] for m in self.marks if m.kind == "a" and m.value.startswith("#") and m.end > m.start}
        found: list[Mark] = []
        names: set[str] = set()
        last_rule = 0
        for m in self.marks:
            if m.kind == ANCHOR and m.value in linked and m.value not in names:
                names.add(m.value)
            elif m.kind == ANCHOR or (m.end <= m.start and m.kind not in _EMPTY_KINDS):
                continue
            elif m.kind == RULE:
                if not last_rule < m.start < len(self.body):
                    continue
                last_rule = m.start
            found.append(m.mark())
        return tuple(m for m in found if m.kind != "a" or m.value[:1] != "#" or m.value[1:] in names)

    def _is_in_text(self, el: Element) -> bool:
        """Returns True if an image or a recording is inside the element `top` and not inside boilerplate."""
        at = el.getparent()
        while at is not None and at is not self.top:
            word = self.layout.boilerplate_word(at)
            if at.tag in _NO_TEXT_TAGS or (word and word not in _PICTURE_WORDS):
                return False
            if at.tag == "form" and next(at.iter("input", "select", "textarea"), None) is not None:
                return False
            at = at.getparent()
        return at is not None

    # -- blocks

    def _read_block(self, block: TextBlock, index: int, media: Sequence[Element]) -> None:
        is_code = self._is_code(block.element)
        text = tidy_body(block.text) if is_code or "\n\n" in block.text else block.text
        start = self.body.find(text, self.end)
        if start < 0 or not text:
            return
        end = start + len(text)
        while is_code and start > self.end and self.body[start - 1] in " \t":
            start -= 1
        chain = self._chain(block.element)
        if block.element.tag in _LISTS and not is_code:
            chain = (*chain, *_loose_item(block.element))
        if "" in block.texts:
            media = [*media, *self._take_lines_of_media(block, text)]
        if not (chain or media or self.open or self.notes) and block.element.tag != "tr":
            self._read_line(block, start, end)  # a paragraph outside of any list, quotation or table, as most are
            self.end = end
            return
        row = _row_of(block)
        table = next(block.element.iterancestors("table"), None) if row is not None else None
        if table is None or (row is not None and len(row.cells) == 1 and self._has_code(table)):
            row = table = None  # a row outside of any table, or the title of a code block
        if table is not None:
            chain = (*self._chain(table), _Container(table, "table"), _Container(block.element, "tr"))
            self.late += [el for el in media if _is_inside(el, table)]  # a table has no place for it between its rows
            media = [el for el in media if not _is_inside(el, table)]
        media = self._take_media_inside(media, chain)
        self._open(chain, start, media)
        if self.notes and not any(one.kind in ITEMS or one.kind in (*HEADINGS, "table") for one in chain):
            self._take_paragraph_anchor(block, index, start)
        for _, mark in self.open:
            mark.end = end
        if row is not None:
            self._read_row(row, start, end)
        elif not any(one.kind == "pre" for one in chain):
            self._read_line(block, start, end)
        self.end = end

    def _take_lines_of_media(self, block: TextBlock, text: str) -> list[Element]:
        """Returns the media to mark before a block: images on lines of their own above its text, and recordings before
        its first word. Its other recordings, and images below its text, are kept to be marked before the next block.
        """
        for pieces in _paragraphs(block.texts, block.origins):
            if self._assemble(pieces, block.element).text == text:
                above, below = _media_lines(pieces), _media_lines(pieces[::-1])[::-1]
                known = {*above, *below}
                before, after = _recordings(pieces)
                above += [el for el in before if el not in known]
                below = [*(el for el in after if el not in known), *below]
                self.alone |= {*above, *below}
                self.late += below
                return above
        return []

    def _is_code(self, el: Element) -> bool:
        return el.tag == "pre" or el in self.layout.code

    def _has_code(self, table: Element) -> bool:
        return any(el in self.layout.code for el in table.iter("pre", "div", "table"))

    def _take_media_inside(self, media: Sequence[Element], chain: tuple[_Container, ...]) -> list[Element]:
        """Marks the images at the beginning of `media` that belong to the end of a container of the last block. Returns
        the remaining images. `chain` are the containers around the next block.
        """
        n = 0
        while n < len(media) and self._ends_container(media[n], chain):
            self._take_media(media[n], self.end)
            n += 1
        return list(media[n:])

    def _ends_container(self, el: Element, chain: tuple[_Container, ...]) -> bool:
        """Returns True if an image belongs to the end of a container of the last block and not to the next block,
        around which are the containers `chain`. The image must be in the container, and one of these must be true:

        - The next block is not in the container.
        - The container is a list, and the image is in an item without text, between the items of the two blocks.
        """
        around = [
            one
            for one, _ in self.open
            if one.kind in _FLOW_KINDS and one.element is not self.top and _is_inside(el, one.element)
        ]
        if not around:
            return False
        inner = [one for one in chain if _is_inside(el, one.element)]
        return len(inner) < len(around) or (len(inner) == len(around) and around[-1].kind in _LIST_KINDS)

    def _open(self, chain: tuple[_Container, ...], start: int, media: list[Element]) -> None:
        """Begins the marks of the containers around the next block (`chain`) at the position `start` of the body, and
        adds the marks of the images before this block (`media`).
        """
        same = self._still_open(chain, start)
        is_further = any(one.kind in ITEMS for one in chain[:same])
        self._close(same)
        for n, one in enumerate(chain[same:], same + 1):
            # An image in a list, but in an item without text, precedes the list.
            inner = chain[n] if one.kind in _LIST_KINDS and n < len(chain) else one
            if media:
                media = self._take_media_outside(media, inner.element if one.kind in _FLOW_KINDS else None, start)
            mark = _OpenMark(start, one.kind, one.value)
            self.marks.append(mark)
            self.open.append((one, mark))
            is_further = is_further and one.kind not in ITEMS
            if self.wanted and (one.kind in ITEMS or one.kind in HEADINGS):
                self._take_anchor(one.element, start)
        for el in media:
            self._take_media(el, start)
        if is_further and chain[-1].kind in ITEMS:
            mark = _OpenMark(start, "p")
            self.marks.append(mark)
            self.open.append((_Container(self.top, "p"), mark))

    def _still_open(self, chain: tuple[_Container, ...], start: int) -> int:
        """Returns how many of the containers around the next block (`chain`), which begins at `start`, already have an
        open mark.
        """
        same = 0
        while same < min(len(chain), len(self.open)) and chain[same].element is self.open[same][0].element:
            same += 1
        if same == len(chain) and chain and (chain[-1].kind in (*HEADINGS, "pre", "tr") or chain[-1].is_loose):
            same -= 1  # a second block of one heading is a heading of its own
        if "\n\n" in self.body[self.end : start]:  # what was between two rows of a table is left out
            same = next((n for n, one in enumerate(chain[:same]) if one.kind == "table"), same)
        return same

    def _take_media_outside(self, media: list[Element], container: Element | None, start: int) -> list[Element]:
        """Marks the media up to the first one that is in a container, or all of them if `container` is None. Returns
        the others.
        """
        n = 0
        while n < len(media) and not (container is not None and _is_inside(media[n], container)):
            self._take_media(media[n], start)
            n += 1
        return media[n:]

    def _close(self, keep: int) -> None:
        del self.open[keep:]

    def _chain(self, el: Element) -> tuple[_Container, ...]:
        """Returns the containers to which a block belongs, outermost first. The last of them may be the block's own
        element.
        """
        if el is self.top:
            return ()
        known = self.chains.get(el)
        if known is None:
            parent = el.getparent()
            known = self._chain(parent) if parent is not None else ()
            known = self.chains[el] = self._with_element(known, el)
        return known

    def _with_element(self, chain: tuple[_Container, ...], el: Element) -> tuple[_Container, ...]:
        tag = el.tag
        if el in self.layout.code:
            return (*chain, _Container(el, "pre", _code_language(el)))
        if tag not in _CONTAINER_KINDS or tag in _LISTS:
            return chain
        if tag in HEADINGS and any(one.kind == "dt" for one in chain):
            return chain  # HTML allows no headings in a term
        parents = _PARENTS.get(str(tag))
        if parents is None:
            return (*chain, _Container(el, str(tag), _code_language(el) if tag == "pre" else ""))
        parent = el.getparent()
        if parent is not None and parent.tag == "div" and tag != "li":
            parent = parent.getparent()  # a group of terms and definitions
        if parent is None or parent.tag not in parents:
            return chain
        if not any(one.element is parent for one in chain):
            chain = (*chain, _list_container(parent))
        return (*chain, _Container(el, str(tag), _number_of_item(el, parent) if tag == "li" else ""))

    # -- text in a line

    def _read_line(self, block: TextBlock, start: int, end: int) -> None:
        element = block.element
        if not block.linked and all(origin is element for origin in block.origins):
            return  # the text has no inline elements
        for pieces in list(_paragraphs(block.texts, block.origins)):
            line = self._assemble(pieces, block.element)
            if line.text == self.body[start:end]:
                self._add_inline(line, start, end)
                return

    def _read_row(self, row: RowOfCells, start: int, end: int) -> None:
        at = start
        is_first = self.open[-2][1].start == start  # the table begins with this row
        recordings = [el for cell in row.cells for el in media_of(cell.texts, cell.origins) if el.tag != "img"]
        self.alone.update(recordings)
        self.late += recordings
        for cell in row.cells:
            found = self.body.find(cell.text, at, end) if cell.text else at
            if found < 0:
                return
            mark = _OpenMark(found, str(cell.cell.tag), _cell_value(cell.cell, is_first), end=found + len(cell.text))
            self.marks.append(mark)
            if cell.text:
                self._read_cell(cell, found)
                at = found + len(cell.text) + 3
                at = min(at, end)

    def _read_cell(self, cell: CellPieces, start: int) -> None:
        pieces = [
            (" " if text == _NEWLINE else text, origin) for text, origin in zip(cell.texts, cell.origins, strict=True)
        ]
        line = self._assemble(pieces, cell.cell)
        if line.text == cell.text:
            self._add_inline(line, start, start + len(cell.text))

    def _add_inline(self, line: _Line, start: int, end: int) -> None:
        marks = [m for m in line.marks.values() if m.end > m.start or m.kind in ("img", ANCHOR)]
        links = {(m.start, m.value) for m in marks if m.kind == "a"}
        marks.sort(key=lambda m: (m.start, m.kind != ANCHOR, m.kind != "img" or (m.start, m.link) in links, -m.end))
        for m in marks:
            m.start, m.end = min(start + m.start, end), min(start + m.end, end)
            self.marks.append(m)

    def _assemble(self, pieces: Iterable[tuple[str, Origin]], block: Element) -> _Line:
        """Puts together the text of a block from its pieces, with the marks of the inline elements around
        each piece.
        """
        line = _Line()
        for text, origin in pieces:
            if isinstance(origin, WholeElement):
                self._take_whole(line, origin.element, block)
            elif isinstance(origin, RowOfCells):
                line.take(text)
            elif text == _NEWLINE:
                line.end_line()
            elif not text and origin.tag in MEDIA:
                self._take_inline_media(line, origin, block)
            else:
                self._take_piece(line, text, origin, block)
        return line

    def _take_whole(self, line: _Line, el: Element, block: Element) -> None:
        """Adds the whole text of an element, which contains only inline elements, to a line."""
        if el.text:
            self._take_piece(line, el.text, el, block)
        for child in el:
            if isinstance(child.tag, str):
                self._take_whole(line, child, block)
            if child.tail:
                self._take_piece(line, child.tail, el, block)

    def _take_piece(self, line: _Line, text: str, origin: Element, block: Element) -> None:
        start, end = line.take(text)
        if start == end:
            return
        inline = line.inline.get(origin)
        if inline is None:
            inline = line.inline[origin] = self._inline_elements(origin, block)
        for el in reversed(inline):
            mark = line.marks.get(el)
            if mark is None:
                kind = _INLINE_KINDS.get(str(el.tag), "code")
                line.marks[el] = mark = _OpenMark(start, kind, self._value(el, kind))
                if self.wanted and (name := _anchor_of(el)) in self.wanted:
                    line.marks[id(el)] = _OpenMark(start, ANCHOR, name, end=start)
            mark.end = end

    def _inline_elements(self, origin: Element, block: Element) -> list[Element]:
        """Returns the elements around a piece of text in the element `origin` that become inline marks, such as links
        and emphasis: those inside the block, innermost first, and a link around the block.
        """
        found: list[Element] = []
        kinds: set[str] = set()
        at: Element | None = origin
        while at is not None and at is not block and at is not self.top:
            kind = _INLINE_KINDS.get(str(at.tag)) or ("code" if at.tag == "pre" else None)
            if (
                kind is not None
                and kind not in kinds
                and not (kind in _VALUED and not self._value(at, kind))
                and not _is_redundant(kind, block)
            ):
                found.append(at)
                kinds.add(kind)
            at = at.getparent()
        if at is not block or "a" in kinds:
            return found
        around = self.around.get(block)
        if around is None:
            around = self.around[block] = self._link_around(block)
        return [*found, *around] if around else found

    def _link_around(self, block: Element) -> list[Element]:
        """Returns a list with the nearest link that contains a block or is one; [] if there is none."""
        at: Element | None = block
        while at is not None and at is not self.top:
            if _INLINE_KINDS.get(str(at.tag)) == "a" and self._link(at):
                return [at]
            at = at.getparent()
        return []

    def _take_inline_media(self, line: _Line, el: Element, block: Element) -> None:
        mark = self._media_mark(el, line.place) if el not in self.alone else None
        if mark is None:
            return
        if mark.kind == "figure":
            mark.kind, mark.caption = "img", ""
        mark.end = mark.start
        line.marks[el] = mark

    # -- links and media

    def _value(self, el: Element, kind: str) -> str:
        """Returns the value of an inline mark."""
        if kind == "a":
            return self._link(el)
        reader = _VALUE_READERS.get(kind)
        return reader(el) if reader else ""

    def _link(self, el: Element) -> str:
        """Returns the address to which a link leads; "" if it has no address, or leads to its own place on the page."""
        known = self.links.get(el)
        if known is None:
            known = self.links[el] = self._read_link(el)
        return known

    def _read_link(self, el: Element) -> str:
        href = (el.get("href") or "").strip()
        url = href if href.startswith("#") else link_target(self.page, href) if href else ""
        here, _, name = url.partition("#")
        if name and here in ("", self.page.url.partition("#")[0]):
            name = _anchor(name)
            head = next(el.iterancestors(*HEADINGS), el)
            is_own = any(_anchor_of(at) == name for at in chain(head.iter(), el.iterancestors()))
            url = "" if is_own else f"#{name}"
        return url if is_safe_url(url) else ""

    def _take_anchor(self, el: Element, at: int) -> None:
        """Adds an anchor mark at the position `at` if a link in the text leads to this heading or list item."""
        inside = el.iter() if el.tag in HEADINGS else _first_elements(el)
        name = next((name for name in map(_anchor_of, inside) if name in self.wanted), "")
        if name:
            self.marks.append(_OpenMark(at, ANCHOR, name, end=at))

    def _take_paragraph_anchor(self, block: TextBlock, index: int, at: int) -> None:
        """Adds an anchor mark at the position `at` if a link with a number leads to this paragraph, as to a footnote.
        The anchor may be that of the paragraph, of an element that begins with it, or of the footnote's number, which
        is left out of the text.
        """
        skipped = self.layout.blocks[self.last + 1 : index][-_MAX_SKIPPED:] if self.last >= 0 else []
        origins = (one for other in skipped for one in other.origins if not isinstance(one, (WholeElement, RowOfCells)))
        if name := next((name for one in origins if (name := _anchor_of(one)) in self.notes), ""):
            self.marks.append(_OpenMark(at, ANCHOR, name, end=at))
            return
        for el in (block.element, *islice(block.element.iterancestors(), _MAX_AROUND)):
            if el is self.top or self.layout.spans.get(el, (-1, 0))[0] <= self.last:
                return
            if (name := _anchor_of(el)) in self.notes:
                self.marks.append(_OpenMark(at, ANCHOR, name, end=at))
                return

    def _take_media(self, el: Element, at: int) -> None:
        mark = self._media_mark(el, at)
        if mark is not None:
            mark.end = at
            self.marks.append(mark)

    def _media_mark(self, el: Element, at: int) -> _OpenMark | None:
        if el.tag == RULE:
            return _OpenMark(at, RULE)
        if el.tag == "a":
            inner = (one for one in el.iter("div", "p", "h2", "h3", "h4") if one.text and not one.text.isspace())
            title = element_line(next(inner, el))[:_MAX_CAPTION]
            return _OpenMark(at, "iframe", url, title) if is_web_url(url := self._link(el)) else None
        if el.tag == "img":
            url = image_url(self.page, el)
            if not url or any(map(is_card, el.iterancestors("a"))):
                return None
            whole, link = self._link_of_image(el)
            alt = clean_text(el.get("alt"))[:_MAX_CAPTION]
            return _OpenMark(at, "figure", whole or url, alt, self._caption(el), link)
        url = _recording_url(self.page, el)
        if not url:
            return None
        kind = "iframe" if el.tag in ("iframe", "embed") else str(el.tag)
        title = clean_text(el.get("title") or el.get("aria-label"))[:_MAX_CAPTION]
        return _OpenMark(at, kind, url, title or self._caption(el))

    def _link_of_image(self, img: Element) -> tuple[str, str]:
        """Returns where the link around an image leads, as (URL of the whole picture, URL of another page). At least
        one of the two is "".
        """
        link = next(img.iterancestors("a"), None)
        url = self._link(link) if link is not None else ""
        path = url.partition("?")[0]
        if is_web_url(url) and _IMAGE_FILE.search(path) and ":" not in path.rpartition("/")[2]:
            return url, ""  # "/wiki/File:Clock.jpg" is a page
        is_own = url.startswith("#") or url.partition("#")[0].rstrip("/") in self.page.addresses
        return "", "" if is_own else url

    def _caption(self, el: Element) -> str:
        """Returns the caption of an image; "" if it has none, or if the caption is part of the body. The caption of a
        gallery is that of each of its images that has none of its own.
        """
        for around in islice(el.iterancestors(), _MAX_CAPTION_LEVELS):
            if around is self.top or around.tag == "body":
                break
            if around.tag != "figure" and (_is_large(around) or len(_shown_images(around)) > 1):
                continue
            if (caption := _caption_element(around)) is not None:
                text = element_line(caption)[:_MAX_CAPTION].removesuffix("¶").rstrip()
                return "" if text and text in self.body else text
        beside = self.beside.get(el, "")
        return "" if beside in self.body else beside


def _is_large(el: Element) -> bool:
    """Returns True if an element contains so many elements that it is more than an image with its links, sources and
    caption.
    """
    return next(islice(el.iter(), _MAX_AROUND_IMAGE, None), None) is not None


def _shown_images(around: Element) -> list[Element]:
    """Returns at most two images in an element, without those in <noscript>."""
    shown = (img for img in around.iter("img") if next(img.iterancestors("noscript"), None) is None)
    return list(islice(shown, 2))


def _caption_element(around: Element) -> Element | None:
    """Returns the element with the caption of a figure, or of another element around an image; None if it has none."""
    for caption in islice(around.iter("figcaption"), _MAX_CAPTIONS):
        if next(caption.iterancestors("figure"), around) is around:
            return caption
    inside = around.iterdescendants("p", "div", "span", "em", "dd", "td") if len(_shown_images(around)) == 1 else ()
    return next((e for e in inside if _CAPTION_CLASS.search(e.get("class") or "")), None)


def _first_elements(el: Element) -> Iterator[Element]:
    """Yields an element, its first child, the first child of this child and so on, up to an element that begins with
    text or to a heading.
    """
    at: Element | None = el
    while at is not None and at.tag not in HEADINGS:
        yield at
        at = next(at.iterchildren("*"), None) if not (at.text or "").strip() else None


def _anchor_of(el: Element) -> str:
    """Returns the id or name of an element, to which a link such as "#name" can lead; "" if it has none."""
    return _anchor(el.get("id") or (el.get("name") if el.tag == "a" else "") or "")


def _is_inside(el: Element, container: Element) -> bool:
    return any(at is container for at in el.iterancestors())


def _list_container(el: Element) -> _Container:
    kind = _CONTAINER_KINDS[str(el.tag)] if el.tag != "dl" else "dl"
    return _Container(el, kind, _numbering(el) if kind == "ol" else "")


def _loose_item(el: Element) -> tuple[_Container, _Container]:
    """Returns two containers for text that is directly in the list `el`, where HTML allows only items: the list, and an
    item for the text.
    """
    item = _Container(el, "dd" if el.tag == "dl" else "li", is_loose=True)
    return _list_container(el), item


def _numbering(el: Element) -> str:
    """Returns the value of the mark of an ordered list: its first number, whether it counts down, and its style."""
    start = (el.get("start") or "").strip()
    is_reversed = el.get("reversed") is not None
    parts = [str(int(start))] if _NUMBER.fullmatch(start) and (int(start) != 1 or is_reversed) else []
    parts += ["reversed"] * is_reversed
    style = el.get("type") or ""
    if style not in NUMBER_STYLES and (found := _LIST_STYLE.search(el.get("style") or "")):
        style = _NUMBER_STYLES[found[1].lower()]
    return " ".join([*parts, style] if style in NUMBER_STYLES else parts)


def _number_of_item(el: Element, items: Element) -> str:
    """Returns the number that an item of an ordered list states; "" if it states none, or only the number that follows
    from the item before it.
    """
    number = (el.get("value") or "").strip()
    if items.tag != "ol" or not _NUMBER.fullmatch(number):
        return ""
    before = next(el.itersiblings("li", preceding=True), None)
    last = (before.get("value") or "" if before is not None else items.get("start") or "1").strip()
    step = -1 if items.get("reversed") is not None else 1
    is_next = _NUMBER.fullmatch(last) and int(number) == int(last) + (step if before is not None else 0)
    return "" if is_next else str(int(number))


def _full_term(el: Element) -> str:
    """Returns the full term that the title of an <abbr> gives for an abbreviation; "" if there is none. A title that
    begins with a digit is a date for machines, as in old markup.
    """
    title = clean_text(el.get("title"))[:_MAX_CAPTION]
    return "" if title[:1].isdigit() or title == element_line(el) else title


def _reading(el: Element) -> str:
    """Returns the reading that is shown above a text (HTML, section 4.5.10)."""
    return " ".join(line for rt in el.iter("rt") if (line := clean_text("".join(rt.itertext()))))  # type: ignore[arg-type]


_VALUE_READERS: dict[str, Callable[[Element], str]] = {
    "abbr": _full_term,
    "ruby": _reading,
    "math": lambda el: "display" if el.get("display") == "block" else "",
}


def _is_redundant(kind: str, block: Element) -> bool:
    """Returns True if an inline mark adds nothing to the kind of its block: bold in a heading, code in a code block."""
    return (kind == "strong" and block.tag in HEADINGS) or (kind == "code" and block.tag == "pre")


def _cell_value(cell: Element, is_first: bool) -> str:
    """Returns the value of a table cell's mark, such as "right colspan=2": how the column is aligned (only if
    `is_first`, in the first row), and how many columns and rows the cell spans.
    """
    values = [f"{name}={span}" for name in SPANS if 1 < (span := _span(cell, name)) <= _MAX_SPAN]
    if is_first and (side := _alignment(cell)):
        values.insert(0, side)
    return " ".join(values)


def _span(cell: Element, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return int(value) if value.isdecimal() and len(value) < 5 else 1


def _alignment(cell: Element) -> str:
    """Returns how the column of a cell in the first row is aligned ("left", "center" or "right"), as this cell or the
    one below it says; "" if neither does.
    """
    row = cell.getparent()
    table = next(cell.iterancestors("table"), None)
    rows = islice(table.iter("tr"), 2) if table is not None else ()
    below = next((one for one in rows if one is not row), None)
    beside = below[row.index(cell)] if row is not None and below is not None and len(below) == len(row) else None
    for one in (cell, beside):
        if one is None:
            continue
        found = _ALIGN_STYLE.search(one.get("style") or "") or _ALIGN_CLASS.search(one.get("class") or "")
        side = (found[1] if found else one.get("align") or "").lower()
        if side in ALIGNMENTS:
            return side
    return ""


def _row_of(block: TextBlock) -> RowOfCells | None:
    """Returns the cells of a block that is one table row; None for any other block."""
    if block.element.tag != "tr":
        return None
    rows = [one for one in block.origins if isinstance(one, RowOfCells)]
    return rows[0] if len(rows) == 1 and len(block.origins) == 1 else None


Piece = tuple[str, Origin]


def _paragraphs(texts: Sequence[str], origins: Sequence[Origin]) -> Iterator[list[Piece]]:
    """Splits the pieces of a run of text at consecutive line breaks, and yields the pieces of each paragraph. Images
    without text belong to the paragraph after them.
    """
    pieces: list[Piece] = []
    is_after_break = has_text = False
    for text, origin in zip(texts, origins, strict=True):
        if text == _NEWLINE and is_after_break and has_text:
            yield pieces
            pieces, has_text = [], False
            continue
        if text == _NEWLINE:
            is_after_break = True
        elif text and not text.isspace():
            is_after_break, has_text = False, True
        pieces.append((text, origin))
    if pieces:
        yield pieces


def _media_lines(pieces: Iterable[Piece]) -> list[Element]:
    """Returns the images and recordings in the first lines of a paragraph, up to the first line with text."""
    found: list[Element] = []
    line: list[Element] = []
    for text, origin in pieces:
        if text == _NEWLINE:
            found += line
            line = []
        elif text and not text.isspace():
            break
        elif not text and not isinstance(origin, WholeElement | RowOfCells) and origin.tag in MEDIA:
            line.append(origin)
    return found


def _recordings(pieces: Iterable[Piece]) -> tuple[list[Element], list[Element]]:
    """Returns the recordings before the first word of some pieces, and those after it."""
    before: list[Element] = []
    after: list[Element] = []
    has_text = False
    for text, origin in pieces:
        if text and not text.isspace() and text != _NEWLINE:
            has_text = True
        elif not text and not isinstance(origin, WholeElement | RowOfCells) and origin.tag in MEDIA - {"img"}:
            (after if has_text else before).append(origin)
    return before, after


def _anchor(name: str) -> str:
    return unquote(name).removeprefix(ANCHOR_PREFIX)


@lru_cache(maxsize=1_024)
def _language_in(names: str) -> str:
    """Returns the programming language that an element's classes name; "" if they name none."""
    found = [match[1].lower() for match in _LANGUAGE.finditer(names)]
    words = iter(names.lower().split())
    if any(word in _HIGHLIGHTED for word in words):
        found += [word for word in words if "_" not in word and "-" not in word]
    return next((one for one in found if one not in _NO_LANGUAGE and not one.startswith("highlight")), "")


def _code_language(block: Element) -> str:
    """Returns the programming language of a code block, which syntax highlighters write in a class or an attribute; ""
    if it is not given.
    """
    inside = islice(block.iterdescendants("code", "div", "pre"), _CODE_LEVELS)
    for el in (block, *inside, *islice(block.iterancestors("div", "figure", "td", "pre"), _CODE_LEVELS)):
        given = next(filter(None, map(el.get, _LANGUAGE_ATTRIBUTES)), "")
        if language := _language_in(f"language-{given.strip()}" if given else el.get("class") or ""):
            return language
    return ""


def link_target(page: Page, href: str) -> str:
    """Returns the absolute URL of a link, with its fragment and without tracking parameters; "" if it is not valid."""
    if _MAIL.match(href):
        return href
    before, _, fragment = href.partition("#")
    url = page.join(before)
    return f"{url}#{fragment}" if url and fragment and not fragment.isspace() else url


def image_url(page: Page, img: Element) -> str:
    """Returns the URL of an image, or "" for a placeholder, an icon, or an image that only counts visits. If a script
    loads the image later, returns the URL of the image itself and not of its placeholder. If there are only versions of
    different sizes, returns the URL of the widest.
    """
    if _ICON_CLASS.search(img.get("class") or "") or _is_tiny(img):
        return ""
    for value in _image_sources(img):
        if value.strip() and not _PLACEHOLDER.search(value) and (url := asset_address(value, page.base)):
            return url
    fallback = img.getnext()
    if fallback is not None and fallback.tag == "noscript" and (inside := fallback.find(".//img")) is not None:
        return image_url(page, inside)
    return ""


def _image_sources(img: Element) -> Iterator[str]:
    """Yields the addresses that an image may have, the best first: those in attributes, whatever their names, from
    which a script loads it later, its own, and the widest of the sets of sizes for it.
    """
    for name, value in img.attrib.items():
        if name != "src" and not _SMALL_FORM.search(str(name)) and _LATE_IMAGE.fullmatch(str(value).strip()):
            yield str(value)
    for name in ("data-src", "src"):
        yield "" if "{" in (value := img.get(name) or "") else value
    parent = img.getparent()
    sources = parent.iter("source") if parent is not None and parent.tag == "picture" else ()
    for el in (img, *sources):
        yield from (widest_in_srcset(str(value)) for name, value in el.attrib.items() if str(name).endswith("srcset"))


def _is_tiny(el: Element) -> bool:
    sizes = ((el.get(name) or "").strip().removesuffix("px") for name in ("width", "height"))
    return any(size.isdecimal() and int(size) <= _TINY for size in sizes)


def _recording_url(page: Page, el: Element) -> str:
    """Returns the URL of a recording or an embedded page; "" for an advertisement, a button, or a frame that only
    counts visits.
    """
    if _is_tiny(el) or (el.get("style") or "").replace(" ", "").find("display:none") >= 0:
        return ""
    values = [el.get(name) or "" for name in ("src", "data-src", "data-lazy-src", "data-litespeed-src")]
    values += [one.get("src") or "" for one in el.iter("source")]
    for value in values:
        if value.strip() and not _NO_RECORDING.search(value) and (url := asset_address(value, page.base)):
            return url
    return ""
