"""`archiver verify`: checks the articles against their captures, and the archive's files for damage."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import count_noun, print_json, print_lines, show_stage_progress, styled_line

if TYPE_CHECKING:
    from archiver.maintenance.verify import VerifyResult
    from archiver.maintenance.verify_database import VerifyFinding


@click.command(short_help="Check every article against its capture, and the archive for damage.")
@click.argument("what", nargs=-1, metavar="[SITE|ID|URL]...")
@click.option("--quick", is_flag=True, help="Check only the database, not the WARC files.")
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
def verify(what: tuple[str, ...], quick: bool, reread: bool, fix: bool, as_json: bool, archive: str) -> None:
    """Check every article against its capture, and the archive for damage. Each finding says what is wrong and what to
    do.

    With SITE, ID or URL, only these articles and their captures are checked. A crawl may run at the same time.

    \b
    Examples:
      archiver verify
      archiver verify blog.example.org --reread
      archiver verify 12 --json
      archiver verify --repair

    Exit code: 0 no findings; 1 findings, or the archive cannot be read; 2 wrong usage.
    """
    from archiver.maintenance.verify import repair
    from archiver.maintenance.verify import verify as run
    from archiver.search.index_refresh import refresh_archive

    if fix and what:
        raise click.UsageError("--repair works on the whole archive and takes no SITE, ID or URL.")
    file = Path(archive)
    ids = _find_article_ids(archive, what) if what else None
    repaired: list[str] = []
    with show_stage_progress(as_json) as progress:
        found = run(file, ids=ids, quick=quick, reread=reread, progress=progress)
        if not what:
            found.findings += _check_search_index(file, quick=quick)
        if fix and any(finding.mend for finding in found.findings):
            repaired = repair(file, found.findings)
            if any(finding.mend == "search" for finding in found.findings):
                refresh_archive(file, rebuild=True)
                repaired.append("the search index was rebuilt")
            found = run(file, quick=quick, reread=reread, progress=progress)
            found.findings += _check_search_index(file, quick=quick)
    if as_json:
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
    if found.findings:
        click.get_current_context().exit(1)


def _check_search_index(archive: Path, *, quick: bool) -> list[VerifyFinding]:
    from archiver.search.index_refresh import check_index
    from archiver.storage.connection import open_archive

    db = open_archive(archive, read_only=True)
    try:
        return list(check_index(db, archive, quick=quick))
    except sqlite3.Error:
        return []  # the checks of the database report it
    finally:
        db.close()


def _find_article_ids(archive: str, what: tuple[str, ...]) -> list[int]:
    """Returns the IDs of the articles to verify. `what` are article IDs, URLs and site names. Raises ArticleNotFound
    and SiteNotFound.
    """
    from archiver.errors import ArticleNotFound
    from archiver.storage.article_tables.records import find_article
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
                from archiver.storage.sites import find_site

                name = find_site(db, word)["name"]
                out.update(
                    (row[0], None) for row in db.execute("select id from articles where site = ? order by id", [name])
                )
        return list(out)


def _print_findings(found: VerifyResult, repaired: list[str], *, quick: bool) -> None:
    for phrase in repaired:
        print_lines(styled_line(("Repaired: ", "bold"), phrase))
    for finding in found.findings:
        print_lines(
            styled_line((finding.sentence, "bold"), f" [{finding.kind}]"), styled_line(finding.remedy, indent=2)
        )
    checked = [count_noun(found.articles, "article")]
    if not quick:
        checked += [count_noun(found.records, "record"), count_noun(found.files, "WARC file")]
    click.echo(
        f"{', '.join(checked)}: {count_noun(len(found.findings), 'finding') if found.findings else 'no damage found'}",
        err=bool(found.findings),
    )
