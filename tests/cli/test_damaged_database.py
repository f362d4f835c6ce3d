"""A damaged database is red in `status` and `status --health`, before any check has found it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.damage import damage_table, overwrite_page
from tests.proved_archive import make
from tests.runner import in_process


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "own")


def leaf(archive: Path, name: str) -> int:
    """Returns the number of the last leaf page of a table or index."""
    with closing(sqlite3.connect(archive)) as db:
        db.execute("pragma wal_checkpoint(truncate)").fetchone()
        return int(
            db.execute("select max(pageno) from dbstat where name = ? and pagetype = 'leaf'", [name]).fetchone()[0]
        )


ROOTS = ("captures", "articles", "revisions", "pages", "sites", "runs", "idx_captures_digest", "idx_pages_urlkey")
LEAVES = ("articles", "captures", "page_discoveries", "idx_captures_url")


def damage(archive: Path, kind: str, name: str) -> None:
    if kind == "header":
        overwrite_page(archive, 1, int(name))
    elif kind == "leaf":
        overwrite_page(archive, leaf(archive, name))
    else:
        damage_table(archive, name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("root", one) for one in ROOTS), *(("leaf", one) for one in LEAVES), ("header", "4096"), ("header", "20")],
)
def test_it_is_red_everywhere_and_named(kind: str, name: str, archive: Path) -> None:
    damage(archive, kind, name)
    for words in (["status"], ["status", "--long"], ["status", "quay.example"], ["status", "--health"]):
        done = in_process(*words, "--archive", str(archive))
        assert done.exit_code == (2 if "--health" in words else 1), (words, done.output)
        assert "archive.db is damaged" in done.output
        assert "warc/" not in done.output
        assert "red" in done.output
    health = json.loads(in_process("status", "--health", "--json", "--archive", str(archive)).stdout)
    assert (health.get("state") or health["archive"]["state"]) == "red"
    assert in_process("status", "--json", "--archive", str(archive)).exit_code == 1


def test_the_backup_and_what_a_check_found_are_named_once(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup" / "archive.db"
    assert in_process("backup", str(file), "--captures", "--archive", str(archive)).exit_code == 0
    assert in_process("status", "--archive", str(archive)).exit_code == 0
    damage_table(archive, "revisions")
    for _ in range(2):
        for words in (["status"], ["status", "--health"]):
            done = in_process(*words, "--archive", str(archive))
            assert f"archiver restore {file}" in " ".join(done.output.split())
            assert done.output.count("archive.db is damaged") == 1
        in_process("verify", "--archive", str(archive))


def test_a_file_of_another_kind_is_no_damaged_archive(tmp_path: Path) -> None:
    file = tmp_path / "list.db"
    file.write_bytes(b"no database, but longer than the header of one" * 100)
    done = in_process("status", "--archive", str(file))
    assert "is not an archive of this program" in done.output
