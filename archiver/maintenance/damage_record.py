"""Records the damage that checks of the archive find, and names the backup that may mend it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from archiver.maintenance import verify_database
from archiver.maintenance.database_damage import find_database_damage, time_limit
from archiver.maintenance.verification import VerifyResult
from archiver.maintenance.verify_captures import find_warc_files
from archiver.maintenance.verify_database import DAMAGED, VerifyFinding
from archiver.model.errors import ArchiveDamaged, ArchiveLocked, ArchiverError
from archiver.storage import Database
from archiver.storage.database import is_writable, opened
from archiver.storage.runs import (
    DATABASE,
    TABLE_UNIT,
    Damage,
    IntegrityCheck,
    begin_check,
    end_check,
    has_integrity_records,
    read_backups,
    read_damages,
    record_full_check,
)
from archiver.storage.transactions import environment_error, writing

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
        if one.kind != _UNFINISHED:
            key = one.unit or f"{one.kind} {one.subject}"
            out.setdefault(key, Damage(one.unit, one.kind, one.subject, one.sentence, one.remedy))
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


_PATIENCE = 20.0
"""How many seconds to wait for the end of another program's transaction, before the recording of results is given up.
"""


def store_start(archive: Path, at: datetime) -> int:
    """Records that a check of the whole archive has begun, and returns its ID. Raises ArchiverError."""
    return _write(archive, lambda db: begin_check(db, "verify", at))


def store_result(archive: Path, found: VerifyResult, started: datetime, number: int | None = None) -> list[Damage]:
    """Records the result of a check of the whole archive that began at `started`, and returns the damage. `number` is
    the ID of its start; None if that was not recorded. Raises ArchiverError and OSError.
    """
    damages = list_damages(found.findings)
    files = (archive.parent / name for name in find_warc_files(archive.parent))
    size = sum(file.stat().st_size for file in (archive, *files) if file.exists())
    covers_since = None if found.is_cut_short else started

    def write(db: Database) -> int:
        own = begin_check(db, "verify", started) if number is None else number
        record_full_check(db, (), damages, started)
        done = datetime.now(UTC)
        result = (covers_since, found.articles, found.files, size, len(damages))
        end_check(db, own, IntegrityCheck("verify", started, done, *result))
        return own

    _write(archive, write)
    return damages


def record_verification(archive: Path, found: VerifyResult, started: datetime) -> str:
    """Records the result of a verification that a person has run. Returns the reason if that was not possible,
    otherwise "". Writes nothing to a backup.
    """
    if not (is_writable(archive) and is_writable(archive.parent)):
        return "it cannot be written here"
    try:
        with opened(archive, read_only=True) as db:
            if not has_integrity_records(db):
                return "it was written by an earlier version"
            if any(one.path == str(archive.resolve()) for one in read_backups(db)):
                return ""
        store_result(archive, found, started)
    except (ArchiveLocked, ArchiveDamaged) as error:
        return str(error)
    except (sqlite3.Error, OSError) as error:
        return str(environment_error(error, archive))
    return ""


def _write(archive: Path, write: Callable[[Database], int]) -> int:
    try:
        with opened(archive) as db, writing(db, _PATIENCE):
            return write(db)
    except sqlite3.Error as error:
        raise environment_error(error, archive) from error
