"""A full disk, a locked database, a folder that is moved away: one sentence, exit code 1, and nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.model.errors import ArchiveMoved
from tests.faults.compare import differences
from tests.faults.conftest import Reference
from tests.faults.killing import crawl, start_crawl
from tests.faults.server import serving
from tests.faults.site import Blog
from tests.faults.sound import flaws
from tests.processes import Running
from tests.waiting import until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory with a size of 100 KB, which the test may change."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", folder], capture_output=True, text=True)
    if made.returncode:
        pytest.skip("mounting a small file system takes root, in a machine that allows it")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def await_said(process: Running, words: str) -> None:
    until(lambda: words in process.err or not process.lives)
    assert words in process.err


def resize(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def test_a_full_disk_ends_the_crawl_and_with_room_it_goes_on(reference: Reference, small_disk: Path) -> None:
    server, peaceful, cramped = reference.server, reference.peaceful, small_disk / "a.db"
    for size in ("100k", "300k", "500k", "700k"):
        resize(small_disk, size)
        done = crawl(server.url, cramped, "--quiet")
        assert "Traceback" not in done.stderr
        assert done.returncode == 1, (size, done.stdout, done.stderr)
        assert done.stderr.startswith("Error: "), (size, done.stderr)
        assert str(small_disk) in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, (size, done.stderr)
    resize(small_disk, "64m")
    last = crawl(server.url, cramped)
    assert last.returncode == 0, last.stderr
    assert [*flaws(cramped), *differences(peaceful, cramped)] == []


def test_a_crawl_waits_for_a_lock_and_reports_it(reference: Reference, tmp_path: Path) -> None:
    server, peaceful, locked = reference.server, reference.peaceful, tmp_path / "locked" / "a.db"
    crawl(server.url, locked, "--limit", "5")
    other = sqlite3.connect(locked, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    process = start_crawl(server.url, locked)
    await_said(process, "60 seconds")
    other.rollback()
    other.close()
    done = process.end()
    assert done.returncode == 0, done.stderr
    assert [*flaws(locked), *differences(peaceful, locked)] == []


def test_a_permanent_lock_ends_the_crawl_with_a_sentence(tmp_path: Path) -> None:
    from archiver.model.errors import ArchiveLocked
    from archiver.storage.database import open_archive
    from archiver.storage.transactions import writing

    first, second = (open_archive(tmp_path / "a.db", create=True) for _ in range(2))
    clock = iter([100.0, 159.9, 160.0])  # at the start, and after each attempt
    with writing(first):
        with pytest.raises(ArchiveLocked) as refused, writing(second, patience=60.0, clock=lambda: next(clock)):
            pass
        assert str(refused.value) == str(ArchiveLocked(str(tmp_path / "a.db"), 60.0))
    assert list(clock) == []
    first.close()
    second.close()


def test_sigterm_ends_a_crawl_that_waits_for_a_lock(tmp_path: Path) -> None:
    locked = tmp_path / "a.db"
    with serving(Blog(40)) as server:
        crawl(server.url, locked, "--limit", "5")
        other = sqlite3.connect(locked, isolation_level=None)
        other.execute("begin immediate")
        process = start_crawl(server.url, locked)
        await_said(process, "60 seconds")
        process.send(signal.SIGTERM)
        errors = process.end(timeout=50).stderr  # less than the crawl would wait without the signal
        other.close()
    assert str(locked) in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("what", ["removed", "replaced", "folder"])
def test_an_archive_that_is_moved_away_ends_the_crawl(tmp_path: Path, what: str) -> None:
    archive = tmp_path / "kept" / "a.db"
    with serving(Blog(150)) as server:
        process = start_crawl(server.url, archive, "--quiet")
        until(lambda: len(server.asked) >= 60, every=0.005)
        if what == "folder":
            shutil.rmtree(archive.parent)
        else:
            archive.unlink()
            if what == "replaced":
                archive.write_bytes(b"")
        done = process.end()
    assert done.returncode == 1
    assert str(ArchiveMoved(str(archive))) in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_read_only_disk_is_reported(tmp_path: Path, small_disk: Path) -> None:
    resize(small_disk, "64m")
    with serving(Blog(20)) as server:
        crawl(server.url, small_disk / "a.db")
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        done = crawl(server.url, small_disk / "a.db")
    assert done.returncode == 1
    assert str(small_disk / "a.db") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_archive_is_reported_as_damaged(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(Blog(20)) as server:
        crawl(server.url, archive)
        size = archive.stat().st_size
        with archive.open("r+b") as handle:
            handle.seek(4096)
            handle.write(os.urandom(size - 4096))
        done = crawl(server.url, archive)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "is damaged (" in done.stderr
