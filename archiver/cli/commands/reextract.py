"""`archiver reextract`: today's extraction over the captures that are stored."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import archive_option, json_option, takes
from archiver.cli.terminal import count_noun, print_line, print_lines, print_table
from archiver.fields import EVIDENCE, PROSE, STORED_LISTS

if TYPE_CHECKING:
    from sqlite_utils import Database

    from archiver.items import Article
    from archiver.maintenance.reextraction import ReextractedArticle
    from archiver.maintenance.reextraction_run import ReextractionTally

_EXAMPLES = 3
_SHOWN = 20
_WIDTH = 60


@dataclass(frozen=True, slots=True)
class ReextractOptions:
    """The options of `archiver reextract`."""

    what: tuple[str, ...]
    dry_run: bool
    fields: tuple[str, ...]
    since: str | None
    until: str | None
    workers: int | None
    quiet: bool
    as_json: bool
    archive: str


@click.command(short_help="Read stored captures again by today's extraction.")
@click.argument("what", metavar="[SITE|ID|URL]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Change nothing; list by field what would change.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    type=click.Choice(EVIDENCE),
    metavar="NAME",
    help="Only this field (may be given more than once): " + ", ".join(EVIDENCE) + ".",
)
@click.option("--since", metavar="DATE", help="Only captures made on or after: 2024, 2024-05, 2024-05-31 or a time.")
@click.option("--until", metavar="DATE", help="Only captures made on or before, to the end of that year, month or day.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="How many processes read  [default: cores]")
@click.option("--quiet", is_flag=True, help="No progress on the terminal.")
@json_option
@archive_option
@takes(ReextractOptions)
def reextract(options: ReextractOptions) -> None:
    """Read articles again from their captures, as today's extraction reads them: of sites, of articles, or of all.

    Nothing is asked of the network. What is read otherwise takes the place of what is stored, in
    earlier versions too: it is no edit of the site, and makes no version. Each field keeps which
    extractor read it. A run that was stopped goes on where it was when it is called again in the
    same way. Captures that cannot be read are named, and the exit code is 1.

    \b
    Examples:
      archiver reextract --dry-run
      archiver reextract blog.example.org
      archiver reextract blog.example.org --field authors --since 2024-05
      archiver reextract 12 https://blog.example.org/a-post --json
    """
    from archiver import __version__
    from archiver.maintenance import reextraction_run
    from archiver.maintenance.reextraction import request_for, selected_articles
    from archiver.maintenance.reextraction_run import cores, reextract_all
    from archiver.maintenance.reextraction_run import reextract as run
    from archiver.storage.pages import stamp

    file, began = Path(options.archive), time.monotonic()
    report = _Report(options.as_json, options.dry_run)
    with _opened(file, options.dry_run) as db:
        request = request_for(
            db,
            options.what,
            fields=tuple(n for n in EVIDENCE if n in options.fields),
            **times(options.since, options.until),
        )
        begun = (
            None
            if options.dry_run
            else reextraction_run.begin_reextraction(db, request, __version__, datetime.now(UTC))
        )
        if begun and begun.done:
            click.echo(f"Going on where it was stopped: {count_noun(begun.done, 'article')} done", err=True)
        at = begun.started_at if begun else stamp(datetime.now(UTC))
        ids = selected_articles(db, request, begun.id if begun else None)
        with _progress(len(ids), options.quiet) as advance:

            def read(todo: list[int]) -> Iterator[list[ReextractedArticle]]:
                for outcomes in reextract_all(file, __version__, at, request, todo, options.workers or cores()):
                    advance(len(outcomes))
                    yield outcomes

            tally = run(db, begun, ids, read, report.take)
    report.close(tally, time.monotonic() - began)
    if tally.unreadable:
        sys.exit(1)


@contextmanager
def _opened(file: Path, dry_run: bool) -> Iterator[Database]:
    """The archive, to be read only where nothing is to change; its faults as one sentence."""
    from archiver.storage.connection import fault_of, open_archive

    db = open_archive(file, read_only=dry_run)
    try:
        yield db
    except (sqlite3.Error, OSError) as error:
        raise fault_of(error, file) from error
    finally:
        db.close()


def times(since: str | None, until: str | None) -> dict[str, str]:
    """The bounds as the archive writes times; days are those of UTC. Raises BadQuery for what is no date."""
    from archiver.search.query_tree import Period, parse_period
    from archiver.storage.pages import stamp

    out = {}
    for name, given in (("since", since), ("until", until)):
        if not given:
            continue
        bound = parse_period(given)
        if bound.is_moment:
            at = datetime.fromisoformat(bound.start)
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            bound = Period(stamp(at), stamp(at + timedelta(microseconds=1)))
        out[name] = bound.start if name == "since" else bound.end
    return out


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Any]:
    """Counts articles on a terminal; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda number: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("reading"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda number: bar.advance(task, number)


@dataclass(slots=True)
class _Report:
    """What is told of a re-extraction: as it goes for programs, at its end for people."""

    as_json: bool
    dry_run: bool
    written: int = 0
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def take(self, outcome: ReextractedArticle) -> None:
        for version in outcome.versions:
            if version.article is None or version.before is None:
                continue
            if self.as_json:
                self._entry(
                    {
                        "id": outcome.article_id,
                        "url": outcome.url,
                        "revision": version.revision,
                        "fields": {
                            name: {"before": _data(name, version.before), "after": _data(name, version.article)}
                            for name in version.differs
                        },
                    }
                )
                continue
            for name in version.differs:
                shown = self.examples.setdefault(name, [])
                if len(shown) < _EXAMPLES:
                    shown.append((outcome.article_id, _example(name, version.before, version.article)))

    def _entry(self, change: dict[str, Any]) -> None:
        # One after the other: what a million articles said before and say now is too much to be held.
        click.echo(("," if self.written else '{"changes": [') + "\n" + json.dumps(change, ensure_ascii=False), nl=False)
        self.written += 1

    def close(self, tally: ReextractionTally, seconds: float) -> None:
        if self.as_json:
            rest = {
                "dry_run": self.dry_run,
                "articles": tally.articles,
                "versions": tally.versions,
                "changed": tally.changed,
                "without_capture": tally.without_capture,
                "fields": tally.fields,
                "unreadable": tally.unreadable,
                "left": tally.left,
                "seconds": round(seconds, 2),
            }
            start = "\n], " if self.written else '{"changes": [], '
            click.echo(start + json.dumps(rest, ensure_ascii=False)[1:])
            return
        if tally.fields:
            self._print_fields(tally)
        rate = f", {tally.articles / seconds:,.0f} a second" if seconds > 1 else ""
        print_lines(
            f"{count_noun(tally.articles, 'article')} read again in {seconds:.1f} s{rate}: "
            f"{tally.changed:,} {'would change' if self.dry_run else 'changed'}, "
            f"{tally.articles - tally.changed:,} as before"
        )
        if tally.without_capture:
            print_lines(f"{count_noun(tally.without_capture, 'article')} without a capture left as they are")
        for name, found in (("left as they are", tally.left), ("that cannot be read", tally.unreadable)):
            if found:
                _print_captures(name, found)

    def _print_fields(self, tally: ReextractionTally) -> None:
        print_lines(print_line(("What would change" if self.dry_run else "What has changed", "bold")))
        print_table(
            ("field", "versions", "for instance"),
            [
                (name, tally.fields[name] if not n else "", f"{number}: {text}")
                for name in EVIDENCE
                if name in tally.fields
                for n, (number, text) in enumerate(self.examples[name])
            ],
            numbers=(1,),
        )
        print_lines("")


def _print_captures(name: str, found: list[str]) -> None:
    click.echo(f"{count_noun(len(found), 'capture')} {name}:", err=True)
    for one in found[:_SHOWN]:
        click.echo(f"  {one}", err=True)
    if len(found) > _SHOWN:
        click.echo(f"  and {len(found) - _SHOWN:,} more (--json names all)", err=True)


def _data(name: str, article: Article) -> Any:
    from archiver.storage.article_tables.revisions import article_row

    value = article_row(article)[name]
    return json.loads(value) if name in STORED_LISTS else value


def _example(name: str, before: Article, after: Article) -> str:
    if name in PROSE:
        from archiver.articles.word_diff import DiffOp, word_diff

        marks = {DiffOp.EQUAL: "{}", DiffOp.DELETE: "[-{}-]", DiffOp.INSERT: "{{+{}+}}"}
        pieces = word_diff(getattr(before, name), getattr(after, name))
        first = next((n for n, piece in enumerate(pieces) if piece.op is not DiffOp.EQUAL), 0)
        shown = pieces[max(0, first - 1) : first + 3]
        return " ".join(
            "".join(marks[p.op].format(_short(p.text, last=n < min(first, 1))) for n, p in enumerate(shown)).split()
        )
    from archiver.search.revision_diff import as_text

    def words(article: Article) -> str:
        value = _data(name, article)
        return _short(", ".join(map(as_text, value)) if isinstance(value, list) else str(value or "")) or "none"

    return f"{words(before)} -> {words(after)}"


def _short(text: str, *, last: bool = False) -> str:
    if len(text) <= _WIDTH:
        return text
    return f"…{text[-_WIDTH // 2 :]}" if last else f"{text[:_WIDTH]}…"
