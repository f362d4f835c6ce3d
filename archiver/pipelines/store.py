"""The last pipeline: visits become rows, in batches, in the order they came."""

from __future__ import annotations

from typing import Any, Self

from scrapy.crawler import Crawler

from archiver.errors import ArchiverError
from archiver.items import Visit


class StorePipeline:
    """Hands each visit to the session's writer, which finds what is the same post and stores it once.

    An archive that cannot be written (a full disk, a lost folder) ends the crawl: what was found and
    not written is still due in the ledger and comes at the next one.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_item(self, item: Visit) -> Visit:
        spider: Any = self._crawler.spider
        if not spider.halted:
            try:
                spider.session.done(item)
            except ArchiverError as fault:
                spider.halt(fault)
        return item
