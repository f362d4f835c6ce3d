"""Decides the order in which pages are fetched, when they are fetched again, and whether to believe a source that says
that a page has changed.

All functions are pure. The pages table is the frontier: a page is due if its `due_at` is not in the future. Only the
few pages that are being fetched are kept in memory, so a killed crawl loses nothing that was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from archiver.discovery.source_hint_changes_and_merging import HintDigest
from archiver.discovery.url_classifier_and_patterns import is_secondary_listing
from archiver.items import NEEDS_JAVASCRIPT, NO_LONGER_LISTED, DiscoveredURL, DiscoverySource, Outcome, PageKind
from archiver.markup import lazy_regex

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
"""Sources whose purpose is to list pages. The pages that they list are fetched even if their URLs look like traps."""
SOURCE_KINDS = frozenset({*(k for k, p in PRIORITY.items() if p == 0), PageKind.CDX})

_RETRY = timedelta(hours=1)
_YOUNGEST = timedelta(days=1)
DEFAULT_REVISIT = timedelta(days=30)
CDX_REVISIT = timedelta(days=30)
"""At least this time passes between two requests for a web archive's list of captures, which belongs to a third party
and grows slowly."""
_HEARSAY_REVISIT = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class KnownPage:
    """A row of the pages table. All times are aware. `lastmod` is the latest modification date that any source gave for
    the page. `digests` holds the digest of each source's hint for the page, by the source's key.
    """

    id: int
    url: str
    urlkey: str
    kind: PageKind
    outcome: Outcome
    fetched_at: datetime | None
    due_at: datetime | None
    lastmod: datetime | None
    digests: Mapping[str, str]
    priority: int


def priority(kind: PageKind, source: DiscoverySource, url: str = "", folder: str = "/") -> int:
    """Returns the priority of a page that `source` reported; pages with 0 are fetched first. `folder` is the path of
    the site's scope.

    The site's start address has priority 0, since it links to the feeds and the API. Listings by tag, author or month,
    and other views of a page, come last, since most of their content is also on pages that are fetched before.
    """
    if source is DiscoverySource.SEED and kind is not PageKind.CDX:
        return 0
    side = kind in (PageKind.LISTING, PageKind.UNKNOWN) and url and is_secondary_listing(url, folder)
    return SIDE_LISTING_PRIORITY if side else PRIORITY[kind]


Believes = Callable[[str], bool]
"""A function that returns True if a claim of change is believed. It takes the name of the claim (see `dates_claim` and
`details_claim`)."""


def refetch_reason(
    known: KnownPage,
    target: DiscoveredURL,
    before: HintDigest | None = None,
    now: HintDigest | None = None,
    *,
    believes: Believes = lambda claim: True,
) -> str:
    """Returns the reason why a known page must be fetched again now that a source has listed it; "" if it need not be
    fetched.

    The reason is that the source gives a later date, that its hint has changed (from the digest `before` to the digest
    `now`), or that the page was gone. It is not enough that a source lists the page or gives its first hint. `believes`
    returns True for claims that are believed, which are those that have not proved false.
    """
    if known.fetched_at is None:
        return ""
    source, is_dated = target.source, believes(dates_claim(target.source))
    if known.outcome in (Outcome.GONE, Outcome.NOT_FOUND) and source in VOUCHING_SOURCES:
        return "listed again after it was gone"
    if before and now and now.text and now.text != before.text:
        return f"{source} has another text for it"
    if is_dated and target.lastmod and target.lastmod > (known.lastmod or known.fetched_at):
        return f"{source} says it changed at {target.lastmod.isoformat()}"
    if before and now and now.details != before.details and believes(details_claim(source)):
        return f"{source} has other details for it"
    if before and now and now.date and now.date != before.date and is_dated:
        return f"{source} has another date for it"
    return ""


def is_refetch_reason(reason: str) -> bool:
    """Returns True if `reason` was returned by `refetch_reason`. A page with such a reason is requested without
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
    """Returns the time at which a page is due again that was fetched at `now` with this outcome. A post that was just
    published (`published`) or edited (`edited`) is fetched often, and an old one once per `revisit` period.

    A page that is gone is requested once a year if it was never archived and is known only from a web archive
    (`hearsay`). A failed page is requested again at the next run, at least an hour later. Discovery sources are fetched
    at every run, regardless of this time.
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


MAY_BE_NEW_POST = frozenset({NEEDS_JAVASCRIPT, "empty", "undated", "wall", "http-302", "http-303", "http-307"})
"""The rules of pages that show no post of their own, although they may belong to a new post: while a site is broken or
under repair, the address of a new post may, for example, redirect to a login."""
_NEXT_TRY = timedelta(hours=20)
"""The wait before the next request. It is less than a day, so that a daily run requests the page every day."""


def next_try_of_new_page(found: datetime, now: datetime, revisit: timedelta = DEFAULT_REVISIT) -> datetime:
    """Returns the next due time of a page that is gone or shows no post, since a new post may look like that for some
    days, and a known one may come back. It is requested a day later, and then each time at twice its age, at most
    `revisit` later. `found` is when the page was found on a site that had been crawled before, or when its post was
    first found gone.
    """
    return now + min(max(now - found - _YOUNGEST + _NEXT_TRY, _NEXT_TRY), revisit)


# Claims of change: when a source says that pages changed, the claim is compared with what the server then sends.

VALIDATORS = "validators"
MIN_CLAIMS = 20
"""A source's claims are judged only after the source has said of at least this many pages that they changed."""
_RARELY = 0.05
TRUST_AGAIN_AFTER = timedelta(days=90)
"""A claim that proved false is believed again after this time, since the site's software may have been repaired."""
_CLAIMS = {
    "says it changed at": "dates",
    "has another date for it": "dates",
    "has other details for it": "details",
}
"""The phrases in the reasons of `refetch_reason` that contain a claim, each with the basis of the claim."""
_SAYS = lazy_regex(rf"(\w+) ({'|'.join(_CLAIMS)})")
# "tells another text" was used before 0.3 and is still in the stored reasons of old archives.
_REFETCH_PHRASES = (*_CLAIMS, "has another text for it", "tells another text", "listed again")


def is_announced(reason: str) -> bool:
    """Returns True if this reason means that a source announced a change: it said that the page changed, or it no
    longer lists the page.
    """
    return is_refetch_reason(reason) or reason.endswith(NO_LONGER_LISTED)


@dataclass(slots=True)
class ClaimTally:
    """The number of pages that a source said had changed (`called`), and the number of these that really had changed
    (`true`).
    """

    called: int = 0
    true: int = 0

    @property
    def lies(self) -> bool:
        return self.called >= MIN_CLAIMS and self.true < _RARELY * self.called


def dates_claim(source: DiscoverySource | str) -> str:
    """Returns the name under which a source's claims of change by date are counted."""
    return f"{source} dates"


def details_claim(source: DiscoverySource | str) -> str:
    """Returns the name under which a source's claims of change by other details, such as authors or categories, are
    counted.
    """
    return f"{source} details"


def claim_of(reason: str) -> str:
    """Returns the name of the claim that made a page due, given a reason from `refetch_reason`; "" if the reason is not
    a claim that may prove false.
    """
    m = _SAYS.match(reason)
    return f"{m[1]} {_CLAIMS[m[2]]}" if m else ""


def reasons_of_claim(claim: str) -> tuple[str, ...]:
    """Returns the texts with which the reasons for this claim begin."""
    source, _, kind = claim.rpartition(" ")
    return tuple(f"{source} {phrase}" for phrase, one in _CLAIMS.items() if one == kind)


def are_claims_believed(since: datetime | None, now: datetime) -> bool:
    """Returns True if a source's claims of change may be believed now. `since` is the time when the claims proved
    false; None if they never did.
    """
    return since is None or now - since > TRUST_AGAIN_AFTER
