"""Write transactions, which wait for other programs, read transactions, and the file locks of an archive: per site, per
host, for the scheduler, for notifications and for the entire archive.

Each lock is a hidden file next to the archive and contains the ID of the process that holds it. The files of sites and
hosts are deleted when they are released, so that they do not pile up. A process that takes such a lock then checks that
the file still has its name. Otherwise two processes could hold the same lock, one of them on a deleted file.

Two files are never deleted. Every holder of the lock of a site or host, and every reader, also holds a shared lock on
`.access`. A program that needs exclusive access to the archive locks this file exclusively. Readers take a shared lock
on `.readers`, and then look for the locks of writers. A writer takes its own lock, and then checks that nobody holds
`.readers`. So if a reader and a writer start at the same time, at least one of them notices the other.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

from archiver.model.errors import (
    ArchiveDamaged,
    ArchiveInUse,
    ArchiveLocked,
    ArchiveMoved,
    ArchiveNotWritable,
    ArchiverError,
    DiskFull,
    FileInTheWay,
    HostInUse,
    SchedulerAlreadyRunning,
)
from archiver.storage import Database
from archiver.storage.field_evidence import forget_evidence_kinds

BUSY_SECONDS = 30.0
PATIENCE = 60.0
"""The number of seconds for which a crawl waits for another program to release the database before it gives up."""


_RETRY_SECONDS = 0.25


_RETRY_SOON = f"PRAGMA busy_timeout = {int(_RETRY_SECONDS * 1000)}"


_RETRY_LONG = f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}"


_NOTICE_AFTER = 2.0


notice = logging.getLogger("archiver.notice")


_SHUTDOWN_PATIENCE = 3.0
"""Once the program is shutting down, it waits for locks for at most this many seconds in total. Crawls that end
together write their last pages one after another."""


_deadline: list[float] = []


def stop_waiting_for_locks() -> None:
    """Limits how long this process still waits for database locks, because it is shutting down."""
    if not _deadline:
        _deadline.append(time.monotonic() + _SHUTDOWN_PATIENCE)


@contextmanager
def writing(db: Database, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Runs the block in a write transaction, or in a savepoint if a transaction is open; commits it at the end, rolls
    it back on an error.

    Raises ArchiveLocked if another program holds the lock for longer than `patience` seconds, which `clock` measures.
    The lock is taken at the beginning (BEGIN IMMEDIATE), because a transaction that reads first cannot continue once
    another program has written, however long it waits.
    """
    if db.conn.in_transaction:
        try:
            with db.atomic():
                yield
        except BaseException:
            forget_evidence_kinds(db)
            raise
        return
    _begin_immediate(db, patience, clock)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        forget_evidence_kinds(db)
        raise


def _begin_immediate(db: Database, patience: float, clock: Callable[[], float]) -> None:
    begun, notified = clock(), False
    db.conn.execute(_RETRY_SOON)
    try:
        while True:
            try:
                db.conn.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                waited = clock() - begun
                locked = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not locked:
                    raise
                if waited >= patience or (_deadline and time.monotonic() >= _deadline[0]):
                    raise ArchiveLocked(display_path(db), waited) from error
                if waited >= _NOTICE_AFTER and not notified:
                    notified = True
                    notice.warning(
                        "%s is locked by another program; this one waits for up to %.0f seconds",
                        display_path(db),
                        patience,
                    )
    finally:
        db.conn.execute(_RETRY_LONG)


def display_path(db: Database) -> str:
    """Returns the path of a database for messages. If the database is inside the working directory, the path is
    relative to that directory.
    """
    path = Path(next((row[2] for row in db.execute("PRAGMA database_list")), ""))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def path_of(db: Database) -> Path:
    """Returns the path of an open archive."""
    return Path(db.execute("select file from pragma_database_list where name = 'main'").fetchone()[0])


@contextmanager
def read_transaction(db: Database) -> Iterator[None]:
    """Context manager that holds a read transaction, so that all reads in the block see the same state of the
    database.
    """
    db.execute("begin")
    db.execute("select count(*) from sqlite_master").fetchone()
    try:
        yield
    finally:
        if db.conn.in_transaction:
            db.rollback()


FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# bytes; if less space is free, an I/O error is taken for a full disk, since SQLite may report it in this way
_NEARLY_FULL = 256 * 1024
_PRIMARY = 0xFF
_ENVIRONMENT_CODES = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_AUTH,
}


def is_environment_error(error: BaseException) -> bool:
    """Returns True if an error was caused by the disk or the database and not by the data to be written."""
    if isinstance(error, sqlite3.Error):
        return _error_code(error) & _PRIMARY in _ENVIRONMENT_CODES
    return isinstance(error, OSError | ArchiverError)


def environment_error(error: sqlite3.Error | OSError, archive: Path) -> ArchiverError:
    """Translates an error of the disk or the database into an ArchiverError. `archive` is the file of the archive that
    was being read or written.
    """
    if isinstance(error, OSError):
        subject = str(error.filename or archive.parent)
        if error.errno in FULL_ERRORS:
            return DiskFull(str(archive.parent), free_bytes(archive))
        if in_the_way := file_in_the_way(archive):
            return FileInTheWay(str(archive), str(in_the_way))
        if isinstance(error, FileNotFoundError):
            return ArchiveMoved(subject)
        return ArchiveNotWritable(subject, error.strerror or str(error))
    kind = _error_code(error) & _PRIMARY
    if kind == sqlite3.SQLITE_FULL or (
        kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and free_bytes(archive) < _NEARLY_FULL
    ):
        return DiskFull(str(archive.parent), free_bytes(archive))
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ArchiveLocked(str(archive))
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return ArchiveDamaged(str(archive), str(error))
    return ArchiveNotWritable(str(archive), str(error))


def file_in_the_way(archive: Path) -> Path | None:
    """Returns the file that has the name of a folder in the path of an archive; None if there is none."""
    return next((one for one in archive.parents if one.is_file()), None)


def free_bytes(path: Path) -> int:
    """Returns the free space in the folder of `path`, in bytes; 0 if it cannot be determined."""
    try:
        space = os.statvfs(path.parent)
    except OSError:
        return 0
    return space.f_bavail * space.f_frsize


def _error_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) or 0


@contextmanager
def archive_faults(archive: Path) -> Iterator[None]:
    """Context manager that converts errors of the disk or the database to ArchiverErrors whose message names the path
    of the archive.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise environment_error(error, archive) from error


# At most this many characters of the encoded name are used; file systems allow 255 bytes for the whole file name.
_MAX_NAME = 120
_parent_pid: list[int] = []


def lock_file(archive: Path, kind: Literal["site", "host"], name: str) -> Path:
    """Returns the path of the lock file of a site or host. The name is percent-encoded (RFC 3986, section 2.1), so that
    no two names share a file.
    """
    encoded = quote(name.lower(), safe="")
    if len(encoded) > _MAX_NAME:
        encoded = f"{encoded[: _MAX_NAME - 65]}-{sha256(encoded.encode()).hexdigest()}"
    return archive.parent / f".{archive.name}.{kind}.{encoded}.lock"


def lock_files(archive: Path) -> list[Path]:
    """Returns the existing lock files of sites and hosts. They belong to locks that are held, or were left by killed
    processes.
    """
    return sorted(archive.parent.glob(f".{glob.escape(archive.name)}.*.lock"))


def set_lock_holder(pid: int) -> None:
    """Makes the locks that this process takes name the process `pid` as their holder, because that is the process that
    a person started and can stop.
    """
    _parent_pid[:] = [pid]


class HeldLock:
    """A lock that this process holds until `close`; the end of the process also releases it."""

    def __init__(self, handles: Sequence[BinaryIO], file: Path | None = None) -> None:
        self._handles = handles
        self._file = file

    def close(self) -> None:
        """Releases the lock. Its file is deleted first, while nobody else can hold it."""
        if self._file is not None and not self._handles[0].closed:
            with suppress(OSError):  # the file stays if its folder is no longer writable
                self._file.unlink()
        for handle in self._handles:
            handle.close()

    def __enter__(self) -> HeldLock:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def lock_archive_exclusively(archive: Path) -> HeldLock:
    """Locks out all other programs. Until the returned lock is closed, no crawl or import writes to the archive, and no
    other program reads it under a lock. Deletes lock files that killed processes have left.

    Raises ArchiveInUse if a crawl or an import is running.
    """
    access = _access_file(archive).open("a+b")
    if not _try(access, fcntl.LOCK_EX):
        access.close()
        raise ArchiveInUse(str(archive), lock_holder(archive) or "another process")
    _write_holder(access)
    for file in lock_files(archive):
        file.unlink(missing_ok=True)
    return HeldLock([access])


def lock_archive_shared(archive: Path) -> HeldLock:
    """Takes the lock for reading an archive. Until the lock is closed, no crawl or import writes to the archive.

    This function writes nothing to the archive's folder. Raises ArchiveInUse if a crawl is running.
    """
    with ExitStack() as stack:
        held: list[BinaryIO] = []
        for path in (_access_file(archive), _readers_file(archive)):
            with suppress(FileNotFoundError):  # no crawl has ever locked this archive
                held.append(stack.enter_context(path.open("rb")))
                if not _try(held[-1], fcntl.LOCK_SH):
                    raise ArchiveInUse(str(archive), lock_holder(archive) or "another process")
        for path in lock_files(archive):
            with suppress(FileNotFoundError):  # its holder has released the lock meanwhile
                held.append(stack.enter_context(path.open("rb")))
                if not _try(held[-1], fcntl.LOCK_SH):
                    raise ArchiveInUse(str(archive), f"process {_read_holder(held[-1])}")
        stack.pop_all()
    return HeldLock(held)


def lock_site(archive: Path, site: str) -> HeldLock:
    """Takes the exclusive lock of a site; closing the returned lock, or the end of the process, releases it.

    Raises ArchiveInUse if another process holds it.
    """
    lock = _take_one(archive, lock_file(archive, "site", site))
    if isinstance(lock, str):
        raise ArchiveInUse(f"{archive} for {site}", lock)
    return lock


def is_site_locked(archive: Path, site: str) -> bool:
    """Returns True if a process holds the lock of a site."""
    try:
        with lock_file(archive, "site", site).open("rb") as handle:
            return not _try(handle, fcntl.LOCK_SH, 0.0)
    except OSError:  # nobody holds it, or the file belongs to another user
        return False


def lock_host(archive: Path, host: str) -> HeldLock:
    """Takes the exclusive lock of a host, so that only one crawl fetches from it; several sites may be on one host.

    Raises HostInUse if another process holds it.
    """
    lock = _take_one(archive, lock_file(archive, "host", host))
    if isinstance(lock, str):
        raise HostInUse(host, lock)
    return lock


def lock_holder(archive: Path) -> str:
    """Returns the process that is crawling or importing into an archive, or has locked it exclusively, as a phrase for
    messages ("process 123"); "" if there is no such process.
    """
    for path in (*lock_files(archive), _access_file(archive)):
        with suppress(FileNotFoundError), path.open("rb") as handle:
            if not _try(handle, fcntl.LOCK_SH, 0.0):
                return f"process {_read_holder(handle)}"
    return ""


def lock_schedule(archive: Path) -> BinaryIO:
    """Takes the lock of the archive's scheduler; only one scheduler may run for an archive. The lock does not keep
    other programs from writing to the archive. Raises SchedulerAlreadyRunning.
    """
    lock = _take_lock(_scheduler_lock_file(archive))
    if isinstance(lock, str):
        raise SchedulerAlreadyRunning(str(archive), f"process {lock}")
    return lock


def lock_notifications(archive: Path) -> BinaryIO | None:
    """Takes the lock for sending notifications; returns None if another process holds it."""
    lock = _take_lock(archive.parent / f".{archive.name}.notices")
    return None if isinstance(lock, str) else lock


def lock_check(archive: Path) -> BinaryIO:
    """Takes a lock that says that a check of the archive is running; several may run. The end of the process also
    releases it.
    """
    handle = _check_lock_file(archive).open("a+b")
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def check_is_running(archive: Path) -> bool:
    """Returns True if a process holds the lock of `lock_check`."""
    try:
        with _check_lock_file(archive).open("rb") as handle:
            return not _try(handle, fcntl.LOCK_EX, 0.0)
    except OSError:  # no check has ever run, or the file belongs to another user
        return False


def scheduler_process(archive: Path) -> str | None:
    """Returns the ID of the archive's scheduler process; "" if no scheduler is running; None if none has ever run or
    its lock file cannot be read.
    """
    try:
        with _scheduler_lock_file(archive).open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read_holder(handle)
    except OSError:  # the file does not exist or belongs to another user
        return None
    return ""


def record_heartbeat(archive: Path) -> None:
    """Records that the scheduler's loop is running: sets the time of its lock file. Raises OSError."""
    os.utime(_scheduler_lock_file(archive))


def last_heartbeat(archive: Path) -> datetime | None:
    """Returns when the loop of the archive's scheduler last ran; None if no scheduler has ever run. Takes no lock."""
    try:
        return datetime.fromtimestamp(_scheduler_lock_file(archive).stat().st_mtime, UTC)
    except OSError:
        return None


def _scheduler_lock_file(archive: Path) -> Path:
    return archive.parent / f".{archive.name}.scheduler"


def _check_lock_file(archive: Path) -> Path:
    return archive.parent / f".{archive.name}.check"


_MOMENT = 0.2
"""The number of seconds for which this process tries to take a lock. Thus a process that holds the lock only for a
moment, to test it, is not mistaken for its holder."""


def _access_file(archive: Path) -> Path:
    return archive.parent / f".{archive.name}.access"


def _readers_file(archive: Path) -> Path:
    return archive.parent / f".{archive.name}.readers"


def was_archive(file: Path) -> bool:
    """Returns True if a file was an archive of this program: a lock file, or WARC files, are next to it."""
    return _readers_file(file).exists() or (file.suffix == ".db" and (file.parent / "warc").is_dir())


def _take_one(archive: Path, path: Path) -> HeldLock | str:
    """Takes the lock of a site or host and returns it. If another process holds it, returns a phrase for messages that
    names this process.
    """
    with ExitStack() as stack:
        access = stack.enter_context(_access_file(archive).open("a+b"))
        if not _try(access, fcntl.LOCK_SH):
            return lock_holder(archive) or "another process"
        while isinstance(lock := _take_lock(path), BufferedRandom) and not _has_name(lock, path):
            lock.close()  # the lock's last holder has deleted the file meanwhile
        if isinstance(lock, str):
            return f"process {lock}"
        stack.enter_context(lock)
        with _readers_file(archive).open("a+b") as readers:
            if not _try(readers, fcntl.LOCK_EX):
                path.unlink()
                return "a process that reads it"
        stack.pop_all()
    return HeldLock([lock, access], path)


def _try(handle: BinaryIO, kind: int, seconds: float = _MOMENT) -> bool:
    """Tries to lock a file, for this many seconds. Returns False if another process holds a lock that conflicts."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.005)


def _has_name(handle: BinaryIO, path: Path) -> bool:
    """Returns True if this open file is the file at `path`."""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _take_lock(path: Path) -> BufferedRandom | str:
    """Takes the exclusive lock on a file; returns the open file, or the ID of the process that holds the lock."""
    handle = path.open("a+b")
    if not _try(handle, fcntl.LOCK_EX):
        with handle:
            return _read_holder(handle)
    _write_holder(handle)
    return handle


def _write_holder(handle: BinaryIO) -> None:
    handle.truncate(0)
    handle.write(str(*_parent_pid or [os.getpid()]).encode())
    handle.flush()


def _read_holder(handle: BinaryIO) -> str:
    handle.seek(0)
    return handle.read(100).decode(errors="replace").strip() or "unknown"
