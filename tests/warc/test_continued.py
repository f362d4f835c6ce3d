"""WARC files that the next run continues: what is continued, what is not, and kills at each step."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from archiver.maintenance.verification import verify
from archiver.maintenance.verify_captures import find_flaws
from archiver.sites.config import Warc, parse_config
from archiver.storage.capture_recovery import recover
from archiver.storage.database import opened
from archiver.warc.warc_file_maintenance import transfer_warc
from archiver.warc.warc_writer import Continuation, WarcWriter, held_finished, index_of, open_index_of
from tests.faults.sound import flaws
from tests.processes import SERVER, run
from tests.proved_archive import QUAY, START, Run, page, text
from tests.spiders.site_server import home, serving
from tests.spiders.site_server import page as site_page
from tests.warc.test_mend import AT, exchange

LIMIT = 1_000_000


def files(archive: Path) -> list[Path]:
    return sorted((archive.parent / "warc").glob("*.warc.gz"))


def captures(archive: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(archive)) as db:
        return db.execute("select * from captures order by id").fetchall()


def first_run(archive: Path) -> Path:
    with Run(archive, QUAY, START) as one:
        for number in range(3):
            one.post(f"{QUAY}{number}", page(f"Day {number}", text(number), number + 1))
    (file,) = files(archive)
    return file


def next_run(archive: Path, hours: int = 1) -> None:
    """Run as a crawl does: repair, then store two posts, each in a transaction of its own."""
    with opened(archive) as db:
        recover(db, archive.parent, dict(next(iter(db.query("select * from sites")))))
    with Run(archive, QUAY, START + timedelta(hours=hours), continues=True) as one:
        for number in (10 * hours, 10 * hours + 1):
            one.post(f"{QUAY}{number}", page(f"Day {number}", text(number), number % 28 + 1))
            one.writer.flush()


def write(root: Path, continuation: Continuation | None = None, at: datetime = AT, size: int = 500) -> str:
    """Write one capture and return the name of its file."""
    with WarcWriter(root, "example-org", "archiver/test", continuation=continuation) as writer:
        return writer.append((record := _records(exchange(1, size)))[0], record[1], at).warc_file


def _records(one: Any) -> tuple[Any, tuple[bytes, ...]]:
    from archiver.warc.warc_records import exchange_records

    made = exchange_records(one)
    return made.capture, (made.response, made.others)


# What is continued


def test_a_run_continues_the_file_of_the_last_run(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    file = first_run(archive)
    before, known = file.read_bytes(), captures(archive)
    for hours in range(1, 6):
        next_run(archive, hours)
    assert files(archive) == [file]
    assert file.read_bytes().startswith(before)
    assert captures(archive)[: len(known)] == known
    assert not open_index_of(file).exists()
    assert len(index_of(file).read_bytes().splitlines()) == 13
    assert flaws(archive) == []
    assert verify(archive).findings == []
    with file.open("rb") as handle:
        assert [record.rec_type for record in ArchiveIterator(handle, check_digests=True)].count("warcinfo") == 6


def test_a_run_without_a_capture_leaves_the_file_alone(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    file = first_run(archive)
    before = file.stat()
    with Run(archive, QUAY, START + timedelta(hours=1), continues=True):
        pass
    assert file.stat() == before
    assert files(archive) == [file]


@pytest.mark.parametrize(
    ("days", "continued"), [(timedelta(0), True), (timedelta(days=6.9), True), (timedelta(days=7), False)]
)
def test_a_file_is_finished_by_its_age(tmp_path: Path, days: timedelta, continued: bool) -> None:
    name = write(tmp_path)
    assert (write(tmp_path, Continuation(name, 7, LIMIT), AT + days) == name) is continued


def test_a_file_from_the_future_is_not_continued(tmp_path: Path) -> None:
    name = write(tmp_path)
    assert write(tmp_path, Continuation(name, 7, LIMIT), AT - timedelta(days=1)) != name


def test_a_file_is_finished_by_its_size(tmp_path: Path) -> None:
    name = write(tmp_path)
    size = (tmp_path / name).stat().st_size
    assert write(tmp_path, Continuation(name, 7, size)) != name
    assert write(tmp_path, Continuation(name, 7, size + 1)) == name


def _damage_end(file: Path) -> None:
    with file.open("r+b") as handle:
        handle.seek(-20, os.SEEK_END)
        handle.write(b"\0" * 20)


def _link(file: Path) -> None:
    os.link(file, file.with_name("a link"))


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def _add(file: Path) -> None:
    with file.open("ab") as handle:
        handle.write(b"no record")


@pytest.mark.parametrize(
    "change",
    [
        _damage_end,
        _link,
        _cut,
        _add,
        lambda file: index_of(file).unlink(),
        lambda file: index_of(file).write_bytes(b""),
        lambda file: index_of(file).write_bytes(b"no index\n"),
    ],
)
def test_a_file_that_is_not_whole_or_has_other_links_is_not_continued(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    name = write(tmp_path)
    change(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    assert write(tmp_path, Continuation(name, 7, LIMIT)) != name
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("lock", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_a_file_that_another_process_uses_is_not_continued(tmp_path: Path, lock: int) -> None:
    name = write(tmp_path)
    with (tmp_path / name).open("rb") as handle:
        fcntl.flock(handle, lock)
        assert write(tmp_path, Continuation(name, 7, LIMIT)) != name
    assert write(tmp_path, Continuation(name, 7, LIMIT)) == name


@pytest.mark.parametrize("name", ["warc/../../outside.warc.gz", "warc/none-20240501083015-00001.warc.gz", "x"])
def test_a_name_of_no_file_of_the_archive_starts_a_new_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "archive").mkdir()
    assert write(tmp_path / "archive", Continuation(name, 7, LIMIT)) == "warc/example-org-20240501083015-00001.warc.gz"


def test_a_finished_file_is_held(tmp_path: Path) -> None:
    name = write(tmp_path)
    with held_finished(tmp_path / name) as size:
        assert size == (tmp_path / name).stat().st_size
        assert write(tmp_path, Continuation(name, 7, LIMIT)) != name
    with WarcWriter(tmp_path, "example-org", "t", continuation=Continuation(name, 7, LIMIT)) as writer:
        writer.write(exchange(2))
        with held_finished(tmp_path / name) as size:
            assert size is None


def test_a_hundred_runs_write_one_file(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    pages = {"/": home("/one/"), "/one/": site_page("The first")}
    with serving(pages) as site:
        for _ in range(4):
            done = run("archiver", "crawl", site.url, "--archive", str(archive), "--full", "--quiet")
            assert done.returncode == 0, done.stderr
    assert len(files(archive)) == 1
    assert verify(archive).findings == []


def test_the_settings_of_warc_files() -> None:
    assert parse_config("", "f").warc == Warc(7, 64)
    assert parse_config("[warc]\ndays = 0\nmax_mb = 1000", "f").warc == Warc(0, 1000)


# Kills


def _die_at(step: int, archive: Path, counted: Path) -> None:
    """Run, and die at the nth step that changes a file or a lock; half of the bytes of a write are written before."""
    steps = 0

    def watched(real: Callable[..., Any], *, halves: bool = False) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == step:
                if halves:
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **named)

        return call

    for place, name in ((os, "fsync"), (os, "ftruncate"), (fcntl, "flock"), (Path, "replace"), (Path, "unlink")):
        setattr(place, name, watched(getattr(place, name)))
    os.write = watched(os.write, halves=True)
    next_run(archive)
    counted.write_text(str(steps))


def _run_until(step: int, archive: Path) -> int:
    """Return how many steps the run took, 0 if it was killed."""
    counted = archive.with_name("steps")
    process = SERVER.Process(target=_die_at, args=(step, archive, counted))
    process.start()
    process.join(60)
    assert process.exitcode == (0 if counted.exists() else -signal.SIGKILL)
    return int(counted.read_text()) if counted.exists() else 0


def test_a_kill_at_any_step_loses_nothing_of_earlier_runs(tmp_path: Path) -> None:
    made = tmp_path / "made" / "archive.db"
    file = first_run(made)
    before, known = file.read_bytes(), captures(made)
    whole = shutil.copytree(made.parent, tmp_path / "whole") / made.name
    steps = _run_until(0, whole)
    assert steps > 10
    for step in range(1, steps + 1):
        archive = shutil.copytree(made.parent, tmp_path / f"killed-{step}") / made.name
        assert _run_until(step, archive) == 0
        stored = captures(archive)
        assert stored[: len(known)] == known
        assert (archive.parent / "warc" / file.name).read_bytes().startswith(before)
        next_run(archive, 2)
        assert (archive.parent / "warc" / file.name).read_bytes().startswith(before)
        # Rows are committed after their records are on the disk, so that the dead run loses none of its own either.
        assert captures(archive)[: len(stored)] == stored
        assert flaws(archive) == [], step
        assert len(files(archive)) == 1
        shutil.rmtree(archive.parent)


def test_damage_in_what_earlier_runs_wrote_is_left_for_a_backup_to_mend(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    file = first_run(archive)
    known = captures(archive)
    length = file.stat().st_size
    last = known[-1]
    with Run(archive, QUAY, START + timedelta(hours=1), continues=True) as one:
        one.capture(f"{QUAY}10", page("Day 10", text(10)))
        one.warc.sync()
        one.warc.abandon()
    with file.open("r+b") as handle:  # the disk damages the last capture of the first run and all that follows
        handle.seek(last[8] + 40)
        handle.write(b"\0" * (file.stat().st_size - last[8] - 40))
    with opened(archive) as db:
        recover(db, archive.parent, dict(next(iter(db.query("select * from sites")))))
    assert file.stat().st_size == length
    assert captures(archive) == known
    with opened(archive) as db:
        assert find_flaws(db, archive.parent, f"warc/{file.name}")


# Other work with files that grow


def test_a_check_is_not_confused_by_a_run_that_begins_meanwhile(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    file = first_run(archive)
    started: list[Run] = []

    def begin(what: str, done: int, of: int) -> None:
        if not started:
            started.append(Run(archive, QUAY, START + timedelta(hours=1), continues=True))
            started[0].capture(f"{QUAY}10", page("Day 10", text(10)))

    found = verify(archive, progress=begin).findings
    assert not index_of(file).exists()
    assert [one.sentence for one in found] == []
    started[0].__exit__()


def test_a_transfer_extends_an_earlier_state_of_the_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    name = write(source)
    target = tmp_path / "target" / "warc"
    target.mkdir(parents=True)
    own = target / Path(name).name
    for file in (source / name, index_of(source / name)):
        shutil.copy(file, target)
    write(source, Continuation(name, 7, LIMIT))
    assert transfer_warc(source / name, target) == own
    assert own.read_bytes() == (source / name).read_bytes()
    assert index_of(own).read_bytes() == index_of(source / name).read_bytes()
    assert [json.loads(line.split(b" ", 2)[2])["filename"] for line in index_of(own).read_bytes().splitlines()] == [
        own.name
    ] * 2


def test_a_transferred_file_is_continued_by_neither_archive_while_it_is_one_file(tmp_path: Path) -> None:
    name = write(tmp_path / "source")
    own = transfer_warc(tmp_path / "source" / name, tmp_path / "target" / "warc")
    assert own.stat().st_nlink == 2
    before = own.read_bytes()
    for root in (tmp_path / "source", tmp_path / "target"):
        assert write(root, Continuation(name, 7, LIMIT)) != name
    assert own.read_bytes() == before
