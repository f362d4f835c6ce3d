"""Edits on the screen: in colour on a terminal, between [-marks-] and {+marks+} (those of wdiff) elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from archiver.articles.word_diff import DiffOp, Piece
from archiver.cli.terminal import count_noun, has_colours, print_line, print_lines, print_table
from archiver.extraction.explain import FieldExplanation
from archiver.search.revision_diff import changed_values, edited_lists, edited_texts

_STYLES = {DiffOp.EQUAL: "", DiffOp.DELETE: "strike red", DiffOp.INSERT: "bold green"}
_MARKS = {DiffOp.EQUAL: "{}", DiffOp.DELETE: "[-{}-]", DiffOp.INSERT: "{{+{}+}}"}
_Pieces = tuple[str | tuple[str, str], ...]


def print_edits(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Every field that differs, the body last: its edited paragraphs, and how many stand between them."""
    texts, lists = edited_texts(before, after), edited_lists(before, after)
    for name, (old, new) in changed_values(before, after).items():
        label = (f"{name}: ", "bold")
        if name == "body":
            continue
        if name in texts:
            print_lines(print_line(label, *styled(texts[name])))
        else:
            print_lines(
                print_line(label, (_value(old), "red"), " -> ", (_value(new), "green"), *_told(lists.get(name)))
            )
    if "body" in texts:
        print_lines("", *(print_line(*row) for row in _paragraphs(texts["body"])))


def _told(names: tuple[Sequence[str], Sequence[str]] | None) -> _Pieces:
    if names is None:
        return ()
    came, went = names
    pieces = [Piece(DiffOp.DELETE, one) for one in went] + [Piece(DiffOp.INSERT, one) for one in came]
    return (
        (" (", *(part for n, one in enumerate(pieces) for part in (", " if n else "", *styled([one]))), ")")
        if pieces
        else (" (in another order)",)
    )


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
        if all(piece.op is DiffOp.EQUAL for piece in shown):
            same += bool(shown)
            continue
        if same:
            yield from (((f"({count_noun(same, 'paragraph')} as before)", "dim"),), ("",))
        same = 0
        yield styled(shown)
        yield ("",)
    if same:
        yield ((f"({count_noun(same, 'paragraph')} as before)", "dim"),)


def _value(value: Any) -> str:
    from archiver.search.revision_diff import as_text

    if isinstance(value, list):
        return ", ".join(map(as_text, value)) or "none"
    return str(value) if value else "none"


# What speaks for each field of an article, laid out for people: its candidates, the winner marked, and why it won.

_WIDTH = 72


def print_explanations(
    explained: Iterable[FieldExplanation], readers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """A table a field, `readers` saying by whom it was read; what nothing speaks for is one line at the end."""
    silent = []
    for one in explained:
        if not one.chosen and not one.candidates:
            silent.append(one.field)
            continue
        why = "; ".join(filter(None, (one.why, readers.get(one.field))))
        print_lines(
            print_line((one.field, "bold"), "  ", _short(one.chosen) or "(none)"), print_line((why, "dim"), indent=2)
        )
        if one.candidates:
            print_table(
                ("", "candidate", "from", "where", "trust"),
                [
                    ("*" if won else "", _short(c.value) or "(none)", c.source, c.locator, f"{c.confidence:.2f}")
                    for c, won in zip(one.candidates, one.won, strict=True)
                ],
                numbers=(4,),
            )
        print_lines("")
    if silent:
        print_lines(print_line(("nothing says: ", "dim"), ", ".join(silent)))


def _short(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
