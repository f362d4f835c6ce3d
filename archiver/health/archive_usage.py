"""Measures what an archive has done and how much disk space it uses, for metrics: responses by HTTP status, failed
notifications, bytes on disk, and when its scheduler was last active.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from archiver.storage.connection import path_of
from archiver.storage.full_text import index_folder
from archiver.storage.locks import last_heartbeat
from archiver.storage.runs import count_responses

_PARTS = {"warc": "warc", "log": "log"}


@dataclass(frozen=True, slots=True)
class ArchiveUsage:
    """What an archive has done and how much disk space it uses.

    - `responses`: the number of responses by HTTP status.
    - `failed_notifications`: the number of failed attempts by channel.
    - `bytes`, `files`: the size and number of files of each part of the archive (database, warc, index, log).
    - `heartbeat`: when the scheduler's loop last ran, None if no scheduler has ever run.
    """

    responses: Mapping[str, int]
    failed_notifications: Mapping[str, int]
    bytes: Mapping[str, int]
    files: Mapping[str, int]
    heartbeat: datetime | None


def read_usage(db: Database) -> ArchiveUsage:
    """Reads the usage of an open archive, from its database and from the folders next to it."""
    archive = path_of(db)
    sizes = {
        "database": [_size_of(archive), _size_of(archive.with_name(archive.name + "-wal"))],
        "index": list(_sizes_in(index_folder(archive))),
        **{part: list(_sizes_in(archive.parent / folder)) for part, folder in _PARTS.items()},
    }
    return ArchiveUsage(
        count_responses(db),
        dict(
            db.execute(
                "select channel, sum(attempts - (outcome = 'sent')) from notifications group by 1 order by 1"
            ).fetchall()
        ),
        {part: sum(found) for part, found in sizes.items()},
        {part: sum(1 for size in found if size) for part, found in sizes.items()},
        last_heartbeat(archive),
    )


def _sizes_in(folder: Path) -> Iterator[int]:
    """Yields the size of each file in a folder; nothing if the folder does not exist."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False):
                        yield entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue  # the file was deleted meanwhile
    except (FileNotFoundError, NotADirectoryError):
        return


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
