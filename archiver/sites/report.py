"""What a short crawl of a site has shown of it: what can be expected of a whole one. Reads only."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from sqlite_utils import Database

from archiver.fields import MEASURED
from archiver.frontier.robots import parse_robots
from archiver.store.coverage import coverage
from archiver.store.hostfiles import stored_file
from archiver.store.rules import rules_at
from archiver.store.run_measures import Measured
from archiver.store.runs import last_run

_KINDS = {"feed": "feed", "sitemap": "sitemap", "api": "API"}


def report(db: Database, site: dict[str, Any], delay: float) -> dict[str, Any]:
    """What is known of a site after a crawl of a few posts, ready for JSON. `delay`: seconds between two requests.

    Keys: site, start_url, platform, robots (status, crawl_delay, sitemaps, forbids_home), sources (kind, url, outcome,
    reason of each feed, sitemap and API), posts (how many addresses of posts were found) and posts_at_least (whether
    there are sources that were not read), sampled (articles read), fields (the share of these that has each field),
    learned (fields whose place in the template was learned), missing (fields that no article read has), days (first and
    last day of publication that was met), hours (that a whole crawl takes, about), outcome and reason of the run.
    """
    run = last_run(db, site["id"]) or {}
    measured = Measured.from_json(run.get("statistics"))
    state = coverage(db, site)
    rules = rules_at(db, site["id"])
    shares = measured.coverage()
    days = db.execute("select min(substr(published, 1, 10)), max(substr(published, 1, 10)) from articles "
                      "where site = ?", [site["name"]]).fetchone()
    # Of a site that could not be read at all the home page is what is known, and no post.
    unread = run.get("outcome") in ("failed", "waiting") and not (measured.articles or measured.sources)
    posts = 0 if unread else state["posts"]["found"]
    robots = _robots(db, site["start_url"])
    pace = max(delay, robots["crawl_delay"] or 0.0, measured.latency or 0.0)
    return {
        "site": site["name"], "start_url": site["start_url"], "platform": site["platform"], "robots": robots,
        "sources": _sources(db, site["id"]), "posts": posts, "posts_at_least": _more(db, site["id"]),
        "sampled": measured.articles, "fields": {name: round(share, 2) for name, share in shares.items()},
        "learned": sorted(rules.fields) if rules else [],
        "missing": [name for name in MEASURED if shares and not shares[name]],
        "days": list(days) if days[0] else None, "hours": round(posts * pace / 3600, 2),
        "outcome": run.get("outcome"), "reason": run.get("reason") or "",
    }


def _robots(db: Database, start_url: str) -> dict[str, Any]:
    parts = urlsplit(start_url)
    bare = parts.netloc.removeprefix("www.")
    for origin in (f"{scheme}://{host}/" for scheme in (parts.scheme, "https", "http")
                   for host in (parts.netloc, bare, f"www.{bare}")):
        if file := stored_file(db, origin, "robots.txt"):
            told = parse_robots(file.body) if file.status == 200 else parse_robots(b"")
            return {"status": file.status, "crawl_delay": told.crawl_delay, "sitemaps": len(told.sitemaps),
                    "forbids_home": told.refusal(start_url) or None}
    return {"status": None, "crawl_delay": None, "sitemaps": 0, "forbids_home": None}


def _sources(db: Database, site_id: int) -> list[dict[str, Any]]:
    """Feeds, sitemaps and APIs that answered, then for a kind that did not, one that was looked for."""
    rows = list(db.query(
        "select kind, url, outcome, reason, status from pages where site_id = ? and kind in ('feed', 'sitemap', 'api') "
        "and fetched_at is not null order by priority, id", [site_id]))
    alive = [row for row in rows if row["outcome"] == "not-article"]
    kinds = Counter(row["kind"] for row in alive)
    lost = {row["kind"]: row for row in reversed(rows) if not kinds[row["kind"]]}
    return [{**row, "kind": _KINDS[row["kind"]]} for row in (*alive, *lost.values())]


def _more(db: Database, site_id: int) -> bool:
    """Whether there are feeds, sitemaps, API pages or lists that were not read."""
    return db.execute("select 1 from pages where site_id = ? and outcome = 'due' and kind in "
                      "('feed', 'sitemap', 'api', 'listing') limit 1", [site_id]).fetchone() is not None
