"""Marks: the structure of an article's body (headings, lists, links, images ...), kept beside its plain text.

A mark is a range of the body and a kind, which is the name of the HTML element with the same meaning. The marks of an
article are in document order, an outer mark before those inside it, and never overlap in part:

- Blocks: h1 to h6, ul, ol, li, dl, dt, dd, blockquote, pre, table, tr, th, td, and p for a further paragraph of a list
  item. A text without such a mark is a paragraph. Paragraphs are separated by blank lines, a line end inside one is a
  line break.
  The value of an ol is its numbering: the number of its first item, "reversed", and its style ("a", "A", "i", "I").
  That of a li is its number if it is not the next one, that of a pre the language of its code. That of a td or th is
  its spans ("colspan=2", "rowspan=3") and, in the first row of a table, the alignment of its column ("right").
- Inline: a, strong, em, code, kbd, del, ins, mark, q, sup, sub, abbr (its value is the full term), ruby (its value is
  the reading of the text, which the body does not have), and math (a formula in TeX; its value is "display" if it is a
  paragraph).
- Without length: figure (an image between blocks), img (an image in a line of text), video, audio and iframe
  (recordings and embedded pages), hr (a break between two parts), and id (an anchor to which a link in the text leads).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from archiver.model.items import Image, Link, Mark, MarkedText
from archiver.model.lazy_regex import lazy_regex

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
LISTS = frozenset({"ul", "ol", "dl"})
ITEMS = frozenset({"li", "dt", "dd"})
CELLS = frozenset({"td", "th"})
BLOCKS = frozenset({*HEADINGS, *LISTS, *ITEMS, *CELLS, "blockquote", "pre", "table", "tr", "p"})
INLINE = frozenset(
    {"a", "strong", "em", "code", "kbd", "del", "ins", "mark", "q", "sup", "sub", "abbr", "ruby", "math"}
)
IMAGE_KINDS = frozenset({"figure", "img"})
"""The kinds of marks that are images."""
RECORDINGS = frozenset({"video", "audio", "iframe"})
ANCHOR = "id"
ALIGNMENTS = ("left", "center", "right")
SPANS = ("colspan", "rowspan")
RULE = "hr"
KINDS = BLOCKS | INLINE | IMAGE_KINDS | RECORDINGS | {RULE, ANCHOR}
NUMBER_STYLES = ("a", "A", "i", "I")
_NUMBER = lazy_regex(r"-?\d{1,8}")
_SCHEMES = frozenset({"http", "https", "mailto", "ftp", "tel"})
_SCHEME = lazy_regex(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_ANCHOR_NAME = lazy_regex(r"[^\s\"'<>&]{1,200}")
_SIZE = lazy_regex(r"[-_]\d{2,5}x\d{2,5}(?=\.\w+$|$)|[-_]scaled(?=\.\w+$)")


def is_safe_url(url: str) -> bool:
    """Returns True if a link in written HTML may lead to this URL: an anchor in the same text, or a URL with a harmless
    scheme. A URL with "javascript:" is not safe.
    """
    if url.startswith("#"):
        return _ANCHOR_NAME.fullmatch(url[1:]) is not None
    scheme = _SCHEME.match(url)
    return scheme is not None and scheme[1].lower() in _SCHEMES


def is_web_url(url: str) -> bool:
    """Returns True for a URL of HTTP or HTTPS."""
    return url[:8].lower().startswith(("http://", "https://"))


def links_of(body: str, marks: Iterable[Mark]) -> tuple[Link, ...]:
    """Returns the links of a text and of its images in reading order, without links inside the text itself."""
    found: list[Link] = []
    for m in marks:
        if m.kind == "a" and not m.value.startswith("#"):
            found.append(Link(m.value, " ".join(body[m.offset : m.end].split())))
        elif m.link:
            found.append(Link(m.link, m.alt))
    return tuple(found)


def images_of(marks: Iterable[Mark]) -> tuple[Image, ...]:
    """Returns the images of a text in reading order."""
    return tuple(Image(m.value, m.alt, m.caption, m.link) for m in marks if m.kind in IMAGE_KINDS)


def captions_of(marks: Iterable[Mark]) -> tuple[str, ...]:
    """Returns the captions and alternative texts of images, and those of recordings, each once."""
    texts = (text for m in marks if m.kind in IMAGE_KINDS | RECORDINGS for text in (m.caption, m.alt))
    return tuple(dict.fromkeys(text for text in texts if text))


# Storage: JSON arrays, without empty values at their ends.

Packed = list[list[int | str]]


def pack_marks(marks: Iterable[Mark]) -> Packed:
    """Returns marks as JSON arrays [offset, length, kind, value, alt, caption, link], without the empty values at
    their ends.
    """
    packed = []
    for m in marks:
        row: list[int | str] = [m.offset, m.length, m.kind, m.value, m.alt, m.caption, m.link]
        while not row[-1] and len(row) > 3:
            row.pop()
        packed.append(row)
    return packed


def unpack_marks(packed: object, length: int | None = None) -> tuple[Mark, ...]:
    """Returns the marks in the JSON arrays that `pack_marks` returned. An array that is not a mark, or is outside a
    body with `length` characters (None: of any length), is left out, since another program may have written it.
    """
    rows = packed if isinstance(packed, list) else []
    marks = (_unpack(row) for row in rows)
    return tuple(m for m in marks if m is not None and (length is None or m.end <= length))


def _unpack(row: object) -> Mark | None:
    if not isinstance(row, list) or not 3 <= len(row) <= 7:
        return None
    offset, length, kind, *texts = row
    are_numbers = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in (offset, length))
    if not are_numbers or kind not in KINDS or not all(isinstance(text, str) for text in texts):
        return None
    return Mark(offset, length, kind, *texts)


# The meaning of marks, and marks of a text that was changed.


def meaning_of_marks(marks: Iterable[Mark]) -> list[str]:
    """Returns the targets of links and the images, as sorted phrases. They are the part of the markup whose change a
    reader would call an edit.

    The scheme, query, anchor and final slash of a target are left out, since sites add session IDs and tracking
    parameters. For an image, only its file name counts, without the size that WordPress adds, since sites move images
    to other hosts.
    """
    marks = tuple(marks)
    links = (m.value if m.kind == "a" else m.link for m in marks)
    found = {f"link {_target(link)}" for link in links if is_web_url(link)}
    found |= {f"image {name}" for m in marks if m.kind in IMAGE_KINDS and (name := _file_name(m.value))}
    return sorted(found)


def _target(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    host = (parts.netloc.rpartition("@")[2]).lower().removeprefix("www.")
    return f"{host}{unquote(parts.path).rstrip('/')}"


def _file_name(url: str) -> str:
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        return ""
    return _SIZE.sub("", path.rstrip("/").rpartition("/")[2]).lower()


def carry_marks(old: str, marks: Sequence[Mark], new: str) -> tuple[Mark, ...]:
    """Returns the marks of the text `old` for the text `new`. The two have some lines in common, in the same order, and
    these lines keep their marks.
    """
    return join_marks([MarkedText(old, tuple(marks))], new)


def join_marks(parts: Iterable[MarkedText], body: str) -> tuple[Mark, ...]:
    """Returns the marks of a body that was joined from several texts with marks. It contains some or all lines of each
    text, in order.
    """
    out: list[Mark] = []
    cursor = 0
    for part in parts:
        if part.text == body:
            return part.markup
        lines = list(_kept_lines(part.text, body, cursor))
        out += (moved for m in part.markup if (moved := _carried(m, lines)) is not None)
        cursor = lines[-1].at + lines[-1].end - lines[-1].start if lines else cursor
    return tuple(out)


@dataclass(frozen=True, slots=True)
class _KeptLine:
    """A line that is in both texts: its range in the old text (`start`, `end`), and its position in the new
    one (`at`).
    """

    start: int
    end: int
    at: int

    def moved(self, offset: int) -> int:
        return self.at + min(max(offset, self.start), self.end) - self.start


def _kept_lines(old: str, new: str, cursor: int) -> Iterator[_KeptLine]:
    """Yields the lines of the old text that the new text also contains, at the position `cursor` or after it and in the
    same order.
    """
    start = 0
    for line in old.split("\n"):
        if line and (at := _find_line(new, line, cursor)) >= 0:
            yield _KeptLine(start, start + len(line), at)
            cursor = at + len(line)
        start += len(line) + 1


def _find_line(text: str, line: str, start: int) -> int:
    """Returns the position of the first line of a text that is equal to `line`, from the position `start` on; -1 if
    there is none.
    """
    at = text.find(line, start)
    while at >= 0:
        end = at + len(line)
        if (at == 0 or text[at - 1] == "\n") and (end == len(text) or text[end] == "\n"):
            return at
        at = text.find(line, at + 1)
    return -1


def _carried(mark: Mark, lines: Sequence[_KeptLine]) -> Mark | None:
    if not mark.length:
        n = bisect_right(lines, mark.offset, key=lambda one: one.start) - 1
        is_beside = n >= 0 and mark.offset <= lines[n].end
        return replace(mark, offset=lines[n].moved(mark.offset)) if is_beside else None
    first = bisect_right(lines, mark.offset, key=lambda one: one.end)
    last = bisect_left(lines, mark.end, key=lambda one: one.start) - 1
    if first > last:
        return None
    start, end = lines[first].moved(mark.offset), lines[last].moved(mark.end)
    return replace(mark, offset=start, length=end - start)


# A body and its marks as a tree of nodes, which the writers of HTML, Markdown and TEI walk.

ROOT = "body"
_FLOW = frozenset({ROOT, "blockquote", *ITEMS})
_LINES = frozenset({*HEADINGS, *CELLS, "p"})
_OBJECTS = frozenset({"figure", RULE, *RECORDINGS})


@dataclass(slots=True)
class Node:
    """A mark as a node of a tree, with the texts and nodes that it contains, in reading order. `mark` is None for the
    root and for a paragraph without a mark.

    `after_blank` is True if a blank line precedes the node in the body.
    """

    kind: str
    mark: Mark | None = None
    children: list[Node | str] = field(default_factory=list)
    after_blank: bool = False

    @property
    def value(self) -> str:
        return self.mark.value if self.mark else ""

    @property
    def text(self) -> str:
        """All text in the node and in the nodes below it."""
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def nodes(self) -> Iterator[Node]:
        """Yields the nodes directly inside this node."""
        return (one for one in self.children if isinstance(one, Node))

    def walk(self) -> Iterator[Node]:
        """Yields the node and all nodes below it, in reading order."""
        stack: list[Node] = [self]
        while stack:
            yield (node := stack.pop())
            stack += list(node.nodes())[::-1]


def build_tree(body: str, marks: Iterable[Mark]) -> Node:
    """Returns a body with its marks as a tree. `marks` are in document order. If a mark overlaps the one before it only
    in part, it is cut at the end of that one.
    """
    root = Node(ROOT)
    stack, ends, at = [root], [len(body)], 0
    for mark in marks:
        while len(stack) > 1 and _ends_before(stack[-1].kind, ends[-1], mark):
            at = _take_text(stack.pop(), body, at, ends.pop())
        at = _take_text(stack[-1], body, at, min(mark.offset, ends[-1]))
        node = Node(mark.kind, mark, after_blank=body[max(mark.offset - 2, 0) : mark.offset] == "\n\n")
        stack[-1].children.append(node)
        if mark.length:
            stack.append(node)
            ends.append(min(mark.end, ends[-1]))
    while stack:
        at = _take_text(stack.pop(), body, at, ends.pop())
    return root


def _ends_before(kind: str, end: int, mark: Mark) -> bool:
    """Returns True if a node with this kind and end does not contain `mark`. A mark without length at the end of a node
    may still belong to it: an image at the end of a list item, an empty cell at the end of a row.
    """
    if mark.length or end < mark.offset:
        return end <= mark.offset
    if end > mark.offset or kind in _FLOW:
        return False
    if kind in _LINES:
        return mark.kind not in ("img", ANCHOR)
    return not (kind == "tr" and mark.kind in CELLS)


def _take_text(node: Node, body: str, start: int, end: int) -> int:
    """Adds the text from `start` to `end` of the body to a node, unless it is empty. Returns the position up to which
    text has been added, which is the greater of the two.
    """
    if start < end:
        node.children.append(body[start:end])
    return max(start, end)


def blocks_of(node: Node) -> list[Node]:
    """Returns the blocks directly inside a node: its block nodes, and the text between them as paragraphs (nodes of
    kind "p" without a mark).
    """
    out: list[Node] = []
    run: list[Node | str] = []
    for child in node.children:
        if isinstance(child, Node) and not is_inline(child):
            out += _paragraphs(run)
            out.append(child)
            run = []
        else:
            run.append(child)
    return out + _paragraphs(run)


def is_inline(node: Node) -> bool:
    return node.kind in INLINE or node.kind in ("img", ANCHOR)


def _paragraphs(run: Sequence[Node | str]) -> list[Node]:
    """Splits texts and inline nodes at the blank lines in the texts. Returns the paragraphs."""
    out: list[Node] = []
    now: list[Node | str] = []
    is_after_blank = False

    def close(*, blank: bool) -> None:
        nonlocal now, is_after_blank
        if trimmed := _trimmed(now):
            out.append(Node("p", None, trimmed, is_after_blank))
            is_after_blank = blank
        else:
            is_after_blank |= blank
        now = []

    for child in run:
        if isinstance(child, Node):
            now.append(child)
            continue
        first, *rest = child.split("\n\n")
        now.append(first)
        for part in rest:
            close(blank=True)
            now.append(part)
    close(blank=False)
    return out


def _trimmed(run: list[Node | str]) -> list[Node | str]:
    """Returns texts and inline nodes without line ends at the beginning and the end."""
    out = [one for one in run if one != ""]
    while out and isinstance(first := out[0], str):
        if stripped := first.lstrip("\n"):
            out[0] = stripped
            break
        del out[0]
    while out and isinstance(last := out[-1], str):
        if stripped := last.rstrip("\n"):
            out[-1] = stripped
            break
        del out[-1]
    return out


def is_object(node: Node) -> bool:
    """Returns True if a node is an image or a recording between two blocks, not in a line of text."""
    return node.kind in _OBJECTS


def space_after(image: Node, before: str, following: Node | str) -> str:
    """Returns " " if a space is needed between an image in a line of text and the text after it; otherwise "". In the
    body, an image has no length, so only the space before it is written (`before` is the text before it).
    """
    text = following if isinstance(following, str) else following.text
    is_between_words = image.kind == "img" and before[-1:] == " " and text[:1].isalnum()
    return " " if is_between_words else ""


def numbers_of(items: Node) -> list[int]:
    """Returns the numbers of the items of an ordered list (HTML, section 4.4.5)."""
    parts = items.value.split()
    step = -1 if "reversed" in parts else 1
    children = list(items.nodes())
    first = next((int(part) for part in parts if _NUMBER.fullmatch(part)), len(children) if step < 0 else 1)
    out: list[int] = []
    for child in children:
        number = int(child.value) if child.kind == "li" and _NUMBER.fullmatch(child.value) else first
        out.append(number)
        first = number + step
    return out


def spans_of(cell: Node) -> tuple[int, int]:
    """Returns how many columns and how many rows a table cell spans."""
    given = dict(part.split("=", 1) for part in cell.value.split() if "=" in part)
    columns, rows = (int(n) if (n := given.get(name, "1")).isdecimal() and len(n) < 4 else 1 for name in SPANS)
    return max(columns, 1), max(rows, 1)


def cells_of(table: Node) -> list[list[tuple[Node, str]]]:
    """Returns the rows of a table. A row is a list of its cells, each with the alignment of its column ("" if
    unknown).
    """
    return [[(cell, side) for cell, side in row if cell is not None] for row in grid_of(table)]


def grid_of(table: Node) -> list[list[tuple[Node | None, str]]]:
    """Returns the rows of a table, each with one entry for each column: the cell that begins there, or None if a cell
    above or to the left covers the place; and the alignment of the column, or "".
    """
    sides: dict[int, str] = {}
    covered: dict[int, int] = {}  # how many of the next rows a cell above covers, by column
    grid: list[list[tuple[Node | None, str]]] = []
    for row in table.nodes():
        cells: list[Node | None] = []
        below = {column: left - 1 for column, left in covered.items() if left > 1}
        for cell in row.nodes():
            while covered.get(len(cells)):
                cells.append(None)
            columns, rows = spans_of(cell)
            side = next((one for one in ALIGNMENTS if one in cell.value.split()), "")
            for column in range(len(cells), len(cells) + columns):
                if rows > 1:
                    below[column] = rows - 1
                if side and not grid:
                    sides[column] = side
            cells += [cell, *[None] * (columns - 1)]
        covered = below
        grid.append([(cell, sides.get(column, "")) for column, cell in enumerate(cells)])
    return grid
