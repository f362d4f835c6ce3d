"""The pace and the errors of a crawl, for other fetches from a host. For imports from web archives. Loads Scrapy."""

from __future__ import annotations

from archiver.extensions.download_slot_throttle import SharedThrottle, ThrottleExtension
from archiver.guarded_download_handler import ForbiddenByRobots, HostBusy, RobotsUnreadable
from archiver.spiders.run_ending import FailureStreak, outcome_of_failure

__all__ = [
    "FailureStreak",
    "ForbiddenByRobots",
    "HostBusy",
    "RobotsUnreadable",
    "SharedThrottle",
    "ThrottleExtension",
    "outcome_of_failure",
]
