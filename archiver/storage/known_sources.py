"""What the pages table says of a site's feeds, sitemaps and API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from archiver.frontier.fetch_order_and_revisits import next_fetch_time
from archiver.items import DiscoveredURL, DiscoverySource, Outcome, PageKind
from archiver.storage import Database
from archiver.storage.page_discoveries import record_discovered_urls
from archiver.storage.pages_and_source_hints import EPOCH, LATEST_HINT, stamp
from archiver.urls import urlkey

_UNSET = "settings"


def find_known_sources(db: Database, site_id: int) -> tuple[set[str], set[str], set[str]]:
    """Returns three sets about a site's feeds, sitemaps and API: the kinds ("feed", "sitemap", "api") that the site
    offers; the kinds for which guessed URLs are still to be fetched; and the urlkeys of all sources that are known.

    A site offers a kind if it declares a source of this kind or if one was fetched, even if none responds now. A source
    that an interrupted run guessed is not guessed again, because its urlkey is known.
    """
    rows = db.execute(
        "select kind, urlkey, outcome, "
        # "or" would be slow: in a result column SQLite evaluates both operands, and the last one reads every discovery
        "case when outcome = 'not-article' then 1 when outcome not in ('due', 'failed') then 0 "
        "when exists (select 1 from page_sources s where s.page_id = p.id and s.source <> 'seed') then 1 "
        "when outcome = 'failed' then exists (select 1 from page_discoveries s "
        "where s.found_on_page_id = p.id or s.found_on = p.url) else 0 end "
        "from pages p where site_id = ? and kind in ('feed', 'sitemap', 'api')",
        [site_id],
    ).fetchall()
    return (
        {row[0] for row in rows if row[3]},
        {row[0] for row in rows if row[2] in ("due", "failed") and not row[3]},
        {row[1] for row in rows},
    )


def count_listed_pages_online(db: Database, site_id: int, source: DiscoverySource, found_on: str) -> int:
    """Returns the number of pages that the feed, sitemap or API response at the URL `found_on` listed and that are not
    known to be gone.
    """
    return int(
        db.execute(
            "select count(*) from pages p join page_sources s on s.page_id = p.id where p.site_id = ? and s.source = ? "
            "and s.found_on = ? and p.outcome not in ('gone', 'duplicate')",
            [site_id, source, found_on],
        ).fetchone()[0]
    )


_API_TIMES = (
    "select p.urlkey, h.hint ->> '$.modified' from json_each(?) k join pages p on p.urlkey = k.value "
    f"join source_hints h on {LATEST_HINT} where h.hint ->> '$.from_api' and h.hint ->> '$.modified' is not null"
)


def has_set_back_posts(db: Database, targets: Iterable[DiscoveredURL]) -> bool:
    """Returns True if an API now gives a post an earlier time of change (`lastmod`) than the post's stored source hint
    has. This happens if the site was restored from a backup; the hint may then contain edits that are lost.
    """
    times = {urlkey(one.url): one.lastmod for one in targets if one.lastmod is not None}
    stored = db.execute(_API_TIMES, [json.dumps(list(times))])
    return any(datetime.fromisoformat(modified) > times[key] for key, modified in stored)


def record_cdx_list(db: Database, site_id: int, url: str, now: datetime, objection: str = "") -> None:
    """Records the URL of the CDX list named in the site's settings, so that the list is fetched. `url` is "" if the
    settings name no list.

    A list that the settings named before is excluded. If there is an `objection` (a reason not to request the list),
    the list is marked as failed without a request.
    """
    key = urlkey(url) if url else ""
    db.execute(
        "update pages set due_at = null, rule = case when outcome in ('due', 'failed') then ? else rule end, "
        "reason = case when outcome in ('due', 'failed') then ? else reason end, "
        "outcome = case when outcome in ('due', 'failed') then 'trap' else outcome end "
        "where site_id = ? and kind = 'cdx' and urlkey <> ?",
        [_UNSET, "the site's settings do not name it (cdx)", site_id, key],
    )
    if not url:
        return
    record_discovered_urls(db, site_id, [DiscoveredURL(url, DiscoverySource.SEED, PageKind.CDX)], now)
    db.execute(
        "update pages set outcome = case when outcome = 'trap' then 'due' else outcome end, due_at = ? "
        "where urlkey = ? and due_at is null",
        [EPOCH, key],
    )
    if objection:
        db.execute(
            "update pages set outcome = 'failed', rule = 'contact', reason = ?, due_at = ? where urlkey = ? "
            "and due_at <= ?",
            [objection, stamp(next_fetch_time(Outcome.FAILED, PageKind.CDX, now, None)), key, stamp(now)],
        )


def count_responding_sources(db: Database, site_id: int) -> dict[str, int]:
    """Returns the number of feeds, sitemaps and APIs of a site that responded when last fetched, by kind."""
    return dict(
        db.execute(
            "select kind, count(*) from pages where site_id = ? and priority = 0 "
            "and kind in ('feed', 'sitemap', 'api') and outcome = 'not-article' group by 1 order by 1",
            [site_id],
        ).fetchall()
    )
