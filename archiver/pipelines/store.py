"""The pipelines of a page result, in the order of ITEM_PIPELINES: validate, identify, revise, store.

What identify and revise decide depends on rows that the results before them have just written, so their functions run
inside the transaction of a batch: each pipeline names its function, and `StorePipeline` has the batch call them in the
order of the settings. A transaction that was open from the first item to the last would lock out other processes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from scrapy.crawler import Crawler

from archiver.articles.validation import validate_article
from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.items import PageResult
from archiver.storage import page_writer
from archiver.storage.page_writer import Storing, StoringRun


class ValidatePipeline:
    """Cleans the article of a visit by `record.validate`; the visit's reason says what was dropped."""

    def process_item(self, item: Any) -> Any:
        if not isinstance(item, PageResult) or item.article is None:
            return item
        article, problems = validate_article(item.article, item.at)
        return replace(item, article=article, reason="; ".join(filter(None, (item.reason, *problems))))


class BatchPipeline:
    """A pipeline whose function runs in the transaction of the batch that an item is stored with."""

    def stage(self, run: StoringRun, storing: Storing) -> None:
        """What is done to an item inside the transaction."""
        raise NotImplementedError

    def process_item(self, item: Any) -> Any:
        return item


class IdentifyPipeline(BatchPipeline):
    """Finds out which post a page is (a page of another post, a removed one) and whether it redirects in a loop."""

    def stage(self, run: StoringRun, storing: Storing) -> None:
        page_writer.identify(run, storing)


class RevisePipeline(BatchPipeline):
    """Stores the article: a new one, a new revision, another address, a duplicate of its text, a post that is gone."""

    def stage(self, run: StoringRun, storing: Storing) -> None:
        page_writer.revise(run, storing)


class StorePipeline:
    """Enters what a page lists, has the stages before it run, and records the outcome: a batch in one transaction.

    An archive that cannot be written (a full disk, a lost folder) ends the crawl: what was found and not written is
    still due in the pages table. Items of a crawl without an archive pass.
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
            self._archive.run.writer.stages = (page_writer.enter, *stages, page_writer.record)

    def process_item(self, item: Any) -> Any:
        if self._archive is not None and isinstance(item, PageResult) and not self._archive.halted:
            with self._archive.guarded():
                self._archive.store(item)
        return item
