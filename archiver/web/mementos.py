"""Finds the captures of a URL or an article by time: the mementos that the web pages show (RFC 7089)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from archiver.api.captures import tombstone_at
from archiver.api.database import Database, moment
from archiver.model.errors import ArticleRemoved, NotCaptured
from archiver.model.urls import asset_address, normalize, urlkey

Row = dict[str, Any]

_COLUMNS = "id, url, captured_at, status, media_type, record_type, digest, warc_file, warc_offset, warc_length"
_REFUSALS = frozenset({401, 403, 407, 429})
"""Statuses of refusals, which depend on the client and say nothing about the page."""


def captures_of_address(db: Database, url: str) -> list[Row]:
    """Returns all captures of a URL, by http and https, with and without www and a trailing slash, oldest first.

    Raises ArticleRemoved if the URL belongs to a removed post, NotCaptured if there is no capture.
    """
    found = list(
        db.query(
            f"select {_COLUMNS} from captures where url in (select value from json_each(?)) order by captured_at, id",
            [json.dumps(sorted(_forms(url)))],
        )
    )
    address = normalize(url)
    if address and (removal := tombstone_at(db, urlkey(address))):
        raise ArticleRemoved(url, removal.explanation)
    if not found:
        raise NotCaptured(url)
    return found


def mementos(db: Database, url: str) -> list[Row]:
    """Returns the captures of a URL, oldest first, without refusals (403, 429 ...) and server errors, since these do
    not show what was at the URL. Raises the same errors as `captures_of_address`.
    """
    found = [
        row
        for row in captures_of_address(db, url)
        if (row["status"] or 0) < 500
        and row["status"] not in _REFUSALS
        and (row["status"] != 304 or row["record_type"] == "revisit")
    ]
    # A redirect from another form of this URL (http to https, without the slash) is not a memento of it.
    shown = [row for row in found if row["url"] == url or not is_redirect(row)] or found
    if not shown:
        raise NotCaptured(url)
    return shown


def is_redirect(row: Row) -> bool:
    return 300 <= (row["status"] or 0) < 400 and row["status"] != 304


def captures_of_article(db: Database, article_id: int) -> list[Row]:
    """Returns the captures of an article's URLs, and the captures from which its revisions were extracted, oldest
    first.
    """
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
    """Returns the capture nearest to a time. If two captures are equally near, returns the earlier one. `rows` must not
    be empty.
    """
    return min(rows, key=lambda row: abs((time_of(row) - at).total_seconds()))


def time_of(row: Row) -> datetime:
    found = moment(row["captured_at"])
    assert found is not None
    return found


def captured_urls(db: Database, urls: Iterable[str]) -> set[str]:
    """Returns the URLs among `urls` for which there is a capture with a status below 400: one that can be shown, or a
    redirect.
    """
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
