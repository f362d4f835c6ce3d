"""Bugs of the program at the start of a crawl: each is reported in one sentence, and no crawl hangs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scrapy.crawler import Crawler
from scrapy.settings import Settings

from archiver.extensions import shared_crawl_state
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.spiders import crawl_run as crawl_run
from archiver.spiders.crawl_order import CrawlOrder
from archiver.spiders.crawl_run import CrawlRun
from archiver.spiders.site_spider import SiteSpider
from archiver.storage.transactions import lock_site
from tests.processes import run
from tests.spiders.breaking import burst
from tests.spiders.crawling import crawl, last_run, rows
from tests.spiders.site_server import home, page, serving

PAGES: dict[str, Any] = {"/": home("/one/"), "/one/": page("The first")}


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("archiver.scheduling.crawl_pool", "Crawler"),
        ("archiver.spiders.crawl_run", "CrawlRun.__init__"),
        ("archiver.spiders.crawl_run", "TrapDetector"),
        ("archiver.extensions.shared_crawl_state", "OutageGuard"),
        ("archiver.middlewares", "LimitsMiddleware.from_crawler"),
        ("archiver.spiders.page_queue", "PageQueue.take"),
    ],
)
def test_each_run_has_failed_with_one_sentence_and_the_next_goes_on(
    tmp_path: Path, module: str, attribute: str
) -> None:
    archive = tmp_path / "a.db"
    with serving(PAGES) as one, serving(PAGES) as other:
        done = run(
            "tests.spiders.breaking",
            module,
            attribute,
            "crawl",
            one.url,
            other.url,
            "--quiet",
            "--archive",
            str(archive),
        )
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 2
        for url in (one.url, other.url):
            [error] = [line for line in done.stderr.splitlines() if f" {url} " in line]
            assert all(part in error for part in ("(RuntimeError: it burst)", "log/crawl.log"))
        if attribute not in ("Crawler", "CrawlRun.__init__"):  # before that there is no run
            assert (
                rows(archive, "select outcome, reason like '%(RuntimeError: it burst)%' from runs")
                == [("failed", 1)] * 2
            )
        assert "Traceback" in (tmp_path / "log" / "crawl.log").read_text()
        assert crawl(one.url, archive=archive).returncode == 0
    assert last_run(archive) == ("finished", "")


@pytest.mark.parametrize(("module", "name"), [(crawl_run, "TrapDetector"), (shared_crawl_state, "OutageGuard")])
def test_the_lock_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    archive = tmp_path / "a.db"
    monkeypatch.setattr(module, name, burst)
    crawler = Crawler(SiteSpider, Settings({"ARCHIVE_PATH": str(archive)}))
    crawler.spider = SiteSpider.from_crawler(crawler, url="http://127.0.0.1:9/")
    with pytest.raises(RuntimeError, match="it burst"):
        ArchiveExtension.from_crawler(crawler)
    lock_site(archive, "127.0.0.1:9").close()
    assert last_run(archive)[0] == "failed"


def test_a_run_that_cannot_be_closed_properly_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archiver.spiders.run_ending import RunEnding

    archive = tmp_path / "a.db"
    opened = CrawlRun(archive, CrawlOrder("http://127.0.0.1:9/"))
    monkeypatch.setattr(opened.learning, "finish", burst)
    opened.close(RunEnding("finished", ""))
    assert opened.result is not None
    assert opened.result.outcome == "failed"
    assert "RuntimeError: it burst" in opened.result.reason
    lock_site(archive, "127.0.0.1:9").close()
