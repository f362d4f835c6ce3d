"""When each site of an archive is due: its settings and last runs, handed to `frontier.turn`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.frontier.cadence import DEFAULT, Adaptive, Cadence, read_cadence
from archiver.frontier.turn import REMEMBERED, Past, Turn, next_turn
from archiver.store.ledger import moment


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A site whose turn comes by itself: its row with the settings that hold for it, and when."""

    site: dict[str, Any]
    cadence: Cadence
    last: Past | None
    turn: Turn


Settings = Callable[[dict[str, Any]], dict[str, Any]]


def scheduled(db: Database, now: datetime, settings: Settings) -> list[Scheduled]:
    """The sites of an archive but for those with crawl=no, the longest due first. `settings` says what holds for a row
    of `sites` (`sites.effective`)."""
    return sorted(_all(db, now, settings), key=lambda one: (one.turn.at, one.site["id"]))


def scheduled_site(db: Database, site: dict[str, Any], now: datetime) -> Scheduled:
    """One site, its row with settings decoded."""
    cadence = cadence_of(site["settings"])
    past = past_runs(db, site["id"])
    return Scheduled(site, cadence, past[0] if past else None,
                     next_turn(cadence, past, site["name"], now, moment(site.get("quiet_until"))))


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
    return [_past(row) for row in rows]


def _past(row: dict[str, Any]) -> Past:
    started = moment(row["started_at"])
    assert started is not None
    listed = json.loads(row.get("measures") or "{}").get("listed") or 0
    return Past(started, row["outcome"] or "", row["new"] or 0, listed)


def _all(db: Database, now: datetime, settings: Settings) -> Iterator[Scheduled]:
    for row in list(db.query("select * from sites")):
        site = {**row, "settings": settings(row)}
        if site["settings"].get("crawl") is not False:
            yield scheduled_site(db, site, now)
