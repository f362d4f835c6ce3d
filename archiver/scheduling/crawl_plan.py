"""What is to be crawled and what came of it: plain values, which processes hand to one another."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from archiver.errors import ArchiverError
from archiver.sites.crawler_identity import contact_of, delay_for
from archiver.storage.connection import fault_of
from archiver.storage.runs import Counts

if TYPE_CHECKING:
    from archiver.spiders.crawl_run import Only

# What a crawl has to say: to its log, and to the person at the screen.


class Notices(logging.Handler):
    """What is said to the logger "archiver.notice", a sentence at a time."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


def on_screen(sentence: str) -> None:
    """Print a sentence on the standard error."""
    print(sentence, file=sys.stderr, flush=True)


def hear_notices(say: Callable[[str], None] | None) -> None:
    """Hand what a person should know to `say` from now on, besides the log; None: to nobody."""
    logging.getLogger("archiver.notice").handlers = [Notices(say)] if say else []


def log_file(archive: Path) -> Path:
    """The log beside the archive, which Scrapy's words go to. Raises an ArchiverError where there is no place for it.

    A log that cannot be written later is no reason to say so twice.
    """
    log = archive.parent / "log" / "crawl.log"
    try:
        log.parent.mkdir(exist_ok=True)
        with log.open("a"):
            pass
    except OSError as error:
        raise fault_of(error, archive) from error
    logging.raiseExceptions = False
    return log


GRACE = 5.0
"""Seconds that pages under way get to come in once a crawl is to end; what does not come is still due."""


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """One site to crawl: where it starts, how long to wait between requests, who answers for it."""

    url: str
    delay: float
    contact: str


@dataclass(frozen=True, slots=True)
class CrawlOrder:
    """What holds for all sites of one command. `since` is a date or "", `limit` 0 without one,
    `requisites` "" where the sites' own settings hold."""

    archive: Path
    limit: int = 0
    full: bool = False
    since: str = ""
    only: Only = ""
    requisites: str = ""
    progress: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """How one run ended. `outcome` is finished, waiting (for the host), interrupted or failed."""

    site: str
    url: str
    outcome: str
    reason: str
    seconds: float
    counts: Counts
    failures: tuple[tuple[str, int], ...]
    due: int = 0

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
        }


Host = tuple[tuple[int, CrawlPlan], ...]
"""Plans of one host with their places in the command: they are crawled one after the other."""
Came = CrawlResult | ArchiverError
"""What came of a plan: its run, or why there was none."""


def plan_of(
    url: str, settings: dict[str, Any], delay: float | None, contact: str | None, *, known: bool = False
) -> CrawlPlan:
    """The plan of a site. The command line (`delay`, `contact`) overrules the site's own settings, and these overrule
    the defaults. The host is looked up now where its address was typed, and by the run where the site is `known`."""
    own_delay = settings.get("delay")
    return CrawlPlan(
        url,
        delay_for(url, own_delay if delay is None else delay),
        contact_of(url, contact or settings.get("contact"), known=known),
    )


def host_of(plan: CrawlPlan) -> str:
    """Who is asked. Servers without a delay are this machine's own, and each port is one of them."""
    parts = urlsplit(plan.url)
    return (parts.hostname or "") if plan.delay else parts.netloc


def by_host(plans: list[CrawlPlan]) -> list[Host]:
    """The plans with their places, those of one host together."""
    groups: dict[str, list[tuple[int, CrawlPlan]]] = {}
    for index, plan in enumerate(plans):
        groups.setdefault(host_of(plan), []).append((index, plan))
    return [tuple(group) for group in groups.values()]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def never_begun(plan: CrawlPlan) -> CrawlResult:
    """What came of a plan whose turn had not come when the command was stopped."""
    return CrawlResult(plan.url, plan.url, "interrupted", "stopped before it began", 0.0, Counts(), ())
