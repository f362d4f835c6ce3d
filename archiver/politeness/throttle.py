"""How fast a host is asked: never faster than its floor, slower when it works hard, a pause when it asks for one.

Pure: a `Pace` and what was answered give the next `Pace`. Times are seconds of one monotonic clock, dates aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

BUSY = frozenset({429, 503})
"""Too Many Requests (RFC 6585, section 4) and Service Unavailable (RFC 9110, section 15.6.4): not now."""
LONGEST_DELAY = 60.0
"""A longer wait between two requests is a wish to be left alone, or a mistake; the host is then asked this slowly."""
LONGEST_PAUSE = 3600.0
"""The longest pause that a run sits out; for a longer one it ends, and its pages are due later."""
LONGEST_QUIET = 24 * 3600.0
"""What a server may ask for at most: a Retry-After of years is a mistake, or meant to keep an archive away."""
MOST_STRIKES = 8
"""Answers 429 or 503 in a row after which the run ends for this host."""
SPARED = 2.5
"""Seconds between two requests to a host that is asked for a favour (a web archive), whatever delay is set."""
_FIRST_PENALTY = 1.0
_FORGIVEN = 0.8  # of a penalty is left after each good answer
_REST = 2.0  # a host that took a second is asked again two seconds after it was asked: it rests as long as it worked


@dataclass(frozen=True, slots=True)
class Throttle:
    """`floor` is the delay that was set, or that robots.txt asks for; 0 is a host of one's own, which is not spared.

    `latency` is the delay that the host's own slowness calls for, `penalty` that of its answers 429 and 503, `strikes`
    how many of these came in a row, `struck_at` when the last came, `until` when its pause ends. `lanes` are its
    connections at a time: one that has several is made to serve many, and its slowness is no sign of hard work.
    """

    floor: float = 0.0
    latency: float = 0.0
    penalty: float = 0.0
    strikes: int = 0
    struck_at: float = float("-inf")
    until: float = float("-inf")
    lanes: int = 1

    @property
    def delay(self) -> float:
        """Seconds from one request to the next."""
        return max(self.floor, self.latency, self.penalty)

    def at_least(self, seconds: float) -> Throttle:
        """With a floor that the host asks for (Crawl-delay), up to LONGEST_DELAY; a host of one's own keeps none."""
        return replace(self, floor=max(self.floor, min(seconds, LONGEST_DELAY))) if self.floor > 0 else self

    def no_faster(self, seconds: float) -> Throttle:
        """With a floor that we set ourselves, whatever was asked for."""
        return replace(self, floor=max(self.floor, seconds))

    def pause(self, now: float) -> float:
        """Seconds that are left of its pause."""
        return max(0.0, self.until - now)

    def answered(self, status: int, seconds: float, now: float, wait: float | None = None) -> Throttle:
        """After an answer that took this long to begin; `wait` is what its Retry-After says, in seconds."""
        if status in BUSY:
            return self._struck(now - seconds, now, min(wait or 0.0, LONGEST_QUIET))
        penalty = self.penalty * _FORGIVEN
        return replace(
            self,
            strikes=0,
            penalty=penalty if penalty > max(self.floor, 0.1) else 0.0,
            latency=self._latency(status, seconds),
        )

    def _struck(self, asked_at: float, now: float, wait: float) -> Throttle:
        if asked_at <= self.struck_at:
            # It was asked before the host said so the first time: this is no other strike.
            return replace(self, until=max(self.until, now + wait))
        penalty = min(max(_FIRST_PENALTY, self.floor, 2 * self.penalty), LONGEST_DELAY)
        return replace(
            self,
            penalty=penalty,
            strikes=self.strikes + 1,
            struck_at=now,
            until=max(self.until, now + max(wait, penalty)),
        )

    def _latency(self, status: int, seconds: float) -> float:
        """Up at once, down by halves, and not by answers without a page: these are quick, however busy the host is."""
        if self.floor <= 0 or self.lanes > 1:
            return 0.0
        wanted = min(_REST * seconds, LONGEST_DELAY)
        found = max(wanted, (self.latency + wanted) / 2)
        return found if status == 200 or found > self.latency else self.latency


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds that a Retry-After asks to wait: a number of seconds or an HTTP-date (RFC 9110, section 10.2.3).

    None for what is neither, 0 for a date that has passed.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), 1e9)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())


# What one run may take of a host: pages, bytes, minutes.


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The most that one run takes, by the names of the site's settings; 0 is without bound.

    A megabyte is 1,000,000 bytes, as they came over the wire.
    """

    max_pages: int = 0
    max_megabytes: float = 0.0
    max_minutes: float = 0.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RunLimits:
        """The budget that a site's settings name."""
        return cls(
            int(settings.get("max_pages") or 0),
            float(settings.get("max_megabytes") or 0),
            float(settings.get("max_minutes") or 0),
        )

    def spent(self, pages: int, size: int, seconds: float) -> str:
        """Which bound is reached, in words that name its setting; "" while there is none."""
        rows = (
            (pages, self.max_pages, f"{self.max_pages:,} pages (max_pages)"),
            (size / 1e6, self.max_megabytes, f"{self.max_megabytes:g} MB (max_megabytes)"),
            (seconds / 60, self.max_minutes, f"{self.max_minutes:g} minutes (max_minutes)"),
        )
        return next((f"the site's budget of {words}" for used, most, words in rows if most and used >= most), "")
