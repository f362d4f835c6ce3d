"""What an address of ours names: an article, one of its versions, a capture."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from archiver.capture.asked import CaptureNotFound
from archiver.errors import ArticleRemoved
from archiver.store.records import find_article
from archiver.store.tombstones import removals
from archiver.web.answer import Asked, CannotAnswer


def article_of(asked: Asked) -> int:
    """The number of the article that is asked for. Raises ArticleNotFound, and ArticleRemoved also while a removal
    that is entered still waits to be done."""
    number = find_article(asked.db, asked.named["id"])
    for removal in removals(asked.db, "article_id = ? and allowed_at is null", [number]):
        raise ArticleRemoved(str(number), removal.told)
    return number


def version_of(asked: Asked, name: str) -> int | None:
    """The number of a version among the arguments; None where none is given. Raises CannotAnswer."""
    text = asked.one(name)
    if text and not (text.isascii() and text.isdigit()):
        raise CannotAnswer(f"{name}={text}", "a version is named by its number")
    return int(text[:9]) if text else None


MANY = 100
"""So many versions, captures or articles of a collection a page lists."""


def offset_of(asked: Asked) -> int:
    """How many of a list are passed over. Raises CannotAnswer."""
    text = asked.one("offset", "0")
    if not (text.isascii() and text.isdigit()):
        raise CannotAnswer(f"offset {text}", "it is a whole number")
    return int(text[:9])


def capture_row_of(db: Database, text: str) -> dict[str, Any]:
    """The row of a capture by its number. Raises CaptureNotFound."""
    number = int(text[:18]) if text.isascii() and text.isdigit() else 0
    row = next(iter(db.query("select * from captures where id = ?", [number])), None)
    if row is None:
        raise CaptureNotFound(text)
    return row
