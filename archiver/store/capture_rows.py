"""Rows of the table `captures`."""

from __future__ import annotations

from dataclasses import fields

from sqlite_utils import Database

from archiver.items import Capture
from archiver.store.ledger import insert_row, stamp

_COLUMNS = tuple(one.name for one in fields(Capture))


def enter_capture(db: Database, run_id: int, capture: Capture) -> int:
    """Enter where the record of a response lies; its number. Expects to run inside the caller's transaction."""
    row = {"run_id": run_id, **{name: getattr(capture, name) for name in _COLUMNS},
           "captured_at": stamp(capture.captured_at)}
    return insert_row(db, "captures", row)
