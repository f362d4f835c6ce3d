"""`archiver diff`: compares revisions of an article, and lists changed headlines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from archiver.articles.word_diff import DiffOp, Piece
from archiver.cli.options import archive_option, complete, list_options
from archiver.cli.terminal import (
    count_noun,
    format_time,
    has_colours,
    print_json,
    print_lines,
    print_values,
    styled_line,
)
from archiver.errors import OutputNotWritable


@click.command(short_help="Compare two revisions of an article.")
@click.argument("article", metavar="ID|URL", required=False, shell_complete=complete("article"))
@click.argument("a", metavar="[A]", type=click.IntRange(min=1), required=False)
@click.argument("b", metavar="[B]", type=click.IntRange(min=1), required=False)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(),
    help="Write the comparison to FILE as an HTML page (- for standard output).",
)
@click.option(
    "--titles",
    is_flag=True,
    help="List headlines that were changed after publication; name a site in place of ID|URL for those of one site.",
)
@list_options
@archive_option
def diff(
    article: str | None, a: int | None, b: int | None, html: str | None, titles: bool, form: str | None, archive: str
) -> None:
    """Compare two revisions of an article word by word.

    A and B are revision numbers. Without B, A is compared with the current revision; without both, the
    current revision is compared with the previous one. Edits are coloured on a terminal, and marked as
    [-deleted-] and {+inserted+} elsewhere.

    \b
    Examples:
      archiver diff 12
      archiver diff 12 1 3
      archiver diff https://blog.example.org/a-post 1 --json
      archiver diff 12 --html edit.html
      archiver diff --titles blog.example.org
    """
    from archiver.archive import Archive
    from archiver.search.revision_diff import diff_as_data, previous_revision

    if titles:
        if html or a:
            raise click.UsageError("--titles cannot be combined with --html or revision numbers.")
        with Archive(archive) as opened:
            _list_changed_titles(opened.headlines(article, changed=True), form)
        return
    if form in ("jsonl", "csv"):
        raise click.UsageError(f"--{form} needs --titles. Two revisions are compared as --json.")
    if article is None:
        raise click.UsageError("Missing argument 'ID|URL'. Name an article, or list changed headlines with --titles.")
    if html and form:
        raise click.UsageError("Use either --html or --json.")
    with Archive(archive) as opened:
        current = opened.article(article)
        rows = opened.revisions(current["id"])
        revisions = {v["revision"]: v for v in rows}
        after = opened.article(current["id"], b or current["revision"])
        before = opened.article(current["id"], a or previous_revision(rows, after["revision"]))
    if html:
        _write_page(html, before, after, revisions)
    elif form:
        print_json(diff_as_data(before, after, rows) | {"url": current["url"]})
    elif before["revision"] == after["revision"]:
        reason = (
            "the article has only one revision"
            if len(revisions) <= 1
            else f"both are revision {before['revision']} of the article"
        )
        click.echo(f"Nothing to compare: {reason}.", err=True)
        for number in [number for number, one in revisions.items() if one["undone_at"]]:
            shown = f"'archiver diff {current['id']} {after['revision']} {number}' shows it"
            click.echo(f"{_taken_back(revisions[number])}; {shown}.", err=True)
    else:
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


def _write_page(target: str, before: dict[str, Any], after: dict[str, Any], revisions: dict[int, Any]) -> None:
    from archiver.search.revision_diff import diff_page_html

    def observed(record: dict[str, Any]) -> str:
        return format_time(revisions.get(record["revision"], {}).get("observed_at"))

    data = diff_page_html(before, after, (observed(before), observed(after))).encode("utf-8", errors="replace")
    if target == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        Path(target).write_bytes(data)
    except OSError as error:
        raise OutputNotWritable(target, error.strerror or str(error)) from error
    click.echo(f"Comparison written to {target}", err=True)


def _list_changed_titles(found: list[dict[str, Any]], form: str | None) -> None:
    if form:
        print_values(found, form)
        return
    from archiver.articles.word_diff import word_diff

    for one in found:
        again = count_noun(one["seen_again"], "time", "times") if one["seen_again"] else ""
        notes = [f"article {one['article_id']}, revision {one['revision']}", format_time(one["observed_at"])]
        notes += [f"same as revision {one['same_as']}"] if one["same_as"] else []
        notes += [f"seen again {again}"] if again else []
        print_lines(
            styled_line(*style_pieces(word_diff(one["previous"] or "", one["title"]))),
            styled_line((" · ".join(notes), "dim"), indent=2),
        )
    if not found:
        click.echo("No changed headlines in the archive.", err=True)


_STYLES = {DiffOp.EQUAL: "", DiffOp.DELETE: "strike red", DiffOp.INSERT: "bold green"}
_MARKS = {DiffOp.EQUAL: "{}", DiffOp.DELETE: "[-{}-]", DiffOp.INSERT: "{{+{}+}}"}
_Pieces = tuple[str | tuple[str, str], ...]


def print_edits(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Prints each field that differs between two revisions of an article, given as records. The body comes last, with
    only its edited paragraphs.
    """
    from archiver.search.revision_diff import changed_values, edited_lists, edited_texts

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
