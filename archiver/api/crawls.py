"""Plans of crawls with their results, and processes of their own to run them in. For fleets."""

from __future__ import annotations

from archiver.frontier.cadence import stable_fraction
from archiver.scheduling.crawl_plans import CommonOptions, CrawlOutcome, CrawlPlan, CrawlResult, host_of, make_plan
from archiver.scheduling.fork_server import fork_crawl, start_fork_server, unblock_end_signals
from archiver.storage.runs import Counts

__all__ = [
    "CommonOptions",
    "Counts",
    "CrawlOutcome",
    "CrawlPlan",
    "CrawlResult",
    "fork_crawl",
    "host_of",
    "make_plan",
    "stable_fraction",
    "start_fork_server",
    "unblock_end_signals",
]
