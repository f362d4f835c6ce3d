"""A sitemap that gives only the day of a post's last change: what is edited after the fetch on that day is found."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.discovery.source_hints import MIN_CLAIMS, dates_claim, is_build_day
from archiver.frontier.fetch_order import next_day_end
from archiver.model.items import DiscoverySource
from tests.month.commands import run_at
from tests.spiders.site_server import SiteServer, home, page, serving
from tests.spiders.test_faults import rows
from tests.spiders.test_incremental import sitemap, with_base

DAY = datetime(2026, 3, 10, tzinfo=UTC)
EDITED = page("Title today", "The author corrected this in the evening of the same day. " * 9)


def crawl_at(at: datetime, site: SiteServer, folder: Path) -> list[str]:
    """Crawl at this time; return the posts that were requested."""
    site.requests.clear()
    site.asked.clear()
    done = run_at(at, "crawl", site.url, "--archive", "a.db", folder=folder)
    assert done.code == 0, done.err
    return sorted(path for path in site.requests if path.startswith("/post") or path == "/today/")


def few_posts(**days: str) -> dict[str, Any]:
    """Return a site of these posts, old ones, each with a validator."""
    found: dict[str, Any] = {"/": home(*(f"/{name.replace('_', '-')}/" for name in days))}
    for name in days:
        path = f"/{name.replace('_', '-')}/"
        found[path] = page(f"Title {path.strip('/')}")
        found[path].headers["ETag"] = f'"{name}"'
    return found


@pytest.mark.parametrize("hour", [2, 9, 13, 23])
def test_an_edit_after_the_fetch_of_that_day_is_found_by_the_next_days_crawl(tmp_path: Path, hour: int) -> None:
    days = {"today": "2026-03-10", "post_1": "2026-01-05"}
    pages = few_posts(**days)
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        crawl_at(DAY + timedelta(hours=hour), site, tmp_path)
        pages["/today/"] = EDITED
        crawl_at(DAY + timedelta(days=1, hours=hour), site, tmp_path)
    assert rows(tmp_path / "a.db", "select changed from revisions where revision = 2") == [('["body"]',)]


def test_an_edit_in_the_last_hours_of_the_day_in_the_west_is_found_when_the_day_has_ended_everywhere(
    tmp_path: Path,
) -> None:
    days = {"today": "2026-03-10"}
    pages = few_posts(**days)
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        crawl_at(DAY + timedelta(hours=20), site, tmp_path)
        assert crawl_at(DAY + timedelta(hours=25), site, tmp_path) == ["/today/"]
        pages["/today/"] = EDITED
        assert crawl_at(DAY + timedelta(hours=35), site, tmp_path) == []
        assert crawl_at(DAY + timedelta(hours=37), site, tmp_path) == ["/today/"]
    assert rows(tmp_path / "a.db", "select count(*) from revisions where revision = 2") == [(1,)]


def test_an_unchanged_post_costs_one_conditional_request_once_and_an_old_one_none(tmp_path: Path) -> None:
    days = {"today": "2026-03-10", "post_1": "2026-01-05", "post_2": "2026-03-08T15:10:00Z"}
    pages = few_posts(**days)
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        noon = DAY + timedelta(hours=13)
        assert crawl_at(noon, site, tmp_path) == ["/post-1/", "/post-2/", "/today/"]
        assert crawl_at(noon + timedelta(hours=6), site, tmp_path) == []
        assert crawl_at(noon + timedelta(days=1), site, tmp_path) == ["/today/"]
        [asked] = [one for one in site.asked if one["path"] == "/today/"]
        assert asked["if-none-match"] == '"today"'
        assert [crawl_at(noon + timedelta(days=n), site, tmp_path) for n in (2, 3, 9)] == [[], [], []]


def test_a_time_of_change_with_an_hour_is_not_looked_at_again(tmp_path: Path) -> None:
    days = {"today": "2026-03-10T07:20:00Z"}
    pages = few_posts(**days)
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        crawl_at(DAY + timedelta(hours=13), site, tmp_path)
        assert crawl_at(DAY + timedelta(days=1, hours=13), site, tmp_path) == []


def test_the_day_on_which_a_whole_site_was_built_costs_nothing(tmp_path: Path) -> None:
    names = [f"post_{n}" for n in range(MIN_CLAIMS + 4)]
    pages = few_posts(**dict.fromkeys(names, ""))
    asked = []
    with serving(pages) as site:
        noon = DAY + timedelta(hours=13)
        for built, crawled in ((0, 0), (0, 1), (2, 2), (3, 3), (4, 4), (4, 5)):
            day = f"{DAY + timedelta(days=built):%F}"
            pages["/sitemap.xml"] = with_base(sitemap(**dict.fromkeys(names, day)), site.url)
            asked.append(len(crawl_at(noon + timedelta(days=crawled), site, tmp_path)))
            if not crawled:
                run_at(noon, "sites", "set", site.url, "sample_posts=0", "--archive", "a.db", folder=tmp_path)
    assert asked[:2] == [len(names), 0]
    assert asked[2] >= MIN_CLAIMS  # each post is said to have changed, and none has: the dates are no longer believed
    assert asked[3:] == [0, 0, 0]


def test_one_post_of_the_day_among_many_is_looked_at_again(tmp_path: Path) -> None:
    days = dict.fromkeys([f"post_{n}" for n in range(MIN_CLAIMS + 4)], "2026-01-05") | {"today": "2026-03-10"}
    pages = few_posts(**days)
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        crawl_at(DAY + timedelta(hours=13), site, tmp_path)
        assert crawl_at(DAY + timedelta(days=1, hours=13), site, tmp_path) == ["/today/"]


@pytest.mark.parametrize("is_believed", [True, False], ids=["believed", "proved false"])
def test_days_of_a_source_count_only_while_its_dates_are_believed(tmp_path: Path, is_believed: bool) -> None:
    days = {"post_1": "2026-01-05"}
    pages = few_posts(**days)
    noon = DAY + timedelta(hours=13)
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        crawl_at(noon - timedelta(days=1), site, tmp_path)
        run_at(DAY, "sites", "set", site.url, "sample_posts=0", "--archive", "a.db", folder=tmp_path)
        false = {} if is_believed else {dates_claim(DiscoverySource.SITEMAP): DAY.isoformat()}
        db = sqlite3.connect(tmp_path / "a.db")
        with closing(db), db:
            db.execute("update sites set untrusted = ?", [json.dumps(false)])
        days["today"] = "2026-03-10"
        pages |= few_posts(**days)
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        assert crawl_at(noon, site, tmp_path) == ["/today/"]
        assert crawl_at(noon + timedelta(days=1), site, tmp_path) == (["/today/"] if is_believed else [])


def test_why_says_when_the_post_is_due_and_why(tmp_path: Path) -> None:
    days = {"today": "2026-03-10"}
    pages = few_posts(**days)
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        crawl_at(DAY + timedelta(hours=13), site, tmp_path)
        done = run_at(DAY, "why", f"{site.url}today/", "--archive", "a.db", "--json", folder=tmp_path)
    said = json.loads(done.out)
    assert said["due_at"].startswith("2026-03-11T00:00:00")
    assert said["due_for"] == "its last change has only a day, which had not ended at the last fetch"


def test_a_crawl_that_was_killed_leaves_no_post_of_that_day_out(tmp_path: Path) -> None:
    days = {"today": "2026-03-10"}
    pages = few_posts(**days)
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        crawl_at(DAY + timedelta(hours=13), site, tmp_path)
        db = sqlite3.connect(tmp_path / "a.db")
        with closing(db), db:  # as before the end of the run
            db.execute("update pages set due_at = '2026-04-09T13:00:00.000000+00:00' where url like '%/today/'")
        assert crawl_at(DAY + timedelta(days=1, hours=13), site, tmp_path) == ["/today/"]


@pytest.mark.parametrize(
    ("fetched", "due"),
    [(10, 24), (23, 24), (24, 36), (35, 36), (36, None), (-12, 24)],  # -12: the day had begun in zones ahead of UTC
)
def test_a_post_is_due_when_its_day_has_ended_in_utc_and_then_everywhere(fetched: int, due: int | None) -> None:
    expected = None if due is None else DAY + timedelta(hours=due)
    assert next_day_end(DAY, DAY + timedelta(hours=fetched)) == expected


def test_a_time_of_day_is_the_time_of_the_change() -> None:
    assert next_day_end(DAY + timedelta(hours=9), DAY + timedelta(hours=10)) is None


def test_a_day_is_that_of_a_build_if_most_of_many_posts_share_it() -> None:
    assert is_build_day(MIN_CLAIMS, MIN_CLAIMS)
    assert is_build_day(51, 100)
    assert not is_build_day(50, 100)
    assert not is_build_day(MIN_CLAIMS - 1, MIN_CLAIMS - 1)
