"""When a site's turn comes: a pure decision over its cadence and its past runs.

The past is what the ledger says, so nothing else has to be remembered: a scheduler that dies forgets nothing, a crawl
that a person starts counts, and however many periods were missed, one run makes up for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from cronsim import CronSim, CronSimError

from archiver.politeness.throttle import LONGEST_QUIET

# How often a site is crawled, as a person says it: `6h`, `cron:0 */4 * * *`, `adaptive:1h..7d`.

SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(days=366)
DEFAULT = "adaptive"
BOUNDS = (timedelta(hours=1), timedelta(days=7))
"""Of an adaptive cadence whose bounds nobody has set: news sites come to the first, blogs that sleep to the second."""
BEGINNING = timedelta(hours=12)
"""The period of a site of which nothing is known yet."""
_UNITS = {"m": 1, "min": 1, "h": 60, "d": 1440, "w": 10080}
_FIELDS = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
"""The values that an H may stand for in each field of a cron expression; every month has a 28th."""
_MONTH, _SHORTEST_MONTH = 3, 2


@dataclass(frozen=True, slots=True)
class Every:
    """Once in each period, at a moment of it that is the site's own."""

    period: timedelta

    def __str__(self) -> str:
        return format_period(self.period)


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times of a cron expression, in UTC. `H` is a value that is the site's own, as in Jenkins."""

    expression: str

    def __str__(self) -> str:
        return f"cron:{self.expression}"

    def of(self, name: str) -> str:
        """The expression of the site of this name, without an H."""
        return self.with_(lambda index, low, high: low + int(share(f"{name} {index}") * (high - low + 1)))

    def with_(self, value: Callable[[int, int, int], int]) -> str:
        """The expression with a value for each H, of the number of its field and the bounds there."""
        return " ".join(
            str(value(index, low, high)) if field == "H" else field
            for index, (field, (low, high)) in enumerate(zip(self.expression.split(), _FIELDS, strict=True))
        )


@dataclass(frozen=True, slots=True)
class Adaptive:
    """As often as the site's own news call for, between two bounds."""

    shortest: timedelta = BOUNDS[0]
    longest: timedelta = BOUNDS[1]

    def __str__(self) -> str:
        return f"adaptive:{format_period(self.shortest)}..{format_period(self.longest)}"


Cadence = Every | Cron | Adaptive


def read_cadence(text: str) -> Cadence:
    """A cadence as it is written. Raises ValueError with a reason that a person can act on."""
    words = text.strip()
    kind, _, rest = words.partition(":")
    if kind.lower() == "cron":
        return _cron(" ".join(rest.split()))
    if kind.lower() == "adaptive":
        return _adaptive(rest.strip())
    return Every(_parse_period(words))


def format_period(period: timedelta) -> str:
    """A period in its largest whole unit: 90m, 6h, 2d."""
    minutes = max(1, round(period.total_seconds() / 60))
    unit, size = next((u, s) for u, s in (("d", 1440), ("h", 60), ("m", 1)) if minutes % s == 0)
    return f"{minutes // size}{unit}"


def share(name: str) -> float:
    """A number from 0 to 1 that is always the same for a name, and spread evenly over names."""
    return int.from_bytes(blake2b(name.encode(), digest_size=6).digest(), "big") / (1 << 48)


def _cron(expression: str) -> Cron:
    found = Cron(expression)
    if len(expression.split()) != len(_FIELDS):
        raise ValueError("a cron expression has five fields: minute, hour, day, month, day of the week")
    try:  # an H may be any month, also the one without a 30th
        next(
            CronSim(
                found.with_(lambda index, low, _: _SHORTEST_MONTH if index == _MONTH else low),
                datetime(2000, 1, 1, tzinfo=UTC),
            )
        )
    except CronSimError as error:
        tried = " with February for the H" if expression.split()[_MONTH] == "H" else ""
        raise ValueError(f"it is no cron expression ({error}{tried})") from error
    except StopIteration:
        raise ValueError("there is no day on which it falls") from None
    return found


def _adaptive(bounds: str) -> Adaptive:
    if not bounds:
        return Adaptive()
    low, dots, high = bounds.partition("..")
    if not dots:
        raise ValueError("bounds are two periods with two dots between them, as in adaptive:1h..7d")
    shortest, longest = _parse_period(low), _parse_period(high)
    if shortest > longest:
        raise ValueError("its first bound is longer than its second")
    return Adaptive(shortest, longest)


def _parse_period(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(m|min|h|d|w)", text.strip().lower())
    if not match:
        raise ValueError(
            "it is a period (30m, 6h, 2d, 1w), cron:MINUTE HOUR DAY MONTH WEEKDAY, adaptive, or adaptive:1h..7d"
        )
    minutes = float(match[1]) * _UNITS[match[2]]
    if not SHORTEST.total_seconds() <= minutes * 60 <= LONGEST.total_seconds():
        raise ValueError("a period is from 5 minutes to 366 days")
    return timedelta(minutes=minutes)


REMEMBERED = 24
"""Past runs that decide; the period of an adaptive site can go from one of its bounds to the other within them."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAST = timedelta(minutes=5)
"""A clock that is corrected goes back by less. A run that began later than this from now began by a wrong clock."""
_AGAIN = timedelta(minutes=10)
"""A run that was stopped goes on after this, then twice that, up to its period."""
_FEED = 10
"""Posts that a feed shows, where it is not known."""
_SPREAD = 0.05
"""Part of an adaptive period by which sites of equal period lie apart."""
_TIGHTER, _TIGHT, _NO_NEWS, _FAILED = 0.5, 0.75, 1.5, 2.0
_OFTEN_MISSED = 0.5  # of what a feed shows is new: a post that came and went between two runs is soon missed
_MUCH = 0.2


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run: when it began, `outcome` as in `runs` ("" while it is under way or died), how many new posts it stored,
    and how many the site's feeds listed then (0: not known)."""

    started: datetime
    outcome: str
    new: int = 0
    listed: int = 0


@dataclass(frozen=True, slots=True)
class RecrawlTime:
    """When a site is due, `period` as it is now, and why, in a few words."""

    at: datetime
    period: timedelta
    why: str


def next_crawl(
    cadence: Cadence, past: Sequence[PastRun], name: str, now: datetime, quiet_until: datetime | None = None
) -> RecrawlTime:
    """When the site of this name is due again. `past` are its last runs (REMEMBERED of them), the newest first; until
    `quiet_until` its host has asked to be left alone. All times are aware.

    What lies in the future was written by a clock that was wrong, and is not believed.
    """
    runs = [run for run in past if run.started <= now + _FAST]
    period = _period(cadence, runs, name, now)
    if not runs:
        return RecrawlTime(now, period, "never crawled")
    last = runs[0]
    turn = RecrawlTime(_regular(cadence, period, last.started, name), period, _said(cadence, period))
    broken = next((index for index, run in enumerate(runs) if run.outcome not in ("", "interrupted")), len(runs))
    if broken:
        again = last.started + _AGAIN * 2 ** (broken - 1)
        if again < turn.at:
            turn = RecrawlTime(again, period, "its last run was stopped")
    if quiet_until and turn.at < quiet_until <= now + timedelta(seconds=LONGEST_QUIET):
        turn = RecrawlTime(quiet_until, period, "its host asked to be left alone until then")
    return turn


def start_interval(waiting: int) -> float:
    """Seconds between two starts while so many sites are due: after an outage they do not begin all at once."""
    return min(0.5, 1800 / max(waiting, 1))


def _regular(cadence: Cadence, period: timedelta, last: datetime, name: str) -> datetime:
    match cadence:
        case Every():
            # Slots that lie fast in time: a run that began late does not move those after it. The one before half of
            # the period is over is passed by, which a run out of turn may have come before.
            first = last + period / 2
            phase = period * share(name)
            return _EPOCH + phase + period * -((_EPOCH + phase - first) // period)
        case Cron():
            return next(CronSim(cadence.of(name), last.astimezone(UTC)))
        case Adaptive():
            return last + period * (1 - _SPREAD + 2 * _SPREAD * share(name))


def _period(cadence: Cadence, runs: Sequence[PastRun], name: str, now: datetime) -> timedelta:
    match cadence:
        case Every():
            return cadence.period
        case Cron():
            coming = CronSim(cadence.of(name), now.astimezone(UTC))
            one: datetime = next(coming)
            return next(coming) - one
        case Adaptive():
            return _adapted(cadence, runs)


def _adapted(cadence: Adaptive, runs: Sequence[PastRun]) -> timedelta:
    """The period that the runs lead to, one after the other; the oldest one is where it begins.

    That a run found nothing tells only of the time since the one before: where that is short it tells nothing.
    """
    period = _within(cadence, BEGINNING)
    for before, run in zip(reversed(runs), list(reversed(runs))[1:], strict=False):
        part = run.new / max(run.listed or _FEED, run.new)
        waited = run.started - before.started >= period / 2
        if run.outcome == "failed":
            factor = _FAILED if waited else 1.0
        elif run.outcome != "finished":
            factor = 1.0
        elif part >= _MUCH:
            factor = _TIGHTER if part >= _OFTEN_MISSED else _TIGHT
        else:
            factor = _NO_NEWS if not run.new and waited else 1.0
        period = _within(cadence, period * factor)
    return period


def _within(cadence: Adaptive, period: timedelta) -> timedelta:
    return min(max(period, cadence.shortest), cadence.longest)


def _said(cadence: Cadence, period: timedelta) -> str:
    match cadence:
        case Cron():
            return str(cadence)
        case Adaptive():
            return f"every {format_period(period)}, by what it found"
        case Every():
            return f"every {format_period(period)}"
