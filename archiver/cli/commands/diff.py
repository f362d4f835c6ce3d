"""`archiver diff`: compares two revisions of an article."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from archiver.archive import Archive
from archiver.articles.word_diff import DiffOp, Piece
from archiver.cli.shared_options import archive_option, json_option
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import count_noun, format_time, has_colours, print_json, print_lines, styled_line
from archiver.search.revision_diff_as_data_or_html import (
    as_text,
    changed_values,
    diff_as_data,
    edited_lists,
    edited_texts,
    previous_revision,
)


@click.command(short_help="Compare two revisions of an article.")
@click.argument("article", metavar="ID|URL", shell_complete=complete("article"))
@click.argument("first", metavar="[A]", type=click.IntRange(min=1), required=False)
@click.argument("last", metavar="[B]", type=click.IntRange(min=1), required=False)
@json_option
@archive_option
def diff(article: str, first: int | None, last: int | None, as_json: bool, archive: str) -> None:
    """Compare two revisions of an article word by word.

    A and B are revision numbers. Without B, A is compared with the current revision; without both, the current revision
    is compared with the previous one. Edits are coloured on a terminal, and marked as [-deleted-] and {+inserted+}
    elsewhere.

    \b
    Examples:
      archiver diff 12
      archiver diff 12 1 3
      archiver diff https://blog.example.org/a-post 1 --json
    """
    with Archive(archive) as opened:
        current = opened.article(article)
        rows = opened.revisions(current["id"])
        after = opened.article(current["id"], last or current["revision"])
        before = opened.article(current["id"], first or previous_revision(rows, after["revision"]))
    if as_json:
        print_json(diff_as_data(before, after, rows) | {"url": current["url"]})
    else:
        _print_comparison(before, after, {one["revision"]: one for one in rows})


def _print_comparison(before: dict[str, Any], after: dict[str, Any], revisions: dict[int, Any]) -> None:
    if before["revision"] == after["revision"]:
        reason = (
            f"article {after['id']} has only one revision"
            if len(revisions) <= 1
            else f"both are revision {before['revision']} of the article"
        )
        click.echo(f"Nothing to compare: {reason}.", err=True)
        for number in [number for number, one in revisions.items() if one["undone_at"]]:
            shown = f"'archiver diff {after['id']} {after['revision']} {number}' shows it"
            click.echo(f"{_taken_back(revisions[number])}; {shown}.", err=True)
        return
    print_lines(
        styled_line((f"--- {_describe_revision(before, revisions)}", "red")),
        styled_line((f"+++ {_describe_revision(after, revisions)}", "green")),
    )
    for one in (revisions.get(before["revision"]), revisions.get(after["revision"])):
        if one and one["undone_at"]:
            print_lines(styled_line((f"{_taken_back(one)}.", "yellow")))
    print_edits(before, after)


def _describe_revision(record: dict[str, Any], revisions: dict[int, Any]) -> str:
    observed = format_time(revisions.get(record["revision"], {}).get("observed_at"))
    return f"article {record['id']}, revision {record['revision']}, seen {observed}  {record['url']}"


def _taken_back(revision: dict[str, Any]) -> str:
    return f"Revision {revision['revision']} was taken back on {revision['undone_at'][:10]}"


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
    if isinstance(value, list):
        return ", ".join(map(as_text, value)) or "none"
    return str(value) if value else "none"
