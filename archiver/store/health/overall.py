"""How an archive and all its sites do, at one moment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.store.faults import free_bytes
from archiver.store.health.judge import Health, Level, worst
from archiver.store.health.kept import as_json
from archiver.store.health.known import growth, health_of
from archiver.store.health.place import judge_place
from archiver.store.turns import Scheduled, Settings, scheduled


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
        return worst([level for level in levels if level != "unknown"])

    def as_json(self) -> dict[str, Any]:
        return {"state": self.state, "archive": health_json(self.place), "sites": {
            site["name"]: health_json(health) for site, health in self.sites}}


def overall(db: Database, archive: Path, scheduler: str | None, now: datetime, settings: Settings,
            only: Collection[str] | None = None) -> Overall:
    """`scheduler` as in `judge_place`, `settings` as in `scheduled`; `only` names the sites that are looked
    at, None: all."""
    turns = tuple(scheduled(db, now, settings))
    free = free_bytes(archive)
    sites = tuple((row, health_of(db, row, now)) for row in list(db.query("select * from sites order by name"))
                  if only is None or row["name"] in only)
    return Overall(now, judge_place(str(archive), free, growth(db, now), turns, scheduler, now), sites, turns, free)


def health_json(health: Health) -> dict[str, Any]:
    return {"state": health.state, "findings": [as_json(one) for one in health.findings]}
