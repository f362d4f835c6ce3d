"""The table `pages` (every URL ever found, its outcome and when it is due) and the source hints of pages.

All functions expect to run inside the caller's transaction. Times in the tables are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from archiver.articles.decision import LOOP, LOOP_RULE
from archiver.frontier.fetch_order import VOUCHING_SOURCES, KnownPage
from archiver.frontier.trap_budgets import SourceCoverage
from archiver.model.due_reasons import (
    DueFor,
    Remark,
    Remarks,
    remarks_as_json,
    remarks_from_json,
    with_remarks,
)
from archiver.model.fields import HINTED_LISTS, HINTED_TIMES
from archiver.model.items import DiscoverySource, GeoTag, Outcome, PageKind, PageResult, SourceHint
from archiver.model.page_rules import EQUIVALENT_URL_RULE, PATTERN_BUDGET_RULE
from archiver.model.urls import urlkey
from archiver.politeness.robots import HostFile, Robots
from archiver.storage import Database

# -- source hints, stored with a page

_PAGE_BREAK = "<!--nextpage-->"
_MAX_BODY = 500_000
"""A full text is stored only if it has at most this many characters."""
_TEXT_SOURCES = frozenset({"feed", "api"})


def hint_to_json(hint: SourceHint) -> str:
    """Returns a source hint as JSON for the table `source_hints`.

    The full text is stored until the page is read. After that it is kept only if the page lacks it (see
    `is_text_needed`).
    """
    kept = hint if len(hint.body_html) <= _MAX_BODY else replace(hint, body_html="")
    values: dict[str, Any] = {name: getattr(kept, name) for name in _HINT_FIELDS}
    values = {name: value for name, value in values.items() if value not in ("", (), None, False)}
    for name in HINTED_TIMES:
        if name in values:
            values[name] = values[name].isoformat()
    if hint.geotags:
        values["geotags"] = [asdict(tag) for tag in hint.geotags]
    return _as_json(values)


_HINT_FIELDS = tuple(one.name for one in fields(SourceHint))
_as_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would create an encoder for each call


def is_text_needed(result: PageResult) -> bool:
    """Returns True if the hint with which a page was extracted must keep its full text, because the article takes its
    text from the hint: the page shows no text or only the beginning.
    """
    return (
        result.article is None
        or result.status == 304
        or any(e.field == "body" and e.source in _TEXT_SOURCES for e in result.article.evidence)
    )


def is_text_from_source(evidence: Iterable[dict[str, Any]]) -> bool:
    """Returns True if the text of an article came from a feed or an API, according to the article's stored evidence."""
    return any(one["field"] == "body" and one["source"] in _TEXT_SOURCES for one in evidence)


def make_copy(db: Database, article_id: int, of: int, reason: str) -> None:
    """Records that the pages that showed an article only repeat another article (`of`)."""
    db.execute(
        "update pages set outcome = ?, article_id = ?, reason = ? where article_id = ? and outcome in (?, ?)",
        [Outcome.DUPLICATE, of, reason, article_id, Outcome.ARCHIVED, Outcome.UNCHANGED],
    )


def drop_hint_text(db: Database, hint_id: int) -> None:
    """Removes the full text from a hint, unless the page shows only a part of it."""
    db.execute(
        "update source_hints set hint = json_remove(hint, '$.body_html') "
        "where id = ? and instr(hint, '\"body_html\"') > 0 and instr(hint, ?) = 0",
        [hint_id, _PAGE_BREAK],
    )


def hint_from_json(text: str | None) -> SourceHint | None:
    """Returns the source hint that `hint_to_json` encoded; None for an empty text."""
    if not text:
        return None
    values: dict[str, Any] = json.loads(text)
    for name in HINTED_TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
    for name in (*HINTED_LISTS, "listed_categories"):
        values[name] = tuple(values.get(name, ()))
    values["geotags"] = tuple(GeoTag(**g) for g in values.get("geotags", ()))
    return SourceHint(**values)


def store_hint(
    db: Database, page_id: int, hint: SourceHint, digests: Mapping[str, str], *, completes: bool = False
) -> None:
    """Stores a source hint as the latest hint of its page. `digests` maps the key of each source to the digest of what
    this source said last. `completes` is True if `hint` is the page's latest hint with values added that another source
    gave.

    The earlier hints are kept, because captures may have been extracted with them. Equal hints are stored once.
    """
    row = {"page_id": page_id, "hint": hint_to_json(hint), "digests": json.dumps(digests)}
    before = _completed_hint(db, page_id) if completes else None
    db.execute("update source_hints set digests = null where page_id = ? and digests is not null", [page_id])
    if not db.execute(
        "update source_hints set digests = :digests where page_id = :page_id and hint = :hint", row
    ).rowcount:
        insert_row(db, "source_hints", {**row, "completes": before})


def _completed_hint(db: Database, page_id: int) -> int | None:
    """Returns the ID of the hint that a new hint of the page completes, that is, of the hint with which the page's
    captures were extracted; None if the page has no hint. It is the latest hint if a capture was extracted with it, or
    if it completes no other hint; otherwise it is the hint that the latest one completes.
    """
    row = db.execute(
        "select id, completes, exists (select 1 from captures c where c.hint_id = h.id) from source_hints h "
        "where page_id = ? and digests is not null",
        [page_id],
    ).fetchone()
    return int(row[0] if row[2] else row[1] or row[0]) if row else None


def latest_hint(db: Database, key: str) -> SourceHint | None:
    """Returns the latest source hint of the page at this urlkey; None if the page has no hint."""
    row = db.execute(
        f"select h.hint from pages p join source_hints h on {LATEST_HINT} where p.urlkey = ?", [key]
    ).fetchone()
    return hint_from_json(row[0]) if row else None


def hint_of_capture(db: Database, capture_id: int | None) -> SourceHint | None:
    """Returns the source hint with which a capture was extracted; None if it was extracted without a hint, if the hint
    is unknown, or if there is no capture (`capture_id` is None).
    """
    row = db.execute(
        "select h.hint from captures c join source_hints h on h.id = c.hint_id where c.id = ?", [capture_id]
    ).fetchone()
    return hint_from_json(row[0]) if row else None


def late_hint(db: Database, key: str, capture_id: int | None) -> SourceHint | None:
    """Returns the latest source hint of the page at this urlkey if it is late: the capture was extracted without a
    hint, or with a hint that the latest one only completes. Returns None if the hint was known when the capture was
    extracted, or if a source has changed its hint since.
    """
    row = db.execute(
        f"select h.hint from captures c join pages p on p.urlkey = ? join source_hints h on {LATEST_HINT} "
        f"where c.id = ? and {HINT_IS_LATE}",
        [key, capture_id],
    ).fetchone()
    return hint_from_json(row[0]) if row else None


# -- values and rows

LATEST_HINT = "h.page_id = p.id and h.digests is not null"
"""SQL: joins a page `p` with its latest source hint `h`."""
HINT_IS_LATE = "(c.hint_id is null or c.hint_id = h.completes)"
"""SQL condition: the source hint `h` is late, that is, sources reported it only after the capture `c` was extracted."""
_COLUMNS = "p.id, p.url, p.urlkey, p.kind, p.outcome, p.fetched_at, p.due_at, p.lastmod, h.digests, p.priority"
_WAITING = "waiting"
EPOCH = "1970-01-01T00:00:00+00:00"
"""The due time of pages that are due at once."""
_SITEMAPS_PER_RUN = 4
_CLOCK_TOLERANCE = timedelta(days=1)


def stamp(at: datetime) -> str:
    """Formats a time as stored in the tables: ISO 8601 in UTC, so that text order is time order."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat(timespec="microseconds")


def moment(text: str | None) -> datetime | None:
    """Returns a stored time (ISO 8601) as a datetime; None for None or ""."""
    return datetime.fromisoformat(text) if text else None


def insert_row(db: Database, table: str, row: dict[str, Any], row_id: str = "") -> int:
    """Inserts a row of plain values, given by column name, and returns its ID. `row_id` is an SQL expression for the
    ID; "" lets SQLite choose it.

    This is ten times as fast as sqlite-utils, which inspects the table and each value first.
    """
    cursor = db.conn.execute(_insert_statement(table, tuple(row), row_id), tuple(row.values()))
    return int(cursor.lastrowid or 0)


@lru_cache(maxsize=64)
def _insert_statement(table: str, columns: tuple[str, ...], row_id: str) -> str:
    names, values = ", ".join(columns), ", ".join("?" * len(columns))
    return f"insert into {table} ({row_id and 'id, '}{names}) values ({row_id and row_id + ', '}{values})"


def update_row(db: Database, table: str, row_id: int, values: dict[str, Any]) -> None:
    """Updates columns, given by name, of the row with this ID. Like `insert_row`, it is much faster than
    sqlite-utils.
    """
    db.conn.execute(_update_statement(table, tuple(values)), (*values.values(), row_id))


@lru_cache(maxsize=64)
def _update_statement(table: str, columns: tuple[str, ...]) -> str:
    return f"update {table} set {' = ?, '.join(columns)} = ? where id = ?"


def last_rowid(db: Database) -> int:
    """Returns the ID of the last inserted row."""
    return int(db.execute("select last_insert_rowid()").fetchone()[0])


def _known(row: tuple[Any, ...]) -> KnownPage:
    digests = json.loads(row[8]) if row[8] else {}
    return KnownPage(
        id=row[0],
        url=row[1],
        urlkey=row[2],
        kind=PageKind(row[3]),
        outcome=Outcome(row[4]),
        fetched_at=moment(row[5]),
        due_at=moment(row[6]),
        lastmod=moment(row[7]),
        digests=digests,
        priority=row[9],
    )


@dataclass(frozen=True, slots=True)
class PageState:
    """What the archive knows of a page before a result is stored. If the page is not stored, `id` is None and the other
    values of its row are empty.

    - `id`, `outcome`, `kind`, `rule`, `article_id`, `found_at`: from its row of `pages`.
    - `due_for`, `due_by`, `remarks`: as in `model.due_reasons`; `due_for` is empty if it is due because of its age.
    - `has_article`: an article has the page's URL as its own.
    - `has_parts`: the table `article_parts` has parts of a post at the page's URL.
    - `is_any_held`: True if any page of the archive is held.
    - `has_hint_text`: the hint with which the page was extracted has the full text.
    """

    id: int | None = None
    due_for: str = ""
    due_by: str = ""
    remarks: Remarks = field(default_factory=dict)
    outcome: str = ""
    kind: str = ""
    rule: str = ""
    article_id: int | None = None
    found_at: str = ""
    has_article: bool = False
    has_parts: bool = False
    is_any_held: bool = False
    has_hint_text: bool = False


def page_state(db: Database, key: str, hint_id: int | None) -> PageState:
    """Returns what the archive knows of the page at this urlkey. `hint_id` is the ID of the source hint with which the
    page has just been extracted, or None if there was no hint; the result says whether this hint contains the post's
    text.
    """
    row = db.conn.execute(
        "select p.id, coalesce(p.due_for, ''), coalesce(p.due_by, ''), p.remarks, coalesce(p.outcome, ''), "
        "coalesce(p.kind, ''), coalesce(p.rule, ''), "
        "p.article_id, coalesce(p.found_at, ''), exists (select 1 from articles where urlkey = ?1), "
        "exists (select 1 from article_parts where post_urlkey = ?1), exists (select 1 from held_pages), "
        "exists (select 1 from source_hints where id = ?2 and instr(hint, '\"body_html\"')) "
        "from (select 1) left join pages p on p.urlkey = ?1",
        [key, hint_id],
    ).fetchone()
    page_id, due_for, due_by, remarks, *of_row = row[:9]
    return PageState(page_id, due_for, due_by, remarks_from_json(remarks), *of_row, *map(bool, row[9:]))


def known_page(db: Database, key: str) -> KnownPage | None:
    row = db.execute(
        f"select {_COLUMNS} from pages p left join source_hints h on {LATEST_HINT} where p.urlkey = ?", [key]
    ).fetchone()
    return _known(row) if row else None


def known_pages(db: Database, keys: Iterable[str]) -> tuple[dict[str, KnownPage], int]:
    """Returns the pages at these urlkeys, by urlkey, and the ID that the next new page gets."""
    rows = db.execute(
        f"select {_COLUMNS}, (select max(id) from pages) from json_each(?) j left join pages p on p.urlkey = j.value "
        f"left join source_hints h on {LATEST_HINT}",
        [json.dumps(list(keys))],
    ).fetchall()
    return {row[2]: _known(row) for row in rows if row[0] is not None}, 1 + ((rows[0][-1] or 0) if rows else 0)


def record_result(
    db: Database,
    result: PageResult,
    *,
    due_at: datetime | None,
    article_id: int | None,
    capture_id: int | None,
    changed: bool,
) -> None:
    """Stores one attempt to fetch a page in its row of `pages`, with the article that the page shows (`article_id`) and
    the capture that the attempt made (`capture_id`), if any. `changed` is True if the page's content has changed.

    An answer without a page (304) leaves the rule that decided the page's kind unchanged. If `due_at` is None, the page
    is never due by itself. A further page of a post, for example, is only fetched together with the post.
    """
    key = urlkey(result.url)
    final = key if result.final_url == result.url else urlkey(result.final_url)
    redirect = final if final != key else None
    at, is_unchanged = stamp(result.at), result.status == 304
    db.conn.execute(
        _RECORD_RESULT,
        [
            result.url if redirect else result.final_url,
            result.kind,
            result.outcome,
            with_remarks(result.reason, result.remarks),
            remarks_as_json(result.remarks),
            is_unchanged,
            result.rule,
            result.rule,
            result.status,
            article_id,
            capture_id,
            is_unchanged,
            result.etag or None,
            is_unchanged,
            result.last_modified or None,
            redirect,
            at,
            changed,
            at,
            stamp(due_at) if due_at else None,
            result.outcome,
            key,
        ],
    )


_RECORD_RESULT = (
    "update pages set url = ?, kind = ?, outcome = ?, reason = ?, remarks = ?, due_for = null, due_by = null, "
    "rule = case when ? then coalesce(rule, ?) else ? end, status = ?, "
    "article_id = coalesce(?, article_id), capture_id = coalesce(?, capture_id), "
    "etag = case when ? then etag else ? end, last_modified = case when ? then last_modified else ? end, "
    "redirect_urlkey = ?, fetched_at = ?, changed_at = case when ? then ? else changed_at end, due_at = ?, "
    "attempts = case when ? = 'failed' then attempts + 1 else 0 end where urlkey = ?"
)


PAGE_REQUEST_QUERY = (
    "select p.id, p.url, p.urlkey, p.kind, p.outcome, p.etag, p.last_modified, h.id as hint_id, h.hint, p.priority, "
    "p.article_id, p.fetched_at, p.due_for, p.rule, p.attempts, "
    # "and" would be slow: in a result column SQLite evaluates both operands, and the second operand reads every
    # discovery
    "case when p.attempts > 0 and p.priority = 0 then exists (select 1 from page_discoveries t "
    "where t.found_on_page_id = p.id or t.found_on = p.url) else 0 end as has_listed_pages, "
    "c.url as capture_url, c.captured_at, c.digest from pages p "
    f"left join captures c on c.id = p.capture_id left join source_hints h on {LATEST_HINT} "
)


def page_row(db: Database, key: str) -> dict[str, Any] | None:
    """Returns the page at this urlkey in the form of `due_pages`, even if it is not due; None if the page is not in the
    pages table.
    """
    cursor = db.conn.execute(f"{PAGE_REQUEST_QUERY} where p.urlkey = ?", [key])
    row = cursor.fetchone()
    return dict(zip((column[0] for column in cursor.description), row, strict=True)) if row else None


def posts_fetched_since(db: Database, site_id: int, since: datetime) -> list[str]:
    """Returns the urlkeys of the posts of a site whose pages were fetched since a time, the first fetched first."""
    rows = db.execute(
        "select urlkey from pages where site_id = ? and fetched_at >= ? and status = 200 "
        "and outcome in ('archived', 'unchanged') order by fetched_at, id",
        [site_id, stamp(since)],
    )
    return [row[0] for row in rows]


def captured_page(db: Database, key: str) -> tuple[str, int, str] | None:
    """Returns the URL, the last capture and the rule of the page at this urlkey; None if it has no capture."""
    found: tuple[str, int, str] | None = db.execute(
        "select url, capture_id, coalesce(rule, '') from pages where urlkey = ? and capture_id is not null", [key]
    ).fetchone()
    return found


def capture_of_page(db: Database, key: str) -> int | None:
    """Returns the ID of the last capture of the page at this urlkey; None if there is none."""
    row = db.execute("select capture_id from pages where urlkey = ?", [key]).fetchone()
    return row[0] if row else None


def forget_missing_pages(db: Database, keys: Iterable[str]) -> None:
    """Deletes those of the pages at these urlkeys that are gone or were never found, and never showed an article."""
    gone = (
        "(select id from pages where urlkey in (select value from json_each(?)) and article_id is null and "
        "outcome in ('gone', 'not-found'))"
    )
    values = [json.dumps(list(keys))]
    for table in ("page_discoveries", "page_forms"):
        db.execute(f"delete from {table} where page_id in {gone}", values)
    db.execute(f"delete from pages where id in {gone}", values)


def due_pages(
    db: Database, site_id: int, now: datetime, limit: int, sources_only: bool, mixed: bool = False
) -> list[dict[str, Any]]:
    """Returns the next pages of a site to fetch, at most `limit`, by priority and then by how long they have been due.

    While a feed, sitemap or API is due, only such sources are returned, because their hints about a post are needed
    before its page; if `sources_only` is True, even if none is due. If `mixed` is True, at most half of the returned
    pages are sources, and other pages follow.
    """
    rows: list[dict[str, Any]] = []
    first = (limit + 1) // 2 if mixed else limit
    values = {"site": site_id, "now": stamp(now), "limit": limit, "first": first}
    # The rows are read one by one, so that a level that is not needed is not looked up.
    cursor = db.execute(_DUE_SOURCES if sources_only else _DUE_PAGES, values)
    names = [column[0] for column in cursor.description]
    for values_of_row in cursor:
        row = dict(zip(names, values_of_row, strict=True))
        if len(rows) >= limit or (row["priority"] > 0 and rows and rows[0]["priority"] == 0 and not mixed):
            break
        rows.append(row)
    cursor.close()
    return rows


_LEVELS = [
    f"select * from ({PAGE_REQUEST_QUERY} where p.site_id = :site and p.priority = {level} and p.due_at <= :now "
    f"order by p.due_at, p.id limit {':limit' if level else ':first'})"
    for level in range(5)
]
_DUE_SOURCES, _DUE_PAGES = _LEVELS[0], " union all ".join(_LEVELS)


def make_due(db: Database, site_id: int, now: datetime, *, everything: bool) -> None:
    """Makes due the pages that every run fetches: the site's start page, its discovery sources, and failed pages. If
    `everything` is True, makes all pages due.

    A source that robots.txt forbade is also made due. It is requested only if today's robots.txt allows it.

    A page with a fetch time in the future was fetched while the clock was wrong. It is made due because it would
    otherwise not be due for years. A child sitemap with a lastmod is fetched when its index reports a change, and a
    sitemap of tags or authors only after the site's revisit period. Each run fetches only a few of the child sitemaps
    without a lastmod (see `_sitemaps_in_turn`). A further page of a post is fetched with its post, so if it failed, the
    post is made due.
    """
    waiting = [] if everything else _sitemaps_in_turn(db, site_id)
    db.execute(
        "update pages set due_at = ? where site_id = ? and kind <> 'part' and outcome not in ('trap') and (? "
        "or fetched_at > ? or outcome = 'failed' or "
        "(priority = 0 and (outcome not in ('gone', 'not-found', 'refused', 'duplicate', 'out-of-scope') "
        "or (outcome = 'refused' and rule = 'robots')) "
        "and not (kind = 'sitemap' and (lastmod is not null or rule in ('sitemap of listing', 'sitemap of page')))))",
        [EPOCH, site_id, everything, stamp(now + _CLOCK_TOLERANCE)],
    )
    _make_lost_sources_due(db, site_id, now)
    db.conn.executemany("update pages set due_at = ? where id = ?", [(due, page) for page, due in waiting])
    db.execute(
        "update pages set due_at = ? where site_id = ? and urlkey in (select t.post_urlkey from article_parts t "
        "join pages p on p.urlkey = t.urlkey where p.site_id = ? and p.outcome = 'failed')",
        [EPOCH, site_id, site_id],
    )


def make_seed_due(db: Database, key: str) -> None:
    """Makes the start page at this urlkey due if it was refused, gone or out of scope, since every run fetches it."""
    db.execute(
        "update pages set due_at = ? where urlkey = ? and outcome in ('refused', 'gone', 'out-of-scope')",
        [stamp(datetime.fromtimestamp(0, UTC)), key],
    )


_LOST_SOURCES_PER_RUN = 10
_LOST_FOR = timedelta(hours=20)
_RECENTLY = timedelta(days=7)
_IS_LOST = (
    "p.priority = 0 and p.kind in ('feed', 'sitemap', 'api') and (p.outcome in ('gone', 'refused', 'out-of-scope') or "
    "(p.outcome = 'duplicate' and not exists (select 1 from pages t where t.urlkey = p.redirect_urlkey "
    "and t.kind in ('feed', 'sitemap', 'api') and t.outcome not in ('gone', 'not-found', 'refused', 'out-of-scope')))) "
    "and exists (select 1 from captures c where c.url = p.url and c.status = 200)"
)
"""SQL condition: the page `p` is a source that once responded, but was then refused, gone or outside the site, or
redirects to a page that is no source."""
_WAS_THERE_RECENTLY = (
    "exists (select 1 from captures c where c.url = p.url and c.status in (200, 304) and c.captured_at > ?)"
)


def _make_lost_sources_due(db: Database, site_id: int, now: datetime) -> None:
    """Makes lost sources due, since they may be back: each run requests them for a week, then each about once a day, at
    most ten; those that have not been read for longest come first.
    """
    db.execute(
        "update pages set due_at = ? where id in (select p.id from pages p where p.site_id = ? "
        f"and (p.fetched_at < ? or {_WAS_THERE_RECENTLY}) and {_IS_LOST} order by p.fetched_at limit ?)",
        [EPOCH, site_id, stamp(now - _LOST_FOR), stamp(now - _RECENTLY), _LOST_SOURCES_PER_RUN],
    )


def due_time_of_source(db: Database, page: Mapping[str, Any], now: datetime) -> tuple[str, str] | None:
    """Returns the time from which a run requests a page that is a source, and why; None if the page is due as stored.
    `page` is its row.
    """
    fetched = moment(page["fetched_at"])
    if fetched is None or page["priority"] != 0:
        return None
    lost = db.execute(
        f"select {_WAS_THERE_RECENTLY} from pages p where p.id = ? and {_IS_LOST}", [stamp(now - _RECENTLY), page["id"]]
    ).fetchone()
    if lost:
        due = fetched if lost[0] else fetched + _LOST_FOR
        return stamp(due), "it listed posts before: every crawl tries it for a week, then one a day"
    if page["outcome"] == "not-article" and not (page["kind"] == "sitemap" and page["lastmod"]):
        return page["fetched_at"], "every crawl fetches it, because it may list new posts"
    return None


def _sitemaps_in_turn(db: Database, site_id: int) -> list[tuple[int, str]]:
    """Returns the child sitemaps that this run skips, as (page ID, due time).

    An index without lastmod may have hundreds of children. Each run fetches only the children that changed most
    recently, the child that was added last (it contains the new posts), and the child that was fetched longest ago.
    """
    rows = list(
        db.execute(
            "select p.id, p.changed_at, p.fetched_at, p.due_at from pages p join page_sources s on s.page_id = p.id "
            "and s.source = 'sitemap' where p.site_id = ? and p.kind = 'sitemap' and p.lastmod is null "
            "and p.fetched_at is not null and p.outcome = 'not-article' order by p.id",
            [site_id],
        )
    )
    by_news = sorted(rows, key=lambda row: row[1] or "", reverse=True)
    chosen = {row[0] for row in (*by_news[: _SITEMAPS_PER_RUN - 2], *rows[-1:], *sorted(rows, key=lambda r: r[2])[:1])}
    return [(row[0], row[3]) for row in rows if row[0] not in chosen] if len(rows) > _SITEMAPS_PER_RUN else []


def first_crawl_finished(db: Database, site_id: int) -> str:
    """Returns when the first complete crawl of a site ended (ISO 8601, UTC); "" if there was none."""
    query = "select min(finished_at) from runs where site_id = ? and outcome = 'finished'"
    return db.execute(query, [site_id]).fetchone()[0] or ""


def pages_no_longer_listed(
    db: Database, site_id: int, source: DiscoverySource, found_on: str, since: datetime
) -> list[int]:
    """Returns the IDs of the pages that a sitemap or API response at the URL `found_on` listed before but no longer
    lists. This run began at `since` and has read the whole response.
    """
    rows = db.execute(
        "select p.id from pages p join page_sources s on s.page_id = p.id where p.site_id = ? and s.source = ? "
        "and s.found_on = ? and s.last_seen < ? and p.outcome not in ('gone', 'refused', 'duplicate') "
        "and p.kind <> 'part' and p.fetched_at is not null and p.fetched_at < ?",
        [site_id, source, found_on, stamp(since), stamp(since)],
    )
    return [row[0] for row in rows]


def resolve_redirects(db: Database, key: str) -> str:
    """Returns the urlkey at the end of a URL's redirects, as they were when last fetched. If the URL does not redirect,
    returns its own urlkey.
    """
    seen: set[str] = set()
    while key not in seen and (target := redirect_target(db, key)):
        seen.add(key)
        key = target
    return key


def redirect_target(db: Database, key: str) -> str | None:
    """Returns the urlkey to which the page at the urlkey `key` redirects; None if it does not redirect."""
    row = db.execute("select redirect_urlkey from pages where urlkey = ?", [key]).fetchone()
    return row[0] if row else None


def has_api(db: Database, site_id: int) -> bool:
    """Returns True if an earlier run read an API that lists all posts of the site."""
    return (
        db.execute(
            "select 1 from pages where site_id = ? and kind = 'api' and outcome = 'not-article'", [site_id]
        ).fetchone()
        is not None
    )


def make_new_due(db: Database, site_id: int) -> None:
    """Makes due the postponed pages of a site that were never fetched."""
    db.execute(
        "update pages set due_at = ? where site_id = ? and outcome = 'due' and fetched_at is null", [EPOCH, site_id]
    )


def make_due_now(db: Database, urls: Iterable[str], run_started: datetime) -> None:
    """Makes these listing pages due, because the preceding page of the listing has new URLs. A page that this run has
    already fetched is not made due.
    """
    for url in urls:
        db.execute(
            "update pages set due_at = ? where urlkey = ? and kind <> 'post' and fetched_at < ?",
            [EPOCH, urlkey(url), stamp(run_started)],
        )


def count_known_pages(db: Database, site_id: int, now: datetime) -> tuple[int, int]:
    """Returns the number of known pages of a site, and the number of those that are not due."""
    query = "select count(*), total(due_at <= ?) from pages where site_id = ?"
    known, due = db.execute(query, [stamp(now), site_id]).fetchone()
    return int(known), int(known - due)


def make_pages_due(db: Database, page_ids: Iterable[int], due_for: DueFor, due_by: str = "") -> None:
    db.conn.executemany(
        "update pages set due_at = ?, due_for = ?, due_by = ? where id = ?",
        [(EPOCH, due_for, due_by or None, page_id) for page_id in page_ids],
    )


def postpone_pages(db: Database, site_id: int, due_for: DueFor, due_by: str, until: datetime) -> None:
    """Postpones to `until` the pages that are due at once for this reason."""
    db.execute(
        "update pages set due_at = ?, due_for = null, due_by = null where site_id = ? and due_at = ? "
        "and fetched_at is not null and kind <> 'sitemap' and due_for = ? and due_by = ?",
        [stamp(until), site_id, EPOCH, due_for, due_by],
    )


def make_due_again(db: Database, key: str, due_for: DueFor, due_by: str = "", *, unconditional: bool = False) -> None:
    """Makes the page at this urlkey due. If `unconditional` is True, it is requested without ETag and Last-Modified, so
    that it is fetched in full even if it has not changed.
    """
    db.execute(
        "update pages set due_at = ?, due_for = ?, due_by = ?, etag = case when ? then null else etag end, "
        "last_modified = case when ? then null else last_modified end where urlkey = ?",
        [EPOCH, due_for, due_by or None, unconditional, unconditional, key],
    )


def mark_host_unavailable(db: Database, site_id: int, reason: str, until: datetime | None) -> None:
    """Records that nothing can be fetched from the host now, and stores the reason with the site's due pages. The
    site's next run starts at the time `until` at the earliest; None sets no such time.
    """
    db.execute(
        "update pages set reason = ?, rule = ? where site_id = ? and outcome = 'due'", [reason, _WAITING, site_id]
    )
    if until is not None:
        db.execute("update sites set quiet_until = ? where id = ?", [stamp(until), site_id])


def make_posts_redirecting_due(db: Database, key: str) -> None:
    """Makes due the posts whose addresses redirect to this urlkey, because the page there is gone."""
    db.execute(
        "update pages set due_at = ?, due_for = ?, due_by = null where redirect_urlkey = ? "
        "and outcome = 'duplicate' and exists (select 1 from articles a where a.urlkey = pages.urlkey)",
        [EPOCH, DueFor.REDIRECTS_TO_GONE, key],
    )


def mark_host_available(db: Database, site_id: int) -> None:
    """Records that pages may be fetched from the host again."""
    db.execute(
        "update pages set reason = '', rule = null where site_id = ? and outcome = 'due' and rule = ?",
        [site_id, _WAITING],
    )
    db.execute("update sites set quiet_until = null where id = ? and quiet_until is not null", [site_id])


def redirect_chain(db: Database, key: str) -> list[str]:
    """Returns the urlkeys to which the redirects from the urlkey `key` lead, in order, up to the first repetition."""
    seen: dict[str, None] = {}
    while (target := redirect_target(db, key)) and target not in seen:
        key = target
        seen[key] = None
    return list(seen)


def closes_redirect_loop(db: Database, key: str, target: str, crawl_started: datetime) -> bool:
    """Returns True if a redirect from the urlkey `key` to `target` closes a loop with redirects in the pages table that
    were found since the crawl began.

    If some were found earlier, these pages are made due and False is returned: a site whose posts are back at their old
    addresses redirects from the new ones, which the archive knows only as the targets of redirects from the old ones.
    """
    if key == target or key not in (chain := redirect_chain(db, target)):
        return False
    stale = db.execute(
        "update pages set due_at = ?, due_for = ?, due_by = null "
        "where urlkey in (select value from json_each(?)) and urlkey <> ? "
        "and fetched_at < ?",
        [
            EPOCH,
            DueFor.REDIRECT_REVERSED,
            json.dumps([target, *chain]),
            key,
            stamp(crawl_started),
        ],
    )
    return not stale.rowcount


def fail_redirect_loop(db: Database, key: str) -> int:
    """Marks the other pages of the redirect loop that contains `key` as failed; returns how many were not failed
    before.
    """
    others = [other for other in redirect_chain(db, key) if other != key]
    return sum(
        db.execute(
            "update pages set outcome = 'failed', rule = ?, reason = ?, attempts = attempts + 1 "
            "where urlkey = ? and outcome <> 'failed'",
            [LOOP_RULE, LOOP, other],
        ).rowcount
        for other in others
    )


REDIRECTING = (DiscoverySource.REDIRECT, DiscoverySource.SEED)
"""Sources that report the target of a redirect."""


def redirected_from(db: Database, page_id: int, most: int) -> tuple[str, ...]:
    """Returns the urlkeys whose redirects led to this page, the nearest first; at most `most`."""
    found: list[str] = []
    current: int | None = page_id
    while current is not None and len(found) < most:
        row = db.execute(
            "select found_on from page_sources where page_id = ? and source in ('redirect', 'seed') "
            "and found_on <> '' order by source",
            [current],
        ).fetchone()
        key = urlkey(row[0]) if row else ""
        if not key or key in found:
            break
        found.append(key)
        before = db.execute("select id from pages where urlkey = ?", [key]).fetchone()
        current = before[0] if before else None
    return tuple(found)


_KEY = "site_id, source, kind, outcome, with_article"


_COUNTED = f"{_KEY}, pages"


_CLASS = "{0}.kind, {0}.outcome, {0}.article_id is not null"


PAGE_COUNTS_QUERY = f"""select p.site_id, '' as source, {_CLASS.format("p")} as with_article, count(*) as pages
    from pages p {{0}} group by 1, 3, 4, 5
    union all select p.site_id, s.source, {_CLASS.format("p")}, count(*)
    from pages p join page_sources s on s.page_id = p.id {{0}} group by 1, 2, 3, 4, 5"""
"""SQL that computes the rows of `page_counts` from the table `pages`; {0} is a condition on `p`."""


@dataclass(frozen=True, slots=True)
class Count:
    """The number of a site's pages that have the same kind and outcome, were reported by `source` ("" means all pages
    of the site), and either all show an article or all show none.
    """

    source: str
    kind: str
    outcome: str
    with_article: bool
    pages: int


def page_counts(db: Database, site_id: int) -> list[Count]:
    """Returns the counts of a site's pages by source, kind and outcome."""
    rows = db.execute(
        "select source, kind, outcome, with_article, pages from page_counts where site_id = ? and pages <> 0", [site_id]
    )
    return [Count(source, kind, outcome, bool(article), pages) for source, kind, outcome, article, pages in rows]


def page_counts_of_sites(db: Database) -> dict[int, list[Count]]:
    """Returns for each site, by ID, the counts of all its pages by kind and outcome, with one query for all sites."""
    out: dict[int, list[Count]] = {}
    for site, kind, outcome, article, pages in db.execute(
        "select site_id, kind, outcome, with_article, pages from page_counts where source = '' and pages <> 0"
    ):
        out.setdefault(site, []).append(Count("", kind, outcome, bool(article), pages))
    return out


def recount_pages(db: Database) -> None:
    """Rebuilds the table `page_counts` by counting all pages."""
    db.execute("delete from page_counts")
    db.execute(f"insert into page_counts ({_COUNTED}) {PAGE_COUNTS_QUERY.format('')}")


LEARNED_RULES = (PATTERN_BUDGET_RULE, EQUIVALENT_URL_RULE)
"""The beginnings of the names of rules that a run learns. All other trap rules are in the URL classifier's table."""
_MOST_SIBLINGS = 50


def exclude_page(db: Database, page_id: int, rule: str, reason: str, remarks: Remarks) -> None:
    """Marks a page that was never fetched as excluded by a trap rule. Its row stays in the pages table."""
    db.execute(
        "update pages set outcome = 'trap', rule = ?, reason = ?, remarks = ?, due_at = null where id = ?",
        [rule, with_remarks(reason, remarks), remarks_as_json(remarks), page_id],
    )


def postpone_page(db: Database, page_id: int, until: str) -> None:
    """Sets the time at which a page is due next to `until` (ISO 8601, UTC)."""
    db.execute("update pages set due_at = ? where id = ?", [until, page_id])


def views_without_post(db: Database, site_id: int) -> list[tuple[int, str, str]]:
    """Returns the fetched pages of a site that have a query in their address and are not posts, each with its ID, URL
    and due time. Pages that a feed, sitemap or API lists are left out.
    """
    sources = sorted(VOUCHING_SOURCES)
    return db.execute(
        "select p.id, p.url, p.due_at from pages p where p.site_id = ? and p.fetched_at is not null "
        "and p.article_id is null and p.kind in (?, ?, ?) and p.outcome in (?, ?) and instr(p.url, '?') > 0 "
        "and not exists (select 1 from page_sources s where s.page_id = p.id "
        f"and s.source in ({', '.join('?' * len(sources))})) order by p.id",
        [
            site_id,
            PageKind.PAGE,
            PageKind.LISTING,
            PageKind.OTHER,
            Outcome.NOT_ARTICLE,
            Outcome.UNCHANGED,
            *sources,
        ],
    ).fetchall()


def views_with_posts(db: Database, site_id: int) -> list[str]:
    """Returns the URLs with a query at which a site shows posts, or that were the first to report a post."""
    return [
        row[0]
        for row in db.execute(
            "select url from pages where site_id = :site and instr(url, '?') > 0 and (kind = :post or article_id > 0) "
            "union select s.found_on from page_sources s join pages p on p.id = s.page_id "
            "where p.site_id = :site and (p.kind = :post or p.article_id > 0) and instr(s.found_on, '?') > 0 "
            "and not exists (select 1 from page_sources o where o.page_id = p.id and o.first_seen < s.first_seen)",
            {"site": site_id, "post": PageKind.POST},
        )
    ]


def include_again(db: Database, site_id: int, due_at: str) -> None:
    """Makes due the pages of a site that learned trap rules excluded. Pages excluded by the URL classifier stay
    excluded. No budget applies to pages that a person asked for in this way.
    """
    for rule in LEARNED_RULES:
        db.execute(
            "update pages set outcome = 'due', due_for = ?, due_by = null, reason = '', remarks = null, rule = null, "
            "due_at = ? where site_id = ? and outcome = 'trap' and rule like ? || '%'",
            [DueFor.REQUESTED, due_at, site_id, rule],
        )


def set_aside_pages(db: Database, site_id: int, rule: str, limit: int = -1) -> list[dict[str, Any]]:
    """Returns the pages of a site that trap rules whose names begin with `rule` exclude: id, url, urlkey, kind. A
    `limit` of -1 returns all.
    """
    return list(
        db.query(
            "select id, url, urlkey, kind from pages where site_id = ? and outcome = 'trap' and rule like ? || '%' "
            "order by id limit ?",
            [site_id, rule, limit],
        )
    )


def covered_pages(db: Database, site_id: int) -> list[dict[str, Any]]:
    """Returns the pages of a site that are excluded because a source lists all posts: id, url, urlkey, kind."""
    return list(
        db.query(
            "select id, url, urlkey, kind from pages where site_id = ? and outcome = 'trap' "
            "and json_extract(remarks, ?) is not null order by id",
            [site_id, f'$."{Remark.COVERED}"'],
        )
    )


def pages_set_aside_at(db: Database, keys: Iterable[str], rules: Iterable[str]) -> list[int]:
    """Returns the IDs of the pages at these urlkeys that are excluded by one of these trap rules."""
    marks, names = list(keys), list(rules)
    if not marks:
        return []
    rows = db.execute(
        f"select id from pages where urlkey in ({', '.join('?' * len(marks))}) and outcome = 'trap' "
        f"and rule in ({', '.join('?' * len(names))})",
        [*marks, *names],
    )
    return [row[0] for row in rows]


def include_pages(db: Database, page_ids: Iterable[int], due_at: str) -> None:
    """Makes these trap-excluded pages due."""
    db.conn.executemany(
        "update pages set outcome = 'due', reason = '', remarks = null, rule = null, due_at = ? "
        "where id = ? and outcome = 'trap'",
        [(due_at, page_id) for page_id in page_ids],
    )


@dataclass(frozen=True, slots=True)
class DiscoveryReport:
    """A discovery source that reported a page, and the URL where it did. `vouches` is True if the report makes it
    likely that the page is a post. This is so if a feed, sitemap, API, import or the seed reported it, or if its link
    is the title of an entry on the home page or on a listing.
    """

    source: DiscoverySource
    found_on: str
    vouches: bool


def reports_of(db: Database, page_ids: Iterable[int]) -> dict[int, list[DiscoveryReport]]:
    """Returns the reports of each of these pages, by ID; a page that no source has reported is left out."""
    found: dict[int, list[DiscoveryReport]] = {}
    for page_id, source, found_on, vouches in db.conn.execute(_REPORTS, [json.dumps(list(page_ids))]):
        report = DiscoveryReport(DiscoverySource(source), found_on or "", bool(vouches))
        found.setdefault(page_id, []).append(report)
    return found


_REPORTS = """select d.page_id, d.source, coalesce(d.found_on, f.url),
    d.source in ('feed', 'sitemap', 'api', 'seed', 'import')
    or d.source = 'listing' and ifnull(f.kind = 'listing' or f.priority = 0, 0)
    from json_each(?) j cross join page_discoveries d on d.page_id = j.value
    left join pages f on f.id = d.found_on_page_id order by d.page_id, d.source"""


def is_part_feed(db: Database, page_id: int) -> bool:
    """Returns True if a feed was found only by links on pages other than the home page, so that the feed probably
    contains only a part of the site's posts.
    """
    return (
        db.execute(
            "select 1 from page_discoveries d left join pages f on f.id = d.found_on_page_id where d.page_id = ? and "
            "(d.source <> 'link' or f.id is null or f.priority = 0)",
            [page_id],
        ).fetchone()
        is None
    )


def feeds_before(db: Database, site_id: int, page_id: int) -> list[tuple[str, bool, bool]]:
    """Returns the feeds of a site that were found before this page, each as (URL, has proved to be a feed, is not
    fetched yet).
    """
    rows = db.execute(
        "select url, outcome in ('not-article', 'unchanged') and rule like 'feed %', outcome = 'due' from pages "
        "where site_id = ? and kind = 'feed' and id < ?",
        [site_id, page_id],
    )
    return [(row[0], bool(row[1]), bool(row[2])) for row in rows]


def source_coverage(db: Database, site_id: int) -> SourceCoverage:
    """Returns the coverage of a site's sources: for each kind of source, the number of the site's posts (stored or due)
    that it lists. A post that has moved since pages linked to it counts as linked.
    """
    known = (Outcome.DUE, Outcome.ARCHIVED, Outcome.UNCHANGED)
    by_source: Counter[str] = Counter()
    for count in page_counts(db, site_id):
        if count.kind == PageKind.POST and count.outcome in known:
            by_source[count.source] += count.pages
    if by_source["link"] < by_source[""] <= by_source["link"] + by_source["redirect"]:
        (moved,) = db.execute(
            "select count(*) from pages p join page_discoveries d on d.page_id = p.id and d.source = 'redirect' "
            "where p.site_id = ? and p.kind = 'post' and p.outcome in ('due', 'archived', 'unchanged') "
            "and not exists (select 1 from page_discoveries l where l.page_id = p.id and l.source = 'link')",
            [site_id],
        ).fetchone()
        by_source["link"] += moved
    return SourceCoverage.of(by_source)


def due_urls(db: Database, site_id: int, priority: int, limit: int) -> list[str]:
    """Returns the URLs of the pages of a site with this priority that were never fetched and are due at once."""
    rows = db.execute(
        "select url from pages where site_id = ? and priority = ? and due_at = ? and fetched_at is null limit ?",
        [site_id, priority, EPOCH, limit],
    )
    return [row[0] for row in rows]


def post_urlkeys(db: Database, site_id: int, limit: int) -> list[str]:
    """Returns the urlkeys of at most `limit` posts of a site that are stored or due."""
    rows = db.execute(
        "select urlkey from pages where site_id = ? and kind = 'post' and outcome in ('due', 'archived', 'unchanged') "
        "limit ?",
        [site_id, limit],
    )
    return [row[0] for row in rows]


def count_posts_linked_by_posts(db: Database, site_id: int) -> int:
    """Returns the number of a site's posts, stored or due, that were first reported by a link on another post and not
    by a page of another kind.
    """
    rows = db.execute(
        "select count(*) from pages p join page_discoveries d on d.page_id = p.id and d.source = 'link' "
        "join pages f on f.id = d.found_on_page_id and f.kind = 'post' "
        "where p.site_id = ? and p.kind = 'post' and p.outcome in ('due', 'archived', 'unchanged')",
        [site_id],
    )
    return int(rows.fetchone()[0])


_GUESS = (
    "select 1 from pages p where urlkey = ? and kind in ('feed', 'sitemap', 'listing') "
    "and url <> (select start_url from sites where id = p.site_id) and not exists "
    "(select 1 from page_discoveries d where d.page_id = p.id and d.source <> 'seed') "
)


def is_guess(db: Database, key: str) -> bool:
    """Returns True if the address of the page at this urlkey, of a feed, a sitemap or a page of a list, was guessed,
    and nothing has reported it since.
    """
    return db.execute(_GUESS, [key]).fetchone() is not None


def is_wrong_guess(db: Database, key: str) -> bool:
    """Returns True if the address of the page at this urlkey was guessed, and no such file or list has ever been found
    there.
    """
    wrong = (
        "and outcome <> 'not-article' and article_id is null "
        "and not exists (select 1 from page_discoveries d where d.found_on_page_id = p.id)"
    )
    return db.execute(_GUESS + wrong, [key]).fetchone() is not None


def is_only_from_cdx(db: Database, key: str) -> bool:
    """Returns True if no source but a web archive's CDX list has reported the page at this urlkey."""
    sources = db.execute(
        "select min(source), max(source) from page_sources where page_id = (select id from pages where urlkey = ?)",
        [key],
    ).fetchone()
    return tuple(sources) == (DiscoverySource.CDX, DiscoverySource.CDX)


def excluded_counts(db: Database, site_id: int) -> dict[str, int]:
    """Returns the number of trap-excluded pages of a site, by rule."""
    return dict(
        db.execute(
            "select rule, count(*) from pages where site_id = ? and outcome = 'trap' group by 1", [site_id]
        ).fetchall()
    )


@dataclass(frozen=True, slots=True)
class AddressState:
    """What the pages table has at a urlkey.

    - `is_stored_or_due`: the page was fetched and stored, or is due, so that an equivalent URL need not be fetched.
    - `is_post`: the page was fetched and found to be a post.
    """

    is_stored_or_due: bool = False
    is_post: bool = False


def address_states(db: Database, keys: Collection[str]) -> dict[str, AddressState]:
    """Returns the state of each of these urlkeys."""
    if not keys:
        return {}
    rows = db.conn.execute(_ADDRESS_STATES, [json.dumps(list(keys))])
    return dict.fromkeys(keys, AddressState()) | {
        key: AddressState(bool(is_stored_or_due), bool(is_post)) for key, is_stored_or_due, is_post in rows
    }


_ADDRESS_STATES = """select p.urlkey, p.outcome in ('archived', 'unchanged', 'duplicate')
    or p.outcome = 'due' and p.due_at is not null, p.kind = 'post' and p.article_id is not null
    from json_each(?) j cross join pages p on p.urlkey = j.value"""


def is_known(db: Database, key: str) -> bool:
    """Returns True if the pages table has a row for this urlkey."""
    return db.execute("select 1 from pages where urlkey = ?", [key]).fetchone() is not None


def sibling_urlkeys(db: Database, plain: str) -> list[str]:
    """Returns at most 50 urlkeys that differ from `plain` only in their query string, and whose pages are posts or
    still due.
    """
    path = plain.partition("?")[0]
    rows = db.execute(
        "select urlkey from pages where urlkey > ? and urlkey < ? and (article_id is not null or "
        "outcome = 'due') limit ?",
        [path + "?", path + "@", _MOST_SIBLINGS],
    )
    return [row[0] for row in rows]


def urlkeys_of_article(db: Database, article_id: int) -> list[str]:
    """Returns the urlkeys of all URLs of an article."""
    return [row[0] for row in db.execute("select urlkey from article_urls where article_id = ?", [article_id])]


def urlkeys_of_pages(db: Database, page_ids: Iterable[int]) -> list[tuple[int, str]]:
    """Returns the IDs of these pages with their urlkeys."""
    marks = list(page_ids)
    rows = db.execute(f"select id, urlkey from pages where id in ({', '.join('?' * len(marks))})", marks)
    return [(row[0], row[1]) for row in rows]


def only_pages_that_link_to(db: Database, key: str) -> list[str]:
    """Returns the URLs of the pages whose links or redirects reported the page at this urlkey; [] if another source
    reported it too.
    """
    rows = db.execute(
        "select s.source, s.found_on from page_sources s join pages p on p.id = s.page_id where p.urlkey = ?", [key]
    ).fetchall()
    linking = {DiscoverySource.LINK, DiscoverySource.LISTING, DiscoverySource.REDIRECT}
    return list(dict.fromkeys(row[1] for row in rows if row[1])) if all(row[0] in linking for row in rows) else []


def is_reported(db: Database, key: str) -> bool:
    """Returns True if a feed, sitemap or API has ever listed the page at this urlkey."""
    sources = sorted(VOUCHING_SOURCES)
    return (
        db.execute(
            "select 1 from page_sources s join pages p on p.id = s.page_id where p.urlkey = ? "
            f"and s.source in ({', '.join('?' * len(sources))})",
            [key, *sources],
        ).fetchone()
        is not None
    )


def article_ids_at(db: Database, keys: Collection[str]) -> dict[str, int]:
    """Returns the IDs of the articles that have these urlkeys, by urlkey."""
    if not keys:
        return {}
    query = "select urlkey, article_id from article_urls where urlkey in (select value from json_each(?))"
    return dict(db.conn.execute(query, [json.dumps(list(keys))]).fetchall())


# -- redirect loops: every page of a loop counts as failed, because none shows any content


# -- files about a host (robots.txt, tdmrep.json), as they were last fetched


def find_host_file(db: Database, origin: str, name: str) -> HostFile | None:
    """Returns a file about a host as last fetched, by its name ("robots.txt") and origin ("https://example.org/"); None
    if the file was never fetched.
    """
    row = db.execute(
        "select fetched_at, status, body, etag, last_modified from host_files where origin = ? and name = ?",
        [origin, name],
    ).fetchone()
    if row is None:
        return None
    at = moment(row[0])
    assert at is not None
    return HostFile(at, row[1], row[2] or b"", row[3] or "", row[4] or "")


def make_allowed_due(db: Database, site_id: int, origin: str, robots: Robots) -> None:
    """Makes due the pages of a site and an origin that an earlier robots.txt forbade and the present one allows."""
    rows = db.execute(
        "select id, url from pages where site_id = ? and outcome = ? and rule = 'robots'", [site_id, Outcome.REFUSED]
    ).fetchall()
    allowed = [page_id for page_id, url in rows if url.startswith(origin) and not robots.refusal(url)]
    make_pages_due(db, allowed, DueFor.ALLOWED)


def store_host_file(db: Database, origin: str, name: str, file: HostFile) -> None:
    """Stores a file about a host (`name` is robots.txt or tdmrep.json), replacing the copy that was stored before.
    `origin` is the scheme and host.
    """
    db.execute(
        "insert into host_files (origin, name, fetched_at, status, body, etag, last_modified) "
        "values (?, ?, ?, ?, ?, ?, ?) on conflict (origin, name) do update set "
        "fetched_at = excluded.fetched_at, status = excluded.status, "
        "body = excluded.body, etag = excluded.etag, last_modified = excluded.last_modified",
        [origin, name, stamp(file.fetched_at), file.status, file.body, file.etag, file.last_modified],
    )
