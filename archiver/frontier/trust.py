"""Whether what a server says of change is true: what it called changed is held against what it then sent.

Two kinds of words are believed until they prove false: the date at which a source says a page was last changed
(`lastmod` of sitemaps.org, an API's `modified`), and validators, by which a server says that nothing changed (ETag and
Last-Modified, RFC 9110, section 8.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from archiver.items import Source

VALIDATORS = "validators"
FEWEST = 20
"""Pages that a source must have called changed before it is doubted."""
_SELDOM = 0.05
AGAIN = timedelta(days=90)
"""Software is mended: after this time a claim is believed once more."""
_SAYS = re.compile(r"(\w+) says it changed at ")


@dataclass(slots=True)
class Tally:
    """How many pages a source called changed, and how many of them were."""

    called: int = 0
    true: int = 0

    @property
    def lies(self) -> bool:
        return self.called >= FEWEST and self.true < _SELDOM * self.called


def dates_of(source: Source | str) -> str:
    """The name under which a source's dates are believed or not."""
    return f"{source} dates"


def claimant(reason: str) -> str:
    """The source whose date made a page due, by the reason that `schedule.news_of` gave; "" where it was none's."""
    m = _SAYS.match(reason)
    return m[1] if m else ""


def believed(since: datetime | None, now: datetime) -> bool:
    """Whether a claim counts that was found false at `since`."""
    return since is None or now - since > AGAIN
