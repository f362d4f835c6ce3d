"""Compares the articles of an archive with what today's extraction reads in their captures."""

from __future__ import annotations

from pathlib import Path

from archiver.maintenance.capture_reader import extract_from_capture
from archiver.storage.database import opened


def read_differently(archive: Path) -> list[int]:
    """Return the IDs of the articles whose stored title or body no rules read in the article's capture."""
    out = []
    with opened(archive, read_only=True) as db:
        sites = dict(db.execute("select name, id from sites").fetchall())
        for row in list(db.query("select * from articles where capture_id is not null")):
            read = extract_from_capture(db, archive.parent, row, sites.get(row["site"], 0))
            if read and all((one.title, one.body) != (row["title"], row["body"]) for one in read):
                out.append(row["id"])
    return out
