"""Captures whose records are lost, after a power cut or a damaged disk: forgotten, and their pages due again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from slugify import slugify
from sqlite_utils import Database

from archiver.errors import ArchiveMoved
from archiver.storage import pages
from archiver.storage.connection import writing
from archiver.storage.requisites import forget_capture
from archiver.warc.warc_files import RepairedFile, repair_warc, unfinished_files

_REASON = "the capture of it was lost with the end of a WARC file"


def forget_lost(db: Database, warc_file: str, records: frozenset[tuple[int, int]]) -> int:
    """Take out the captures of this file that are not among its records (offset, length); returns how many they were.

    What was read from them stays, without a proof until the page has been fetched once more. Expects to run inside the
    caller's transaction.
    """
    rows = db.execute("select id, warc_offset, warc_length from captures where warc_file = ?", [warc_file]).fetchall()
    lost = [row[0] for row in rows if (row[1], row[2]) not in records]
    for capture_id in lost:
        posts = db.execute(
            "select t.post_urlkey from pages p join article_parts t on t.urlkey = p.urlkey where p.capture_id = ?",
            [capture_id],
        ).fetchall()
        for (key,) in (
            posts
            + db.execute("select urlkey from pages where capture_id = ? and kind <> 'part'", [capture_id]).fetchall()
        ):
            pages.make_due_again(db, key, _REASON, anew=True)
        db.execute(
            "update pages set capture_id = null, etag = null, last_modified = null where capture_id = ?", [capture_id]
        )
        db.execute("update articles set capture_id = null where capture_id = ?", [capture_id])
        db.execute("update revisions set capture_id = null where capture_id = ?", [capture_id])
        forget_capture(db, capture_id)
        db.execute("delete from captures where id = ?", [capture_id])
    return len(lost)


def prove(db: Database, article_id: int, capture_id: int | None) -> None:
    """A version whose capture was lost points to this one, which shows the same."""
    db.execute("update articles set capture_id = ? where id = ? and capture_id is null", [capture_id, article_id])
    db.execute(
        "update revisions set capture_id = ? where article_id = ? and capture_id is null and revision = "
        "(select revision from articles where id = ?)",
        [capture_id, article_id, article_id],
    )


def files_of_broken_runs(db: Database, site_id: int) -> set[str]:
    """The WARC files of this site's runs that have not been closed: the process died, or is about to be known dead."""
    runs = [
        row[0]
        for row in db.execute(
            "select id from runs where site_id = ? and finished_at is null and outcome is null", [site_id]
        )
    ]
    marks = ", ".join("?" * len(runs))
    return {row[0] for row in db.execute(f"select distinct warc_file from captures where run_id in ({marks})", runs)}


# Before a crawl begins: mend what one that died has left.

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
    for file in sorted(
        {*unfinished_files(folder / "warc", warc_prefix(site["name"])), *(f for f in broken if f.exists())}
    ):
        repair_warc(file, lambda mended: _forget(db, mended, told))
    for name in sorted(str(file.relative_to(folder)) for file in broken if not file.exists()):
        _forget(db, RepairedFile(name, frozenset()), told, f"{name} is missing")
    return told


def _forget(db: Database, mended: RepairedFile, told: list[str], sentence: str = "") -> None:
    with writing(db):
        lost = forget_lost(db, mended.file, mended.records)
    sentence = sentence or mended.sentence
    if lost:
        sentence = f"{sentence or mended.file}; {lost} captures were lost with it, their pages are due again"
    if sentence:
        _notice.warning("%s", sentence)
        told.append(sentence)
