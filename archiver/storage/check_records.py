"""Records of backups and integrity checks: when the last backup and the last checks were made, and which damage the
checks found.

Checks read an archive in units: a table, a range of articles, a WARC file, or the database file as a whole. The
functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from archiver.storage import Database
from archiver.storage.columns import stored_time
from archiver.storage.pages import last_rowid, stamp

DATABASE = "database"
"""The name of the unit that is the whole database file. Damage that checks of the whole file find belongs to it."""
TABLE_UNIT = "table "
"""The beginning of the name of a unit that is a table: "table captures"."""
CheckKind = Literal["verify", "part"]
_BACKUP_COLUMNS = "path, made_at, articles, bytes, captures, holds_since, failed_at, failure"


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """What the archive knows about the backups that are written to one file.

    - `path`: the absolute path of the file.
    - `made_at`: when the last backup that passed its checks was made, None if no backup has passed them.
    - `articles`, `bytes`: the number of articles in that backup, and its size.
    - `captures`: True if WARC files are copied, too.
    - `holds_since`: no file next to the backup contains posts that were removed before this time.
    - `failed_at`, `failure`: when and why the last attempt failed, if it failed.
    """

    path: str
    made_at: datetime | None = None
    articles: int = 0
    bytes: int = 0
    captures: bool = False
    holds_since: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Damage:
    """Damage that a check found in a unit of the archive. `found_at` is None until the damage is stored; the other
    fields are those of a `VerifyFinding`.
    """

    unit: str
    kind: str
    subject: str
    sentence: str
    remedy: str
    found_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IntegrityCheck:
    """The result of a check of the archive. Everything in the archive has been read since `covers_since`, which is None
    if some part was never read. `bytes` is the size of the data read, and `findings` is the number of causes of damage
    that were found.
    """

    kind: CheckKind
    started_at: datetime
    finished_at: datetime | None = None
    covers_since: datetime | None = None
    articles: int = 0
    warc_files: int = 0
    bytes: int = 0
    findings: int = 0


def has_integrity_records(db: Database) -> bool:
    """Returns True if the archive's file has the tables of this module. These tables are missing from an archive of an
    older version that is only read.
    """
    return {"backups", "integrity_checks", "checked_units", "damages"} <= set(db.table_names())


# Backups.


def read_backups(db: Database) -> list[BackupRecord]:
    """Returns the records of all backups, the newest first."""
    rows = db.execute(f"select {_BACKUP_COLUMNS} from backups order by made_at desc, path")
    return [
        BackupRecord(
            row[0],
            stored_time(row[1]),
            row[2] or 0,
            row[3] or 0,
            bool(row[4]),
            stored_time(row[5]),
            stored_time(row[6]),
            row[7] or "",
        )
        for row in rows
    ]


def record_backup(db: Database, made: BackupRecord) -> None:
    """Stores the record of a backup that passed its checks. It replaces the record of the last backup to this path."""
    db.execute(
        f"insert into backups ({_BACKUP_COLUMNS}) values (?, ?, ?, ?, ?, ?, null, null) on conflict (path) do update "
        "set made_at = excluded.made_at, articles = excluded.articles, bytes = excluded.bytes, "
        "captures = max(captures, excluded.captures), holds_since = excluded.holds_since, "
        "failed_at = null, failure = null",
        [
            made.path,
            stamp(made.made_at) if made.made_at else None,
            made.articles,
            made.bytes,
            int(made.captures),
            stamp(made.holds_since) if made.holds_since else None,
        ],
    )


def record_failed_backup(db: Database, path: str, at: datetime, failure: str) -> None:
    """Stores the reason why a backup to this path failed. The record of the last successful backup is kept."""
    db.execute(
        "insert into backups (path, failed_at, failure) values (?, ?, ?) on conflict (path) do update "
        "set failed_at = excluded.failed_at, failure = excluded.failure",
        [path, stamp(at), failure],
    )


def count_posts_removed_since(db: Database, at: datetime | None) -> int:
    """Returns the number of removed posts that a backup made at this time may still contain. If `at` is None, counts
    all removed posts.
    """
    return int(
        db.execute(
            "select count(*) from tombstones where allowed_at is null and removed_at > ?", [stamp(at) if at else ""]
        ).fetchone()[0]
    )


# Integrity checks.


def begin_check(db: Database, kind: CheckKind, at: datetime) -> int:
    """Stores the start of a check, and returns its ID."""
    db.execute("insert into integrity_checks (kind, started_at) values (?, ?)", [kind, stamp(at)])
    return last_rowid(db)


def end_check(db: Database, number: int, result: IntegrityCheck) -> None:
    """Stores the result of a check with this ID."""
    db.execute(
        "update integrity_checks set finished_at = ?, covers_since = ?, articles = ?, warc_files = ?, bytes = ?, "
        "findings = ? where id = ?",
        [
            stamp(result.finished_at) if result.finished_at else None,
            stamp(result.covers_since) if result.covers_since else None,
            result.articles,
            result.warc_files,
            result.bytes,
            result.findings,
            number,
        ],
    )


def read_last_check(db: Database, kind: CheckKind, *, finished: bool = True) -> IntegrityCheck | None:
    """Returns the last check of this kind; None if none was made. If `finished` is True, killed checks are skipped."""
    row = db.execute(
        "select started_at, finished_at, covers_since, articles, warc_files, bytes, findings from integrity_checks "
        f"where kind = ? {'and finished_at is not null' if finished else ''} order by id desc limit 1",
        [kind],
    ).fetchone()
    started = stored_time(row[0]) if row else None
    return IntegrityCheck(kind, started, stored_time(row[1]), stored_time(row[2]), *row[3:]) if started else None


def read_unfinished_since(db: Database) -> datetime | None:
    """Returns when the oldest interrupted check of a part of the archive began; None if there is none. Only checks
    after the last finished check, of a part or of the whole archive, are considered.
    """
    (text,) = db.execute(
        "select min(started_at) from integrity_checks where kind = 'part' and finished_at is null and id > "
        "(select coalesce(max(id), 0) from integrity_checks where finished_at is not null)"
    ).fetchone()
    return stored_time(text)


def read_covered_since(db: Database) -> datetime | None:
    """Returns the time since which checks have read everything in the archive; None if checks have never read
    everything.
    """
    return stored_time(db.execute("select max(covers_since) from integrity_checks").fetchone()[0])


def read_creation_time(db: Database) -> datetime | None:
    """Returns when the archive was created; None if that is not recorded."""
    row = db.execute("select min(applied_at) from _sqlite_migrations").fetchone()
    return stored_time(row[0]) if row else None


# Units and their damage.


def read_checked_units(db: Database) -> dict[str, datetime]:
    """Returns when a check last read each unit, by the unit's name."""
    return {
        unit: at for unit, text in db.execute("select unit, checked_at from checked_units") if (at := stored_time(text))
    }


def record_checked_units(db: Database, units: Iterable[str], found: Sequence[Damage], at: datetime) -> None:
    """Records that these units were read at `at`, and replaces their earlier damage with the damage found now. Once
    every table has been found undamaged, the earlier damage to the database as a whole is deleted.
    """
    names = list(units)
    db.conn.executemany(
        "insert into checked_units (unit, checked_at) values (?, ?) on conflict (unit) do update set "
        "checked_at = excluded.checked_at",
        [(unit, stamp(at)) for unit in names],
    )
    _replace_damages(db, names, found, at)
    db.execute(
        "delete from damages where unit = ? and not exists (select 1 from damages where unit glob ?) and found_at < "
        "(select min(checked_at) from checked_units where unit glob ?)",
        [DATABASE, f"{TABLE_UNIT}*", f"{TABLE_UNIT}*"],
    )


def record_full_check(db: Database, units: Iterable[str], found: Sequence[Damage], at: datetime) -> None:
    """Stores the result of a check of the whole archive: its units, and all damage, which replaces earlier damage."""
    db.execute("delete from checked_units")
    db.conn.executemany(
        "insert or ignore into checked_units (unit, checked_at) values (?, ?)", [(unit, stamp(at)) for unit in units]
    )
    _replace_damages(db, None, found, at)


def forget_units(db: Database, units: Iterable[str]) -> None:
    """Deletes the records of units that no longer exist, such as a WARC file that was rewritten."""
    names = [(unit,) for unit in units]
    db.conn.executemany("delete from checked_units where unit = ?", names)
    db.conn.executemany("delete from damages where unit = ?", names)


def _replace_damages(db: Database, units: Sequence[str] | None, found: Sequence[Damage], at: datetime) -> None:
    """Replaces the stored damage of these units; None means all units. Damage that was known before keeps the time at
    which it was found.
    """
    since = {(kind, subject): text for kind, subject, text in db.execute("select kind, subject, found_at from damages")}
    if units is None:
        db.execute("delete from damages")
    else:
        db.conn.executemany("delete from damages where unit = ?", [(unit,) for unit in units])
    db.conn.executemany(
        "insert into damages (unit, kind, subject, sentence, remedy, found_at) values (?, ?, ?, ?, ?, ?)",
        [
            (one.unit, one.kind, one.subject, one.sentence, one.remedy, since.get((one.kind, one.subject), stamp(at)))
            for one in found
        ],
    )


def read_damages(db: Database) -> list[Damage]:
    """Returns all known damage, the oldest first."""
    return list(_damages(db))


def _damages(db: Database) -> Iterator[Damage]:
    for row in db.execute("select unit, kind, subject, sentence, remedy, found_at from damages order by found_at, id"):
        yield replace(Damage(*row[:5]), found_at=stored_time(row[5]))
