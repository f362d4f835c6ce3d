"""The Scrapy pipelines that a page result passes, in the order of ITEM_PIPELINES."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from scrapy.crawler import Crawler

from archiver.articles.impossible_values import drop_impossible_values
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.model.items import PageResult


class ValidatePipeline:
    """Removes impossible values from a result's article (`drop_impossible_values`), and adds to the result's reason
    what was removed.
    """

    def process_item(self, item: Any) -> Any:
        if not isinstance(item, PageResult) or item.article is None:
            return item
        article, problems = drop_impossible_values(item.article, item.at)
        return replace(item, article=article, reason="; ".join(filter(None, (item.reason, *problems))))


class StorePipeline:
    """Gives results to the run, which stores them in batches: what becomes of a page depends on the rows of the pages
    before it, and SQLite has one writer, so that deciding and storing share the transaction of a batch
    (`storage.page_writer`).

    If the archive cannot be written (a full disk, a missing folder), the crawl ends; results that were not written are
    still due in the pages table. In a crawl without an archive, items pass through unchanged.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._archive = crawler.get_extension(ArchiveExtension)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_item(self, item: Any) -> Any:
        if self._archive is not None and isinstance(item, PageResult) and not self._archive.halted:
            with self._archive.guarded():
                self._archive.store(item)
        return item
