"""`archiver verify`: checks the articles against their captures, and the archive's files for damage."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.cli.options import archive_option, complete, json_option, pass_options_as
from archiver.cli.terminal import count_noun, format_time, print_json, print_lines, show_stage_progress, styled_line

if TYPE_CHECKING:
    from archiver.maintenance.partial_check import Cause, PartResult
    from archiver.maintenance.verify import VerifyResult
    from archiver.maintenance.verify_database import VerifyFinding
    from archiver.storage.backup_and_check_records import Damage

_MOST_CONSEQUENCES = 5


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """The options of `archiver verify`."""

    what: tuple[str, ...]
    quick: bool
    part: bool
    reread: bool
    fix: bool
    as_json: bool
    archive: str


@click.command(short_help="Check every article against its capture, and the archive for damage.")
@click.argument("what", nargs=-1, metavar="[SITE|ID|URL]...", shell_complete=complete("site", "article"))
@click.option("--quick", is_flag=True, help="Check only the database, not the WARC files.")
@click.option(
    "--part",
    is_flag=True,
    help="Check only what has not been checked for the longest time, as 'archiver schedule' does each night.",
)
@click.option(
    "--reread", is_flag=True, help="Also report articles whose title or body the current extraction would change."
)
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
    do; findings with one cause are listed below it. If a recorded backup is undamaged, the finding names it.

    With SITE, ID or URL, only these articles and their captures are checked. A crawl may run at the same time.

    \b
    Examples:
      archiver verify
      archiver verify blog.example.org --reread
      archiver verify 12 --json
      archiver verify --part
      archiver verify --repair

    Exit code: 0 no findings; 1 findings, or the archive cannot be read; 2 wrong usage.
    """
    if options.fix and options.what:
        raise click.UsageError("--repair works on the whole archive and takes no SITE, ID or URL.")
    if options.part:
        if options.what or options.quick or options.reread or options.fix:
            raise click.UsageError("--part takes no SITE, ID or URL, and no --quick, --reread or --repair.")
        _verify_part(options)
    else:
        _verify(options)


def _verify_part(options: VerifyOptions) -> None:
    from archiver.maintenance.partial_check import CheckBudget, check_part
    from archiver.sites.archiver_toml import load_config

    limits = load_config().maintenance
    with show_stage_progress(options.as_json) as progress:
        found = check_part(Path(options.archive), CheckBudget(limits.check_days, limits.check_minutes * 60), progress)
    if options.as_json:
        print_json(_part_as_json(found))
    else:
        for damage in found.damages:
            print_lines(
                styled_line((damage.sentence, "bold"), f" [{damage.kind}]"), styled_line(damage.remedy, indent=2)
            )
        click.echo(_describe_part(found), err=bool(found.damages))
    if found.damages:
        click.get_current_context().exit(1)


def _part_as_json(found: PartResult) -> dict[str, object]:
    return {
        "units": found.units,
        "left": found.left,
        "bytes": found.bytes,
        "articles": found.articles,
        "files": found.warc_files,
        "covers_since": found.covers_since.isoformat(timespec="seconds") if found.covers_since else None,
        "damages": [_damage_as_json(one) for one in found.damages],
    }


def _damage_as_json(damage: Damage) -> dict[str, str]:
    return {name: getattr(damage, name) for name in ("unit", "kind", "subject", "sentence", "remedy")}


def _describe_part(found: PartResult) -> str:
    since = format_time(found.covers_since.isoformat()) if found.covers_since else "never"
    return (
        f"{count_noun(found.units, 'unit')} ({found.bytes / 1e6:,.1f} MB) checked, {found.left:,} left for later: "
        f"{count_noun(len(found.damages), 'finding') if found.damages else 'no damage found'}; everything was checked "
        f"since {since}"
    )


def _verify(options: VerifyOptions) -> None:
    from archiver.maintenance.partial_check import group_by_cause, name_whole_backups, record_verification
    from archiver.maintenance.verify import repair
    from archiver.maintenance.verify import verify as run
    from archiver.search.index_refresh import refresh_archive

    file, quick, what, started = Path(options.archive), options.quick, options.what, datetime.now(UTC)
    ids = _find_article_ids(options.archive, what) if what else None
    repaired: list[str] = []
    with show_stage_progress(options.as_json) as progress:
        found = run(file, ids=ids, quick=quick, reread=options.reread, progress=progress)
        if not what:
            found.findings += _check_search_index(file, quick=quick)
        if options.fix and any(finding.mend for finding in found.findings):
            repaired = repair(file, found.findings)
            if any(finding.mend == "search" for finding in found.findings):
                refresh_archive(file, rebuild=True)
                repaired.append("the search index was rebuilt")
            found = run(file, quick=quick, reread=options.reread, progress=progress)
            found.findings += _check_search_index(file, quick=quick)
    causes = name_whole_backups(file, group_by_cause(found.findings))
    damages = [one.as_damage() for one in causes if one.kind not in _NO_DAMAGE]
    unrecorded = "" if what or quick else record_verification(file, found, damages, started)
    if options.as_json:
        print_json(
            {
                "articles": found.articles,
                "files": found.files,
                "records": found.records,
                "repaired": repaired,
                "causes": [one.as_json() for one in causes],
                "findings": [asdict(finding) for finding in found.findings],
            }
        )
    else:
        _print_findings(found, causes, repaired, quick=quick)
    if unrecorded:
        click.echo(f"The archive has no record of this check: {unrecorded.rstrip('.')}.", err=True)
    if found.findings:
        click.get_current_context().exit(1)


_NO_DAMAGE = ("reads-otherwise", "removal-unfinished")
"""Codes of findings that are not damage: a difference from today's extraction, and a removal that the next crawl
finishes.
"""


def _check_search_index(archive: Path, *, quick: bool) -> list[VerifyFinding]:
    from archiver.search.index_refresh import check_index
    from archiver.storage.connection import open_archive

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
    from archiver.errors import ArticleNotFound
    from archiver.storage.article_tables.article_records import find_article
    from archiver.storage.connection import opened

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
                from archiver.storage.sites import find_site

                name = find_site(db, word)["name"]
                out.update(
                    (row[0], None) for row in db.execute("select id from articles where site = ? order by id", [name])
                )
        return list(out)


def _print_findings(found: VerifyResult, causes: Sequence[Cause], repaired: list[str], *, quick: bool) -> None:
    for phrase in repaired:
        print_lines(styled_line(("Repaired: ", "bold"), phrase))
    for cause in causes:
        print_lines(styled_line((cause.sentence, "bold"), f" [{cause.kind}]"), styled_line(cause.remedy, indent=2))
        rest = cause.consequences
        print_lines(
            *(styled_line(f"{one.sentence} [{one.kind}]", indent=4) for one in rest[:_MOST_CONSEQUENCES]),
            *(
                [styled_line(f"and {len(rest) - _MOST_CONSEQUENCES:,} more ('--json' lists them)", indent=4)]
                if len(rest) > _MOST_CONSEQUENCES
                else []
            ),
        )
    checked = [count_noun(found.articles, "article")]
    if not quick:
        checked += [count_noun(found.records, "record"), count_noun(found.files, "WARC file")]
    summary = "no damage found"
    if causes:
        summary = count_noun(len(causes), "cause") if len(causes) < len(found.findings) else ""
        findings = count_noun(len(found.findings), "finding")
        summary = f"{findings} with {summary}" if summary else findings
    click.echo(f"{', '.join(checked)}: {summary}", err=bool(found.findings))
