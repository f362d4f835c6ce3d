"""Runs a crawl in a simulated internet and collects its results: pages, exit code, seconds, memory, opened
connections.
"""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import ROOT, run, without_proxies
from tests.spiders.site_server import SiteServer


@dataclass(frozen=True)
class Crawled:
    """The results of a crawl. `rows` maps URLs to (outcome, rule, reason). `peak` is the process's peak memory in
    bytes, `busy` its CPU time in seconds.
    """

    archive: Path
    code: int
    out: str
    err: str
    seconds: float
    peak: int
    busy: float
    connections: tuple[str, ...]

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        db = sqlite3.connect(self.archive)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    @property
    def rows(self) -> dict[str, tuple[str, str, str]]:
        return {
            url: (outcome, rule, reason)
            for url, outcome, rule, reason in self.query("select url, outcome, rule, reason from pages")
        }

    @property
    def titles(self) -> list[str]:
        return [row[0] for row in self.query("select title from articles order by title")]


@dataclass
class World:
    """A simulated internet, as tests.hostile.launch reads it."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    routes: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, folder: Path, *words: str, archive: str = "a.db") -> Crawled:
        """Run `archiver` with these arguments in this world, on the archive in `folder`."""
        log, peak = folder / "connections", folder / "peak"
        log.write_text("")
        world = {
            "names": self.names,
            "routes": self.routes,
            "settings": self.settings,
            "log": str(log),
            "peak": str(peak),
        }
        environment = without_proxies() | {
            "HOSTILE_WORLD": json.dumps(world),
            "PYTHONPATH": str(ROOT),
            **self.environment,
        }
        begun = time.monotonic()
        done = run(
            "tests.hostile.launch", *words, "--archive", str(folder / archive), environment=environment, folder=folder
        )
        most, busy = peak.read_text().split() if peak.exists() else ("0", "0")
        return Crawled(
            folder / archive,
            done.returncode,
            done.stdout,
            done.stderr,
            time.monotonic() - begun,
            int(most),
            float(busy),
            tuple(log.read_text().split()),
        )

    def crawl(self, folder: Path, *words: str) -> Crawled:
        return self.run(folder, "crawl", *words, "--delay", "0", "--contact", "me@example.org")


def two_hosts(site: SiteServer, other: SiteServer) -> World:
    """Return a world with two servers, site.example and other.example, each with its own public address."""
    own, far = "93.184.216.34", "93.184.216.35"
    return World(
        names={"site.example": [[own]], "other.example": [[far]]},
        routes={f"{own}:80": _port(site), f"{far}:80": _port(other)},
    )


def _port(server: SiteServer) -> int:
    return int(server.url.rstrip("/").rpartition(":")[2])
