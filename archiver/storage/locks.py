"""File locks of an archive: per site, per host, for the scheduler, for notifications and for the entire archive.

Each lock is a file next to the archive and contains the ID of the process that holds it.
"""

from __future__ import annotations

import fcntl
import glob
import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

from archiver.errors import ArchiveInUse, HostInUse, SchedulerAlreadyRunning

_MAX_NAME = 120  # characters of the encoded name; file systems allow 255 bytes for the whole file name
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
    """Returns the existing lock files of an archive, sorted: every process that takes several locks takes them in this
    order.
    """
    return sorted(archive.parent.glob(f".{glob.escape(archive.name)}.*.lock"))


def set_lock_holder(pid: int) -> None:
    """Makes the locks that this process takes name `pid` as their holder: the process that a person started and can
    stop.
    """
    _parent_pid[:] = [pid]


def lock_archive_exclusively(archive: Path, task: str) -> list[BinaryIO]:
    """Takes every lock of the archive exclusively: until the returned files are closed, no crawl or import writes to
    the archive.

    Raises ArchiveInUse if a crawl or an import is running. `task` names the lock that this process adds.
    """
    held: list[BinaryIO] = []
    for path in sorted({*lock_files(archive), lock_file(archive, "site", task)}):
        lock = _take_lock(path)
        if isinstance(lock, str):
            for other in held:
                other.close()
            raise ArchiveInUse(str(archive), f"process {lock}")
        held.append(lock)
    return held


def lock_archive_shared(archive: Path) -> list[BinaryIO]:
    """Takes shared locks on an archive that is only read: until the returned files are closed, no crawl writes to the
    archive.

    Writes nothing to its folder. Raises ArchiveInUse if a crawl is running.
    """
    held: list[BinaryIO] = []
    for path in lock_files(archive):
        handle = path.open("rb")
        held.append(handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _read_holder(handle)
            for lock in held:
                lock.close()
            raise ArchiveInUse(str(archive), f"process {holder}") from error
    return held


def lock_site(archive: Path, site: str) -> BinaryIO:
    """Takes the exclusive lock of a site; closing the returned file releases it, and so does the end of the process.

    Raises ArchiveInUse if another process holds it.
    """
    lock = _take_lock(lock_file(archive, "site", site))
    if isinstance(lock, str):
        raise ArchiveInUse(f"{archive} for {site}", f"process {lock}")
    return lock


def lock_host(archive: Path, host: str) -> BinaryIO:
    """Takes the exclusive lock of a host, so that only one crawl fetches from it; several sites may be on one host.

    Raises HostInUse if another process holds it.
    """
    lock = _take_lock(lock_file(archive, "host", host))
    if isinstance(lock, str):
        raise HostInUse(host, f"process {lock}")
    return lock


def lock_schedule(archive: Path) -> BinaryIO:
    """Takes the lock of the archive's scheduler; only one scheduler may run for an archive. The lock does not prevent
    others from writing to the archive. Raises SchedulerAlreadyRunning.
    """
    lock = _take_lock(_scheduler_lock_file(archive))
    if isinstance(lock, str):
        raise SchedulerAlreadyRunning(str(archive), f"process {lock}")
    return lock


def lock_notifications(archive: Path) -> BinaryIO | None:
    """Takes the lock for sending notifications; returns None if another process holds it."""
    lock = _take_lock(archive.parent / f".{archive.name}.notices")
    return None if isinstance(lock, str) else lock


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


def _take_lock(path: Path) -> BinaryIO | str:
    """Takes the exclusive lock on a file; returns the open file, or the ID of the process that holds the lock."""
    handle = path.open("a+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with handle:
            return _read_holder(handle)
    handle.truncate(0)
    handle.write(str(*_parent_pid or [os.getpid()]).encode())
    handle.flush()
    return handle


def _read_holder(handle: BinaryIO) -> str:
    handle.seek(0)
    return handle.read(100).decode(errors="replace").strip() or "unknown"
