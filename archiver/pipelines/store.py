"""The last pipeline: visits become rows, in batches, in the order they came."""

from __future__ import annotations

import sqlite3
from typing import Self

from scrapy.crawler import Crawler

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

    async def process_item(self, item: Visit) -> Visit:
        spider = self._crawler.spider
        try:
            spider.session.done(item)  # type: ignore[union-attr]
        except sqlite3.Error as error:
            spider.fatal = f"The archive cannot be written: {error}."  # type: ignore[union-attr]
            assert self._crawler.engine is not None
            await self._crawler.engine.close_spider_async(reason="archive-not-writable")
        return item
