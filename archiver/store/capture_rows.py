"""Rows of the table `captures`."""

from __future__ import annotations

from dataclasses import asdict

from sqlite_utils import Database

from archiver.items import Capture
from archiver.store.ledger import last_rowid, stamp


def enter_capture(db: Database, run_id: int, capture: Capture) -> int:
    """Enter where the record of a response lies; its number. Expects to run inside the caller's transaction."""
    row = {"run_id": run_id, **asdict(capture), "captured_at": stamp(capture.captured_at)}
    db.table("captures").insert(row)
    return last_rowid(db)
