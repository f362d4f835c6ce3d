"""The captures of one address, or of one article, in the order of their time. Reads only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.errors import ArticleRemoved, NotCaptured
from archiver.items import Capture, UsageStatement
from archiver.storage.pages import insert_row, moment, stamp
from archiver.storage.tombstones import tombstone_at
from archiver.urls import asset_address, normalize, urlkey

# Rows of the table `captures`.

_CAPTURE_COLUMNS = tuple(one.name for one in fields(Capture))


def enter_capture(db: Database, run_id: int, capture: Capture) -> int:
    """Enter where the record of a response lies; its number. Expects to run inside the caller's transaction."""
    row = {
        "run_id": run_id,
        **{name: getattr(capture, name) for name in _CAPTURE_COLUMNS},
        "captured_at": stamp(capture.captured_at),
    }
    return insert_row(db, "captures", row)


Row = dict[str, Any]
_COLUMNS = "id, url, captured_at, status, media_type, record_type, digest, warc_file, warc_offset, warc_length"
_REFUSALS = frozenset({401, 403, 407, 429})
"""What a server said of who asked, and nothing of the address."""


def captures_of_address(db: Database, url: str) -> list[Row]:
    """All captures of an address by http and https, with and without www and a slash at its end, oldest first.

    Raises ArticleRemoved where it is kept out, NotCaptured where there is none.
    """
    found = list(
        db.query(
            f"select {_COLUMNS} from captures where url in (select value from json_each(?)) order by captured_at, id",
            [json.dumps(sorted(_forms(url)))],
        )
    )
    address = normalize(url)
    if address and (removal := tombstone_at(db, urlkey(address))):
        raise ArticleRemoved(url, removal.told)
    if not found:
        raise NotCaptured(url)
    return found


def mementos(db: Database, url: str) -> list[Row]:
    """Those that show what was there: the captures without refusals and failures of its server. Raises as
    `captures_of_address` does."""
    found = [
        row
        for row in captures_of_address(db, url)
        if (row["status"] or 0) < 500
        and row["status"] not in _REFUSALS
        and (row["status"] != 304 or row["record_type"] == "revisit")
    ]
    # From http to https, to the slash at its end: what leads to this address is not what was at it.
    there = [row for row in found if row["url"] == url or not is_redirect(row)] or found
    if not there:
        raise NotCaptured(url)
    return there


def is_redirect(row: Row) -> bool:
    return 300 <= (row["status"] or 0) < 400 and row["status"] != 304


def captures_of_article(db: Database, article_id: int) -> list[Row]:
    """The captures of the addresses of an article, and those that its versions were read from, oldest first."""
    return list(
        db.query(
            f"select {_COLUMNS} from captures where id in (select id from captures where article_id = :id union "
            "select capture_id from articles where id = :id and capture_id is not null union "
            "select capture_id from revisions where article_id = :id and capture_id is not null union "
            "select c.id from captures c join (select url from articles where id = :id union "
            "select url from article_urls where article_id = :id) a on c.url = a.url) order by captured_at, id",
            {"id": article_id},
        )
    )


def nearest(rows: Iterable[Row], at: datetime) -> Row:
    """Of captures (at least one) that whose time is nearest; of two that are as near, the earlier."""
    return min(rows, key=lambda row: abs((time_of(row) - at).total_seconds()))


def time_of(row: Row) -> datetime:
    found = moment(row["captured_at"])
    assert found is not None
    return found


def held(db: Database, urls: Iterable[str]) -> set[str]:
    """Of these addresses those of which something was captured that can be shown, or that leads to it."""
    return {
        row[0]
        for row in db.execute(
            "select distinct url from captures where url in (select value from json_each(?)) and status < 400",
            [json.dumps(list(urls))],
        )
    }


def _forms(url: str) -> set[str]:
    out: set[str] = set()
    for one in filter(None, (url, asset_address(url), normalize(url))):
        _, _, rest = one.partition("://")
        host, slash, path = rest.partition("/")
        bare = host.removeprefix("www.")
        ends = {path, path.rstrip("/"), path if "?" in path or not path else path.rstrip("/") + "/"}
        out |= {
            f"{scheme}://{name}{slash or '/'}{end}"
            for scheme in ("http", "https")
            for name in (bare, f"www.{bare}")
            for end in ends
        }
    return out


# What captured responses said of their use.


def store_usage_statements(db: Database, capture_id: int, rights: Iterable[UsageStatement]) -> None:
    """Keep the statements of a response with its capture, inside the caller's transaction."""
    for right in rights:
        db.execute(
            "insert into usage_statements (capture_id, source, agent, name, value) values (?, ?, ?, ?, ?)",
            [capture_id, right.source, right.agent, right.name, right.value],
        )


def usage_statements_of(db: Database, capture_id: int) -> list[dict[str, Any]]:
    """The statements of a capture, ready for JSON: source, agent, name, value."""
    return list(
        db.query(
            "select source, agent, name, value from usage_statements where capture_id = ? order by id", [capture_id]
        )
    )
