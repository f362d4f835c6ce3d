"""One row of the table: a site with a trap in it, and what a crawl of it must come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.small_sites import Told
from tests.traps.web import Respond

SOURCES = 20
"""Requests that do not grow with a site: robots.txt, the home page, feeds and sitemaps where they usually lie, the
address that does not exist."""


@dataclass(frozen=True)
class Trap:
    """`told` are the true posts, `listings` how many pages of lists the site has, `outcomes` what must come of some
    addresses (outcome, and the rule where it matters). `says` stands in the run's reason, `more` are further hosts.
    `spare` are requests that learning the trap may cost.
    """

    name: str
    respond: Respond
    told: tuple[Told, ...]
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
        """Requests allowed: 1.3 a post and each listing once; for a small site the sources beside them."""
        return int(1.3 * len(self.told)) + self.listings + SOURCES + self.spare
