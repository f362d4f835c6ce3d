"""The nightly check of a part: it reads everything in turn, and finds damage before a reader does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archiver.health.stored_health import judge_safety, read_safety
from archiver.maintenance import partial_check
from archiver.maintenance.partial_check import CheckBudget, Unit, check_part, is_part_due, list_units
from archiver.maintenance.verify_captures import find_warc_files
from archiver.sites.config import Maintenance
from archiver.storage.database import opened
from archiver.storage.runs import read_checked_units
from archiver.storage.transactions import check_is_running, lock_check
from tests.damage import damage_table, flip, shorten, warc_files
from tests.proved_archive import make
from tests.runner import fault, in_process
from tests.takedown.removing import remove

NOW = datetime.now(UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "own")


def rows(archive: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(archive)) as db:
        return db.execute(query).fetchall()


def slow_clock() -> Callable[[], float]:
    """Return a clock that goes on by a minute each time it is read."""

    def times() -> Iterator[float]:
        yield from (60.0 * number for number in range(1_000_000))

    at = times()
    return lambda: next(at)


def findings(archive: Path) -> list[tuple[str, str, str]]:
    with opened(archive, read_only=True) as db:
        known = read_safety(db)
        assert known is not None
        return [(one.code, one.level, one.about) for one in judge_safety(known, Maintenance(), NOW)]


def test_a_small_archive_is_read_at_once(archive: Path) -> None:
    done = check_part(archive, CheckBudget())
    assert (done.left, done.articles, done.warc_files, done.damages) == (0, 9, 4, [])
    with opened(archive, read_only=True) as db:
        names = {unit.name for unit in list_units(db, archive.parent, find_warc_files(archive.parent))}
        assert set(read_checked_units(db)) == names
    assert {"table articles", "articles 1-1000", f"warc/{warc_files(archive)[0].name}"} <= names


def test_everything_is_read_in_the_days_of_the_budget(archive: Path) -> None:
    """Each night reads little, as in an archive that takes longer than the time that a night has."""
    covered = []
    for _ in range(10):
        done = check_part(archive, CheckBudget(days=10, seconds=0), clock=slow_clock())
        assert done.left > 0
        covered.append(rows(archive, "select max(covers_since) from integrity_checks")[0][0])
    with opened(archive, read_only=True) as db:
        names = {unit.name for unit in list_units(db, archive.parent, find_warc_files(archive.parent))}
        assert set(read_checked_units(db)) == names
    assert covered == sorted(covered)
    assert covered[-1] > covered[0]


DAMAGES: dict[str, Callable[[Path], str]] = {
    "a page of the database": lambda archive: f"{damage_table(archive, 'idx_captures_digest') and 'table captures'}",
    "a byte of a WARC file": lambda archive: flipped(warc_files(archive)[1]),
    "a WARC file that is missing": lambda archive: missing(warc_files(archive)[1]),
    "a WARC file that is too short": lambda archive: shortened(warc_files(archive)[1]),
    "a text": lambda archive: altered(archive),
}


def flipped(file: Path) -> str:
    flip(file, file.stat().st_size // 2)
    return f"warc/{file.name}"


def missing(file: Path) -> str:
    file.unlink()
    return f"warc/{file.name}"


def shortened(file: Path) -> str:
    shorten(file, file.stat().st_size // 2)
    return f"warc/{file.name}"


def altered(archive: Path) -> str:
    with closing(sqlite3.connect(archive)) as db:
        db.execute("update articles set body = body || '.' where id = 3")
        db.commit()
    return "articles 1-1000"


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_a_finding_by_the_next_morning(name: str, archive: Path) -> None:
    check_part(archive, CheckBudget())
    unit = DAMAGES[name](archive)
    (damage,) = check_part(archive, CheckBudget()).damages
    assert damage.unit == unit
    ((code, level, about),) = findings(archive)
    assert (code, about) == ("damage", f"{damage.kind}: {damage.subject}")
    assert level in ("amber", "red")
    done = in_process("status", "--health", "--json", "--archive", str(archive))
    assert done.exit_code > 0
    assert [one["code"] for one in json.loads(done.stdout)["archive"]["findings"]] == ["damage"]


def test_a_missing_or_short_file_is_found_in_the_first_night_even_in_a_large_archive(archive: Path) -> None:
    check_part(archive, CheckBudget())
    short, gone = shortened(warc_files(archive)[1]), missing(warc_files(archive)[2])
    done = check_part(archive, CheckBudget(days=100_000, seconds=0), clock=slow_clock())
    assert done.left > 0
    assert {one.unit for one in done.damages} == {short, gone}


def test_a_finding_names_file_byte_and_articles(archive: Path) -> None:
    file = warc_files(archive)[1]
    (number, at, length), *_ = rows(
        archive,
        "select a.id, c.warc_offset, c.warc_length from captures c join articles a on a.capture_id = c.id "
        f"where warc_file = 'warc/{file.name}'",
    )
    flip(file, at + length // 2)
    (damage,) = check_part(archive, CheckBudget()).damages
    assert all(part in damage.sentence for part in (file.name, f"byte {at:,}", f"article {number}"))
    offset = damage_table(archive, "idx_articles_urlkey")
    sentences = [one.sentence for one in check_part(archive, CheckBudget()).damages]
    assert any(f"byte {offset:,}" in sentence for sentence in sentences)


def test_damage_is_forgotten_once_its_unit_is_whole(archive: Path) -> None:
    file = warc_files(archive)[1]
    whole = file.read_bytes()
    flip(file, len(whole) // 2)
    assert check_part(archive, CheckBudget()).damages
    found_at = rows(archive, "select found_at from damages")
    check_part(archive, CheckBudget())
    assert rows(archive, "select found_at from damages") == found_at
    file.write_bytes(whole)
    done = check_part(archive, CheckBudget(days=100_000, seconds=0), clock=slow_clock())
    assert done.left > 0
    assert findings(archive) == []


def test_a_verification_replaces_all_damages(archive: Path) -> None:
    file = warc_files(archive)[1]
    whole = file.read_bytes()
    flip(file, len(whole) // 2)
    assert in_process("verify", "--archive", str(archive)).exit_code == 1
    assert [about.split()[1] for _, _, about in findings(archive)] == [f"warc/{file.name}"]
    file.write_bytes(whole)
    assert in_process("verify", "--quick", "--archive", str(archive)).exit_code == 0
    assert len(findings(archive)) == 1
    assert in_process("verify", "--archive", str(archive)).exit_code == 0
    assert findings(archive) == []
    assert rows(archive, "select kind, articles, warc_files, findings from integrity_checks") == [
        ("verify", 9, 4, 1),
        ("verify", 9, 4, 0),
    ]


def test_an_altered_article_that_verify_found_is_found_whole_by_a_part(archive: Path) -> None:
    altered(archive)
    assert in_process("verify", "--archive", str(archive)).exit_code == 1
    with closing(sqlite3.connect(archive)) as db:
        db.execute("update articles set body = substr(body, 1, length(body) - 1) where id = 3")
        db.commit()
    check_part(archive, CheckBudget())
    assert findings(archive) == []


def test_on_the_command_line(archive: Path) -> None:
    done = in_process("verify", "--part", "--json", "--archive", str(archive))
    found = json.loads(done.stdout)
    assert (done.exit_code, found["articles"], found["files"], found["left"], found["damages"]) == (0, 9, 4, 0, [])
    warc_files(archive)[0].unlink()
    done = in_process("verify", "--part", "--json", "--archive", str(archive))
    assert done.exit_code == 1
    assert [one["kind"] for one in json.loads(done.stdout)["damages"]] == ["file-missing"]
    mixed = in_process("verify", "--part", "--quick", "--archive", str(archive))
    assert (mixed.exit_code, fault(mixed)) == (2, "UsageError --part --quick --repair")


def test_it_is_due_once_a_day(archive: Path) -> None:
    with opened(archive) as db:
        created = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
        db.execute("update _sqlite_migrations set applied_at = ?", [created.isoformat()])

        def due(hours: float) -> bool:
            return is_part_due(db, "03:00", created + timedelta(hours=hours))

        assert (due(1), due(14.9), due(15)) == (False, False, True)
        db.execute(
            "insert into integrity_checks (kind, started_at, finished_at) values ('part', ?1, ?1)",
            [(created + timedelta(hours=15)).isoformat()],
        )
        assert (due(15.1), due(38.9), due(39)) == (False, False, True)


def test_an_interrupted_check_is_due_unless_it_is_running(archive: Path) -> None:
    began = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    with opened(archive) as db:
        db.execute("insert into integrity_checks (kind, started_at) values ('part', ?)", [began.isoformat()])
        assert is_part_due(db, "03:00", began + timedelta(hours=1))
        assert not is_part_due(db, "03:00", began + timedelta(hours=1), is_running=True)
    with lock_check(archive):
        assert check_is_running(archive)
    assert not check_is_running(archive)


def test_checks_that_are_interrupted_night_after_night_are_a_finding(archive: Path) -> None:
    def found() -> list[str]:
        with opened(archive, read_only=True) as db:
            known = read_safety(db)
        assert known
        return [one.about for one in judge_safety(known, Maintenance(backup_days=0), NOW) if one.code == "verify"]

    with opened(archive) as db:
        for days in (3, 2, 1, 0.1):
            at = (NOW - timedelta(days=days)).isoformat()
            db.execute("insert into integrity_checks (kind, started_at) values ('part', ?)", [at])
    assert found() == ["unfinished"]
    check_part(archive, CheckBudget())
    assert found() == []


def test_a_file_that_a_takedown_replaced_meanwhile_is_no_damage(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def list_then_remove(db: Database, folder: Path, files: dict[str, bool]) -> list[Unit]:
        units = list_units(db, folder, files)
        assert remove(archive, "1").exit_code == 0
        return units

    monkeypatch.setattr(partial_check, "list_units", list_then_remove)
    assert check_part(archive, CheckBudget()).damages == []


def test_each_metric_is_there_once(archive: Path) -> None:
    with closing(sqlite3.connect(archive)) as db:
        db.execute("update articles set body = body || '.', tags = '[]' where id in (3, 5)")
        db.execute("update revisions set meaning_digest = 'x' where article_id = 3")
        db.commit()
    check_part(archive, CheckBudget())
    lines = in_process("status", "--prometheus", "-", "--archive", str(archive)).stdout.splitlines()
    names = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len([name for name in names if 'code="damage"' in name]) > 3
    assert len(names) == len(set(names))
