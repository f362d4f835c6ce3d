"""The ledger: table `pages`, every address ever found, who found it, and what came of it.

All functions expect to run inside the caller's transaction. Times in the tables are ISO 8601 in UTC.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.fields import HINTED_LISTS, HINTED_TIMES
from archiver.frontier.revisit import KnownPage
from archiver.items import DiscoverySource, GeoTag, Outcome, PageKind, PageResult, SourceHint
from archiver.urls import urlkey

# What a feed or an API told of a page, as it is stored beside the page.

_PAGE_BREAK = "<!--nextpage-->"


def lead_json(lead: SourceHint, digests: Mapping[DiscoverySource, str]) -> str:
    """A lead as stored beside its page, with each source's digest of its words.

    The full text is kept only where the page will show a part of it (WordPress's page breaks).
    """
    kept = lead if _PAGE_BREAK in lead.body_html else replace(lead, body_html="")
    values = {k: v for k, v in asdict(kept).items() if v not in ("", (), None, False)}
    for name in HINTED_TIMES:
        if name in values:
            values[name] = values[name].isoformat()
    values["digests"] = dict(digests)
    return json.dumps(values, ensure_ascii=False)


def lead_digest(lead: SourceHint) -> str:
    """Digest of what a reader would see change: title and text; "" where the source tells neither."""
    if not (lead.title or lead.body_html or lead.description):
        return ""
    return hashlib.blake2b(f"{lead.title}\0{lead.body_html or lead.description}".encode(), digest_size=12).hexdigest()


def lead_from(text: str | None) -> SourceHint | None:
    """The lead stored by `lead_json`."""
    if not text:
        return None
    values: dict[str, Any] = json.loads(text)
    values.pop("digests", None)
    for name in HINTED_TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
    for name in HINTED_LISTS:
        values[name] = tuple(values.get(name, ()))
    values["geotags"] = tuple(GeoTag(**g) for g in values.get("geotags", ()))
    return SourceHint(**values)


_COLUMNS = "id, url, urlkey, kind, outcome, fetched_at, due_at, lastmod, source_hints, priority"
_WAITING = "waiting"
EPOCH = "1970-01-01T00:00:00+00:00"
"""When what is due at once is due."""
_SITEMAPS_A_RUN = 4
_FAST = timedelta(days=1)


def stamp(at: datetime) -> str:
    """A time as the tables hold it: ISO 8601 in UTC, so that text order is time order."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat(timespec="microseconds")


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def insert_row(db: Database, table: str, row: dict[str, Any]) -> int:
    """Insert a row of plain values, names as in the table; the number it was given. A tenth of what sqlite-utils takes,
    which looks at the table and at each value first."""
    marks = ", ".join("?" * len(row))
    return int(
        db.conn.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values())).lastrowid or 0
    )


def last_rowid(db: Database) -> int:
    """The number that the last inserted row was given."""
    return int(db.execute("select last_insert_rowid()").fetchone()[0])


def _known(row: tuple[Any, ...]) -> KnownPage:
    digests = json.loads(row[8]).get("digests", {}) if row[8] else {}
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
class Standing:
    """A row of the pages table as it is: why the page is due, or the reason of its last outcome; its outcome and its
    kind. "" where there is no such page."""

    reason: str = ""
    outcome: str = ""
    kind: str = ""


def page_state(db: Database, key: str) -> Standing:
    row = db.execute("select coalesce(reason, ''), outcome, kind from pages where urlkey = ?", [key]).fetchone()
    return Standing(*row) if row else Standing()


def known_page(db: Database, key: str) -> KnownPage | None:
    row = db.execute(f"select {_COLUMNS} from pages where urlkey = ?", [key]).fetchone()
    return _known(row) if row else None


def record_visit(
    db: Database,
    visit: PageResult,
    *,
    due_at: datetime | None,
    article_id: int | None,
    capture_id: int | None,
    changed: bool,
) -> None:
    """Enter what came of one attempt. A page whose outcome is still `due` stays due (its sources go on).

    Without `due_at` the page is never due by itself: the pages of a post are asked for together with the post.
    """
    key = urlkey(visit.url)
    redirect = urlkey(visit.final_url) if urlkey(visit.final_url) != key else None
    db.execute(
        "update pages set url = ?, kind = ?, outcome = ?, reason = ?, rule = ?, status = ?, "
        "article_id = coalesce(?, article_id), capture_id = coalesce(?, capture_id), "
        "etag = case when ? then etag else ? end, last_modified = case when ? then last_modified else ? end, "
        "redirect_urlkey = ?, fetched_at = ?, changed_at = case when ? then ? else changed_at end, due_at = ?, "
        "attempts = case when ? = 'failed' then attempts + 1 else 0 end where urlkey = ?",
        [
            visit.url if redirect else visit.final_url,
            visit.kind,
            visit.outcome,
            visit.reason,
            visit.rule,
            visit.status,
            article_id,
            capture_id,
            visit.status == 304,
            visit.etag or None,
            visit.status == 304,
            visit.last_modified or None,
            redirect,
            stamp(visit.at),
            changed,
            stamp(visit.at),
            stamp(due_at) if due_at else None,
            visit.outcome,
            key,
        ],
    )


JOB = (
    "select p.id, p.url, p.urlkey, p.kind, p.outcome, p.etag, p.last_modified, p.source_hints, p.priority, "
    "p.article_id, p.fetched_at, p.reason, p.rule, p.attempts, "
    "p.attempts > 0 and p.priority = 0 and exists "
    "(select 1 from page_discoveries t where t.found_on_page_id = p.id or t.found_on = p.url) as has_told, "
    "c.url as capture_url, c.captured_at, c.digest from pages p "
    "left join captures c on c.id = p.capture_id "
)


def page_row(db: Database, key: str) -> dict[str, Any] | None:
    """One page as `due_pages` gives it, due or not."""
    return next(iter(db.query(f"{JOB} where p.urlkey = ?", [key])), None)


def due_pages(
    db: Database, site_id: int, now: datetime, limit: int, sources_only: bool, mixed: bool = False
) -> list[dict[str, Any]]:
    """The next pages to fetch, at most `limit`, the longest due first.

    While a source is due, only sources are given out: what they say of a post comes before its page. With `mixed`
    at most half of what is given out are sources.
    """
    rows: list[dict[str, Any]] = []
    for level in range(1 if sources_only else 5):
        room = (limit + 1) // 2 if mixed and level == 0 else limit - len(rows)
        rows += db.query(
            f"{JOB} where p.site_id = ? and p.priority = ? and p.due_at <= ? order by p.due_at, p.id limit ?",
            [site_id, level, stamp(now), room],
        )
        if len(rows) >= limit or (level == 0 and rows and not mixed):
            break
    return rows


def lead_of(db: Database, page_id: int) -> SourceHint | None:
    return lead_from(db.execute("select source_hints from pages where id = ?", [page_id]).fetchone()[0])


def make_due(db: Database, site_id: int, now: datetime, *, everything: bool) -> None:
    """At the start of a run: the seed, the sources and what failed are due; with `everything`, every page.

    What was visited in the future was so by a clock that was wrong, and is due: it would be due years from now.
    A child sitemap with a lastmod is asked for when its index says that it changed, one of tags
    or authors at the site's revisit period; of those without a lastmod only a few in each run (see
    `_sitemaps_in_turn`). A further page of a post comes with its post, which is due where one failed.
    """
    waiting = [] if everything else _sitemaps_in_turn(db, site_id)
    db.execute(
        "update pages set due_at = ? where site_id = ? and kind <> 'part' and outcome not in ('trap') and (? "
        "or fetched_at > ? or outcome = 'failed' or "
        "(priority = 0 and outcome not in ('gone', 'refused', 'duplicate', 'out-of-scope') "
        "and not (kind = 'sitemap' and (lastmod is not null or rule in ('sitemap of listing', 'sitemap of page')))))",
        [EPOCH, site_id, everything, stamp(now + _FAST)],
    )
    db.conn.executemany("update pages set due_at = ? where id = ?", [(due, page) for page, due in waiting])
    db.execute(
        "update pages set due_at = ? where site_id = ? and urlkey in (select t.post_urlkey from article_parts t "
        "join pages p on p.urlkey = t.urlkey where p.site_id = ? and p.outcome = 'failed')",
        [EPOCH, site_id, site_id],
    )


def _sitemaps_in_turn(db: Database, site_id: int) -> list[tuple[int, str]]:
    """Child sitemaps that are not asked for in this run, each with the time at which it is due.

    An index that says no lastmod may have hundreds of children. In each run those come first that told of something
    new last, then the one that was entered last, where new posts go, and the one that was asked longest ago.
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
    chosen = {row[0] for row in (*by_news[: _SITEMAPS_A_RUN - 2], *rows[-1:], *sorted(rows, key=lambda r: r[2])[:1])}
    return [(row[0], row[3]) for row in rows if row[0] not in chosen] if len(rows) > _SITEMAPS_A_RUN else []


def vanished(db: Database, site_id: int, source: DiscoverySource, found_on: str, since: datetime) -> list[int]:
    """Pages that this source document once listed and did not list in this run (it was read whole since `since`)."""
    rows = db.execute(
        "select p.id from pages p join page_sources s on s.page_id = p.id where p.site_id = ? and s.source = ? "
        "and s.found_on = ? and s.last_seen < ? and p.outcome not in ('gone', 'refused', 'duplicate') "
        "and p.kind <> 'part' and p.fetched_at is not null and p.fetched_at < ?",
        [site_id, source, found_on, stamp(since), stamp(since)],
    )
    return [row[0] for row in rows]


def resolve_redirects(db: Database, key: str) -> str:
    """The urlkey that an address led to when it was last asked for: itself, or the end of its redirects."""
    seen = {key}
    while row := db.execute(
        "select redirect_urlkey from pages where urlkey = ? and redirect_urlkey is not null", [key]
    ).fetchone():
        key = row[0]
        if key in seen:
            break
        seen.add(key)
    return key


def has_api(db: Database, site_id: int) -> bool:
    """Whether an API that counts all posts was read in an earlier run."""
    return (
        db.execute(
            "select 1 from pages where site_id = ? and kind = 'api' and outcome = 'not-article'", [site_id]
        ).fetchone()
        is not None
    )


def make_new_due(db: Database, site_id: int) -> None:
    """Pages that were put off before they were ever fetched are due after all."""
    db.execute(
        "update pages set due_at = ? where site_id = ? and outcome = 'due' and fetched_at is null", [EPOCH, site_id]
    )


def make_due_now(db: Database, urls: Iterable[str], run_started: datetime) -> None:
    """Listing pages that must be walked again, since the page before them told of something new: once a run each."""
    for url in urls:
        db.execute(
            "update pages set due_at = ? where urlkey = ? and kind <> 'post' and fetched_at < ?",
            [EPOCH, urlkey(url), stamp(run_started)],
        )


def recheck(db: Database, page_ids: Iterable[int], reason: str) -> None:
    for page_id in page_ids:
        db.execute("update pages set due_at = ?, reason = ? where id = ?", [EPOCH, reason, page_id])


def put_off(db: Database, site_id: int, reason: str, until: datetime) -> None:
    """Pages that are due at once for a reason that begins so are due at `until`."""
    db.execute(
        "update pages set due_at = ? where site_id = ? and due_at = ? and fetched_at is not null "
        "and kind <> 'sitemap' and substr(reason, 1, ?) = ?",
        [stamp(until), site_id, EPOCH, len(reason), reason],
    )


def make_due_again(db: Database, key: str, reason: str, *, anew: bool = False) -> None:
    """The page at this urlkey is due; `anew`: whether it has changed or not."""
    db.execute(
        "update pages set due_at = ?, reason = ?, etag = case when ? then null else etag end, "
        "last_modified = case when ? then null else last_modified end where urlkey = ?",
        [EPOCH, reason, anew, anew, key],
    )


def let_wait(db: Database, site_id: int, reason: str, until: datetime | None) -> None:
    """The host cannot be asked: what is due says why, and no run asks before `until`."""
    db.execute(
        "update pages set reason = ?, rule = ? where site_id = ? and outcome = 'due'", [reason, _WAITING, site_id]
    )
    if until is not None:
        db.execute("update sites set quiet_until = ? where id = ?", [stamp(until), site_id])


def wait_no_more(db: Database, site_id: int) -> None:
    """The host may be asked again."""
    db.execute(
        "update pages set reason = '', rule = null where site_id = ? and outcome = 'due' and rule = ?",
        [site_id, _WAITING],
    )
    db.execute("update sites set quiet_until = null where id = ? and quiet_until is not null", [site_id])


# Pages that were gone together with most others: not believed before a crawl a day later finds them gone as well.

RULE = "gone with most others"
_WAIT = timedelta(hours=20)


def quarantine_gone(visit: PageResult) -> PageResult:
    """The visit of a page that is gone, as it is entered meanwhile: failed, so that every crawl asks for it first."""
    return replace(
        visit,
        outcome=Outcome.FAILED,
        rule=RULE,
        reason=f"{visit.reason}, as for most pages at once: not believed before a crawl a day later",
    )


def is_gone_confirmed(db: Database, site_id: int, now: datetime) -> bool:
    """Whether the pages have been gone since a crawl of yesterday or before, and nothing said otherwise since."""
    return (
        db.execute(
            "select 1 from pages where site_id = ? and rule = ? and fetched_at < ?", [site_id, RULE, stamp(now - _WAIT)]
        ).fetchone()
        is not None
    )
