"""Backs up an archive while other programs write to it: copies the database with SQLite's backup API, then its WARC
files.

A read transaction keeps the copy consistent. In write-ahead log mode it blocks no writer
(https://www.sqlite.org/wal.html, section 2.2); in any other mode, each commit of another program restarts the copy.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlite_utils import Database

from archiver.errors import ArchiverError, BackupRefused, DiskFull
from archiver.storage.connection import environment_error, free_bytes, open_archive
from archiver.warc.file_maintenance import repair_warc
from archiver.warc.gzip_records import parse_capture, read_record_at
from archiver.warc.writer import index_of, sync_folder

_PAGES = 500
_SIDES = ("-wal", "-shm", "-journal")
Progress = Callable[[str, int, int], None]
"""Called with what is copied, the amount done, and the total."""


@contextmanager
def copy_database(archive: Path, target: Path, progress: Progress, *, force: bool = False) -> Iterator[Database]:
    """Context manager that copies the archive's database and yields the copy, open for reading. When the block ends,
    the copy is moved atomically to `target`. An existing file at `target` must be an earlier backup of the same
    archive, unless `force` is set.

    Raises BackupRefused, DiskFull, and what `open_archive` raises.
    """
    source = open_archive(archive, read_only=True, to_copy=True)
    part = target.with_name(f".{target.name}.partial")
    try:
        _check_target(source, archive, target, force=force)
        _make_folder(target)
        with _lock_target(part, target):
            try:
                _copy(source, part, target, progress)
                copy = Database(part, execute_plugins=False)
                try:
                    yield copy
                finally:
                    copy.close()
                _move_into_place(part, target)
            finally:
                for left in (part, *(part.with_name(part.name + side) for side in _SIDES)):
                    left.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise _convert_error(error, target) from error
    finally:
        source.close()


def _copy(source: Database, part: Path, target: Path, progress: Progress) -> None:
    if source.execute("pragma journal_mode").fetchone()[0] == "wal":
        source.execute("begin")
    size = source.execute("select page_count * page_size from pragma_page_count, pragma_page_size").fetchone()[0]
    source.execute("select count(*) from sqlite_master").fetchone()
    if free_bytes(target) < size:
        raise DiskFull(str(target.parent), free_bytes(target))
    into = sqlite3.connect(part)
    try:
        source.conn.backup(
            into,
            pages=_PAGES,
            sleep=0.01,
            progress=lambda status, left, pages: progress("the database", pages - left, pages),
        )
        if source.conn.in_transaction:
            source.rollback()
        # A single file without a write-ahead log, until it is written to again.
        into.execute("pragma journal_mode = delete")
    finally:
        into.close()


def _move_into_place(part: Path, target: Path) -> None:
    """Syncs the finished copy to disk (fsync(2)) and moves it to `target`."""
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
    _checkpoint_replaced_log(target)
    part.replace(target)
    sync_folder(target.parent)


def _checkpoint_replaced_log(target: Path) -> None:
    """Checkpoints the write-ahead log of the backup that is about to be replaced; SQLite would otherwise apply that log
    to the new copy.
    """
    logs = [file for side in _SIDES if (file := target.with_name(target.name + side)).exists()]
    if not logs:
        return
    with suppress(sqlite3.DatabaseError):  # with --force, any file may be replaced
        old = sqlite3.connect(target)
        old.execute("pragma wal_checkpoint(truncate)").fetchone()
        old.close()
    if any(file.exists() for file in logs):
        raise BackupRefused(str(target), "another program has it open: close that first")


@contextmanager
def _lock_target(part: Path, target: Path) -> Iterator[None]:
    """Context manager that locks `target` against a second backup, and deletes the partial copy that a killed backup
    left.
    """
    path = part.with_name(f"{part.name}.lock")
    try:
        lock = path.open("wb")
    except OSError as error:
        raise BackupRefused(str(target), error.strerror or str(error)) from error
    with lock as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupRefused(str(target), "another backup is being written to it: wait for it to end") from error
        part.unlink(missing_ok=True)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _make_folder(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)


def _check_target(source: Database, archive: Path, target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise BackupRefused(str(target), "it is a folder: name a file in it, such as archive.db")
    if not target.exists():
        return
    if target.samefile(archive):
        raise BackupRefused(str(target), "it is the archive itself")
    if force:
        return
    why = _why_not_backup(source, target)
    if why:
        raise BackupRefused(str(target), f"{why}: name another file, or add --force to overwrite it")


def _why_not_backup(source: Database, target: Path) -> str:
    """Returns why the file at `target` is not an earlier backup of the archive, as a phrase for a message; "" if it is
    one.
    """
    try:
        other = open_archive(target, read_only=True, to_copy=True)
    except ArchiverError:
        return "it is not an archive"
    try:
        if _created_at(other) != _created_at(source):
            return "it is another archive"
        for table in ("runs", "imports", "reextractions"):
            for number, at in other.execute(f"select id, started_at from {table} order by id desc limit 1"):
                if not source.execute(
                    f"select 1 from {table} where id = ? and started_at = ?", [number, at]
                ).fetchone():
                    return "it has newer changes that this archive lacks"
        return ""
    except sqlite3.Error as error:
        return f"it cannot be read ({error})"
    finally:
        other.close()


def _created_at(db: Database) -> object:
    """Returns when an archive's first migration ran, to the microsecond. Only an archive and its copies have the same
    value.
    """
    return db.execute("select applied_at from _sqlite_migrations order by rowid limit 1").fetchone()


def _convert_error(error: OSError | sqlite3.Error, target: Path) -> ArchiverError:
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and free_bytes(target) > 1 << 20:
        return BackupRefused(str(target), error.strerror or str(error))
    return environment_error(error, target)


# Copying the WARC files that a copied database points to.

_CHUNK = 1 << 20


@dataclass(slots=True)
class CopiedFiles:
    """The result of copying an archive's WARC files.

    `files` and `bytes` count what was copied, `kept` the files that the target folder had already; `missing` names
    the files that the archive itself lacks.
    """

    files: int = 0
    bytes: int = 0
    kept: int = 0
    missing: tuple[str, ...] = ()


def copy_warc_files(
    db: Database, archive: Path, target: Path, finished: dict[str, bool], progress: Progress
) -> CopiedFiles:
    """Copies the WARC files that the copied database `db` refers to into the folder of `target`. `finished` has the
    name of each WARC file of the archive, and whether it was complete before the database was copied.

    Raises BackupRefused if the folder has a different file with the same name, and OSError.
    """
    out = CopiedFiles()
    source, folder = archive.parent, target.parent
    known = dict(
        db.execute("select warc_file, max(warc_offset) from captures where warc_file is not null group by 1").fetchall()
    )
    names = sorted({*known, *(name for name, whole in finished.items() if whole)})
    if folder.exists() and source.samefile(folder):
        out.kept = len(names)
        return out
    for number, name in enumerate(names):
        progress("WARC files", number, len(names))
        file, to = _path_within(source, name), _path_within(folder, name)
        if file is None or to is None or not file.exists():
            out.missing += (name,)
        else:
            _copy_warc(file, to, None if finished.get(name, False) else known[name], out)
    _sync_folders(folder, names)
    return out


def _copy_warc(file: Path, to: Path, last: int | None, out: CopiedFiles) -> None:
    """Copies a WARC file and its index to `to`. `last` is the offset of the last exchange to copy, for a file that a
    crawl is still writing; None copies the whole file. Raises BackupRefused if a different file with the same name
    exists.
    """
    with file.open("rb") as handle:
        end = os.fstat(handle.fileno()).st_size if last is None else _find_exchange_end(handle, last)
        size = to.stat().st_size if to.exists() else -1
        if size == end and (index_of(to).exists() or not index_of(file).exists()):
            out.kept += 1
            return
        if size > end or (size > 0 and not _has_same_start(handle, to)):
            raise BackupRefused(
                str(to),
                "a different file with this name exists there: choose another folder",
            )
        to.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(handle, to, end)
    if last is None and index_of(file).exists():
        with index_of(file).open("rb") as index:
            _copy_file(index, index_of(to), os.fstat(index.fileno()).st_size)
    else:
        repair_warc(to, lambda message: None)
    out.files += 1
    out.bytes += end


def find_known_ends(db: Database, folder: Path, finished: dict[str, bool]) -> dict[str, int]:
    """Returns, by name, how many bytes of each WARC file below `folder` belong to a copied database: the whole of a
    finished file, otherwise everything up to the end of the last exchange with a row in `captures`. Missing files
    are left out.
    """
    known = dict(
        db.execute("select warc_file, max(warc_offset) from captures where warc_file is not null group by 1").fetchall()
    )
    out = {}
    for name in {*known, *(name for name, whole in finished.items() if whole)}:
        file = _path_within(folder, name)
        if file is None or not file.exists():
            continue
        with file.open("rb") as handle:
            whole = finished.get(name, False)
            if end := os.fstat(handle.fileno()).st_size if whole else _find_exchange_end(handle, known[name]):
                out[name] = end
    return out


def _path_within(folder: Path, name: str) -> Path | None:
    """Returns the path of a WARC file named in the database, or None if the name leads out of `folder`. Only another
    program would write such a name.
    """
    return None if Path(name).is_absolute() or ".." in Path(name).parts else folder / name


def _find_exchange_end(handle: BinaryIO, offset: int) -> int:
    """Returns the offset at which the exchange whose response starts at `offset` ends, with its request and metadata
    records; 0 if no record starts there.
    """
    end = offset
    while (member := read_record_at(handle, end)) is not None and (end == offset or parse_capture(member, "") is None):
        end += member.length
    return end if end > offset else 0


def _has_same_start(handle: BinaryIO, other: Path) -> bool:
    """Return True if `other` starts with the same bytes as the open file. The first record of a WARC file has the
    file's name, so the start identifies the file.
    """
    handle.seek(0)
    with other.open("rb") as existing:
        head = existing.read(_CHUNK)
        return head == handle.read(len(head))


def _copy_file(handle: BinaryIO, to: Path, end: int) -> None:
    """Copies the first `end` bytes of an open file to a temporary file, then moves that to `to`."""
    part = to.with_name(f".{to.name}.partial")
    handle.seek(0)
    try:
        with part.open("wb") as into:
            left = end
            while left and (data := handle.read(min(_CHUNK, left))):
                into.write(data)
                left -= len(data)
            into.flush()
            os.fsync(into.fileno())
        shutil.copystat(handle.name, part)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _sync_folders(folder: Path, names: Iterable[str]) -> None:
    for parent in sorted({(folder / name).parent for name in names}):
        if parent.is_dir():
            sync_folder(parent)
