"""Which site of the archive an address belongs to."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlite_utils import Database

from archiver.store.runs import ensure_site
from archiver.urls import Scope

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Site:
    id: int
    name: str
    scope: Scope
    start_url: str


class Sites:
    """The archive's sites by address, as they are asked for: an archive may have many thousands."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: OrderedDict[str, tuple[Site, ...]] = OrderedDict()

    def of(self, url: str) -> Site | None:
        """The site whose scope has this address, the one confined to the longest path where there are several."""
        return next((site for site in self._at(_host(url)) if site.scope.contains(url)), None)

    def make(self, url: str, now: datetime) -> Site:
        """The site of an address that no site has: its whole host. It is crawled only where it is named."""
        parts = urlsplit(url)
        row = ensure_site(self._db, f"{parts.scheme}://{parts.netloc}/", now)
        self._db.execute("update sites set settings = '{\"crawl\": false}' where id = ? and settings = '{}' "
                         "and added_at = ?", [row["id"], row["added_at"]])
        self._known.pop(row["host"], None)
        return Site(row["id"], row["name"], Scope(row["host"], row["path"]), row["start_url"])

    def forget(self) -> None:
        """What was made in a transaction that failed is not there."""
        self._known.clear()

    def _at(self, host: str) -> tuple[Site, ...]:
        found = self._known.get(host)
        if found is None:
            found = tuple(Site(row[0], row[1], Scope(row[2], row[3]), row[4]) for row in self._db.execute(
                "select id, name, host, path, start_url from sites where host = ? order by length(path) desc", [host]))
            self._known[host] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


def _host(url: str) -> str:
    """The host (and port) as `Scope` has it."""
    return re.sub(r"^www\d?\.", "", urlsplit(url).netloc.rpartition("@")[2].lower())
