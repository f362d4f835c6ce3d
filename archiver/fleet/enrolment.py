"""Adds sites and hosts to a fleet, and reports the fleet's status: sites, workers and throughput."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archiver.api.crawls import CrawlPlan, host_of
from archiver.api.database import opened
from archiver.api.sites import delay_for, effective_settings, load_config
from archiver.fleet.postgres import QueueDatabase
from archiver.model.urls import Scope, start_address

# Enrolling sites: by URL, or all sites of an archive with their settings.


@dataclass(frozen=True, slots=True)
class FleetSite:
    """A site that is to be added to the fleet: its name, host, start URL and settings. Sites with the same `host` are
    never crawled at the same time.
    """

    name: str
    host: str
    url: str
    settings: dict[str, Any]


def make_fleet_site(url: str, settings: dict[str, Any]) -> FleetSite:
    """Builds the FleetSite for a start URL and its settings. Raises BadAddress."""
    url = start_address(url)
    return FleetSite(
        Scope.of(url).name, host_of(CrawlPlan(url, delay_for(url, settings.get("delay")), "")), url, settings
    )


def make_sites_of_urls(urls: Iterable[str]) -> list[FleetSite]:
    """Returns a FleetSite for each start URL, with the defaults of archiver.toml. Raises BadAddress, and BadConfig if
    archiver.toml is invalid.
    """
    config = load_config()
    return [make_fleet_site(url, config.settings({}, ())) for url in urls]


def read_sites_of_archive(archive: Path) -> list[FleetSite]:
    """Returns a FleetSite for each site of an archive, with its effective settings; sites with crawl=no are left out.
    Raises BadConfig if archiver.toml is invalid, and the errors of `open_archive`.
    """
    with opened(archive, read_only=True) as db:
        settings_of = effective_settings(db)
        rows = [(row["start_url"], settings_of(row)) for row in db.query("select * from sites")]
    return [make_fleet_site(url, settings) for url, settings in rows if settings.get("crawl") is not False]


def enter_sites(board: QueueDatabase, entries: Iterable[FleetSite]) -> tuple[int, int]:
    """Adds sites to the fleet's tables, and updates the settings of sites that are already there. Returns the number of
    new sites, and the number of all sites of the fleet.
    """
    rows: Sequence[FleetSite] = list({one.name: one for one in entries}.values())
    with board.transaction() as conn:
        before = _count(conn)
        cursor = conn.cursor()
        cursor.executemany(
            "insert into fleet_hosts (host) values (%s) on conflict do nothing",
            [(host,) for host in {one.host for one in rows}],
        )
        cursor.executemany(
            "insert into fleet_sites (name, host, start_url, settings) values (%s, %s, %s, %s) on conflict (name) do "
            "update set start_url = excluded.start_url, settings = excluded.settings, host = excluded.host, "
            "active = true",
            [(one.name, one.host, one.url, json.dumps(one.settings)) for one in rows],
        )
        after = _count(conn)
    return after - before, after


def _count(conn: Any) -> int:
    row = conn.execute("select count(*) as n from fleet_sites where active").fetchone()
    return int(row["n"])


# Status.

_HOUR = 3600


def read_fleet_status(board: QueueDatabase) -> dict[str, Any]:
    """Returns the status of the fleet as JSON values, for `archiver fleet status --json`. A site counts as `late` if it
    has been due for more than a tenth of its period. The throughput is that of the last hour's crawls.
    """
    fleet = board.fleet("layout")
    sites = (
        board.one(
            "select count(*) as sites, count(*) filter (where s.due_at <= now() and r.site is null) as due, "
            "count(r.site) as running, count(*) filter (where r.site is null and "
            "s.due_at + make_interval(secs => s.period_seconds / 10) < now()) as late, "
            "count(*) filter (where s.outcome = 'failed') as failed, "
            "(select coalesce(sum(s.articles), 0)::bigint from fleet_sites s) as articles, "
            "(select coalesce(sum(s.bytes), 0)::bigint from fleet_sites s) as bytes, "
            "coalesce(max(extract(epoch from now() - s.due_at)) filter (where r.site is null and s.due_at < now()), 0)"
            "::float as latest_by_seconds from fleet_sites s "
            "left join fleet_hosts r on r.site = s.name and r.lease_until > now() where s.active"
        )
        or {}
    )
    done = (
        board.one(
            "select count(*) as runs, count(*) filter (where outcome = 'failed') as failed, "
            "count(*) filter (where outcome = 'lost') as lost, coalesce(sum(requests), 0)::bigint as requests, "
            "coalesce(sum(fetched), 0)::bigint as pages, coalesce(sum(new), 0)::bigint as new, "
            "coalesce(sum(bytes), 0)::bigint as bytes, greatest(1, extract(epoch from now() - min(began_at)))::float "
            "as seconds from fleet_runs where ended_at > now() - make_interval(secs => %s)",
            [_HOUR],
        )
        or {}
    )
    workers = board.all(
        "select name, w.version, slots, running, began_at, seen_at, ended_at, "
        "extract(epoch from now() - seen_at)::float as silent, "
        "ended_at is null and seen_at > now() - make_interval(secs => lease_seconds) as alive "
        "from fleet_workers w, fleet where ended_at is null or ended_at > now() - interval '1 hour' order by name"
    )
    failed = board.all(
        "select name, reason, failures, due_at from fleet_sites where active and outcome = 'failed' "
        "order by failures desc, name limit 10"
    )
    seconds = min(_HOUR, done.get("seconds") or 1)
    return {
        "queue": board.where,
        "storage": fleet.storage,
        "draining": fleet.draining,
        "sites": sites,
        "last_hour": {
            **done,
            "pages_per_second": round(done.get("pages", 0) / seconds, 3),
            "runs_per_hour": round(done.get("runs", 0) / seconds * _HOUR, 1),
        },
        "workers": [
            {
                **row,
                **{name: row[name].isoformat() if row[name] else None for name in ("began_at", "seen_at", "ended_at")},
            }
            for row in workers
        ],
        "failed_sites": [{**row, "due_at": row["due_at"].isoformat()} for row in failed],
    }
