"""The Scrapy pipelines that store a page result, in the order of ITEM_PIPELINES: validate, identify, guard, revise,
store.

The decisions of identify, guard and revise depend on rows that earlier results have just written, so they run inside
the transaction that stores a batch. Each pipeline therefore has a `stage`, and `StorePipeline` lets the batch call the
stages in the order of the settings. A single transaction for the whole crawl would lock out other processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Self

from scrapy.crawler import Crawler

from archiver.articles.impossible_values import drop_impossible_values
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.items import PageResult
from archiver.storage import page_result_writer
from archiver.storage.page_result_writer import Storing, StoringRun


class ValidatePipeline:
    """Removes impossible values from a result's article (`drop_impossible_values`), and adds to the result's reason
    what was removed.
    """

    def process_item(self, item: Any) -> Any:
        if not isinstance(item, PageResult) or item.article is None:
            return item
        article, problems = drop_impossible_values(item.article, item.at)
        return replace(item, article=article, reason="; ".join(filter(None, (item.reason, *problems))))


class BatchPipeline(ABC):
    """Base class of the pipelines that do their work in `stage`, which is called within the transaction that stores the
    item's batch. `process_item` only passes the item on.
    """

    @abstractmethod
    def stage(self, run: StoringRun, storing: Storing) -> None:
        """Processes one page result (`storing.result`) within the transaction that stores its batch."""

    def process_item(self, item: Any) -> Any:
        return item


class IdentifyPipeline(BatchPipeline):
    """Determines what a page is: an article (and which one), a further part of another post, a post that was removed by
    a takedown, or the end of a redirect loop.
    """

    def stage(self, run: StoringRun, storing: Storing) -> None:
        page_result_writer.identify(run, storing)


class GuardPipeline(BatchPipeline):
    """Holds a page whose new content must not replace the stored post until it is confirmed."""

    def stage(self, run: StoringRun, storing: Storing) -> None:
        page_result_writer.guard(run, storing)


class RevisePipeline(BatchPipeline):
    """Updates the article tables with a result: a new article, a new revision, another alias, a duplicate, or a post
    that is gone.
    """

    def stage(self, run: StoringRun, storing: Storing) -> None:
        page_result_writer.revise(run, storing)


class StorePipeline:
    """Writes results in batches: one transaction stores the URLs found on the pages, runs the stages, and sets the
    outcomes.

    If the archive cannot be written (a full disk, a missing folder), the crawl ends; results that were not written are
    still due in the pages table. In a crawl without an archive, items pass through unchanged.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._archive = crawler.get_extension(ArchiveExtension)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def open_spider(self) -> None:
        if self._archive is not None and self._crawler.engine is not None:
            pipelines = self._crawler.engine.scraper.itemproc.middlewares
            stages = (pipeline.stage for pipeline in pipelines if isinstance(pipeline, BatchPipeline))
            self._archive.run.writer.stages = (page_result_writer.enter, *stages, page_result_writer.record)

    def process_item(self, item: Any) -> Any:
        if self._archive is not None and isinstance(item, PageResult) and not self._archive.halted:
            with self._archive.guarded():
                self._archive.store(item)
        return item
