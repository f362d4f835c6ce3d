"""Findings of verify with one cause are one entry, which names the backup that is whole."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from archiver.maintenance.partial_check import find_causes
from archiver.maintenance.verification import verify
from tests.damage import damage_table, flip, shorten, warc_files
from tests.proved_archive import make
from tests.runner import in_process


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "own")


def causes(archive: Path) -> list[dict[str, Any]]:
    done = in_process("verify", "--json", "--archive", str(archive))
    found: list[dict[str, Any]] = json.loads(done.stdout)["causes"]
    return found


def change(archive: Path, *statements: str) -> None:
    with closing(sqlite3.connect(archive)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


@pytest.mark.parametrize("table", ["articles", "captures", "pages", "idx_articles_urlkey", "revisions"])
def test_a_damaged_page_is_one_cause(table: str, archive: Path) -> None:
    offset = damage_table(archive, table)
    (cause,) = causes(archive)
    assert cause["kind"] == "database-damaged"
    assert f"byte {offset:,}" in cause["sentence"]


def test_articles_that_cannot_be_read_are_named(archive: Path) -> None:
    damage_table(archive, "revisions")
    assert len(causes(archive)) == 1
    (lost,) = (one for one in verify(archive).findings if one.kind == "articles-unreadable")
    assert lost.sentence.endswith("1, 2, 3, 4, 5, 6, 7, 8, 9")


def test_each_damaged_file_is_a_cause_of_its_own(archive: Path) -> None:
    one, other = warc_files(archive)[:2]
    for file in (one, other):
        flip(file, file.stat().st_size // 3)
        flip(file, file.stat().st_size // 2)
    found = causes(archive)
    assert sorted(cause["unit"] for cause in found) == [f"warc/{file.name}" for file in (one, other)]


def test_a_deleted_row_is_one_cause(archive: Path) -> None:
    change(archive, "delete from captures where id = 10")
    findings = verify(archive).findings
    assert len(findings) == 4
    assert len(find_causes(findings)) == 1


def test_independent_findings_are_not_grouped(archive: Path) -> None:
    change(archive, "update articles set title = 'x' where id in (3, 5)", "drop trigger articles_clusters_ad")
    found = causes(archive)
    assert [cause["subject"] for cause in found] == ["trigger articles_clusters_ad", "article 3", "article 5"]


def test_the_backup_that_is_whole_is_named(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "copies" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    torn = warc_files(archive)[0]
    shorten(torn, 700)
    damage_table(archive, "pages")
    remedies = {cause["kind"]: cause["remedy"] for cause in causes(archive)}
    assert f"'archiver restore {file} --archive {archive}'" in remedies["database-damaged"]
    assert f"'archiver restore {file} warc/{torn.name} --archive {archive}'" in remedies["file-torn"]


def test_a_backup_that_is_damaged_or_away_is_not_named_as_whole(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "copies" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    torn = warc_files(archive)[0]
    shorten(torn, 700)
    shorten(file.parent / "warc" / torn.name, 700)
    damage_table(archive, "pages")
    damage_table(file, "articles")
    assert not any("archiver restore /" in cause["remedy"] for cause in causes(archive))
    file.parent.rename(tmp_path / "away")
    assert all(str(file) in cause["remedy"] for cause in causes(archive))
    assert not any("archiver restore /" in cause["remedy"] for cause in causes(archive))


@pytest.mark.parametrize("table", ["captures", "idx_captures_digest", "idx_captures_url", "pages", "articles"])
def test_a_damaged_database_makes_no_intact_file_damaged(table: str, archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    for path in (archive, file):  # the nights before
        assert in_process("verify", "--part", "--archive", str(path)).exit_code == 0
    damage_table(archive, table)
    for words in (("--part",), ("--part",), ()):
        done = in_process("verify", *words, "--json", "--archive", str(archive))
        assert done.exit_code == 1
        data = json.loads(done.stdout)
        found = data["damages"] if words else data["causes"]
        assert {one["kind"] for one in found} == {"database-damaged"}, found
        assert not [one for one in found if one["unit"].startswith("warc/") or "warc/" in one["sentence"]]
        for one in found:
            assert "archive.db is damaged" in one["sentence"] or "malformed" in one["sentence"]
            assert "no undamaged copy" not in one["remedy"]
        assert any("archiver restore" in one["remedy"] or "--repair" in one["remedy"] for one in found)
        with closing(sqlite3.connect(archive)) as db:
            units = [row[0] for row in db.execute("select unit from damages")]
        assert len(units) == len(set(units)) == len(found)


def test_a_damaged_file_is_named_beside_a_damaged_database(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    damage_table(archive, "captures")
    flip(warc_files(archive)[1], warc_files(archive)[1].stat().st_size // 2)
    found = {one["unit"]: one for one in causes(archive)}
    name = f"warc/{warc_files(archive)[1].name}"
    assert set(found) == {"database", name}
    assert f"archiver restore {file} {name}" in found[name]["remedy"]
