"""The report of a trial crawl: what to expect of a complete crawl. The archive is only read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from archiver.model.fields import MEASURED
from archiver.politeness.robots import parse_robots
from archiver.sites.page_objects import load_page_objects
from archiver.storage import Database
from archiver.storage.completeness import site_completeness
from archiver.storage.pages import find_host_file
from archiver.storage.runs import MeasuredRun, last_run
from archiver.storage.stored_rules import page_object_uses, rules_valid_at, rules_without_match

_KINDS = {"feed": "feed", "sitemap": "sitemap", "api": "API"}


def make_trial_report(db: Database, site: dict[str, Any], delay: float) -> dict[str, Any]:
    """Returns, as JSON values, what a trial crawl of a few posts showed about a site. `delay`: seconds between
    requests. The keys are:

    - `site`, `start_url`, `platform`.
    - `robots`: status, crawl_delay, sitemaps, forbids_home.
    - `sources`: kind, url, outcome and reason of each feed, sitemap and API.
    - `posts`: number of posts found, and of URLs that may be posts. If `posts_at_least` is true, some sources were not
      read yet.
    - `sampled`: number of articles read.
    - `fields`: by field, the share of these articles that have the field.
    - `missing`: fields that no article has.
    - `learned`: fields with a learned site rule.
    - `days`: first and last day of publication.
    - `hours`: estimated duration of a complete crawl.
    - `rules_without_match`: the result of the function of that name in `storage.sites`.
    - `page_objects`: name, file, URLs, number of sampled articles and fields of each page object for the site's host.
      `fields` contains, by field, the number of articles for which it returned a value, the number for which it failed,
      and the error.
    - `outcome`, `reason`: those of the run.
    """
    run = last_run(db, site["id"]) or {}
    measured = MeasuredRun.from_json(run.get("statistics"))
    state = site_completeness(db, site)
    rules = rules_valid_at(db, site["id"])
    shares = measured.coverage()
    days = db.execute(
        "select min(substr(published, 1, 10)), max(substr(published, 1, 10)) from articles where site = ?",
        [site["name"]],
    ).fetchone()
    # If the site could not be read at all, the only known URL is the home page, which is not a post.
    unread = run.get("outcome") in ("failed", "waiting") and not (measured.articles or measured.sources)
    posts = 0 if unread else state["posts"]["found"] + state["unread"]
    robots = _robots(db, site["start_url"])
    pace = max(delay, robots["crawl_delay"] or 0.0, measured.latency or 0.0)
    return {
        "site": site["name"],
        "start_url": site["start_url"],
        "platform": site["platform"],
        "robots": robots,
        "sources": _sources(db, site["id"]),
        "posts": posts,
        "posts_at_least": _has_unread_sources(db, site["id"]),
        "sampled": measured.articles,
        "fields": {name: round(share, 2) for name, share in shares.items()},
        "learned": sorted(rules.fields) if rules else [],
        "missing": [name for name in MEASURED if shares and not shares[name]],
        "days": list(days) if days[0] else None,
        "hours": round(posts * pace / 3600, 2),
        "rules_without_match": rules_without_match(db, site["name"]),
        "page_objects": list(_page_objects(db, site)),
        "outcome": run.get("outcome"),
        "reason": run.get("reason") or "",
    }


def _page_objects(db: Database, site: dict[str, Any]) -> Iterator[dict[str, Any]]:
    uses = page_object_uses(db, site["name"])
    for one in load_page_objects().loaded:
        if any(pattern.has_host(site["start_url"]) for pattern in one.patterns):
            yield {
                "name": one.name,
                "file": one.file,
                "urls": [str(pattern) for pattern in one.patterns],
                "articles": db.execute(
                    "select count(*) from articles where site = ? and instr(extractor, ?) > 0",
                    [site["name"], one.version],
                ).fetchone()[0],
                "fields": {
                    use.field: {"returned": use.returned, "failed": use.failed, "error": use.error}
                    for use in uses
                    if (use.page_object, use.file) == (one.name, one.file)
                },
            }


def _robots(db: Database, start_url: str) -> dict[str, Any]:
    parts = urlsplit(start_url)
    bare = parts.netloc.removeprefix("www.")
    for origin in (
        f"{scheme}://{host}/"
        for scheme in (parts.scheme, "https", "http")
        for host in (parts.netloc, bare, f"www.{bare}")
    ):
        if file := find_host_file(db, origin, "robots.txt"):
            rules = parse_robots(file.body) if file.status == 200 else parse_robots(b"")
            return {
                "status": file.status,
                "crawl_delay": rules.crawl_delay,
                "sitemaps": len(rules.sitemaps),
                "forbids_home": rules.refusal(start_url) or None,
            }
    return {"status": None, "crawl_delay": None, "sitemaps": 0, "forbids_home": None}


def _sources(db: Database, site_id: int) -> list[dict[str, Any]]:
    """Returns the feeds, sitemaps and APIs of a site that could be read. If none of a kind could be read, the first URL
    of that kind that was tried is added at the end.
    """
    rows = list(
        db.query(
            "select kind, url, outcome, reason, status from pages where site_id = ? "
            "and kind in ('feed', 'sitemap', 'api') and fetched_at is not null order by priority, id",
            [site_id],
        )
    )
    alive = [row for row in rows if row["outcome"] == "not-article"]
    kinds = Counter(row["kind"] for row in alive)
    lost = {row["kind"]: row for row in reversed(rows) if not kinds[row["kind"]]}
    return [{**row, "kind": _KINDS[row["kind"]]} for row in (*alive, *lost.values())]


def _has_unread_sources(db: Database, site_id: int) -> bool:
    """Returns True if the site has feeds, sitemaps, API pages or listings that have not been read yet."""
    return (
        db.execute(
            "select 1 from pages where site_id = ? and outcome = 'due' and kind in "
            "('feed', 'sitemap', 'api', 'listing') limit 1",
            [site_id],
        ).fetchone()
        is not None
    )
