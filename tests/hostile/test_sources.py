"""A site cannot keep a crawl from its posts by naming more and more discovery sources."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from archiver.learning.site_model import SiteModel
from archiver.model.items import DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.model.urls import Scope, urlkey
from archiver.spiders import page_queue
from archiver.spiders.crawl_order import CrawlOrder
from archiver.spiders.crawl_run import CrawlRun
from archiver.spiders.page_queue import PageQueue
from archiver.spiders.page_request import FetchedPage, PageRequest
from archiver.spiders.parse_response import parse_page
from archiver.spiders.run_ending import RunEnding

START = "http://a.example/"


def test_sources_without_end_leave_room_for_posts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_queue, "SOURCES_FIRST", 20)
    run = CrawlRun(tmp_path / "a.db", CrawlOrder(START))
    queue = PageQueue(run)
    targets = (
        *(DiscoveredURL(f"{START}{n}.xml", DiscoverySource.SITEMAP, PageKind.SITEMAP) for n in range(1_000)),
        *(DiscoveredURL(f"{START}post-{n}/", DiscoverySource.LINK, PageKind.POST) for n in range(30)),
    )
    asked: list[PageRequest] = []
    while len([job for job in asked if job.kind is PageKind.POST]) < 30:
        jobs = queue.take(8)
        assert jobs
        assert len(asked) < 200
        asked += jobs
        for job in jobs:
            visit = PageResult(
                job.url,
                job.url,
                datetime.now(UTC),
                Outcome.GONE,
                job.kind,
                status=404,
                targets=targets if job.is_seed else (),
            )
            run.writer.add(visit)
            queue.mark_finished(visit)
    run.close(RunEnding("finished", ""))
    assert asked[0].is_seed
    assert all(job.is_source for job in asked[:20])


def test_an_oversized_etag_is_dropped() -> None:
    page = PageRequest(1, START, urlkey(START), PageKind.UNKNOWN)
    headers = {"etag": '"' + "x" * 60_000 + '"', "last-modified": "Wed, 01 May 2024 10:00:00 GMT"}
    fetched = FetchedPage(START, 404, headers, b"", datetime.now(UTC))
    result = parse_page(fetched, page, SiteModel(Scope.of(START))).result
    assert (result.etag, result.last_modified) == ("", headers["last-modified"])
