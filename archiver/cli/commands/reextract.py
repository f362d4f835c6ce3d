"""`archiver reextract`: extracts stored captures again with the current extraction."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.shared_options import archive_option, capture_filter_options, json_option, pass_options_as
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    count_noun,
    print_json,
    print_lines,
    print_table,
    show_stage_progress,
    styled_line,
)
from archiver.maintenance.page_rejudging import rejudge_site
from archiver.maintenance.reextraction_request import ReextractionRequest, find_what_to_reextract
from archiver.maintenance.reextraction_run import ReextractionTally, count_cores, reextract_archive
from archiver.model.fields import EVIDENCE, STORED_LISTS
from archiver.search.revision_diff_as_data_or_html import as_text
from archiver.sites.page_objects import load_page_objects
from archiver.storage.articles import article_row
from archiver.storage.database import opened
from archiver.storage.sites import find_site, list_sites
from archiver.storage.transactions import archive_faults

if TYPE_CHECKING:
    from archiver.maintenance.reextraction_reader import ReextractedArticle
    from archiver.model.items import Article

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
    since: str
    until: str
    workers: int | None
    quiet: bool
    as_json: bool
    archive: str


@click.command(short_help="Extract stored captures again with the current extraction.")
@click.argument("what", metavar="[SITE|ID|URL]...", nargs=-1, shell_complete=complete("site", "article"))
@click.option(
    "--pages",
    is_flag=True,
    help="Instead of re-extracting articles, decide again which pages are posts: store pages that prove to be posts, "
    "and withdraw articles whose pages prove not to be.",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would change, by field.")
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
    load_page_objects().check()
    archive, started = Path(options.archive), time.monotonic()
    if options.pages:
        if options.fields or options.since or options.until or options.forget_page_objects:
            raise click.UsageError(
                "--pages cannot be combined with --field, --since, --until or --forget-page-objects."
            )
        _rejudge_sites(archive, options.what, dry_run=options.dry_run, as_json=options.as_json)
        return
    report = _Report(options.as_json, options.dry_run)
    with archive_faults(archive), opened(archive, read_only=options.dry_run) as db:
        request = ReextractionRequest(
            *find_what_to_reextract(db, options.what),
            tuple(name for name in EVIDENCE if name in options.fields),
            options.since,
            options.until,
            options.forget_page_objects,
        )
        with show_stage_progress(options.quiet) as progress:
            tally = reextract_archive(
                db,
                archive,
                request,
                workers=options.workers or count_cores(),
                dry_run=options.dry_run,
                take=report.take,
                progress=partial(progress, "reading"),
            )
    report.close(tally, time.monotonic() - started)
    if tally.unreadable or tally.kept:
        sys.exit(1)


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
        if tally.continued:
            print_lines(f"An interrupted run was continued: {count_noun(tally.continued, 'article')} already done")
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
    value = article_row(article)[name]
    return json.loads(value) if name in STORED_LISTS else value


def _format_example(name: str, before: Article, after: Article) -> str:
    """Returns the values of a field before and after, from a few characters before their first difference."""
    values = [_field_as_json(name, article) for article in (before, after)]
    old, new = (", ".join(map(as_text, one)) if isinstance(one, list) else str(one or "") for one in values)
    alike = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, alike - _WIDTH // 4) if max(len(old), len(new)) > _WIDTH else 0
    shown = [
        ("…" if start else "") + text[start : start + _WIDTH] + ("…" if len(text) > start + _WIDTH else "")
        for text in (old, new)
    ]
    return " ".join(f"{shown[0] or 'none'} -> {shown[1] or 'none'}".split())


# `reextract --pages`.


def _rejudge_sites(archive: Path, words: Sequence[str], *, dry_run: bool, as_json: bool) -> None:
    """Decides again which pages of these sites are posts (() means all sites), and prints the changes. Exits with code
    1 if a capture cannot be read. Raises SiteNotFound, and ArchiveInUse if a site is being crawled.
    """
    with archive_faults(archive), opened(archive, read_only=dry_run) as db:
        names = [find_site(db, word)["name"] for word in words] or [site["name"] for site in list_sites(db)]
        sites = [next(iter(db.query("select * from sites where name = ?", [name]))) for name in dict.fromkeys(names)]
        reports = [rejudge_site(db, archive, site, dry_run=dry_run) for site in sites]
    if as_json:
        print_json({"dry_run": dry_run, "sites": reports})
    else:
        for report in reports:
            print_lines(*_format_rejudged(report, dry_run=dry_run))
    if any(report["unreadable"] for report in reports):
        sys.exit(1)


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
