"""What keeps a fleet from working is said in one sentence, and nothing is lost by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archiver.fleet.board import Board
from archiver.fleet.mark import check, mark
from archiver.fleet.refusals import (
    BadQueueAddress,
    OtherFleet,
    OtherVersion,
    QueueAway,
    StorageRefused,
    WorkersRun,
    WrongClock,
)
from archiver.fleet.storage import Storage
from tests.fleet.fleets import Fleet
from tests.fleet.postgres import PACKAGE, Postgres

pytestmark = pytest.mark.needs(PACKAGE)


def said(fleet: Fleet, *words: str) -> str:
    done = fleet.do(*words)
    assert done.returncode in (1, 2) and done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
    assert "s3cret" not in done.stderr
    return done.stderr


def test_a_database_that_cannot_be_reached(postgres: Postgres, tmp_path: Path) -> None:
    away = Fleet("postgresql://archiver:s3cret@127.0.0.1:1/queue", tmp_path)
    assert "127.0.0.1:1/queue" in (text := said(away, "status")) and "refused" in text
    for address, why in ((postgres.url("postgres", "wrong"), "password authentication failed"),
                         (postgres.url("nowhere"), '"nowhere" does not exist')):
        with pytest.raises(QueueAway, match=why):
            Board(address)
    with pytest.raises(BadQueueAddress, match="postgresql://USER@HOST:PORT/DATABASE"):
        Board("mysql://x")


def test_a_storage_that_is_none_or_anothers(jobs: str, tmp_path: Path) -> None:
    fleet = Fleet(jobs, tmp_path)
    assert "archiver fleet init" in said(fleet, "worker")
    (tmp_path / "file").touch()
    assert "cannot be used" in said(fleet, "init", "--storage", str(tmp_path / "file" / "x"))
    with pytest.raises(StorageRefused, match="Protocol not known"):
        Storage("floppy://a")
    assert fleet.do("init", "--storage", fleet.storage).returncode == 0
    with pytest.raises(OtherFleet):
        mark(Storage(fleet.storage), "another")
    with pytest.raises(StorageRefused, match="not this fleet's"):
        check(Storage(str(tmp_path / "empty")), "another")


def test_another_version(jobs: str, tmp_path: Path) -> None:
    fleet = Fleet(jobs, tmp_path)
    board = Board(jobs)
    try:
        board.make(fleet.storage, None, None)
        board.do("update fleet set version = '9.9'")
        assert "is of archiver 9.9" in said(fleet, "worker")
        board.do("insert into fleet_workers (name, version, slots) values ('old', '9.9', 1)")
        with pytest.raises(WorkersRun, match="old"):
            board.make("", None, None)
        board.do("update fleet_workers set ended_at = now()")
        board.make("", None, None)
        board.fleet()
        board.do("update fleet set layout = layout + 1")
        with pytest.raises(OtherVersion):
            board.fleet()
    finally:
        board.close()


def test_a_wrong_clock(jobs: str) -> None:
    board = Board(jobs)
    try:
        board.check_clock(datetime.now(UTC))
        with pytest.raises(WrongClock, match=r"3,600 seconds ahead"):
            board.check_clock(datetime.now(UTC) + timedelta(hours=1))
    finally:
        board.close()
