"""Sites into the fleet: by their addresses, or all of an archive with their settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archiver.commands.crawls.plan import Plan, host_of
from archiver.errors import BadAddress
from archiver.fleet.board import Board
from archiver.sites.config import load_config
from archiver.sites.effective import settings_in
from archiver.spiders.contact import delay_for
from archiver.store.connect import opened
from archiver.urls import Scope, start_address


@dataclass(frozen=True, slots=True)
class Entry:
    """A site as the fleet keeps it. `host`: what only one crawl asks at a time."""

    name: str
    host: str
    url: str
    settings: dict[str, Any]


def entry(url: str, settings: dict[str, Any]) -> Entry:
    """Raises BadAddress."""
    url = start_address(url)
    return Entry(Scope.of(url).name, host_of(Plan(url, delay_for(url, settings.get("delay")), "")), url, settings)


def of_addresses(urls: Iterable[str]) -> list[Entry]:
    """New sites, with what archiver.toml says of all. Raises BadAddress, and what `load_config` does."""
    told = load_config()
    return [entry(url, told.settings({}, ())) for url in urls]


def of_archive(archive: Path) -> list[Entry]:
    """The sites of an archive, with the settings that hold for them (archiver.toml's too), but for those that are
    crawled only where they are named. Raises what `open_archive` and `load_config` do."""
    with opened(archive, read_only=True) as db:
        settings_of = settings_in(db)
        rows = [(row["start_url"], settings_of(row)) for row in db.table("sites").rows]
    return [entry(url, settings) for url, settings in rows if settings.get("crawl") is not False]


def enter(board: Board, entries: Iterable[Entry]) -> tuple[int, int]:
    """Enter sites, or give those that are there their settings of now; how many are new, and how many there are."""
    rows: Sequence[Entry] = list({one.name: one for one in entries}.values())
    with board.transaction() as conn:
        before = _count(conn)
        cursor = conn.cursor()
        cursor.executemany("insert into fleet_hosts (host) values (%s) on conflict do nothing",
                           [(host,) for host in {one.host for one in rows}])
        cursor.executemany(
            "insert into fleet_sites (name, host, start_url, settings) values (%s, %s, %s, %s) on conflict (name) do "
            "update set start_url = excluded.start_url, settings = excluded.settings, host = excluded.host, "
            "active = true", [(one.name, one.host, one.url, json.dumps(one.settings)) for one in rows])
        after = _count(conn)
    return after - before, after


def _count(conn: Any) -> int:
    row = conn.execute("select count(*) as n from fleet_sites where active").fetchone()
    return int(row["n"])


def enter_hosts(board: Board, starts: Iterable[str]) -> list[str]:
    """Enter hosts that an import has captures of, each as a site that is not crawled until `init` names it; the names
    of all that are sites now. One that no crawl could ask (a host without a domain) is left out."""
    rows = []
    for url in starts:
        with suppress(BadAddress):
            rows.append(entry(url, {"crawl": False}))
    with board.transaction() as conn:
        cursor = conn.cursor()
        cursor.executemany("insert into fleet_hosts (host) values (%s) on conflict do nothing",
                           [(host,) for host in sorted({one.host for one in rows})])
        cursor.executemany(
            "insert into fleet_sites (name, host, start_url, settings, active, why) values (%s, %s, %s, %s, false, "
            "'not crawled') on conflict do nothing",
            [(one.name, one.host, one.url, json.dumps(one.settings)) for one in rows])
    return [one.name for one in rows]
