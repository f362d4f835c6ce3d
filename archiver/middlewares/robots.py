"""robots.txt by RFC 9309 at Scrapy's requests; the rules themselves are in `archiver.frontier.robots`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import Request

from archiver.discovery.addresses import origin_of
from archiver.extensions.manners import Manners
from archiver.frontier.robots import LARGEST, Robots, parse_robots, readable
from archiver.middlewares.hostfiles import HostFileReader, OncePerOrigin
from archiver.middlewares.refusals import ForbiddenByRobots, RobotsUnreadable, RunEnded
from archiver.spiders.failure import failure_of
from archiver.spiders.page_request import purpose_of

_log = logging.getLogger(__name__)
# More than is parsed, so that what a full file ends with is seen to be cut.
_READ = 2 * LARGEST
# Rules of failures that mean that there is no file: more redirects than are followed (section 2.3.1.2), or one that
# leaves the public internet.
_NONE = frozenset({"ignored", "private-address"})


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What the signal `robots_parsed` hands out, in the form of Scrapy's own parsers."""

    rp: Robots


class RobotsMiddleware:
    """Lets a request through, or raises ForbiddenByRobots or RobotsUnreadable.

    The file is read once a run and origin, again after 24 hours; of one that is too large, its beginning (section 2.5).
    Where it cannot be read, a copy that is younger than that stands for it (sections 2.3.1.4 and 2.4); without one
    nothing of the host is fetched.
    """

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("ROBOTSTXT_OBEY"):
            raise NotConfigured
        self._crawler = crawler
        self._reader = HostFileReader(crawler, "robots.txt", _READ)
        self._robots = OncePerOrigin(self._read)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if request.meta.get("dont_obey_robotstxt") or not request.url.startswith(("http:", "https:")):
            return
        robots = await self._robots.get(origin_of(request.url))
        if isinstance(robots, IgnoreRequest):
            raise _logged(robots, request)
        manners = self._crawler.get_extension(Manners)
        if robots.crawl_delay and manners:
            manners.at_least(request, robots.crawl_delay)
        if rule := robots.refusal(request.url):
            raise _logged(ForbiddenByRobots(rule), request)

    async def _read(self, origin: str) -> Robots | IgnoreRequest:
        try:
            file, response = await self._reader.ask(origin, obey_robots=False)
        except RunEnded as ended:
            return ended
        except Exception as error:
            _, rule, reason = failure_of(error)
            if rule in _NONE:
                return Robots()
            return self._from_copy(origin) or RobotsUnreadable(rule, reason)
        if not readable(file.status):
            why = RobotsUnreadable(f"http-{file.status}", f"the server answers {file.status}")
            return self._from_copy(origin) or why
        self._reader.keep(origin, file)
        robots = parse_robots(file.body)
        self._crawler.signals.send_catch_log(signals.robots_parsed, robotparser=_Parsed(robots),
                                             request=response.request)
        return robots

    def _from_copy(self, origin: str) -> Robots | None:
        kept = self._reader.kept(origin)
        return parse_robots(kept.body) if kept and kept.is_fresh(datetime.now(UTC)) else None


def _logged(refusal: IgnoreRequest, request: Request) -> IgnoreRequest:
    """A refusal, in the log where the request is none of a crawl's: nothing else reports what becomes of it."""
    if purpose_of(request) is None:
        _log.warning("%s is not requested: %s", request.url, refusal)
    return refusal
