"""`archiver diff`: compares revisions of an article, and lists changed headlines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from archiver.articles.word_diff import DiffOp, Piece
from archiver.cli.shared_options import archive_option, list_options
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    count_noun,
    format_time,
    has_colours,
    print_json,
    print_lines,
    print_values,
    styled_line,
)

if TYPE_CHECKING:
    from archiver.archive import Archive


@click.command(short_help="Compare two revisions of an article.")
@click.argument("named", nargs=-1, metavar="ID|URL... [A [B]]", shell_complete=complete("article"))
@click.option(
    "--titles",
    is_flag=True,
    help="List headlines that were changed after publication; name a site in place of ID|URL for those of one site.",
)
@click.option("--each", is_flag=True, help="Take every argument as an article, and show the last edit of each.")
@list_options
@archive_option
def diff(named: tuple[str, ...], titles: bool, each: bool, form: str | None, archive: str) -> None:
    """Compare two revisions of an article word by word.

    A and B are revision numbers. Without B, A is compared with the current revision; without both, the
    current revision is compared with the previous one. Several articles are given by their URLs, or with
    --each. Edits are coloured on a terminal, and marked as [-deleted-] and {+inserted+} elsewhere.

    \b
    Examples:
      archiver diff 12
      archiver diff 12 1 3
      archiver diff --each 12 15
      archiver diff https://blog.example.org/a-post 1 --json
      archiver diff --titles blog.example.org
    """
    from archiver.archive import Archive

    if titles:
        if each or len(named) > 1:
            raise click.UsageError("--titles cannot be combined with --each or revision numbers.")
        with Archive(archive) as opened:
            _list_changed_titles(opened.headlines(next(iter(named), None), changed=True), form)
        return
    if form in ("jsonl", "csv"):
        raise click.UsageError(f"--{form} needs --titles. Two revisions are compared as --json.")
    if not named:
        raise click.UsageError("Missing argument 'ID|URL'. Name an article, or list changed headlines with --titles.")
    wanted = [(article, ()) for article in named] if each else list(_group_by_article(named))
    with Archive(archive) as opened:
        found = [_load(opened, article, numbers) for article, numbers in wanted]
    if form:
        print_json(found[0].as_data() if len(found) == 1 else [one.as_data() for one in found])
    else:
        shown = 0
        for one in found:
            if is_edited := one.before["revision"] != one.after["revision"]:
                print_lines(*([""] if shown else []))
            _print_comparison(one)
            shown += is_edited


def _group_by_article(named: Sequence[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yields each article with the revision numbers that follow it. Raises UsageError for more than two numbers."""
    groups: list[tuple[str, list[int]]] = []
    for word in named:
        if not groups or re.search(r"[./:]", word):
            groups.append((word, []))
        else:
            groups[-1][1].append(_read_revision(word))
    for article, numbers in groups:
        if len(numbers) > 2:
            raise click.UsageError(
                f"At most two revision numbers can follow {article}. To compare several articles, add --each."
            )
        yield article, tuple(numbers)


def _read_revision(word: str) -> int:
    """Parses the number of a revision. Raises BadParameter if `word` is not a number."""
    try:
        return int(click.IntRange(min=1)(word))
    except click.BadParameter as error:
        raise click.BadParameter(error.message, param_hint="A") from None


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two revisions of an article, as records, with the rows of all its revisions."""

    before: dict[str, Any]
    after: dict[str, Any]
    rows: list[dict[str, Any]]
    url: str

    @property
    def revisions(self) -> dict[int, Any]:
        return {one["revision"]: one for one in self.rows}

    def as_data(self) -> dict[str, Any]:
        from archiver.search.revision_diff_as_data_or_html import diff_as_data

        return diff_as_data(self.before, self.after, self.rows) | {"url": self.url}


def _load(opened: Archive, article: str, numbers: Sequence[int]) -> _Comparison:
    """Loads the revisions to compare: those with these numbers, or the current and the previous one. Raises
    ArticleNotFound and RevisionNotFound.
    """
    from archiver.search.revision_diff_as_data_or_html import previous_revision

    current = opened.article(article)
    rows = opened.revisions(current["id"])
    first, last = (*numbers, None, None)[:2]
    after = opened.article(current["id"], last or current["revision"])
    before = opened.article(current["id"], first or previous_revision(rows, after["revision"]))
    return _Comparison(before, after, rows, current["url"])


def _print_comparison(found: _Comparison) -> None:
    before, after, revisions = found.before, found.after, found.revisions
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
    from archiver.search.revision_diff_as_data_or_html import changed_values, edited_lists, edited_texts

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
    from archiver.search.revision_diff_as_data_or_html import as_text

    if isinstance(value, list):
        return ", ".join(map(as_text, value)) or "none"
    return str(value) if value else "none"
