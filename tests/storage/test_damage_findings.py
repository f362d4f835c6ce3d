"""A damaged database or WARC file is named once, with the backup that may mend it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.damage import damage_table, flip, shorten, warc_files
from tests.proved_archive import make
from tests.runner import in_process


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "own")


def found_in(archive: Path) -> list[dict[str, Any]]:
    done = in_process("verify", "--json", "--archive", str(archive))
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


def change(archive: Path, *statements: str) -> None:
    with closing(sqlite3.connect(archive)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


@pytest.mark.parametrize("table", ["articles", "captures", "pages", "idx_articles_urlkey", "revisions"])
def test_a_damaged_page_is_named_and_the_rows_are_not_checked(table: str, archive: Path) -> None:
    offset = damage_table(archive, table)
    found = found_in(archive)
    assert found[0]["kind"] == "database-damaged"
    assert f"byte {offset:,}" in found[0]["sentence"]
    assert {one["kind"] for one in found} <= {"database-damaged", "articles-unreadable"}
    done = in_process("verify", "--archive", str(archive))
    assert "The rows of the database were not checked" in done.stderr
    with closing(sqlite3.connect(archive)) as db:
        try:
            known = db.execute("select covers_since from integrity_checks").fetchall()
            assert db.execute("select count(*) from checked_units where unit glob 'articles *'").fetchone() == (0,)
        except sqlite3.DatabaseError:
            return
    assert set(known) == {(None,)}


def test_articles_that_cannot_be_read_are_named(archive: Path) -> None:
    damage_table(archive, "revisions")
    (lost,) = (one for one in found_in(archive) if one["kind"] == "articles-unreadable")
    assert lost["sentence"].endswith("1, 2, 3, 4, 5, 6, 7, 8, 9")


def test_each_damaged_file_is_one_damage(archive: Path) -> None:
    one, other = warc_files(archive)[:2]
    for file in (one, other):
        flip(file, file.stat().st_size // 3)
        flip(file, file.stat().st_size // 2)
    assert len(found_in(archive)) > 2
    with closing(sqlite3.connect(archive)) as db:
        units = sorted(row[0] for row in db.execute("select unit from damages"))
    assert units == [f"warc/{file.name}" for file in (one, other)]


def test_the_last_backup_is_named(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "copies" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    torn = warc_files(archive)[0]
    shorten(torn, 700)
    damage_table(archive, "pages")
    remedies = {one["kind"]: one["remedy"] for one in found_in(archive)}
    assert f"'archiver restore {file} --archive {archive}'" in remedies["database-damaged"]
    assert f"'archiver restore {file} warc/{torn.name} --archive {archive}'" in remedies["file-torn"]
    file.parent.rename(tmp_path / "away")
    assert all(str(file) in one["remedy"] for one in found_in(archive))
    assert not any("archiver restore /" in one["remedy"] for one in found_in(archive))


@pytest.mark.parametrize("table", ["captures", "idx_captures_digest", "idx_captures_url", "pages", "articles"])
def test_a_damaged_database_makes_no_intact_file_damaged(table: str, archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    for path in (archive, file):
        assert in_process("verify", "--archive", str(path)).exit_code == 0
    damage_table(archive, table)
    for _ in range(2):
        done = in_process("verify", "--json", "--archive", str(archive))
        assert done.exit_code == 1
        data = json.loads(done.stdout)
        found = [one for one in data["findings"] if one["kind"] != "articles-unreadable"]
        assert {one["kind"] for one in found} == {"database-damaged"}, found
        assert not [one for one in found if one["unit"].startswith("warc/") or "warc/" in one["sentence"]]
        for one in found:
            assert "archive.db is damaged" in one["sentence"] or "malformed" in one["sentence"]
        assert any("archiver restore" in one["remedy"] or "--repair" in one["remedy"] for one in found)
        with closing(sqlite3.connect(archive)) as db:
            units = [row[0] for row in db.execute("select unit from damages")]
        assert len(units) == len(set(units)) == len(found)


def test_a_damaged_file_is_named_beside_a_damaged_database(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    damage_table(archive, "captures")
    flip(warc_files(archive)[1], warc_files(archive)[1].stat().st_size // 2)
    found = {one["unit"]: one for one in found_in(archive)}
    name = f"warc/{warc_files(archive)[1].name}"
    assert set(found) == {"table captures", name}
    assert f"archiver restore {file} {name}" in found[name]["remedy"]
