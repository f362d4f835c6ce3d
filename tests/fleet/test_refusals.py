"""Conditions under which a fleet refuses to work: each is reported in one sentence, and loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import ShardStorage, check_storage, mark_storage
from archiver.model.errors import (
    BadQueueAddress,
    ClockSkew,
    ForeignFleet,
    QueueUnavailable,
    QueueVersionMismatch,
    StorageRefused,
    WorkersActive,
)
from tests.fleet.fleets import Fleet
from tests.fleet.postgres import PACKAGE, Postgres

pytestmark = pytest.mark.needs(PACKAGE)


def error_of(fleet: Fleet, *words: str) -> str:
    done = fleet.do(*words)
    assert done.returncode in (1, 2), done.stderr
    assert done.stderr.startswith("Error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "s3cret" not in done.stderr
    return done.stderr


def test_an_unreachable_database_is_reported(postgres: Postgres, tmp_path: Path) -> None:
    away = Fleet("postgresql://archiver:s3cret@127.0.0.1:1/queue", tmp_path)
    assert "127.0.0.1:1/queue" in (text := error_of(away, "status"))
    assert "refused" in text
    for address, why in (
        (postgres.url("postgres", "wrong"), "password authentication failed"),
        (postgres.url("nowhere"), '"nowhere" does not exist'),
    ):
        with pytest.raises(QueueUnavailable, match=why):
            QueueDatabase(address)
    with pytest.raises(BadQueueAddress, match="postgresql://USER@HOST:PORT/DATABASE"):
        QueueDatabase("mysql://x")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:%s3cret@h/db",
        "postgresql://u:p@s3cret@h/db",
        "postgresql://u:/s3cret@h/db",
        "host=h s3cret",
        "dbname=postgresql://u:s3cret@h/db",
        "postgresql://u:s3cret",
        "postgresql://h/db?password=x&s3cret=1",
    ],
)
def test_no_message_repeats_a_password(address: str, tmp_path: Path) -> None:
    assert "%40" in (text := error_of(Fleet(address, tmp_path), "status")) or "KEY=VALUE" in text


def test_a_storage_url_with_a_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageRefused, match=r"s3://key:\*\*\*@news") as refused:
        ShardStorage("s3://key:s3c/r@et@news/x")
    assert "s3c" not in str(refused.value)
    assert "r@et" not in str(refused.value)


def test_a_user_without_the_right_to_create_tables_is_refused(postgres: Postgres, jobs: str, tmp_path: Path) -> None:
    import psycopg

    with psycopg.connect(jobs, autocommit=True) as conn:
        conn.execute("create role reader login password 's3cret'")
        conn.execute("revoke create on schema public from public")
    reader = Fleet(jobs.replace("archiver:", "reader:"), tmp_path)
    assert "permission denied for schema public" in error_of(reader, "init", "--storage", reader.storage)
    assert Fleet(jobs, tmp_path).do("init", "--storage", reader.storage).returncode == 0
    assert "permission denied for table fleet" in error_of(reader, "status")


def test_a_missing_or_foreign_storage_is_refused(jobs: str, tmp_path: Path) -> None:
    fleet = Fleet(jobs, tmp_path)
    assert "archiver fleet init" in error_of(fleet, "worker")
    all_db = tmp_path / "all" / "archive.db"
    for place, why in (("ftp://127.0.0.1:1", "refused"), (str(tmp_path), "fleet.json")):
        assert why in error_of(fleet, "collect", "--storage", place, "--archive", str(all_db))
    assert fleet.do("collect", "--storage", "", "--archive", str(all_db)).returncode == 2
    assert not all_db.parent.exists()
    (tmp_path / "file").touch()
    assert str(tmp_path / "file" / "x") in error_of(fleet, "init", "--storage", str(tmp_path / "file" / "x"))
    assert "archiver fleet init" in error_of(fleet, "worker"), "a fleet was made whose shards have no place"
    with pytest.raises(StorageRefused, match="Protocol not known"):
        ShardStorage("floppy://a")
    assert fleet.do("init", "--storage", fleet.storage).returncode == 0
    with pytest.raises(ForeignFleet):
        mark_storage(ShardStorage(fleet.storage), "another")
    with pytest.raises(StorageRefused) as refused:
        check_storage(ShardStorage(str(tmp_path / "empty")), "another")
    assert refused.value.subject == str(tmp_path / "empty")


def test_another_version_is_refused(jobs: str, tmp_path: Path) -> None:
    fleet = Fleet(jobs, tmp_path)
    board = QueueDatabase(jobs)
    try:
        board.make(fleet.storage, None, None)
        board.do("update fleet set version = '9.9'")
        assert " 9.9" in error_of(fleet, "worker")
        board.do("insert into fleet_workers (name, version, slots) values ('old', '9.9', 1)")
        with pytest.raises(WorkersActive, match="old"):
            board.make("", None, None)
        board.do("update fleet_workers set ended_at = now()")
        board.make("", None, None)
        board.fleet()
        board.do("update fleet set layout = layout + 1")
        with pytest.raises(QueueVersionMismatch):
            board.fleet()
        assert "archiver fleet drain --wait 600" in error_of(fleet, "status")
        assert fleet.do("drain").returncode == 0
    finally:
        board.close()


def test_foreign_tables_are_refused(jobs: str, tmp_path: Path) -> None:
    fleet, board = Fleet(jobs, tmp_path), QueueDatabase(jobs)
    try:
        board.do("create table fleet_sites (vessel text)")
        assert '"fleet_sites" already exists' in error_of(fleet, "init", "--storage", fleet.storage)
        board.do("drop table fleet_sites")
        board.make(fleet.storage, None, None)
        board.do("alter table fleet_sites drop column articles")
        assert "(column s.articles does not exist)" in error_of(fleet, "status")
    finally:
        board.close()


def test_a_wrong_clock_is_refused(jobs: str) -> None:
    board = QueueDatabase(jobs)
    try:
        board.check_clock(datetime.now(UTC))
        with pytest.raises(ClockSkew, match=r"3,600 seconds ahead"):
            board.check_clock(datetime.now(UTC) + timedelta(hours=1))
    finally:
        board.close()
