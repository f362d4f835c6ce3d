"""Writes articles into an archive as a crawl does, through a separate connection: the row, its revision, and the note
for the search index.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.model.urls import urlkey
from archiver.storage.database import open_archive
from tests.archive_fixture import NOW, make_archive

_LISTS = ("authors", "categories", "tags", "geotags", "credits")


@contextmanager
def beside(db: Database) -> Iterator[sqlite3.Connection]:
    """Open a transaction of another program on an open archive."""
    file = db.execute("select file from pragma_database_list where name = 'main'").fetchone()[0]
    with closing(sqlite3.connect(file, timeout=30)) as other, other:
        other.execute("pragma foreign_keys = on")
        other.execute("begin immediate")
        yield other


def write(db: Database, number: int, title: str, body: str, **more: Any) -> None:
    url = f"https://harbour.example/post-{number}"
    row: dict[str, Any] = {
        "id": number,
        "title": title,
        "body": body,
        "url": url,
        "urlkey": urlkey(url),
        "site": "harbour.example",
        "revision": 1,
        "first_seen": NOW,
        "last_seen": NOW,
        "authors": ["A"],
        "language": "en",
        **more,
    }
    row |= {name: json.dumps(row.get(name, [])) for name in _LISTS}
    with beside(db) as other:
        _insert(other, "articles", row)
        _insert(
            other,
            "article_urls",
            {"urlkey": row["urlkey"], "url": url, "article_id": number, "kind": "url", "first_seen": NOW},
        )
        _insert(
            other,
            "revisions",
            {"article_id": number, "revision": 1, "observed_at": NOW, "changed": "[]", "title": title, "content": "{}"},
        )


def archive_with_a_frequent_prefix(file: Path) -> Path:
    """Make the small archive with 17,000 words that begin with "w" after "old": too many for `"old w"*`."""
    make_archive(file)
    db = open_archive(file)
    with db.atomic():
        db.execute("update articles set body = ? where id = 1", [" ".join(f"old w{n}" for n in range(17_000))])
    db.close()
    return file


def edit(db: Database, number: int, *, revision: int | None = None, **values: Any) -> None:
    """Store a new revision of an article, or overwrite the given one."""
    with beside(db) as other:
        last = other.execute("select max(revision) from revisions where article_id = ?", [number]).fetchone()[0]
        version = revision or last + 1
        other.execute("delete from revisions where article_id = ? and revision = ?", [number, version])
        said = {**values, "revision": version}
        other.execute(
            f"update articles set {', '.join(f'{name} = :{name}' for name in said)} where id = :id",
            {**said, "id": number},
        )
        _insert(
            other,
            "revisions",
            {
                "article_id": number,
                "revision": version,
                "observed_at": NOW,
                "changed": json.dumps(list(values)),
                "title": values.get("title", ""),
                "content": "{}",
            },
        )


def delete(db: Database, number: int) -> None:
    with beside(db) as other:
        for table, column in (("revisions", "article_id"), ("article_urls", "article_id"), ("articles", "id")):
            other.execute(f"delete from {table} where {column} = ?", [number])


def _insert(other: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    other.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))
