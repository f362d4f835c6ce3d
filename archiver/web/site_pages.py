"""One site of the archive: whether it is all there, what its runs did, what was learned of its pages, its settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from archiver import __version__
from archiver.errors import IndexMissing
from archiver.extraction.template.site_rule import to_toml
from archiver.health.health_report import CONTENT_TYPE, health_json, metrics, overall
from archiver.health.health_state import health_of
from archiver.items import Outcome
from archiver.search.query import Query
from archiver.sites.config import effective_settings
from archiver.storage import completeness
from archiver.storage.completeness import site_completeness
from archiver.storage.sites import SETTINGS, find_site, list_sites, rule_versions, rules_at, tags_of_sites
from archiver.web.query_arguments import PageRequest, PageResponse, RawResponse, offset_of
from archiver.web.views import histogram_bars

_RUNS = 20
_OUTCOMES = {"not-article": "no article", "out-of-scope": "outside", "trap": "set aside"}
_SOURCES = {
    "api": "API",
    "cdx": "CDX",
    "listing": "listings",
    "link": "links",
    "redirect": "redirects",
    "import": "imports",
}
RUN_COUNTS = ("found", "fetched", "new", "revised", "unchanged", "aliased", "duplicate", "gone", "refused", "failed")


def site_page(asked: PageRequest) -> PageResponse:
    site = find_site(asked.db, asked.named["name"])
    health = health_of(asked.db, site, datetime.now(UTC))
    state = {**site_completeness(asked.db, site), "health": health_json(health)}
    rules = rules_at(asked.db, site["id"])
    history = rule_versions(asked.db, site["id"])
    quiet = site.get("quiet_until") or ""
    told = {
        "settings": site["settings"],
        "added_at": site["added_at"],
        "rules": to_toml(rules) if rules else None,
        "rule_versions": history,
    }
    return PageResponse(
        "site.html",
        {
            "site": site,
            "state": state,
            "health": health,
            "verdict": _verdict(state),
            "balance": _balance(state),
            "runs": list(
                asked.db.query("select * from runs where site_id = ? order by id desc limit ?", [site["id"], _RUNS])
            ),
            "counts": RUN_COUNTS,
            **_over_time(asked, site),
            "rules": told["rules"],
            "history": history,
            "settings": SETTINGS,
            "quiet": quiet if quiet > datetime.now(UTC).isoformat() else "",
        },
        state | told,
    )


def _over_time(asked: PageRequest, site: dict[str, Any]) -> dict[str, Any]:
    """What is archived of each period, as bars; or why that cannot be told."""
    if not site["articles"]:
        return {"chart": None, "why_no_chart": ""}
    try:
        return {"chart": histogram_bars(asked, Query(site=(site["name"],))), "why_no_chart": ""}
    except IndexMissing as error:
        return {"chart": None, "why_no_chart": str(error)}


def _verdict(state: dict[str, Any]) -> tuple[str, str]:
    """In a word and a sentence, whether all is there that is known of."""
    posts, missing = state["posts"], state["missing_total"]
    if not state["runs"]:
        return "never", "It was never crawled."
    if state["complete"]:
        return "complete", f"Complete: all {posts['archived']:,} posts that its sources told of are archived."
    if missing:
        return "lacking", f"{missing:,} {'address is' if missing == 1 else 'addresses are'} missing."
    last = state["runs"][0]
    why = f" ({last['reason']})" if last["reason"] else ""
    return "open", (
        f"Its last run did not end by itself: {last['outcome']}{why}." if last["outcome"] else "A run is under way."
    )


def _balance(state: dict[str, Any]) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Sources against outcomes; outcomes that none has are left out."""
    shown = [name for name in ("found", *map(str, Outcome)) if state["balance"].get(name)]
    rows = [
        (_SOURCES.get(row["source"], row["source"]), [row["balance"][name] for name in shown])
        for row in state["sources"]
    ]
    return (
        [_OUTCOMES.get(name, name) for name in shown],
        [*rows, ("together", [state["balance"][name] for name in shown])],
    )


# The sites of the archive: all, those with a tag, those with letters in their name; a hundred a page.

PAGE_SIZE = 100


def sites_page(asked: PageRequest) -> PageResponse:
    tags, tag, letters = tags_of_sites(asked.db), asked.one("tag").lower(), asked.one("q").lower()
    names = [
        name
        for number, name in asked.db.execute("select id, name from sites order by name").fetchall()
        if (not tag or tag in tags.get(number, ())) and letters in name.lower()
    ]
    first = offset_of(asked)
    shown = names if asked.form == "json" else names[first : first + PAGE_SIZE]
    found = [{**row, "tags": list(tags.get(row["id"], ()))} for row in list_sites(asked.db, set(shown))]
    if asked.form == "json":
        return PageResponse("sites.html", {}, found)
    now = datetime.now(UTC)
    rows = [(site, completeness.count(asked.db, site["id"]), health_of(asked.db, site, now).state) for site in found]

    def link(to: int) -> str:
        return asked.link("/sites", [("tag", tag), ("q", letters), ("offset", to or None)])

    return PageResponse(
        "sites.html",
        {
            "sites": rows,
            "total": len(names),
            "tag": tag,
            "letters": letters,
            "first": first,
            "many": len(names) > PAGE_SIZE or letters,
            "before": link(max(first - PAGE_SIZE, 0)) if first else "",
            "after": link(first + PAGE_SIZE) if first + PAGE_SIZE < len(names) else "",
        },
    )


# The archive's health, for Prometheus to scrape.


def metrics_page(asked: PageRequest) -> RawResponse:
    """When sites are due is told, but not whether turns are late: that takes the scheduler's lock."""
    found = overall(asked.db, asked.folder / "archive.db", None, datetime.now(UTC), effective_settings(asked.db))
    return RawResponse(metrics(asked.db, found, __version__), CONTENT_TYPE, headers={"Cache-Control": "no-store"})
