"""Locks of sites and hosts: each has its own file while it is held, and all can be held at the same time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from archiver.model.errors import ArchiveInUse, HostInUse
from archiver.storage.transactions import (
    HeldLock,
    lock_archive_exclusively,
    lock_archive_shared,
    lock_file,
    lock_files,
    lock_holder,
    lock_host,
    lock_site,
)
from tests.processes import SERVER

Lock = Callable[[Path, str], HeldLock]
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
    assert len(lock_files(archive)) == 2 * len(NAMES)
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
                lock_archive_exclusively(archive)
            with pytest.raises(ArchiveInUse):
                lock_archive_shared(archive)
            assert lock_holder(archive)
        for whole in (lock_archive_exclusively, lock_archive_shared):
            with whole(archive), pytest.raises((ArchiveInUse, HostInUse)):
                lock(archive, name)
    assert not lock_holder(archive)


def test_readers_conflict_only_with_writers(archive: Path) -> None:
    lock_site(archive, "a.example").close()
    with lock_archive_shared(archive), lock_archive_shared(archive):
        with pytest.raises(ArchiveInUse):
            lock_archive_exclusively(archive)
        with pytest.raises(ArchiveInUse):
            lock_site(archive, "never crawled before")
    with lock_archive_exclusively(archive), pytest.raises(ArchiveInUse):
        lock_archive_shared(archive)


def test_an_exclusive_lock_names_its_holder(archive: Path) -> None:
    with lock_archive_exclusively(archive):
        assert lock_holder(archive) == f"process {os.getpid()}"
        with pytest.raises(ArchiveInUse, match=f"process {os.getpid()}"):
            lock_site(archive, "a.example")


def test_a_reader_writes_nothing(archive: Path) -> None:
    lock_archive_shared(archive).close()
    assert list(archive.parent.iterdir()) == []


def test_released_locks_leave_no_file(archive: Path) -> None:
    for number in range(50):
        with lock_site(archive, f"{number}.example"), lock_host(archive, f"{number}.example"):
            assert len(lock_files(archive)) == 2
    assert lock_files(archive) == []
    assert len(list(archive.parent.iterdir())) == 2


def _die_with_a_lock(archive: Path, name: str) -> None:
    lock_site(archive, name)
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_lock_of_a_killed_process_is_free_and_its_file_is_cleared(archive: Path) -> None:
    for name in ("a.example", "b.example"):
        process = SERVER.Process(target=_die_with_a_lock, args=(archive, name))
        process.start()
        process.join(60)
    assert lock_files(archive) == [lock_file(archive, "site", name) for name in ("a.example", "b.example")]
    assert not lock_holder(archive)
    lock_site(archive, "a.example").close()
    assert lock_files(archive) == [lock_file(archive, "site", "b.example")]
    lock_archive_exclusively(archive).close()
    assert lock_files(archive) == []


def _take_often(archive: Path, times: int, taken: Path) -> None:
    """Take a lock again and again; while it is held, a file that only its holder creates must not exist."""
    done = 0
    while done < times:
        try:
            held = lock_site(archive, "a.example")
        except ArchiveInUse:
            continue
        with held:
            os.close(os.open(taken, os.O_CREAT | os.O_EXCL))
            taken.unlink()
        done += 1


def test_no_two_processes_hold_a_lock_that_is_deleted_and_created_all_the_time(archive: Path) -> None:
    taken = archive.with_name("taken")
    processes = [SERVER.Process(target=_take_often, args=(archive, 300, taken)) for _ in range(4)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(120)
    assert [one.exitcode for one in processes] == [0] * 4
    assert lock_files(archive) == []
