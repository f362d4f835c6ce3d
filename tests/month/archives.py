"""Reads what an archive holds, and what was reported of it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.month.world import Said

MESSAGES = "messages.jsonl"


@dataclass(frozen=True)
class Kept:
    """An article of the archive: what it says now, whether it is gone, and what its earlier revisions said. Revisions
    that were undone are left out: they stay in the history as what a faulty site showed, marked as such.
    """

    said: Said
    gone: bool
    revisions: tuple[tuple[Any, ...], ...]


def articles(archive: Path) -> dict[str, Kept]:
    """Return the articles by their address."""
    with closing(_open(archive)) as db:
        db.row_factory = sqlite3.Row
        history: dict[int, list[tuple[Any, ...]]] = {}
        for row in db.execute(
            "select article_id, revision, meaning_digest from revisions where undone_at is null order by 1, 2"
        ):
            history.setdefault(row["article_id"], []).append((row["revision"], row["meaning_digest"]))
        return {
            row["url"]: Kept(
                Said(
                    row["title"] or "",
                    row["body"] or "",
                    tuple(json.loads(row["authors"] or "[]")),
                    (row["published"] or "")[:19],
                    tuple(json.loads(row["categories"] or "[]")),
                    tuple(json.loads(row["tags"] or "[]")),
                ),
                row["gone_at"] is not None,
                tuple(history.get(row["id"], ())),
            )
            for row in db.execute("select * from articles where id not in (select article_id from withdrawn_articles)")
        }


def held_pages(archive: Path) -> int:
    with closing(_open(archive)) as db:
        return int(db.execute("select count(*) from held_pages").fetchone()[0])


def _open(archive: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{archive}?mode=ro", uri=True)


def messages(folder: Path) -> list[dict[str, Any]]:
    """Return the messages that the command of archiver.toml has received so far, oldest first."""
    file = folder / MESSAGES
    return [json.loads(line) for line in file.read_text().splitlines() if line] if file.exists() else []
