"""The post count of a WordPress API: if one post is added and one deleted, the deletion is still detected."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.spiders.crawling import let_a_day_pass
from tests.spiders.site_server import Answer, SiteServer, home, page, serving
from tests.spiders.test_faults import counts, rows

API = "/wp-json/wp/v2/posts"


class WordPress(dict[str, Any]):
    """Pages, and the API's lists of `posts` (number: day of change), a hundred per list."""

    def __init__(self, numbers: range) -> None:
        super().__init__({"/": home("/1/", head="<link rel='https://api.w.org/' href='/wp-json/'>")})
        self.posts: dict[int, str] = {}
        self.dates: dict[int, str] = {}
        self.titles: dict[int, str] = {}
        for number in numbers:
            self.add(number, "2024-05-01")

    def add(self, number: int, day: str) -> None:
        self.posts[number] = self.dates[number] = day
        self[f"/{number}/"] = page(f"Title {number}", date=day)

    def get(self, key: str, default: Any = None) -> Any:
        target = urlsplit(key)
        if target.path != API:
            return super().get(key, default)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        since = query.get("modified_after", "")
        changed = [n for n in sorted(self.posts) if self.posts[n] > since]
        at = 100 * (int(query["page"]) - 1)
        listed = [
            {
                "id": n,
                "link": f"/{n}/",
                "title": {"rendered": self.titles.get(n, f"Title {n}")},
                **{
                    f"{when}{zone}": f"{days[n]}T08:00:00"
                    for when, days in (("date", self.dates), ("modified", self.posts))
                    for zone in ("", "_gmt")
                },
            }
            for n in changed[at : at + 100]
        ]
        return Answer(
            json.dumps(listed).encode(),
            headers={
                "Content-Type": "application/json",
                "X-WP-Total": str(len(changed)),
                "X-WP-TotalPages": str((len(changed) + 99) // 100),
            },
        )


def test_a_deleted_post_is_noticed_although_another_was_added(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = WordPress(range(1, 103))
    with serving(pages) as site:
        assert counts(site.url, archive=archive)["new"] == 102
        site.requests.clear()
        assert counts(site.url, archive=archive)["gone"] == 0
        assert not [
            r for r in site.requests if "orderby=id" in r and "page=2" in r
        ]  # the count agrees, so the list is not read
        del pages.posts[50], pages["/50/"]
        pages.add(200, "2999-01-01")
        second = counts(site.url, archive=archive)
        assert (second["new"], second["gone"]) == (1, 0)
        let_a_day_pass(archive)
        assert counts(site.url, archive=archive)["gone"] == 1
    assert rows(archive, "select url from articles where gone_at is not null") == [(f"{site.url}50/",)]


def make_older(archive: Path) -> None:
    """Let the last crawl have been a day earlier."""
    with closing(sqlite3.connect(archive)) as db, db:
        db.execute("update pages set fetched_at = datetime(fetched_at, '-1 day') || '+00:00'")


def crawl_with_wrong_titles(site: SiteServer, pages: WordPress, archive: Path, day: str) -> None:
    """Crawl a site, and a day later again, when its API says that all posts changed on this day and are drafts."""
    counts(site.url, archive=archive)
    make_older(archive)
    pages.posts = dict.fromkeys(pages.posts, day)
    pages.titles = {n: f"Draft {n} of the editors" for n in pages.posts}
    counts(site.url, archive=archive)
    assert rows(archive, "select distinct rule from held_pages") == [("unshown",)]
    assert rows(archive, "select title from articles order by url") == [(f"Title {n}",) for n in pages.posts]
    pages.titles.clear()


def check_repaired(archive: Path, pages: WordPress) -> None:
    hints = rows(archive, "select hint ->> '$.title' from source_hints where digests is not null order by page_id")
    assert hints == [(f"Title {n}",) for n in pages.posts]
    assert rows(archive, "select count(*) from held_pages") == [(0,)]


def test_values_of_an_api_that_was_restored_from_a_backup_are_read_again(tmp_path: Path) -> None:
    archive, pages = tmp_path / "a.db", WordPress(range(1, 4))
    with serving(pages) as site:
        crawl_with_wrong_titles(site, pages, archive, f"{datetime.now(UTC):%F}")
        make_older(archive)
        pages.posts = dict.fromkeys(pages.posts, "2024-05-01")
        counts(site.url, archive=archive)
    check_repaired(archive, pages)


def test_an_api_is_asked_again_for_posts_whose_values_are_held(tmp_path: Path) -> None:
    archive, pages = tmp_path / "a.db", WordPress(range(1, 4))
    with serving(pages) as site:
        crawl_with_wrong_titles(site, pages, archive, f"{datetime.now(UTC) - timedelta(days=4):%F}")
        counts(site.url, archive=archive)  # else it would ask for the changes of the last day, among which no post is
    check_repaired(archive, pages)
