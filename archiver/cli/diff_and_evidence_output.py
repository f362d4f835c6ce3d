"""Prints the differences between two revisions of an article, and the evidence for its fields.

Edits are coloured on a terminal and marked as [-deleted-] and {+inserted+} (as wdiff does) elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from archiver.articles.word_diff import DiffOp, Piece
from archiver.cli.terminal import count_noun, format_time, has_colours, print_lines, print_table, styled_line
from archiver.extraction.explain import FieldExplanation
from archiver.items import UNCONFIRMED
from archiver.search.revision_diff import changed_values, edited_lists, edited_texts

_STYLES = {DiffOp.EQUAL: "", DiffOp.DELETE: "strike red", DiffOp.INSERT: "bold green"}
_MARKS = {DiffOp.EQUAL: "{}", DiffOp.DELETE: "[-{}-]", DiffOp.INSERT: "{{+{}+}}"}
_Pieces = tuple[str | tuple[str, str], ...]


def print_edits(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Prints each field that differs between two revisions of an article, given as records. The body comes last, with
    only its edited paragraphs.
    """
    texts, lists = edited_texts(before, after), edited_lists(before, after)
    changed = changed_values(before, after)
    for name, (old, new) in changed.items():
        label = (f"{name}: ", "bold")
        if name == "body":
            continue
        if name in texts:
            print_lines(styled_line(label, *style_pieces(texts[name])))
        else:
            print_lines(
                styled_line(
                    label,
                    (_format_value(old), "red"),
                    " -> ",
                    (_format_value(new), "green"),
                    *_format_list_edits(lists.get(name)),
                )
            )
    if "body" in texts:
        if len(changed) > 1:
            print_lines("")
        print_lines(*(styled_line(*row) for row in _edited_paragraphs_only(texts["body"])))


def _format_list_edits(names: tuple[Sequence[str], Sequence[str]] | None) -> _Pieces:
    if names is None:
        return ()
    added, removed = names
    pieces = [Piece(DiffOp.DELETE, one) for one in removed] + [Piece(DiffOp.INSERT, one) for one in added]
    return (
        (" (", *(part for n, one in enumerate(pieces) for part in (", " if n else "", *style_pieces([one]))), ")")
        if pieces
        else (" (order changed)",)
    )


def style_pieces(pieces: Iterable[Piece]) -> _Pieces:
    """Converts the pieces of a text diff to pieces for `styled_line`. Deletions and insertions are coloured if the
    terminal shows colours; otherwise they are marked as [-deleted-] and {+inserted+}.
    """
    colours = has_colours()
    return tuple((p.text, _STYLES[p.op]) if colours else _MARKS[p.op].format(p.text) for p in pieces)


def _edited_paragraphs_only(pieces: Iterable[Piece]) -> Iterator[_Pieces]:
    """Yields the lines to print for a diff of two bodies: each edited paragraph followed by a blank line, and the
    number of unchanged paragraphs in between.
    """
    rows: list[list[Piece]] = [[]]
    for piece in pieces:
        first, *more = piece.text.split("\n\n")
        rows[-1].append(Piece(piece.op, first))
        rows += [[Piece(piece.op, text)] for text in more]
    unchanged = 0
    for row in rows:
        shown = [piece for piece in row if piece.text]
        if all(piece.op is DiffOp.EQUAL for piece in shown):
            unchanged += bool(shown)
            continue
        if unchanged:
            yield from (((f"({count_noun(unchanged, 'unchanged paragraph')})", "dim"),), ("",))
        unchanged = 0
        yield style_pieces(shown)
        yield ("",)
    if unchanged:
        yield ((f"({count_noun(unchanged, 'unchanged paragraph')})", "dim"),)


def _format_value(value: Any) -> str:
    from archiver.search.revision_diff import as_text

    if isinstance(value, list):
        return ", ".join(map(as_text, value)) or "none"
    return str(value) if value else "none"


# Evidence: the candidates of each field, with the chosen one marked, and the reason for the choice

_WIDTH = 72


def print_explanations(
    explained: Iterable[FieldExplanation], readers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Prints for each field a table of its candidates, with the chosen one marked and the reason for the choice.
    `readers` maps a field to a description of the extractor that extracted it. Fields without any candidate are listed
    at the end.
    """
    empty = []
    for one in explained:
        if not one.chosen and not one.candidates:
            empty.append(one.field)
            continue
        lacking = next((c.value for c in one.candidates if c.source == UNCONFIRMED), "")
        missing = f"the page has not shown it since {format_time(lacking)}" if lacking else ""
        why = "; ".join(filter(None, (one.why, missing, readers.get(one.field))))
        print_lines(
            styled_line((one.field, "bold"), "  ", _shorten(one.chosen) or "(none)"),
            styled_line((why, "dim"), indent=2),
        )
        if one.candidates:
            print_table(
                ("", "candidate", "source", "location", "confidence"),
                [
                    ("*" if won else "", _shorten(c.value) or "(none)", c.source, c.locator, f"{c.confidence:.2f}")
                    for c, won in zip(one.candidates, one.won, strict=True)
                    if c.source != UNCONFIRMED
                ],
                numbers=(4,),
            )
        print_lines("")
    if empty:
        print_lines(styled_line(("not found: ", "dim"), ", ".join(empty)))


def _shorten(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
