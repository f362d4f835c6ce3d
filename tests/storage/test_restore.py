"""The restore drill: a damaged archive is replaced by its backup, is sound afterwards, and can be crawled again."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from archiver.demo.demo_blog import Demo
from archiver.maintenance.verification import verify
from archiver.storage.transactions import lock_schedule, lock_site
from tests.damage import damage_table, flip, overwrite_page, shorten, warc_files
from tests.killed_call import KilledCall, assert_killed
from tests.proved_archive import QUAY, START, Run, make, make_another, page, text
from tests.runner import fault, in_process
from tests.spiders.crawling import archiver, crawl
from tests.takedown.removing import holds, remove


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "own")


@pytest.fixture
def target(archive: Path, tmp_path: Path) -> Path:
    """A backup of the archive with its WARC files."""
    file = tmp_path / "copies" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    return file


def restore(archive: Path, *words: str | Path) -> Result:
    return in_process("restore", *map(str, words), "--yes", "--archive", str(archive))


def restored(archive: Path, *words: str | Path) -> dict[str, Any]:
    done = restore(archive, *words, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows(archive: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(archive)) as db:
        return db.execute(query).fetchall()


def add_post(archive: Path, number: int) -> None:
    with Run(archive, QUAY, START + timedelta(days=number)) as run:
        run.post(f"{QUAY}{number}", page(f"Day {number}", text(number), number % 28 + 1))


def damage_schema(archive: Path) -> None:
    """Write bytes that are not UTF-8 into the SQL of a table, which SQLite then quotes in its message."""
    data = archive.read_bytes()
    damaged = data.replace(b"CREATE TABLE runs", b"CR\xa5\x91TE TABLE runs")
    assert len(data) == len(damaged)
    assert data != damaged
    archive.write_bytes(damaged)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a page of articles": lambda archive: damage_table(archive, "articles"),
    "a page of captures": lambda archive: damage_table(archive, "captures"),
    "the header": lambda archive: overwrite_page(archive, 1),
    "the schema": lambda archive: damage_schema(archive),
    "half of the file": lambda archive: os.truncate(archive, archive.stat().st_size // 2),
    "all of the file": lambda archive: os.truncate(archive, 0),
    "the file": lambda archive: archive.unlink(),
    "the folder": lambda archive: shutil.rmtree(archive.parent),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_archive_is_replaced_and_kept(name: str, archive: Path, target: Path) -> None:
    DAMAGES[name](archive)
    damaged = archive.read_bytes() if archive.exists() else None
    found = restored(archive, target)
    assert verify(archive).findings == []
    assert rows(archive, "select id, body from articles") == rows(target, "select id, body from articles")
    assert (Path(found["kept_as"]).read_bytes() if found["kept_as"] else None) == damaged


def test_what_only_the_archive_has_is_counted_before(archive: Path, target: Path) -> None:
    add_post(archive, 20)
    add_post(archive, 21)
    found = restored(archive, target)
    assert (found["lost_runs"], found["lost_articles"], found["lost_revisions"]) == (2, 2, 2)
    assert len(found["later_warc_files"]) == 2
    damage_table(archive, "idx_runs_started_at")  # with the table alone, this index still counts them
    assert restored(archive, target)["lost_runs"] is None


def test_posts_of_later_runs_are_imported_from_their_warc_files(archive: Path, target: Path) -> None:
    add_post(archive, 20)
    (later,) = restored(archive, target)["later_warc_files"]
    assert in_process("import", str(archive.parent / later), "--archive", str(archive)).exit_code == 0
    assert rows(archive, "select count(*) from articles where title = 'Day 20'") == [(1,)]
    assert verify(archive).findings == []


def test_warc_files_come_back_with_the_database(archive: Path, target: Path) -> None:
    torn, missing, flipped = warc_files(archive)[:3]
    shorten(torn, 700)
    missing.unlink()
    flip(flipped, flipped.stat().st_size // 2)
    assert restored(archive, target)["warc_files"] == sorted(f"warc/{file.name}" for file in (torn, missing))
    assert [finding.subject.split()[0] for finding in verify(archive).findings] == [f"warc/{flipped.name}"]


def test_only_damaged_and_missing_warc_files_are_put_back(archive: Path, target: Path) -> None:
    before = archive.read_bytes()
    torn, missing, flipped = warc_files(archive)[:3]
    shorten(torn, 700)
    missing.unlink()
    flip(flipped, flipped.stat().st_size // 2)
    damaged = flipped.read_bytes()
    found = restored(archive, target, "--captures")
    assert found["warc_files"] == sorted(f"warc/{file.name}" for file in (torn, missing, flipped))
    assert verify(archive).findings == []
    assert rows(archive, "select count(*) from articles") == [(9,)]
    assert flipped.with_name(f"{flipped.name}.damaged").read_bytes() == damaged
    assert len(before) == len(archive.read_bytes())


def test_one_warc_file_is_put_back(archive: Path, target: Path) -> None:
    one, other = warc_files(archive)[:2]
    one.unlink()
    other.unlink()
    assert restored(archive, target, f"warc/{one.name}")["warc_files"] == [f"warc/{one.name}"]
    assert restored(archive, target, f"warc/{one.name}")["whole"] == [f"warc/{one.name}"]
    assert not other.exists()


def test_a_warc_file_that_is_damaged_in_the_backup_too_is_named(archive: Path, target: Path) -> None:
    one = warc_files(archive)[0]
    for file in (one, target.parent / "warc" / one.name):
        flip(file, file.stat().st_size // 2)
    damaged = one.read_bytes()
    done = restore(archive, target, "--captures", "--json")
    assert done.exit_code == 1
    assert list(json.loads(done.stdout)["failed"]) == [f"warc/{one.name}"]
    assert one.read_bytes() == damaged


def test_what_is_no_whole_backup_of_the_archive_is_refused(archive: Path, target: Path, tmp_path: Path) -> None:
    before = archive.read_bytes()
    other, notes = make_another(tmp_path / "other"), tmp_path / "notes.txt"
    notes.write_text("mine")
    for file in (other, notes, archive):
        assert fault(restore(archive, file)) == f"RestoreRefused {file}"
    assert fault(restore(archive, tmp_path / "none.db")) == f"RestoreRefused {tmp_path / 'none.db'}"
    damage_table(target, "articles")
    assert fault(restore(archive, target)) == f"RestoreRefused {target}"
    assert archive.read_bytes() == before
    assert in_process("restore", str(target), "--archive", str(archive)).exit_code == 1
    target.unlink()
    assert restore(archive, target).exit_code == 1


def test_without_a_terminal_it_needs_yes(archive: Path, target: Path) -> None:
    before = archive.read_bytes()
    assert in_process("restore", str(target), "--archive", str(archive)).exit_code == 2
    assert archive.read_bytes() == before


def test_a_plan_that_is_not_confirmed_is_in_the_conditional(archive: Path, target: Path) -> None:
    planned = in_process("restore", str(target), "--archive", str(archive))
    assert f"{archive} would be kept as" in planned.stdout
    assert f"{archive} is kept as" in restore(archive, target).stdout


def test_a_running_crawl_or_scheduler_prevents_it(archive: Path, target: Path) -> None:
    with lock_site(archive, "quay.example"):
        assert fault(restore(archive, target)) == f"ArchiveInUse {archive}"
        assert fault(restore(archive, target, "--captures")) == f"ArchiveInUse {archive}"
    with lock_schedule(archive):
        assert fault(restore(archive, target)) == f"SchedulerAlreadyRunning {archive}"
    assert restore(archive, target).exit_code == 0


def test_posts_that_were_removed_later_do_not_come_back(archive: Path, target: Path) -> None:
    assert remove(archive, "1").exit_code == 0
    damage_table(archive, "captures")
    found = restored(archive, target)
    assert found["removed_again"] == 1
    Path(found["kept_as"]).unlink()
    assert not holds(archive, "Entry 1.1.")
    assert rows(archive, "select article_id from tombstones where erased_at is not null") == [(1,)]
    assert verify(archive).findings == []


KILLS = [
    KilledCall("restore_backup", "_copy_database", 1, True),
    KilledCall("restore_backup", "_carry_over", 1, True),
    KilledCall("restore_backup", "_keep_replaced", 1, False),
    KilledCall("restore_backup", "_keep_replaced", 1, True),
    KilledCall("restore_backup", "delete_search_index", 1, False),
    KilledCall("restore_backup", "copy_file", 1, True),
    KilledCall("restore_backup", "copy_file", 2, True),
    KilledCall("restore_backup", "finish_takedowns", 1, False),
]


@pytest.mark.parametrize("moment", KILLS, ids=str)
def test_a_restore_killed_at_any_moment_is_finished_by_the_next(
    moment: KilledCall, archive: Path, target: Path
) -> None:
    remove(archive, "1")
    warc_files(archive)[0].unlink()
    damage_table(archive, "captures")
    damaged = archive.read_bytes()
    assert_killed(moment, restore, archive, target)
    kept = [archive, *archive.parent.glob("archive-before-restore-*.db")]
    assert damaged in [file.read_bytes() for file in kept if file.exists()]
    assert restore(archive, target).exit_code == 0
    assert {finding.kind for finding in verify(archive).findings} <= {"cdxj-differs", "file-unfinished"}
    assert in_process("verify", "--repair", "--archive", str(archive)).exit_code == 0
    assert rows(archive, "select count(*) from articles where id = 1") == [(0,)]
    assert verify(target).findings == []


def test_the_drill_with_a_crawl_before_and_after(demo: Demo, tmp_path: Path) -> None:
    archive, target = tmp_path / "archive.db", tmp_path / "copies" / "archive.db"
    assert crawl(demo.url, archive=archive).returncode == 0
    assert archiver("backup", str(target), "--captures", archive=archive).returncode == 0
    articles = rows(archive, "select count(*) from articles")
    damage_table(archive, "articles")
    warc_files(archive)[0].unlink()
    assert archiver("backup", str(target), "--captures", archive=archive).returncode == 1
    assert archiver("restore", str(target), "--yes", archive=archive).returncode == 0
    assert archiver("verify", archive=archive).returncode == 0
    assert crawl(demo.url, archive=archive).returncode == 0
    assert rows(archive, "select count(*) from articles") >= articles
    assert archiver("backup", str(target), "--captures", archive=archive).returncode == 0
    assert verify(target).findings == []


def test_a_restore_can_be_undone(archive: Path, target: Path) -> None:
    add_post(archive, 20)
    kept = Path(restored(archive, target)["kept_as"])
    assert rows(archive, "select count(*) from articles") == [(9,)]
    restored(archive, kept)
    assert rows(archive, "select count(*) from articles") == [(10,)]
    assert verify(archive).findings == []


def test_a_backup_that_was_made_during_a_crawl_is_restored(archive: Path, target: Path) -> None:
    with Run(archive, QUAY, START + timedelta(days=30)) as run:
        run.post(f"{QUAY}30", page("Day 30", text(30), 5))
        run.writer.flush()
        assert in_process("backup", str(target), "--captures", "--archive", str(archive)).exit_code == 0
        run.post(f"{QUAY}31", page("Day 31", text(31), 5))
    damage_table(archive, "articles")
    max(warc_files(archive), key=lambda file: file.stat().st_mtime).unlink()
    restored(archive, target)
    assert rows(archive, "select count(*) from articles") == [(10,)]
    assert {finding.kind for finding in verify(archive).findings} <= {"file-unfinished"}
