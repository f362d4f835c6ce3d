"""Locks of sites and hosts: each has its own file, and all can be held at the same time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from archiver.errors import ArchiveInUse, HostInUse
from archiver.maintenance.vacuum import lock_holder
from archiver.storage.locks import lock_archive_exclusively, lock_archive_shared, lock_host, lock_site

Lock = Callable[[Path, str], BinaryIO]
NAMES = (
    "a.example",
    "host.a.example",
    "host-a-example",
    "a-example",
    "a.example/b",
    "a.example:80",
    "[::1]:80",
    "a.example/" + "long/" * 60,
    "a.example/" + "long/" * 60 + "er",
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "my [1] archive.db"


def test_no_two_names_have_one_lock(archive: Path) -> None:
    held = [lock(archive, name) for lock in (lock_site, lock_host) for name in NAMES]
    assert len({one.name for one in held}) == 2 * len(NAMES)
    for lock, refusal in ((lock_site, ArchiveInUse), (lock_host, HostInUse)):
        for name in NAMES:
            with pytest.raises(refusal):
                lock(archive, name)
    for one in held:
        one.close()


@pytest.mark.parametrize("lock", [lock_site, lock_host])
def test_all_locks_conflict_with_each_single_lock(archive: Path, lock: Lock) -> None:
    for name in NAMES:
        with lock(archive, name):
            with pytest.raises(ArchiveInUse):
                lock_archive_exclusively(archive, "takedown")
            with pytest.raises(ArchiveInUse):
                lock_archive_shared(archive)
            assert lock_holder(archive)
        held = lock_archive_exclusively(archive, "takedown")
        with pytest.raises((ArchiveInUse, HostInUse)):
            lock(archive, name)
        for one in held:
            one.close()
    assert not lock_holder(archive)
