"""Recovery from a crawl that died: repairs its WARC files and deletes the captures that were lost with the end of a
file.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from slugify import slugify

from archiver.model.due_reasons import DueFor
from archiver.model.errors import ArchiveMoved
from archiver.model.items import Capture
from archiver.storage import Database, pages
from archiver.storage.captures import RemovedURLs
from archiver.storage.requisites import refetch_lost_requisite
from archiver.storage.transactions import archive_faults, writing
from archiver.warc.warc_file_maintenance import RepairedFile, find_unfinished_files, repair_warc
from archiver.warc.warc_records import Exchange, Original
from archiver.warc.warc_writer import Continuation, WarcWriter


def forget_lost(db: Database, warc_file: str, records: frozenset[tuple[int, int]], begin: int = 0) -> int:
    """Deletes the rows of captures whose record is missing from this WARC file, and returns their number. These are the
    captures at the offset `begin` or later that are not in `records`. `records` holds the (offset, length) in bytes of
    each record that is still there.

    Data that were extracted from these captures are kept, but without a capture until the page has been fetched again.
    Expects to run inside the caller's transaction.
    """
    rows = db.execute("select id, warc_offset, warc_length from captures where warc_file = ?", [warc_file]).fetchall()
    lost = [row[0] for row in rows if row[1] >= begin and (row[1], row[2]) not in records]
    for capture_id in lost:
        posts = db.execute(
            "select t.post_urlkey from pages p join article_parts t on t.urlkey = p.urlkey where p.capture_id = ?",
            [capture_id],
        ).fetchall()
        for (key,) in (
            posts
            + db.execute("select urlkey from pages where capture_id = ? and kind <> 'part'", [capture_id]).fetchall()
        ):
            pages.make_due_again(db, key, DueFor.LOST_CAPTURE, unconditional=True)
        db.execute(
            "update pages set capture_id = null, etag = null, last_modified = null where capture_id = ?", [capture_id]
        )
        db.execute("update articles set capture_id = null where capture_id = ?", [capture_id])
        db.execute("update revisions set capture_id = null where capture_id = ?", [capture_id])
        refetch_lost_requisite(db, capture_id)
        db.execute("delete from captures where id = ?", [capture_id])
    return len(lost)


def files_of_broken_runs(db: Database, site_id: int) -> set[str]:
    """Returns the names of this site's WARC files whose run was never closed because its process died."""
    runs = [
        row[0]
        for row in db.execute(
            "select id from runs where site_id = ? and finished_at is null and outcome is null", [site_id]
        )
    ]
    marks = ", ".join("?" * len(runs))
    return {row[0] for row in db.execute(f"select distinct warc_file from captures where run_id in ({marks})", runs)}


# -- repairs before a crawl begins

_notice = logging.getLogger("archiver.notice")


def warc_prefix(site: str) -> str:
    """Returns the prefix of the names of a site's WARC files."""
    return slugify(site)


class ArchiveFiles:
    """The files that a run writes: the archive's database, and a WARC file, which continues that of the site's last run
    unless this was started `days` days ago or has `max_bytes`.
    """

    def __init__(
        self, db: Database, archive: Path, site: dict[str, Any], days: int, max_bytes: int, version: str
    ) -> None:
        self._archive = archive
        self._file = self._inode()
        self._removed = RemovedURLs(db, site["name"])
        last = site["warc_file"]
        continued = Continuation(last, days, max_bytes) if last and days else None
        name = site["name"]
        self._warc = WarcWriter(archive.parent, warc_prefix(name), f"archiver/{version}", f"crawl of {name}", continued)

    @property
    def last_warc_file(self) -> str:
        """The name of the WARC file that was written last; "" if none was."""
        return self._warc.end[0]

    def capture(self, exchange: Exchange, original: Original | None) -> Capture:
        """Writes one exchange to the WARC file and returns its capture. `original` is the WARC record that has the same
        payload, so that only a revisit record is written; None if there is none. Raises ArchiverError if the disk
        fails.
        """
        with archive_faults(self._archive):
            return self._warc.write(exchange, original)

    def mentions_removed(self, exchange: Exchange) -> bool:
        """Returns True if the response of a list, feed or API contains the address of a removed post, and so may
        contain its text.
        """
        codings = (value for name, value in exchange.response_headers if name.lower() == b"content-encoding")
        return self._removed.is_in(exchange.body, next(codings, b"").decode("latin-1"))

    def close(self) -> None:
        """Finishes the WARC file. Raises OSError if the disk fails; the next run then finishes it."""
        self._warc.close()

    def abandon(self) -> None:
        """Closes the WARC file as it is, if it is still open."""
        self._warc.abandon()

    def sync(self) -> None:
        """Writes the WARC file to the disk, before the rows that name its records are committed. Raises ArchiveMoved if
        the archive's file was replaced since the run began, because anything written to it would be lost, and
        ArchiverError if the disk fails.
        """
        with archive_faults(self._archive):
            if self._inode() != self._file:
                raise ArchiveMoved(str(self._archive))
            self._warc.sync()

    def _inode(self) -> tuple[int, int]:
        found = self._archive.stat()
        return found.st_dev, found.st_ino


def recover(db: Database, folder: Path, site: dict[str, Any]) -> list[str]:
    """Repairs the site's unfinished WARC files before a crawl begins. Returns a message for each file that was damaged.

    Files that another process is writing are left alone. If this process is killed, the next run continues the repair.
    Expects the site's lock to be held and the new run not to be inserted yet. Raises OSError and sqlite3.Error.
    """
    messages: list[str] = []
    broken = {folder / name for name in files_of_broken_runs(db, site["id"])}
    for file in sorted(
        {*find_unfinished_files(folder / "warc", warc_prefix(site["name"])), *(f for f in broken if f.exists())}
    ):
        repair_warc(file, lambda repaired: _forget_lost_captures(db, repaired, messages))
    for name in sorted(str(file.relative_to(folder)) for file in broken if not file.exists()):
        _forget_lost_captures(db, RepairedFile(name, frozenset()), messages, f"{name} is missing")
    return messages


def _forget_lost_captures(db: Database, repaired: RepairedFile, messages: list[str], message: str = "") -> None:
    with writing(db):
        lost = forget_lost(db, repaired.file, repaired.records, repaired.length_before)
    message = message or repaired.sentence
    if lost:
        message = f"{message or repaired.file}; {lost} captures were lost with it, and their pages are due again"
    if message:
        _notice.warning("%s", message)
        messages.append(message)
