"""A row of the table of traps: a site with a crawler trap, and the expected results of its crawl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.small_sites import SamplePost
from tests.traps.web import Respond

SOURCES = 20
"""Requests independent of the size of a site: robots.txt, the home page, the usual URLs of feeds and sitemaps, and a
URL that does not exist."""


@dataclass(frozen=True)
class Trap:
    """A site with a crawler trap. `posts` are its real posts, `listings` the number of listing pages, `outcomes` the
    expected outcome and rule of some URLs. `says` is part of the run's reason, `more` are further hosts, `spare` is
    the number of requests that learning the trap may cost.
    """

    name: str
    respond: Respond
    posts: tuple[SamplePost, ...]
    listings: int
    outcomes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    says: str = ""
    more: Mapping[str, Respond] = field(default_factory=dict)
    spare: int = 0

    @property
    def host(self) -> str:
        return f"{self.name}.test"

    @property
    def most(self) -> int:
        """The maximum number of requests: 1.3 per post, one per listing page, and those for the discovery sources."""
        return int(1.3 * len(self.posts)) + self.listings + SOURCES + self.spare
