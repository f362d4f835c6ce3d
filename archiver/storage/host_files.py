"""The table of files about a host, robots.txt and tdmrep.json, as they were read last.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from archiver.items import Outcome
from archiver.politeness.robots_and_usage_statements import HostFile, Robots
from archiver.storage import Database
from archiver.storage import pages_and_source_hints as pages
from archiver.storage.pages_and_source_hints import moment, stamp


def find_host_file(db: Database, origin: str, name: str) -> HostFile | None:
    """Returns a file about a host as last fetched, by its name ("robots.txt") and origin ("https://example.org/"); None
    if the file was never fetched.
    """
    row = db.execute(
        "select fetched_at, status, body, etag, last_modified from host_files where origin = ? and name = ?",
        [origin, name],
    ).fetchone()
    if row is None:
        return None
    at = moment(row[0])
    assert at is not None
    return HostFile(at, row[1], row[2] or b"", row[3] or "", row[4] or "")


def make_allowed_due(db: Database, site_id: int, origin: str, robots: Robots) -> None:
    """Makes due the pages of a site and an origin that an earlier robots.txt forbade and the present one allows."""
    rows = db.execute(
        "select id, url from pages where site_id = ? and outcome = ? and rule = 'robots'", [site_id, Outcome.REFUSED]
    ).fetchall()
    allowed = [page_id for page_id, url in rows if url.startswith(origin) and not robots.refusal(url)]
    pages.make_pages_due(db, allowed, "robots.txt allows it now")


def store_host_file(db: Database, origin: str, name: str, file: HostFile) -> None:
    """Stores a file about a host (`name` is robots.txt or tdmrep.json), replacing the copy that was stored before.
    `origin` is the scheme and host.
    """
    db.execute(
        "insert into host_files (origin, name, fetched_at, status, body, etag, last_modified) "
        "values (?, ?, ?, ?, ?, ?, ?) on conflict (origin, name) do update set "
        "fetched_at = excluded.fetched_at, status = excluded.status, "
        "body = excluded.body, etag = excluded.etag, last_modified = excluded.last_modified",
        [origin, name, stamp(file.fetched_at), file.status, file.body, file.etag, file.last_modified],
    )
