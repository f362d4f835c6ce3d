"""The check of the scheduler: it reads everything every few days, and finds damage before a reader does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.health.stored_health import judge_safety, read_safety
from archiver.maintenance import verification
from archiver.maintenance.scheduled_check import check_archive, is_check_due
from archiver.sites.config import Maintenance
from archiver.storage.database import opened
from archiver.storage.transactions import check_is_running, lock_check
from tests.damage import damage_table, flip, shorten, warc_files
from tests.proved_archive import make
from tests.runner import in_process
from tests.takedown.removing import remove

NOW = datetime.now(UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "own")


def rows(archive: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(archive)) as db:
        return db.execute(query).fetchall()


def findings(archive: Path) -> list[tuple[str, str, str]]:
    with opened(archive, read_only=True) as db:
        known = read_safety(db)
        assert known is not None
        return [(one.code, one.level, one.about) for one in judge_safety(known, Maintenance(), NOW)]


def test_an_undamaged_archive_has_no_finding(archive: Path) -> None:
    assert check_archive(archive) == []
    assert findings(archive) == []
    assert rows(archive, "select kind, articles, warc_files, findings from integrity_checks") == [("verify", 9, 4, 0)]
    ((started, covers_since),) = rows(archive, "select started_at, covers_since from integrity_checks")
    assert covers_since == started


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
    return ""


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_a_finding_by_the_next_morning(name: str, archive: Path) -> None:
    check_archive(archive)
    unit = DAMAGES[name](archive)
    (damage,) = check_archive(archive)
    assert damage.unit == unit
    ((code, level, about),) = findings(archive)
    assert (code, about) == ("damage", f"{damage.kind}: {damage.subject}")
    assert level in ("amber", "red")
    done = in_process("status", "--health", "--json", "--archive", str(archive))
    assert done.exit_code > 0
    assert [one["code"] for one in json.loads(done.stdout)["archive"]["findings"]] == ["damage"]


def test_a_finding_names_file_byte_and_articles(archive: Path) -> None:
    file = warc_files(archive)[1]
    (number, at, length), *_ = rows(
        archive,
        "select a.id, c.warc_offset, c.warc_length from captures c join articles a on a.capture_id = c.id "
        f"where warc_file = 'warc/{file.name}'",
    )
    flip(file, at + length // 2)
    (damage,) = check_archive(archive)
    assert all(part in damage.sentence for part in (file.name, f"byte {at:,}", f"article {number}"))
    offset = damage_table(archive, "idx_articles_urlkey")
    assert any(f"byte {offset:,}" in one.sentence for one in check_archive(archive))


def test_damage_is_forgotten_once_it_is_mended(archive: Path) -> None:
    file = warc_files(archive)[1]
    whole = file.read_bytes()
    flip(file, len(whole) // 2)
    assert check_archive(archive)
    found_at = rows(archive, "select found_at from damages")
    check_archive(archive)
    assert rows(archive, "select found_at from damages") == found_at
    file.write_bytes(whole)
    assert check_archive(archive) == []
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


def test_it_is_due_every_few_days(archive: Path) -> None:
    with opened(archive) as db:
        created = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
        db.execute("update _sqlite_migrations set applied_at = ?", [created.isoformat()])

        def due(hours: float, days: int = 1) -> bool:
            return is_check_due(db, "03:00", days, created + timedelta(hours=hours))

        assert (due(1), due(14.9), due(15), due(15, 7)) == (False, False, True, True)
        db.execute(
            "insert into integrity_checks (kind, started_at, finished_at) values ('verify', ?1, ?1)",
            [(created + timedelta(hours=15)).isoformat()],
        )
        assert (due(15.1), due(38.9), due(39.1)) == (False, False, True)
        assert (due(39.1, 7), due(15 + 7 * 24 - 0.1, 7), due(15 + 7 * 24 + 0.1, 7)) == (False, False, True)


def test_an_interrupted_check_is_due_unless_it_is_running(archive: Path) -> None:
    began = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    with opened(archive) as db:
        db.execute("insert into integrity_checks (kind, started_at) values ('verify', ?)", [began.isoformat()])
        assert is_check_due(db, "03:00", 7, began + timedelta(hours=1))
        assert not is_check_due(db, "03:00", 7, began + timedelta(hours=1), is_running=True)
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
            db.execute("insert into integrity_checks (kind, started_at) values ('verify', ?)", [at])
    assert found() == ["unfinished"]
    check_archive(archive)
    assert found() == []


def test_a_file_that_a_takedown_replaced_meanwhile_is_no_damage(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examine = verification.examine_warc

    def remove_then_examine(job: Any) -> Any:
        monkeypatch.setattr(verification, "examine_warc", examine)
        assert remove(archive, "1").exit_code in (0, 1)  # 1: the check still reads, so the next crawl finishes it
        return examine(job)

    monkeypatch.setattr(verification, "examine_warc", remove_then_examine)
    assert check_archive(archive) == []


def test_each_metric_is_there_once(archive: Path) -> None:
    with closing(sqlite3.connect(archive)) as db:
        db.execute("update articles set body = body || '.', tags = '[]' where id in (3, 5)")
        db.execute("update revisions set meaning_digest = 'x' where article_id = 3")
        db.commit()
    check_archive(archive)
    lines = in_process("status", "--prometheus", "-", "--archive", str(archive)).stdout.splitlines()
    names = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len([name for name in names if 'code="damage"' in name]) > 3
    assert len(names) == len(set(names))
