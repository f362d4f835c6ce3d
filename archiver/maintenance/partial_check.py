"""Checks the part of the archive that has not been read for the longest time, and records the damage that checks find.

`archiver schedule` runs this check each night, so that everything is read within a few weeks, and damage is found
before a reader meets it.

An archive is checked in units: each table with its indexes, ranges of articles, and each WARC file. The order is: WARC
files that are missing or too short, units that were damaged before, and then the units that have not been read for the
longest time.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from archiver.maintenance import verification, verify_captures, verify_database
from archiver.maintenance.database_damage import find_database_damage, stored_tables, time_limit
from archiver.maintenance.verification import VerifyResult, check_files, unreadable
from archiver.maintenance.verify_captures import examine_warc
from archiver.maintenance.verify_database import DAMAGED, VerifyFinding
from archiver.model.errors import ArchiveDamaged, ArchiveLocked, ArchiverError
from archiver.storage import Database
from archiver.storage.database import is_writable, opened
from archiver.storage.runs import (
    DATABASE,
    TABLE_UNIT,
    CheckKind,
    Damage,
    IntegrityCheck,
    begin_check,
    end_check,
    forget_units,
    has_integrity_records,
    read_backups,
    read_checked_units,
    read_creation_time,
    read_damages,
    read_last_check,
    record_checked_units,
    record_full_check,
)
from archiver.storage.transactions import environment_error, lock_check, read_transaction, writing

# Findings and damage.

_RESTORABLE = (
    DAMAGED,
    "articles-unreadable",
    "file-missing",
    "file-torn",
    "file-damaged",
    "file-unreadable",
    "capture-damaged",
    "record-damaged",
    "frame-altered",
)
"""Kinds of findings whose remedy may be a backup."""
_UNFINISHED = "removal-unfinished"
"""The kind of a finding that is not damage: a removal that the next crawl finishes."""
_ARTICLE_FINDINGS = ("article-altered", "version-altered", "versions-missing", "facets-differ")
"""Kinds of findings about single articles, which the check of a range of articles can find."""


def name_backup(archive: Path, findings: Iterable[VerifyFinding]) -> list[VerifyFinding]:
    """Returns the findings, with the command that restores the last backup as the remedy of those that a backup can
    mend. If the file of the backup cannot be read now, the remedy says so.
    """
    found = list(findings)
    if not any(one.kind in _RESTORABLE and not one.mend for one in found):
        return found
    records = []
    with suppress(ArchiverError, sqlite3.Error), opened(archive, read_only=True, to_copy=True) as db:
        records = [one for one in read_backups(db) if one.made_at] if has_integrity_records(db) else []
    out = []
    for one in found:
        name = "" if one.unit.startswith(TABLE_UNIT) else one.unit
        usable = [record for record in records if record.captures or not name]
        if one.kind in _RESTORABLE and not one.mend and usable:
            last = next((record for record in usable if Path(record.path).exists()), usable[0])
            made = f"the backup {last.path} of {last.made_at:%Y-%m-%d %H:%M} UTC"
            if Path(last.path).exists():
                command = f"archiver restore {last.path}{' ' if name else ''}{name} --archive {archive}"
                one = replace(one, remedy=f"'{command}' puts it back from {made}, which it checks first.")
            else:
                one = replace(one, remedy=f"{one.remedy} The last is {made}, which cannot be read now.")
        out.append(one)
    return out


def list_damages(findings: Iterable[VerifyFinding]) -> list[Damage]:
    """Returns the damage among the findings: for each damaged table and WARC file its first finding, and all findings
    about other things.
    """
    out: dict[str, Damage] = {}
    for one in findings:
        unit = one.unit
        # The next check of this range of articles shows whether the article is repaired.
        if one.kind in _ARTICLE_FINDINGS and (number := re.match(r"article (\d+)", one.subject)):
            unit = _range_unit((int(number[1]) - 1) // _ARTICLES_A_UNIT * _ARTICLES_A_UNIT + 1)
        if one.kind != _UNFINISHED:
            key = one.unit or f"{one.kind} {one.subject}"
            out.setdefault(key, Damage(unit, one.kind, one.subject, one.sentence, one.remedy))
    return list(out.values())


def find_current_damage(archive: Path, seconds: float = 0.5) -> Damage | None:
    """Returns the damage of an archive's database with its remedy: what reading the database for at most `seconds`
    finds, otherwise what the last check recorded. Returns None if none is known. Raises the errors of `open_archive`
    for other faults than damage.
    """
    found: list[VerifyFinding] = []
    try:
        with opened(archive, read_only=True) as db:
            with time_limit(db, seconds):
                if damage := next(find_database_damage(db), None):
                    found = [verify_database.as_finding(archive.name, damage)]
            recorded = read_damages(db) if not found and has_integrity_records(db) else []
            if known := next((one for one in recorded if one.kind == DAMAGED), None):
                return known
    except (sqlite3.Error, ArchiveDamaged) as error:
        fault = environment_error(error, archive) if isinstance(error, sqlite3.Error) else error
        if not isinstance(fault, ArchiveDamaged):
            raise fault from error
        sentence = f"{archive.name} is damaged ({error.__cause__ or error})"
        found = found or [VerifyFinding(DAMAGED, DATABASE, sentence, verify_database.RESTORE_BACKUP, unit=DATABASE)]
    return next(iter(list_damages(name_backup(archive, found))), None)


# The check of a part.

ARTICLES_UNIT = "articles "
_ARTICLES_A_UNIT = 1_000
_FILES_A_BATCH, _BYTES_A_BATCH = 16, 64 << 20
_RECORD_EVERY = 5.0
_MISSING = "file-missing"
_PATIENCE = 20.0
"""How many seconds to wait for the end of another program's transaction, before the recording of results is
postponed."""
Progress = Callable[[str, int, int], None]
"""A function that is called with a name for the current work, the number of units done, and the total."""


@dataclass(frozen=True, slots=True)
class CheckBudget:
    """How much a partial check reads: at least 1/`days` of the archive's bytes, and more as long as fewer than
    `seconds` have passed.
    """

    days: int = 30
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the archive that is checked as a whole. `size` is in bytes; the size of a table or a range of articles
    is estimated. `first` and `last` are the IDs of a range of articles.
    """

    name: str
    size: int
    first: int = 0
    last: int = 0

    @property
    def is_warc(self) -> bool:
        return not self.name.startswith((TABLE_UNIT, ARTICLES_UNIT))


@dataclass(slots=True)
class PartResult:
    """The result of a partial check.

    - `units`, `bytes`, `articles`, `warc_files`: how much was read.
    - `left`: the number of units of the archive that were not read.
    - `damages`: the damage that was found.
    - `covers_since`: this check and earlier ones have read every unit of the archive since this time; None if this
      check could not be finished.
    """

    units: int = 0
    left: int = 0
    bytes: int = 0
    articles: int = 0
    warc_files: int = 0
    damages: list[Damage] = field(default_factory=list)
    covers_since: datetime | None = None


def list_units(db: Database, folder: Path, files: Iterable[str]) -> list[Unit]:
    """Returns all units of an archive. `files` are the names of its WARC files below `folder`; files with rows in
    `captures` are added. Raises sqlite3.Error if the schema cannot be read.
    """
    pages, page_size = (db.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
    tables = stored_tables(db)
    last = 0
    with suppress(sqlite3.DatabaseError):  # the check of the table reports it
        last = db.execute("select coalesce(max(id), 0) from articles").fetchone()[0]
    starts = range(1, last + 1, _ARTICLES_A_UNIT)
    return [
        *(Unit(f"{TABLE_UNIT}{name}", pages * page_size // len(tables)) for name in tables),
        *(
            Unit(
                _range_unit(first),
                pages * page_size // max(len(starts), 1),
                first,
                first + _ARTICLES_A_UNIT - 1,
            )
            for first in starts
        ),
        *(Unit(name, _size_of(folder / name)) for name in sorted({*files, *_read_ends(db)})),
    ]


def _read_ends(db: Database) -> dict[str, int]:
    """Returns, for each WARC file by name, the offset at which its last record with a row in `captures` ends; {} if the
    table is damaged, as its check reports.
    """
    with suppress(sqlite3.DatabaseError):
        return dict(
            db.execute(
                "select warc_file, max(warc_offset + warc_length) from captures where warc_file is not null group by 1"
            ).fetchall()
        )
    return {}


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def check_part(
    archive: Path,
    budget: CheckBudget,
    progress: Progress = lambda what, done, of: None,
    clock: Callable[[], float] = monotonic,
) -> PartResult:
    """Checks the units that have not been read for the longest time, as far as `budget` allows, and records the results
    in the archive. `clock` returns seconds, for the time limit in the budget.

    If the process is killed, the results recorded so far are kept. Raises ArchiveLocked if another program locks the
    archive for too long, and the errors of `open_archive`.
    """
    try:
        lock = lock_check(archive)
    except OSError as error:
        raise environment_error(error, archive) from error
    with lock:
        return _check_part(archive, budget, progress, clock)


def _check_part(archive: Path, budget: CheckBudget, progress: Progress, clock: Callable[[], float]) -> PartResult:
    out, started, began = PartResult(), datetime.now(UTC), clock()
    number = _write(archive, lambda db: begin_check(db, "part", started))
    files = verify_captures.find_warc_files(archive.parent)
    with opened(archive, read_only=True) as db:
        units = list_units(db, archive.parent, files)
        batches = _batches(_in_order(db, units))
    least = sum(unit.size for unit in units) / budget.days
    found: dict[str, list[Damage]] = {}  # by unit
    waiting: list[str] = []  # units whose result is not recorded yet

    def record(db: Database) -> None:
        damages = [damage for name in waiting for damage in found[name]]
        record_checked_units(db, waiting, damages, datetime.now(UTC))

    more = True
    while more:
        more, opened_at = False, clock()
        # The archive is opened once for many batches, because opening it takes longer than checking a small table.
        with opened(archive, read_only=True) as db:
            for batch in batches:
                if clock() - began >= budget.seconds and out.bytes >= least:
                    break
                progress("the archive", out.units, len(units))
                checked = _check_batch(db, archive, batch, files, out)
                found |= checked
                waiting = list(dict.fromkeys([*waiting, *checked]))
                if more := clock() - opened_at >= _RECORD_EVERY:
                    break
        if more:
            with suppress(ArchiveLocked):  # the next recording includes these results
                _write(archive, record)
                waiting = []
    out.left = len(units) - out.units
    out.damages = [damage for damages in found.values() for damage in damages]

    def finish(db: Database) -> None:
        record(db)
        known = read_checked_units(db)
        forget_units(db, set(known) - {unit.name for unit in units})
        created = read_creation_time(db) or started
        out.covers_since = min(
            (known.get(unit.name) or _time_of(archive, unit, created) for unit in units), default=started
        )
        ended, findings = datetime.now(UTC), len(out.damages)
        end_check(
            db,
            number,
            IntegrityCheck("part", started, ended, out.covers_since, out.articles, out.warc_files, out.bytes, findings),
        )

    _write(archive, finish)
    return out


def _in_order(db: Database, units: list[Unit]) -> list[Unit]:
    """Returns the units in the order in which they are checked: first WARC files that are missing or too short, then
    units with known damage, then all others. Units of the same rank are ordered by the time of their last check, and
    begin with those that were never read.
    """
    known, damaged = read_checked_units(db), {one.unit for one in read_damages(db)}
    ends, never = _read_ends(db), datetime.min.replace(tzinfo=UTC)

    def rank(unit: Unit) -> tuple[int, datetime]:
        if unit.is_warc and unit.size < max(ends.get(unit.name, 0), 1):
            return 0, never
        is_known = unit.name in damaged or (DATABASE in damaged and unit.name.startswith(TABLE_UNIT))
        return (1 if is_known else 2), known.get(unit.name, never)

    return sorted(units, key=rank)


def _check_batch(
    db: Database, archive: Path, batch: list[Unit], files: dict[str, bool], out: PartResult
) -> dict[str, list[Damage]]:
    """Checks a batch of units, counts them in `out`, and returns the damage of each. A damaged table that keeps the
    units from being checked is returned with its damage, too.
    """
    first = batch[0]
    with read_transaction(db):
        if first.is_warc:
            findings = _compare_files(db, archive, [unit.name for unit in batch], files)
            out.warc_files += len(batch)
        elif first.name.startswith(TABLE_UNIT):
            try:
                findings = list(verify_database.check_integrity(db, [first.name.removeprefix(TABLE_UNIT)]))
            except sqlite3.Error as error:
                findings = [unreadable(archive, first.name, error)]
        else:
            findings = _check_articles(db, archive, first, out)
    out.units += len(batch)
    out.bytes += sum(unit.size for unit in batch)
    damages = [replace(one, unit=one.unit or first.name) for one in list_damages(name_backup(archive, findings))]
    names = [*(unit.name for unit in batch), *(one.unit for one in damages)]
    return {name: [one for one in damages if one.unit == name] for name in names}


def _compare_files(db: Database, archive: Path, names: list[str], files: dict[str, bool]) -> list[VerifyFinding]:
    folder = archive.parent

    def compare() -> list[VerifyFinding]:
        examined = [examine_warc(job) for job in verify_captures.make_capture_jobs(db, folder, files, names)]
        found = [*verify_captures.make_findings(db, examined), *verify_captures.find_lost_originals(db, names=names)]
        if not any(one.kind == _MISSING for one in found):
            return found
        with opened(archive, read_only=True) as now:  # a takedown may have replaced files since they were listed
            used = _read_ends(now)
        return [one for one in found if one.kind != _MISSING or one.unit in used]

    return check_files(db, archive, {name: files[name] for name in names if name in files}, compare)


def _check_articles(db: Database, archive: Path, unit: Unit, out: PartResult) -> list[VerifyFinding]:
    try:
        ids = verification.ids_between(db, unit.first, unit.last)
        out.articles += len(ids)
        return [
            finding for at in range(0, len(ids), 100) for finding in verification.check_articles(db, ids[at : at + 100])
        ]
    except sqlite3.Error as error:
        return list(verify_database.check_integrity(db)) or [unreadable(archive, unit.name, error)]


def _time_of(archive: Path, unit: Unit, created: datetime) -> datetime:
    """Returns the time that counts as the last check of a unit that was never read. For a WARC file, it is the time of
    the last change; for other units, it is `created`, when the archive was created.
    """
    try:
        changed = (archive.parent / unit.name).stat().st_mtime
    except OSError:
        return created
    return max(datetime.fromtimestamp(changed, UTC), created)


def _write(archive: Path, write: Callable[[Database], int | None]) -> int:
    try:
        with opened(archive) as db, writing(db, _PATIENCE):
            return write(db) or 0
    except sqlite3.Error as error:
        raise environment_error(error, archive) from error


def _batches(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Yields the units in batches: several WARC files, whose rows are read together, or one other unit."""
    batch: list[Unit] = []
    for unit in units:
        full = len(batch) >= _FILES_A_BATCH or sum(one.size for one in batch) >= _BYTES_A_BATCH
        if batch and (full or not unit.is_warc or not batch[0].is_warc):
            yield batch
            batch = []
        batch.append(unit)
    if batch:
        yield batch


def is_part_due(db: Database, at: str, now: datetime, *, is_running: bool = False) -> bool:
    """Returns True if the nightly check is due. It is due each day at the time `at` (UTC, such as "03:00"), and after
    that until a check has begun. An interrupted check is due again at once. A new archive is first checked in the
    following night.

    `is_running` is True if a check is running now; the last check is then unfinished, but not interrupted.
    """
    hour, minute = map(int, at.split(":"))
    turn = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    if turn > now:
        turn -= timedelta(days=1)
    last = read_last_check(db, "part", finished=False)
    if last and not last.finished_at:
        return not is_running
    before = last.started_at if last else read_creation_time(db)
    return before is not None and before < turn


def record_verification(archive: Path, found: VerifyResult, damages: Iterable[Damage], started: datetime) -> str:
    """Records the result of a verification of the whole archive, which began at `started` and found `damages`. Returns
    the reason if that was not possible, otherwise "". Writes nothing to a backup.
    """
    if not (is_writable(archive) and is_writable(archive.parent)):
        return "it cannot be written here"
    kind: CheckKind = "verify"
    stored = list(damages)
    try:
        with opened(archive, read_only=True) as db:
            if not has_integrity_records(db):
                return "it was written by an earlier version"
            if any(one.path == str(archive.resolve()) for one in read_backups(db)):
                return ""
            units = list_units(db, archive.parent, verify_captures.find_warc_files(archive.parent))
        read = [unit.name for unit in units if not (found.is_cut_short and unit.name.startswith(ARTICLES_UNIT))]
        with opened(archive) as db, writing(db, _PATIENCE):
            number = begin_check(db, kind, started)
            record_full_check(db, read, stored, started)
            end_check(
                db,
                number,
                IntegrityCheck(
                    kind,
                    started,
                    datetime.now(UTC),
                    None if found.is_cut_short else started,
                    found.articles,
                    found.files,
                    sum(unit.size for unit in units if unit.is_warc) + archive.stat().st_size,
                    len(stored),
                ),
            )
    except ArchiveLocked as error:
        return str(error)
    except (sqlite3.Error, OSError) as error:
        return str(environment_error(error, archive))
    return ""


def _range_unit(first: int) -> str:
    return f"{ARTICLES_UNIT}{first}-{first + _ARTICLES_A_UNIT - 1}"
