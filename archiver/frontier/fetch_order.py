"""Decides in which order pages are fetched, and when they are fetched again.

All functions are pure. The pages table is the frontier: a page is due if its `due_at` is not in the future. Only the
few pages that are being fetched are kept in memory, so a killed crawl loses nothing that was found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from archiver.discovery.source_hints import HintDigest, dates_claim, details_claim
from archiver.discovery.url_patterns import is_secondary_listing
from archiver.model.due_reasons import DueFor
from archiver.model.items import EMPTY, NEEDS_JAVASCRIPT, DiscoveredURL, DiscoverySource, Outcome, PageKind

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


def refetch_reason(
    known: KnownPage,
    target: DiscoveredURL,
    before: HintDigest | None = None,
    now: HintDigest | None = None,
    *,
    distrusted: Collection[str] = (),
) -> DueFor | None:
    """Returns the reason why a known page must be fetched again now that a source has listed it; None if it need not be
    fetched.

    The reason is that the source gives a later date, that its hint has changed (from the digest `before` to the digest
    `now`), or that the page was gone. It is not enough that a source lists the page or gives its first hint. Claims
    that proved false (`distrusted`) say nothing.
    """
    if known.fetched_at is None:
        return None
    source, is_dated = target.source, dates_claim(target.source) not in distrusted
    if known.outcome in (Outcome.GONE, Outcome.NOT_FOUND) and source in VOUCHING_SOURCES:
        return DueFor.RESTORED
    if before and now and now.text and now.text != before.text:
        return DueFor.NEW_TEXT
    if is_dated and target.lastmod and target.lastmod > (known.lastmod or known.fetched_at):
        return DueFor.UPDATED
    if before and now and now.details != before.details and details_claim(source) not in distrusted:
        return DueFor.NEW_DETAILS
    if before and now and now.date and now.date != before.date and is_dated:
        return DueFor.NEW_DATE
    return None


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


DAY_ENDS = (timedelta(days=1), timedelta(days=1, hours=12))
"""The times after midnight (UTC) at which a day has ended: first in UTC, then in every time zone, of which UTC-12 is
the last. A source that gives only a day gives no zone."""


def next_day_end(lastmod: datetime, fetched: datetime) -> datetime | None:
    """Returns the time at which a post that was fetched at `fetched` must be fetched again, because its `lastmod` is
    only a day, stored as midnight in UTC, and that day had not ended. A source that gives only the day cannot announce
    an edit that followed the fetch on that day. Returns None for other posts.

    Most servers count days in UTC, so the post is fetched when the day has ended there. If it has not ended in every
    time zone by then, the post is fetched once more after that.
    """
    if lastmod.time() != time():
        return None
    return next((lastmod + end for end in DAY_ENDS if fetched < lastmod + end), None)


MAY_BE_NEW_POST = frozenset({NEEDS_JAVASCRIPT, EMPTY, "undated", "wall", "http-302", "http-303", "http-307"})
"""The rules of pages that show no post of their own, although they may belong to a new post: while a site is broken or
under repair, the address of a new post may, for example, redirect to a login."""
_NEXT_TRY = timedelta(hours=20)
"""The wait before the next request. It is less than a day, so that a daily run requests the page every day."""


def next_try_of_new_page(found: datetime, now: datetime, revisit: timedelta = DEFAULT_REVISIT) -> datetime:
    """Returns the next due time of a page that is gone or shows no post. It is requested again because a new post may
    look like that for some days, and a known post may come back.

    The first request is a day after the page was `found`. The wait then grows with the page's age, up to `revisit`.
    `found` is when the page was found on a site that had been crawled before, or when its post was first found gone.
    """
    return now + min(max(now - found - _YOUNGEST + _NEXT_TRY, _NEXT_TRY), revisit)
