"""Finds the backups of an archive that still hold posts which were removed from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from archiver.errors import ArchiverError
from archiver.maintenance.backups.backup_run import holds_removed_posts
from archiver.maintenance.backups.generations import archive_id, earlier_files
from archiver.storage.connection import opened
from archiver.storage.integrity_records import count_posts_removed_since, has_integrity_records, read_backups


@dataclass(frozen=True, slots=True)
class Holder:
    """A backup, or another copy of the archive, that holds or may hold posts that were removed from the archive.

    - `path`: the backup's file, or another copy of the archive in its folder.
    - `files`: its files that hold removed posts, as far as they can be read.
    - `is_readable`: False if it cannot be read now.
    - `advice`: the command or action that removes the posts from it.
    """

    path: str
    files: tuple[str, ...]
    is_readable: bool
    advice: str


def find_holders(archive: Path) -> list[Holder]:
    """Returns the recorded backups, and the copies of the archive in its own folder, that hold or may hold posts which
    were removed from the archive. Raises what `open_archive` raises.
    """
    return [*_find_backups(archive), *_find_copies(archive)]


def _find_backups(archive: Path) -> Iterator[Holder]:
    with opened(archive, read_only=True, to_copy=True) as db:
        for record in read_backups(db) if has_integrity_records(db) else ():
            if not record.made_at or not count_posts_removed_since(db, record.holds_since):
                continue
            file = Path(record.path)
            captures = " --captures" if record.captures else ""
            command = f"archiver backup {file}{captures} --purge --archive {archive}"
            if not file.exists():
                yield Holder(record.path, (), False, command)
                continue
            found = [str(one) for one in (file, *earlier_files(file)) if holds_removed_posts(one, db)]
            if captures:
                found.append(str(file.parent / "warc"))
            if found:
                yield Holder(record.path, tuple(found), True, command)


def _find_copies(archive: Path) -> Iterator[Holder]:
    """Yields the other copies of the archive in its folder, such as an archive that `archiver restore` has replaced."""
    with opened(archive, read_only=True, to_copy=True) as db:
        for file in sorted(archive.parent.glob(f"*{archive.suffix}")):
            if not file.is_file() or file.samefile(archive):
                continue
            with suppress(ArchiverError, sqlite3.Error, OSError):
                with opened(file, read_only=True, to_copy=True) as other:
                    is_copy = archive_id(other) == archive_id(db)
                if is_copy and holds_removed_posts(file, db):
                    yield Holder(str(file), (str(file),), True, f"delete {file}")
