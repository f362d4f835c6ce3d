"""Captures with their usage statements: stores captures, finds those of a URL or an article by time, and the URLs that
redirected to one in the past.

All functions expect to run inside the caller's transaction. Tombstones, the records of posts that were removed at a
person's request, keep these from coming back under any URL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from archiver.articles.article_comparison import content_digest
from archiver.model.due_reasons import DueFor
from archiver.model.errors import BadAddress
from archiver.model.items import Article, Capture, UsageStatement
from archiver.model.urls import start_address, urlkey
from archiver.storage import Database
from archiver.storage.pages import stamp

_INSERT_STATEMENT = "insert into usage_statements (capture_id, source, agent, name, value) values (?, ?, ?, ?, ?)"
_VALUES = tuple(one.name for one in fields(Capture))
_INSERT_CAPTURE = (
    # A hint may have been deleted because its post was removed.
    f"insert into captures (id, run_id, hint_id, {', '.join(_VALUES)}) "
    f"values (?, ?, (select id from source_hints where id = ?){', ?' * len(_VALUES)})"
)


def enter_captures(
    db: Database, run_id: int, fetched: Sequence[tuple[Capture, int | None, Iterable[UsageStatement]]]
) -> list[int]:
    """Inserts captures and returns their IDs. Each of `fetched` is a capture with the ID of the source hint with which
    it was extracted (None: without one) and the usage statements of its response.
    """
    first = 1 + (db.conn.execute("select max(id) from captures").fetchone()[0] or 0)
    ids = list(range(first, first + len(fetched)))
    db.conn.executemany(
        _INSERT_CAPTURE,
        [
            (number, run_id, hint_id, *_values(capture))
            for number, (capture, hint_id, _) in zip(ids, fetched, strict=True)
        ],
    )
    said = [
        (number, one.source, one.agent, one.name, one.value)
        for number, (_, _, statements) in zip(ids, fetched, strict=True)
        for one in statements
    ]
    if said:
        db.conn.executemany(_INSERT_STATEMENT, said)
    return ids


def enter_capture(db: Database, run_id: int, capture: Capture, hint_id: int | None = None) -> int:
    """Inserts a capture and returns its ID. `hint_id` is the source hint with which it was extracted, None if without
    one; a hint that has been deleted meanwhile is not stored. Expects to run inside the caller's transaction.
    """
    return int(db.conn.execute(_INSERT_CAPTURE, [None, run_id, hint_id, *_values(capture)]).lastrowid or 0)


def _values(capture: Capture) -> list[Any]:
    """Returns the values of a capture in the order of `_VALUES`."""
    return [stamp(capture.captured_at) if name == "captured_at" else getattr(capture, name) for name in _VALUES]


# -- usage statements


def store_usage_statements(db: Database, capture_id: int, rights: Iterable[UsageStatement]) -> None:
    """Stores the usage statements (`rights`) of a capture's response. Expects to run inside the caller's
    transaction.
    """
    if rows := [(capture_id, one.source, one.agent, one.name, one.value) for one in rights]:
        db.conn.executemany(_INSERT_STATEMENT, rows)


def usage_statements_of(db: Database, capture_id: int) -> list[dict[str, Any]]:
    """Returns the usage statements of a capture, ready for JSON: source, agent, name, value."""
    return list(
        db.query(
            "select source, agent, name, value from usage_statements where capture_id = ? order by id", [capture_id]
        )
    )


# -- past redirects, which imports record

_MOST_HOPS = 10
_MOST_WAYS = 200


@dataclass(frozen=True, slots=True)
class HistoricalRedirect:
    """A URL that redirected to another URL in the past, with the first and last time that a capture showed the
    redirect.
    """

    url: str
    first: datetime
    last: datetime


def redirects_to(db: Database, key: str) -> list[HistoricalRedirect]:
    """Returns the URLs that once redirected to this urlkey, directly or through other URLs, the nearest first."""
    found: dict[str, HistoricalRedirect] = {}
    wave, seen = [key], {key}
    for _ in range(_MOST_HOPS):
        reached: list[str] = []
        for target in wave:
            for source, url, first, last in db.execute(
                "select urlkey, min(url), min(captured_at), max(captured_at) from historical_responses where "
                "target = ? group by urlkey "
                "order by urlkey limit ?",
                [target, _MOST_WAYS],
            ):
                if source not in seen and len(found) < _MOST_WAYS:
                    seen.add(source)
                    found[source] = HistoricalRedirect(url, datetime.fromisoformat(first), datetime.fromisoformat(last))
                    reached.append(source)
        wave = reached
        if not wave:
            break
    return list(found.values())


def link_capture_to_article(db: Database, capture_id: int, article_id: int, *, secondary: bool) -> None:
    """Links a capture to the article it shows. `secondary` is True if the capture shows only a stub or another URL of
    the post, and therefore does not prove a revision.
    """
    db.execute(
        "update captures set article_id = ?, secondary = ? where id = ?", [article_id, secondary or None, capture_id]
    )


# -- captures of articles


def set_missing_capture(db: Database, article_id: int, capture_id: int | None) -> None:
    """If the capture of the article's current revision was lost, links the revision to the capture `capture_id`, which
    shows the same content.
    """
    db.execute("update articles set capture_id = ? where id = ? and capture_id is null", [capture_id, article_id])
    db.execute(
        "update revisions set capture_id = ? where article_id = ? and capture_id is null and revision = "
        "(select revision from articles where id = ?)",
        [capture_id, article_id, article_id],
    )


_TOMBSTONE_COLUMNS = "id, article_id, site, url, reason, requested_by, removed_at, erased_at, allowed_at"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The tombstone of a post that was removed because a person asked for it. `article_id` is the ID that the article
    had, which is never reused; times are ISO 8601 in UTC.

    `erased_at` is None as long as the database or a file may still contain parts of the post. Once `allowed_at` is set,
    the post may be archived again.
    """

    id: int
    article_id: int | None
    site: str
    url: str
    reason: str
    requested_by: str | None
    removed_at: str
    erased_at: str | None
    allowed_at: str | None

    @property
    def explanation(self) -> str:
        """Returns a phrase for messages, such as "removed from this archive on 2024-05-01: its author asked for it"."""
        return f"removed from this archive on {self.removed_at[:10]}: {self.reason}"


def tombstones(db: Database, where: str = "1", values: Iterable[object] = ()) -> list[Tombstone]:
    """Returns the tombstones that match the SQL condition `where`, whose parameters are `values`, oldest first."""
    return [
        Tombstone(*row)
        for row in db.execute(f"select {_TOMBSTONE_COLUMNS} from tombstones where {where} order by id", list(values))
    ]


def tombstone_at(db: Database, key: str) -> Tombstone | None:
    """Returns the tombstone that forbids archiving the page at this urlkey; None if it may be archived."""
    found = tombstones(db, "id = (select tombstone_id from tombstone_urls where urlkey = ?)", [key])
    return found[0] if found else None


def removed_urlkeys(db: Database, keys: Iterable[str]) -> set[str]:
    """Returns those of these urlkeys that must not be archived."""
    query = "select urlkey from tombstone_urls where urlkey in (select value from json_each(?))"
    return {row[0] for row in db.execute(query, [json.dumps(list(keys))])}


def tombstone_named(db: Database, what: str | int) -> Tombstone | None:
    """Returns the last tombstone of a post; None if there is no such tombstone. `what` is the ID that the article had,
    or a URL that must not be archived.
    """
    text = str(what).strip()
    if text.isascii() and text.isdigit():
        found = tombstones(db, "article_id = ?", [int(text[:18])])
        return found[-1] if found else None
    try:
        return tombstone_at(db, urlkey(start_address(text)))
    except BadAddress:
        return None


def pending_takedowns(db: Database) -> list[Tombstone]:
    """Returns the tombstones of posts whose content may still be in the database or a WARC file."""
    return tombstones(db, "erased_at is null and allowed_at is null")


def is_payload_removed(db: Database, digest: str) -> bool:
    """Returns True if a payload with this digest belonged to a removed post, so that it must not be stored."""
    return db.execute("select 1 from tombstone_payloads where digest = ?", [digest]).fetchone() is not None


def tombstone_of(db: Database, site: str, article: Article) -> Tombstone | None:
    """Returns the tombstone of the post that an extracted article shows, found by URL, platform ID, guid or text; None
    if the post was not removed.
    """
    key = urlkey(article.url)
    here, of_site = db.execute(
        "select exists (select 1 from tombstone_urls where urlkey = ?), "
        "exists (select 1 from tombstones where site = ? and allowed_at is null)",
        [key, site],
    ).fetchone()
    if here or not of_site:
        return tombstone_at(db, key) if here else None
    values = [site, article.post_id or None, article.guid or None, content_digest(article.body) or None]
    same = tombstones(db, "site = ? and allowed_at is null and (post_id = ? or guid = ? or content_digest = ?)", values)
    return same[0] if same else None


def keep_url_out(db: Database, removal: Tombstone, url: str, *, captured: bool = True) -> None:
    """Forbids archiving another URL of a removed post. If `captured` is True, this URL was captured, so the erasure of
    the post is marked as pending again.
    """
    db.execute(
        "insert into tombstone_urls (urlkey, url, tombstone_id) values (?, ?, ?) on conflict do nothing",
        [urlkey(url), url, removal.id],
    )
    if captured:
        db.execute("update tombstones set erased_at = null where id = ?", [removal.id])


def allow_again(db: Database, removal: Tombstone, at: str, due_at: str) -> None:
    """Allows a removed post to be archived again: its URLs are due at `due_at`, and nothing about the post is blocked
    any longer.
    """
    keys = [
        row[0] for row in db.execute("delete from tombstone_urls where tombstone_id = ? returning urlkey", [removal.id])
    ]
    db.execute("delete from tombstone_payloads where tombstone_id = ?", [removal.id])
    db.execute("update tombstones set allowed_at = ? where id = ?", [at, removal.id])
    for key in keys:
        db.execute(
            "update pages set outcome = 'due', rule = null, reason = '', due_for = ?, due_by = null, due_at = ? "
            "where urlkey = ? and rule = 'removed'",
            [DueFor.REVOKED_REMOVAL, due_at, key],
        )


NEXT_ARTICLE_ID = (
    "(select max(coalesce((select max(id) from articles), 0), "
    "coalesce((select max(article_id) from tombstones), 0)) + 1)"
)
"""SQL: an ID for a new article, which no article has or ever had."""


def next_article_id(db: Database) -> int:
    """Returns an ID for a new article. No article has, or ever had, this ID."""
    return int(db.execute(f"select {NEXT_ARTICLE_ID}").fetchone()[0])


# -- a listing, feed or API response that contains the URL of a removed post is not captured, since it may contain the
# post's text


class RemovedURLs:
    """The URLs of a site's removed posts, in every form in which the site's pages may write them, so that they can be
    found in payloads.
    """

    def __init__(self, db: Database, site: str) -> None:
        urls = [
            row[0]
            for row in db.execute(
                "select a.url from tombstone_urls a join tombstones m on m.id = a.tombstone_id where m.site = ?", [site]
            )
        ]
        paths = {_path_and_query(url) for url in urls} - {""}
        joined = b"|".join(re.escape(path.encode()) for path in sorted(paths))
        self._pattern = re.compile(b"(?:" + joined + rb")(?![\w-])") if paths else None

    def is_in(self, payload: bytes, coding: str) -> bool:
        """Returns True if a payload (compressed as its Content-Encoding `coding` says) contains any of the URLs, or the
        path and query of any of them.
        """
        if self._pattern is None:
            return False
        from archiver.warc.warc_records import decode_payload  # imported late: only a crawl needs the WARC libraries

        body = decode_payload(payload, coding)
        return self._pattern.search(body.replace(b"\\/", b"/").replace(b"&amp;", b"&")) is not None


def _path_and_query(url: str) -> str:
    """Returns the path and the query of a URL, without a trailing slash. However a page writes the URL (relative, with
    another scheme or host), it contains this text.
    """
    parts = urlsplit(url)
    return (parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")).strip()


def find_payload_row(db: Database, capture_id: int | None) -> dict[str, Any] | None:
    """Returns the row of `captures` whose record contains the payload of the capture `capture_id`: the capture's own
    row or, for a revisit record, the row of the response with the same payload. Returns None if no such row exists, or
    if `capture_id` is None.
    """
    row = next(iter(db.query("select * from captures where id = ?", [capture_id])), None)
    if row is not None and row["record_type"] == "revisit":
        row = next(
            iter(
                db.query(
                    "select * from captures where digest = ? and record_type = 'response' order by id desc limit 1",
                    [row["digest"]],
                )
            ),
            None,
        )
    return row
