"""The archive's health as numbers, in the text format of Prometheus (version 0.0.4), for a scrape or node_exporter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlite_utils import Database

from archiver.fields import MEASURED
from archiver.health.health_rules import Health, HealthFinding, Level, worst_level
from archiver.health.health_state import as_json, growth, health_of
from archiver.politeness.robots import parse_robots
from archiver.storage.completeness import site_completeness
from archiver.storage.connection import free_bytes
from archiver.storage.crawl_exclusions import stored_file
from archiver.storage.pages import moment
from archiver.storage.runs import MeasuredRun, Scheduled, Settings, last_run, scheduled_sites
from archiver.storage.sites import rules_at

# How the archive itself does, whatever its sites do: its disk, and whether what is due is crawled. Pure.

RESERVE = 256_000_000
"""Bytes that stay free on the archive's disk: with less no crawl begins by itself."""
_SOON, _LATER = timedelta(days=3), timedelta(days=14)
_LATE = timedelta(hours=1)
_NEW = timedelta(days=1)


def judge_place(
    archive: str, free: int, daily: float, sites: Sequence[Scheduled], scheduler: str | None, now: datetime
) -> Health:
    """`free` bytes are left on the disk, and it grows by so many `daily`. `scheduler` is the process that crawls what
    is due, "" where there is none any more, None where there never was one: then nothing is late."""
    findings = (*_disk(archive, free, daily), *(_late(sites, scheduler, now) if scheduler is not None else ()))
    return Health(worst_level([one.level for one in findings]), findings)


def _disk(archive: str, free: int, daily: float) -> Iterator[HealthFinding]:
    left = timedelta(days=min(free / daily, 10_000)) if daily > 0 else timedelta.max
    if free < RESERVE or left < _LATER:
        soon = (
            f", and the archive grows by {_size(daily)} a day: in {max(left.days, 1)} days it is full"
            if left < _LATER
            else ""
        )
        yield HealthFinding(
            "disk",
            "red" if free < RESERVE or left < _SOON else "amber",
            f"{_size(free)} are free where {archive} lies{soon}: make room, move it to a larger disk, or "
            "give back what it does not need with 'archiver vacuum'.",
        )


def _late(sites: Sequence[Scheduled], scheduler: str, now: datetime) -> Iterator[HealthFinding]:
    late = [behind for one in sites if (behind := _behind(one, now)) is not None]
    if late:
        many = f"{len(late):,} sites are" if len(late) > 1 else "A site is"
        advice = (
            (
                "what the scheduler tells of them says why; where it has too much to do, give it more --workers, or "
                "longer cadences"
            )
            if scheduler
            else ("no scheduler runs: start 'archiver schedule', or the service that runs it")
        )
        yield HealthFinding(
            "late", "amber" if scheduler else "red", f"{many} late by up to {_long(max(late))}: {advice}."
        )


def _behind(one: Scheduled, now: datetime) -> timedelta | None:
    """How late a site is, where that is worth a word. One that was never crawled is due since it was entered, and many
    may have been entered at once."""
    if one.last:
        behind = now - one.turn.at
        return behind if behind > max(one.turn.period / 2, _LATE) else None
    added = moment(one.site.get("added_at"))
    return now - added if added and now - added > _NEW else None


def _long(span: timedelta) -> str:
    """In whole hours or days: what is told of is an hour at least."""
    hours = round(span / timedelta(hours=1))
    return f"{hours // 24:,} days" if hours >= 48 else f"{hours} hours" if hours > 1 else "an hour"


def _size(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.0f} MB"


# How an archive and all its sites do, at one moment.


@dataclass(frozen=True, slots=True)
class Overall:
    """`place` is the health of the archive itself, `sites` that of each site, by its row; `turns` says when each is
    due, `free` how many bytes are left on its disk."""

    at: datetime
    place: Health
    sites: tuple[tuple[dict[str, Any], Health], ...]
    turns: tuple[Scheduled, ...]
    free: int

    @property
    def state(self) -> Level:
        """The worst of all; a site that was never crawled makes nothing worse."""
        levels = [self.place.state, *(health.state for _, health in self.sites)]
        return worst_level([level for level in levels if level != "unknown"])

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "archive": health_json(self.place),
            "sites": {site["name"]: health_json(health) for site, health in self.sites},
        }


def overall(
    db: Database,
    archive: Path,
    scheduler: str | None,
    now: datetime,
    settings: Settings,
    only: Collection[str] | None = None,
) -> Overall:
    """`scheduler` as in `judge_place`, `settings` as in `scheduled`; `only` names the sites that are looked
    at, None: all."""
    turns = tuple(scheduled_sites(db, now, settings))
    free = free_bytes(archive)
    sites = tuple(
        (row, health_of(db, row, now))
        for row in list(db.query("select * from sites order by name"))
        if only is None or row["name"] in only
    )
    return Overall(now, judge_place(str(archive), free, growth(db, now), turns, scheduler, now), sites, turns, free)


def health_json(health: Health) -> dict[str, Any]:
    return {"state": health.state, "findings": [as_json(one) for one in health.findings]}


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
VALUES: dict[Level, int] = {"green": 0, "amber": 1, "red": 2, "unknown": 3}
_COUNTS = (
    ("new_articles", "new", "New articles of"),
    ("requests", "requests", "Requests of"),
    ("received_bytes", "bytes", "Bytes received by"),
    ("failed", "failed", "Pages failed in"),
)
Labels = dict[str, str]
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of values; a counter's name ends in _total."""

    name: str
    doc: str
    values: list[tuple[Labels, float]]

    def lines(self) -> Iterator[str]:
        if self.values:
            yield f"# HELP {self.name} {self.doc}"
            yield f"# TYPE {self.name} {'counter' if self.name.endswith('_total') else 'gauge'}"
            yield from (f"{self.name}{_labels(labels)} {value:.10g}" for labels, value in self.values)


def metrics(db: Database, found: Overall, version: str) -> str:
    """All of it; `version` is the program's. Times are seconds since 1970, in UTC."""
    articles = dict(db.execute("select site, count(*) from articles group by 1").fetchall())
    requests, received, runs = db.execute("select total(requests), total(bytes), count(*) from runs").fetchone()
    told = [
        Metric("archiver_info", "The program that tells this.", [({"version": version}, 1)]),
        Metric(
            "archiver_health", "The archive and all its sites: 0 green, 1 amber, 2 red.", [({}, VALUES[found.state])]
        ),
        Metric("archiver_disk_free_bytes", "Free on the archive's disk.", [({}, found.free)]),
        Metric("archiver_sites", "Sites of the archive.", [({}, len(found.sites))]),
        Metric("archiver_runs_total", "Runs in the ledger.", [({}, runs)]),
        Metric("archiver_requests_total", "Requests of all runs.", [({}, requests)]),
        Metric("archiver_received_bytes_total", "Bytes that all runs received.", [({}, received)]),
        *_of_sites(db, found, articles),
    ]
    return "".join(f"{line}\n" for metric in told for line in metric.lines())


def _of_sites(db: Database, found: Overall, articles: dict[str, int]) -> Iterator[Metric]:
    names = [site["name"] for site, _ in found.sites]
    yield Metric(
        "archiver_site_articles", "Articles of the site.", [({"site": name}, articles.get(name, 0)) for name in names]
    )
    yield Metric(
        "archiver_site_health",
        "0 green, 1 amber, 2 red, 3 never crawled.",
        [({"site": site["name"]}, VALUES[health.state]) for site, health in found.sites],
    )
    yield Metric(
        "archiver_finding",
        "What is wrong: 1 amber, 2 red; without a site, with the archive.",
        [
            ({"site": name, "code": one.code, "about": one.about}, VALUES[one.level])
            for name, health in (("", found.place), *((site["name"], health) for site, health in found.sites))
            for one in health.findings
        ],
    )
    yield Metric(
        "archiver_site_due_timestamp_seconds",
        "When the site is due.",
        [({"site": one.site["name"]}, one.turn.at.timestamp()) for one in found.turns],
    )
    rows = [(site["name"], row) for site, _ in found.sites if (row := last_run(db, site["id"]))]
    for name, column, doc in _COUNTS:
        yield Metric(
            f"archiver_site_run_{name}",
            f"{doc} the site's last run.",
            [({"site": site}, row[column] or 0) for site, row in rows],
        )
    yield Metric(
        "archiver_site_run_timestamp_seconds",
        "When the site's last run ended, and how.",
        [
            ({"site": site, "outcome": row["outcome"]}, ended.timestamp())
            for site, row in rows
            if (ended := moment(row["finished_at"]))
        ],
    )
    measured = [(site, MeasuredRun.from_json(row.get("statistics"))) for site, row in rows]
    yield Metric(
        "archiver_site_answer_seconds",
        "Seconds to an answer in the site's last run.",
        [
            ({"site": site, "quantile": quantile}, value)
            for site, one in measured
            for quantile, value in (("0.5", one.latency), ("0.95", one.latency_95))
            if value is not None
        ],
    )
    yield Metric(
        "archiver_site_field_ratio",
        "Share of the articles read by the last run that have a field.",
        [({"site": site, "field": field}, share) for site, one in measured for field, share in one.coverage().items()],
    )


def _labels(labels: Labels) -> str:
    """As the format escapes them: backslash, quotation mark and line feed."""
    told = [f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items()]
    return f"{{{','.join(told)}}}" if told else ""


# What a short crawl of a site has shown of it: what can be expected of a whole one. Reads only.

_KINDS = {"feed": "feed", "sitemap": "sitemap", "api": "API"}


def trial_report(db: Database, site: dict[str, Any], delay: float) -> dict[str, Any]:
    """What is known of a site after a crawl of a few posts, ready for JSON. `delay`: seconds between two requests.

    Keys: site, start_url, platform, robots (status, crawl_delay, sitemaps, forbids_home), sources (kind, url, outcome,
    reason of each feed, sitemap and API), posts (how many addresses of posts were found) and posts_at_least (whether
    there are sources that were not read), sampled (articles read), fields (the share of these that has each field),
    learned (fields whose place in the template was learned), missing (fields that no article read has), days (first and
    last day of publication that was met), hours (that a whole crawl takes, about), outcome and reason of the run.
    """
    run = last_run(db, site["id"]) or {}
    measured = MeasuredRun.from_json(run.get("statistics"))
    state = site_completeness(db, site)
    rules = rules_at(db, site["id"])
    shares = measured.coverage()
    days = db.execute(
        "select min(substr(published, 1, 10)), max(substr(published, 1, 10)) from articles where site = ?",
        [site["name"]],
    ).fetchone()
    # Of a site that could not be read at all the home page is what is known, and no post.
    unread = run.get("outcome") in ("failed", "waiting") and not (measured.articles or measured.sources)
    posts = 0 if unread else state["posts"]["found"]
    robots = _robots(db, site["start_url"])
    pace = max(delay, robots["crawl_delay"] or 0.0, measured.latency or 0.0)
    return {
        "site": site["name"],
        "start_url": site["start_url"],
        "platform": site["platform"],
        "robots": robots,
        "sources": _sources(db, site["id"]),
        "posts": posts,
        "posts_at_least": _more(db, site["id"]),
        "sampled": measured.articles,
        "fields": {name: round(share, 2) for name, share in shares.items()},
        "learned": sorted(rules.fields) if rules else [],
        "missing": [name for name in MEASURED if shares and not shares[name]],
        "days": list(days) if days[0] else None,
        "hours": round(posts * pace / 3600, 2),
        "outcome": run.get("outcome"),
        "reason": run.get("reason") or "",
    }


def _robots(db: Database, start_url: str) -> dict[str, Any]:
    parts = urlsplit(start_url)
    bare = parts.netloc.removeprefix("www.")
    for origin in (
        f"{scheme}://{host}/"
        for scheme in (parts.scheme, "https", "http")
        for host in (parts.netloc, bare, f"www.{bare}")
    ):
        if file := stored_file(db, origin, "robots.txt"):
            told = parse_robots(file.body) if file.status == 200 else parse_robots(b"")
            return {
                "status": file.status,
                "crawl_delay": told.crawl_delay,
                "sitemaps": len(told.sitemaps),
                "forbids_home": told.refusal(start_url) or None,
            }
    return {"status": None, "crawl_delay": None, "sitemaps": 0, "forbids_home": None}


def _sources(db: Database, site_id: int) -> list[dict[str, Any]]:
    """Feeds, sitemaps and APIs that answered, then for a kind that did not, one that was looked for."""
    rows = list(
        db.query(
            "select kind, url, outcome, reason, status from pages where site_id = ? and kind in ('feed', 'sitemap', 'api') "
            "and fetched_at is not null order by priority, id",
            [site_id],
        )
    )
    alive = [row for row in rows if row["outcome"] == "not-article"]
    kinds = Counter(row["kind"] for row in alive)
    lost = {row["kind"]: row for row in reversed(rows) if not kinds[row["kind"]]}
    return [{**row, "kind": _KINDS[row["kind"]]} for row in (*alive, *lost.values())]


def _more(db: Database, site_id: int) -> bool:
    """Whether there are feeds, sitemaps, API pages or lists that were not read."""
    return (
        db.execute(
            "select 1 from pages where site_id = ? and outcome = 'due' and kind in "
            "('feed', 'sitemap', 'api', 'listing') limit 1",
            [site_id],
        ).fetchone()
        is not None
    )
