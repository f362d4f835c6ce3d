"""robots.txt by RFC 9309, on Scrapy's middleware: what a missing or failing file means, and Crawl-delay."""

from __future__ import annotations

from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.http import Request, Response
from scrapy.robotstxt import RobotParser

_FORBID_ALL = b"User-agent: *\nDisallow: /\n"
_MAX_BYTES = 512 * 1024
# A longer wait than this is a wish to be left alone, or a mistake; the site is then still crawled, slowly.
_LONGEST_DELAY = 60.0


class RobotsMiddleware(RobotsTxtMiddleware):
    """Section 2.3.1: a file that is not there allows everything, a server that fails (5xx) forbids everything.

    Crawl-delay is no part of the RFC, but a site that states one means it: the host's delay is at least that,
    unless the crawl was started without any delay (a host of one's own).
    """

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        body = response.body[:_MAX_BYTES]
        if response.status >= 500:
            body = _FORBID_ALL
        elif response.status >= 300:
            body = b""
        await super()._parse_robots(response.replace(body=body), netloc, request)
        parser = self._parsers[netloc]
        if isinstance(parser, RobotParser):
            self._slow_down(parser, response)

    def _slow_down(self, parser: RobotParser, response: Response) -> None:
        asked = parser.crawl_delay(self._robotstxt_useragent or self._default_useragent)
        engine = self.crawler.engine
        slot_name = response.meta.get("download_slot") if response.request else None
        if asked is None or engine is None or slot_name is None:
            return
        slot = engine.downloader.slots.get(slot_name)
        if slot is not None and slot.delay > 0:
            slot.delay = max(slot.delay, min(asked, _LONGEST_DELAY))
