"""The identifier of a post outside its archive: it depends on no number of that, and stays when the post moves."""

from __future__ import annotations

import hashlib

from sqlite_utils import Database

_LENGTH = 20
_NEVER = "9999-99-99T99:99:99"
_FIRST = f"""coalesce((select min(coalesce(substr(d.first_seen, 1, 19), '{_NEVER}') || ' ' || d.urlkey)
    from article_urls d where d.article_id = {{0}}), '{_NEVER} ' || a.urlkey)"""
FIRST_ADDRESS = _FIRST.format("a.id")
"""SQL: when and at which address (urlkey) an article `a` was met first."""


def record_id(urlkey: str) -> str:
    """The identifier of the post that was first seen at this address: 80 bits of its SHA-256, in hexadecimal.

    Two archives that met a post at the same address name it alike.
    """
    return hashlib.sha256(urlkey.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]


def of_first(first: str) -> str:
    """The identifier that follows from FIRST_ADDRESS."""
    return record_id(first[len(_NEVER) + 1:])


def identifier(db: Database, article_id: int) -> str:
    """The identifier of one article, which is there."""
    # By a number that is given, addresses are looked up; by that of a row, SQLite makes all of them first.
    row = db.execute(f"select {_FIRST.format(':id')} from articles a where a.id = :id", {"id": article_id}).fetchone()
    return of_first(str(row[0]))
