"""Locks: one crawl of a site and of a host at a time into one archive, one scheduler, one task that writes all of it.

Each is a file beside the archive, which names the process that holds it.
"""

from __future__ import annotations

import fcntl
import glob
import os
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

from archiver.errors import ArchiveInUse, ArchiverError

_LONGEST = 120  # characters of a name; file systems take 255 bytes in all
_command: list[int] = []


class HostInUse(ArchiverError):
    def __init__(self, host: str, holder: str) -> None:
        super().__init__(
            host,
            f"Another crawl is at {host} ({holder}), and two would ask it twice as fast: wait until it ends.",
        )


class SchedulerRuns(ArchiverError):
    def __init__(self, archive: str, holder: str) -> None:
        super().__init__(
            archive,
            f"Another 'archiver schedule' runs what is due in {archive} ({holder}): one is enough, end it first.",
        )


def lock_file(archive: Path, kind: Literal["site", "host"], name: str) -> Path:
    """No two names have the same file: what cannot stand in a file's name is written as in addresses (RFC 3986,
    section 2.1)."""
    written = quote(name.lower(), safe="")
    if len(written) > _LONGEST:
        written = f"{written[: _LONGEST - 65]}-{sha256(written.encode()).hexdigest()}"
    return archive.parent / f".{archive.name}.{kind}.{written}.lock"


def lock_files(archive: Path) -> list[Path]:
    """Those that there are, in an order that all who take several keep."""
    return sorted(archive.parent.glob(f".{glob.escape(archive.name)}.*.lock"))


def belongs_to(command: int) -> None:
    """This process crawls for another one, which is the one that a person has started and can stop."""
    _command[:] = [command]


def lock_all(archive: Path, task: str) -> list[BinaryIO]:
    """Every lock of the archive, so that no crawl and no import writes it until they are closed. Raises ArchiveInUse
    where one does."""
    held: list[BinaryIO] = []
    for path in sorted({*lock_files(archive), lock_file(archive, "site", task)}):
        got = _lock(path)
        if isinstance(got, str):
            for one in held:
                one.close()
            raise ArchiveInUse(str(archive), f"process {got}")
        held.append(got)
    return held


def lock_whole_archive(archive: Path) -> list[BinaryIO]:
    """No crawl writes this archive, which is only read, until these are closed. Nothing is written in its folder.
    Raises ArchiveInUse where one does."""
    held: list[BinaryIO] = []
    for path in lock_files(archive):
        handle = path.open("rb")
        held.append(handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(handle)
            for one in held:
                one.close()
            raise ArchiveInUse(str(archive), f"process {holder}") from error
    return held


def lock_site(archive: Path, site: str) -> BinaryIO:
    """An exclusive lock that the system drops when the process ends, however it ends. Raises ArchiveInUse where another
    process holds it."""
    got = _lock(lock_file(archive, "site", site))
    if isinstance(got, str):
        raise ArchiveInUse(f"{archive} for {site}", f"process {got}")
    return got


def lock_host(archive: Path, host: str) -> BinaryIO:
    """The same for a host, which two sites may share: it is asked by one crawl at a time. Raises HostInUse."""
    got = _lock(lock_file(archive, "host", host))
    if isinstance(got, str):
        raise HostInUse(host, f"process {got}")
    return got


def lock_schedule(archive: Path) -> BinaryIO:
    """The same for whoever runs what is due. It keeps nothing from writing the archive. Raises SchedulerRuns."""
    got = _lock(_schedule(archive))
    if isinstance(got, str):
        raise SchedulerRuns(str(archive), f"process {got}")
    return got


def lock_notifications(archive: Path) -> BinaryIO | None:
    """The same for whoever tells people of changes; None where another process does."""
    got = _lock(archive.parent / f".{archive.name}.notices")
    return None if isinstance(got, str) else got


def scheduler(archive: Path) -> str | None:
    """The process that runs what is due in this archive, "" where there is none now, None where there never was one."""
    try:
        with _schedule(archive).open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(handle)
    except OSError:  # there is no such file, or it is another user's
        return None
    return ""


def _schedule(archive: Path) -> Path:
    return archive.parent / f".{archive.name}.scheduler"


def _lock(path: Path) -> BinaryIO | str:
    """The lock, or which process holds it."""
    handle = path.open("a+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with handle:
            return _holder(handle)
    handle.truncate(0)
    handle.write(str(*_command or [os.getpid()]).encode())
    handle.flush()
    return handle


def _holder(handle: BinaryIO) -> str:
    handle.seek(0)
    return handle.read(100).decode(errors="replace").strip() or "unknown"
