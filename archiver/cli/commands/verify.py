"""`archiver verify`: checks the articles against their captures, and the archive's files for damage."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.cli.shared_options import archive_option, json_option, pass_options_as
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    count_noun,
    print_json,
    print_lines,
    show_stage_progress,
    styled_line,
)
from archiver.maintenance.damage_record import name_backup, record_verification
from archiver.maintenance.verification import VerifyResult, repair
from archiver.maintenance.verification import verify as run
from archiver.model.errors import ArticleNotFound
from archiver.search.search_index import check_index, refresh_archive
from archiver.storage.article_records import find_article
from archiver.storage.database import open_archive, opened
from archiver.storage.sites import find_site

if TYPE_CHECKING:
    from archiver.maintenance.verify_database import VerifyFinding

_MOST_A_FILE = 5
"""How many more findings about one file or table are printed after the first."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """The options of `archiver verify`."""

    what: tuple[str, ...]
    quick: bool
    fix: bool
    as_json: bool
    archive: str


@click.command(short_help="Check every article against its capture, and the archive for damage.")
@click.argument("what", nargs=-1, metavar="[SITE|ID|URL]...", shell_complete=complete("site", "article"))
@click.option("--quick", is_flag=True, help="Check only the database, not the WARC files.")
@click.option(
    "--repair",
    "fix",
    is_flag=True,
    help="Rebuild what can be derived from other data: the search index, indexes, triggers, views, facets, clusters "
    "and CDXJ files. Evidence is never deleted.",
)
@json_option
@archive_option
@pass_options_as(VerifyOptions)
def verify(options: VerifyOptions) -> None:
    """Check every article against its capture, and the archive for damage. Each finding says what is wrong and what to
    do, with the recorded backup that may help. If the database file is damaged, its rows are not checked.

    With SITE, ID or URL, only these articles and their captures are checked. A crawl may run at the same time.

    \b
    Examples:
      archiver verify
      archiver verify blog.example.org
      archiver verify 12 --json
      archiver verify --repair

    Exit code: 0 no findings; 1 findings, or the archive cannot be read; 2 wrong usage.
    """
    if options.fix and options.what:
        raise click.UsageError("--repair works on the whole archive and takes no SITE, ID or URL.")

    file, quick, what, started = Path(options.archive), options.quick, options.what, datetime.now(UTC)
    ids = _find_article_ids(options.archive, what) if what else None
    repaired: list[str] = []
    with show_stage_progress(options.as_json) as progress:
        found = run(file, ids=ids, quick=quick, progress=progress)
        if not what:
            found.findings += _check_search_index(file, quick=quick)
        if options.fix and any(finding.mend for finding in found.findings):
            repaired = repair(file, found.findings)
            if any(finding.mend == "search" for finding in found.findings):
                refresh_archive(file, rebuild=True)
                repaired.append("the search index was rebuilt")
            found = run(file, quick=quick, progress=progress)
            found.findings += _check_search_index(file, quick=quick)
    found.findings = name_backup(file, found.findings)
    unrecorded = "" if what or quick else record_verification(file, found, started)
    if options.as_json:
        print_json(
            {
                "articles": found.articles,
                "files": found.files,
                "records": found.records,
                "repaired": repaired,
                "findings": [asdict(finding) for finding in found.findings],
            }
        )
    else:
        _print_findings(found, repaired, quick=quick)
    if unrecorded:
        click.echo(f"The archive has no record of this check: {unrecorded.rstrip('.')}.", err=True)
    if found.findings:
        click.get_current_context().exit(1)


def _check_search_index(archive: Path, *, quick: bool) -> list[VerifyFinding]:
    db = open_archive(archive, read_only=True)
    try:
        return list(check_index(db, archive, quick=quick))
    except sqlite3.Error:
        return []  # the checks of the database report this
    finally:
        db.close()


def _find_article_ids(archive: str, what: tuple[str, ...]) -> list[int]:
    """Returns the IDs of the articles to verify. `what` are article IDs, URLs and site names. Raises ArticleNotFound
    and SiteNotFound.
    """
    with opened(archive, read_only=True) as db:
        out: dict[int, None] = {}
        for word in what:
            of_site = [row[0] for row in db.execute("select id from articles where site = ? order by id", [word])]
            if of_site or db.execute("select 1 from sites where name = ?", [word]).fetchone():
                out.update(dict.fromkeys(of_site))
                continue
            try:
                out[find_article(db, word)] = None
            except ArticleNotFound:
                if word.isdecimal():
                    raise

                name = find_site(db, word)["name"]
                out.update(
                    (row[0], None) for row in db.execute("select id from articles where site = ? order by id", [name])
                )
        return list(out)


def _print_findings(found: VerifyResult, repaired: list[str], *, quick: bool) -> None:
    for phrase in repaired:
        print_lines(styled_line(("Repaired: ", "bold"), phrase))
    units: dict[str, list[VerifyFinding]] = {}
    for number, one in enumerate(found.findings):
        units.setdefault(one.unit or str(number), []).append(one)
    for first, *rest in units.values():
        print_lines(styled_line((first.sentence, "bold"), f" [{first.kind}]"), styled_line(first.remedy, indent=2))
        print_lines(*(styled_line(f"{one.sentence} [{one.kind}]", indent=4) for one in rest[:_MOST_A_FILE]))
        if len(rest) > _MOST_A_FILE:
            print_lines(styled_line(f"and {len(rest) - _MOST_A_FILE:,} more ('--json' lists them)", indent=4))
    if found.is_cut_short:
        click.echo("The rows of the database were not checked, because its file is damaged.", err=True)
    checked = [count_noun(found.articles, "article")]
    if not quick:
        checked += [count_noun(found.records, "record"), count_noun(found.files, "WARC file")]
    summary = count_noun(len(found.findings), "finding") if found.findings else "no damage found"
    click.echo(f"{', '.join(checked)}: {summary}", err=bool(found.findings))
