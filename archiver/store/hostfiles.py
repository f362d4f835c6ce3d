"""Files that speak for a whole host, kept as they were last read. All functions run inside the caller's transaction."""

from __future__ import annotations

from sqlite_utils import Database

from archiver.frontier.hostfile import HostFile
from archiver.store.ledger import moment, stamp


def stored_file(db: Database, origin: str, name: str) -> HostFile | None:
    """The file of this name ("robots.txt") at this origin ("https://example.org/"), None where it was never read."""
    row = db.execute("select fetched_at, status, body, etag, last_modified from host_files "
                     "where origin = ? and name = ?", [origin, name]).fetchone()
    if row is None:
        return None
    at = moment(row[0])
    assert at is not None
    return HostFile(at, row[1], row[2] or b"", row[3] or "", row[4] or "")


def store_file(db: Database, origin: str, name: str, file: HostFile) -> None:
    """Keep a file in place of what was kept of it before."""
    db.execute(
        "insert into host_files (origin, name, fetched_at, status, body, etag, last_modified) "
        "values (?, ?, ?, ?, ?, ?, ?) on conflict (origin, name) do update set "
        "fetched_at = excluded.fetched_at, status = excluded.status, "
        "body = excluded.body, etag = excluded.etag, last_modified = excluded.last_modified",
        [origin, name, stamp(file.fetched_at), file.status, file.body, file.etag, file.last_modified])
