"""Scrapy middlewares that refuse requests to private network addresses, requests for posts outside the site, and
requests that robots.txt forbids.

A host's robots.txt (RFC 9309) and tdmrep.json are read before any of its pages.
`archiver.politeness.robots_and_usage_statements` parses robots.txt.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import Request, Response
from scrapy.http.request import NO_CALLBACK

from archiver.discovery.url_classifier_and_patterns import origin_of
from archiver.errors import ArchiveLocked
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.extensions.throttle_slots import ThrottleExtension
from archiver.guarded_download_handler import (
    ForbiddenByRobots,
    Refusal,
    RobotsUnreadable,
    RunEnded,
    permission_of,
    refuse_private_address,
)
from archiver.items import Outcome
from archiver.middlewares.warc_capture_bodies_and_retries import META, BodyPrefix
from archiver.politeness.network_address_policy import objection_to_url
from archiver.politeness.robots_and_usage_statements import (
    FRESH_FOR,
    MAX_ROBOTS_BYTES,
    HostFile,
    Robots,
    TDMFile,
    is_conclusive_status,
    parse_robots,
    parse_tdm_file,
)
from archiver.spiders.page_request import FetchNotes, HostFileRequest, notes_of, page_of, purpose_of
from archiver.spiders.run_endings_and_outage_guards import outcome_of_failure
from archiver.storage.archive_opening_and_transactions import writing
from archiver.storage.crawl_traps_redirect_loops_and_host_files import find_host_file, make_allowed_due, store_host_file

T = TypeVar("T")
# These files are requested before any page of the host.
_PRIORITY = 1000
_log = logging.getLogger(__name__)
# The number of bytes to read. It is more than the parser uses, so that the parser notices if a file is cut off.
_READ = 2 * MAX_ROBOTS_BYTES
# Rules of failures that count as "there is no such file": too many redirects (RFC 9309, section 2.3.1.2), or a redirect
# to a non-public address.
_MISSING = frozenset({"ignored", "private-address"})
_TDMREP = ".well-known/tdmrep.json"


class OncePerOrigin(Generic[T]):
    """Caches the result of `read` for each origin (scheme and host) for a day. Requests that wait for the same value
    cause only one call.
    """

    def __init__(self, read: Callable[[str], Awaitable[T]]) -> None:
        self._read = read
        self._known: dict[str, tuple[datetime, asyncio.Future[T]]] = {}

    async def get(self, origin: str) -> T:
        now = datetime.now(UTC)
        started, reading = self._known.get(origin, (None, None))
        if started is None or reading is None or now - started >= FRESH_FOR:
            reading = asyncio.ensure_future(self._read(origin))
            self._known[origin] = (now, reading)
        # The task is shielded, so that cancelling one request does not cancel the read for the others.
        return await asyncio.shield(reading)


class HostFileReader:
    """Fetches a host's robots.txt or tdmrep.json (`name`) and stores it. If a copy is stored, the request is
    conditional.

    If the file is longer than `most` bytes, only the first `most` bytes are read. If `most` is 0, the file is used only
    if it is complete.
    """

    def __init__(self, crawler: Crawler, name: str, most: int = 0) -> None:
        self._crawler = crawler
        self._archive = crawler.get_extension(ArchiveExtension)
        self._name = name
        self._most = most

    async def fetch(self, origin: str, *, obey_robots: bool) -> tuple[HostFile, Response]:
        """Fetches the file of an origin, if `obey_robots` is True only if robots.txt allows it. Returns the file and
        the response. Redirects are followed, even to other hosts.

        Raises Scrapy's and Twisted's network errors, Refusal and HostBusy.
        """
        assert self._crawler.engine is not None
        stored = self.stored(origin)
        validators = (stored.etag, stored.last_modified) if stored is not None else ("", "")
        meta: dict[str, Any] = {
            "dont_obey_robotstxt": not obey_robots,
            "notes": FetchNotes(),
            "page": HostFileRequest(origin + self._name, *validators, self._most),
        }
        beginning = BodyPrefix(self._most)
        if self._most:
            meta[META] = beginning
        request = Request(origin + self._name, priority=_PRIORITY, callback=NO_CALLBACK, meta=meta)
        with beginning.limiting_downloads(self._crawler):
            response = await self._crawler.engine.download_async(request)
        now = datetime.now(UTC)
        if response.status == 304 and stored is not None:
            return replace(stored, fetched_at=now), response
        body = response.body if response.status == 200 else b""
        etag, last_modified = _header(response, "ETag"), _header(response, "Last-Modified")
        return HostFile(now, response.status, body, etag, last_modified), response

    def stored(self, origin: str) -> HostFile | None:
        """Returns the stored copy of an origin's file, which may be from an earlier run; None if there is none."""
        return find_host_file(self._archive.run.db, origin, self._name) if self._archive else None

    def store(self, origin: str, file: HostFile, robots: Robots | None = None) -> None:
        """Stores the file for the next run. If it is a changed robots.txt, whose rules are `robots`, the pages that it
        allows become due. Database errors are ignored, because the next run fetches the file again, and other code
        reports such errors.
        """
        if self._archive is None:
            return
        run = self._archive.run
        db = run.db
        try:
            with writing(db):
                before = find_host_file(db, origin, self._name)
                store_host_file(db, origin, self._name, file)
                if robots and (before is None or before.body != file.body):
                    make_allowed_due(db, run.site["id"], origin, robots)
        except (sqlite3.Error, ArchiveLocked):
            return


def _header(response: Response, name: str) -> str:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else ""


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The argument of the signal `robots_parsed`, with the attribute `rp` that Scrapy's own robots.txt parsers have."""

    rp: Robots


class RobotsMiddleware:
    """Checks each request against its host's robots.txt. Raises ForbiddenByRobots or RobotsUnreadable if the request
    must not be made.

    robots.txt is read once per run and origin, and again after 24 hours. If it is too large, only its beginning counts
    (RFC 9309, section 2.5). If it cannot be read, a stored copy less than 24 hours old is used (sections 2.3.1.4 and
    2.4); without such a copy, nothing is fetched from the host.
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
            raise _log_refusal(robots, request)
        throttle = self._crawler.get_extension(ThrottleExtension)
        if robots.crawl_delay and throttle:
            throttle.at_least(request, robots.crawl_delay)
        if rule := robots.refusal(request.url):
            raise _log_refusal(ForbiddenByRobots(rule), request)

    async def _read(self, origin: str) -> Robots | IgnoreRequest:
        try:
            file, response = await self._reader.fetch(origin, obey_robots=False)
        except RunEnded as ended:
            return ended
        except Exception as error:
            _, rule, reason = outcome_of_failure(error)
            if rule in _MISSING:
                return Robots()
            return self._from_copy(origin) or RobotsUnreadable(rule, reason)
        if not is_conclusive_status(file.status):
            unreadable = RobotsUnreadable(f"http-{file.status}", f"the server answers {file.status}")
            return self._from_copy(origin) or unreadable
        robots = parse_robots(file.body)
        self._reader.store(origin, file, robots)
        self._crawler.signals.send_catch_log(
            signals.robots_parsed, robotparser=_Parsed(robots), request=response.request
        )
        return robots

    def _from_copy(self, origin: str) -> Robots | None:
        stored = self._reader.stored(origin)
        return parse_robots(stored.body) if stored and stored.is_fresh(datetime.now(UTC)) else None


def _log_refusal(refusal: IgnoreRequest, request: Request) -> IgnoreRequest:
    """Returns `refusal`. Logs it first if the request was not made for a crawl (as in `scrapy shell`), because nothing
    else would report it.
    """
    if purpose_of(request) is None:
        _log.warning("Not requesting %s: %s", request.url, refusal)
    return refusal


class TdmRepMiddleware:
    """Adds the host's tdmrep.json to the notes (FetchNotes) of each request for a page of the site.

    The file is looked up before any page of a host (TDMRep, "Processing priority"), once per run, with a conditional
    request and in accordance with robots.txt. If a host has no readable file, no usage statements are added.
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
            file, _ = await self._reader.fetch(origin, obey_robots=True)
        except Exception:
            # This error says nothing about the pages: if their host is down, their own requests report it.
            stored = self._reader.stored(origin)
            return parse_tdm_file(stored.body, origin + _TDMREP) if stored else TDMFile()
        if file.status < 500:
            self._reader.store(origin, file)
        return parse_tdm_file(file.body, origin + _TDMREP)


# Redirects that Scrapy follows itself: those of robots.txt and tdmrep.json, and those of requests that a person makes.


class PlainRedirectMiddleware(RedirectMiddleware):
    """Scrapy's redirect middleware without its search for a RefererMiddleware, since this program sends no Referer.

    Redirects of a crawl's pages are not followed here (their requests have `dont_redirect`), because each address in a
    chain of redirects has its own row in the pages table.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler.settings)
        middleware.crawler = crawler
        return middleware

    def handle_referer(self, request: Request, response: Response) -> None:
        request.headers.pop("Referer", None)


# Feeds may list addresses on these hosts, which redirect to the posts' own addresses.
_FORWARDERS = frozenset({"feeds.feedburner.com", "feeds2.feedburner.com", "feedproxy.google.com", "feedpress.me"})


class AddressMiddleware:
    """Refuses requests to addresses that are not public, and to posts outside the site.

    It runs before the robots.txt middleware, so that it also checks the requests for robots.txt and their redirects. If
    a proxy resolves host names, this is the only check; otherwise the address is checked again when the connection is
    made.

    Discovery sources may be on other hosts. Posts may not, because they would be stored as posts of this site, and a
    source could direct the crawl to another site's server by listing them.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._archive = crawler.get_extension(ArchiveExtension)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        if reason := objection_to_url(request.url, permission_of(self._crawler, request)):
            raise refuse_private_address(reason, request)
        page = page_of(request)
        if page is None or page.is_source or self._archive is None or self._archive.run.scope.contains(request.url):
            return
        if urlsplit(request.url).hostname not in _FORWARDERS:
            raise Refusal(Outcome.OUT_OF_SCOPE, "scope", f"it is outside {self._archive.run.scope.name}")
