"""The files that speak for a whole host: robots.txt (RFC 9309) and tdmrep.json, read before any page of it.

The rules of robots.txt are in `archiver.politeness.robots`.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import Request, Response
from scrapy.http.request import NO_CALLBACK

from archiver.discovery.url_classifier import origin_of
from archiver.errors import ArchiveLocked
from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.extensions.throttle_slots import ThrottleExtension
from archiver.handlers.http_handler import ForbiddenByRobots, RobotsUnreadable, RunEnded
from archiver.middlewares.response_body import META, Beginning
from archiver.politeness.robots import FRESH, LARGEST, HostFile, Robots, is_robots_answer, parse_robots
from archiver.politeness.usage_statements import TDMFile, parse_tdm_file
from archiver.spiders.page_request import FetchNotes, HostFileRequest, notes_of, page_of, purpose_of
from archiver.spiders.run_ending import outcome_of_failure
from archiver.storage.connection import writing
from archiver.storage.crawl_exclusions import store_file, stored_file

T = TypeVar("T")
# Before any page of the host.
_PRIORITY = 1000
_log = logging.getLogger(__name__)
# More than is parsed, so that what a full file ends with is seen to be cut.
_READ = 2 * LARGEST
# Rules of failures that mean that there is no file: more redirects than are followed (section 2.3.1.2), or one that
# leaves the public internet.
_NONE = frozenset({"ignored", "private-address"})
_TDMREP = ".well-known/tdmrep.json"


class OncePerOrigin(Generic[T]):
    """What `read` makes of an origin, read once however many requests wait for it, and again after a day."""

    def __init__(self, read: Callable[[str], Awaitable[T]]) -> None:
        self._read = read
        self._known: dict[str, tuple[datetime, asyncio.Future[T]]] = {}

    async def get(self, origin: str) -> T:
        now = datetime.now(UTC)
        begun, reading = self._known.get(origin, (None, None))
        if begun is None or reading is None or now - begun >= FRESH:
            reading = asyncio.ensure_future(self._read(origin))
            self._known[origin] = (now, reading)
        # Shielded: one request that is given up does not take the file from the others.
        return await asyncio.shield(reading)


class HostFileReader:
    """Asks for a file of a host, conditionally where the archive has it, and keeps what comes.

    `most`: bytes of it that are read, whatever its size; 0 where only the whole file is of use.
    """

    def __init__(self, crawler: Crawler, name: str, most: int = 0) -> None:
        self._crawler = crawler
        self._archive = crawler.get_extension(ArchiveExtension)
        self._name = name
        self._most = most

    async def ask(self, origin: str, *, obey_robots: bool) -> tuple[HostFile, Response]:
        """The file as the host has it now, and the answer. Redirects are followed, also to other hosts.

        Raises what a download raises.
        """
        assert self._crawler.engine is not None
        kept = self.kept(origin)
        validators = (kept.etag, kept.last_modified) if kept is not None else ("", "")
        meta: dict[str, Any] = {
            "dont_obey_robotstxt": not obey_robots,
            "notes": FetchNotes(),
            "page": HostFileRequest(origin + self._name, *validators, self._most),
        }
        beginning = Beginning(self._most)
        if self._most:
            meta[META] = beginning
        request = Request(origin + self._name, priority=_PRIORITY, callback=NO_CALLBACK, meta=meta)
        with beginning.watching(self._crawler):
            response = await self._crawler.engine.download_async(request)
        now = datetime.now(UTC)
        if response.status == 304 and kept is not None:
            return replace(kept, fetched_at=now), response
        body = response.body if response.status == 200 else b""
        etag, last_modified = _header(response, "ETag"), _header(response, "Last-Modified")
        return HostFile(now, response.status, body, etag, last_modified), response

    def kept(self, origin: str) -> HostFile | None:
        """The file as it was last read, by this run or an earlier one."""
        return stored_file(self._archive.run.db, origin, self._name) if self._archive else None

    def keep(self, origin: str, file: HostFile) -> None:
        """Store it for the next run. What cannot be stored is asked for again; a broken archive shows elsewhere."""
        if self._archive is None:
            return
        db = self._archive.run.db
        try:
            with writing(db):
                store_file(db, origin, self._name, file)
        except (sqlite3.Error, ArchiveLocked):
            return


def _header(response: Response, name: str) -> str:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else ""


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
        manners = self._crawler.get_extension(ThrottleExtension)
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
            _, rule, reason = outcome_of_failure(error)
            if rule in _NONE:
                return Robots()
            return self._from_copy(origin) or RobotsUnreadable(rule, reason)
        if not is_robots_answer(file.status):
            why = RobotsUnreadable(f"http-{file.status}", f"the server answers {file.status}")
            return self._from_copy(origin) or why
        self._reader.keep(origin, file)
        robots = parse_robots(file.body)
        self._crawler.signals.send_catch_log(
            signals.robots_parsed, robotparser=_Parsed(robots), request=response.request
        )
        return robots

    def _from_copy(self, origin: str) -> Robots | None:
        kept = self._reader.kept(origin)
        return parse_robots(kept.body) if kept and kept.is_fresh(datetime.now(UTC)) else None


def _logged(refusal: IgnoreRequest, request: Request) -> IgnoreRequest:
    """A refusal, in the log where the request is none of a crawl's: nothing else reports what becomes of it."""
    if purpose_of(request) is None:
        _log.warning("%s is not requested: %s", request.url, refusal)
    return refusal


class TdmRepMiddleware:
    """Notes the TdmFile of the host for each request for a page of the site.

    TDMRep, "Processing priority": the file is looked for before anything is read of a host. It is asked for once a run
    and conditionally, and robots.txt is obeyed. A host without one, or whose file cannot be read, has said nothing.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._archive = crawler.get_extension(ArchiveExtension)
        self._reader = HostFileReader(crawler, _TDMREP)
        self._files = OncePerOrigin(self._read)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if page_of(request) and self._archive is not None and self._archive.run.scope.contains(request.url):
            notes_of(request).tdm = await self._files.get(origin_of(request.url))

    async def _read(self, origin: str) -> TDMFile:
        try:
            file, _ = await self._reader.ask(origin, obey_robots=True)
        except Exception:
            # Whatever keeps this file from being read says nothing of the pages, which tell it themselves.
            kept = self._reader.kept(origin)
            return parse_tdm_file(kept.body, origin + _TDMREP) if kept else TDMFile()
        if file.status < 500:
            self._reader.keep(origin, file)
        return parse_tdm_file(file.body, origin + _TDMREP)


# HTTP redirects that Scrapy follows by itself: those of robots.txt and tdmrep.json, and of requests made by hand.


class PlainRedirectMiddleware(RedirectMiddleware):
    """Scrapy's middleware without its search for a RefererMiddleware: no request here carries a Referer.

    Pages of a crawl have `dont_redirect`: each address of a redirect is a row of its own in the pages table.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler.settings)
        middleware.crawler = crawler
        return middleware

    def handle_referer(self, request: Request, response: Response) -> None:
        request.headers.pop("Referer", None)
