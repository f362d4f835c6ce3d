"""Opens archives, and runs write transactions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archiver.frontier.cadence import CLOCK_TOLERANCE
from archiver.model.errors import (
    ArchiveDamaged,
    ArchiveNotFound,
    ArchiveNotWritable,
    ArchiveTooNew,
    ArchiveTooOld,
    ArchiveUnreleased,
    FileInTheWay,
    NotAnArchive,
)
from archiver.storage import Database
from archiver.storage.columns import stored_time
from archiver.storage.schema import (
    MIGRATION_SET,
    MIGRATIONS_TABLE,
    UNRELEASED,
    create_missing_temp_tables,
    make_schema,
    migration_names,
    migrations,
    missing_column_or_view,
    pending_migrations,
)
from archiver.storage.transactions import (
    BUSY_SECONDS,
    display_path,
    environment_error,
    file_in_the_way,
    notice,
    path_of,
    was_archive,
)

# -- opening

_STATEMENTS = 512
"""The number of prepared statements to cache. Writing a page takes more than Python's default of 128."""
_LOG_PAGES = 8_000
"""The number of pages that the write-ahead log holds before it is copied into the database (a checkpoint); 8,000 pages
are 32 MB. An index page that every batch changes is then copied once for many batches. Data in the log are as safe as
data in the database."""
_CACHE_KILOBYTES = 16_000
"""Size of a writer's page cache, in KiB. It is large because a new row changes distant pages of a dozen indexes."""


def open_archive(
    path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False, to_copy: bool = False
) -> Database:
    """Opens the archive at `path` and migrates it to this version's schema.

    With `create`, a missing file and its folder are created, but no folder above it, which may be a disk that is not
    mounted. With `read_only`, nothing is written, and the archive is not migrated: tables that it lacks appear empty.
    If it lacks columns or views, it is refused (ArchiveTooOld), except with `to_copy`, for a backup or a check that
    reads the tables as they are. Raises ArchiveNotFound, NotAnArchive,
    ArchiveTooNew, ArchiveTooOld, ArchiveUnreleased, ArchiveNotWritable, or another error from `environment_error`.

    After a power cut, the database is intact and has the state after one of its last commits (`synchronous=NORMAL` with
    a write-ahead log).
    """
    file = Path(path)
    if in_the_way := file_in_the_way(file):
        raise FileInTheWay(str(file), str(in_the_way))
    if not file.exists() and not create:
        raise ArchiveNotFound(
            str(file), [one.name for one in file.parent.glob(f"*{file.suffix}")], archive_around(file)
        )
    if file.is_dir():
        raise NotAnArchive(str(file), "it is a folder")
    if create:
        _make_writable(file)
    db = Database(_connect(file, read_only=read_only))
    try:
        has_pending = _check_is_archive(db, file, empty=not read_only)
        if not read_only:
            db.conn.execute("PRAGMA synchronous=NORMAL")
            make_schema(db)  # called before a log exists, so that a full disk leaves the file unchanged
            db.conn.execute("PRAGMA journal_mode=WAL")
            db.conn.execute(f"PRAGMA cache_size=-{_CACHE_KILOBYTES}")
            db.conn.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            if has_pending and pending_migrations(db):
                migrations().apply(db.sqlite_utils)
            warn_of_clock(db)
        elif has_pending:
            if not to_copy and (missing := missing_column_or_view(db)):
                raise ArchiveTooOld(str(file), missing, writable=is_writable(file) and is_writable(file.parent))
            create_missing_temp_tables(db)
    except sqlite3.Error as error:
        db.close()
        raise environment_error(error, file) from error
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema in its message, which need not be UTF-8
        db.close()
        raise ArchiveDamaged(str(file), "its schema cannot be read") from error
    except BaseException:
        db.close()
        raise
    return db


_JUMP = timedelta(days=366)
_warned: set[str] | None = None  # None in processes that a command has started


def watch_clock() -> None:
    """Makes this process warn of a wrong clock whenever it opens an archive to write."""
    global _warned
    _warned = _warned or set()


def warn_of_clock(db: Database, *, is_crawl: bool = False) -> bool:
    """Prints a notice, once for each archive, if the clock stands before the archive's newest run or, before a crawl,
    more than a year after it. Returns True if it stands before it. A run whose time a person has accepted does not
    count.
    """
    if _warned is None:
        return False
    now = datetime.now(UTC)
    newest = stored_time(
        db.execute(
            "select max(started_at) from runs r where started_at <= ? or not exists (select 1 from site_health h "
            "where h.site_id = r.site_id and h.accepted like '%\"clock ' || substr(r.started_at, 1, 10) || '\"%')",
            [now.isoformat()],
        ).fetchone()[0]
    )
    is_behind = newest is not None and newest > now + CLOCK_TOLERANCE
    if newest and (is_behind or (is_crawl and now - newest > _JUMP)) and (path := str(path_of(db))) not in _warned:
        _warned.add(path)
        notice.warning(
            "The clock says %s UTC, but the newest crawl of %s began at %s UTC: check the clock, because captures are "
            "stored with its time.",
            f"{now:%Y-%m-%d %H:%M:%S}",
            display_path(db),
            f"{newest:%Y-%m-%d %H:%M:%S}",
        )
    return is_behind


def archive_around(file: Path) -> str:
    """Returns the path of another archive that a person probably meant by the relative path `file`; "" if there is
    none. It is the file of that name in the current folder (for "sub/archive.db": "archive.db"), or the same relative
    path seen from a folder above ("../archive.db").
    """
    if file.is_absolute():
        return ""
    above = (Path(*[".."] * levels, file) for levels in range(1, len(Path.cwd().parts)))
    return next((str(one) for one in (Path(file.name), *above) if one != file and one.is_file()), "")


@contextmanager
def opened(
    path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False, to_copy: bool = False
) -> Iterator[Database]:
    """Context manager that opens an archive, yields its database and closes it at the end of the block. The parameters
    and errors are those of `open_archive`.
    """
    db = open_archive(path, create=create, read_only=read_only, to_copy=to_copy)
    try:
        yield db
    finally:
        db.close()


def discard_empty_archive(path: Path) -> None:
    """Deletes an archive that has no sites and no captures, with the files that belong to it. The folder of its log
    remains. Does nothing if the archive is not empty.
    """
    with opened(path) as db:
        if db.execute("select exists (select 1 from sites) or exists (select 1 from captures)").fetchone()[0]:
            return
        db.execute("pragma journal_mode = delete")
    for file in (path, *path.parent.glob(f".{path.name}.*")):
        file.unlink(missing_ok=True)
    for folder in (path.parent / f"{path.name}-search", path.parent / "warc"):
        with suppress(OSError):  # it is not there, or not empty
            folder.rmdir()


def must_open_immutable(file: Path) -> bool:
    """Returns True if a read-only archive must be opened with SQLite's `immutable` option.

    Reading a WAL database creates files in its folder; if the folder is not writable and the log is empty,
    `immutable` avoids that.
    """
    log = file.with_name(file.name + "-wal")
    return not is_writable(file.parent) and not (log.exists() and log.stat().st_size)


def is_writable(path: Path) -> bool:
    """Returns True if this process may write to a file, or create files in a folder."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _make_writable(file: Path) -> None:
    try:
        file.parent.mkdir(exist_ok=True)
    except FileNotFoundError as error:
        raise ArchiveNotWritable(str(file), f"the folder {file.parent.parent} does not exist") from error
    except OSError as error:
        if isinstance(error, NotADirectoryError):
            raise ArchiveNotWritable(str(file), error.strerror or str(error)) from error
        raise environment_error(error, file) from error
    if not is_writable(file.parent) or (file.exists() and not is_writable(file)):
        raise ArchiveNotWritable(str(file), "permission denied")


def _connect(file: Path, *, read_only: bool) -> sqlite3.Connection:
    options = ""
    if read_only:
        options = "?mode=ro&immutable=1" if must_open_immutable(file) else "?mode=ro"
    try:
        uri = file.resolve().as_uri() + options
        conn = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, cached_statements=_STATEMENTS)
    except sqlite3.OperationalError as error:
        raise environment_error(error, file) from error
    conn.execute("PRAGMA foreign_keys=ON")
    return conn


def _check_is_archive(db: Database, file: Path, *, empty: bool) -> bool:
    """Returns True if migrations are pending. Raises an error if a file is not an SQLite database or not an archive, or
    was written by a newer or an unreleased version.

    An empty file is accepted only if `empty` is True.
    """
    try:
        # One statement, because archives are opened several times in each run of the scheduler.
        applied = {
            name
            for (name,) in db.conn.execute(
                f"select name from {MIGRATIONS_TABLE} where migration_set = ?", (MIGRATION_SET,)
            )
        }
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            if was_archive(file):
                raise ArchiveDamaged(str(file), "its first page is not that of an SQLite database") from error
            raise NotAnArchive(str(file), "it is not an SQLite database") from error
        tables = db.table_names()
        if MIGRATIONS_TABLE in tables:
            raise
        if tables:
            raise NotAnArchive(str(file), "it is the database of another program") from error
        if not empty:
            raise NotAnArchive(str(file), "it is empty") from error
        return True
    if UNRELEASED in applied:
        raise ArchiveUnreleased(str(file))
    known = set(migration_names())
    if newer := sorted(applied - known):
        raise ArchiveTooNew(str(file), newer[0])
    return applied != known


# -- write transactions
