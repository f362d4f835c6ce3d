"""Writes a body with its marks as Markdown: CommonMark, with the tables, deletions, footnotes and formulas of GitHub's
Markdown and the definition lists of PHP Markdown Extra.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from archiver.markup.text_marks import (
    ANCHOR,
    CELLS,
    HEADINGS,
    ITEMS,
    LISTS,
    RECORDINGS,
    RULE,
    Node,
    blocks_of,
    build_tree,
    grid_of,
    is_safe_url,
    is_web_url,
    numbers_of,
    space_after,
)
from archiver.model.items import Mark
from archiver.model.lazy_regex import lazy_regex

_SPECIAL = lazy_regex(r"([\\`*\[\]]|<(?=[a-zA-Z/!?])|&(?=#?\w+;)|~(?=~)|(?<!\w)_|_(?!\w))")
_SPECIAL_SIGNS = "\\`*[]<&~_"
_LINE_START = lazy_regex(r"^(?=#{1,6}(?:\s|$)|>|[-+](?:\s|$)|(?:-{3,}|={1,}|_{3,}|~{3,})\s*$)")
_FIRST_SIGNS = frozenset("#>-+=_~")
_NUMBERED = lazy_regex(r"^(\d{1,9})([.)])(?=\s|$)")
_UNSAFE_IN_URL = lazy_regex(r"[\s<>()]")
_LABEL = lazy_regex(r"[^\w-]+")
_REFERENCE = lazy_regex(r"[\[(]?\s*(?:\d{1,4}|[*†‡§]{1,3})\s*[\])]?")
_NUMBER_OF_NOTE = lazy_regex(r"^(?:<sup>\d*</sup>|[\\\[\]().\s])*")
_NO_WAY_BACK = lazy_regex(r"\s*\\\[\s*\\\]$")  # the brackets around a link back to the text, which is left out
_TASK = lazy_regex(r"^\\\[([ x])\\\] ")
_BACKTICKS = lazy_regex("`+")
_MAX_REFERENCE = 8
"""The text of a link to a footnote has at most this many characters: "[12]" or "note 12"."""
_RULES = {"": "---", "left": ":---", "center": ":---:", "right": "---:"}
_EMPHASIS = {"strong": "**", "em": "*", "del": "~~"}


def to_markdown(body: str, marks: Iterable[Mark]) -> str:
    """Returns a body with its marks as Markdown, without a line end after its last line."""
    marks = tuple(marks)
    if not marks:
        return "\n\n".join(map(_plain_paragraph, filter(None, (part.strip("\n") for part in body.split("\n\n")))))
    root = build_tree(body, marks)
    has_anchors = any(m.kind == ANCHOR for m in marks)
    writer = _MarkdownWriter(_notes_of(root) if has_anchors else {}, has_formulas=any(m.kind == "math" for m in marks))
    return writer.flow(blocks_of(root))


def _plain_paragraph(text: str) -> str:
    """Returns a paragraph without marks as Markdown. Its line ends are line breaks."""
    return "\\\n".join(map(_escape_line_start, _escape(text).split("\n")))


@dataclass(frozen=True, slots=True)
class _Note:
    """A footnote. `label` is its label in Markdown, and `item` is the node with its text, a list item or a
    paragraph.
    """

    label: str
    item: Node


def _notes_of(root: Node) -> dict[str, _Note]:
    """Returns the footnotes of a text by the names of their anchors. A footnote is a list item or a paragraph to which
    a link with a short text, such as "1", leads.
    """
    items: dict[str, Node] = {}
    references: dict[str, str] = {}
    for node in root.walk():
        if node.kind == "li":
            leading = (one for one in node.nodes() if one.kind == ANCHOR)
            items.update((anchor.value, node) for anchor in leading)
        elif node.kind == "a" and node.value.startswith("#") and len(node.text) <= _MAX_REFERENCE:
            references.setdefault(node.value[1:], node.text)
    for block in blocks_of(root):
        name = _leading_anchor(block) if block.kind == "p" else ""
        if name and name not in items and _REFERENCE.fullmatch(references.get(name, "")):
            items[name] = block
    notes: dict[str, _Note] = {}
    labels: set[str] = set()
    for name in items:
        if name in references:
            label = _label(name, references[name], labels)
            labels.add(label)
            notes[name] = _Note(label, items[name])
    return notes


def _leading_anchor(paragraph: Node) -> str:
    """Returns the name of the anchor at the beginning of a paragraph, where brackets may precede it; "" if there is
    none.
    """
    first = next((one for one in paragraph.children if not isinstance(one, str) or one.strip(" [(")), "")
    inside = next(first.walk(), None) if isinstance(first, Node) else None
    return inside.value if inside is not None and inside.kind == ANCHOR else ""


def _label(name: str, reference: str, taken: set[str]) -> str:
    """Returns the label of a footnote that is not among the labels `taken`. It is the number in `reference` (the text
    of the link to it), or else the name of its anchor.
    """
    number = reference.strip("[]() \u00a0")
    label = number if number.isdecimal() and number not in taken else _LABEL.sub("-", name).strip("-") or "note"
    return label if label not in taken else f"{label}-{len(taken)}"


class _MarkdownWriter:
    """Writes nodes as Markdown. `notes` are the footnotes by the names of their anchors. If `has_formulas` is True,
    dollar signs in the text are escaped, since those around formulas have a meaning.
    """

    def __init__(self, notes: dict[str, _Note], *, has_formulas: bool) -> None:
        self.notes, self.has_formulas = notes, has_formulas
        self.note_of_item = {id(note.item): note for note in notes.values()}
        self.is_in_note = False
        self.links = 0

    def flow(self, blocks: Sequence[Node]) -> str:
        if self.notes:
            shown = (
                one for n, one in enumerate(blocks) if one.kind != RULE or not self._are_notes(blocks[n + 1 : n + 2])
            )
            blocks = list(self._join_notes(list(shown)))
        return "\n\n".join(filter(None, map(self.block, blocks)))

    def _are_notes(self, blocks: Sequence[Node]) -> bool:
        """Returns True if the first of some blocks is a footnote or a list of footnotes."""
        items = [item for block in blocks[:1] for item in (block.nodes() if block.kind in LISTS else ())]
        is_list = bool(items) and all(id(item) in self.note_of_item for item in items)
        return is_list or any(self._note_of(block) is not None for block in blocks[:1])

    def _note_of(self, block: Node) -> _Note | None:
        """Returns the footnote whose text a block is; None if it is not a paragraph with a footnote."""
        if not self.notes:
            return None
        note = self.notes.get(_leading_anchor(block)) if block.kind == "p" else None
        return note if note and note.item.kind == "p" else None

    def _join_notes(self, blocks: Sequence[Node]) -> Iterator[Node]:
        """Yields blocks. If the number of a footnote is a paragraph of its own, it is put at the beginning of the next
        paragraph.
        """
        number: list[Node | str] = []
        for block in blocks:
            if self._note_of(block) and len(block.text.strip("[]() .")) <= _MAX_REFERENCE:
                number = block.children
            elif number and block.kind == "p":
                yield Node("p", None, [*number, " ", *block.children], block.after_blank)
                number = []
            else:
                if number:
                    yield Node("p", None, number)
                    number = []
                yield block
        if number:
            yield Node("p", None, number)

    def block(self, node: Node) -> str:
        writer = _WRITERS.get(node.kind)
        return writer(self, node) if writer else self.paragraph(node)

    def paragraph(self, node: Node) -> str:
        if note := self._note_of(node):
            self.is_in_note = True
            text = _NUMBER_OF_NOTE.sub("", self.inline(node.children))
            self.is_in_note = False
            return f"[^{note.label}]: {text}"
        return "\\\n".join(map(_escape_line_start, self.inline(node.children).split("\n")))

    def heading(self, node: Node) -> str:
        return f"{'#' * int(node.kind[1])} {self.inline(node.children)}".replace("\n", " ")

    def quote(self, node: Node) -> str:
        return "\n".join(f"> {line}".rstrip() for line in self.flow(blocks_of(node)).split("\n"))

    def list(self, node: Node) -> str:
        if node.kind == "dl":
            return self.definitions(node)
        out: list[str] = []
        ends_with_list = False
        for item, number in zip(node.nodes(), numbers_of(node), strict=True):
            note = self.note_of_item.get(id(item))
            # A number has no sign and at most nine digits (CommonMark 0.31, section 5.2).
            marker = f"[^{note.label}]: " if note else "- " if node.kind == "ul" else f"{max(number, 0)}. "
            text = _NO_WAY_BACK.sub("", self.item(item)) if note else self.item(item)
            width = 4 if note else len(marker)
            is_after_blank = bool(out) and item.after_blank and item.kind == "li" and not ends_with_list
            is_loose = "\n\n" in text or is_after_blank
            out.append(("\n" if out and is_loose else "") + marker + _indented(text, width))
            ends_with_list = next(map(_is_list, blocks_of(item)[::-1]), False)  # there is always a blank line after it
        return "\n".join(out)

    def item(self, node: Node) -> str:
        """Returns the Markdown of the content of a list item. A list in it follows the text without a blank line."""
        outer, self.is_in_note = self.is_in_note, self.is_in_note or id(node) in self.note_of_item
        out = ""
        for block in blocks_of(node):
            text = self.block(block)
            text = _TASK.sub(r"[\1] ", text) if not out else text
            between = "\n" if block.kind in LISTS and out and "\n\n" not in text else "\n\n"
            out += (between if out and text else "") + text
        self.is_in_note = outer
        return out.rstrip(" ")

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
        grid = grid_of(node)
        if not grid:
            return ""
        width = max(map(len, grid))
        sides = [next((row[n][1] for row in grid if n < len(row) and row[n][1]), "") for n in range(width)]
        rows = [[self.cell(cell) if cell else "" for cell, _ in row] for row in grid]
        if not any(cell.kind == "th" for cell, _ in grid[0] if cell):
            rows.insert(0, [])  # a table in Markdown has a header row
        lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
        return "\n".join([lines[0], f"| {' | '.join(_RULES[side] for side in sides)} |", *lines[1:]])

    def cell(self, node: Node) -> str:
        return self.inline(node.children).replace("|", "\\|").replace("\n", "<br>")

    def figure(self, node: Node) -> str:
        return self.image(node)

    def image(self, node: Node) -> str:
        if node.mark is None or not is_web_url(node.value):
            return ""
        caption = node.mark.caption.replace("\\", "\\\\").replace('"', '\\"')
        title = f' "{caption}"' if caption else ""
        image = f"![{_escape(node.mark.alt)}]({_url(node.value)}{title})"
        link = node.mark.link if is_safe_url(node.mark.link) and not self.links else ""
        return f"[{image}]({_url(link)})" if link else image

    def recording(self, node: Node) -> str:
        if node.mark is None or not is_web_url(node.value):
            return ""
        return f"[{_escape(node.mark.alt or node.value)}]({_url(node.value)})"

    def inline(self, children: Sequence[Node | str], before: str = " ") -> str:
        """Writes what a line contains. `before` is what is written before it in the same line."""
        out: list[str] = []
        children = _joined(children)
        for n, one in enumerate(children):
            if isinstance(one, str):
                out.append(_escape(one).replace("$", "\\$") if self.has_formulas else _escape(one))
            else:
                following = children[n + 1] if n + 1 < len(children) else ""
                after = following if isinstance(following, str) else following.text
                here = "".join(out)[-1:] or before[-1:]
                out.append(self.inline_node(one, here, after[:1]) + space_after(one, here, following))
        return "".join(out)

    def inline_node(self, node: Node, before: str, after: str) -> str:
        if node.kind == "img":
            return self.image(node)
        if node.kind == "code":
            return _code(node.text)
        if node.kind == "math":
            dollars = "$$" if node.value == "display" else "$"
            return f"{dollars}{node.text}{dollars}"
        self.links += node.kind == "a"
        inside = self.inline(node.children, before)
        self.links -= node.kind == "a"
        if node.kind == "a":
            return self.link(node, inside)
        if not inside:
            return ""
        if writer := _VALUED.get(node.kind):
            return writer(inside, escape(node.value))
        sign = _EMPHASIS.get(node.kind)
        if sign is not None and _may_open(before, node.text[:1]) and _may_open(after, node.text[-1:]):
            return f"{sign}{inside}{sign}"
        return "" if node.kind == ANCHOR else self.sup_of_note(node) or f"<{node.kind}>{inside}</{node.kind}>"

    def link(self, node: Node, inside: str) -> str:
        if node.value.startswith("#"):
            if (note := self.notes.get(node.value[1:])) is not None and len(node.text) <= _MAX_REFERENCE:
                return f"[^{note.label}]"
            is_way_back = not any(c.isalnum() for c in node.text)
            is_way_back |= self.is_in_note and len(node.text) <= _MAX_REFERENCE
            return "" if is_way_back else f"[{inside}]({_url(node.value)})"
        return f"[{inside}]({_url(node.value)})" if is_safe_url(node.value) else inside

    def sup_of_note(self, node: Node) -> str:
        """Returns the Markdown of a <sup> that contains only a link to a footnote: the footnote's reference, such as
        "[^1]", without the <sup>. Returns "" for any other node.
        """
        inside = [one for one in node.nodes() if one.kind != ANCHOR]
        is_note = len(inside) == 1 and inside[0].kind == "a" and inside[0].value[1:] in self.notes
        has_brackets = all(one.strip() in ("", "[", "]", "(", ")") for one in node.children if isinstance(one, str))
        return self.inline(inside if has_brackets else node.children) if node.kind == "sup" and is_note else ""


# Elements without a form in Markdown whose mark has a text as its value.
_VALUED: dict[str, Callable[[str, str], str]] = {
    "abbr": lambda inside, title: f'<abbr title="{title}">{inside}</abbr>',
    "ruby": lambda inside, reading: f"<ruby>{inside}<rp>(</rp><rt>{reading}</rt><rp>)</rp></ruby>",
}


def _joined(children: Sequence[Node | str]) -> list[Node | str]:
    """Returns inline nodes in which adjacent nodes with the same kind of emphasis are joined into one."""
    out: list[Node | str] = []
    for one in children:
        last = out[-1] if out else ""
        if isinstance(one, Node) and isinstance(last, Node) and one.kind == last.kind and one.kind in _EMPHASIS:
            out[-1] = Node(one.kind, one.mark, [*last.children, *one.children])
        else:
            out.append(one)
    return out


def _is_list(node: Node) -> bool:
    return node.kind in LISTS


def _indented(text: str, width: int) -> str:
    """Returns a text with all lines but the first indented by `width` spaces. Blank lines stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * width + line if line else "" for line in rest)])


def _escape(text: str) -> str:
    # Most texts have none of these signs, and looking for single signs is far faster than the expression.
    return _SPECIAL.sub(r"\\\1", text) if any(map(text.__contains__, _SPECIAL_SIGNS)) else text


def _escape_line_start(line: str) -> str:
    """Returns a line with its first characters escaped if they would make it a heading, a list item, a quotation or a
    rule.
    """
    if line[:1] not in _FIRST_SIGNS and not line[:1].isdecimal():
        return line
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
    """Returns True if a delimiter of emphasis, such as "*", works between these two characters, one outside and one
    inside the emphasis (CommonMark 0.31, section 6.2, left- and right-flanking delimiter runs).
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
    RULE: lambda writer, node: "---",
}
