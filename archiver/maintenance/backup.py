"""Makes backups of an archive, and checks the copies.

The database is copied with SQLite's backup API while other programs write to it, then its WARC files. A copy is checked
before it takes the place of the last backup.

A read transaction keeps the copy consistent. In write-ahead log mode it blocks no writer
(https://www.sqlite.org/wal.html, section 2.2); in any other mode, each commit of another program restarts the copy.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from archiver.articles.article_comparison import content_digest
from archiver.maintenance.database_damage import DatabaseDamage, find_damage, find_database_damage, stored_tables
from archiver.maintenance.verify_captures import find_flaws, find_warc_files
from archiver.maintenance.verify_database import check_schema, list_numbers
from archiver.model.errors import ArchiverError, BackupDamaged, BackupDiskFull, BackupRefused, DiskFull, NotAnArchive
from archiver.storage import Database
from archiver.storage.columns import IS_LIVE
from archiver.storage.database import is_writable, open_archive, opened
from archiver.storage.full_text import FTS
from archiver.storage.pages import stamp
from archiver.storage.runs import (
    BackupRecord,
    count_posts_removed_since,
    has_integrity_records,
    read_backups,
    record_backup,
    record_failed_backup,
)
from archiver.storage.transactions import FULL_ERRORS, environment_error, free_bytes, writing
from archiver.warc.warc_file_maintenance import delete_warc, repair_warc
from archiver.warc.warc_records import parse_capture, read_record_at
from archiver.warc.warc_writer import NAME, held_finished, index_of, sync_folder

SIDES = ("-wal", "-shm", "-journal")
"""The suffixes of the files that SQLite keeps next to a database."""


def archive_id(db: Database) -> object:
    """Returns a value that only an archive and its copies share: the time at which the archive's first migration ran,
    to the microsecond.
    """
    return db.execute("select applied_at from _sqlite_migrations order by rowid limit 1").fetchone()


def made_at(db: Database, file: Path) -> datetime:
    """Returns when a backup was made, according to a record in it. If it has no such record, returns when its file was
    last written.
    """
    with suppress(sqlite3.Error):
        if has_integrity_records(db):
            times = [one.made_at for one in read_backups(db) if one.made_at]
            if times:
                return times[0]
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


_MOST_NAMED = 3


def check_copy(copy: Database, source: Database, archive: Path, target: Path, *, force: bool = False) -> None:
    """Checks a copy of the database of `archive` (open as `source`) that is to take the place of the backup at
    `target`. Raises BackupDamaged if the copy is damaged.

    SQLite checks all pages, tables and indexes. The schema is compared, and every row is read. Unless `force` is True,
    each article's text is also compared with its digest. The copy must then also contain all articles of the backup at
    `target` that were neither removed nor merged.
    """
    if found := find_fault(copy):
        what = (
            f"{archive} is damaged ({found})"
            if find_fault(source)
            else f"the copy that was written is damaged ({found}), but {archive} is undamaged: check the disk of "
            f"{target.parent}"
        )
        raise BackupDamaged(str(target), what, _advice(copy, source, archive, target))
    if force:
        return
    texts = copy.execute("select id, body, content_digest from articles")
    if altered := [number for number, body, digest in texts if (content_digest(body or "") or None) != digest]:
        raise BackupDamaged(
            str(target),
            f"the text of {_list_articles(altered)} does not match its digest: {archive} is damaged, or another "
            "program changed it",
            f"{_advice(copy, source, archive, target)} If the text is right, --force makes the backup anyway.",
        )
    if lost := _find_lost_articles(copy, target):
        raise BackupDamaged(
            str(target),
            f"{_list_articles(lost)} of the existing backup {'is' if len(lost) == 1 else 'are'} missing in {archive}, "
            "and no removal is recorded",
            f"{_advice(copy, source, archive, target)} If they are meant to be missing, --force makes the backup "
            "anyway.",
        )


def find_fault(db: Database) -> str:
    """Returns a phrase for the first fault of a database; "" if it has none. Faults are damage, a missing or changed
    table or column, and a row that cannot be read.

    Missing indexes, triggers and views are not a fault, because they can be rebuilt. Raises sqlite3.Error if another
    program prevents the check.
    """
    if damage := find_damage(db):
        return damage
    try:
        schema = next((one for one in check_schema(db) if one.kind in _SCHEMA_FAULTS and not one.mend), None)
    except sqlite3.Error as error:
        return str(error)
    return schema.sentence[0].lower() + schema.sentence[1:] if schema else _find_unreadable_row(db)


_SCHEMA_FAULTS = ("table-missing", "column-missing", "column-changed")
_WITHOUT_TEXT = ("lsh_bands", "minhash_signatures", f"{FTS}_data", f"{FTS}_idx", f"{FTS}_docsize")
"""Tables whose rows the check does not read, because they contain no text."""


def _find_unreadable_row(db: Database) -> str:
    for table in stored_tables(db):
        if table in _WITHOUT_TEXT:
            continue
        try:
            for _ in db.execute(f'select * from "{table}"'):
                pass
        except sqlite3.Error as error:
            return f"the table {table}: {error}"
    return ""


def _find_lost_articles(copy: Database, target: Path) -> list[int]:
    """Returns the IDs of articles that are in the earlier backup at `target` but not in the copy, and whose absence has
    no explanation. It is explained if a person removed the article or its site, or if the article was merged into
    another one because both are one post.
    """
    if not target.exists():
        return []
    try:
        earlier = open_archive(target, read_only=True, to_copy=True)
    except ArchiverError:
        return []
    try:
        if archive_id(earlier) != archive_id(copy):
            return []
        own = {row[0] for row in copy.execute("select id from articles")}
        lost = [row for row in earlier.execute("select id, urlkey, site from articles") if row[0] not in own]
    except sqlite3.Error:
        return []  # the earlier backup is damaged, so it is kept but not compared
    finally:
        earlier.close()
    return sorted(
        number
        for number, urlkey, site in lost
        if not copy.execute(
            "select exists (select 1 from tombstones where article_id = ?) or exists (select 1 from article_urls where "
            "urlkey = ?) or not exists (select 1 from sites where name = ?)",
            [number, urlkey, site],
        ).fetchone()[0]
    )


def _advice(copy: Database, source: Database, archive: Path, target: Path) -> str:
    """Returns sentences for the message that a new backup (`copy`) of `archive` is damaged: whether the last backup at
    `target` is undamaged, and what to do. `source` is the archive's open database.
    """
    damages: list[DatabaseDamage] = []
    with suppress(sqlite3.Error):
        damages += find_database_damage(copy)
    if damages and all(one.derived for one in damages):
        return (
            f"The last backup is kept. Only indexes are damaged, which 'archiver verify --repair --archive {archive}' "
            "rebuilds."
        )
    with suppress(ArchiverError, OSError, sqlite3.Error), opened(target, read_only=True, to_copy=True) as last:
        if archive_id(last) == archive_id(source) and not find_damage(last):
            return (
                f"The last good backup, {target} of {made_at(last, target):%Y-%m-%d %H:%M} UTC, is kept. 'archiver "
                f"verify --archive {archive}' shows what is damaged; 'archiver restore {target} --archive {archive}' "
                "puts the backup in the archive's place."
            )
    return (
        f"There is no undamaged backup there. 'archiver verify --archive {archive}' shows what is damaged, and "
        f"'sqlite3 {archive} .recover' saves what is readable."
    )


def _list_articles(numbers: list[int]) -> str:
    shown = list_numbers(numbers, _MOST_NAMED)
    return f"article {shown}" if len(numbers) == 1 else f"articles {shown}"


_PAGES = 500
Progress = Callable[[str, int, int], None]
"""A function that is called with a name for the current step, the amount done, and the total."""


@contextmanager
def copy_database(archive: Path, target: Path, progress: Progress, *, force: bool = False) -> Iterator[Database]:
    """Context manager that copies the archive's database, checks the copy and yields it. When the block ends, the copy
    is moved atomically to `target`. An existing file at `target` must be an earlier backup of the same archive, unless
    `force` is True. `progress` is called with the name of the current step, the amount done, and the total.

    Raises BackupDamaged if the copy is damaged, BackupRefused, BackupDiskFull, and the errors of `open_archive`.
    """
    if target.is_dir():
        raise BackupRefused(str(target), "it is a folder: name a file in it, such as archive.db")
    source = open_archive(archive, read_only=True, to_copy=True)
    part = target.with_name(f".{target.name}.partial")
    try:
        _check_target(source, archive, target, force=force)
        _make_folder(source, target)
        with _lock_target(part, target):
            try:
                _copy(source, part, target, progress)
                copy = Database(sqlite3.connect(part))
                try:
                    progress("checks", 0, 1)
                    check_copy(copy, source, archive, target, force=force)
                    yield copy
                finally:
                    copy.close()
                _move_into_place(part, target)
            finally:
                for left in (part, *(part.with_name(part.name + side) for side in SIDES)):
                    left.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise _convert_error(error, target) from error
    finally:
        source.close()


def _copy(source: Database, part: Path, target: Path, progress: Progress) -> None:
    if source.execute("pragma journal_mode").fetchone()[0] == "wal":
        source.execute("begin")
    size = size_of_database(source)
    source.execute("select count(*) from sqlite_master").fetchone()
    if free_bytes(target) < size:
        raise BackupDiskFull(str(target), free_bytes(target), size)
    into = sqlite3.connect(part)
    try:
        source.conn.backup(
            into,
            pages=_PAGES,
            sleep=0.01,
            progress=lambda status, left, pages: progress("the database", pages - left, pages),
        )
        if source.conn.in_transaction:
            source.rollback()
        # The copy stays a single file, without a write-ahead log, until it is written to again.
        into.execute("pragma journal_mode = delete")
    finally:
        into.close()


def _move_into_place(part: Path, target: Path) -> None:
    """Syncs the finished copy (`part`) to disk (fsync(2)), and moves it to `target`."""
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
    _checkpoint_replaced_log(target)
    part.replace(target)
    sync_folder(target.parent)


def _checkpoint_replaced_log(target: Path) -> None:
    """Empties the write-ahead log of the backup that is about to be replaced, by writing its content into that backup.
    Otherwise SQLite would apply the log to the new copy.
    """
    logs = [file for side in SIDES if (file := target.with_name(target.name + side)).exists()]
    if not logs:
        return
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):  # with --force, any file may be replaced
        old = sqlite3.connect(target)
        old.execute("pragma wal_checkpoint(truncate)").fetchone()
        old.close()
    if any(file.exists() for file in logs):
        raise BackupRefused(str(target), "another program has it open: close that program first")


@contextmanager
def _lock_target(part: Path, target: Path) -> Iterator[None]:
    """Context manager that locks `target` against a second backup, and deletes the partial copy that a killed backup
    left.
    """
    path = part.with_name(f"{part.name}.lock")
    try:
        lock = path.open("wb")
    except OSError as error:
        raise BackupRefused(str(target), error.strerror or str(error)) from error
    with lock as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupRefused(str(target), "another backup is being written to it: wait for it to end") from error
        part.unlink(missing_ok=True)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _make_folder(source: Database, target: Path) -> None:
    """Creates the folder of a first backup, but not the folders above it. `source` is the archive's open database,
    which records its earlier backups.

    A folder that held a backup before and is now missing is not created again. It is probably on a disk that is not
    mounted, so the new backup would be written to the same disk as the archive. Raises BackupRefused.
    """
    folder = target.parent
    if folder.is_dir():
        return
    real = folder.resolve()
    for one in _recorded(source):
        if one.made_at and Path(one.path).parent == real:
            raise BackupRefused(
                str(target),
                f"its folder {folder} is not there, which held the backup of {one.made_at:%Y-%m-%d %H:%M} UTC: mount "
                "its disk, or create the folder if the backups shall begin again there",
            )
    if not real.parent.is_dir():
        raise BackupRefused(
            str(target), f"the folder {real.parent} does not exist: mount its disk or create it, if the path is right"
        )
    folder.mkdir(exist_ok=True)


def _check_target(source: Database, archive: Path, target: Path, *, force: bool) -> None:
    if not target.exists():
        return
    if target.samefile(archive):
        raise BackupRefused(str(target), "it is the archive itself")
    if force:
        return
    why = _why_not_backup(source, target)
    if why:
        raise BackupRefused(str(target), f"{why}: name another file, or add --force to overwrite it")


def _why_not_backup(source: Database, target: Path) -> str:
    """Returns "" if the file at `target` is an earlier backup of the archive that is open as `source`. Otherwise
    returns a phrase that says why it is not a backup.
    """
    try:
        other = open_archive(target, read_only=True, to_copy=True)
    except ArchiverError:
        return "it is not an archive"
    try:
        if archive_id(other) != archive_id(source):
            return "it is a different archive"
        for table, rows in (
            ("runs", _runs_to_compare(source, other, target)),
            ("imports", other.execute("select id, started_at from imports order by id desc limit 1")),
            ("reextractions", other.execute("select id, started_at from reextractions order by id desc limit 1")),
        ):
            for number, at in rows:
                if not source.execute(
                    f"select 1 from {table} where id = ? and started_at = ?", [number, at]
                ).fetchone():
                    return "it has newer changes that this archive lacks"
        return ""
    except sqlite3.Error as error:
        return f"it cannot be read ({error})"
    finally:
        other.close()


def _runs_to_compare(source: Database, other: Database, target: Path) -> Iterator[tuple[int, str]]:
    """Yields the ID and start of the newest run in an earlier backup (`other`); nothing if there is none. If the backup
    was made from the archive `source`, this archive must have the run, too. Runs of sites that were removed from the
    archive after the backup are skipped.
    """
    made = made_at(other, target)
    known_until = stamp(made) if any(one.made_at == made for one in read_backups(source)) else ""
    present = {name for (name,) in source.execute("select name from sites")}
    for number, at, site in other.execute(
        "select r.id, r.started_at, s.name from runs r join sites s on s.id = r.site_id order by r.id desc"
    ):
        if site in present or at > known_until:
            yield number, at
            return


def _convert_error(error: OSError | sqlite3.Error, target: Path) -> ArchiverError:
    if isinstance(error, OSError):
        if error.errno in FULL_ERRORS:
            return BackupDiskFull(str(target), free_bytes(target))
        return BackupRefused(str(target), error.strerror or str(error))
    found = environment_error(error, target)
    return BackupDiskFull(str(target), free_bytes(target)) if isinstance(found, DiskFull) else found


# Copying the WARC files that a copied database points to.

_CHUNK = 1 << 20


@dataclass(slots=True)
class CopiedFiles:
    """The result of copying an archive's WARC files.

    - `files`, `bytes`: the number and total size of the copied files.
    - `kept`: the number of files that the target folder already had.
    - `missing`: the names of the files that the archive itself lacks.
    - `damaged`: by name, a sentence for each damaged file of the archive.
    """

    files: int = 0
    bytes: int = 0
    kept: int = 0
    missing: tuple[str, ...] = ()
    damaged: dict[str, str] = field(default_factory=dict)


def copy_warc_files(
    db: Database, archive: Path, target: Path, finished: dict[str, bool], progress: Progress
) -> CopiedFiles:
    """Copies the WARC files that the copied database `db` refers to into the folder of `target`. `finished` maps the
    name of each WARC file of the archive to True if the file was complete before the database was copied.

    If a file is damaged in the archive, an undamaged copy in the folder is not overwritten. Raises OSError. Raises
    BackupRefused if the folder contains a different file with the same name, or if a copy differs from its original.
    """
    out = CopiedFiles()
    source, folder = archive.parent, target.parent
    known = read_warc_ends(db)
    names = sorted({*known, *(name for name, whole in finished.items() if whole)})
    if folder.exists() and source.samefile(folder):
        out.kept = len(names)
        return out
    for number, name in enumerate(names):
        progress("WARC files", number, len(names))
        file, to = _path_within(source, name), _path_within(folder, name)
        if file is None or to is None or not file.exists():
            out.missing += (name,)
            continue
        last, end = known.get(name, (0, 0))
        if file.stat().st_size < end and size_of(to) < end:
            out.damaged[name] = (
                f"{file} is damaged: it ends before byte {end:,}, but the archive refers to records up to there."
            )
        try:
            with held_finished(file) as size:
                is_finished = finished.get(name, False) and size is not None
                _copy_warc(file, to, None if is_finished else last, out)
        except _DifferentFile as error:
            out.damaged[name] = _explain_difference(db, archive, target, name)
            if not out.damaged[name]:
                raise BackupRefused(
                    str(to), "a different file with this name exists there: choose another folder"
                ) from error
    _sync_folders(folder, names)
    return out


class _DifferentFile(Exception):
    """Raised if the folder of the backup already contains a file under the name of a file to copy, and this is neither
    an equal file nor the beginning of one.
    """


def read_warc_ends(db: Database) -> dict[str, tuple[int, int]]:
    """Returns, for each WARC file by name, the offsets at which its last record with a row in `captures` begins and
    ends.
    """
    rows = db.execute(
        "select warc_file, max(warc_offset), max(warc_offset + warc_length) from captures "
        "where warc_file is not null group by 1"
    )
    return {name: (last, end) for name, last, end in rows}


def size_of(file: Path) -> int:
    """Returns the size of a file in bytes; -1 if the file does not exist."""
    return file.stat().st_size if file.exists() else -1


def _explain_difference(db: Database, archive: Path, target: Path, name: str) -> str:
    """Returns a sentence that says what to do if a WARC file differs from its copy in the folder of `target`, because
    it is damaged in the archive and the copy is not; "" in any other case.
    """
    flaws = find_flaws(db, archive.parent, name)
    if not flaws or find_flaws(db, target.parent, name, may_be_earlier=True):
        return ""
    return (
        f"{archive.parent / name} is damaged ({flaws[0].sentence}), and the copy in {target.parent} is undamaged: put "
        f"it back with 'archiver restore {target} {name} --archive {archive}'."
    )


def _copy_warc(file: Path, to: Path, last: int | None, out: CopiedFiles) -> None:
    """Copies a WARC file and its index to `to`, and counts them in `out`. If a crawl is still writing the file, `last`
    is the offset of the last exchange (a response with its request) to copy; None copies the whole file. Raises
    _DifferentFile if a different file with the same name exists.
    """
    with file.open("rb") as handle:
        end = os.fstat(handle.fileno()).st_size if last is None else _find_exchange_end(handle, last)
        size = size_of(to)
        if size == end and (index_of(to).exists() or not index_of(file).exists()):
            out.kept += 1
            return
        if size > 0 and not _is_earlier_state(handle, to):
            raise _DifferentFile
        if size > end:  # the file also contains records without a row in the copied database
            if not index_of(to).exists():
                repair_warc(to, lambda message: None)
            out.kept += 1
            return
        to.parent.mkdir(parents=True, exist_ok=True)
        # If this process is killed, the old index would not match the file, which has grown.
        index_of(to).unlink(missing_ok=True)
        copy_file(handle, to, end)
    if last is None and index_of(file).exists():
        with index_of(file).open("rb") as index:
            copy_file(index, index_of(to), os.fstat(index.fileno()).st_size)
    else:
        repair_warc(to, lambda message: None)
    out.files += 1
    out.bytes += end


def find_known_ends(db: Database, folder: Path, finished: dict[str, bool]) -> dict[str, int]:
    """Returns, by name, how many bytes of each WARC file below `folder` belong to the copied database `db`.

    These are all bytes of a file that was finished before the database was copied and is still finished. Of any other
    file, they are the bytes up to the end of the last exchange that has a row in `captures`. Missing files are left
    out.
    """
    known = read_warc_ends(db)
    out = {}
    for name in {*known, *(name for name, whole in finished.items() if whole)}:
        file = _path_within(folder, name)
        if file is None or not file.exists():
            continue
        with held_finished(file) as size, file.open("rb") as handle:
            if size is None or not finished.get(name, False):
                size = _find_exchange_end(handle, known.get(name, (0, 0))[0])
            if size:
                out[name] = size
    return out


def has_later_records(db: Database, file: Path, name: str) -> bool:
    """Returns True if a WARC file contains further data after the last exchange with a row in the `captures` of this
    database. Raises OSError.
    """
    last, _ = read_warc_ends(db).get(name, (0, 0))
    with file.open("rb") as handle:
        return _find_exchange_end(handle, last) < os.fstat(handle.fileno()).st_size


def _path_within(folder: Path, name: str) -> Path | None:
    """Returns the path of a WARC file named in the database, or None if the name leads out of `folder`. Only another
    program would have written such a name.
    """
    return None if Path(name).is_absolute() or ".." in Path(name).parts else folder / name


def _find_exchange_end(handle: BinaryIO, offset: int) -> int:
    """Returns the offset of the end of an exchange: of a response, which starts at `offset`, and the request and
    metadata records that follow it. Returns 0 if no record starts at `offset`.
    """
    end = offset
    while (member := read_record_at(handle, end)) is not None and (end == offset or parse_capture(member, "") is None):
        end += member.length
    return end if end > offset else 0


def _is_earlier_state(handle: BinaryIO, other: Path) -> bool:
    """Returns True if the open file begins with all bytes of `other`."""
    handle.seek(0)
    with other.open("rb") as existing:
        while data := existing.read(_CHUNK):
            if handle.read(len(data)) != data:
                return False
    return True


def copy_file(handle: BinaryIO, to: Path, end: int) -> None:
    """Copies the first `end` bytes of an open file to `to`. They are first written to a temporary file, which is read
    again to compare its size and digest, and then moved to `to`. Raises BackupRefused if the copy differs from what was
    read.
    """
    part = to.with_name(f".{to.name}.partial")
    handle.seek(0)
    digest, left = hashlib.sha1(usedforsecurity=False), end
    try:
        with part.open("wb") as into:
            while left and (data := handle.read(min(_CHUNK, left))):
                into.write(data)
                digest.update(data)
                left -= len(data)
            into.flush()
            os.fsync(into.fileno())
        if _digest_on_disk(part) != (end - left, digest.digest()):
            raise BackupRefused(
                str(to), "what is read from this disk differs from what was written to it: check the disk"
            )
        shutil.copystat(handle.name, part)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _digest_on_disk(file: Path) -> tuple[int, bytes]:
    """Returns the size in bytes and the SHA-1 of a file. The file is read from the disk and not from the system's
    cache, where the system allows this.
    """
    digest, size = hashlib.sha1(usedforsecurity=False), 0
    with file.open("rb") as handle:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while data := handle.read(_CHUNK):
            digest.update(data)
            size += len(data)
    return size, digest.digest()


def _sync_folders(folder: Path, names: Iterable[str]) -> None:
    for parent in sorted({(folder / name).parent for name in names}):
        if parent.is_dir():
            sync_folder(parent)


_PATIENCE = 20.0
"""How many seconds to wait for the end of another program's transaction, before the result of a backup is given up
unrecorded."""


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """The target and the options of a backup.

    - `captures`: True if WARC files are copied, too.
    - `force`: True if any file may be overwritten.
    - `purge`: True if WARC files that nothing uses any longer are deleted. `captures` must then be True as well.
    """

    target: Path
    captures: bool = False
    force: bool = False
    purge: bool = False


@dataclass(slots=True)
class BackupResult:
    """The result of a backup.

    - `purged`: WARC files that were deleted because they may hold removed posts.
    - `copies`: other files in the backup's folder, left by a purge, that are copies of the archive or cannot be read.
    - `still_held`: the number of removed posts that other files in the backup's folder may still hold.
    - `unrecorded`: the reason why the backup could not be recorded in the archive; "" if it was recorded.
    - `lost`: if the file of the last backup at this path is no longer there, the time at which that backup was made;
      otherwise None.
    """

    articles: int = 0
    bytes: int = 0
    copied: CopiedFiles = field(default_factory=CopiedFiles)
    purged: list[str] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    still_held: int = 0
    unrecorded: str = ""
    lost: datetime | None = None


def make_backup(archive: Path, request: BackupRequest, progress: Progress) -> BackupResult:
    """Backs up an archive, and returns the result. Raises BackupDamaged, BackupRefused, BackupDiskFull, OSError, and
    the errors of `open_archive`. After an error, the last backup is still at its path.
    """
    out, at = BackupResult(), datetime.now(UTC)
    target = request.target
    finished = find_warc_files(archive.parent) if request.captures or request.purge else {}
    was_there = target.exists()
    try:
        with copy_database(archive, target, progress, force=request.force) as copy:
            out.articles = copy.execute(f"select count(*) from articles where {IS_LIVE}").fetchone()[0]
            if request.captures:
                out.copied = copy_warc_files(copy, archive, target, finished, progress)
            path = str(target.resolve())
            if not was_there:
                out.lost = next((one.made_at for one in _recorded(copy) if one.path == path), None)
            made = BackupRecord(path, at, out.articles, size_of_database(copy), request.captures, at)
            if has_integrity_records(copy):
                with writing(copy):
                    record_backup(copy, made)
    except ArchiverError as error:
        _record_failure(archive, target, error)
        raise
    out.bytes = target.stat().st_size
    with opened(archive, read_only=True, to_copy=True) as db:
        if request.purge:
            out.purged, out.copies = _delete_unused_warcs(db, archive, target)
        if not request.purge or out.copies:
            made = replace(made, holds_since=_holds_since(db, made))
        if has_integrity_records(db):
            out.still_held = count_posts_removed_since(db, made.holds_since)
    out.unrecorded = _write(archive, lambda db: record_backup(db, made))
    return out


def _recorded(db: Database) -> list[BackupRecord]:
    return read_backups(db) if has_integrity_records(db) else []


def size_of_database(db: Database) -> int:
    """Returns the size of a database in bytes."""
    query = "select page_count * page_size from pragma_page_count, pragma_page_size"
    return int(db.execute(query).fetchone()[0])


# WARC files of removed posts.


def _delete_unused_warcs(db: Database, archive: Path, target: Path) -> tuple[list[str], list[Path]]:
    """Deletes WARC files in the folder of a backup that nothing refers to any longer: neither the archive, which has
    replaced them when it removed posts, nor any archive in the folder. Returns the names of the deleted files, and the
    other files in the folder that are copies of the archive or cannot be read. If one cannot be read, nothing is
    deleted.
    """
    folder = target.parent
    query = "select distinct warc_file from captures where warc_file is not null"
    used, copies, is_known = {name for (name,) in db.execute(query)}, [], True
    for file in sorted(one for one in folder.iterdir() if one.is_file() and not one.samefile(archive)):
        try:
            with opened(file, read_only=True, to_copy=True) as other:
                used |= {name for (name,) in other.execute(query)}
                if file != target and archive_id(other) == archive_id(db):
                    copies.append(file)
        except NotAnArchive:
            continue
        except (ArchiverError, sqlite3.Error):
            copies.append(file)
            is_known = False
    deleted = []
    for file in sorted((folder / "warc").glob("*.warc.gz")) if is_known else ():
        name = f"warc/{file.name}"
        if name not in used and NAME.fullmatch(file.name) and not (archive.parent / name).exists():
            delete_warc(file)
            deleted.append(name)
    return deleted, copies


def _holds_since(db: Database, made: BackupRecord) -> datetime | None:
    """Returns since when WARC files have been collected in the folder of the new backup `made`; None if unknown. They
    may hold every post that was removed from the archive `db` after this time. So may the earlier backups that version
    0.3.0 kept in the folder.
    """
    known = next((one for one in _recorded(db) if one.path == made.path and one.made_at), None)
    if known is None:
        return made.made_at
    is_alone = known.holds_since == known.made_at and not (known.captures or made.captures)
    return made.made_at if is_alone else known.holds_since


def backups_with_removed_posts(archive: Path) -> list[BackupRecord]:
    """Returns the recorded backups of an archive that may still hold posts that were removed from it."""
    with opened(archive, read_only=True, to_copy=True) as db:
        return [one for one in _recorded(db) if one.made_at and count_posts_removed_since(db, one.holds_since)]


# Recording the result in the archive.


def _record_failure(archive: Path, target: Path, error: ArchiverError) -> None:
    """Stores in the archive why a backup failed. Stores nothing if the path was refused and was never used for a
    backup, since it was probably mistyped.
    """
    path = str(target.resolve())

    def write(db: Database) -> None:
        if not isinstance(error, BackupRefused) or any(one.path == path for one in read_backups(db)):
            record_failed_backup(db, path, datetime.now(UTC), str(error))

    _write(archive, write)


def _write(archive: Path, write: Callable[[Database], None]) -> str:
    """Runs `write` in a write transaction of the archive, without migrating it. Returns the reason if that was not
    possible, otherwise "".
    """
    if not (is_writable(archive) and is_writable(archive.parent)):
        return "it cannot be written here"
    try:
        with opened(archive, read_only=True, to_copy=True) as db:
            if not has_integrity_records(db):
                return "it was written by an earlier version"
        with opened(archive) as db, writing(db, _PATIENCE):
            write(db)
    except ArchiverError as error:
        return str(error)
    except (sqlite3.Error, OSError) as error:
        return str(environment_error(error, archive))
    return ""
