"""Decides when a site is crawled next: by its cadence, the setting for how often it is crawled, by its past runs, and
by its blackout hours, in which the scheduler starts no crawl of it.

The past runs are those stored in the archive. So a killed scheduler loses no information, a crawl that a person starts
counts as a run, and one run makes up for any number of missed periods. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from archiver.model.lazy_regex import lazy_regex
from archiver.politeness.throttle import MAX_RETRY_AFTER

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
CLOCK_TOLERANCE = timedelta(minutes=5)
"""A run may have begun at most this far in the future, as clocks of two machines differ. If it began later, a clock was
wrong: the run is ignored."""
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
    runs = [run for run in past if run.started <= now + CLOCK_TOLERANCE]
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
