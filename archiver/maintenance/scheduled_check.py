"""Checks the whole archive every few days, as `archiver schedule` does at night, so that damage is found before a
reader meets it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from archiver.maintenance.damage_record import name_backup, store_result, store_start
from archiver.maintenance.verification import verify
from archiver.storage import Database
from archiver.storage.runs import Damage, read_creation_time, read_last_check
from archiver.storage.transactions import environment_error, lock_check


def check_archive(archive: Path) -> list[Damage]:
    """Checks the whole archive in this process, records the result, and returns the damage. If the process is killed,
    the check is due again. Raises ArchiveLocked if another program locks the archive for too long, and the errors of
    `open_archive`.
    """
    try:
        lock = lock_check(archive)
    except OSError as error:
        raise environment_error(error, archive) from error
    with lock:
        started = datetime.now(UTC)
        number = store_start(archive, started)
        found = verify(archive, is_alone=True)
        found.findings = name_backup(archive, found.findings)
        return store_result(archive, found, started, number)


def is_check_due(db: Database, at: str, days: int, now: datetime, *, is_running: bool = False) -> bool:
    """Returns True if the check is due. It is due at the time `at` (UTC, such as "03:00"), `days` days after the last
    check, and after that until a check has begun. An interrupted check is due again at once. A new archive is first
    checked in the following night.

    `is_running` is True if a check is running now; the last check is then unfinished, but not interrupted.
    """
    hour, minute = map(int, at.split(":"))
    turn = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    if turn > now:
        turn -= timedelta(days=1)
    last = read_last_check(db, "verify", finished=False)
    if last and not last.finished_at:
        return not is_running
    if last:
        return last.started_at < turn - timedelta(days=days - 1)
    created = read_creation_time(db)
    return created is not None and created < turn
