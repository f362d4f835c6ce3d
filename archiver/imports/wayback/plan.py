"""What is asked of a web archive, and what came of it: plain values."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from archiver.capture.damage import Problem
from archiver.discovery.mementos import Service
from archiver.store.imports import MOST_PROBLEMS, Tally
from archiver.urls import Scope

LIST_SECONDS = 2.5
"""From one question for a list to the next: 0.4 a second, as the Internet Archive bounds it."""
CAPTURE_SECONDS = 0.125
"""From one capture asked for to the next: 8 a second."""
FIRST = datetime(1991, 1, 1, tzinfo=UTC)
"""Before any page of the web."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`url` is the start address of a site, or with `exact` the address of one page. `since` and `until` are aware and
    both within, None is open. `limit`: captures that are fetched at most, 0 is all. `delay`: seconds between two
    requests at least, beside those that are kept in any case."""

    archive: Path
    service: Service
    url: str
    exact: bool = False
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 0
    delay: float = 0.0
    all_captures: bool = False
    again: bool = False
    dry_run: bool = False

    @property
    def scope(self) -> Scope:
        return Scope.of(self.url)

    @property
    def address(self) -> str:
        """What the list is asked for: "blog.example.org/*"; without the star it is one page."""
        return self.url.split("://", 1)[1] if self.exact else f"{self.scope.host}{self.scope.path}*"

    def holds(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at <= self.until)

    @property
    def digest(self) -> str:
        """What tells this import from others (table `imports`)."""
        return hashlib.sha256(f"{self.service.asks} {self.service.replay} {self.address}".encode()).hexdigest()

    @property
    def options(self) -> str:
        return json.dumps({"address": self.address, "since": str(self.since or ""), "until": str(self.until or ""),
                           "all_captures": self.all_captures}, sort_keys=True)


@dataclass
class Outcome:
    """What came of it. Of the captures that the list has (`listed`, of so many `addresses`; `left_out` cannot be of
    posts) `here` are in the archive already, `chosen` were to be fetched, `fetched` were; `seen` say that a payload
    was there at another time, too. `failed` could not be had or stored.

    `outcome` is finished, limited, interrupted, waiting (the service asks for a pause) or failed, and `reason` why.
    """

    listed: int = 0
    addresses: int = 0
    left_out: int = 0
    here: int = 0
    chosen: int = 0
    fetched: int = 0
    seen: int = 0
    failed: int = 0
    requests: int = 0
    outcome: str = "interrupted"
    reason: str = ""
    tally: Tally = field(default_factory=Tally)
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, problem: Problem) -> None:
        self.kinds[problem.kind.value] += 1
        self.failed += not problem.kept
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
