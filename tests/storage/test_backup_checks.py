"""Backups of damaged archives are refused, and each backup is recorded in the archive."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.health.stored_health import judge_safety, read_safety
from archiver.maintenance.verification import verify
from archiver.sites.config import Maintenance
from archiver.storage.database import opened
from tests.damage import damage_table, flip, overwrite_page, shorten, warc_files
from tests.killed_call import KilledCall, assert_killed
from tests.proved_archive import QUAY, START, Run, make, page, text
from tests.runner import fault, in_process
from tests.takedown.removing import holds, remove


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "own")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "archive.db"


def backup(archive: Path, *words: str | Path) -> Result:
    return in_process("backup", *map(str, words), "--archive", str(archive))


def report(archive: Path, *words: str | Path) -> dict[str, Any]:
    done = backup(archive, *words, "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows(archive: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(archive)) as db:
        return db.execute(query).fetchall()


def change(archive: Path, *statements: str) -> None:
    with closing(sqlite3.connect(archive)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def add_post(archive: Path, number: int) -> None:
    with Run(archive, QUAY, START + timedelta(days=number)) as run:
        run.post(f"{QUAY}{number}", page(f"Day {number}", text(number), number % 28 + 1))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "articles": lambda archive: damage_table(archive, "articles"),
    "an index": lambda archive: damage_table(archive, "idx_captures_digest"),
    "the header": lambda archive: overwrite_page(archive, 1),
    "half of the file": lambda archive: os.truncate(archive, archive.stat().st_size // 2),
    "a column": lambda archive: change(archive, "alter table captures drop column media_type"),
    "a table": lambda archive: change(archive, "drop table usage_statements"),
    "a text": lambda archive: change(archive, "update articles set body = 'x' where id = 3"),
    "articles that are gone": lambda archive: change(archive, "delete from articles where id = 7"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_the_backup_of_a_damaged_archive_leaves_the_last_one(name: str, archive: Path, target: Path) -> None:
    assert backup(archive, target, "--captures").exit_code == 0
    before = target.read_bytes()
    DAMAGES[name](archive)
    refused = backup(archive, target)
    assert refused.exit_code == 1
    assert target.read_bytes() == before


def test_the_refusal_names_the_damage_and_the_backup(archive: Path, target: Path) -> None:
    backup(archive, target)
    offset = damage_table(archive, "captures")
    refused = backup(archive, target)
    assert fault(refused) == f"BackupDamaged {target}"
    assert f"captures (byte {offset:,})" in refused.stderr
    assert f"'archiver restore {target} --archive {archive}'" in refused.stderr


def test_a_first_backup_of_a_damaged_archive_is_refused(archive: Path, target: Path) -> None:
    damage_table(archive, "revisions")
    assert fault(backup(archive, target)) == f"BackupDamaged {target}"
    assert not target.exists()


def test_articles_that_a_person_removed_are_not_missed(archive: Path, target: Path) -> None:
    change(
        archive,
        "insert into runs (site_id, mode, started_at, version) "
        "select id, 'full', '2024-06-01T00:00:00+00:00', '0' from sites where name = 'quay.example'",
    )
    backup(archive, target)
    assert remove(archive, "7").exit_code == 0
    removed = in_process("sites", "remove", "hill.example", "--with-articles", "--yes", "--archive", str(archive))
    assert removed.exit_code == 0, removed.output
    again = backup(archive, target)
    assert again.exit_code == 0, again.output


def test_with_force_articles_may_be_missing(archive: Path, target: Path) -> None:
    backup(archive, target)
    change(archive, "delete from articles where id = 7")
    assert backup(archive, target, "--force").exit_code == 0
    assert rows(target, "select count(*) from articles") == [(8,)]


def test_force_does_not_skip_the_check_for_damage(archive: Path, target: Path) -> None:
    backup(archive, target)
    before = target.read_bytes()
    damage_table(archive, "articles")
    assert fault(backup(archive, target, "--force")) == f"BackupDamaged {target}"
    assert target.read_bytes() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_backup_of_a_damaged_page_is_whole_or_refused(archive: Path, target: Path, number: int, seed: int) -> None:
    kept = archive.with_name("kept")
    if not kept.exists():
        change(archive, "pragma journal_mode = delete")
        shutil.copyfile(archive, kept)
    shutil.rmtree(target.parent, ignore_errors=True)
    shutil.copyfile(kept, archive)
    overwrite_page(archive, number % (archive.stat().st_size // 4096) + 1, seed=seed)
    done = backup(archive, target)
    assert done.exit_code == 1 if not target.exists() else not verify(target, quick=True).findings


def test_a_verification_writes_nothing_to_a_backup(archive: Path, target: Path) -> None:
    backup(archive, target)
    before = target.read_bytes()
    assert in_process("verify", "--archive", str(target)).exit_code == 0
    assert target.read_bytes() == before


KILLS = [
    KilledCall("backup", "_copy", 1, True),
    KilledCall("backup", "check_copy", 1, True),
    KilledCall("backup", "copy_file", 2, False),
    KilledCall("backup", "_move_into_place", 1, False),
    KilledCall("backup", "_write", 1, False),
]


@pytest.mark.parametrize("moment", KILLS, ids=str)
def test_a_backup_killed_at_any_moment_leaves_one(moment: KilledCall, archive: Path, target: Path) -> None:
    assert backup(archive, target).exit_code == 0
    add_post(archive, 23)
    assert_killed(moment, backup, archive, target)
    # A WARC file may have been copied without its index.
    assert {finding.kind for finding in verify(target).findings} <= {"file-unfinished"}
    add_post(archive, 24)
    assert backup(archive, target).exit_code == 0
    assert verify(target).findings == []
    assert sorted(file.name for file in target.parent.iterdir()) == ["archive.db", "warc"]


# WARC files


def test_a_damaged_warc_file_does_not_replace_the_whole_one(archive: Path, target: Path) -> None:
    backup(archive, target, "--captures")
    torn, flipped = warc_files(archive)[:2]
    shorten(torn, 700)
    flip(flipped, flipped.stat().st_size // 2)
    add_post(archive, 20)
    done = backup(archive, target, "--captures", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["damaged_warc_files"] == [f"warc/{torn.name}"]
    assert f"'archiver restore {target} warc/{torn.name} --archive {archive}'" in done.stderr
    assert verify(target).findings == []
    assert rows(target, "select count(*) from articles") == [(10,)]


def test_a_file_that_was_damaged_while_it_grew_is_not_copied(archive: Path, target: Path) -> None:
    with Run(archive, QUAY, START + timedelta(days=30)) as run:
        run.post(f"{QUAY}30", page("Day 30", text(30), 5))
        run.writer.flush()
        assert backup(archive, target, "--captures").exit_code == 0
        run.post(f"{QUAY}31", page("Day 31", text(31), 5))
    grown = max(warc_files(archive), key=lambda file: file.stat().st_mtime)
    before = (target.parent / "warc" / grown.name).read_bytes()
    flip(grown, len(before) // 2)
    assert backup(archive, target, "--captures").exit_code == 1
    assert (target.parent / "warc" / grown.name).read_bytes() == before


# Records


def test_a_backup_is_recorded_in_the_archive_and_in_itself(archive: Path, target: Path) -> None:
    backup(archive, target, "--captures")
    ((path, articles, captures, failed),) = rows(archive, "select path, articles, captures, failed_at from backups")
    assert (path, articles, captures, failed) == (str(target.resolve()), 9, 1, None)
    assert rows(target, "select path, made_at from backups") == rows(archive, "select path, made_at from backups")


def test_a_failed_backup_is_recorded_until_one_succeeds(archive: Path, target: Path) -> None:
    backup(archive, target)
    change(archive, "update articles set body = body || ' x' where id = 2")
    backup(archive, target)
    backup(archive, target.parent)
    ((made_at, failure),) = rows(archive, "select made_at, failure from backups")
    assert made_at
    assert "article 2" in failure
    assert backup(archive, target, "--force").exit_code == 0
    assert rows(archive, "select failed_at, failure from backups") == [(None, None)]


def test_a_first_backup_to_a_full_disk_is_recorded(
    archive: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.maintenance.backup.free_bytes", lambda path: 0)
    done = backup(archive, target, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout).keys() == {"file", "error"}
    ((made_at, failure),) = rows(archive, "select made_at, failure from backups")
    assert made_at is None
    assert failure == json.loads(done.stdout)["error"]
    assert "crawl" not in failure


def test_a_disk_that_gets_full_during_a_backup_is_recorded(
    archive: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("archiver.maintenance.backup._copy_warc", full)
    assert backup(archive, target, "--captures").exit_code == 1
    ((failure,),) = rows(archive, "select failure from backups")
    assert "its disk is full" in failure


def test_a_backup_creates_one_folder_at_most(archive: Path, tmp_path: Path) -> None:
    assert backup(archive, tmp_path / "disk" / "news" / "a.db").exit_code == 1
    assert not (tmp_path / "disk").exists()
    assert rows(archive, "select path from backups") == []
    (tmp_path / "disk").mkdir()
    assert backup(archive, tmp_path / "disk" / "news" / "a.db").exit_code == 0


def test_no_backup_is_made_where_a_disk_is_not_mounted(archive: Path, target: Path) -> None:
    backup(archive, target)
    target.parent.rename(target.parent.with_name("away"))
    assert backup(archive, target).exit_code == 1
    assert not target.parent.exists()
    ((made_at, failure),) = rows(archive, "select made_at, failure from backups")
    assert made_at
    assert str(target.parent) in failure
    target.parent.mkdir()
    assert backup(archive, target).exit_code == 0


def test_a_deleted_backup_is_a_finding(archive: Path, target: Path) -> None:
    backup(archive, target)
    assert findings(archive) == []
    target.unlink()
    assert findings(archive) == [("backup", "missing")]
    assert report(archive, target)["lost"] is not None
    assert report(archive, target)["lost"] is None
    target.parent.rename(target.parent.with_name("away"))
    assert findings(archive) == []


def findings(archive: Path) -> list[tuple[str, str]]:
    with opened(archive, read_only=True) as db:
        known = read_safety(db)
    assert known is not None
    now = datetime.now(UTC)
    return [(one.code, one.about) for one in judge_safety(known, Maintenance(), now) if one.code == "backup"]


def test_the_finding_and_the_removal_name_the_same_options(archive: Path, target: Path) -> None:
    backup(archive, target, "--captures")
    remove(archive, "1")
    with opened(archive, read_only=True) as db:
        known = read_safety(db)
    assert known is not None
    (removed,) = [one for one in judge_safety(known, Maintenance(), datetime.now(UTC)) if one.code == "removed"]
    assert f"'archiver backup {target} --purge'" in removed.sentence


def test_removed_posts_are_purged_from_a_backup(archive: Path, target: Path) -> None:
    backup(archive, target)
    done = remove(archive, "1", "--json")
    (holder,) = json.loads(done.stdout)["held_by"]
    assert holder == {"path": str(target), "advice": f"archiver backup {target} --purge --archive {archive}"}
    held = report(archive, target)
    assert held["removed_posts_held"] == 1
    assert holds(target, "Entry 1.1.")
    done = report(archive, target, "--purge")
    assert done["removed_posts_held"] == 0
    assert done["purged_warc_files"]
    assert not holds(target, "Entry 1.1.")
    assert verify(target).findings == []
    assert json.loads(remove(archive, "2", "--json").stdout)["held_by"] != []


def test_a_purged_backup_has_the_files_that_replaced_the_deleted_ones(archive: Path, target: Path) -> None:
    backup(archive, target)
    assert remove(archive, "1").exit_code == 0
    assert report(archive, target, "--no-captures", "--purge")["purged_warc_files"]
    assert verify(target).findings == []


def test_a_backup_without_captures_holds_no_removed_post(archive: Path, target: Path) -> None:
    backup(archive, target, "--no-captures")
    assert len(json.loads(remove(archive, "1", "--json").stdout)["held_by"]) == 1
    assert report(archive, target, "--no-captures")["removed_posts_held"] == 0
    assert not holds(target, "Entry 1.1.")


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_purge_names_other_copies_and_keeps_their_files(is_damaged: bool, archive: Path, target: Path) -> None:
    backup(archive, target)
    copy = target.with_name("archive-2024-06-04-030000.db")  # as version 0.3.0 named earlier backups
    shutil.copyfile(target, copy)
    if is_damaged:
        overwrite_page(copy, 1)
    assert remove(archive, "1").exit_code == 0
    done = report(archive, target, "--purge")
    assert (done["other_copies"], done["removed_posts_held"]) == ([str(copy)], 1)
    assert is_damaged or verify(copy).findings == []
    copy.unlink()
    assert report(archive, target, "--purge")["removed_posts_held"] == 0
    assert not holds(target, "Entry 1.1.")


def test_earlier_backups_of_version_0_3_0_may_hold_removed_posts(archive: Path, target: Path) -> None:
    backup(archive, target, "--no-captures")
    change(archive, "update backups set holds_since = '2024-05-01T00:00:00.000000+00:00'")
    remove(archive, "1")
    assert report(archive, target, "--no-captures")["removed_posts_held"] == 1
    earlier = target.with_name("archive-2024-06-04-030000.db")
    shutil.copyfile(target, earlier)
    assert report(archive, target, "--no-captures", "--purge")["other_copies"] == [str(earlier)]
    earlier.unlink()
    assert report(archive, target, "--no-captures", "--purge")["removed_posts_held"] == 0


def test_an_earlier_backup_of_version_0_3_0_is_kept_and_can_be_restored(archive: Path, target: Path) -> None:
    backup(archive, target)
    earlier = target.with_name("archive-2024-06-04-030000.db")
    shutil.copyfile(target, earlier)
    before = earlier.read_bytes()
    add_post(archive, 20)
    assert backup(archive, target).exit_code == 0
    assert earlier.read_bytes() == before
    assert rows(target, "select count(*) from articles") == [(10,)]
    assert in_process("restore", str(earlier), "--yes", "--archive", str(archive)).exit_code == 0
    assert rows(archive, "select count(*) from articles") == [(9,)]


def test_a_purge_next_to_the_archive_keeps_its_files(archive: Path) -> None:
    target = archive.with_name("copy.db")
    backup(archive, target)
    remove(archive, "1")
    files = warc_files(archive)
    done = report(archive, target, "--purge")
    assert (done["purged_warc_files"], done["other_copies"], done["removed_posts_held"]) == ([], [], 0)
    assert warc_files(archive) == files
    assert verify(archive).findings == []
