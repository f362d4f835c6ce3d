"""Reading the files that speak for a whole host: robots.txt and tdmrep.json."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from scrapy.http.request import NO_CALLBACK

from archiver.errors import ArchiveLocked
from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.frontier.hostfile import FRESH, HostFile
from archiver.middlewares.beginning import META, Beginning
from archiver.spiders.page_request import FetchNotes, HostFileRequest
from archiver.store.hostfiles import store_file, stored_file
from archiver.store.transaction import writing

T = TypeVar("T")
# Before any page of the host.
_PRIORITY = 1000


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
        meta: dict[str, Any] = {"dont_obey_robotstxt": not obey_robots, "notes": FetchNotes(),
                                "page": HostFileRequest(origin + self._name, *validators, self._most)}
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
