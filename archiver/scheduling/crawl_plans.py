"""The plans and results of crawls as plain values, which processes send to one another, and notices to the user.

Imports neither Scrapy nor Twisted, because commands that start no crawl use this module, too.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from archiver.frontier.edit_estimates import EditEstimate
from archiver.model.errors import ArchiverError
from archiver.sites.crawler_identity import contact_of, delay_for
from archiver.storage.runs import Counts

if TYPE_CHECKING:
    from archiver.spiders.crawl_order import Only

# Notices to the user.


class NoticeHandler(logging.Handler):
    """Logging handler that passes the messages of the logger "archiver.notice", each a sentence for the user, to a
    function.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())


def print_notice(sentence: str) -> None:
    """Prints a sentence on standard error."""
    print(sentence, file=sys.stderr, flush=True)


def send_notices_to(show: Callable[[str], None] | None) -> None:
    """Makes `show` receive all further notices to the user, which are also written to the log. None stops this."""
    logging.getLogger("archiver.notice").handlers = [NoticeHandler(show)] if show else []


GRACE = 5.0
"""When a crawl is stopped, its running requests get this many seconds to finish. Pages that do not arrive in this time
remain due.
"""


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """The plan for crawling a site: its start URL, the seconds between requests, and the contact for the User-Agent. If
    `pages` are given, only the pages at these URLs are fetched.

    `connections` is the maximum number of requests at a time if there is no delay. With a delay, it is 1.
    """

    url: str
    delay: float
    contact: str
    pages: tuple[str, ...] = ()
    connections: int = 4


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """The options of a crawl command. They apply to all its sites.

    - `since`: a date, or "" for no limit.
    - `limit`: the maximum number of pages; 0 means no limit.
    - `requisites`: which requisites are stored; "" to use each site's own setting.
    - `scheduled`: True if quotas of groups and blackout hours limit the runs.
    - `only`: "missing" or "set-aside" limits the runs to such pages (see `Only`).
    """

    archive: Path
    limit: int = 0
    full: bool = False
    since: str = ""
    only: Only = ""
    requisites: str = ""
    progress: bool = False
    quiet: bool = False
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """The result of crawling one site.

    - `outcome`: finished, waiting (the host asks for a pause, or another command is crawling it), interrupted or
      failed; `reason` says why.
    - `failures`: the reasons of failed pages, each with its count.
    - `due`: the number of pages that are still due.
    - `edits`: an estimate of the edits that the run did not see.
    - `still_held`: the number of the site's pages that are held at the end of the run; None if unknown.
    - `taken_back`: the number of edits of earlier runs that this run took back, as part of a fault of the site.
    - `continued_full`: when the last `crawl --full` began (ISO 8601) if this run continued it; "" otherwise.
    """

    site: str
    url: str
    outcome: str
    reason: str
    seconds: float
    counts: Counts
    failures: tuple[tuple[str, int], ...]
    due: int = 0
    edits: EditEstimate | None = None
    still_held: int | None = None
    taken_back: int = 0
    continued_full: str = ""

    @property
    def clean(self) -> bool:
        return self.outcome == "finished" and not self.counts.failed

    def as_json(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "url": self.url,
            "outcome": self.outcome,
            "reason": self.reason,
            "seconds": round(self.seconds, 2),
            **asdict(self.counts),
            "due": self.due,
            "failures": dict(self.failures),
            "still_held": self.still_held,
            "taken_back": self.taken_back,
            "continued_full": self.continued_full or None,
            "edits": self.edits.as_dict() if self.edits else None,
        }


HostPlans = tuple[tuple[int, CrawlPlan], ...]
"""The plans for the sites of one host, each with its position in the command. They are crawled one after another."""
CrawlOutcome = CrawlResult | ArchiverError
"""The result of carrying out a plan: the result of its crawl, or the error that prevented the crawl."""


def make_plan(
    url: str, settings: dict[str, Any], delay: float | None, contact: str | None, *, known: bool = False
) -> CrawlPlan:
    """Returns the crawl plan of a site. `delay` and `contact` are from the command line, None if not given. They
    override the site's `settings`, and these override the defaults. `known` is True if the archive has the site; its
    host is then resolved when the crawl starts, otherwise now.
    """
    own_delay = settings.get("delay")
    return CrawlPlan(
        url,
        delay_for(url, own_delay if delay is None else delay),
        contact_of(url, contact or settings.get("contact"), known=known),
    )


def host_of(plan: CrawlPlan) -> str:
    """Returns the host of a plan, since only one site of a host is crawled at a time. For a server on this machine (a
    plan without a delay), host and port are returned, so that its ports count as separate hosts.
    """
    parts = urlsplit(plan.url)
    return (parts.hostname or "") if plan.delay else parts.netloc


def group_by_host(plans: list[CrawlPlan]) -> list[HostPlans]:
    """Groups the plans by host. Returns one tuple per host, with its plans and their positions in the list."""
    groups: dict[str, list[tuple[int, CrawlPlan]]] = {}
    for index, plan in enumerate(plans):
        groups.setdefault(host_of(plan), []).append((index, plan))
    return [tuple(group) for group in groups.values()]


def count_cores() -> int:
    """Returns the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def not_started_result(plan: CrawlPlan) -> CrawlResult:
    """Returns the result of a plan whose crawl had not started when the command was stopped."""
    return CrawlResult(plan.url, plan.url, "interrupted", "stopped before it started", 0.0, Counts(), ())
