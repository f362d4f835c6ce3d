"""A body and its marks as a tree of nodes, which the writers of HTML, Markdown and TEI walk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from archiver.items import Mark
from archiver.markup.marks import ALIGNMENTS, ANCHOR, CELLS, HEADINGS, INLINE, ITEMS, RECORDINGS, SPANS

ROOT = "body"
_FLOW = frozenset({ROOT, "blockquote", *ITEMS})
_LINES = frozenset({*HEADINGS, *CELLS, "p"})
_OBJECTS = frozenset({"figure", *RECORDINGS})


@dataclass(slots=True)
class Node:
    """One mark with what it contains: texts and nodes, in reading order. `mark` is None for the root and for a
    paragraph without a mark.

    `after_blank` is True if a blank line precedes it in the body.
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
        """All text in the node."""
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def nodes(self) -> Iterator[Node]:
        """Yields the nodes directly inside it."""
        return (one for one in self.children if isinstance(one, Node))

    def walk(self) -> Iterator[Node]:
        """Yields the node and all nodes below it, in reading order."""
        stack: list[Node] = [self]
        while stack:
            yield (node := stack.pop())
            stack += list(node.nodes())[::-1]


def build_tree(body: str, marks: Iterable[Mark]) -> Node:
    """Returns the root of the tree of a body and its marks, which are in document order. A mark that overlaps the mark
    before it only in part is cut at that mark's end.
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
    """Returns True if a node with this kind and end is closed before `mark`. A mark without length at the end of a node
    may be inside it: an image at the end of a list item, an empty cell at the end of a row.
    """
    if mark.length or end < mark.offset:
        return end <= mark.offset
    if end > mark.offset or kind in _FLOW:
        return False
    if kind in _LINES:
        return mark.kind not in ("img", ANCHOR)
    return not (kind == "tr" and mark.kind in CELLS)


def _take_text(node: Node, body: str, start: int, end: int) -> int:
    """Adds the text from `start` to `end` to a node. Returns the offset up to which the text was taken."""
    if start < end:
        node.children.append(body[start:end])
    return max(start, end)


def blocks_of(node: Node) -> list[Node]:
    """Returns the blocks in a node that may hold several: its block nodes, and its text as paragraphs (kind "p",
    without a mark).
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
    """Splits a run of texts and inline nodes into paragraphs at its blank lines."""
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
    """Returns a run of texts and nodes without line ends at its start and its end; [] if it is empty."""
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
    """Returns True for an image or a recording between two blocks."""
    return node.kind in _OBJECTS


def space_after(image: Node, before: str, following: Node | str) -> str:
    """Returns the space that an image in a line of text needs before the text that follows, " " or "". The body has the
    space before the image only.
    """
    text = following if isinstance(following, str) else following.text
    is_between_words = image.kind == "img" and before[-1:] == " " and text[:1].isalnum()
    return " " if is_between_words else ""


def spans_of(cell: Node) -> tuple[int, int]:
    """Returns how many columns and how many rows a table cell covers."""
    given = dict(part.split("=", 1) for part in cell.value.split() if "=" in part)
    columns, rows = (int(n) if (n := given.get(name, "1")).isdecimal() and len(n) < 4 else 1 for name in SPANS)
    return max(columns, 1), max(rows, 1)


def cells_of(table: Node) -> list[list[tuple[Node, str]]]:
    """Returns the rows of a table: its cells, each with the alignment of its column, or ""."""
    return [[(cell, side) for cell, side in row if cell is not None] for row in grid_of(table)]


def grid_of(table: Node) -> list[list[tuple[Node | None, str]]]:
    """Returns the rows of a table with a place for each column: the cell that begins there, or None where a cell above
    or to the left covers it, and the alignment of the column, or "".
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
