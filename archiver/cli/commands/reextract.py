"""`archiver reextract`: extracts stored captures again with the current extraction."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.shared_options import archive_option, capture_filter_options, json_option, pass_options_as
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import count_noun, print_json, print_lines, print_table, styled_line
from archiver.model.fields import EVIDENCE, PROSE, STORED_LISTS

if TYPE_CHECKING:
    from archiver.learning.rejudging import RejudgedPage
    from archiver.maintenance.reextraction_reader import ReextractedArticle
    from archiver.maintenance.reextraction_run import ReextractionTally
    from archiver.model.items import Article
    from archiver.storage import Database

_EXAMPLES = 3
_PAGES_SHOWN = 5
_SHOWN = 20
_WIDTH = 60


@dataclass(frozen=True, slots=True)
class ReextractOptions:
    """The options of `archiver reextract`."""

    what: tuple[str, ...]
    pages: bool
    dry_run: bool
    forget_page_objects: bool
    fields: tuple[str, ...]
    since: str | None
    until: str | None
    workers: int | None
    quiet: bool
    as_json: bool
    archive: str


forget_page_objects_option = click.option(
    "--forget-page-objects",
    is_flag=True,
    help="Replace the values of page objects that no longer read the pages. Without this option they are kept.",
)


@click.command(short_help="Extract stored captures again with the current extraction.")
@click.argument("what", metavar="[SITE|ID|URL]...", nargs=-1, shell_complete=complete("site", "article"))
@click.option(
    "--pages",
    is_flag=True,
    help="Instead of re-extracting articles, decide again which pages are posts: store pages that prove to be posts, "
    "and withdraw articles whose pages prove not to be.",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would change, by field.")
@forget_page_objects_option
@capture_filter_options
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Number of processes  [default: one per core]")
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@json_option
@archive_option
@pass_options_as(ReextractOptions)
def reextract(options: ReextractOptions) -> None:
    """Extract articles again from their captures with the current extraction: the given articles, the articles of the
    given sites, or all.

    Nothing is fetched. Changed fields are replaced in the current and in earlier revisions; no new
    revision is added, because the site did not edit the post. Each field records the extractor version
    that read it. If the command is interrupted, run it again with the same arguments to continue. Unreadable
    captures are listed, and so are values that are kept because a page object cannot return them now; then
    the exit code is 1.

    \b
    Examples:
      archiver reextract --dry-run
      archiver reextract blog.example.org
      archiver reextract blog.example.org --field authors --since 2024-05
      archiver reextract blog.example.org --pages --dry-run
      archiver reextract 12 https://blog.example.org/a-post --json
    """
    if options.pages:
        if options.fields or options.since or options.until or options.forget_page_objects:
            raise click.UsageError(
                "--pages cannot be combined with --field, --since, --until or --forget-page-objects."
            )
        _rejudge_sites(Path(options.archive), options.what, dry_run=options.dry_run, as_json=options.as_json)
        return
    from archiver import __version__
    from archiver.maintenance import reextraction_run
    from archiver.maintenance.reextraction_reader import build_reextraction_request, select_articles
    from archiver.maintenance.reextraction_run import count_cores, reextract_all
    from archiver.maintenance.reextraction_run import reextract as run
    from archiver.sites.page_objects import load_page_objects
    from archiver.storage.pages import stamp

    load_page_objects().check()
    file, started = Path(options.archive), time.monotonic()
    report = _Report(options.as_json, options.dry_run)
    with _open_archive(file, options.dry_run) as db:
        request = build_reextraction_request(
            db,
            options.what,
            fields=tuple(n for n in EVIDENCE if n in options.fields),
            forget_page_objects=options.forget_page_objects,
            **parse_time_bounds(options.since, options.until),
        )
        pending_run = (
            None
            if options.dry_run
            else reextraction_run.begin_reextraction(db, request, __version__, datetime.now(UTC))
        )
        if pending_run and pending_run.done:
            click.echo(
                f"Continuing an interrupted run: {count_noun(pending_run.done, 'article')} already done", err=True
            )
        at = pending_run.started_at if pending_run else stamp(datetime.now(UTC))
        ids = select_articles(db, request, pending_run.id if pending_run else None)
        with _show_progress(len(ids), options.quiet) as advance:

            def read(todo: list[int]) -> Iterator[list[ReextractedArticle]]:
                for outcomes in reextract_all(file, __version__, at, request, todo, options.workers or count_cores()):
                    advance(len(outcomes))
                    yield outcomes

            tally = run(db, pending_run, ids, read, report.take)
    report.close(tally, time.monotonic() - started)
    if tally.unreadable or tally.kept:
        sys.exit(1)


@contextmanager
def _open_archive(file: Path, dry_run: bool) -> Iterator[Database]:
    """Opens the archive for a re-extraction, read-only if `dry_run` is True. Converts database and disk errors to an
    ArchiverError.
    """
    from archiver.storage.database import open_archive
    from archiver.storage.transactions import environment_error

    db = open_archive(file, read_only=dry_run)
    try:
        yield db
    except (sqlite3.Error, OSError) as error:
        raise environment_error(error, file) from error
    finally:
        db.close()


def parse_time_bounds(since: str | None, until: str | None) -> dict[str, str]:
    """Converts the values of --since and --until (None if not given) to times in the format in which the archive stores
    times (UTC). Returns a dict with the keys "since" and "until"; the key of an option that is not given is missing.
    Raises BadQuery for an invalid date.
    """
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
def _show_progress(total: int, quiet: bool) -> Iterator[Any]:
    """Shows on stderr, if that is a terminal and `quiet` is False, how many of `total` articles are done. Yields the
    function to call with the number of further articles done.
    """
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
    """Prints the changes that a re-extraction makes. JSON is printed while the re-extraction runs; for text, the
    changes are collected and printed at its end.
    """

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
                            name: {
                                "before": _field_as_json(name, version.before),
                                "after": _field_as_json(name, version.article),
                            }
                            for name in version.differs
                        },
                    }
                )
                continue
            for name in version.differs:
                shown = self.examples.setdefault(name, [])
                if len(shown) < _EXAMPLES:
                    shown.append((outcome.article_id, _format_example(name, version.before, version.article)))

    def _entry(self, change: dict[str, Any]) -> None:
        # The changes are printed one by one, because those of a million articles would not fit in memory.
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
                "kept": tally.kept,
                "seconds": round(seconds, 2),
            }
            start = "\n], " if self.written else '{"changes": [], '
            click.echo(start + json.dumps(rest, ensure_ascii=False)[1:])
            return
        if tally.fields:
            self._print_fields(tally)
        rate = f", {tally.articles / seconds:,.0f} per second" if seconds > 1 else ""
        print_lines(
            f"{count_noun(tally.articles, 'article')} re-extracted in {seconds:.1f} s{rate}: "
            f"{tally.changed:,} {'would change' if self.dry_run else 'changed'}, "
            f"{tally.articles - tally.changed:,} unchanged"
        )
        if tally.without_capture:
            print_lines(f"{count_noun(tally.without_capture, 'article')} skipped, because they have no capture")
        for name, found in (("skipped", tally.left), ("unreadable", tally.unreadable)):
            if found:
                _print_messages(f"{count_noun(len(found), 'capture')} {name}:", found)
        if tally.kept:
            _print_messages(
                f"{count_noun(len(tally.kept), 'value')} kept that a page object returned before, and cannot return "
                "now (correct it or, if it was removed on purpose, add --forget-page-objects):",
                tally.kept,
            )

    def _print_fields(self, tally: ReextractionTally) -> None:
        print_lines(styled_line(("Would change" if self.dry_run else "Changed", "bold")))
        print_table(
            ("field", "revisions", "example"),
            [
                (name, tally.fields[name] if not n else "", f"{number}: {text}")
                for name in EVIDENCE
                if name in tally.fields
                for n, (number, text) in enumerate(self.examples[name])
            ],
            numbers=(1,),
        )
        print_lines("")


def _print_messages(heading: str, found: list[str]) -> None:
    click.echo(heading, err=True)
    for one in found[:_SHOWN]:
        click.echo(f"  {one}", err=True)
    if len(found) > _SHOWN:
        click.echo(f"  and {len(found) - _SHOWN:,} more (--json lists all)", err=True)


def _field_as_json(name: str, article: Article) -> Any:
    from archiver.storage.articles import article_row

    value = article_row(article)[name]
    return json.loads(value) if name in STORED_LISTS else value


def _format_example(name: str, before: Article, after: Article) -> str:
    if name in PROSE:
        from archiver.articles.word_diff import DiffOp, word_diff

        marks = {DiffOp.EQUAL: "{}", DiffOp.DELETE: "[-{}-]", DiffOp.INSERT: "{{+{}+}}"}
        pieces = word_diff(getattr(before, name), getattr(after, name))
        first = next((n for n, piece in enumerate(pieces) if piece.op is not DiffOp.EQUAL), 0)
        shown = pieces[max(0, first - 1) : first + 3]
        return " ".join(
            "".join(marks[p.op].format(_shorten(p.text, last=n < min(first, 1))) for n, p in enumerate(shown)).split()
        )
    from archiver.search.revision_diff_as_data_or_html import as_text

    def words(article: Article) -> str:
        value = _field_as_json(name, article)
        return _shorten(", ".join(map(as_text, value)) if isinstance(value, list) else str(value or "")) or "none"

    return f"{words(before)} -> {words(after)}"


def _shorten(text: str, *, last: bool = False) -> str:
    if len(text) <= _WIDTH:
        return text
    return f"…{text[-_WIDTH // 2 :]}" if last else f"{text[:_WIDTH]}…"


# `reextract --pages`.


def _rejudge_sites(archive: Path, words: Sequence[str], *, dry_run: bool, as_json: bool) -> None:
    """Decides again which pages of these sites are posts, by reading their captures. Stores the changes (unless
    `dry_run` is True) and prints them, as JSON if `as_json` is True. `words` are names of sites; () means all sites.

    Exits with code 1 if a capture cannot be read. Raises SiteNotFound, and ArchiveInUse if a site is being crawled.
    """
    from archiver.sites.page_objects import load_page_objects
    from archiver.storage.database import opened
    from archiver.storage.sites import find_site, list_sites
    from archiver.storage.transactions import environment_error, lock_site

    load_page_objects().check()
    reports: list[dict[str, Any]] = []
    with opened(archive, read_only=dry_run) as db:
        names = [find_site(db, word)["name"] for word in words] or [site["name"] for site in list_sites(db)]
        for name in dict.fromkeys(names):
            site = next(iter(db.query("select * from sites where name = ?", [name])))
            with ExitStack() as stack:
                if not dry_run:
                    stack.enter_context(lock_site(archive, name))
                try:
                    reports.append(_rejudge_site(db, archive, site, dry_run=dry_run))
                except (sqlite3.Error, OSError) as error:
                    raise environment_error(error, archive) from error
    if as_json:
        print_json({"dry_run": dry_run, "sites": reports})
    else:
        for report in reports:
            print_lines(*_format_rejudged(report, dry_run=dry_run))
    if any(report["unreadable"] for report in reports):
        sys.exit(1)


def _rejudge_site(db: Any, archive: Path, site: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    from archiver import __version__
    from archiver.articles.post_verdicts import judge_forms
    from archiver.learning.form_verdicts import form_pages, judge_site
    from archiver.learning.rejudging import Rejudging, RejudgingTally, rejudge
    from archiver.model.items import PageKind
    from archiver.storage.page_forms import forms_of_site, pages_without_form
    from archiver.storage.page_writer import StoringRun
    from archiver.storage.runs import last_run

    formed, now = RejudgingTally(), datetime.now(UTC)
    if dry_run:
        verdicts, run = judge_forms(forms_of_site(db, site["id"])), None
    else:
        form_pages(db, archive.parent, site["id"], formed)
        verdicts = judge_site(db, site["id"], now)
        last = last_run(db, site["id"])
        run = StoringRun(db, site, last["id"] if last else None, now, version=__version__)
    changed: list[RejudgedPage] = []

    def take(page: RejudgedPage) -> None:
        if page.is_changed:
            changed.append(page)

    tally, _ = rejudge(Rejudging(db, archive.parent, site, verdicts), run, everything=True, take=take)
    return {
        "site": site["name"],
        "forms": [
            {"id": one.form_id, "kind": one.kind, "address": one.address, "reason": one.reason}
            for one in verdicts.forms.values()
        ],
        "read": tally.read,
        "formed": formed.formed,
        "without_form": sum(1 for _ in pages_without_form(db, site["id"])),
        "posts": [_rejudged_as_data(page) for page in changed if page.kind is PageKind.POST],
        "withdrawn": [_rejudged_as_data(page) for page in changed if page.kind is not PageKind.POST],
        "left": tally.left,
        "unreadable": formed.unreadable,
    }


def _rejudged_as_data(page: RejudgedPage) -> dict[str, Any]:
    row = page.page.row
    return {"url": row["url"], "before": row["rule"], "rule": page.rule, "article_id": row["article_id"]}


def _format_rejudged(report: dict[str, Any], *, dry_run: bool) -> list[str]:
    verb = "would be " if dry_run else ""
    posts, withdrawn = len(report["posts"]), len(report["withdrawn"])
    lines = [
        f"{report['site']}: {count_noun(report['read'], 'page')} checked again: {posts:,} {verb}stored as "
        f"posts, {withdrawn:,} {verb}withdrawn"
    ]
    for name, pages in (("posts", report["posts"]), ("withdrawn", report["withdrawn"])):
        lines += [f"  {name}: {page['url']} (before: {page['before']})" for page in pages[:_PAGES_SHOWN]]
        if len(pages) > _PAGES_SHOWN:
            lines.append(f"  and {len(pages) - _PAGES_SHOWN:,} more {name} (--json lists all)")
    if report["without_form"]:
        lines.append(
            f"  {count_noun(report['without_form'], 'page')} not yet compared with the other pages"
            + (": run the command without --dry-run to read their captures" if dry_run else "")
        )
    for message in (*report["left"], *report["unreadable"]):
        click.echo(f"  {message}", err=True)
    return lines
