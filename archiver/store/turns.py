"""When each site of an archive is due: its settings and last runs, handed to `frontier.turn`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.frontier.cadence import DEFAULT, Adaptive, Cadence, read_cadence
from archiver.frontier.turn import REMEMBERED, Past, Turn, next_turn
from archiver.store.shapes import mapping, when


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A site whose turn comes by itself: its row with the settings that hold for it, and when."""

    site: dict[str, Any]
    cadence: Cadence
    last: Past | None
    turn: Turn


_ANEW = timedelta(hours=1)
Settings = Callable[[dict[str, Any]], dict[str, Any]]


def scheduled(db: Database, now: datetime, settings: Settings) -> list[Scheduled]:
    """The sites of an archive but for those with crawl=no, the longest due first. `settings` says what holds for a row
    of `sites` (`sites.effective`)."""
    return sorted((scheduled_site(db, site, now) for site in _sites(db, settings)), key=_order)


class Turns:
    """The same again and again, for a scheduler: of a site that has not changed since and has not run nothing is read.

    A clock that goes back makes it look at all of them anew, and so does an hour.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[object, Scheduled]] = {}
        self._last = self._whole = datetime.min.replace(tzinfo=UTC)

    def due(self, db: Database, now: datetime, settings: Settings) -> list[Scheduled]:
        """The sites that are due, the longest due first."""
        if now < self._last or now - self._whole > _ANEW:
            self._kept.clear()
            self._whole = now
        self._last = now
        last = {site: (run, outcome) for site, run, outcome in db.execute(
            "select site_id, id, outcome from runs where id in (select max(id) from runs group by site_id)")}
        kept: dict[int, tuple[object, Scheduled]] = {}
        for site in _sites(db, settings):
            key = (last.get(site["id"]), site["settings"], site.get("quiet_until"))
            before = self._kept.get(site["id"])
            kept[site["id"]] = before if before and before[0] == key else (key, scheduled_site(db, site, now))
        self._kept = kept
        due = [one for _, one in kept.values() if one.turn.at <= now]
        return sorted(due, key=_order)


def scheduled_site(db: Database, site: dict[str, Any], now: datetime) -> Scheduled:
    """One site, its row with settings decoded."""
    cadence = cadence_of(site["settings"])
    past = past_runs(db, site["id"])
    return Scheduled(site, cadence, past[0] if past else None,
                     next_turn(cadence, past, site["name"], now, when(site.get("quiet_until"))))


def cadence_of(settings: dict[str, Any]) -> Cadence:
    """A site's cadence; what cannot be read (it was written by hand) counts as not set."""
    try:
        return read_cadence(settings.get("cadence") or DEFAULT)
    except ValueError:
        return Adaptive()


def past_runs(db: Database, site_id: int) -> list[Past]:
    """The last runs that looked for what is new, the newest first."""
    rows = db.query("select * from runs where site_id = ? and mode in ('full', 'incremental') order by id desc limit ?",
                    [site_id, REMEMBERED])
    return [_past(row, started) for row in rows if (started := when(row["started_at"]))]


def _past(row: dict[str, Any], started: datetime) -> Past:
    listed = mapping(row.get("statistics")).get("listed") or 0
    return Past(started, row["outcome"] or "", row["new"] or 0, listed)


def _order(one: Scheduled) -> tuple[datetime, int]:
    return one.turn.at, one.site["id"]


def _sites(db: Database, settings: Settings) -> Iterator[dict[str, Any]]:
    for row in list(db.query("select * from sites")):
        site = {**row, "settings": settings(row)}
        if site["settings"].get("crawl") is not False:
            yield site
