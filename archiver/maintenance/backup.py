"""The database of an archive copied while others write it, by SQLite's backup interface.

The copy is of one moment: a read transaction holds it, which in a database with a write-ahead log keeps nobody from
writing (https://www.sqlite.org/wal.html, section 2.2). Without that transaction every commit of another program would
begin the copy anew.
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
from archiver.storage.connection import fault_of, free_bytes, open_archive
from archiver.warc.gzip_records import capture_of, record_at
from archiver.warc.warc_files import repair_warc
from archiver.warc.writer import index_of, sync_folder

_PAGES = 500
_SIDES = ("-wal", "-shm", "-journal")
Progress = Callable[[str, int, int], None]
"""What is copied, how much of it is done, and how much it is."""


@contextmanager
def copying(archive: Path, target: Path, progress: Progress, *, force: bool = False) -> Iterator[Database]:
    """A copy of the archive as it is now, open to be read, which takes its place at `target` at the end of the block:
    whole or not at all. What stands there until then must be an earlier backup of the archive, but with `force`.

    Raises BackupRefused, DiskFull, and what `open_archive` does.
    """
    source = open_archive(archive, read_only=True)
    part = target.with_name(f".{target.name}.partial")
    try:
        _refuse(source, archive, target, force=force)
        _make_folder(target)
        with _alone(part, target):
            try:
                _copy(source, part, target, progress)
                copy = Database(part)
                try:
                    yield copy
                finally:
                    copy.close()
                _put(part, target)
            finally:
                for left in (part, *(part.with_name(part.name + side) for side in _SIDES)):
                    left.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise _fault(error, target) from error
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
        # One file, without a log beside it, until it is written to again.
        into.execute("pragma journal_mode = delete")
    finally:
        into.close()


def _put(part: Path, target: Path) -> None:
    """The copy in its place, on the disk before its name is (fsync(2))."""
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
    _close_log(target)
    part.replace(target)
    sync_folder(target.parent)


def _close_log(target: Path) -> None:
    """A log beside what is replaced would be taken for one of the copy: what it holds goes into its own database."""
    logs = [file for side in _SIDES if (file := target.with_name(target.name + side)).exists()]
    if not logs:
        return
    with suppress(sqlite3.DatabaseError):  # what is written over with --force may be anything
        old = sqlite3.connect(target)
        old.execute("pragma wal_checkpoint(truncate)").fetchone()
        old.close()
    if any(file.exists() for file in logs):
        raise BackupRefused(str(target), "another program has it open: close it there")


@contextmanager
def _alone(part: Path, target: Path) -> Iterator[None]:
    """One backup into a file at a time. What one that was killed left is written over."""
    path = part.with_name(f"{part.name}.lock")
    try:
        lock = path.open("wb")
    except OSError as error:
        raise BackupRefused(str(target), error.strerror or str(error)) from error
    with lock as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupRefused(str(target), "another backup is being written to it: let that end") from error
        part.unlink(missing_ok=True)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _make_folder(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)


def _refuse(source: Database, archive: Path, target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise BackupRefused(str(target), "it is a folder: name a file in it, archive.db for one")
    if not target.exists():
        return
    if target.samefile(archive):
        raise BackupRefused(str(target), "it is the archive itself")
    if force:
        return
    why = _no_backup(source, target)
    if why:
        raise BackupRefused(str(target), f"{why}: name another file, or add --force to write over it")


def _no_backup(source: Database, target: Path) -> str:
    """Why what stands at `target` is no earlier state of the archive; "" where it is one."""
    try:
        other = open_archive(target, read_only=True)
    except ArchiverError:
        return "it is no archive"
    try:
        if _born(other) != _born(source):
            return "it is another archive"
        for table in ("runs", "imports", "reextractions"):
            for number, at in other.execute(f"select id, started_at from {table} order by id desc limit 1"):
                if not source.execute(
                    f"select 1 from {table} where id = ? and started_at = ?", [number, at]
                ).fetchone():
                    return "what was done there last is not in this archive"
        return ""
    except sqlite3.Error as error:
        return f"it cannot be read ({error})"
    finally:
        other.close()


def _born(db: Database) -> object:
    """When the first step of its schema was made, to the microsecond: no two archives share it but by a copy."""
    return db.execute("select applied_at from _sqlite_migrations order by rowid limit 1").fetchone()


def _fault(error: OSError | sqlite3.Error, target: Path) -> ArchiverError:
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and free_bytes(target) > 1 << 20:
        return BackupRefused(str(target), error.strerror or str(error))
    return fault_of(error, target)


# The WARC files that a copied database points to, beside it as they lie beside the archive.

_CHUNK = 1 << 20


@dataclass(slots=True)
class Copied:
    """`files` and `bytes` that were copied, `kept` files that were there already; `missing` those that the archive
    itself does not have."""

    files: int = 0
    bytes: int = 0
    kept: int = 0
    missing: tuple[str, ...] = ()


def copy_captures(db: Database, archive: Path, target: Path, finished: dict[str, bool], progress: Progress) -> Copied:
    """Copy what the rows of `db` (the copied database) point to from beside the archive to beside `target`. `finished`:
    the archive's files and whether each was finished before the database was copied.

    Raises BackupRefused where another file of a name stands there, OSError.
    """
    out = Copied()
    source, beside = archive.parent, target.parent
    known = dict(
        db.execute("select warc_file, max(warc_offset) from captures where warc_file is not null group by 1").fetchall()
    )
    names = sorted({*known, *(name for name, whole in finished.items() if whole)})
    if beside.exists() and source.samefile(beside):
        out.kept = len(names)
        return out
    for number, name in enumerate(names):
        progress("WARC files", number, len(names))
        file, to = _within(source, name), _within(beside, name)
        if file is None or to is None or not file.exists():
            out.missing += (name,)
        else:
            _copy_warc(file, to, None if finished.get(name, False) else known[name], out)
    _sync(beside, names)
    return out


def _copy_warc(file: Path, to: Path, last: int | None, out: Copied) -> None:
    """Copy a WARC file with its index. One that is still written is copied up to the exchange at the offset `last`; of
    a finished one (None) all is copied. Raises BackupRefused where another file of the name is there."""
    with file.open("rb") as handle:
        end = os.fstat(handle.fileno()).st_size if last is None else _known_end(handle, last)
        size = to.stat().st_size if to.exists() else -1
        if size == end and (index_of(to).exists() or not index_of(file).exists()):
            out.kept += 1
            return
        if size > end or (size > 0 and not _begins_alike(handle, to)):
            raise BackupRefused(
                str(to),
                "a file of this name that is no copy of the archive's stands there: name a file in another folder",
            )
        to.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(handle, to, end)
    if last is None and index_of(file).exists():
        with index_of(file).open("rb") as index:
            _copy_file(index, index_of(to), os.fstat(index.fileno()).st_size)
    else:
        repair_warc(to, lambda told: None)
    out.files += 1
    out.bytes += end


def known_ends(db: Database, folder: Path, finished: dict[str, bool]) -> dict[str, int]:
    """How much of each WARC file below `folder` a copied database knows of: finished files whole, the others up to the
    end of the last exchange that it has a row of. Files that are missing are left out."""
    known = dict(
        db.execute("select warc_file, max(warc_offset) from captures where warc_file is not null group by 1").fetchall()
    )
    out = {}
    for name in {*known, *(name for name, whole in finished.items() if whole)}:
        file = _within(folder, name)
        if file is None or not file.exists():
            continue
        with file.open("rb") as handle:
            whole = finished.get(name, False)
            if end := os.fstat(handle.fileno()).st_size if whole else _known_end(handle, known[name]):
                out[name] = end
    return out


def _within(folder: Path, name: str) -> Path | None:
    """The file of a row; None for a path that leads out of the folder, which another program wrote."""
    return None if Path(name).is_absolute() or ".." in Path(name).parts else folder / name


def _known_end(handle: BinaryIO, offset: int) -> int:
    """Where the exchange whose response is at `offset` ends: request and metadata lie behind it. 0 where none does."""
    end = offset
    while (member := record_at(handle, end)) is not None and (end == offset or capture_of(member, "") is None):
        end += member.length
    return end if end > offset else 0


def _begins_alike(handle: BinaryIO, other: Path) -> bool:
    """Whether a file that is there is the beginning of the archive's, by its first record, which has its name."""
    handle.seek(0)
    with other.open("rb") as there:
        head = there.read(_CHUNK)
        return head == handle.read(len(head))


def _copy_file(handle: BinaryIO, to: Path, end: int) -> None:
    """The first `end` bytes under a name of their own, and then in their place."""
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


def _sync(beside: Path, names: Iterable[str]) -> None:
    for folder in sorted({(beside / name).parent for name in names}):
        if folder.is_dir():
            sync_folder(folder)
