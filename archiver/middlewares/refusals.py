"""Why a request was not made: what the middlewares raise, and the spider turns into outcomes."""

from __future__ import annotations

from scrapy.exceptions import IgnoreRequest


class ForbiddenByRobots(IgnoreRequest):
    """robots.txt forbids the address; `rule` is the line that does, as it is written there."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"robots.txt forbids it ({rule})")


class RobotsUnreadable(IgnoreRequest):
    """robots.txt could not be read, so nobody knows what it allows. `rule` and `reason` say why, as for any page."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"robots.txt could not be read ({reason})")
        self.rule = rule
        self.reason = reason


class HostBusy(IgnoreRequest):
    """The host answers 429 or 503, again and again or for a long time: it is not asked any more in this run."""


class RunEnded(IgnoreRequest):
    """The run ended before this request was made. Its page is still due."""
