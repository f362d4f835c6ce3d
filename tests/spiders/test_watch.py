"""What a run keeps of its knowledge about a site's traps if a batch of results is rolled back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver.frontier.redundant_urls import ENOUGH
from archiver.items import Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.spiders.crawl_run import CrawlOrder, CrawlRun
from archiver.spiders.page_queue import PageQueue
from archiver.spiders.page_request import page_request
from archiver.spiders.run_ending import RunEnding
from archiver.storage import pages
from archiver.urls import urlkey

START = "http://a.example/"
POSTS = [f"{START}post-{n}/" for n in range(9)]


def result_of(url: str, outcome: Outcome, *urls: str, to: str = "") -> PageResult:
    targets = tuple(DiscoveredURL(other, DiscoverySource.LINK, PageKind.UNKNOWN) for other in urls)
    article = Article(url=url, title=f"Title {url}", body=f"What stands at {url} and nowhere else. " * 9)
    return PageResult(
        url,
        to or url,
        datetime.now(UTC),
        outcome,
        PageKind.POST,
        status=200,
        targets=targets,
        article=article if outcome is Outcome.ARCHIVED else None,
    )


class Crawl:
    """A run whose requests are answered and stored without a network."""

    def __init__(self, archive: Path) -> None:
        self.run = CrawlRun(archive, CrawlOrder(START))
        self.queue = PageQueue(self.run)
        self.due = self.queue.take

    def done(self, result: PageResult) -> None:
        self.run.writer.add(result)
        self.queue.mark_finished(result)


def test_what_a_rolled_back_batch_noted_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages show that ?lang= makes no difference, in a batch that fails because of another page. They count as
    three.
    """
    crawl = Crawl(tmp_path / "a.db")
    write: Any = pages.record_result

    def record_result(db: Any, result: PageResult, **rest: Any) -> None:
        if result.outcome is Outcome.OUT_OF_SCOPE:
            raise ValueError("it cannot be stored")
        write(db, result, **rest)

    monkeypatch.setattr(pages, "record_result", record_result)
    [home] = crawl.due(60)
    crawl.done(result_of(home.url, Outcome.NOT_ARTICLE, *POSTS))
    for job in crawl.due(60):
        crawl.done(result_of(job.url, Outcome.ARCHIVED, *(f"{url}?lang=de" for url in POSTS)))
    twins = [job.url for job in crawl.due(60)]
    assert len(twins) == ENOUGH
    for url in twins[:3]:
        crawl.done(result_of(url, Outcome.DUPLICATE, to=url.partition("?")[0]))
    crawl.done(result_of(twins[3], Outcome.OUT_OF_SCOPE))
    # One requested page is still pending; one more confirmation would suffice.
    assert len(crawl.due(60)) == 1
    assert (crawl.run.counts.failed, crawl.run.counts.trapped) == (1, 0)
    crawl.run.close(RunEnding("finished", ""))


@pytest.mark.parametrize("lists_posts", [True, False])
def test_a_failed_source_worked_before_if_it_listed_something(lists_posts: bool, tmp_path: Path) -> None:
    """A guessed source that was busy once did not work before, so nothing is missing from it."""
    sitemap = f"{START}sitemap.xml"
    crawl = Crawl(tmp_path / "a.db")
    [home] = crawl.due(60)
    there = DiscoveredURL(sitemap, DiscoverySource.SEED, PageKind.SITEMAP)
    crawl.done(replace(result_of(home.url, Outcome.NOT_ARTICLE), targets=(there,)))
    [job] = crawl.due(60)
    posts = tuple(DiscoveredURL(post, DiscoverySource.SITEMAP, found_on=sitemap) for post in POSTS if lists_posts)
    crawl.done(replace(result_of(job.url, Outcome.FAILED), kind=PageKind.SITEMAP, status=503, targets=posts))
    crawl.run.writer.flush()
    row = pages.page_row(crawl.run.db, urlkey(sitemap))
    assert row is not None
    assert row["attempts"] == 1
    assert page_request(row, "", full=False).worked is lists_posts
