"""Before a crawl begins: mend what one that died has left."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from slugify import slugify
from sqlite_utils import Database

from archiver.capture.mend import Mended, mend, unfinished
from archiver.errors import ArchiveMoved
from archiver.store.lost import files_of_broken_runs, forget_lost
from archiver.store.transaction import writing

_notice = logging.getLogger("archiver.notice")


def warc_prefix(site: str) -> str:
    """What the names of a site's WARC files begin with."""
    return slugify(site)


class Place:
    """Where the archive's file stood when the run began. One that was removed can be written to for hours, in vain."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._file = self._found()

    def check(self) -> None:
        """Raises ArchiveMoved, or the OSError of a folder that is gone, where another file or none stands there now."""
        if self._found() != self._file:
            raise ArchiveMoved(str(self._archive))

    def _found(self) -> tuple[int, int]:
        found = self._archive.stat()
        return found.st_dev, found.st_ino


def recover(db: Database, folder: Path, site: dict[str, Any]) -> list[str]:
    """Mend the site's WARC files that no crawl has finished; phrases that tell of those that were torn.

    Files that another process is writing are left alone. A kill in the midst of this leaves the rest for the next run.
    Expects the site's lock to be held, and to run before the new run is entered. Raises OSError and sqlite3.Error.
    """
    told: list[str] = []
    broken = {folder / name for name in files_of_broken_runs(db, site["id"])}
    for file in sorted({*unfinished(folder / "warc", warc_prefix(site["name"])), *(f for f in broken if f.exists())}):
        mend(file, lambda mended: _forget(db, mended, told))
    for name in sorted(str(file.relative_to(folder)) for file in broken if not file.exists()):
        _forget(db, Mended(name, frozenset()), told, f"{name} is missing")
    return told


def _forget(db: Database, mended: Mended, told: list[str], sentence: str = "") -> None:
    with writing(db):
        lost = forget_lost(db, mended.file, mended.records)
    sentence = sentence or mended.sentence
    if lost:
        sentence = f"{sentence or mended.file}; {lost} captures were lost with it, their pages are due again"
    if sentence:
        _notice.warning("%s", sentence)
        told.append(sentence)
