"""The generations of a backup. The newest has the name that the user gave (archive.db); each earlier one has that name
with the time at which it was made (archive-2026-05-12-030000.db).

All are complete archives in one folder and share its WARC files.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import ArchiverError
from archiver.maintenance.database_damage import find_damage
from archiver.storage.archive_opening_and_transactions import open_archive
from archiver.storage.backup_and_check_records import has_integrity_records, read_backups
from archiver.warc.warc_and_cdxj_writer import sync_folder

SIDES = ("-wal", "-shm", "-journal")
"""The suffixes of the files that SQLite keeps next to a database."""
_TIME = "%Y-%m-%d-%H%M%S"


@dataclass(frozen=True, slots=True)
class Generation:
    """A file that is a backup of an archive. `made_at` is the time of the backup. `damage` describes what is damaged in
    the file; "" if the check found no damage.
    """

    path: Path
    made_at: datetime
    damage: str = ""


def earlier_files(target: Path) -> list[Path]:
    """Returns the files in the folder of `target` whose names are those of earlier generations, newest first. The
    content of the files is not checked.
    """
    name = re.compile(rf"{re.escape(target.stem)}-\d{{4}}-\d\d-\d\d-\d{{6}}(-\d+)?{re.escape(target.suffix)}")
    try:
        files = [file for file in target.parent.iterdir() if name.fullmatch(file.name) and file.is_file()]
    except OSError:
        return []
    return sorted(files, key=lambda file: file.stem, reverse=True)


def find_generations(target: Path, source: Database | None = None) -> Iterator[Generation]:
    """Yields the generations of the backup `target`, newest first. Each is checked for damage before it is yielded.
    Files that are not archives are left out. If `source` is given, files that are not backups of this archive are left
    out, too.
    """
    for file in (target, *earlier_files(target)):
        if (found := inspect_generation(file, source)) is not None:
            yield found


def inspect_generation(file: Path, source: Database | None = None) -> Generation | None:
    """Checks the database of a file for damage and returns the file as a generation. Returns None if the file is not an
    archive or, if `source` is given, not a backup of this archive. A file that cannot be checked counts as damaged.
    """
    try:
        db = open_archive(file, read_only=True, to_copy=True)
    except (ArchiverError, OSError):
        return None
    try:
        with suppress(sqlite3.Error):
            if source is not None and archive_id(db) != archive_id(source):
                return None
        return Generation(file, made_at(db, file), find_damage(db))
    except sqlite3.Error as error:
        return Generation(file, datetime.fromtimestamp(file.stat().st_mtime, UTC), f"it cannot be read: {error}")
    finally:
        db.close()


def is_backup(db: Database, file: Path) -> bool:
    """Returns True if the archive `db` says of itself that it is a backup that was made at the path of `file`."""
    own = file.resolve()
    targets = [Path(one.path) for one in read_backups(db)]
    return any(own == target or own in earlier_files(target) for target in targets if target.parent == own.parent)


def archive_id(db: Database) -> object:
    """Returns a value that only an archive and its copies share: the time at which the archive's first migration ran,
    to the microsecond.
    """
    return db.execute("select applied_at from _sqlite_migrations order by rowid limit 1").fetchone()


def made_at(db: Database, file: Path) -> datetime:
    """Returns when a backup was made, according to a record in it. If it has no such record, returns when its file was
    last written.
    """
    with suppress(sqlite3.Error):
        if has_integrity_records(db):
            times = [one.made_at for one in read_backups(db) if one.made_at]
            if times:
                return times[0]
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def dated_path(target: Path, at: datetime) -> Path:
    """Returns the path of the generation of `target` that was made at this time."""
    return target.with_name(f"{target.stem}-{at.astimezone(UTC).strftime(_TIME)}{target.suffix}")


def keep_as_earlier(target: Path, at: datetime) -> Path:
    """Keeps the backup at `target` as an earlier generation, by giving its file the name of a generation that was made
    at `at`. Returns the path with this name.

    On a disk with hard links the file also keeps its old name, so that `target` exists at any time. On other disks it
    is renamed.
    """
    dated = dated_path(target, at)
    number = 1
    while dated.exists() and not dated.samefile(target):
        number += 1
        dated = dated_path(target, at).with_stem(f"{dated_path(target, at).stem}-{number}")
    if not dated.exists():
        try:
            os.link(target, dated)
        except OSError:
            target.rename(dated)
    sync_folder(target.parent)
    return dated


def prune(target: Path, source: Database, keep: int) -> tuple[list[Path], list[Generation]]:
    """Deletes old generations of the backup `target`, so that at most `keep` remain, including `target` itself. Returns
    the deleted files, and the damaged generations.

    Only undamaged backups of the archive `source` are counted and deleted. Damaged generations are kept for a person to
    examine.
    """
    files = earlier_files(target)
    if len(files) < keep:
        return [], []
    deleted, damaged, whole = [], [], 1
    for file in files:
        found = None if file.samefile(target) else inspect_generation(file, source)
        if found is None:
            continue
        if found.damage:
            damaged.append(found)
            continue
        whole += 1
        if whole > keep:
            delete_database(file)
            deleted.append(file)
    return deleted, damaged


def delete_database(file: Path) -> None:
    """Deletes a database with the files that SQLite keeps next to it."""
    file.unlink(missing_ok=True)
    for side in SIDES:
        file.with_name(file.name + side).unlink(missing_ok=True)
