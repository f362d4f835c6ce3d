"""Decides the order in which pages are fetched, when they are fetched again, and whether a source's claim that a page
changed is believed.

All functions are pure. The pages table is the frontier: a page is due if its `due_at` is not in the future. Only the
few pages that are being fetched are kept in memory, so a killed crawl loses nothing that was found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from archiver.discovery.url_classifier import is_secondary_listing
from archiver.items import DiscoveredURL, DiscoverySource, Outcome, PageKind

# Discovery sources come before posts, so that the hints of a feed or an API are known when a post's page is read. The
# list of a web archive has no hints and may take minutes, so it is read together with the first posts.
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
SIDE_LISTING_PRIORITY = 4
"""The priority of listings by tag, author or month, and of other views of a page."""
VOUCHING_SOURCES = frozenset({DiscoverySource.FEED, DiscoverySource.API, DiscoverySource.SITEMAP})
"""Sources that list pages on purpose. The pages that they list are fetched even if their URLs look like traps."""
SOURCE_KINDS = frozenset({*(k for k, p in PRIORITY.items() if p == 0), PageKind.CDX})

_RETRY = timedelta(hours=1)
_YOUNGEST = timedelta(days=1)
DEFAULT_REVISIT = timedelta(days=30)
CDX_REVISIT = timedelta(days=30)
"""The shortest time between two requests for the list of a web archive, which is a third party's and grows slowly."""
_HEARSAY_REVISIT = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class KnownPage:
    """A row of the pages table. Times are aware. `lastmod` is the latest modification date that any source gave for the
    page; `digests` has the digest of each source's hint for it.
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
    """Returns the priority of a page; 0 is fetched first.

    The seed has priority 0, since it links to the feeds and the API. Listings by tag, author or month and other
    views of a page come last: they mostly show what other pages also show, and once those are read, it is known
    whether they show more.
    """
    if source is DiscoverySource.SEED and kind is not PageKind.CDX:
        return 0
    side = kind in (PageKind.LISTING, PageKind.UNKNOWN) and url and is_secondary_listing(url, folder)
    return SIDE_LISTING_PRIORITY if side else PRIORITY[kind]


def refetch_reason(known: KnownPage, target: DiscoveredURL, lead_digest: str, *, by_dates: bool = True) -> str:
    """Returns why a page that was fetched before must be fetched again now that a source has listed it; "" if it need
    not be.

    Reasons are a later date from the source (ignored without `by_dates`, if the source's dates proved false), a
    changed digest of its hint (`lead_digest`), or that the page was gone. Being listed is not a reason in itself.
    """
    if known.fetched_at is None:
        return ""
    if known.outcome in (Outcome.GONE, Outcome.NOT_FOUND) and target.source in VOUCHING_SOURCES:
        return "listed again after it was gone"
    if lead_digest and lead_digest != known.digests.get(target.source, lead_digest):
        return f"{target.source} has another text for it"
    if by_dates and target.lastmod and target.lastmod > (known.lastmod or known.fetched_at):
        return f"{target.source} says it changed at {target.lastmod.isoformat()}"
    return ""


def is_refetch_reason(reason: str) -> bool:
    """Returns True if `reason` is one that `refetch_reason` returns. A page with such a reason is requested without
    validators, so that the server cannot answer 304.
    """
    return any(words in reason for words in _REFETCH_PHRASES)


def next_fetch_time(
    outcome: Outcome,
    kind: PageKind,
    now: datetime,
    published: datetime | None,
    revisit: timedelta = DEFAULT_REVISIT,
    edited: datetime | None = None,
    *,
    hearsay: bool = False,
) -> datetime:
    """Returns the time at which a fetched page is due again. Young posts are fetched often, old ones once per `revisit`
    period; a post that was `edited` counts as young again.

    A page that is gone, was never archived and is known only from a web archive (`hearsay`) is tried once a year. A
    failed page is tried again at the next run, at least an hour later. Discovery sources are fetched at every run,
    regardless of this time.
    """
    if outcome is Outcome.FAILED:
        return now + _RETRY
    if kind is PageKind.CDX:
        return now + max(revisit, CDX_REVISIT)
    if hearsay and outcome is Outcome.GONE:
        return now + max(revisit, _HEARSAY_REVISIT)
    if kind is PageKind.POST and outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED) and published is not None:
        age = max(now - max(published, edited or published), timedelta(0))
        return now + min(max(age / 10, _YOUNGEST), revisit)
    return now + revisit


# Claims of change: the pages that a source called changed are compared with what the server then sent.

VALIDATORS = "validators"
MIN_CLAIMS = 20
"""The number of pages that a source must have called changed before its claims can prove false."""
_RARELY = 0.05
TRUST_AGAIN_AFTER = timedelta(days=90)
"""The time after which a claim that proved false is believed again, since software is repaired."""
_SAYS = re.compile(r"(\w+) says it changed at ")
# "tells another text" was written before 0.3, and is in the reasons of existing archives.
_REFETCH_PHRASES = ("says it changed at", "has another text for it", "tells another text", "listed again")
NO_LONGER_LISTED = "no longer lists it"
"""The end of the reason of a page that is due because a source, or a listing, has stopped listing it."""


def is_announced(reason: str) -> bool:
    """Returns True if a page is due for this reason because a source said that it changed, or no longer lists it."""
    return is_refetch_reason(reason) or reason.endswith(NO_LONGER_LISTED)


@dataclass(slots=True)
class ClaimTally:
    """How many pages a source said had changed (`called`), and how many of them really had (`true`)."""

    called: int = 0
    true: int = 0

    @property
    def lies(self) -> bool:
        return self.called >= MIN_CLAIMS and self.true < _RARELY * self.called


def date_claim_name(source: DiscoverySource | str) -> str:
    """Returns the name under which a source's claims of change by date are counted."""
    return f"{source} dates"


def claiming_source(reason: str) -> str:
    """Returns the name of the source whose date made a page due, from a reason that `refetch_reason` returned; "" if it
    was another reason.
    """
    m = _SAYS.match(reason)
    return m[1] if m else ""


def are_claims_believed(since: datetime | None, now: datetime) -> bool:
    """Returns True if a source's claims of change may be believed now. `since` is when they proved false, None if they
    never did.
    """
    return since is None or now - since > TRUST_AGAIN_AFTER
