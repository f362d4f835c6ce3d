"""Later runs: views of a page that have led to no post are sampled, and a run says that it finishes a full crawl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archiver.frontier.trap_budgets import FEW_VIEWS
from tests.spiders.crawling import crawl
from tests.spiders.site_server import Answer, SiteServer, home, page, serving
from tests.spiders.test_faults import counts, rows

VIEWS = [f"/diary.html?mes={2020 + n // 12}-{n % 12 + 1:02}" for n in range(40)]
POSTS = [f"/post-{n}/" for n in range(40)]


def month(number: int, *paths: str) -> Answer:
    links = "".join(f'<a href="{path}">{path}</a> ' for path in paths)
    return Answer(f"<html><head><title>Diary {number}</title></head><body><table><tr><td>{links}</td></tr></table>"
                  "</body></html>".encode())  # fmt: skip


def front(*views: str) -> Answer:
    """Return a home page that lists the posts, with a menu of these views."""
    menu = "".join(f'<a href="{path}">{n}</a> ' for n, path in enumerate(views))
    return Answer(home(*POSTS).body.replace(b"</body>", f"<nav>{menu}</nav></body>".encode()))


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[tuple[SiteServer, Path]]:
    """A crawled site with a list of all posts and a diary, each month of which shows one of them."""
    pages: dict[str, Any] = {
        "/": front(*VIEWS),
        **{path: page(f"Title {path}") for path in POSTS},
        **{path: month(n, POSTS[n]) for n, path in enumerate(VIEWS)},
    }
    archive = tmp_path / "a.db"
    with serving(pages) as site:
        assert counts(site.url, archive=archive)["new"] == len(POSTS)
        assert read(site) == set(VIEWS)
        site.requests.clear()
        yield site, archive


def read(site: SiteServer) -> set[str]:
    return {path for path in site.requests if path.startswith("/diary")}


def test_views_that_led_to_no_post_are_sampled_by_later_runs(diary: tuple[SiteServer, Path]) -> None:
    site, archive = diary
    done = counts(site.url, "--full", archive=archive)
    assert done["unchanged"] == len(POSTS)
    assert len(read(site)) == FEW_VIEWS


def test_if_one_of_them_leads_to_an_unknown_post_all_are_read(diary: tuple[SiteServer, Path]) -> None:
    site, archive = diary
    hidden = [f"/hidden-{n}/" for n in range(len(VIEWS))]
    site.pages |= {path: page(f"Title {path}") for path in hidden}
    site.pages |= {path: month(n, POSTS[n], hidden[n]) for n, path in enumerate(VIEWS)}
    assert counts(site.url, "--full", archive=archive)["new"] == len(hidden)
    assert read(site) == set(VIEWS)


def test_views_one_of_which_was_the_way_to_a_post_are_read_again(diary: tuple[SiteServer, Path]) -> None:
    site, archive = diary
    site.pages |= {"/hidden/": page("Hidden"), "/diary.html?mes=2031-01": month(90, "/hidden/")}
    site.pages["/"] = front(*VIEWS, "/diary.html?mes=2031-01")
    assert counts(site.url, archive=archive)["new"] == 1
    site.requests.clear()
    counts(site.url, "--full", archive=archive)
    assert read(site) == {*VIEWS, "/diary.html?mes=2031-01"}


def test_few_new_views_are_read(diary: tuple[SiteServer, Path]) -> None:
    site, archive = diary
    more = [f"/diary.html?mes={1990 + n // 12}-{n % 12 + 1:02}" for n in range(120)]
    site.pages |= {path: month(100 + n, *more[n + 1 : n + 2]) for n, path in enumerate(more)}
    site.pages["/"] = front(*VIEWS, more[0])
    counts(site.url, archive=archive)
    assert FEW_VIEWS <= len(read(site)) <= FEW_VIEWS + 1


def test_a_run_that_finishes_a_full_crawl_says_so(diary: tuple[SiteServer, Path]) -> None:
    site, archive = diary
    whole = dict(site.pages)
    site.pages |= dict.fromkeys(whole, Answer(b"", 502))
    assert counts(site.url, "--full", archive=archive)["outcome"] == "failed"
    site.pages |= whole
    said = crawl(site.url, archive=archive).stdout
    assert "this run also fetched what the 'crawl --full' of" in said
    assert rows(archive, "select mode from runs order by id desc limit 1") == [("incremental",)]
    assert "this run also fetched" not in crawl(site.url, archive=archive).stdout
