"""Puts a backup in the place of an archive: the database with the WARC files that it needs, or single WARC files.

The replaced archive stays in its folder under another name. Posts that were removed from it after the backup was made
are removed from the restored archive, too. If the process is killed, the archive is complete, in its old or in its
restored state, and the command can be run again.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from archiver.maintenance.backup import (
    SIDES,
    archive_id,
    copy_file,
    find_fault,
    has_later_records,
    made_at,
    read_warc_ends,
    size_of,
    size_of_database,
)
from archiver.maintenance.merge_archives import merge_tombstones
from archiver.maintenance.takedown import finish_takedowns
from archiver.maintenance.verify_captures import find_flaws, find_warc_files, make_index_lines
from archiver.model.errors import ArchiveNotFound, ArchiverError, DiskFull, NotAnArchive, RestoreRefused
from archiver.storage import Database
from archiver.storage.columns import IS_LIVE
from archiver.storage.database import open_archive, opened
from archiver.storage.full_text import delete_search_index
from archiver.storage.runs import has_integrity_records, read_backups, record_backup, record_checked_units
from archiver.storage.transactions import (
    archive_faults,
    free_bytes,
    lock_archive_exclusively,
    lock_schedule,
    scheduler_process,
    writing,
)
from archiver.warc.warc_writer import index_of, seal, sync_folder

_PAGES = 2_000
Progress = Callable[[str, int, int], None]
"""A function that is called with a name for the current step, the amount done, and the total."""


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What the restoration of a backup would do.

    - `backup`, `made_at`, `articles`: the backup's file, when it was made, and its number of articles.
    - `kept_as`: the name that the replaced archive gets.
    - `runs`, `new_articles`, `new_revisions`: the numbers of runs, articles and revisions that are in the archive but
      not in the backup. Each is None if the archive is too damaged to count them.
    - `removed`: the number of posts that the backup holds but that were removed from the archive later.
    """

    backup: Path
    archive: Path
    made_at: datetime
    articles: int
    kept_as: Path
    runs: int | None = 0
    new_articles: int | None = 0
    new_revisions: int | None = 0
    removed: int | None = 0


@dataclass(slots=True)
class RestoreResult:
    """The result of a restoration.

    - `files`: the names of the WARC files that were put back.
    - `whole`: requested files that were undamaged in the archive and therefore not replaced.
    - `failed`: by name, the reason why a damaged or missing file could not be put back.
    - `later`: WARC files that were written after the backup, and whose captures are therefore not in the database.
    - `kept_as`: the replaced archive; None if nothing was replaced.
    - `removed`: the number of posts that were removed from the restored archive because they had been removed before.
    """

    files: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    later: list[str] = field(default_factory=list)
    kept_as: Path | None = None
    removed: int = 0


# Planning: checks whether the backup is undamaged, and what its restoration would lose.


def plan_restore(backup: Path, archive: Path) -> RestorePlan:
    """Checks a backup, and returns what its restoration would do. Raises RestoreRefused if it is damaged or a backup of
    a different archive, and the errors of `open_archive`.
    """
    with _opened_backup(backup, archive) as theirs:
        at = made_at(theirs, backup)
        articles = theirs.execute(f"select count(*) from articles where {IS_LIVE}").fetchone()[0]
        kept_as = archive.with_stem(f"{archive.stem}-before-restore-{datetime.now(UTC):%Y-%m-%d-%H%M%S}")
        plan = RestorePlan(backup, archive, at, articles, kept_as)
        if not archive.exists():
            return plan
        try:
            own = open_archive(archive, read_only=True, to_copy=True)
        except (ArchiverError, OSError):
            return replace(plan, runs=None, new_articles=None, new_revisions=None, removed=None)
        with closing(own):
            if _is_other_archive(own, theirs):
                raise RestoreRefused(
                    str(backup), f"it is a backup of a different archive from {archive}: choose another --archive"
                )
            return _plan_losses(plan, own, theirs)


@contextmanager
def _opened_backup(backup: Path, archive: Path) -> Iterator[Database]:
    """Opens a backup read-only after checking it. Raises RestoreRefused and the errors of `open_archive`."""
    if archive.exists() and backup.exists() and archive.samefile(backup):
        raise RestoreRefused(str(backup), "it is the archive itself")
    try:
        db = open_archive(backup, read_only=True, to_copy=True)
    except ArchiveNotFound as error:
        raise RestoreRefused(str(backup), "there is no such file") from error
    except NotAnArchive as error:
        raise RestoreRefused(str(backup), "it is not an archive") from error
    with closing(db):
        try:
            damage = find_fault(db)
        except sqlite3.Error as error:
            raise RestoreRefused(str(backup), f"it cannot be read now ({error})") from error
        if damage:
            raise RestoreRefused(str(backup), f"it is itself damaged ({damage})")
        yield db


def _is_other_archive(own: Database, theirs: Database) -> bool:
    try:
        return archive_id(own) != archive_id(theirs)
    except sqlite3.Error:
        return False  # the archive is too damaged to tell whose backup it is


def _plan_losses(plan: RestorePlan, own: Database, theirs: Database) -> RestorePlan:
    def missing(query: str) -> int | None:
        with suppress(sqlite3.Error):
            return len(set(own.execute(query)) - set(theirs.execute(query)))
        return None

    return replace(
        plan,
        runs=missing("select id, started_at from runs"),
        new_articles=missing("select id from articles"),
        new_revisions=missing("select article_id, revision from revisions"),
        removed=missing("select site, url, removed_at from tombstones where allowed_at is null"),
    )


# Restoring the database.


def restore_archive(plan: RestorePlan, progress: Progress) -> RestoreResult:
    """Puts a backup in the place of the archive, with the WARC files that are missing or too short.

    Raises ArchiveInUse if a crawl or an import is running, SchedulerAlreadyRunning, RestoreRefused, DiskFull, and
    storage errors. Until the database is replaced, nothing is changed.
    """
    archive, out = plan.archive, RestoreResult()
    archive.parent.mkdir(parents=True, exist_ok=True)
    part = archive.with_name(f".{archive.name}.restored")
    with _without_writers(archive), archive_faults(archive):
        try:
            with _opened_backup(plan.backup, archive) as theirs:
                _copy_database(theirs, part, archive, progress)
            with closing(Database(sqlite3.connect(part))) as copy:
                if damage := find_fault(copy):
                    raise RestoreRefused(
                        str(plan.backup), f"the copy that was written is damaged ({damage}): check the disk"
                    )
                _carry_over(copy, archive)
            _sync(part)
            out.kept_as = _keep_replaced(archive, plan.kept_as)
            part.replace(archive)
            sync_folder(archive.parent)
        finally:
            for left in (part, *(part.with_name(part.name + side) for side in SIDES)):
                left.unlink(missing_ok=True)
        delete_search_index(archive)
        with opened(archive) as db:
            _put_back_files(db, plan.backup.parent, archive, _incomplete_files(db, archive, plan.backup), out, progress)
            out.removed = len(
                db.execute("select id from tombstones where erased_at is null and allowed_at is null").fetchall()
            )
            finish_takedowns(db, archive)
            known = {row[0] for row in db.execute("select distinct warc_file from captures")}
            out.later = [
                name
                for name, file in _files_after(archive.parent, plan.made_at)
                if file.exists() and (name not in known or _has_grown(db, file, plan.backup.parent / name, name))
            ]
    return out


@contextmanager
def _without_writers(archive: Path) -> Iterator[None]:
    """Context manager that keeps schedulers, crawls and imports from writing to the archive, by holding their locks."""
    # The archive has a scheduler only if the scheduler's lock file exists. This function does not create it.
    scheduler = lock_schedule(archive) if scheduler_process(archive) is not None else nullcontext()
    with scheduler, lock_archive_exclusively(archive):
        yield


def _copy_database(theirs: Database, part: Path, archive: Path, progress: Progress) -> None:
    size = size_of_database(theirs)
    if free_bytes(archive) < size:
        raise DiskFull(str(archive.parent), free_bytes(archive))
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(part)) as into:
        theirs.conn.backup(
            into, pages=_PAGES, progress=lambda status, left, pages: progress("the database", pages - left, pages)
        )
        into.execute("pragma journal_mode = delete")


def _carry_over(copy: Database, archive: Path) -> None:
    """Copies the tombstones of posts removed since the backup, and the records of backups, from the archive to the copy
    of its backup that will replace it. Otherwise they would be lost. Does nothing if the archive cannot be read.
    """
    if not archive.exists():
        return
    with suppress(ArchiverError, OSError), closing(open_archive(archive, read_only=True, to_copy=True)) as own:
        with suppress(sqlite3.Error), writing(copy):
            merge_tombstones(copy, own)
        with suppress(sqlite3.Error), writing(copy):
            if has_integrity_records(own) and has_integrity_records(copy):
                for one in read_backups(own):
                    if one.made_at:
                        record_backup(copy, one)


def _keep_replaced(archive: Path, kept_as: Path) -> Path | None:
    """Keeps the archive that is about to be replaced, with its write-ahead log, under the name `kept_as`. Returns that
    path; None if the archive does not exist.

    If the disk has hard links, the file also keeps its old name until the backup replaces it.
    """
    if not archive.exists():
        return None
    # SQLite quotes a damaged schema in its message, which need not be UTF-8.
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(sqlite3.connect(archive)) as db:
        db.execute("pragma wal_checkpoint(truncate)").fetchone()
    try:
        os.link(archive, kept_as)
    except OSError:
        archive.rename(kept_as)
    for side in SIDES:
        log = archive.with_name(archive.name + side)
        if log.exists():
            log.rename(kept_as.with_name(kept_as.name + side))
    sync_folder(archive.parent)
    return kept_as


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


# Restoring WARC files.


def restore_captures(backup: Path, archive: Path, names: Sequence[str], progress: Progress) -> RestoreResult:
    """Puts back WARC files that are damaged or missing in the archive, if the folder of the backup has undamaged
    copies. `names` are the files to examine, as in `captures.warc_file`; () means all. A damaged file is kept under its
    name with ".damaged" appended.

    Raises the same errors as `restore_archive` and `open_archive`.
    """
    out = RestoreResult()
    if not (backup.parent / "warc").is_dir():
        raise RestoreRefused(str(backup), "there is no folder warc/ next to it: it was made with --no-captures")
    with _without_writers(archive), archive_faults(archive), opened(archive) as db:
        known = {row[0] for row in db.execute("select distinct warc_file from captures where warc_file is not null")}
        for name in names:
            if name not in known and not (archive.parent / name).exists() and not (backup.parent / name).exists():
                out.failed[name] = "there is no such WARC file"
        selected = (
            [name for name in names if name not in out.failed]
            if names
            else sorted(known | set(find_warc_files(archive.parent)))
        )
        damaged = []
        for number, name in enumerate(selected):
            progress("checking WARC files", number, len(selected))
            if find_flaws(db, archive.parent, name):
                damaged.append(name)
            elif names:
                out.whole.append(name)
        _put_back_files(db, backup.parent, archive, damaged, out, progress)
    return out


def _incomplete_files(db: Database, archive: Path, backup: Path) -> list[str]:
    """Returns the names of the archive's WARC files that are missing, are shorter than in the backup, or end before the
    last record that has a row in `captures`.
    """
    return [
        name
        for name, (_, end) in sorted(read_warc_ends(db).items())
        if (size := size_of(archive.parent / name)) < end or size < size_of(backup.parent / name)
    ]


def _has_grown(db: Database, own: Path, copy: Path, name: str) -> bool:
    """Returns True if runs since the backup have appended records to the archive's WARC file `own`. `copy` is its copy
    in the backup.
    """
    return size_of(own) > size_of(copy) if copy.exists() else has_later_records(db, own, name)


def _put_back_files(
    db: Database, source: Path, archive: Path, names: Iterable[str], out: RestoreResult, progress: Progress
) -> None:
    selected = list(names)
    for number, name in enumerate(selected):
        progress("WARC files", number, len(selected))
        if Path(name).is_absolute() or ".." in Path(name).parts:
            out.failed[name] = "its name leads out of the archive's folder"
        elif not (source / name).exists():
            out.failed[name] = f"the backup in {source} does not have it"
        else:
            flaws = find_flaws(db, source, name)
            if not flaws:
                _put_back(source / name, archive.parent / name)
            elif find_flaws(db, source, name, may_be_earlier=True) or not _put_back_beginning(
                db, source / name, archive.parent / name
            ):
                out.failed[name] = f"the backup's copy is no better: {flaws[0].sentence}"
                continue
            out.files.append(name)
            if has_integrity_records(db):
                with writing(db):
                    record_checked_units(db, [name], [], datetime.now(UTC))


def _put_back_beginning(db: Database, file: Path, own: Path) -> bool:
    """Replaces only the beginning of the archive's WARC file `own` by its copy in a backup, `file`, and keeps the
    records that runs have appended since. Returns False and changes nothing if this does not give a complete and
    undamaged file.
    """
    folder = own.parent.parent / ".restore"
    joined = folder / "warc" / own.name
    try:
        joined.parent.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as begin, own.open("rb") as end, joined.open("wb") as out:
            shutil.copyfileobj(begin, out)
            end.seek(out.tell())
            shutil.copyfileobj(end, out)
        if find_flaws(db, folder, f"warc/{own.name}"):
            return False
        seal(joined, make_index_lines(joined, f"warc/{own.name}"))
        _put_back(joined, own)
        return True
    except FileNotFoundError:  # the archive has no such file, whose end could be kept
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_back(file: Path, own: Path) -> None:
    """Copies the WARC file `file` of a backup, and its index, to `own` in the archive. If the archive has a file with
    that name, that file is kept under another name.
    """
    own.parent.mkdir(parents=True, exist_ok=True)
    kept = _free_name(own) if own.exists() else None
    if kept is not None:
        try:
            os.link(own, kept)
        except OSError:
            own.rename(kept)
    for source, target in ((file, own), (index_of(file), index_of(own))):
        if source.exists():
            with source.open("rb") as handle:
                copy_file(handle, target, os.fstat(handle.fileno()).st_size)
    sync_folder(own.parent)


def _free_name(file: Path) -> Path:
    number, name = 1, file.with_name(f"{file.name}.damaged")
    while name.exists():
        number += 1
        name = file.with_name(f"{file.name}.damaged-{number}")
    return name


def _files_after(folder: Path, at: datetime) -> Iterator[tuple[str, Path]]:
    """Yields the WARC files below `folder` that were written after this time."""
    for name in find_warc_files(folder):
        if datetime.fromtimestamp((folder / name).stat().st_mtime, UTC) > at:
            yield name, folder / name
