"""When the sites of an archive are due for their next crawl."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from archiver.frontier.cadence import (
    DEFAULT_CADENCE,
    REMEMBERED_RUNS,
    Adaptive,
    BlackoutHours,
    Cadence,
    PastRun,
    RecrawlTime,
    next_crawl,
    parse_blackout,
    parse_cadence,
)
from archiver.storage import Database
from archiver.storage.columns import stored_object, stored_time


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The schedule of a site: its row with effective settings, its last run, and the time and reason of its next crawl
    (`turn`).
    """

    site: dict[str, Any]
    cadence: Cadence
    last: PastRun | None
    turn: RecrawlTime


_FULL_CHECK_EVERY = timedelta(hours=1)
Settings = Callable[[dict[str, Any]], dict[str, Any]]


def scheduled_sites(db: Database, now: datetime, settings: Settings) -> list[Scheduled]:
    """Returns the schedules of an archive's sites, except sites with crawl=no. Those due longest come first. `settings`
    returns the effective settings for a row of `sites`.
    """
    past = past_runs_of_sites(db)
    return sorted((_schedule(site, past.get(site["id"], []), now) for site in _sites(db, settings)), key=_due_order)


class DueSites:
    """Finds the due sites of an archive for a scheduler that calls `due` often. Keeps the schedules of sites that were
    neither changed nor crawled since the last call.

    Computes all schedules again once an hour, and whenever the clock goes back.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[object, Scheduled]] = {}
        self._last = self._whole = datetime.min.replace(tzinfo=UTC)

    def due(self, db: Database, now: datetime, settings: Settings) -> list[Scheduled]:
        """Returns the schedules of the sites that are due at `now`. Those due longest come first."""
        if now < self._last or now - self._whole > _FULL_CHECK_EVERY:
            self._kept.clear()
            self._whole = now
        self._last = now
        last = {
            site: (run, outcome)
            for site, run, outcome in db.execute(
                "select site_id, id, outcome from runs where id in (select max(id) from runs group by site_id)"
            )
        }
        kept: dict[int, tuple[object, Scheduled]] = {}
        for site in _sites(db, settings):
            key = (last.get(site["id"]), site["settings"], site.get("quiet_until"))
            before = self._kept.get(site["id"])
            kept[site["id"]] = before if before and before[0] == key else (key, scheduled_site(db, site, now))
        self._kept = kept
        due = [one for _, one in kept.values() if one.turn.at <= now and not _blackout_end(one.site, now)]
        return sorted(due, key=_due_order)


def scheduled_site(db: Database, site: dict[str, Any], now: datetime) -> Scheduled:
    """Returns the schedule of one site. `site` is its row with decoded settings."""
    return _schedule(site, past_runs(db, site["id"]), now)


def _schedule(site: dict[str, Any], past: Sequence[PastRun], now: datetime) -> Scheduled:
    cadence = cadence_of(site["settings"])
    turn = next_crawl(cadence, past, site["name"], now, stored_time(site.get("quiet_until")))
    if end := _blackout_end(site, max(turn.at, now)):
        turn = RecrawlTime(end, turn.period, f"blackout {site['settings']['blackout']}", "blackout")
    return Scheduled(site, cadence, past[0] if past else None, turn)


def blackout_of(settings: Mapping[str, Any]) -> BlackoutHours | None:
    """Returns the blackout hours in a site's settings; None if none are set. Invalid hours are ignored, since a person
    may have written them.
    """
    try:
        return parse_blackout(settings["blackout"]) if settings.get("blackout") else None
    except ValueError:
        return None


def _blackout_end(site: dict[str, Any], at: datetime) -> datetime | None:
    hours = blackout_of(site["settings"])
    return hours.end_of(at) if hours else None


def cadence_of(settings: dict[str, Any]) -> Cadence:
    """Returns the cadence in a site's settings: how often it is crawled. If it is invalid, since a person may have
    written it, returns the adaptive cadence.
    """
    try:
        return parse_cadence(settings.get("cadence") or DEFAULT_CADENCE)
    except ValueError:
        return Adaptive()


def past_runs(db: Database, site_id: int) -> list[PastRun]:
    """Returns the last runs of a site that looked for new posts, newest first."""
    rows = db.query(
        "select * from runs where site_id = ? and mode in ('full', 'incremental') order by id desc limit ?",
        [site_id, REMEMBERED_RUNS],
    )
    return [_past_run(row, started) for row in rows if (started := stored_time(row["started_at"]))]


def past_runs_of_sites(db: Database) -> dict[int, list[PastRun]]:
    """Returns the result of `past_runs` for each site, by site ID, with one query for all sites."""
    rows = db.execute(
        "select r.site_id, r.started_at, r.outcome, r.new, "
        "case when json_valid(r.statistics) then r.statistics ->> '$.listed' end "
        "from sites s join runs r on r.site_id = s.id and r.mode in ('full', 'incremental') "
        "where r.id >= coalesce((select id from runs where site_id = s.id and mode in ('full', 'incremental') "
        "order by id desc limit 1 offset ?), 0) order by r.site_id, r.id desc",
        [REMEMBERED_RUNS - 1],
    )
    out: dict[int, list[PastRun]] = {}
    for site, started, outcome, new, listed in rows:
        if at := stored_time(started):
            out.setdefault(site, []).append(PastRun(at, outcome or "", new or 0, listed or 0))
    return out


def _past_run(row: dict[str, Any], started: datetime) -> PastRun:
    listed = stored_object(row.get("statistics")).get("listed") or 0
    return PastRun(started, row["outcome"] or "", row["new"] or 0, listed)


def _due_order(one: Scheduled) -> tuple[datetime, int]:
    return one.turn.at, one.site["id"]


def _sites(db: Database, settings: Settings) -> Iterator[dict[str, Any]]:
    for row in list(db.query("select * from sites")):
        site = {**row, "settings": settings(row)}
        if site["settings"].get("crawl") is not False:
            yield site
