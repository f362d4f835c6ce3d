"""Judges how well the archive is protected against loss: by the age of its backups and checks, by the damage that
checks found, and by removed posts that backups still contain.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from archiver.health.site_health_rules import HealthFinding, Level
from archiver.sites.config import Maintenance
from archiver.storage import Database
from archiver.storage.check_records import (
    BackupRecord,
    Damage,
    count_posts_removed_since,
    has_integrity_records,
    read_backups,
    read_covered_since,
    read_creation_time,
    read_damages,
    read_last_check,
    read_unfinished_since,
)

_MOST_DAMAGES = 5
_DATABASE = "database-damaged"


@dataclass(frozen=True, slots=True)
class ArchiveSafety:
    """What the archive has recorded about its backups and checks.

    - `created`: when the archive was created.
    - `holds_articles`: True if the archive contains articles, which could be lost.
    - `backups`: the backups, newest first.
    - `covered_since`: every part of the archive has been read by a check after this time; None if some part was never
      read.
    - `verified_at`: when `archiver verify` last checked everything.
    - `checked_at`: when the last check of any kind ended.
    - `unfinished_since`: if nightly checks were interrupted and none has been completed since, when the oldest of them
      began; otherwise None.
    - `damages`: the damaged parts that checks found.
    - `removed`: backups that may still contain removed posts, each with the number of these posts.
    - `missing`: the paths of backups whose file is missing, although the folder is there.
    - `away`: the paths of backups whose folder is not there.
    """

    created: datetime | None = None
    holds_articles: bool = False
    backups: Sequence[BackupRecord] = ()
    covered_since: datetime | None = None
    verified_at: datetime | None = None
    checked_at: datetime | None = None
    unfinished_since: datetime | None = None
    damages: Sequence[Damage] = ()
    removed: Sequence[tuple[BackupRecord, int]] = ()
    missing: Collection[str] = ()
    away: Collection[str] = ()

    @property
    def last_backup(self) -> BackupRecord | None:
        """Returns the newest backup that passed its checks; None if there is none."""
        return next((one for one in self.backups if one.made_at), None)

    @property
    def failed_backup(self) -> BackupRecord | None:
        """Returns the latest failed backup; None if a later backup succeeded."""
        failed = [one for one in self.backups if one.failed_at]
        last = self.last_backup
        since = last.made_at if last else None
        return next(
            (
                one
                for one in sorted(failed, key=lambda one: str(one.failed_at), reverse=True)
                if one.failed_at and (since is None or one.failed_at > since)
            ),
            None,
        )


def read_safety(db: Database) -> ArchiveSafety | None:
    """Reads what is recorded about backups and checks. Returns None if the database has no tables for these records,
    which is the case if an older version of the program created it and it is opened read-only.
    """
    if not has_integrity_records(db):
        return None
    backups = read_backups(db)
    verified, part = read_last_check(db, "verify"), read_last_check(db, "part")
    ended = [one.finished_at for one in (verified, part) if one and one.finished_at]
    absent = {one.path for one in backups if one.made_at and _is_gone(Path(one.path))}
    away = {path for path in absent if _is_gone(Path(path).parent)}
    return ArchiveSafety(
        read_creation_time(db),
        db.execute("select 1 from articles limit 1").fetchone() is not None,
        backups,
        read_covered_since(db),
        verified.finished_at if verified else None,
        max(ended, default=None),
        read_unfinished_since(db),
        read_damages(db),
        [
            (one, number)
            for one in backups
            if one.made_at and (number := count_posts_removed_since(db, one.holds_since))
        ],
        absent - away,
        away,
    )


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # for example in a folder that this user may not read, where the file may exist
        return False
    return False


def find_unsafe(db: Database, limits: Maintenance, now: datetime) -> list[HealthFinding]:
    """Reads the records about backups and checks of an archive, and returns the findings of `judge_safety`. `limits`
    says after how many days a backup is too old and a check is overdue. Returns [] if the database has no tables for
    these records.
    """
    known = read_safety(db)
    return list(judge_safety(known, limits, now)) if known else []


def judge_safety(known: ArchiveSafety, limits: Maintenance, now: datetime) -> Iterator[HealthFinding]:
    """Yields the findings about the safety of an archive. `limits` says after how many days a backup is too old and a
    check is overdue.
    """
    yield from _check_damages(known.damages)
    yield from _check_unfinished(known, now)
    if known.holds_articles:
        yield from _check_backups(known, timedelta(days=limits.backup_days), now)
        yield from _check_coverage(known, timedelta(days=limits.verify_days), now)
    if known.removed:
        commands = " and ".join(f"'{_command(one)} --purge'" for one, _ in known.removed)
        posts = max(number for _, number in known.removed)
        yield HealthFinding(
            "removed",
            "amber",
            f"Backups may still hold {posts:,} removed post{'' if posts == 1 else 's'}. To make a new one and delete "
            f"the files that hold them, run {commands}.",
        )


def _check_damages(found: Sequence[Damage]) -> Iterator[HealthFinding]:
    damages = list({(one.kind, one.subject): one for one in found}.values())
    for one in damages[:_MOST_DAMAGES]:
        level: Level = "red" if one.kind == _DATABASE else "amber"
        yield HealthFinding(
            "damage", level, f"{one.sentence}. {one.remedy}", f"{one.kind}: {one.subject}", one.found_at
        )
    if len(damages) > _MOST_DAMAGES:
        yield HealthFinding(
            "damage",
            "amber",
            f"{len(damages) - _MOST_DAMAGES:,} more items are damaged; 'archiver verify' lists them all.",
            "more",
        )


def _check_backups(known: ArchiveSafety, most: timedelta, now: datetime) -> Iterator[HealthFinding]:
    last, failed = known.last_backup, known.failed_backup
    if failed is not None:
        yield HealthFinding("backup", "amber", f"The last backup failed: {failed.failure}", "failed", failed.failed_at)
    if not most:
        return
    if last is None:
        if known.created and now - known.created > most:
            yield HealthFinding(
                "backup",
                "amber",
                f"The archive is {_days(now - known.created)} old and has no backup: make one with 'archiver backup "
                "FILE', on another disk, and schedule it with cron.",
                "none",
            )
    elif last.path in known.missing and not _has_backup_since(known, now - most):
        yield HealthFinding(
            "backup",
            "amber",
            f"The file of the last good backup, {last.path}, is not there any more: mount its disk if it is on one, "
            f"otherwise make a new one with '{_command(last)}'.",
            "missing",
        )
    elif last.made_at and now - last.made_at > most:
        away = ", and its folder is not there: mount its disk, then" if last.path in known.away else ":"
        yield HealthFinding(
            "backup",
            "amber",
            f"The last good backup, {last.path}, is {_days(now - last.made_at)} old{away} repeat '{_command(last)}', "
            "for example with cron.",
            "old",
            last.made_at,
        )


def _has_backup_since(known: ArchiveSafety, since: datetime) -> bool:
    """Returns True if a backup made at `since` or later still has its file."""
    absent = {*known.missing, *known.away}
    return any(one.made_at and one.made_at >= since and one.path not in absent for one in known.backups)


def _command(backup: BackupRecord) -> str:
    return f"archiver backup {backup.path}{'' if backup.captures else ' --no-captures'}"


def _check_coverage(known: ArchiveSafety, most: timedelta, now: datetime) -> Iterator[HealthFinding]:
    since = known.covered_since or known.created
    if most and since and now - since > most:
        sentence = (
            f"No check has ever read the whole archive, which is {_days(now - since)} old"
            if known.covered_since is None
            else f"Parts of the archive were not checked for {_days(now - since)}"
        )
        yield HealthFinding(
            "verify",
            "amber",
            f"{sentence}: run 'archiver verify', or 'archiver verify --part' each night, as 'archiver schedule' does.",
            since=since,
        )


_INTERRUPTED_TOO_LONG = timedelta(days=2)
"""An interrupted check is reported only after this time. Usually the scheduler has repeated it by then: at its next
start, or in the following night.
"""


def _check_unfinished(known: ArchiveSafety, now: datetime) -> Iterator[HealthFinding]:
    began = known.unfinished_since
    if began and now - began > _INTERRUPTED_TOO_LONG:
        yield HealthFinding(
            "verify",
            "amber",
            f"The nightly check that began on {began:%Y-%m-%d %H:%M} UTC has not ended, nor has any since: "
            "run 'archiver verify --part', which says what prevents it.",
            "unfinished",
            began,
        )


def _days(span: timedelta) -> str:
    return f"{span.days:,} day{'' if span.days == 1 else 's'}"
