"""The age of backups and checks, and what checks found, as findings and metrics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from archiver.health.health_rules import HealthFinding
from archiver.health.stored_health import ArchiveSafety, judge_safety
from archiver.model.errors import BadConfig
from archiver.sites.config import Maintenance, parse_config
from archiver.storage.runs import BackupRecord, Damage

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def judged(limits: Maintenance | None = None, **known: object) -> list[HealthFinding]:
    values = {"created": NOW - 100 * DAY, "holds_articles": True, "covered_since": NOW - DAY, **known}
    return list(judge_safety(ArchiveSafety(**values), limits or Maintenance(), NOW))  # type: ignore[arg-type]


def codes(**known: object) -> list[tuple[str, str, str]]:
    return [(one.code, one.about, one.level) for one in judged(**known)]


def made(days: float, **more: object) -> BackupRecord:
    return BackupRecord("/media/disk/archive.db", NOW - days * DAY, 9, **more)  # type: ignore[arg-type]


def test_a_recent_backup_and_check_are_no_finding() -> None:
    assert codes(backups=[made(1)]) == []


def test_the_age_of_the_last_backup() -> None:
    assert codes(backups=[made(6.9)]) == []
    assert codes(backups=[made(7.1)]) == [("backup", "old", "amber")]
    assert codes(backups=[made(1), made(90)]) == []
    (finding,) = judged(backups=[made(8, captures=True)])
    assert finding.since == NOW - 8 * DAY
    assert "'archiver backup /media/disk/archive.db'" in finding.sentence


def test_an_archive_without_a_backup() -> None:
    assert codes() == [("backup", "none", "amber")]
    assert codes(created=NOW - 6 * DAY) == []
    assert codes(holds_articles=False, covered_since=None) == []


def test_a_backup_whose_file_is_gone() -> None:
    path = made(1).path
    assert codes(backups=[made(1)], missing=[path]) == [("backup", "missing", "amber")]
    assert codes(backups=[made(9)], missing=[path]) == [("backup", "missing", "amber")]
    other = replace(made(2), path="/media/other/archive.db")
    assert codes(backups=[made(1), other], missing=[path]) == []
    assert codes(backups=[made(1), other], missing=[path], away=[other.path]) == [("backup", "missing", "amber")]


def test_a_backup_whose_folder_is_gone_is_named_when_it_is_old() -> None:
    path = made(1).path
    assert codes(backups=[made(1)], away=[path]) == []
    (finding,) = judged(backups=[made(9)], away=[path])
    assert finding.about == "old"
    assert "its folder is not there" in finding.sentence


def test_a_failed_backup_is_a_finding_until_one_succeeds() -> None:
    failed = {"failed_at": NOW - DAY, "failure": "It is damaged."}
    assert codes(backups=[made(2, **failed)]) == [("backup", "failed", "amber")]
    assert codes(backups=[made(0.5), made(2, **failed)]) == []
    assert codes(backups=[made(9, **failed)]) == [("backup", "failed", "amber"), ("backup", "old", "amber")]


def test_the_age_of_the_last_check() -> None:
    backups = [made(1)]
    assert codes(backups=backups, covered_since=NOW - 59 * DAY) == []
    assert codes(backups=backups, covered_since=NOW - 61 * DAY) == [("verify", "", "amber")]
    assert codes(backups=backups, covered_since=None) == [("verify", "", "amber")]
    assert codes(backups=backups, covered_since=None, created=NOW - 59 * DAY) == []


def test_a_nightly_check_that_does_not_end() -> None:
    backups = [made(1)]
    assert codes(backups=backups, unfinished_since=NOW - 1.9 * DAY) == []
    assert codes(backups=backups, unfinished_since=NOW - 2.1 * DAY) == [("verify", "unfinished", "amber")]


def test_the_limits_are_settings() -> None:
    old = {"backups": [made(50)], "covered_since": NOW - 90 * DAY}
    assert judged(Maintenance(backup_days=0, verify_days=0), **old) == []
    assert judged(Maintenance(backup_days=51, verify_days=91), **old) == []
    assert len(judged(Maintenance(backup_days=49, verify_days=89), **old)) == 2


def test_damage_is_red_for_the_database_and_amber_for_a_warc_file() -> None:
    damages = [
        Damage("database", "database-damaged", "table articles", "It is damaged", "Restore it."),
        Damage("warc/a.warc.gz", "file-torn", "warc/a.warc.gz at 12", "It is torn", "Restore it.", NOW - DAY),
    ]
    found = judged(backups=[made(1)], damages=damages)
    assert [(one.level, one.about) for one in found] == [
        ("red", "database-damaged: table articles"),
        ("amber", "file-torn: warc/a.warc.gz at 12"),
    ]
    assert found[1].since == NOW - DAY
    many = [Damage(f"warc/{n}.warc.gz", "file-missing", f"{n}", "It is missing", "Restore it.") for n in range(40)]
    assert len(judged(backups=[made(1)], damages=many)) == 6


def test_removed_posts_in_backups() -> None:
    (finding,) = judged(
        backups=[made(1)], removed=[(made(1), 2), (replace(made(1, captures=True), path="/media/other/archive.db"), 1)]
    )
    assert (finding.code, finding.level, finding.about) == ("removed", "amber", "")
    assert "'archiver backup /media/disk/archive.db --no-captures --purge'" in finding.sentence
    assert "'archiver backup /media/other/archive.db --purge'" in finding.sentence


def test_the_settings_are_read_and_mistakes_are_named() -> None:
    text = '[maintenance]\nbackup_days = 2\nverify_days = 0\ncheck_at = "4:30"\ncheck_days = 10\n'
    assert parse_config(text, "a.toml").maintenance == Maintenance(2, 0, "4:30", 10)
    assert parse_config("", "a.toml").maintenance == Maintenance()
    for line in ("backup_days = -1", 'check_at = "25:00"', "check_days = 0", "check_minutes = 5", "other = 1"):
        with pytest.raises(BadConfig, match="line 2, column 1"):
            parse_config(f"[maintenance]\n{line}\n", "a.toml")
