"""Files of records that were read in: table `imports`, from which a broken import goes on.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.store.ledger import last_rowid, stamp

MOST_PROBLEMS = 100
"""Problems that are kept of a file by themselves; all are counted."""


@dataclass(slots=True)
class Tally:
    """What an import did. `records` are all of the file; of them `posts` were read as posts, which were `new`,
    `revised` (another version came to light) or `known`; the rest are `pages` that are no posts, `not_html`, answers
    with another status (`gone`, `redirects`, `status`), `revisits`, records about records (`about`), `skipped` as not
    asked for, of posts that were `removed`, and `damaged`. Of some a thing was wrong and they were read
    all the same (`mended`). `captures` were copied; `aliases`, `tombstones` and `sites` are new ones."""

    records: int = 0
    posts: int = 0
    new: int = 0
    revised: int = 0
    known: int = 0
    pages: int = 0
    not_html: int = 0
    gone: int = 0
    redirects: int = 0
    status: int = 0
    revisits: int = 0
    about: int = 0
    skipped: int = 0
    damaged: int = 0
    removed: int = 0
    mended: int = 0
    captures: int = 0
    aliases: int = 0
    tombstones: int = 0
    sites: int = 0

    def add(self, other: Tally) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def begun(db: Database, digest: str, options: str) -> dict[str, Any] | None:
    """The import of this file by this choice, if there was one: the row of `imports`."""
    return next(iter(db.query("select * from imports where digest = ? and options = ? order by id desc limit 1",
                              [digest, options])), None)


def begin(db: Database, name: str, digest: str, size: int, options: str, now: datetime) -> int:
    db.table("imports").insert({"name": name, "digest": digest, "size": size, "options": options,
                                "started_at": stamp(now)})
    return last_rowid(db)


def reach(db: Database, import_id: int, place: tuple[int, int] | None, tally: Tally, problems: Iterable[dict[str, Any]],
          warc: tuple[str, int]) -> None:
    """All up to `place` (None: as far as before) is in the archive; `problems` are added to those that are listed."""
    db.execute("update imports set member_offset = coalesce(?, member_offset), inner_offset = coalesce(?, "
               "inner_offset), counts = ?, "
               "warc_file = coalesce(nullif(?, ''), warc_file), warc_end = case when ? <> '' then ? else warc_end end "
               "where id = ?",
               [*(place or (None, None)), json.dumps(asdict(tally)), warc[0], warc[0], warc[1], import_id])
    add_problems(db, import_id, problems)


def add_problems(db: Database, import_id: int, problems: Iterable[dict[str, Any]]) -> None:
    for problem in problems:
        db.execute("update imports set problems = json_insert(problems, '$[#]', json(?)) where id = ? "
                   "and json_array_length(problems) < ?",
                   [json.dumps(problem, ensure_ascii=False), import_id, MOST_PROBLEMS])


def finish(db: Database, import_id: int, outcome: str, tally: Tally, now: datetime) -> None:
    """`outcome` is finished, or limited where the person asked for a part."""
    db.execute("update imports set outcome = ?, finished_at = ?, counts = ? where id = ?",
               [outcome, stamp(now), json.dumps(asdict(tally)), import_id])


def ends(db: Database) -> dict[str, int]:
    """Up to where each WARC file of imports holds records that rows point to."""
    return dict(db.execute("select warc_file, max(warc_end) from imports where warc_file is not null group by 1"))
