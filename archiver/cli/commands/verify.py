"""`archiver verify`: checks the articles against their captures, and the archive's files for damage. `archiver doctor`:
checks the installation.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from archiver import __version__
from archiver.cli.shared_options import archive_option, json_option, pass_options_as
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    count_noun,
    format_time,
    print_json,
    print_lines,
    show_stage_progress,
    styled_line,
)
from archiver.model.errors import ArchiverError
from archiver.model.words import count_typos

if TYPE_CHECKING:
    from archiver.maintenance.partial_check import PartResult
    from archiver.maintenance.verification import VerifyResult
    from archiver.maintenance.verify_database import VerifyFinding
    from archiver.storage.runs import Damage

_MOST_A_FILE = 5
"""How many more findings about one file or table are printed after the first."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """The options of `archiver verify`."""

    what: tuple[str, ...]
    quick: bool
    part: bool
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
      archiver verify --part
      archiver verify --repair

    Exit code: 0 no findings; 1 findings, or the archive cannot be read; 2 wrong usage.
    """
    if options.fix and options.what:
        raise click.UsageError("--repair works on the whole archive and takes no SITE, ID or URL.")
    if options.part:
        if options.what or options.quick or options.fix:
            raise click.UsageError("--part takes no SITE, ID or URL, and no --quick or --repair.")
        _verify_part(options)
    else:
        _verify(options)


def _verify_part(options: VerifyOptions) -> None:
    from archiver.maintenance.partial_check import CheckBudget, check_part
    from archiver.sites.config import load_config

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
    from archiver.maintenance.partial_check import list_damages, name_backup, record_verification
    from archiver.maintenance.verification import repair
    from archiver.maintenance.verification import verify as run
    from archiver.search.search_index import refresh_archive

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
    unrecorded = "" if what or quick else record_verification(file, found, list_damages(found.findings), started)
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
    from archiver.search.search_index import check_index
    from archiver.storage.database import open_archive

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
    from archiver.model.errors import ArticleNotFound
    from archiver.storage.article_records import find_article
    from archiver.storage.database import opened

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


# `archiver doctor`.

State = Literal["ok", "note", "problem"]
_STATE_STYLES: dict[State, str] = {"ok": "green", "note": "yellow", "problem": "bold red"}
_PACKAGES = ("scrapy", "lxml", "tantivy", "fastwarc")
_LEAST_FREE, _LITTLE_FREE = 256_000_000, 2_000_000_000


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of `archiver doctor`: what was checked, the result, and what to do about it ("" for nothing)."""

    check: str
    state: State
    text: str
    remedy: str = ""


@click.command(short_help="Check the installation: versions, extras, disk, contact, clock, index.")
@json_option
@archive_option
def doctor(as_json: bool, archive: str) -> None:
    """Check what the program needs: versions, extras, archiver.toml, a contact, disk space, the clock, the
    archive and its search index. Nothing is changed, and nothing is requested. 'archiver verify' checks the content of
    the archive.

    \b
    Examples:
      archiver doctor
      archiver doctor --archive news.db --json

    Exit code: 0 no problems; 1 problems; 2 wrong usage.
    """
    now, path = datetime.now(UTC), Path(archive)
    found = [
        _diagnose_versions(),
        _diagnose_extras(),
        _diagnose_settings(),
        *_diagnose_environment(),
        _diagnose_disk(path),
        *_diagnose_archive(path, now),
    ]
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        width = max(len(one.check) for one in found)
        for one in found:
            print_lines(
                styled_line((f"{one.state:<7}", _STATE_STYLES[one.state]), f"  {one.check:<{width}}  {one.text}")
            )
            if one.remedy:
                print_lines(styled_line(one.remedy, indent=width + 11))
    if any(one.state == "problem" for one in found):
        click.get_current_context().exit(1)


def _diagnose_versions() -> Diagnosis:
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return Diagnosis("versions", "ok", f"archiver {__version__}, {python}, {packages}")


def _diagnose_extras() -> Diagnosis:
    if not _is_installed("archiver"):
        return Diagnosis("extras", "note", "unknown, because the program is not installed as a package")
    missing: dict[str, list[str]] = {}
    for line in metadata.requires("archiver") or ():
        name, extra = re.match(r"[\w.-]+", line), re.search(r"""extra == ["'](\w+)["']""", line)
        if name and extra and name[0] != "archiver" and not _is_installed(name[0]):
            missing.setdefault(extra[1], []).append(name[0])
    if not missing:
        return Diagnosis("extras", "ok", "all are installed")
    lacking = "; ".join(f"{extra} ({', '.join(names)})" for extra, names in sorted(missing.items()))
    return Diagnosis(
        "extras", "note", f"not installed: {lacking}", f"pip install 'archiver[{','.join(sorted(missing))}]'"
    )


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


_VARIABLES = ("ARCHIVER_ARCHIVE", "ARCHIVER_CONFIG", "ARCHIVER_CONTACT", "ARCHIVER_MEMORY", "ARCHIVER_WEB_MEMORY")


def _diagnose_environment() -> list[Diagnosis]:
    """Returns a note for each environment variable that looks like a mistyped variable of this program."""
    return [
        Diagnosis("variables", "note", f"{name} is set, but nothing reads it; did you mean {known}?")
        for name in os.environ
        for known in _VARIABLES
        if name not in _VARIABLES and count_typos(name, known, _MOST_TYPOS) <= _MOST_TYPOS
    ]


_MOST_TYPOS = 2


def _diagnose_settings() -> Diagnosis:
    from archiver.sites.config import config_file, load_config

    try:
        config = load_config()
    except ArchiverError as error:
        return Diagnosis("settings", "problem", str(error))
    contact = os.environ.get("ARCHIVER_CONTACT") or config.contact
    file = str(config_file()) if config_file().exists() else f"no {config_file()}"
    if not contact:
        return Diagnosis(
            "settings",
            "note",
            f"{file}; no contact, so only your own servers can be crawled",
            "Write contact = \"you@example.org\" into archiver.toml, or run 'archiver init'.",
        )
    return Diagnosis("settings", "ok", f"{file}; contact {contact}")


def _diagnose_disk(archive: Path) -> Diagnosis:
    folder = next(place for place in archive.resolve().parents if place.is_dir())
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:,.1f} GB free at {folder}"
    if not os.access(folder, os.W_OK):
        return Diagnosis("disk", "problem", f"{folder} cannot be written", "Choose another place with --archive.")
    if free < _LITTLE_FREE:
        state: State = "problem" if free < _LEAST_FREE else "note"
        return Diagnosis("disk", state, text, "Free some space: a crawl needs at least 256 MB.")
    return Diagnosis("disk", "ok", text)


def _diagnose_archive(archive: Path, now: datetime) -> Iterator[Diagnosis]:
    """Yields the results for the archive: whether it can be read, whether the clock is later than its last run, and
    whether its search index is intact.
    """
    from archiver.maintenance.partial_check import find_current_damage
    from archiver.search.search_index import check_index
    from archiver.storage.database import opened
    from archiver.storage.sites import list_sites
    from archiver.storage.transactions import archive_faults

    if not archive.exists():
        yield _diagnose_clock(now, [])
        yield Diagnosis(
            "archive", "note", f"none at {archive} yet", "'archiver init' or 'archiver crawl URL' makes it."
        )
        return
    try:
        if damage := find_current_damage(archive):
            yield Diagnosis("archive", "problem", damage.sentence, damage.remedy)
            return
        with archive_faults(archive), opened(archive, read_only=True) as db:
            sites = list_sites(db)
            newest = db.execute("select max(started_at) from runs").fetchone()[0]
            findings = list(check_index(db, archive, quick=True))
    except ArchiverError as error:
        yield Diagnosis("archive", "problem", str(error), "'archiver verify' tells more; 'archiver restore' helps.")
        return
    yield _diagnose_clock(now, [newest] if newest else [])
    articles = sum(row["articles"] for row in sites)
    yield Diagnosis("archive", "ok", f"{archive}: {count_noun(len(sites), 'site')}, {count_noun(articles, 'article')}")
    if findings:
        yield Diagnosis("index", "problem", findings[0].sentence, findings[0].remedy)
    else:
        yield Diagnosis("index", "ok", "no damage found; searches bring it up to date")


def _diagnose_clock(now: datetime, runs: Sequence[str]) -> Diagnosis:
    """Compares the clock with the times of runs in the archive, and with the time when the program was installed."""
    from archiver.frontier.cadence import CLOCK_TOLERANCE

    installed = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    latest = max((installed, *(datetime.fromisoformat(run) for run in runs)))
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now + CLOCK_TOLERANCE < latest:
        why = f"{text}, but the program or the archive was written at {latest:%Y-%m-%d %H:%M:%S} UTC"
        return Diagnosis("clock", "problem", why, "Set the clock: captures are stored with its time.")
    return Diagnosis("clock", "ok", text)
