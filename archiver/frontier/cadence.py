"""How often a site is crawled, as a person says it: `6h`, `cron:0 */4 * * *`, `adaptive:1h..7d`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from cronsim import CronSim, CronSimError

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
        return shown(self.period)


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
        return " ".join(str(value(index, low, high)) if field == "H" else field for index, (field, (low, high))
                        in enumerate(zip(self.expression.split(), _FIELDS, strict=True)))


@dataclass(frozen=True, slots=True)
class Adaptive:
    """As often as the site's own news call for, between two bounds."""

    shortest: timedelta = BOUNDS[0]
    longest: timedelta = BOUNDS[1]

    def __str__(self) -> str:
        return f"adaptive:{shown(self.shortest)}..{shown(self.longest)}"


Cadence = Every | Cron | Adaptive


def read_cadence(text: str) -> Cadence:
    """A cadence as it is written. Raises ValueError with a reason that a person can act on."""
    words = text.strip()
    kind, _, rest = words.partition(":")
    if kind.lower() == "cron":
        return _cron(" ".join(rest.split()))
    if kind.lower() == "adaptive":
        return _adaptive(rest.strip())
    return Every(_period(words))


def shown(period: timedelta) -> str:
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
        next(CronSim(found.with_(lambda index, low, _: _SHORTEST_MONTH if index == _MONTH else low),
                     datetime(2000, 1, 1, tzinfo=UTC)))
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
    shortest, longest = _period(low), _period(high)
    if shortest > longest:
        raise ValueError("its first bound is longer than its second")
    return Adaptive(shortest, longest)


def _period(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(m|min|h|d|w)", text.strip().lower())
    if not match:
        raise ValueError("it is a period (30m, 6h, 2d, 1w), cron:MINUTE HOUR DAY MONTH WEEKDAY, adaptive, or "
                         "adaptive:1h..7d")
    minutes = float(match[1]) * _UNITS[match[2]]
    if not SHORTEST.total_seconds() <= minutes * 60 <= LONGEST.total_seconds():
        raise ValueError("a period is from 5 minutes to 366 days")
    return timedelta(minutes=minutes)
