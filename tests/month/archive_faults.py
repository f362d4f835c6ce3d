"""The faults of the archive's own machine: its disk, its clock, its processes and its files."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.damage import flip, overwrite_page, shorten, warc_files
from tests.month.site_faults import Reporting, SiteFault

if TYPE_CHECKING:
    from tests.month.simulation import Branch


def _nothing(branch: Branch) -> None:
    pass


@dataclass(frozen=True)
class ArchiveFault:
    """A fault of the archive. `begin` puts it in before the run of its first day, `end` repairs it before the run after
    its last. `shift`: how wrong the clock is meanwhile; `on_disk`: the archive lies on a file system of its own.
    `removes`: the fault is a removal, so that one post is missing from then on. `checks_all`: the nightly check reads
    the whole archive, as it must if the fault damages what is stored; otherwise it reads the least part that it can.
    """

    name: str
    begin: Callable[[Branch], None] = _nothing
    end: Callable[[Branch], None] = _nothing
    reported: Reporting = "yes"
    reported_by: int = 2
    shift: timedelta = timedelta(0)
    on_disk: bool = False
    removes: bool = False
    checks_all: bool = False
    days: tuple[int, ...] = (0, 1)
    faults: int = 1
    disturb: str = ""
    """What happens to the runs of the fault: "kill", "terminate" or "twice" (a second scheduler)."""


# The disk


def mount(folder: Path, megabytes: int) -> bool:
    """Make the folder a file system in memory. Return False if this machine does not allow it."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _remount(options: str) -> Callable[[Branch], None]:
    return lambda branch: _mount_again(branch.folder, options)


def _mount_again(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def _fill(branch: Branch) -> None:
    """Leave 40 KB."""
    space = os.statvfs(branch.folder)
    used = (space.f_blocks - space.f_bfree) * space.f_frsize // 1024
    _mount_again(branch.folder, f"size={used + 40}k")


# Files


def _middle_warc(branch: Branch) -> Path:
    files = warc_files(branch.archive)
    return max(files, key=lambda file: file.stat().st_size)


def _delete_warc(branch: Branch) -> None:
    _middle_warc(branch).unlink()


def _tear_warc(branch: Branch) -> None:
    file = _middle_warc(branch)
    shorten(file, file.stat().st_size // 3)


def _flip_warc(branch: Branch) -> None:
    file = _middle_warc(branch)
    flip(file, file.stat().st_size // 2)


def _put_back_captures(branch: Branch) -> None:
    branch.command("restore", "backup/archive.db", "--captures", "--yes")


def _put_back(branch: Branch) -> None:
    branch.command("restore", "backup/archive.db", "--yes")


def _overwrite_pages(branch: Branch) -> None:
    pages = branch.archive.stat().st_size // 4096
    for page in (pages // 2, pages // 3):
        overwrite_page(branch.archive, page)


def _overwrite_header(branch: Branch) -> None:
    with branch.archive.open("r+b") as handle:
        handle.write(b"\x00" * 100)


def _truncate(branch: Branch) -> None:
    shorten(branch.archive, branch.archive.stat().st_size // 2)


def _lose(branch: Branch) -> None:
    branch.archive.unlink()


def _move_away(branch: Branch) -> None:
    branch.move()


# Notices and removals


def _break_hook(branch: Branch) -> None:
    branch.world.begin(SiteFault("port-closed", ("d",), closed=True))
    branch.break_command()


def _mend_hook(branch: Branch) -> None:
    branch.world.begin(None)
    branch.mend_command()


def _take_down(branch: Branch) -> None:
    branch.command("remove", branch.some_post(), "--reason", "its author asked for it", "--yes")


def _remove_from_backups(branch: Branch) -> None:
    branch.command("backup", "backup/archive.db", "--purge")


def _accept_clock(branch: Branch) -> None:
    """The clock is right again, and somebody knows that it was not: the runs of the future stay."""
    for site in json.loads(branch.command("sites", "list", "--json").out):
        branch.command("status", site["name"], "--accept")


ARCHIVE_FAULTS = (
    ArchiveFault("disk-low", _remount("size=150m"), _remount("size=600m"), on_disk=True),
    ArchiveFault("disk-full", _fill, _remount("size=600m"), on_disk=True),
    ArchiveFault("read-only", _remount("ro"), _remount("rw"), on_disk=True),
    ArchiveFault("clock-back", shift=timedelta(days=-14)),
    ArchiveFault("clock-ahead", end=_accept_clock, shift=timedelta(days=20), reported="either"),
    ArchiveFault("two-schedulers", reported="no", disturb="twice"),
    ArchiveFault("kill-9", reported="no", disturb="kill"),
    ArchiveFault("sigterm", reported="no", disturb="terminate"),
    ArchiveFault("warc-deleted", _delete_warc, _put_back_captures, checks_all=True),
    ArchiveFault("warc-torn", _tear_warc, _put_back_captures, checks_all=True),
    ArchiveFault("warc-flipped", _flip_warc, _put_back_captures, checks_all=True),
    ArchiveFault("database-pages", _overwrite_pages, _put_back, checks_all=True),
    ArchiveFault("database-header", _overwrite_header, _put_back, checks_all=True),
    ArchiveFault("database-truncated", _truncate, _put_back, checks_all=True),
    ArchiveFault("database-missing", _lose, _put_back, checks_all=True),
    ArchiveFault("archive-moved", _move_away, reported="no"),
    # The hook, and the outage that it should report.
    ArchiveFault("hook-broken", _break_hook, _mend_hook, faults=2),
    # The report says that backups still hold the post.
    ArchiveFault("takedown", _take_down, _remove_from_backups, removes=True, checks_all=True),
)
