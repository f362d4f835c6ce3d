"""The numbers that people see count what is there: after an undone run, a merge, a removal, a crawl that was cut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.spiders.crawling import archiver, crawl, rows, text
from tests.spiders.site_server import Answer, Pages, SiteServer, home, page, serving
from tests.spiders.test_full_text import application

COUNT = 6
POSTS = [f"/post-{n}/" for n in range(COUNT)]


def posts(*paths: str) -> Pages:
    return {path: page(f"Tale {path.strip('/')}", f"The keeper of {path} counted the boats. " * 12) for path in paths}


@pytest.fixture
def blog(tmp_path: Path) -> Iterator[tuple[SiteServer, Path]]:
    archive = tmp_path / "archive.db"
    with serving({"/": home(*POSTS), **posts(*POSTS)}) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        yield site, archive


def state_of(archive: Path, site: str) -> dict[str, Any]:
    [state] = json.loads(archiver("status", site, "--json", archive=archive).stdout)
    assert isinstance(state, dict)
    return state


def new_this_week(archive: Path) -> list[int]:
    return [
        one["articles"]["new_this_week"] for one in json.loads(archiver("status", "--json", archive=archive).stdout)
    ]


def test_undoing_a_run_names_what_it_takes_away_and_needs_a_yes(blog: tuple[SiteServer, Path]) -> None:
    _, archive = blog
    refused = archiver("runs", "undo", "1", archive=archive)
    assert refused.returncode == 2
    assert "Undoing run 1 needs --yes" in refused.stderr
    planned = archiver("runs", "undo", "1", "--dry-run", archive=archive).stdout
    for said in (refused.stderr, planned):
        assert all(f"withdrawn: Tale post-{n}" in said for n in range(COUNT))
    assert rows(archive, "select count(*) from withdrawn_articles") == [(0,)]
    assert archiver("runs", "undo", "1", "--yes", archive=archive).returncode == 0
    assert rows(archive, "select count(*) from withdrawn_articles") == [(COUNT,)]


def test_what_a_run_stored_that_was_undone_is_neither_archived_nor_a_page_that_is_no_post(
    blog: tuple[SiteServer, Path],
) -> None:
    site, archive = blog
    archiver("runs", "undo", "1", "--yes", archive=archive)
    state = state_of(archive, site.url)
    assert (state["articles"]["all"], state["posts"]["archived"], state["withdrawn"]) == (0, 0, COUNT)
    assert [re.sub(r"\d{4}.*UTC", "*", reason) for reason in state["withdrawn_because"]] == [
        "the run of *, which stored it, was undone"
    ]
    shown = archiver("status", site.url, archive=archive).stdout
    assert "their pages are not posts" not in shown
    assert "which stored it, was undone" in shown
    assert "which stored it, was undone)" in archiver("why", f"{site.url}post-1/", archive=archive).stdout
    assert new_this_week(archive) == [0]


def test_the_next_crawl_does_not_bring_back_what_was_undone(blog: tuple[SiteServer, Path]) -> None:
    site, archive = blog
    archiver("runs", "undo", "1", "--yes", archive=archive)
    site.pages["/post-2/"] = page("Tale post-2", "The page shows its own text again, of a lamp and a bell. " * 12)
    for _ in range(2):
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, "select count(*) from withdrawn_articles") == [(COUNT - 1,)]
        state = state_of(archive, site.url)
        assert (state["articles"]["all"], state["posts"]["archived"], state["posts"]["missing"]) == (1, 1, 0)
        assert state["archived_otherwise"] == {}
        assert [one["code"] for one in state["health"]["findings"] if one["level"] == "red"] == []
    assert archiver("add", f"{site.url}post-3/", "--again", archive=archive).returncode == 0
    assert state_of(archive, site.url)["articles"]["all"] == 2


def test_a_merge_counts_each_new_article_once(blog: tuple[SiteServer, Path], tmp_path: Path) -> None:
    site, archive = blog
    other = tmp_path / "other" / "archive.db"
    other.parent.mkdir()
    crawl(site.url, archive=other)
    assert archiver("merge", str(other), "--yes", archive=archive).returncode == 0
    assert new_this_week(archive) == [COUNT]


def test_a_merge_names_the_posts_that_it_takes_away(blog: tuple[SiteServer, Path], tmp_path: Path) -> None:
    site, archive = blog
    other = tmp_path / "other" / "archive.db"
    other.parent.mkdir()
    crawl(site.url, archive=other)
    assert archiver("remove", f"{site.url}post-4/", "--reason", "asked", "--yes", archive=other).returncode == 0
    for words, code in ((("--dry-run",), 0), ((), 2)):
        said = archiver("merge", str(other), *words, archive=archive)
        assert said.returncode == code, said.stderr
        assert f"removed from {archive}, because it was removed from {other}: Tale post-4" in said.stdout + said.stderr
        assert rows(archive, "select count(*) from articles") == [(COUNT,)]
    assert archiver("merge", str(other), "--yes", archive=archive).returncode == 0
    assert rows(archive, "select count(*) from articles") == [(COUNT - 1,)]
    assert new_this_week(archive) == [COUNT - 1]


def test_a_removed_article_is_in_no_number(blog: tuple[SiteServer, Path]) -> None:
    site, archive = blog
    assert archiver("remove", f"{site.url}post-1/", "--reason", "asked", "--yes", archive=archive).returncode == 0
    state = state_of(archive, site.url)
    assert (state["articles"]["all"], state["articles"]["new_this_week"], state["posts"]["archived"]) == (5, 5, 5)
    assert new_this_week(archive) == [5]


def test_second_addresses_are_no_posts(tmp_path: Path) -> None:
    archive, former = tmp_path / "archive.db", [f"/old-{n}/" for n in range(COUNT)]
    moved = {path: Answer(b"", 301, {"Location": target}) for path, target in zip(former, POSTS, strict=True)}
    with serving({"/": home(*POSTS, *former), **posts(*POSTS), **moved}) as site:
        crawl(site.url, archive=archive)
    state = state_of(archive, site.url)
    assert (state["articles"]["all"], state["posts"]["found"], state["posts"]["archived"]) == (COUNT, COUNT, COUNT)


def test_a_crawl_that_has_not_ended_finds_no_more_posts_than_there_are(tmp_path: Path) -> None:
    archive, others = tmp_path / "archive.db", [f"/thing-{n}/" for n in range(20)]
    with serving({**posts(*POSTS), **{path: home(path) for path in others}}) as site:
        entries = "".join(f"<url><loc>{site.url[:-1]}{path}</loc></url>" for path in (*POSTS, *others))
        xml = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
        site.pages["/sitemap.xml"] = text(xml, Content_Type="application/xml")
        site.pages["/robots.txt"] = text(f"Sitemap: {site.url}sitemap.xml")
        site.pages["/"] = home(*POSTS)
        crawl(site.url, "--limit", "5", archive=archive)
        state = state_of(archive, site.url)
        assert not state["complete"]
        assert state["posts"]["found"] <= COUNT
        assert state["unread"] > COUNT
        assert "not read may be posts" in archiver("status", site.url, archive=archive).stdout
        crawl(site.url, archive=archive)
        state = state_of(archive, site.url)
    assert (state["posts"]["found"], state["posts"]["archived"], state["unread"]) == (COUNT, COUNT, 0)


def test_a_post_whose_page_never_shows_its_title_has_not_lost_it(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving(application("")) as site:
        for words in ((), ("--full",), ("--full",)):
            crawl(site.url, "--delay", "0.01", *words, archive=archive)
    assert [one for one in state_of(archive, site.url)["health"]["findings"] if one["code"] == "coverage"] == []
