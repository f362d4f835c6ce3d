"""What captured responses said of their use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlite_utils import Database

from archiver.items import Right


def store_rights(db: Database, capture_id: int, rights: Iterable[Right]) -> None:
    """Keep the statements of a response with its capture, inside the caller's transaction."""
    for right in rights:
        db.execute("insert into usage_statements (capture_id, source, agent, name, value) values (?, ?, ?, ?, ?)",
                   [capture_id, right.source, right.agent, right.name, right.value])


def rights_of(db: Database, capture_id: int) -> list[dict[str, Any]]:
    """The statements of a capture, ready for JSON: source, agent, name, value."""
    return list(db.query("select source, agent, name, value from usage_statements where capture_id = ? order by id",
                         [capture_id]))
