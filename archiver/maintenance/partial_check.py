"""Checks the part of the archive that has not been read for the longest time, and finds the causes among the findings
of checks.

`archiver schedule` runs this check each night, so that everything is read within a few weeks, and damage is found
before a reader meets it.

An archive is checked in units: each table with its indexes, ranges of articles, and each WARC file. The order is: WARC
files that are missing or too short, units that were damaged before, and then the units that have not been read for the
longest time.

Of the findings, like those of `archiver verify`, the causes are reported: a damaged database, a damaged WARC file, a
deleted row. The remedy of a cause names an undamaged backup and the command that restores it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from archiver.maintenance import verification, verify_captures, verify_database
from archiver.maintenance.backup import is_backup, read_warc_ends, time_of_whole_backup
from archiver.maintenance.database_damage import find_damage, find_database_damage, stored_tables, time_limit
from archiver.maintenance.verification import VerifyResult, check_files, unreadable
from archiver.maintenance.verify_captures import examine_warc, find_flaws
from archiver.maintenance.verify_database import VerifyFinding, counted_noun
from archiver.model.errors import ArchiveDamaged, ArchiveLocked, ArchiverError
from archiver.storage import Database
from archiver.storage.database import is_writable, opened
from archiver.storage.runs import (
    DATABASE,
    TABLE_UNIT,
    BackupRecord,
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

_DAMAGED = "database-damaged"
_SEARCH_INDEX = "search-index-"
_OF_ONE_CAUSE = {
    "row-dangling": "rows that are missing",
    "record-unknown": "rows that are missing",
    "cluster-differs": "clusters",
    "sketch-missing": "near-duplicate index",
    "counts-differ": "page counts",
}
"""Kinds of findings that have one cause, with what this cause concerns."""
_NO_CONSEQUENCES = ("removal-unfinished", "file-unknown", "index-alone", "path-strange", "check-impossible")
"""Kinds of findings that are never consequences of a damaged database."""


def find_causes(findings: Iterable[VerifyFinding]) -> list[VerifyFinding]:
    """Returns the findings without those that have the same cause as another one, in their order.

    If the database file is damaged, this explains all findings about its rows and indexes; the finding then has the
    unit DATABASE. All findings about a WARC file have one cause.
    """
    all_findings = list(findings)
    is_damaged = any(finding.kind == _DAMAGED for finding in all_findings)
    groups: dict[object, list[VerifyFinding]] = {}
    for number, one in enumerate(all_findings):
        if one.unit.startswith("warc/"):
            key: object = one.unit
        elif is_damaged and one.kind not in _NO_CONSEQUENCES:
            key = DATABASE
        elif one.kind.startswith(_SEARCH_INDEX):
            key = _SEARCH_INDEX
        else:
            key = _OF_ONE_CAUSE.get(one.kind, number)
        groups.setdefault(key, []).append(one)
    return [_cause_in_database(group) if key == DATABASE else group[0] for key, group in groups.items()]


def _cause_in_database(group: Sequence[VerifyFinding]) -> VerifyFinding:
    damaged = [one for one in group if one.kind == _DAMAGED]
    tables = [one for one in damaged if one.unit.startswith(TABLE_UNIT)]
    main = next((one for one in tables if not one.mend), (tables or damaged)[0])
    more = f", and in {counted_noun(len(tables) - 1, 'more table')}" if len(tables) > 1 else ""
    return replace(
        main,
        subject=main.subject if len(tables) == 1 else DATABASE,
        sentence=f"{main.sentence}{more}",
        unit=DATABASE,
        mend=main.mend if all(one.mend for one in tables) else "",
    )


def as_damage(cause: VerifyFinding) -> Damage:
    """Returns a cause in the form in which the archive stores it."""
    return Damage(cause.unit, cause.kind, cause.subject, cause.sentence, cause.remedy)


# Finding an undamaged backup.


def name_whole_backups(archive: Path, causes: Iterable[VerifyFinding]) -> list[VerifyFinding]:
    """Returns the causes with completed remedies. If the database or a WARC file is damaged and a backup on record is
    undamaged, the remedy names this backup. If a backup's folder cannot be read, the remedy says so.
    """
    found = list(causes)
    if not any(_is_restorable(one) for one in found):
        return found
    records = _read_records(archive)
    return [
        replace(one, remedy=_remedy(archive, one, records)) if records and _is_restorable(one) else one for one in found
    ]


def find_current_damage(archive: Path, seconds: float = 0.5) -> VerifyFinding | None:
    """Returns the damage of an archive's database with its remedy: what the last check recorded, otherwise what reading
    the database for at most `seconds` finds. Returns None if none is known. Raises the errors of `open_archive` for
    other faults than damage.
    """
    sentence, remedy, mend = "", verify_database.RESTORE_BACKUP, ""
    try:
        with opened(archive, read_only=True) as db:
            with time_limit(db, seconds):
                if damage := next(find_database_damage(db), None):
                    sentence = f"{archive.name} is damaged in {damage.phrase}"
                    remedy, mend = (verify_database.REBUILD_DAMAGED, "damaged") if damage.derived else (remedy, "")
            recorded = read_damages(db) if not sentence and has_integrity_records(db) else []
            if known := [one for one in recorded if one.kind == _DAMAGED]:
                return VerifyFinding(_DAMAGED, DATABASE, known[0].sentence, known[0].remedy, unit=DATABASE)
    except (sqlite3.Error, ArchiveDamaged) as error:
        fault = environment_error(error, archive) if isinstance(error, sqlite3.Error) else error
        if not isinstance(fault, ArchiveDamaged):
            raise fault from error
        sentence = sentence or f"{archive.name} is damaged ({error.__cause__ or error})"
    if not sentence:
        return None
    (cause,) = name_whole_backups(archive, [VerifyFinding(_DAMAGED, DATABASE, sentence, remedy, mend, DATABASE)])
    return cause


_RESTORABLE = (
    _DAMAGED,
    "file-missing",
    "file-torn",
    "file-damaged",
    "file-unreadable",
    "file-exchanged",
    "capture-damaged",
    "record-damaged",
    "frame-altered",
)


def _is_restorable(cause: VerifyFinding) -> bool:
    return cause.kind in _RESTORABLE and not cause.mend


def _read_records(archive: Path) -> list[BackupRecord]:
    with suppress(ArchiverError, sqlite3.Error), opened(archive, read_only=True, to_copy=True) as db:
        if has_integrity_records(db):
            return [one for one in read_backups(db) if one.made_at]
    return []


def _remedy(archive: Path, cause: VerifyFinding, records: Sequence[BackupRecord]) -> str:
    away, worthless = [], []
    for record in records:
        file = Path(record.path)
        if not file.exists():
            away.append(f"{record.path} ({record.made_at:%Y-%m-%d})")
        elif cause.unit == DATABASE:
            if made := time_of_whole_backup(file):
                return (
                    f"The backup {file} of {made:%Y-%m-%d %H:%M} UTC is undamaged: 'archiver restore {file} --archive "
                    f"{archive}' puts it in the archive's place."
                )
            worthless.append(record.path)
        elif is_whole_in(archive, file, cause.unit):
            return (
                f"The archive's file is {'missing' if cause.kind == 'file-missing' else 'damaged'}, but the backup's "
                f"is undamaged: put it back with 'archiver restore {file} {cause.unit} --archive {archive}'."
            )
        else:
            worthless.append(record.path)
    parts = [cause.remedy]
    if worthless:
        parts.append(f"The backup in {', '.join(worthless)} has no undamaged copy of it.")
    if away:
        parts.append(f"A backup that cannot be read now may have an undamaged copy: {', '.join(away)}.")
    return " ".join(parts)


def is_whole_in(archive: Path, backup: Path, name: str) -> bool:
    """Returns True if the WARC file `name` exists next to `backup` and matches the rows of `captures` that the archive
    has for it or, if the archive's cannot be read, those of the backup.
    """
    if not (backup.parent / name).is_file():
        return False
    for file in (archive, backup):
        with suppress(ArchiverError, sqlite3.Error), opened(file, read_only=True, to_copy=True) as db:
            if file == archive and find_damage(db):
                continue
            return not find_flaws(db, backup.parent, name, may_be_earlier=True)
    return False


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
        return {name: end for name, (_, end) in read_warc_ends(db).items()}
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
    return _PartCheck(archive, budget, clock).run(progress)


class _PartCheck:
    """A check of a part of an archive."""

    def __init__(self, archive: Path, budget: CheckBudget, clock: Callable[[], float]) -> None:
        self._archive, self._budget, self._clock = archive, budget, clock
        self._started = datetime.now(UTC)
        self._read: list[Unit] = []
        self._found: list[Damage] = []
        self._result = PartResult()

    def run(self, progress: Progress) -> PartResult:
        try:
            lock = lock_check(self._archive)
        except OSError as error:
            raise environment_error(error, self._archive) from error
        with lock:
            return self._run(progress)

    def _run(self, progress: Progress) -> PartResult:
        out = self._result
        number = self._write(lambda db: begin_check(db, "part", self._started))
        files = verify_captures.find_warc_files(self._archive.parent)
        with opened(self._archive, read_only=True) as db:
            units = list_units(db, self._archive.parent, files)
            least = sum(unit.size for unit in units) / self._budget.days
            began = recorded = self._clock()
            for batch in _batches(self._in_order(db, units)):
                now = self._clock()
                if now - began >= self._budget.seconds and out.bytes >= least:
                    break
                if now - recorded >= _RECORD_EVERY:
                    self._record()
                    recorded = now
                progress("the archive", out.units, len(units))
                self._check(db, batch, files)
        out.left = len(units) - out.units
        self._finish(number, units)
        return out

    def _in_order(self, db: Database, units: list[Unit]) -> list[Unit]:
        """Returns the units in the order in which they are checked: first WARC files that are missing or too short,
        then units with known damage, then all others. Units of the same rank are ordered by the time of their last
        check, and begin with those that were never read.
        """
        known, damaged = read_checked_units(db), {one.unit for one in read_damages(db)}
        ends, never = _read_ends(db), datetime.min.replace(tzinfo=UTC)

        def rank(unit: Unit) -> tuple[int, datetime]:
            if unit.is_warc and unit.size < max(ends.get(unit.name, 0), 1):
                return 0, never
            is_known = unit.name in damaged or (DATABASE in damaged and unit.name.startswith(TABLE_UNIT))
            return (1 if is_known else 2), known.get(unit.name, never)

        return sorted(units, key=rank)

    def _check(self, db: Database, batch: list[Unit], files: dict[str, bool]) -> None:
        out = self._result
        with read_transaction(db):
            if batch[0].is_warc:
                findings = self._check_files(db, batch, files)
                out.warc_files += len(batch)
            else:
                findings = self._check_rows(db, batch[0])
        is_known = any(one.unit.startswith(TABLE_UNIT) for one in out.damages)
        read, unit = [*batch], batch[0].name
        if batch[0].is_warc:  # a damaged table kept the files from being compared, and was checked for this
            unit = next((one.unit for one in findings if one.unit.startswith(TABLE_UNIT)), DATABASE)
            read += [Unit(unit, 0)] if unit != DATABASE and not is_known else []
        damages = [
            replace(one, unit=unit) if one.unit == DATABASE or not batch[0].is_warc else one
            for one in map(as_damage, name_whole_backups(self._archive, find_causes(findings)))
            if not (is_known and one.unit == DATABASE and (batch[0].last or batch[0].is_warc))
        ]
        names = {one.name for one in read}
        self._found = [one for one in self._found if one.unit not in names] + damages
        out.damages = [one for one in out.damages if one.unit not in names] + damages
        self._read += read
        out.units += len(batch)
        out.bytes += sum(unit.size for unit in batch)

    def _check_files(self, db: Database, batch: list[Unit], files: dict[str, bool]) -> list[VerifyFinding]:
        names = [unit.name for unit in batch]

        def compare() -> list[VerifyFinding]:
            jobs = verify_captures.make_capture_jobs(db, self._archive.parent, files, names)
            examined = [examine_warc(job) for job in jobs]
            lost = verify_captures.find_lost_originals(db, names=names)
            return self._without_rewritten([*verify_captures.make_findings(db, examined), *lost])

        return check_files(db, self._archive, {name: files[name] for name in names if name in files}, compare)

    def _without_rewritten(self, findings: list[VerifyFinding]) -> list[VerifyFinding]:
        """Returns the findings without those about files that a takedown has replaced since they were listed."""
        if not any(one.kind == _MISSING for one in findings):
            return findings
        with opened(self._archive, read_only=True) as db:
            used = _read_ends(db)
        return [one for one in findings if one.kind != _MISSING or one.unit in used]

    def _check_rows(self, db: Database, unit: Unit) -> list[VerifyFinding]:
        try:
            if unit.name.startswith(TABLE_UNIT):
                return list(verify_database.check_integrity(db, [unit.name.removeprefix(TABLE_UNIT)]))
            ids = verification.ids_between(db, unit.first, unit.last)
            self._result.articles += len(ids)
            return [
                finding
                for at in range(0, len(ids), 100)
                for finding in verification.check_articles(db, ids[at : at + 100])
            ]
        except sqlite3.Error as error:
            return [unreadable(self._archive, unit.name, error)]

    def _record(self) -> None:
        """Stores the results since the last recording in the archive. Does nothing if the archive is locked; the next
        recording then includes them.
        """
        with suppress(ArchiveLocked):
            self._write(self._record_in)
            self._read, self._found = [], []

    def _record_in(self, db: Database) -> None:
        record_checked_units(db, [unit.name for unit in self._read], self._found, datetime.now(UTC))

    def _finish(self, number: int, units: list[Unit]) -> None:
        out = self._result

        def write(db: Database) -> None:
            self._record_in(db)
            known = read_checked_units(db)
            forget_units(db, set(known) - {unit.name for unit in units})
            created = read_creation_time(db) or self._started
            out.covers_since = min(
                (known.get(unit.name) or self._time_of(unit, created) for unit in units), default=self._started
            )
            end_check(
                db,
                number,
                IntegrityCheck(
                    "part",
                    self._started,
                    datetime.now(UTC),
                    out.covers_since,
                    out.articles,
                    out.warc_files,
                    out.bytes,
                    len(out.damages),
                ),
            )

        self._write(write)

    def _time_of(self, unit: Unit, created: datetime) -> datetime:
        """Returns the time that counts as the last check of a unit that was never read. For a WARC file, it is the time
        of the last change; for other units, it is `created`, when the archive was created.
        """
        try:
            changed = (self._archive.parent / unit.name).stat().st_mtime
        except OSError:
            return created
        return max(datetime.fromtimestamp(changed, UTC), created)

    def _write(self, write: Callable[[Database], int | None]) -> int:
        try:
            with opened(self._archive) as db, writing(db, _PATIENCE):
                return write(db) or 0
        except sqlite3.Error as error:
            raise environment_error(error, self._archive) from error


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
    stored = [_with_range(one) for one in damages]
    try:
        with opened(archive, read_only=True) as db:
            if not has_integrity_records(db):
                return "it was written by an earlier version"
            if is_backup(db, archive):
                return ""
            units = list_units(db, archive.parent, verify_captures.find_warc_files(archive.parent))
        with opened(archive) as db, writing(db, _PATIENCE):
            number = begin_check(db, kind, started)
            record_full_check(db, [unit.name for unit in units], stored, started)
            end_check(
                db,
                number,
                IntegrityCheck(
                    kind,
                    started,
                    datetime.now(UTC),
                    started,
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


_ARTICLE_FINDINGS = ("article-altered", "version-altered", "versions-missing", "facets-differ")
"""Kinds of findings about single articles, which the check of a range of articles can find."""


def _with_range(damage: Damage) -> Damage:
    """Returns the damage with its unit set to the range of articles that contains the damaged article, since the next
    check of this range shows whether it is repaired. Damage of another kind is returned unchanged.
    """
    number = re.match(r"article (\d+)", damage.subject)
    if damage.kind not in _ARTICLE_FINDINGS or not number:
        return damage
    first = (int(number[1]) - 1) // _ARTICLES_A_UNIT * _ARTICLES_A_UNIT + 1
    return replace(damage, unit=_range_unit(first))


def _range_unit(first: int) -> str:
    return f"{ARTICLES_UNIT}{first}-{first + _ARTICLES_A_UNIT - 1}"
