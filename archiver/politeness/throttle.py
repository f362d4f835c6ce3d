"""Decides how fast requests are sent to a host. The delay is never shorter than the host's floor, and longer if the
host is slow. If the host asks for a pause, no requests are sent during it.

All functions are pure and return the next `Throttle` for a `Throttle` and a response. Times are seconds of one
monotonic clock; dates are aware.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from archiver.model.items import BUSY_STATUSES

MAX_DELAY = 60.0
"""The longest delay between two requests, in seconds. A longer delay that robots.txt or the slowness of the host
requires is reduced to this.
"""
MAX_PAUSE = 3600.0
"""The longest pause, in seconds, for which a run waits. If the host asks for a longer pause, the run ends, and its
pages are due later."""
MAX_RETRY_AFTER = 24 * 3600.0
"""The longest Retry-After, in seconds, that is obeyed. A Retry-After of years is a mistake, or meant to keep archives
away.
"""
MAX_STRIKES = 8
"""After this many consecutive responses with 429 or 503, no more requests are sent to this host in the run."""
MIN_THIRD_PARTY_DELAY = 2.5
"""The shortest delay, in seconds, between two requests to a third party's host (a web archive)."""
_FIRST_PENALTY = 1.0
_PENALTY_LEFT = 0.8  # each good response reduces the penalty to this share of its value
# after a request that took one second, the next request comes two seconds later, so the host rests as long as it worked
_REST = 2.0


@dataclass(frozen=True, slots=True)
class Throttle:
    """The state of one host's throttle, from which the delay between requests is computed. All times are in seconds.

    - `floor`: the delay in the site's settings or in robots.txt; 0 for the user's own host, which gets no delay.
    - `latency`: the delay that the host's slowness requires.
    - `penalty`: the delay that was imposed because the host answered 429 or 503.
    - `strikes`: the number of consecutive answers with 429 or 503.
    - `struck_at`: the time of the last of these answers.
    - `until`: the end of the pause that the host asked for.
    - `lanes`: the number of parallel connections. If there are several, slowness causes no delay, because such a host
      is built to serve many clients.
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
        """Returns the seconds to wait between two requests."""
        return max(self.floor, self.latency, self.penalty)

    def at_least(self, seconds: float) -> Throttle:
        """Returns the throttle with its floor raised to a delay that the host asks for (Crawl-delay), but at most to
        MAX_DELAY. A floor of 0 remains 0, because it is that of the user's own host.
        """
        return replace(self, floor=max(self.floor, min(seconds, MAX_DELAY))) if self.floor > 0 else self

    def no_faster(self, seconds: float) -> Throttle:
        """Returns the throttle with its floor raised to `seconds`, even if it was 0."""
        return replace(self, floor=max(self.floor, seconds))

    def pause(self, now: float) -> float:
        """Returns the seconds from `now` until the host's pause ends; 0 if the host is not paused."""
        return max(0.0, self.until - now)

    def after_response(self, status: int, seconds: float, now: float, wait: float | None = None) -> Throttle:
        """Returns the throttle after a response. `seconds` is the time until the response began. `wait` is its
        Retry-After in seconds; None if it has none.
        """
        if status in BUSY_STATUSES:
            return self._struck(now - seconds, now, min(wait or 0.0, MAX_RETRY_AFTER))
        penalty = self.penalty * _PENALTY_LEFT
        return replace(
            self,
            strikes=0,
            penalty=penalty if penalty > max(self.floor, 0.1) else 0.0,
            latency=self._latency(status, seconds),
        )

    def _struck(self, asked_at: float, now: float, wait: float) -> Throttle:
        if asked_at <= self.struck_at:
            # This request was sent before the last 429 or 503 arrived, so its response does not count as another
            # strike.
            return replace(self, until=max(self.until, now + wait))
        penalty = min(max(_FIRST_PENALTY, self.floor, 2 * self.penalty), MAX_DELAY)
        return replace(
            self,
            penalty=penalty,
            strikes=self.strikes + 1,
            struck_at=now,
            until=max(self.until, now + max(wait, penalty)),
        )

    def _latency(self, status: int, seconds: float) -> float:
        """Returns the delay that the host's slowness requires after a response. `seconds` is the time until the
        response began; the target is twice this time. If the target is longer than the present delay, it is returned.
        Otherwise the delay falls by half of the difference.

        Only responses with status 200 lower the delay, because a busy host may still send other responses quickly.
        """
        if self.floor <= 0 or self.lanes > 1:
            return 0.0
        target = min(_REST * seconds, MAX_DELAY)
        latency = max(target, (self.latency + target) / 2)
        return latency if status == 200 or latency > self.latency else self.latency


def retry_after(value: str, now: datetime) -> float | None:
    """Returns the seconds to wait from `now`, as a Retry-After header states them: as a number of seconds or an
    HTTP-date (RFC 9110, section 10.2.3). Returns None if the header is invalid, 0 for a date in the past.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), 1e9)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
