"""Scrapy's own commands in the project's folder, each in its own process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from archiver.demo.demo_blog import Demo, serve
from archiver.model.errors import ContactMissing
from archiver.storage.transactions import lock_site
from tests import processes
from tests.spiders.crawling import last_run, rows, text
from tests.spiders.site_server import SiteServer, home, page, serving


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with serve(0) as running:
        yield running


@pytest.fixture(scope="module")
def post(demo: Demo) -> str:
    """Return the URL of a post of the demonstration blog."""
    return demo.blog.url(demo.blog.posts[0])


def scrapy(*words: str, archive: Path) -> subprocess.CompletedProcess[str]:
    """Run `scrapy words` in the project's folder. The process is killed after two minutes."""
    return processes.run("scrapy", *words, "-s", f"ARCHIVE_PATH={archive}")


def test_list_names_the_spider(tmp_path: Path) -> None:
    done = scrapy("list", archive=tmp_path / "a.db")
    assert done.stdout.split() == ["site"]


def test_check_passes(tmp_path: Path) -> None:
    done = scrapy("check", archive=tmp_path / "a.db")
    assert done.returncode == 0, done.stderr
    assert "Ran 0 contracts" in done.stderr


def test_shell_has_the_response_and_writes_no_archive(tmp_path: Path, demo: Demo) -> None:
    done = scrapy(
        "shell", demo.url, "-c", "(response.status, response.css('title::text').get())", archive=tmp_path / "a.db"
    )
    assert done.stdout.strip().startswith("(200, '"), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_shell_has_the_response_with_the_spider_too(tmp_path: Path, demo: Demo) -> None:
    done = scrapy("shell", demo.url, "--spider=site", "-c", "response.status", archive=tmp_path / "a.db")
    assert done.stdout.strip() == "200", done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [(), ("--spider=site",)])
def test_fetch_prints_the_page_and_writes_no_archive(tmp_path: Path, demo: Demo, words: tuple[str, ...]) -> None:
    done = scrapy("fetch", "--nolog", *words, demo.url, archive=tmp_path / "a.db")
    assert done.stdout.strip() == demo.blog.get("/").body.decode().strip()
    assert list(tmp_path.iterdir()) == []


def test_fetch_follows_redirects_and_unpacks_nothing_twice(tmp_path: Path) -> None:
    with serving({"/old": text("", 302, Location="/new"), "/new": text("moved here")}) as site:
        done = scrapy("fetch", "--nolog", f"{site.url}old", archive=tmp_path / "a.db")
    assert done.stdout.strip() == "moved here"


def test_parse_prints_the_item_and_the_requests(tmp_path: Path, demo: Demo, post: str) -> None:
    done = scrapy("parse", "--spider=site", "--nocolour", post, archive=tmp_path / "a.db")
    items, _, requests = done.stdout.partition("# Requests")
    assert "'article': {" in items, done.stderr
    assert f"'url': '{post}'" in items
    assert f"<GET {demo.base}/" in requests
    assert list(tmp_path.iterdir()) == []


def test_parse_with_pipelines_stores_nothing(tmp_path: Path, post: str) -> None:
    done = scrapy(
        "parse", "--spider=site", "--pipelines", "--nocolour", "-a", f"url={post}", post, archive=tmp_path / "a.db"
    )
    assert "'article': {" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_crawl_archives_the_site(tmp_path: Path, demo: Demo) -> None:
    done = scrapy(
        "crawl", "site", "-a", f"url={demo.url}", "-a", "limit=3", "-s", "DOWNLOAD_DELAY=0", archive=tmp_path / "a.db"
    )
    assert done.returncode == 0, done.stderr
    assert last_run(tmp_path / "a.db") == ("finished", "the limit of 3 posts")
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(3,)]


def test_crawl_logs_one_line_with_counts_and_the_archive(tmp_path: Path, demo: Demo) -> None:
    done = scrapy(
        "crawl", "site", "-a", f"url={demo.url}", "-a", "limit=3", "-s", "DOWNLOAD_DELAY=0", archive=tmp_path / "a.db"
    )
    [line] = done.stderr.splitlines()
    assert "3 new" in line
    assert str(tmp_path / "a.db") in line


@pytest.mark.parametrize(
    "argument", ["since=yesterday", "limit=abc", "limit=-1", "full=maybe", "requisites=foo", "uri=x"]
)
def test_an_invalid_argument_is_refused_in_one_sentence(tmp_path: Path, demo: Demo, argument: str) -> None:
    done = scrapy("crawl", "site", "-a", f"url={demo.url}", "-a", argument, archive=tmp_path / "a.db")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert f"-a {argument}" in line
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_crawl_without_an_address_says_so_in_one_sentence(tmp_path: Path) -> None:
    done = scrapy("crawl", "site", archive=tmp_path / "a.db")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "scrapy crawl site -a url=" in line
    assert list(tmp_path.iterdir()) == []


def test_crawl_without_a_contact_says_so_in_one_sentence(tmp_path: Path) -> None:
    """192.0.2.1 is reserved for documentation (RFC 5737) and needs no name server."""
    done = scrapy("crawl", "site", "-a", "url=http://192.0.2.1/", archive=tmp_path / "a.db")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert str(ContactMissing("192.0.2.1")) in line


def test_crawl_into_an_archive_in_use_says_so_in_one_sentence(tmp_path: Path, demo: Demo) -> None:
    site = urlsplit(demo.url).netloc
    with lock_site(tmp_path / "a.db", site):
        done = scrapy("crawl", "site", "-a", f"url={demo.url}", archive=tmp_path / "a.db")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert f"Another crawl is writing to {tmp_path / 'a.db'} for {site}" in line


def test_a_typed_address_gives_no_permission_for_its_redirects(tmp_path: Path) -> None:
    """`scrapy fetch` may reach an address on this machine that a person typed, but no other to which it redirects."""
    with serving({"/": text("a secret")}) as inner:
        with serving({"/old": text("", 302, Location=inner.url)}) as site:
            done = scrapy("fetch", f"{site.url}old", archive=tmp_path / "a.db")
        assert "a secret" not in done.stdout
        assert f"Not requesting {inner.url}: it leads to 127.0.0.1, a loopback address" in done.stderr
        assert inner.requests == []


def robots_only(site: SiteServer) -> list[str]:
    return [path for path in site.requests if path != "/robots.txt"]


def test_robots_txt_applies_to_a_person_too(tmp_path: Path) -> None:
    pages = {"/robots.txt": text("User-agent: *\nDisallow: /private/"), "/private/": page("No"), "/": home()}
    with serving(dict(pages)) as site:
        done = scrapy("fetch", f"{site.url}private/", archive=tmp_path / "a.db")
        assert robots_only(site) == []
    assert "robots.txt forbids it" in done.stderr
