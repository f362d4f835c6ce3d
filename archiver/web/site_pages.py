"""The web pages of sites (completeness, runs, site rules, settings), the list of sites, and metrics for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from archiver import __version__
from archiver.api.database import Database
from archiver.api.health import (
    METRICS_MEDIA_TYPE,
    count_missing,
    count_posts_of_sites,
    describe_archived,
    describe_next_run,
    format_metrics,
    health_as_json,
    judge_all,
    read_health,
    read_healths,
    read_next_run,
    run_as_shown,
    site_completeness,
)
from archiver.api.pages import to_toml
from archiver.api.records import IS_LIVE, VERSION_COUNT
from archiver.api.search import Query
from archiver.api.sites import (
    SITE_SETTINGS,
    effective_settings,
    find_site,
    list_sites,
    load_config,
    read_mute,
    rule_versions,
    rules_valid_at,
    tags_of_sites,
)
from archiver.model.errors import IndexMissing
from archiver.model.items import SOURCE_NAMES, Outcome
from archiver.web.archive_connections import get_cached
from archiver.web.health_probe import probe
from archiver.web.search_charts import build_bars
from archiver.web.site_names import find_home_page, find_icon, identify_sites
from archiver.web.web_requests import (
    ArchiveRequest,
    CannotAnswer,
    PageResponse,
    RawResponse,
    parse_offset,
    reader_sentence,
)

_RUNS = 20
_OUTCOMES = {"not-article": "not an article", "out-of-scope": "out of scope", "trap": "crawler trap"}
RUN_COUNTS = ("found", "fetched", "new", "revised", "unchanged", "aliased", "duplicate", "gone", "refused", "failed")


def site_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page of one site: completeness, runs, health, extraction rules and settings."""
    site = find_site(request.db, request.named["name"])
    now = datetime.now(UTC)
    health = read_health(request.db, site, now)
    state = {
        **site_completeness(request.db, site),
        "health": health_as_json(health, read_mute(site, now)),
        "next_run": describe_next_run(*read_next_run(request.db, site, load_config(), now)),
    }
    rules = rules_valid_at(request.db, site["id"])
    versions = rule_versions(request.db, site["id"])
    quiet = site.get("quiet_until") or ""
    home = find_home_page(request, site)
    details = {
        "settings": site["settings"],
        "added_at": site["added_at"],
        "rules": to_toml(rules) if rules else None,
        "rule_versions": versions,
    }
    return PageResponse(
        "site.html",
        {
            "site": site,
            "state": state,
            "health": health,
            "verdict": _judge_completeness(state),
            "newest": _read_newest(request.db, site["name"]),
            "home": home,
            "icon": find_icon(request, home),
            "balance": _build_source_table(state),
            "runs": [
                run_as_shown(request.db, site["name"], run)
                for run in request.db.query(
                    "select * from runs where site_id = ? order by id desc limit ?", [site["id"], _RUNS]
                )
            ],
            "counts": RUN_COUNTS,
            **_build_chart(request, site),
            "rules": details["rules"],
            "versions": versions,
            "settings": [(one, site["settings"].get(one.name)) for one in SITE_SETTINGS],
            "quiet": quiet if quiet > now.isoformat() else "",
        },
        state | details,
    )


_NEWEST = 8


def _read_newest(db: Database, site: str) -> list[dict[str, Any]]:
    """Returns the newest articles of a site, ready for the template."""
    columns = f"id, title, published, published_precision, first_seen, language, {VERSION_COUNT} as versions, gone_at"
    return list(
        db.query(
            f"select {columns} from articles a where site = ? and published <= ? and {IS_LIVE} "
            "order by published desc, id limit ?",
            [site, f"{datetime.now(UTC):%Y-%m-%d}~", _NEWEST],
        )
    )


def _build_chart(request: ArchiveRequest, site: dict[str, Any]) -> dict[str, Any]:
    """Returns values for the template: `chart`, a bar chart of a site's archived articles over time (None if it cannot
    be drawn), and `why_no_chart`, the reason why it cannot be drawn.
    """
    if not site["articles"]:
        return {"chart": None, "why_no_chart": ""}
    try:
        return {"chart": build_bars(request, Query(site=(site["name"],))), "why_no_chart": ""}
    except IndexMissing as error:
        return {"chart": None, "why_no_chart": reader_sentence(error)}


def _judge_completeness(state: dict[str, Any]) -> tuple[str, str]:
    """Returns the completeness of a site as a code and a sentence. The codes are never (never crawled), complete,
    lacking (URLs are missing) and open (the last run has not finished).
    """
    posts, missing = state["posts"], state["missing_total"]
    if not state["runs"]:
        return "never", "This site was never crawled."
    if state["complete"]:
        return "complete", (
            f"Complete: all {posts['archived']:,} posts reported by its sources are archived{describe_archived(state)}."
        )
    if posts["missing"]:
        return "lacking", f"{missing:,} {'address is' if missing == 1 else 'addresses are'} missing."
    if missing:
        addresses = "address was" if missing == 1 else "addresses were"
        return "open", f"{_name_archived_posts(posts['archived'])}; {missing:,} {addresses} not read."
    last = state["runs"][0]
    why = f" ({last['reason']})" if last["reason"] else ""
    return "open", (
        f"The last run did not finish: {last['outcome']}{why}." if last["outcome"] else "A run is in progress."
    )


def _name_archived_posts(number: int) -> str:
    return f"All {number:,} known posts are archived" if number != 1 else "The only known post is archived"


def _build_source_table(state: dict[str, Any]) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Returns a table with the number of a site's URLs for each discovery source and outcome, as column heads and rows.
    Outcomes without URLs are left out.
    """
    shown = [name for name in ("found", *map(str, Outcome)) if state["balance"].get(name)]
    rows = [
        (SOURCE_NAMES.get(row["source"], row["source"]), [row["balance"][name] for name in shown])
        for row in state["sources"]
    ]
    return (
        [_OUTCOMES.get(name, name) for name in shown],
        [*rows, ("total", [state["balance"][name] for name in shown])],
    )


# The list of sites.

PAGE_SIZE = 100
_MOST_NAMED = 25
"""To show the titles of sites, the list reads at most this many home pages that were not read yet."""
SPARK_YEARS = 16
"""The list of sites shows the articles of at most this many years for each site."""
_SEVERITY = ("red", "amber", "unknown", "green")
SITE_SORTS: dict[str, Callable[[Database, dict[str, Any]], Any]] = {
    "name": lambda db, site: site["name"],
    "health": lambda db, site: _SEVERITY.index(site["state"]),
    "articles": lambda db, site: site["articles"],
    "missing": lambda db, site: count_missing(db, site["id"]),
    "crawled": lambda db, site: site["last_run"]["started_at"] if site["last_run"] else "",
}
"""Maps each order of the list of sites to the function that returns a site's sort key. A hyphen before the name
reverses the order."""


def sites_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the list of sites, 100 per page. Arguments can restrict it to sites with a tag or with a
    text in their name, and sort it.
    """
    tags, tag, letters = tags_of_sites(request.db), request.one("tag").lower(), request.one("q").lower()
    names = [
        name
        for number, name in request.db.execute("select id, name from sites order by name").fetchall()
        if (not tag or tag in tags.get(number, ())) and letters in name.lower()
    ]
    order = request.one("sort") or "name"
    if order.removeprefix("-") not in SITE_SORTS:
        raise CannotAnswer(f"sort {order}", f"sites are sorted by {', '.join(SITE_SORTS)}")
    first = parse_offset(request)
    if request.form == "json":
        rows = [{**row, "tags": list(tags.get(row["id"], ()))} for row in list_sites(request.db, set(names))]
        return PageResponse("sites.html", {}, rows)
    found = _sort_sites(request, names, order)[first : first + PAGE_SIZE]
    years, spans = _count_articles_a_year(request, [site["name"] for site in found])
    now = datetime.now(UTC)
    posts = get_cached(request.db, "posts of sites", now.date(), lambda: count_posts_of_sites(request.db, now))

    def link(to: int, by: str = order) -> str:
        args = [("tag", tag), ("q", letters), ("sort", by if by != "name" else ""), ("offset", to or None)]
        return request.link("/sites", args)

    return PageResponse(
        "sites.html",
        {
            "sites": [
                {
                    **site,
                    "tags": tags.get(site["id"], ()),
                    "missing": count_missing(request.db, site["id"]),
                    "lacks_posts": site["id"] in posts and posts[site["id"]].posts["missing"] > 0,
                    "a_year": years.get(site["name"], ()),
                }
                for site in found
            ],
            "identities": identify_sites(request, [site["name"] for site in found], _MOST_NAMED),
            "span": spans,
            "total": len(names),
            "tag": tag,
            "letters": letters,
            "first": first,
            "many": len(names) > PAGE_SIZE or letters,
            "order": order,
            "sorts": {name: link(0, f"-{name}" if order == name else name) for name in SITE_SORTS},
            "before": link(max(first - PAGE_SIZE, 0)) if first else "",
            "after": link(first + PAGE_SIZE) if first + PAGE_SIZE < len(names) else "",
        },
    )


def _sort_sites(request: ArchiveRequest, names: Sequence[str], order: str) -> list[dict[str, Any]]:
    """Returns the sites with these names, each with its health as `state`, in an order of SITE_SORTS."""
    found = list_sites(request.db, set(names))
    healths = read_healths(request.db, found, datetime.now(UTC))
    rows = [{**site, "state": healths[site["id"]].state} for site in found]
    key = SITE_SORTS[order.removeprefix("-")]
    return sorted(rows, key=lambda site: key(request.db, site), reverse=order.startswith("-"))


def _count_articles_a_year(
    request: ArchiveRequest, names: Sequence[str]
) -> tuple[dict[str, list[int]], tuple[int, int]]:
    """Returns the number of articles of each site in each of the last years that have any, and the first and last of
    these years, which are the same for all sites. Dates in the future and undated articles are left out.
    """
    now = datetime.now(UTC).year
    oldest = now - SPARK_YEARS + 1
    found = get_cached(
        request.db,
        "articles a year",
        (oldest, *names),
        lambda: request.db.execute(
            "select site, cast(substr(published, 1, 4) as integer) as year, count(*) from articles "
            f"where site in (select value from json_each(?)) and year between ? and ? and {IS_LIVE} "
            "group by site, year",
            [json.dumps(names), oldest, now],
        ).fetchall(),
    )
    first, last = min((year for _, year, _ in found), default=now), max((year for _, year, _ in found), default=now)
    counts = {name: [0] * (last - first + 1) for name, _, _ in found}
    for name, year, number in found:
        counts[name][year - first] = number
    return counts, (first, last)


# Metrics, and the answer for health checks.


def metrics_page(request: ArchiveRequest) -> RawResponse:
    """Returns the archive's health in the format of Prometheus. The metrics show when sites are due, but not whether
    crawls are late, since finding this out would require the scheduler's lock.
    """
    found = judge_all(
        request.db, request.folder / "archive.db", None, datetime.now(UTC), effective_settings(request.db)
    )
    return RawResponse(
        format_metrics(request.db, found, __version__), METRICS_MEDIA_TYPE, headers={"Cache-Control": "no-store"}
    )


def probe_page(request: ArchiveRequest) -> RawResponse:
    """Returns JSON that says whether the archive works: with status 200 if it does, otherwise with status 503 and the
    reasons. With the argument `only=reading`, only what a reader of the pages needs is checked.
    """
    found = probe(request.db, datetime.now(UTC), only_reading=request.one("only") == "reading")
    return RawResponse(
        json.dumps(found.as_json()),
        "application/json; charset=utf-8",
        200 if found.ok else 503,
        {"Cache-Control": "no-store"},
    )
