"""What a run keeps of its knowledge about a site's traps if a batch of results is rolled back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver.frontier.trap_budgets import ENOUGH
from archiver.model.items import Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.model.urls import urlkey
from archiver.spiders.crawl_order import CrawlOrder
from archiver.spiders.crawl_run import CrawlRun
from archiver.spiders.page_queue import PageQueue
from archiver.spiders.page_request import page_request
from archiver.spiders.run_ending import RunEnding
from archiver.storage import pages

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


TAGS = [f"{START}tag/t-{n}/" for n in range(40)]


def listing_of(url: str, *posts: str) -> PageResult:
    result = replace(result_of(url, Outcome.NOT_ARTICLE, *posts), kind=PageKind.LISTING)
    return replace(result, possible_posts=tuple(urlkey(post) for post in posts))


def read_until_idle(crawl: Crawl, shows: dict[str, str]) -> list[str]:
    """Answer what is due, and return its URLs. `shows` has the post that a tag page links to."""
    asked = []
    while due := crawl.due(60):
        for page in due:
            asked.append(page.url)
            if "/tag/" in page.url:
                crawl.done(listing_of(page.url, *filter(None, [shows.get(page.url)])))
            elif "/post-" in page.url:
                crawl.done(result_of(page.url, Outcome.ARCHIVED))
            else:
                crawl.done(replace(listing_of(page.url, *TAGS), possible_posts=()))
    return asked


def test_what_a_killed_run_set_aside_is_sampled_by_the_next_one(tmp_path: Path) -> None:
    first = Crawl(tmp_path / "a.db")
    [home] = first.due(60)
    first.done(replace(listing_of(home.url, *TAGS), possible_posts=()))
    for page in first.due(60):
        first.done(listing_of(page.url))
    first.run.traps.sample_set_aside = lambda: False  # type: ignore[method-assign]  # it is killed before that
    assert first.due(60) == []
    first.run.close(RunEnding("interrupted", "killed"))
    second = Crawl(tmp_path / "a.db")
    assert len([url for url in read_until_idle(second, {}) if "/tag/" in url]) == 10
    second.run.close(RunEnding("finished", ""))
    third = Crawl(tmp_path / "a.db")
    assert [url for url in read_until_idle(third, {}) if "/tag/" in url] == []
    third.run.close(RunEnding("finished", ""))


def test_a_hit_in_a_sample_reopens_the_pattern(tmp_path: Path) -> None:
    """The first 10 tags show nothing, each of the other 30 its own post."""
    crawl = Crawl(tmp_path / "a.db")
    shows = {tag: f"{START}post-{n}/" for n, tag in enumerate(TAGS) if n >= 10}
    asked = read_until_idle(crawl, shows)
    assert sorted(url for url in asked if url != START) == sorted([*TAGS, *shows.values()])
    [counts] = crawl.run.traps.set_aside_counts()["pattern-budget: terms"].values()
    assert (counts["pages"], counts["sampled"]) == (0, 10)
    assert counts["hits"] > 0
    assert crawl.run.counts.trapped == 0
    crawl.run.close(RunEnding("finished", ""))


def test_a_partition_of_known_posts_is_read_to_its_end(tmp_path: Path) -> None:
    """All posts are known when the tags are read, but each tag shows one that no other tag has shown."""
    crawl = Crawl(tmp_path / "a.db")
    [home] = crawl.due(60)
    posts = [f"{START}post-{n}/" for n in range(40)]
    crawl.done(replace(listing_of(home.url, *TAGS, *posts), possible_posts=()))
    asked = read_until_idle(crawl, dict(zip(TAGS, posts, strict=True)))
    assert sorted(asked) == sorted([*TAGS, *posts])
    crawl.run.close(RunEnding("finished", ""))


def test_an_entry_of_a_listing_is_fetched_although_its_folder_was_set_aside(tmp_path: Path) -> None:
    crawl = Crawl(tmp_path / "a.db")
    crawl.run.traps.sample_set_aside = lambda: False  # type: ignore[method-assign]  # so that only the listing helps
    rooms = [f"{START}rooms/room-{n}" for n in range(60)]
    post, other = f"{START}rooms/the-post", f"{START}rooms/the-other"
    [home] = crawl.due(60)
    crawl.done(replace(listing_of(home.url, *rooms, post, other, TAGS[0]), possible_posts=()))
    asked = []
    while due := crawl.due(60):
        for page in due:
            asked.append(page.url)
            entry = DiscoveredURL(post, DiscoverySource.LISTING, found_on=page.url)
            if "/tag/" in page.url:
                crawl.done(replace(listing_of(page.url), targets=(entry,)))
            else:
                crawl.done(replace(result_of(page.url, Outcome.NOT_ARTICLE), kind=PageKind.PAGE))
    assert sorted(asked) == sorted([*rooms[:50], TAGS[0], post])
    assert crawl.run.counts.trapped == 11
    crawl.run.close(RunEnding("finished", ""))
