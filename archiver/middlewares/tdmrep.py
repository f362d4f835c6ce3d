"""Reads a host's tdmrep.json before its pages, so that what it says is kept with each capture."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.http import Request

from archiver.capture.rights import TdmFile, parse_tdm_file
from archiver.discovery.addresses import origin_of
from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.middlewares.hostfiles import HostFileReader, OncePerOrigin
from archiver.spiders.page_request import notes_of, page_of

_NAME = ".well-known/tdmrep.json"


class TdmRepMiddleware:
    """Notes the TdmFile of the host for each request for a page of the site.

    TDMRep, "Processing priority": the file is looked for before anything is read of a host. It is asked for once a run
    and conditionally, and robots.txt is obeyed. A host without one, or whose file cannot be read, has said nothing.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._archive = crawler.get_extension(ArchiveExtension)
        self._reader = HostFileReader(crawler, _NAME)
        self._files = OncePerOrigin(self._read)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if page_of(request) and self._archive is not None and self._archive.run.scope.contains(request.url):
            notes_of(request).tdm = await self._files.get(origin_of(request.url))

    async def _read(self, origin: str) -> TdmFile:
        try:
            file, _ = await self._reader.ask(origin, obey_robots=True)
        except Exception:
            # Whatever keeps this file from being read says nothing of the pages, which tell it themselves.
            kept = self._reader.kept(origin)
            return parse_tdm_file(kept.body, origin + _NAME) if kept else TdmFile()
        if file.status < 500:
            self._reader.keep(origin, file)
        return parse_tdm_file(file.body, origin + _NAME)
