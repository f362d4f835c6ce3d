"""Decides in which order pages are fetched, when they are fetched again, which sources' reports of changes are
believed, and when a site is crawled next.

All functions are pure. The pages table is the frontier: a page is due if its `due_at` is not in the future. Only the
few pages that are being fetched are kept in memory, so a killed crawl loses nothing that was found.

When a site is crawled next depends on its past runs and on its cadence, the setting for how often it is crawled. The
past runs are those stored in the archive. So a killed scheduler loses no information, a crawl that a person starts
counts as a run, and one run makes up for any number of missed periods. In its blackout hours, the scheduler starts no
crawl of a site.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from archiver.discovery.source_hint_changes_and_merging import HintDigest
from archiver.discovery.url_classifier_and_patterns import is_secondary_listing
from archiver.items import NEEDS_JAVASCRIPT, NO_LONGER_LISTED, DiscoveredURL, DiscoverySource, Outcome, PageKind
from archiver.markup import lazy_regex
from archiver.politeness.throttle import MAX_RETRY_AFTER

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


DAY_ENDS = (timedelta(days=1), timedelta(days=1, hours=12))
"""When a day has ended, counted from its midnight in UTC: first in UTC, then in every time zone (UTC-12 is the last). A
source that gives only a day gives no zone."""


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


def is_build_day(posts_of_day: int, dated_posts: int) -> bool:
    """Returns True if a day is the day on which a generator built the site's pages, and says of no post that it was
    edited: most of the posts with a time of last change (`dated_posts`) share it. A few posts prove nothing.
    """
    return posts_of_day >= MIN_CLAIMS and 2 * posts_of_day > dated_posts


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


# Cadences as people write them: `6h`, `cron:0 */4 * * *`, `adaptive:1h..7d`.

SHORTEST_PERIOD = timedelta(minutes=5)
LONGEST_PERIOD = timedelta(days=366)
DEFAULT_CADENCE = "adaptive"
DEFAULT_BOUNDS = (timedelta(hours=1), timedelta(days=7))
"""The shortest and longest period of a cadence that is set to "adaptive" without bounds. News sites reach the shortest,
dormant blogs the longest."""
FIRST_PERIOD = timedelta(hours=12)
"""The first period of a site with an adaptive cadence."""
_UNITS = {"m": 1, "min": 1, "h": 60, "d": 1440, "w": 10080}
_FIELDS = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
"""The lowest and highest value that can replace an H in each field of a cron expression. Days end at 28, since every
month has that day."""
_MONTH, _FEBRUARY = 3, 2


@dataclass(frozen=True, slots=True)
class Every:
    """The cadence of a site that is crawled once per period, at a moment that depends on the site's name."""

    period: timedelta

    def __str__(self) -> str:
        return format_period(self.period)


@dataclass(frozen=True, slots=True)
class Cron:
    """The cadence of a site that is crawled at the times of a cron expression, in UTC. As in Jenkins, `H` in a field is
    replaced by a value that depends on the site's name.
    """

    expression: str

    def __str__(self) -> str:
        return f"cron:{self.expression}"

    def for_site(self, name: str) -> str:
        """Returns the expression for the site of this name, with a value in place of each H."""
        return self.replace_h(lambda index, low, high: low + int(stable_fraction(f"{name} {index}") * (high - low + 1)))

    def replace_h(self, value: Callable[[int, int, int], int]) -> str:
        """Returns the expression with `value(field index, lowest, highest)` in place of each H."""
        return " ".join(
            str(value(index, low, high)) if field == "H" else field
            for index, (field, (low, high)) in enumerate(zip(self.expression.split(), _FIELDS, strict=True))
        )


@dataclass(frozen=True, slots=True)
class Adaptive:
    """The cadence of a site that is crawled about as often as it publishes. The period between crawls has a minimum and
    a maximum.
    """

    shortest: timedelta = DEFAULT_BOUNDS[0]
    longest: timedelta = DEFAULT_BOUNDS[1]

    def __str__(self) -> str:
        return f"adaptive:{format_period(self.shortest)}..{format_period(self.longest)}"


Cadence = Every | Cron | Adaptive


def parse_cadence(text: str) -> Cadence:
    """Parses a cadence ("6h", "cron:0 */4 * * *", "adaptive:1h..7d"). Raises ValueError with a reason that a person can
    act on.
    """
    words = text.strip()
    kind, _, rest = words.partition(":")
    if kind.lower() == "cron":
        return _cron(" ".join(rest.split()))
    if kind.lower() == "adaptive":
        return _adaptive(rest.strip())
    return Every(_parse_period(words))


def format_period(period: timedelta) -> str:
    """Formats a period in the largest unit that divides it: 90m, 6h, 2d."""
    minutes = max(1, round(period.total_seconds() / 60))
    unit, size = next((u, s) for u, s in (("d", 1440), ("h", 60), ("m", 1)) if minutes % s == 0)
    return f"{minutes // size}{unit}"


def stable_fraction(name: str) -> float:
    """Returns a number from 0 to 1 that depends only on the name.

    Over many names, the numbers are evenly distributed.
    """
    return int.from_bytes(blake2b(name.encode(), digest_size=6).digest(), "big") / (1 << 48)


def _cron(expression: str) -> Cron:
    found = Cron(expression)
    if len(expression.split()) != len(_FIELDS):
        raise ValueError("a cron expression has five fields: minute, hour, day, month, day of the week")
    try:  # an H for the month is tested with February, the shortest month, since the date must exist in every month
        next(
            CronSim(
                found.replace_h(lambda index, low, _: _FEBRUARY if index == _MONTH else low),
                datetime(2000, 1, 1, tzinfo=UTC),
            )
        )
    except CronSimError as error:
        month = " with February for H" if expression.split()[_MONTH] == "H" else ""
        raise ValueError(f"it is not a valid cron expression ({error}{month})") from error
    except StopIteration:
        raise ValueError("it matches no date") from None
    return found


def _adaptive(bounds: str) -> Adaptive:
    if not bounds:
        return Adaptive()
    low, dots, high = bounds.partition("..")
    if not dots:
        raise ValueError("the bounds must be two periods with two dots between them, as in adaptive:1h..7d")
    shortest, longest = _parse_period(low), _parse_period(high)
    if shortest > longest:
        raise ValueError("its first bound is longer than its second")
    return Adaptive(shortest, longest)


def _parse_period(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(m|min|h|d|w)", text.strip().lower())
    if not match:
        raise ValueError(
            "use a period (30m, 6h, 2d, 1w), cron:MINUTE HOUR DAY MONTH WEEKDAY, adaptive, or adaptive:1h..7d"
        )
    minutes = float(match[1]) * _UNITS[match[2]]
    if not SHORTEST_PERIOD.total_seconds() <= minutes * 60 <= LONGEST_PERIOD.total_seconds():
        raise ValueError("a period must be from 5 minutes to 366 days")
    return timedelta(minutes=minutes)


# The next crawl.

REMEMBERED_RUNS = 24
"""At most this many past runs are considered. They are enough for an adaptive period to go from one of its bounds to
the other."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE = timedelta(minutes=5)
"""A run may have begun at most this far in the future, since the clock may have been set back. A run that began later
is ignored."""
_CRAWL_RETRY = timedelta(minutes=10)
"""The wait after a run that was stopped. It doubles with each further run that is stopped, up to the period."""
_FEED_LENGTH = 10
"""The number of posts that a feed is assumed to list if that is unknown."""
_SPREAD = 0.05
"""The crawls of sites with equal adaptive periods are moved by up to this fraction of the period, so that they do not
coincide."""
_MUCH_SHORTER, _SHORTER, _NO_NEWS, _FAILED = 0.5, 0.75, 1.5, 2.0
# If at least this share of a feed's posts is new, some posts may have entered and left the feed between two runs.
_MANY_NEW = 0.5
_SOME_NEW = 0.2


@dataclass(frozen=True, slots=True)
class PastRun:
    """One past run of a site.

    - `started`: when it began.
    - `outcome`: how it ended, as in the table `runs`; "" if the run is still running or was killed.
    - `new`: the number of new posts that it stored.
    - `listed`: the number of posts that the site's feeds listed at that time; 0 if unknown.
    """

    started: datetime
    outcome: str
    new: int = 0
    listed: int = 0


@dataclass(frozen=True, slots=True)
class RecrawlTime:
    """When a site is due for its next crawl, its current period, and the reason as a phrase. `postponed_by` is the
    setting that postpones the crawl (blackout or quota); "" if nothing postpones it.
    """

    at: datetime
    period: timedelta
    why: str
    postponed_by: str = ""


def next_crawl(
    cadence: Cadence, past: Sequence[PastRun], name: str, now: datetime, quiet_until: datetime | None = None
) -> RecrawlTime:
    """Returns when a site is due for its next crawl.

    `cadence` is the site's setting of that name. `past` are its last runs (up to REMEMBERED_RUNS), newest first. `name`
    is its name, and `quiet_until` is the end of a pause that its host asked for, None if it asked for none. All times
    are aware. Runs in the future are ignored, because they were written with a wrong clock.
    """
    runs = [run for run in past if run.started <= now + _CLOCK_TOLERANCE]
    period = _period(cadence, runs, name, now)
    if not runs:
        return RecrawlTime(now, period, "never crawled")
    last = runs[0]
    due = RecrawlTime(_regular(cadence, period, last.started, name), period, _reason(cadence, period))
    stopped = next((index for index, run in enumerate(runs) if run.outcome not in ("", "interrupted")), len(runs))
    if stopped:
        retry = last.started + _CRAWL_RETRY * 2 ** (stopped - 1)
        if retry < due.at:
            due = RecrawlTime(retry, period, "its last run was stopped")
    if quiet_until and due.at < quiet_until <= now + timedelta(seconds=MAX_RETRY_AFTER):
        due = RecrawlTime(quiet_until, period, "its host asked for a pause until then")
    return due


def start_interval(waiting: int) -> float:
    """Returns the seconds between the starts of two crawls while `waiting` sites are due, so that they do not all start
    at once.
    """
    return min(0.5, 1800 / max(waiting, 1))


def _regular(cadence: Cadence, period: timedelta, last: datetime, name: str) -> datetime:
    match cadence:
        case Every():
            # The times of the crawls are fixed, so a late run does not move later ones. If a person started a run, for
            # instance, the next time may be less than half a period after it. Such a time is skipped.
            first = last + period / 2
            phase = period * stable_fraction(name)
            return _EPOCH + phase + period * -((_EPOCH + phase - first) // period)
        case Cron():
            return next(CronSim(cadence.for_site(name), last.astimezone(UTC)))
        case Adaptive():
            return last + period * (1 - _SPREAD + 2 * _SPREAD * stable_fraction(name))


def _period(cadence: Cadence, runs: Sequence[PastRun], name: str, now: datetime) -> timedelta:
    match cadence:
        case Every():
            return cadence.period
        case Cron():
            coming = CronSim(cadence.for_site(name), now.astimezone(UTC))
            one: datetime = next(coming)
            return next(coming) - one
        case Adaptive():
            return _adapted_period(cadence, runs)


def _adapted_period(cadence: Adaptive, runs: Sequence[PastRun]) -> timedelta:
    """Returns the period of an adaptive cadence after these runs (newest first). A run with many new posts makes the
    period shorter. A failed run, or a run without new posts, makes the period longer if it began at least half a period
    after the previous run.
    """
    period = _within(cadence, FIRST_PERIOD)
    for before, run in zip(reversed(runs), list(reversed(runs))[1:], strict=False):
        share_new = run.new / max(run.listed or _FEED_LENGTH, run.new)
        waited = run.started - before.started >= period / 2
        if run.outcome == "failed":
            factor = _FAILED if waited else 1.0
        elif run.outcome != "finished":
            factor = 1.0
        elif share_new >= _SOME_NEW:
            factor = _MUCH_SHORTER if share_new >= _MANY_NEW else _SHORTER
        else:
            factor = _NO_NEWS if not run.new and waited else 1.0
        period = _within(cadence, period * factor)
    return period


def _within(cadence: Adaptive, period: timedelta) -> timedelta:
    return min(max(period, cadence.shortest), cadence.longest)


def _reason(cadence: Cadence, period: timedelta) -> str:
    match cadence:
        case Cron():
            return str(cadence)
        case Adaptive():
            return f"every {format_period(period)}, adapted to how often it publishes"
        case Every():
            return f"every {format_period(period)}"


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = lazy_regex(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?"
    r"(?P<begin>\d{1,2}:\d\d) ?- ?(?P<end>\d{1,2}:\d\d)(?: (?P<zone>[a-z][\w/+-]*))?",
    re.IGNORECASE,
)
_WEEK = 7


@dataclass(frozen=True, slots=True)
class BlackoutHours:
    """The blackout hours of a site: the time from `begin` to `end` on some days (0 is Monday) in a time zone. If `end`
    is before `begin`, the hours end on the next day.
    """

    begin: time
    end: time
    days: tuple[int, ...]
    zone: ZoneInfo

    def __str__(self) -> str:
        first, last = _DAYS[self.days[0]], _DAYS[self.days[-1]]
        days = "" if len(self.days) == _WEEK else f"{first} " if first == last else f"{first}-{last} "
        end = "24:00" if self.end == time() else f"{self.end:%H:%M}"
        return f"{days}{self.begin:%H:%M}-{end} {self.zone.key}"

    def end_of(self, at: datetime) -> datetime | None:
        """Returns when the blackout at this time ends, in UTC; None if there is no blackout at this time."""
        return next((end for begin, end in self._around(at) if begin <= at < end), None)

    def next_begin(self, at: datetime) -> datetime:
        """Returns when the next blackout after this time begins, in UTC."""
        return next(begin for begin, _ in self._around(at) if begin > at)

    def _around(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yields the start and end of each blackout from the day before this time to eight days after it."""
        today = at.astimezone(self.zone).date()
        for day in (today + timedelta(days=n) for n in range(-1, _WEEK + 2)):
            if day.weekday() in self.days:
                yield (
                    self._moment(day, self.begin),
                    self._moment(day if self.begin < self.end else day + timedelta(days=1), self.end),
                )

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)


@lru_cache(maxsize=256)  # cached because thousands of sites may share a group's setting
def parse_blackout(text: str) -> BlackoutHours:
    """Parses blackout hours: "08:00-18:00", "mon-fri 08:00-18:00 Europe/Berlin". Raises ValueError with a reason that a
    person can act on.
    """
    match = _FORM.fullmatch(" ".join(text.split()))
    if not match:
        raise ValueError("write hours as 08:00-18:00, 22:00-06:00 Europe/Berlin, or mon-fri 08:00-18:00 Europe/Berlin")
    begin, end = _parse_time(match["begin"]), _parse_time(match["end"])
    if begin == end and match["end"] != "24:00":
        raise ValueError("its hours begin and end at the same time: crawl=no stops all crawls of a site")
    return BlackoutHours(begin, end, _parse_days(match["first"], match["last"]), _parse_zone(match["zone"] or "UTC"))


def _parse_time(text: str) -> time:
    try:
        hour, minute = map(int, text.split(":"))
        return time(hour % 24 if (hour, minute) == (24, 0) else hour, minute)
    except ValueError:
        raise ValueError(f"{text!r} is not a time of day") from None


def _parse_days(first: str | None, last: str | None) -> tuple[int, ...]:
    if first is None:
        return tuple(range(_WEEK))
    for name in (first, last or first):
        if name.lower() not in _DAYS:
            raise ValueError(f"{name!r} is not a day: use {', '.join(_DAYS)}")
    begin, end = _DAYS.index(first.lower()), _DAYS.index((last or first).lower())
    return tuple((begin + n) % _WEEK for n in range((end - begin) % _WEEK + 1))


def _parse_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"there is no time zone {name!r}") from error
    except KeyError as error:
        raise ValueError(
            f"there is no time zone {name!r} on this machine: use a name such as Europe/Berlin, or UTC"
        ) from error
