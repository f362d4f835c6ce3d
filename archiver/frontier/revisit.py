"""What is fetched, in which order, and when again: pure decisions over what the ledger knows.

The ledger (table `pages`) is the frontier: a page is due while its `due_at` is not in the future.
Nothing waits in memory but the few pages under way, so a kill loses nothing that was found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from archiver.discovery.url_classifier import is_side_way
from archiver.items import DiscoveredURL, DiscoverySource, Outcome, PageKind

# Sources come before posts, so that what a feed or an API says of a post is known when its page is read. The list of a
# web archive says nothing of them, and may take minutes: it is read beside the first posts.
PRIORITY: dict[PageKind, int] = {
    PageKind.ROBOTS: 0,
    PageKind.API: 0,
    PageKind.SITEMAP: 0,
    PageKind.FEED: 0,
    PageKind.POST: 1,
    PageKind.PART: 1,
    PageKind.CDX: 1,
    PageKind.LISTING: 2,
    PageKind.UNKNOWN: 3,
    PageKind.PAGE: 3,
    PageKind.OTHER: 4,
}
SIDE_WAY = 4
VOUCHING = frozenset({DiscoverySource.FEED, DiscoverySource.API, DiscoverySource.SITEMAP})
"""Sources that speak of pages on purpose: what they name is fetched, whatever its address looks like."""
SOURCE_KINDS = frozenset({*(k for k, p in PRIORITY.items() if p == 0), PageKind.CDX})

_RETRY = timedelta(hours=1)
_YOUNGEST = timedelta(days=1)
DEFAULT_REVISIT = timedelta(days=30)
CDX_REVISIT = timedelta(days=30)
"""The list of a web archive is asked for once in so long at most: it is another's machine, and grows slowly."""
_HEARSAY = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class KnownPage:
    """What the ledger holds of a page. Times are aware; `lastmod` is the newest a source told of
    it, `digests` what each source's words of it amounted to (see `ledger.lead_digest`).
    """

    id: int
    url: str
    urlkey: str
    kind: PageKind
    outcome: Outcome
    fetched_at: datetime | None
    due_at: datetime | None
    lastmod: datetime | None
    digests: Mapping[DiscoverySource, str]
    priority: int


def priority(kind: PageKind, source: DiscoverySource, url: str = "", folder: str = "/") -> int:
    """0 is fetched first. The seed is a source: it names the feeds and the API.

    Lists of tags, authors and months and other views of a page come last: they show what the pages of posts show,
    too, and once those are read it can be told whether they show more.
    """
    if source is DiscoverySource.SEED and kind is not PageKind.CDX:
        return 0
    side = kind in (PageKind.LISTING, PageKind.UNKNOWN) and url and is_side_way(url, folder)
    return SIDE_WAY if side else PRIORITY[kind]


def refetch_reason(known: KnownPage, target: DiscoveredURL, lead_digest: str, *, by_dates: bool = True) -> str:
    """Why a page that was fetched before must be fetched again because of this target; "" where it need not.

    A source's own date for the page decides (unless not `by_dates`: they proved false), or the digest of what a feed or
    API says of it; that it is still listed is no reason.
    """
    if known.fetched_at is None:
        return ""
    if known.outcome is Outcome.GONE and target.source in VOUCHING:
        return "listed again after it was gone"
    if lead_digest and lead_digest != known.digests.get(target.source, lead_digest):
        return f"{target.source} tells another text of it"
    if by_dates and target.lastmod and target.lastmod > (known.lastmod or known.fetched_at):
        return f"{target.source} says it changed at {target.lastmod.isoformat()}"
    return ""


def is_refetch_reason(reason: str) -> bool:
    """Whether a page's reason is one that `news_of` gave: it is then asked for as if it were not known."""
    return any(words in reason for words in ("says it changed at", "tells another text", "listed again"))


def next_fetch(
    outcome: Outcome,
    kind: PageKind,
    now: datetime,
    published: datetime | None,
    revisit: timedelta = DEFAULT_REVISIT,
    edited: datetime | None = None,
    *,
    hearsay: bool = False,
) -> datetime:
    """When a page is due again. Young posts are looked at often, old ones once in the site's revisit period; one that
    was `edited` is young once more.

    What is gone, never was here and is known by `hearsay` alone (of a web archive) is looked for once a year.
    A failure is tried again at the next run, an hour later at the earliest; sources are asked at every run,
    whatever stands here.
    """
    if outcome is Outcome.FAILED:
        return now + _RETRY
    if kind is PageKind.CDX:
        return now + max(revisit, CDX_REVISIT)
    if hearsay and outcome is Outcome.GONE:
        return now + max(revisit, _HEARSAY)
    if kind is PageKind.POST and outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED) and published is not None:
        age = max(now - max(published, edited or published), timedelta(0))
        return now + min(max(age / 10, _YOUNGEST), revisit)
    return now + revisit


# Whether what a server says of change is true: what it called changed is held against what it then sent.

VALIDATORS = "validators"
FEWEST = 20
"""Pages that a source must have called changed before it is doubted."""
_SELDOM = 0.05
AGAIN = timedelta(days=90)
"""Software is mended: after this time a claim is believed once more."""
_SAYS = re.compile(r"(\w+) says it changed at ")


@dataclass(slots=True)
class ClaimTally:
    """How many pages a source called changed, and how many of them were."""

    called: int = 0
    true: int = 0

    @property
    def lies(self) -> bool:
        return self.called >= FEWEST and self.true < _SELDOM * self.called


def dates_of(source: DiscoverySource | str) -> str:
    """The name under which a source's dates are believed or not."""
    return f"{source} dates"


def claiming_source(reason: str) -> str:
    """The source whose date made a page due, by the reason that `schedule.news_of` gave; "" where it was none's."""
    m = _SAYS.match(reason)
    return m[1] if m else ""


def believed(since: datetime | None, now: datetime) -> bool:
    """Whether a claim counts that was found false at `since`."""
    return since is None or now - since > AGAIN
