"""A feed that redirects to a page of the site is lost, not an address of that page: it is tried until it is back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.month.commands import run_at
from tests.spiders.crawling import rows
from tests.spiders.site_server import Answer, home, page, serving

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def feed(base: str) -> Answer:
    items = "".join(
        f"<item><title>Number {n}</title><link>{base}p{n}/</link><pubDate>0{n} May 2024 08:00:00 GMT</pubDate></item>"
        for n in range(1, 5)
    )
    text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Test</title>{items}</channel></rss>'
    return Answer(text.encode(), headers={"Content-Type": "application/rss+xml"})


@pytest.mark.parametrize("target", ["/", "/p3/"])
def test_a_feed_that_redirects_to_a_page_is_tried_again(tmp_path: Path, target: str) -> None:
    pages: dict[str, Any] = {f"/p{n}/": page(f"Number {n}", date=f"2024-05-0{n}") for n in range(1, 5)}
    pages["/"] = home(*pages, head='<link rel="alternate" type="application/rss+xml" href="/feed/">')
    archive = tmp_path / "output" / "archive.db"
    with serving(pages) as site:

        def crawl(day: float) -> int:
            """Crawl at this day; return how often the feed was requested."""
            site.requests.clear()
            done = run_at(NOW + timedelta(days=day), "crawl", site.url, folder=tmp_path)
            assert done.code == 0, done.err
            return site.requests.count("/feed/")

        def why(day: float) -> dict[str, Any]:
            done = run_at(NOW + timedelta(days=day), "why", f"{site.url}feed/", "--json", folder=tmp_path)
            return dict(json.loads(done.out))

        works, lost = feed(site.url), Answer(b"", 302, {"Location": target})
        pages["/feed/"] = works
        assert (crawl(0), crawl(1)) == (1, 1)
        assert why(1)["due_at"] <= why(1)["fetched_at"]
        pages["/feed/"] = lost
        assert [crawl(day) for day in (2, 2.1, 2.2, 5)] == [1, 1, 1, 1]
        assert rows(archive, "select count(*) from article_urls where url like '%/feed/'") == [(0,)]
        assert why(5.1)["due_at"] <= why(5.1)["fetched_at"]
        assert [crawl(day) for day in (9, 9.2, 10, 10.2)] == [1, 0, 1, 0]
        later = why(10.3)
        assert (later["due_at"][:13], later["article"]) == ("2026-03-11T20", None)
        assert "one a day" in later["due_for"]
        pages["/feed/"] = works
        assert [crawl(day) for day in (11, 11.1)] == [1, 1]
        [status] = json.loads(run_at(NOW + timedelta(days=11.2), "status", "--json", folder=tmp_path).out)
        assert "source" not in {one["code"] for one in status["health"]["findings"]}
