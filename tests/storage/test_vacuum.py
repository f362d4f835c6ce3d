"""Vacuum: the space it frees, and when it is refused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from archiver.cli.main import cli
from archiver.maintenance import database_damage
from archiver.maintenance.verification import verify
from archiver.search.query import Query
from archiver.search.search_hits import run_query
from archiver.storage.database import open_archive
from archiver.storage.transactions import lock_site
from tests.proved_archive import make
from tests.runner import Runner, fault


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    archive = make(tmp_path)
    with closing(sqlite3.connect(archive)) as db:
        db.execute("insert into host_files values ('x', 'y', '2024-05-01', 200, null, null, zeroblob(4000000))")
        db.commit()
        db.execute("delete from host_files where origin = 'x'")
        db.commit()
    return archive


def vacuum(archive: Path, *words: str) -> Result:
    return Runner().invoke(cli, ["vacuum", "--archive", str(archive), *words])


def test_vacuum_frees_space_and_changes_no_result(archive: Path) -> None:
    report = json.loads(vacuum(archive, "--json").stdout)
    assert report["before"] > 4_000_000 > 2_000_000 > report["after"] == archive.stat().st_size
    assert report["freed"] == report["before"] - report["after"]
    assert not archive.with_name("archive.db-wal").exists()
    assert verify(archive).findings == []
    db = open_archive(archive, read_only=True)
    assert run_query(db, Query("mate")).total > 0
    assert db.execute("select count(*) from sqlite_stat1").fetchone()[0] > 5
    db.close()
    assert "MB before" in vacuum(archive).stdout


def test_vacuum_is_refused_during_a_crawl(archive: Path) -> None:
    held = lock_site(archive, "quay.example")
    size = archive.stat().st_size
    refused = vacuum(archive)
    assert (refused.exit_code, fault(refused)) == (1, f"ArchiveBusy {archive}")
    held.close()
    other = sqlite3.connect(archive)
    other.execute("begin immediate")
    database_damage.PATIENCE_MS = 50
    refused = vacuum(archive)
    assert refused.exit_code == 1
    assert "Another program" in refused.output
    assert archive.stat().st_size == size
    other.rollback()
    other.close()
    assert vacuum(archive).exit_code == 0


def test_vacuum_is_refused_on_a_full_disk(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_damage, "free_bytes", lambda path: 1_000_000)
    refused = vacuum(archive)
    assert (refused.exit_code, fault(refused)) == (1, f"NotEnoughSpace {archive.parent}")
    assert "1.0 MB" in refused.output
