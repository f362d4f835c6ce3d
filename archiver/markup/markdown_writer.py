"""Writes a body with its marks as Markdown: CommonMark, with the tables, deletions and footnotes of GitHub's Markdown
and the definition lists of PHP Markdown Extra.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from archiver.items import Mark
from archiver.markup.marks import (
    ANCHOR,
    CELLS,
    HEADINGS,
    ITEMS,
    LISTS,
    RECORDINGS,
    Node,
    blocks_of,
    build_tree,
    is_safe_url,
    is_web_url,
)

_SPECIAL = re.compile(r"([\\`*\[\]]|<(?=[a-zA-Z/!?])|&(?=#?\w+;)|~(?=~)|(?<!\w)_|_(?!\w))")
_LINE_START = re.compile(r"^(?=#{1,6}(?:\s|$)|>|[-+](?:\s|$)|(?:-{3,}|={1,}|_{3,}|~{3,})\s*$)")
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_UNSAFE_IN_URL = re.compile(r"[\s<>()]")
_LABEL = re.compile(r"[^\w-]+")
_BACKTICKS = re.compile("`+")
_MAX_REFERENCE = 8
"""The text of a link to a footnote has at most this many characters: "[12]" or "note 12"."""
_EMPHASIS = {"strong": "**", "em": "*", "del": "~~"}


def to_markdown(body: str, marks: Iterable[Mark]) -> str:
    """Returns a body with its marks as Markdown, without a line end after its last line."""
    root = build_tree(body, marks)
    return _MarkdownWriter(_notes_of(root)).flow(blocks_of(root))


@dataclass(frozen=True, slots=True)
class _Note:
    """A footnote: its label in Markdown, and the node of the list item with its text."""

    label: str
    item: Node


def _notes_of(root: Node) -> dict[str, _Note]:
    """Returns the footnotes of a text by the name of their anchor: the list items to which a short link leads."""
    items: dict[str, Node] = {}
    references: set[str] = set()
    for node in root.walk():
        if node.kind == "li":
            leading = (one for one in node.nodes() if one.kind == ANCHOR)
            items.update((anchor.value, node) for anchor in leading)
        elif node.kind == "a" and node.value.startswith("#") and len(node.text) <= _MAX_REFERENCE:
            references.add(node.value[1:])
    return {
        name: _Note(_LABEL.sub("-", name).strip("-") or "note", items[name]) for name in items if name in references
    }


class _MarkdownWriter:
    """Writes nodes as Markdown. `notes` are the footnotes by the names of their anchors."""

    def __init__(self, notes: dict[str, _Note]) -> None:
        self.notes = notes
        self.note_of_item = {id(note.item): note for note in notes.values()}

    def flow(self, blocks: Sequence[Node]) -> str:
        texts = (self.block(block) for block in blocks)
        return "\n\n".join(text for text in texts if text)

    def block(self, node: Node) -> str:
        writer = _WRITERS.get(node.kind)
        return writer(self, node) if writer else self.paragraph(node)

    def paragraph(self, node: Node) -> str:
        return "\\\n".join(map(_escape_line_start, self.inline(node.children).split("\n")))

    def heading(self, node: Node) -> str:
        return f"{'#' * int(node.kind[1])} {self.inline(node.children)}".replace("\n", " ")

    def quote(self, node: Node) -> str:
        return "\n".join(f"> {line}".rstrip() for line in self.flow(blocks_of(node)).split("\n"))

    def list(self, node: Node) -> str:
        if node.kind == "dl":
            return self.definitions(node)
        number = int(node.value) if node.value.isdecimal() else 1
        out: list[str] = []
        for item in node.nodes():
            note = self.note_of_item.get(id(item))
            marker = f"[^{note.label}]: " if note else "- " if node.kind == "ul" else f"{number}. "
            number += 1
            text = self.item(item)
            width = 4 if note else len(marker)
            is_loose = "\n\n" in text or (out and item.after_blank and item.kind == "li")
            out.append(("\n" if out and is_loose else "") + marker + _indented(text, width))
        return "\n".join(out)

    def item(self, node: Node) -> str:
        """Writes what a list item contains. A list directly below its text follows without a blank line."""
        out = ""
        for block in blocks_of(node):
            text = self.block(block)
            between = "\n" if block.kind in LISTS and out and "\n\n" not in text else "\n\n"
            out += (between if out and text else "") + text
        return out

    def definitions(self, node: Node) -> str:
        out: list[str] = []
        for item in node.nodes():
            text = self.item(item)
            is_term = item.kind == "dt"
            out.append(("\n" if out and is_term else "") + (text if is_term else f": {_indented(text, 4)}"))
        return "\n".join(out)

    def code_block(self, node: Node) -> str:
        text = node.text
        longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}{node.value}\n{text}\n{fence}"

    def table(self, node: Node) -> str:
        rows = [[self.cell(cell) for cell in row.nodes()] for row in node.nodes()]
        if not rows:
            return ""
        first = next(node.nodes())
        if not any(cell.kind == "th" for cell in first.nodes()):
            rows.insert(0, [])  # a table in Markdown has a header row
        width = max(map(len, rows))
        lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
        return "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]])

    def cell(self, node: Node) -> str:
        return self.inline(node.children).replace("|", "\\|").replace("\n", "<br>")

    def figure(self, node: Node) -> str:
        return self.image(node)

    def image(self, node: Node) -> str:
        if node.mark is None or not is_web_url(node.value):
            return ""
        caption = node.mark.caption.replace("\\", "\\\\").replace('"', '\\"')
        title = f' "{caption}"' if caption else ""
        return f"![{_escape(node.mark.alt)}]({_url(node.value)}{title})"

    def recording(self, node: Node) -> str:
        if node.mark is None or not is_web_url(node.value):
            return ""
        return f"[{_escape(node.mark.alt or node.value)}]({_url(node.value)})"

    def inline(self, children: Sequence[Node | str]) -> str:
        out: list[str] = []
        for n, one in enumerate(children):
            if isinstance(one, str):
                out.append(_escape(one))
            else:
                following = children[n + 1] if n + 1 < len(children) else ""
                after = following if isinstance(following, str) else following.text
                out.append(self.inline_node(one, "".join(out)[-1:], after[:1]))
        return "".join(out)

    def inline_node(self, node: Node, before: str, after: str) -> str:
        if node.kind == "img":
            return self.image(node)
        if node.kind == "code":
            return _code(node.text)
        inside = self.inline(node.children)
        if node.kind == "a":
            return self.link(node, inside)
        sign = _EMPHASIS.get(node.kind)
        if sign is not None and _may_open(before, node.text[:1]) and _may_open(after, node.text[-1:]):
            return f"{sign}{inside}{sign}"
        return "" if node.kind == ANCHOR else self.sup_of_note(node) or f"<{node.kind}>{inside}</{node.kind}>"

    def link(self, node: Node, inside: str) -> str:
        if node.value.startswith("#"):
            if (note := self.notes.get(node.value[1:])) is not None and len(node.text) <= _MAX_REFERENCE:
                return f"[^{note.label}]"
            is_way_back = not any(c.isalnum() for c in node.text)
            return "" if is_way_back else f"[{inside}]({_url(node.value)})"
        return f"[{inside}]({_url(node.value)})" if is_safe_url(node.value) else inside

    def sup_of_note(self, node: Node) -> str:
        """Writes a raised reference to a footnote as the reference alone; "" for another node."""
        inside = list(node.nodes())
        is_note = len(inside) == 1 and inside[0].kind == "a" and inside[0].value[1:] in self.notes
        return self.inline(node.children) if node.kind == "sup" and is_note else ""


def _indented(text: str, width: int) -> str:
    """Indents all lines but the first, and leaves blank lines blank."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * width + line if line else "" for line in rest)])


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _escape_line_start(line: str) -> str:
    """Escapes what would make a line a heading, a list item, a quotation or a rule."""
    line = _NUMBERED.sub(r"\1\\\2", line)
    return _LINE_START.sub(r"\\", line)


def _url(url: str) -> str:
    return f"<{url.replace('<', '%3C').replace('>', '%3E')}>" if _UNSAFE_IN_URL.search(url) else url


def _code(text: str) -> str:
    runs = {len(run) for run in _BACKTICKS.findall(text)}
    fence = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("\n", " ")


def _may_open(outside: str, inside: str) -> bool:
    """Returns True if a delimiter may stand between a character outside of an emphasis and one inside (CommonMark 0.31,
    section 6.2, left- and right-flanking delimiter runs).
    """
    if not inside or inside.isspace():
        return False
    return not _is_punctuation(inside) or not outside or outside.isspace() or _is_punctuation(outside)


def _is_punctuation(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "PS"


_WRITERS: dict[str, Callable[[_MarkdownWriter, Node], str]] = {
    **dict.fromkeys(HEADINGS, _MarkdownWriter.heading),
    **dict.fromkeys(LISTS, _MarkdownWriter.list),
    **dict.fromkeys(ITEMS, _MarkdownWriter.item),
    **dict.fromkeys(CELLS, _MarkdownWriter.cell),
    **dict.fromkeys(RECORDINGS, _MarkdownWriter.recording),
    "blockquote": _MarkdownWriter.quote,
    "pre": _MarkdownWriter.code_block,
    "table": _MarkdownWriter.table,
    "figure": _MarkdownWriter.figure,
}
