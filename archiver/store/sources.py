"""The documents that tell of a site's pages: which it has, what they count, and the one that its settings name."""

from __future__ import annotations

from datetime import datetime

from sqlite_utils import Database

from archiver.frontier.schedule import next_visit
from archiver.items import Outcome, PageKind, Source, Target
from archiver.store.discovered_urls import record_targets
from archiver.store.ledger import EPOCH, stamp
from archiver.urls import urlkey

_UNSET = "settings"


def sources_known(db: Database, site_id: int) -> tuple[set[str], set[str], set[str]]:
    """Of feeds, sitemaps and the API: the kinds that the site has, the kinds that are guessed at, the urlkeys of all.

    It has what was read or what it declares, whatever that answers today. What a run that died had guessed is not
    guessed again.
    """
    rows = db.execute(
        "select kind, urlkey, outcome, outcome = 'not-article' or outcome in ('due', 'failed') and exists "
        "(select 1 from page_sources s where s.page_id = p.id and s.source <> 'seed') or outcome = 'failed' and exists "
        "(select 1 from page_discoveries s where s.found_on_page_id = p.id or s.found_on = p.url) from pages p where "
        "site_id = ? "
        "and kind in ('feed', 'sitemap', 'api')", [site_id]).fetchall()
    return ({row[0] for row in rows if row[3]}, {row[0] for row in rows if row[2] in ("due", "failed") and not row[3]},
            {row[1] for row in rows})


def alive(db: Database, site_id: int, source: Source, found_on: str) -> int:
    """How many pages of this source document are, as far as is known, still there."""
    return int(db.execute(
        "select count(*) from pages p join page_sources s on s.page_id = p.id where p.site_id = ? and s.source = ? "
        "and s.found_on = ? and p.outcome not in ('gone', 'duplicate')", [site_id, source, found_on]).fetchone()[0])


def enter_cdx(db: Database, site_id: int, url: str, now: datetime, objection: str = "") -> None:
    """`url` is the list that a web archive is to be asked for, as the site's settings name it; "" for none.

    One that they named before is not asked for any more. With an `objection` it fails, for that reason, unasked.
    """
    key = urlkey(url) if url else ""
    db.execute("update pages set due_at = null, rule = case when outcome in ('due', 'failed') then ? else rule end, "
               "reason = case when outcome in ('due', 'failed') then ? else reason end, "
               "outcome = case when outcome in ('due', 'failed') then 'trap' else outcome end "
               "where site_id = ? and kind = 'cdx' and urlkey <> ?",
               [_UNSET, "the site's settings do not name it (cdx)", site_id, key])
    if not url:
        return
    record_targets(db, site_id, [Target(url, Source.SEED, PageKind.CDX)], now)
    db.execute("update pages set outcome = case when outcome = 'trap' then 'due' else outcome end, due_at = ? "
               "where urlkey = ? and due_at is null", [EPOCH, key])
    if objection:
        db.execute("update pages set outcome = 'failed', rule = 'contact', reason = ?, due_at = ? where urlkey = ? "
                   "and due_at <= ?", [objection, stamp(next_visit(Outcome.FAILED, PageKind.CDX, now, None)), key,
                                       stamp(now)])


def alive_sources(db: Database, site_id: int) -> dict[str, int]:
    """How many feeds, sitemaps and APIs answered when they were asked last."""
    return dict(db.execute(
        "select kind, count(*) from pages where site_id = ? and priority = 0 and kind in ('feed', 'sitemap', 'api') "
        "and outcome = 'not-article' group by 1 order by 1", [site_id]).fetchall())
