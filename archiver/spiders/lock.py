"""One crawl of a site at a time into one archive."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import BinaryIO

from slugify import slugify

from archiver.errors import ArchiveInUse

_command: list[int] = []


def belongs_to(command: int) -> None:
    """This process crawls for another one, which is the one that a person has started and can stop."""
    _command[:] = [command]


def lock_all(archive: Path, task: str) -> list[BinaryIO]:
    """Every lock of the archive, so that no crawl and no import writes it until they are closed. Raises ArchiveInUse
    where one does."""
    held = [lock_site(archive, task)]
    try:
        for path in sorted(archive.parent.glob(f".{archive.name}.*.lock")):
            name = path.name.removeprefix(f".{archive.name}.").removesuffix(".lock")
            if name != slugify(task):
                held.append(lock_site(archive, name))
    except BaseException:
        for one in held:
            one.close()
        raise
    return held


def hold_still(archive: Path) -> list[BinaryIO]:
    """No crawl writes this archive, which is only read, until these are closed. Nothing is written in its folder.
    Raises ArchiveInUse where one does."""
    held: list[BinaryIO] = []
    for path in sorted(archive.parent.glob(f".{archive.name}.*.lock")):
        handle = path.open("rb")
        held.append(handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = handle.read(100).decode(errors="replace").strip() or "unknown"
            for one in held:
                one.close()
            raise ArchiveInUse(str(archive), f"process {holder}") from error
    return held


def lock_site(archive: Path, site: str) -> BinaryIO:
    """An exclusive lock that the system drops when the process ends, however it ends. Raises ArchiveInUse where another
    process holds it."""
    path = archive.parent / f".{archive.name}.{slugify(site)}.lock"
    handle = path.open("a+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.seek(0)
        holder = handle.read(100).decode(errors="replace").strip() or "unknown"
        handle.close()
        raise ArchiveInUse(f"{archive} for {site}", f"process {holder}") from error
    handle.truncate(0)
    handle.write(str(*_command or [os.getpid()]).encode())
    handle.flush()
    return handle
