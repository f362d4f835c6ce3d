"""robots.txt by RFC 9309, on Scrapy's middleware: what a missing or failing file means."""

from __future__ import annotations

from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.http import Request, Response

_FORBID_ALL = b"User-agent: *\nDisallow: /\n"
_MAX_BYTES = 512 * 1024


class RobotsMiddleware(RobotsTxtMiddleware):
    """Section 2.3.1: a file that is not there allows everything, a server that fails (5xx) forbids everything."""

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        body = response.body[:_MAX_BYTES]
        if response.status >= 500:
            body = _FORBID_ALL
        elif response.status >= 300:
            body = b""
        await super()._parse_robots(response.replace(body=body), netloc, request)
