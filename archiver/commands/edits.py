"""Edits on the screen: in colour on a terminal, between [-marks-] and {+marks+} (those of wdiff) elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from archiver.commands.screen import count, has_colours, line, say
from archiver.record.worddiff import Op, Piece
from archiver.search.compare import changed_values, edited_lists, edited_texts

_STYLES = {Op.EQUAL: "", Op.DELETE: "strike red", Op.INSERT: "bold green"}
_MARKS = {Op.EQUAL: "{}", Op.DELETE: "[-{}-]", Op.INSERT: "{{+{}+}}"}
_Pieces = tuple[str | tuple[str, str], ...]


def print_edits(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Every field that differs, the body last: its edited paragraphs, and how many stand between them."""
    texts, lists = edited_texts(before, after), edited_lists(before, after)
    for name, (old, new) in changed_values(before, after).items():
        label = (f"{name}: ", "bold")
        if name == "body":
            continue
        if name in texts:
            say(line(label, *styled(texts[name])))
        else:
            say(line(label, (_value(old), "red"), " -> ", (_value(new), "green"), *_told(lists.get(name))))
    if "body" in texts:
        say("", *(line(*row) for row in _paragraphs(texts["body"])))


def _told(names: tuple[Sequence[str], Sequence[str]] | None) -> _Pieces:
    if names is None:
        return ()
    came, went = names
    pieces = [Piece(Op.DELETE, one) for one in went] + [Piece(Op.INSERT, one) for one in came]
    return (" (", *(part for n, one in enumerate(pieces) for part in (", " if n else "", *styled([one]))), ")"
            ) if pieces else (" (in another order)",)


def styled(pieces: Iterable[Piece]) -> _Pieces:
    """Pieces as `line` takes them: coloured, or between marks."""
    colours = has_colours()
    return tuple((p.text, _STYLES[p.op]) if colours else _MARKS[p.op].format(p.text) for p in pieces)


def _paragraphs(pieces: Iterable[Piece]) -> Iterator[_Pieces]:
    """The paragraphs in which something was edited, a blank line behind each; what is between them is counted."""
    rows: list[list[Piece]] = [[]]
    for piece in pieces:
        first, *more = piece.text.split("\n\n")
        rows[-1].append(Piece(piece.op, first))
        rows += [[Piece(piece.op, text)] for text in more]
    same = 0
    for row in rows:
        shown = [piece for piece in row if piece.text]
        if all(piece.op is Op.EQUAL for piece in shown):
            same += bool(shown)
            continue
        if same:
            yield from (((f"({count(same, 'paragraph')} as before)", "dim"),), ("",))
        same = 0
        yield styled(shown)
        yield ("",)
    if same:
        yield ((f"({count(same, 'paragraph')} as before)", "dim"),)


def _value(value: Any) -> str:
    from archiver.search.compare import as_text

    if isinstance(value, list):
        return ", ".join(map(as_text, value)) or "none"
    return str(value) if value else "none"
