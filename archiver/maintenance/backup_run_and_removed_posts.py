"""Makes a backup from start to end, and finds the backups that still hold posts which were removed from the archive.

A backup copies the archive, keeps earlier generations, deletes on request the backup files that hold removed posts, and
records the result in the archive.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import ArchiverError, BackupRefused
from archiver.maintenance.backup_files_and_generations import (
    CopiedFiles,
    Generation,
    Progress,
    archive_id,
    copy_database,
    copy_warc_files,
    delete_database,
    earlier_files,
    made_at,
    prune,
)
from archiver.maintenance.verify_warc_files_and_captures import find_warc_files
from archiver.storage.archive_opening_and_transactions import environment_error, is_writable, opened, writing
from archiver.storage.backup_and_check_records import (
    BackupRecord,
    count_posts_removed_since,
    has_integrity_records,
    read_backups,
    record_backup,
    record_failed_backup,
)
from archiver.storage.tombstones import tombstones
from archiver.warc.warc_and_cdxj_writer import NAME
from archiver.warc.warc_repair_rewriting_and_digests import delete_warc

KEEP = 3
"""At most this many generations are kept unless the user asks for another number."""
_PATIENCE = 20.0
"""How many seconds to wait for the end of another program's transaction, before the result of a backup is given up
unrecorded."""


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """The target and the options of a backup.

    - `captures`: True if WARC files are copied, too.
    - `force`: True if any file may be overwritten.
    - `keep`: the number of generations to keep.
    - `purge`: True if backup files that hold removed posts are deleted. If the backup includes WARC files, `captures`
      must then be True as well.
    """

    target: Path
    captures: bool = False
    force: bool = False
    keep: int = KEEP
    purge: bool = False


@dataclass(slots=True)
class BackupResult:
    """The result of a backup.

    - `deleted`: earlier generations that were deleted.
    - `damaged`: earlier generations that are damaged and therefore not counted.
    - `purged`: WARC files that were deleted because they may hold removed posts.
    - `still_held`: the number of removed posts that other files in the backup's folder may still hold.
    - `unrecorded`: the reason why the backup could not be recorded in the archive; "" if it was recorded.
    - `lost`: if the file of the last backup at this path is no longer there, the time at which that backup was made;
      otherwise None.
    """

    articles: int = 0
    bytes: int = 0
    copied: CopiedFiles = field(default_factory=CopiedFiles)
    deleted: list[Path] = field(default_factory=list)
    damaged: list[Generation] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)
    still_held: int = 0
    unrecorded: str = ""
    lost: datetime | None = None


def make_backup(archive: Path, request: BackupRequest, progress: Progress) -> BackupResult:
    """Backs up an archive, and returns the result. Raises BackupDamaged, BackupRefused, BackupDiskFull, OSError, and
    the errors of `open_archive`. After an error, the last backup is still at its path.
    """
    out, at = BackupResult(), datetime.now(UTC)
    target = request.target
    finished = find_warc_files(archive.parent) if request.captures or request.purge else {}
    was_there = target.exists()
    try:
        with copy_database(archive, target, progress, force=request.force, keep=request.keep) as copy:
            out.articles = copy.execute("select count(*) from articles").fetchone()[0]
            if request.captures:
                out.copied = copy_warc_files(copy, archive, target, finished, progress)
            out.lost = None if was_there else _find_recorded(copy, target)
            made = BackupRecord(str(target.resolve()), at, out.articles, _size(copy), request.captures, at)
            if has_integrity_records(copy):
                with writing(copy):
                    record_backup(copy, made)
    except ArchiverError as error:
        _record_failure(archive, target, error)
        raise
    out.bytes = target.stat().st_size
    with opened(archive, read_only=True, to_copy=True) as db:
        if request.purge:
            out.deleted += _delete_generations_with_removed(db, target)
            out.purged = _delete_orphaned_warcs(db, archive, target)
        more, out.damaged = prune(target, db, request.keep)
        out.deleted += more
        out.still_held = _count_held(db, made, request)
    out.unrecorded = _record(archive, made, request)
    return out


def _find_recorded(db: Database, target: Path) -> datetime | None:
    """Returns when the last backup at this path was made, according to the archive's record; None if there is no
    record.
    """
    path = str(target.resolve())
    records = read_backups(db) if has_integrity_records(db) else []
    return next((one.made_at for one in records if one.path == path), None)


def has_warc_copies(archive: Path, target: Path) -> bool:
    """Returns True if the folder of a backup contains copies of WARC files. If such a backup is purged, copies of WARC
    files that the archive has replaced are deleted, so the new files must be copied, too.
    """
    folder = target.parent
    if not folder.is_dir() or folder.samefile(archive.parent):
        return False
    return any((folder / "warc").glob("*.warc.gz"))


def _size(db: Database) -> int:
    pages, size = (db.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * size)


# Deleting backup files that hold posts which were removed from the archive.


def holds_removed_posts(file: Path, db: Database) -> bool:
    """Returns True if the archive in `file` still contains a post, or captures of a post, that was removed from the
    archive `db`.
    """
    removed = tombstones(db, "allowed_at is null")
    urls = [row[0] for row in db.execute("select url from tombstone_urls")]
    with suppress(ArchiverError, sqlite3.Error), opened(file, read_only=True, to_copy=True) as other:
        return bool(
            other.execute(
                "select exists (select 1 from articles where id in (select value from json_each(?))) or exists "
                "(select 1 from captures where url in (select value from json_each(?)))",
                [json.dumps([one.article_id for one in removed]), json.dumps(urls)],
            ).fetchone()[0]
        )
    return True  # a file that cannot be read may hold removed posts


def _delete_generations_with_removed(db: Database, target: Path) -> list[Path]:
    """Deletes the earlier generations of a backup that hold posts which were removed from the archive `db`."""
    deleted = []
    for file in earlier_files(target):
        if _is_backup_of(file, db) and holds_removed_posts(file, db):
            delete_database(file)
            deleted.append(file)
    return deleted


def _is_backup_of(file: Path, db: Database) -> bool:
    try:
        with opened(file, read_only=True, to_copy=True) as other:
            return archive_id(other) == archive_id(db)
    except (ArchiverError, sqlite3.Error):
        return False


def _delete_orphaned_warcs(db: Database, archive: Path, target: Path) -> list[str]:
    """Deletes WARC files in the folder of a backup that nothing refers to any longer: neither the archive, which has
    replaced them when it removed posts, nor any backup in the folder. Returns the names of the deleted files.
    """
    folder = target.parent
    if not (folder / "warc").is_dir() or folder.samefile(archive.parent):
        return []
    used = _read_warc_names([db], ())
    used |= _read_warc_names((), [file for file in sorted(folder.iterdir()) if file.is_file()])
    deleted = []
    for file in sorted((folder / "warc").glob("*.warc.gz")):
        name = f"warc/{file.name}"
        if name not in used and NAME.fullmatch(file.name) and not (archive.parent / name).exists():
            delete_warc(file)
            deleted.append(name)
    return deleted


def _read_warc_names(dbs: Iterable[Database], files: Iterable[Path]) -> set[str]:
    """Returns the names of the WARC files that these archives refer to. Files that are not archives or cannot be read
    are left out.
    """
    found: set[str] = set()
    query = "select distinct warc_file from captures where warc_file is not null"
    for db in dbs:
        found |= {row[0] for row in db.execute(query)}
    for file in files:
        with suppress(ArchiverError, sqlite3.Error), opened(file, read_only=True, to_copy=True) as other:
            found |= {row[0] for row in other.execute(query)}
    return found


def _count_held(db: Database, made: BackupRecord, request: BackupRequest) -> int:
    """Returns how many removed posts may still be held by files in the folder of a backup, apart from the backup
    itself.
    """
    if not has_integrity_records(db) or request.purge:
        return 0
    return count_posts_removed_since(db, _holds_since(db, made, request))


def _holds_since(db: Database, made: BackupRecord, request: BackupRequest) -> datetime | None:
    """Returns the time of the oldest content in the folder of a new backup, `made`; None if it is unknown. The files in
    the folder may hold any post that was removed from the archive after this time.

    It is the time of the oldest generation. If WARC files are copied, it is the time of the first backup with WARC
    files, because these files are kept.
    """
    if request.purge:
        return made.made_at
    known = next((one for one in read_backups(db) if one.path == made.path and one.made_at), None)
    if known is not None and (known.captures or made.captures):
        return known.holds_since
    times = [at for file in earlier_files(request.target) if (at := _time_of(file))]
    return min(times, default=made.made_at)


def _time_of(file: Path) -> datetime | None:
    with suppress(ArchiverError, sqlite3.Error), opened(file, read_only=True, to_copy=True) as db:
        return made_at(db, file)
    return None


# Recording the result in the archive.


def _record(archive: Path, made: BackupRecord, request: BackupRequest) -> str:
    """Stores the record of a backup in the archive. Returns the reason if that was not possible, otherwise ""."""
    return _write(archive, lambda db: record_backup(db, replace(made, holds_since=_holds_since(db, made, request))))


def _record_failure(archive: Path, target: Path, error: ArchiverError) -> None:
    """Stores in the archive why a backup failed. Stores nothing if the path was refused and was never used for a
    backup, since it was probably mistyped.
    """
    path = str(target.resolve())

    def write(db: Database) -> None:
        if not isinstance(error, BackupRefused) or any(one.path == path for one in read_backups(db)):
            record_failed_backup(db, path, datetime.now(UTC), str(error))

    _write(archive, write)


def _write(archive: Path, write: Callable[[Database], None]) -> str:
    """Runs `write` in a write transaction of the archive, without migrating it. Returns the reason if that was not
    possible, otherwise "".
    """
    if not (is_writable(archive) and is_writable(archive.parent)):
        return "it cannot be written here"
    try:
        with opened(archive, read_only=True, to_copy=True) as db:
            if not has_integrity_records(db):
                return "it was written by an earlier version"
        with opened(archive) as db, writing(db, _PATIENCE):
            write(db)
    except ArchiverError as error:
        return str(error)
    except (sqlite3.Error, OSError) as error:
        return str(environment_error(error, archive))
    return ""


@dataclass(frozen=True, slots=True)
class Holder:
    """A backup, or another copy of the archive in the archive's own folder, that holds or may hold posts that were
    removed from the archive.

    - `path`: the path of the backup or of the copy.
    - `files`: those of its files that hold removed posts, as far as they can be read.
    - `is_readable`: False if it cannot be read now.
    - `advice`: the command or action that removes the posts from it.
    """

    path: str
    files: tuple[str, ...]
    is_readable: bool
    advice: str


def find_holders(archive: Path) -> list[Holder]:
    """Returns the recorded backups, and the copies of the archive in its own folder, that hold or may hold posts which
    were removed from the archive. Raises the errors of `open_archive`.
    """
    return [*_find_backups(archive), *_find_copies(archive)]


def _find_backups(archive: Path) -> Iterator[Holder]:
    with opened(archive, read_only=True, to_copy=True) as db:
        for record in read_backups(db) if has_integrity_records(db) else ():
            if not record.made_at or not count_posts_removed_since(db, record.holds_since):
                continue
            file = Path(record.path)
            captures = " --captures" if record.captures else ""
            command = f"archiver backup {file}{captures} --purge --archive {archive}"
            if not file.exists():
                yield Holder(record.path, (), False, command)
                continue
            found = [str(one) for one in (file, *earlier_files(file)) if holds_removed_posts(one, db)]
            if captures:
                found.append(str(file.parent / "warc"))
            if found:
                yield Holder(record.path, tuple(found), True, command)


def _find_copies(archive: Path) -> Iterator[Holder]:
    """Yields the other copies of the archive in its folder, such as an archive that `archiver restore` has replaced."""
    with opened(archive, read_only=True, to_copy=True) as db:
        for file in sorted(archive.parent.glob(f"*{archive.suffix}")):
            if not file.is_file() or file.samefile(archive):
                continue
            with suppress(ArchiverError, sqlite3.Error, OSError):
                with opened(file, read_only=True, to_copy=True) as other:
                    is_copy = archive_id(other) == archive_id(db)
                if is_copy and holds_removed_posts(file, db):
                    yield Holder(str(file), (str(file),), True, f"delete {file}")
