"""Backups: consistent and complete, with their captures, even during writes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from archiver.cli.main import cli
from archiver.maintenance.backup import copy_database, copy_warc_files
from archiver.maintenance.verification import verify
from archiver.maintenance.verify_captures import find_warc_files
from tests.proved_archive import QUAY, START, Run, make, make_another, page, text
from tests.runner import Runner, fault, in_process
from tests.waiting import until

_WRITER = """
import sys
from datetime import timedelta
from pathlib import Path
from tests.proved_archive import QUAY, START, Run, page, text
with Run(Path(sys.argv[1]), QUAY, START + timedelta(days=9)) as run:
    for n in range(100, 100000):
        run.post(f"{QUAY}{n}", page(f"Day {n}", text(n), n % 28 + 1))
        run.writer.flush()
        print(n, flush=True)
"""
_BALLAST = 16 << 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture
def archive(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path / "own")
    return tmp_path / "own" / made.name


def backup(archive: Path, *words: str | Path) -> Result:
    return Runner().invoke(cli, ["backup", *map(str, words), "--archive", str(archive)])


def number(file: Path, query: str) -> int:
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute(query).fetchone()[0])


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def enlarge(archive: Path) -> None:
    """Enlarge the archive so that a backup copies it in several steps."""
    with closing(sqlite3.connect(archive)) as db:
        db.execute("insert into host_files values ('x', 'y', '2024-05-01', 200, null, null, zeroblob(?))", [_BALLAST])
        db.commit()


@contextmanager
def writing(archive: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that writes posts with their captures, one per transaction, until it is killed."""
    child = subprocess.Popen([sys.executable, "-c", _WRITER, str(archive)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline()
        yield child
    finally:
        child.kill()
        child.wait()


def assert_sound(file: Path, *, quick: bool = False) -> None:
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    assert [f.sentence for f in verify(file, quick=quick).findings] == []


def test_a_backup_during_a_write_is_consistent_and_blocks_nobody(archive: Path, tmp_path: Path) -> None:
    enlarge(archive)
    target = tmp_path / "copies" / "news.db"
    steps: list[int] = []

    with writing(archive) as child:

        def progress(what: str, done: int, of: int) -> None:
            """Check that the writer commits between any two steps."""
            if what == "the database" and done < of:
                steps.append(done)
                before = number(archive, "select count(*) from articles")
                until(lambda: number(archive, "select count(*) from articles") > before or child.poll() is not None)
                assert child.poll() is None

        finished = find_warc_files(archive.parent)
        begun = number(archive, "select count(*) from articles")
        with copy_database(archive, target, progress) as db:
            copied = db.execute("select count(*) from articles").fetchone()[0]
            out = copy_warc_files(db, archive, target, finished, progress)
    assert len(steps) > 3
    assert steps == sorted(set(steps))
    assert begun <= copied <= number(archive, "select count(*) from articles") - len(steps)
    for table in ("revisions", "captures", "article_urls"):
        assert (
            number(
                target,
                f"select count(distinct article_id) from {table}"
                if table != "captures"
                else "select count(*) from articles a join captures c on c.id = a.capture_id",
            )
            == copied
        )
    assert out.files == len(list((target.parent / "warc").glob("*.warc.gz"))) == 5
    assert_sound(target)
    assert_sound(archive, quick=True)
    assert sorted(p.name for p in target.parent.iterdir()) == ["news.db", "warc"]


def test_a_second_backup_copies_only_new_and_changed_files(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "archive.db"
    with Run(archive, QUAY, START + timedelta(days=5)) as run:
        run.post(f"{QUAY}50", page("Day 50", text(50), 5))
        run.writer.flush()
        run.post(f"{QUAY}51", page("Day 51", text(51), 5))  # its record is on the disk, its rows are not
        first = backup(archive, target, "--captures", "--json")
        assert first.exit_code == 0, first.output
        report = json.loads(first.stdout)
        assert (report["articles"], report["warc_files"], report["warc_files_kept"]) == (10, 5, 0)
        assert_sound(target)
        cut = {p: p.stat().st_size for p in (target.parent / "warc").glob("*.warc.gz")}
    again = backup(archive, target, "--captures", "--json")
    assert again.exit_code == 0
    assert [json.loads(again.stdout)[name] for name in ("warc_files", "warc_files_kept")] == [1, 4]
    assert_sound(target)
    grown = [p for p, size in cut.items() if p.stat().st_size > size]
    assert len(grown) == 1
    for file in (archive.parent / "warc").iterdir():
        assert (target.parent / "warc" / file.name).read_bytes() == file.read_bytes()
    for copy in (target, archive.with_name("beside.db")):
        once_more = json.loads(backup(archive, copy, "--captures", "--json").stdout)
        assert (once_more["warc_files"], once_more["warc_files_kept"]) == (0, 5)


def test_only_an_earlier_backup_is_overwritten(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    assert backup(archive, target).stdout.startswith(f"{target}: 9 articles")
    assert backup(archive, target).exit_code == 0
    other = make_another(tmp_path / "other")
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    with Run(archive, QUAY, START + timedelta(days=5)) as run:
        run.post(f"{QUAY}50", page("Day 50", text(50), 5))
    for file in (other, notes, archive, tmp_path, Path(), Path("/"), Path("/proc/backup.db")):
        before = file.read_bytes() if file.is_file() else b""
        refused = backup(archive, file)
        assert (refused.exit_code, fault(refused).split()[0]) == (1, "BackupRefused")
        assert not file.is_file() or file.read_bytes() == before
    swapped = backup(target, archive)
    assert (swapped.exit_code, fault(swapped)) == (1, f"BackupRefused {archive}")
    assert backup(archive, target).exit_code == 0
    assert backup(archive, notes, "--force").exit_code == 0
    assert number(notes, "select count(*) from articles") == 10
    assert backup(archive, archive, "--force").exit_code == 1


def test_a_backup_is_overwritten_after_the_site_with_the_newest_run_was_removed(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "b" / "archive.db"
    with closing(sqlite3.connect(archive)) as db:
        (site,) = db.execute(
            "select s.name from runs r join sites s on s.id = r.site_id order by r.id desc limit 1"
        ).fetchone()
    assert backup(archive, target).exit_code == 0
    words = ("sites", "remove", site, "--with-articles", "--yes", "--archive", str(archive))
    removed = Runner().invoke(cli, words)
    assert removed.exit_code == 0, removed.output
    assert number(archive, "select max(id) from runs") != number(target, "select max(id) from runs")
    assert backup(archive, target).exit_code == 0
    with closing(sqlite3.connect(target)) as db, db:  # somebody has gone on working with the backup
        db.execute(
            "insert into runs (site_id, mode, started_at) select id, 'full', '2999-01-01T00:00:00+00:00' from sites"
        )
    assert fault(backup(archive, target)) == f"BackupRefused {target}"


def test_a_file_of_another_archive_is_left_alone(archive: Path, tmp_path: Path) -> None:
    name = next((archive.parent / "warc").glob("*.warc.gz")).name
    strange = tmp_path / "copies" / "warc" / name
    strange.parent.mkdir(parents=True)
    strange.write_bytes(b"of somebody else")
    refused = backup(archive, tmp_path / "copies" / "a.db", "--captures")
    assert refused.exit_code == 1
    assert name in refused.output
    assert strange.read_bytes() == b"of somebody else"
    assert not (tmp_path / "copies" / "a.db").exists()


def test_a_missing_warc_file_is_named(archive: Path, tmp_path: Path) -> None:
    file = next((archive.parent / "warc").glob("*.warc.gz"))
    file.unlink()
    done = backup(archive, tmp_path / "copies" / "a.db", "--captures")
    assert done.exit_code == 1
    assert f"warc/{file.name}" in done.output
    assert number(tmp_path / "copies" / "a.db", "select count(*) from articles") == 9


_ENDED = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs with this signal ignored
from pathlib import Path
import archiver.maintenance.backup as database
from archiver.cli.main import cli
database._PAGES = 50
copy_part = database._copy
def copy(source, part, target, progress):
    def tell(what, done, of):
        print(done, flush=True)
        time.sleep(0.05)
    copy_part(source, part, target, tell)
database._copy = copy
cli(["backup", sys.argv[1], "--no-captures", "--archive", sys.argv[2]])
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_aborted_backup_leaves_the_previous_one_intact(how: signal.Signals, archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "a.db"
    assert backup(archive, target, "--no-captures").exit_code == 0
    before = target.read_bytes()
    enlarge(archive)
    child = subprocess.Popen(
        [sys.executable, "-c", _ENDED, str(target), str(archive)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline()
    assert child.stdout.readline()
    busy = backup(archive, target, "--no-captures")
    assert (busy.exit_code, fault(busy)) == (1, f"BackupRefused {target}")
    os.kill(child.pid, how)
    assert child.wait(120) == {signal.SIGTERM: 143, signal.SIGINT: 130}.get(how, -how)
    assert target.read_bytes() == before
    assert how is signal.SIGKILL or names(target.parent) == ["a.db"]
    assert backup(archive, target, "--no-captures").exit_code == 0
    assert names(target.parent) == ["a.db"]
    assert target.stat().st_size > _BALLAST
    assert_sound(target, quick=True)


def test_the_log_of_an_earlier_backup_is_not_used_for_the_new_one(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.db"
    assert backup(archive, target).exit_code == 0
    reader = sqlite3.connect(target)
    reader.execute("pragma journal_mode = wal")
    reader.execute("update articles set title = 'changed in the backup'")
    reader.commit()
    refused = backup(archive, target)
    assert (refused.exit_code, fault(refused)) == (1, f"BackupRefused {target}")
    assert reader.execute("select distinct title from articles").fetchall() == [("changed in the backup",)]
    reader.close()
    assert backup(archive, target).exit_code == 0
    assert number(target, "select count(*) from articles where title like 'changed%'") == 0
    assert_sound(target, quick=True)


def test_a_full_disk_is_reported(archive: Path) -> None:
    refused = backup(archive, Path("/proc/nowhere/a.db"))
    assert refused.exit_code == 1, refused.output
    assert isinstance(refused.exception, SystemExit), refused.output


def test_json_of_a_plain_backup(archive: Path, tmp_path: Path) -> None:
    report: dict[str, Any] = json.loads(backup(archive, tmp_path / "a.db", "--no-captures", "--json").stdout)
    assert report == {
        "file": str(tmp_path / "a.db"),
        "bytes": (tmp_path / "a.db").stat().st_size,
        "articles": 9,
        "captures": False,
        "recorded": True,
        "purged_warc_files": [],
        "other_copies": [],
        "removed_posts_held": 0,
        "lost": None,
    }


def test_a_backup_holds_everything_and_says_what_it_does_not(archive: Path, tmp_path: Path) -> None:
    whole, bare = tmp_path / "whole" / "a.db", tmp_path / "bare" / "a.db"
    done = backup(archive, whole)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "4 WARC files copied" in done.stdout
    assert not verify(whole).findings
    done = backup(archive, bare, "--no-captures")
    assert done.exit_code == 0
    assert "without WARC files" in done.stdout
    assert not (bare.parent / "warc").exists()
    assert "--no-captures" in in_process("backup", "--help").stdout
    with closing(sqlite3.connect(archive)) as db:
        kept = dict(db.execute("select path, captures from backups").fetchall())
    assert kept == {str(whole): 1, str(bare): 0}
    here = backup(archive, archive.parent / "copy.db")
    assert "uses the WARC files of the archive" in here.stdout
