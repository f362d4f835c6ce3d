"""`archiver import --wayback` from a real web archive: pywb with WARC files written by the test."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.importers.files import Rec, http, listing, page, post, sha1, warc
from tests.importers.importing import rows, run, state
from tests.importers.test_resume import assert_sound
from tests.spiders.crawling import archiver, crawl
from tests.spiders.site_server import SiteServer, home, serving
from tests.spiders.site_server import page as live_page
from tests.webarchive.wayback import serving_warcs

pytest.importorskip("pywb", reason="pywb is not installed (it needs a Python before 3.13)")
OLD = "2009-05-02T10:00:00Z"
PAST = "http://past.example"


@dataclass
class World:
    """`service` is pywb's collection. It has what was captured of `past.example` (the file `records`), of the live
    `site` in 2009, and all that a crawl of the site into the archive `crawled` has written."""

    service: str
    site: SiteServer
    crawled: Path
    records: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    crawled = folder / "crawled" / "a.db"
    pages: Any = {
        "/": home("/boats/", "/fish/"),
        "/boats/": live_page("Boats at dawn", date="2009-05-01"),
        "/fish/": live_page("Fish at noon"),
    }
    with serving(pages) as site:
        assert crawl(site.url, archive=crawled).returncode == 0
        before = live_page("Boats before dawn", date="2009-05-01").body
        packed = gzip.compress(page(title="Packed"), mtime=0)
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(page(title="Chunked")), page(title="Chunked"))
        revisit = {
            "WARC-Profile": "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest",
            "WARC-Payload-Digest": sha1(page(title="Seen")),
            "WARC-Refers-To-Date": OLD,
            "WARC-Refers-To-Target-URI": f"{PAST}/seen/",
        }
        records = warc(
            folder / "old.warc.gz",
            post(f"{PAST}/2009/boats/", OLD),
            post(f"{PAST}/2009/boats/", "2015-01-01T00:00:00Z", text="It was found."),
            post(f"{PAST}/2009/boats/", "2016-01-01T00:00:00Z"),  # as in 2009
            Rec(http(packed, headers=[("Content-Encoding", "gzip")]), f"{PAST}/packed/", OLD),
            Rec(http(chunked, headers=[("Transfer-Encoding", "chunked")], length=None), f"{PAST}/chunked/", OLD),
            post(f"{PAST}/seen/", OLD, page(title="Seen")),
            Rec(http(b"", length=None), f"{PAST}/seen/", "2011-01-01T00:00:00Z", kind="revisit", fields=revisit),
            Rec(http(b"", "301 Moved", headers=[("Location", "/2009/boats/")], kind=""), f"{PAST}/old-boats/", OLD),
            Rec(http(b"gone", "404 Not Found"), f"{PAST}/packed/", "2020-01-01T00:00:00Z"),
            Rec(http(listing()), f"{PAST}/all-posts/", OLD),
            Rec(http(b"\x89PNG", kind="image/png"), f"{PAST}/a.png", OLD),
        )
        own = warc(
            folder / "own.warc.gz",
            post(f"{site.url}boats/", OLD, before),
            post(f"{site.url}fish/", "2012-01-01T00:00:00Z", pages["/fish/"].body),
        )
        (folder / "pywb").mkdir()
        warcs = [records, own, *sorted((crawled.parent / "warc").glob("*.warc.gz"))]
        with serving_warcs(folder / "pywb", warcs) as service:
            yield World(service, site, crawled, records)


def fetch(archive: Path, world: World, url: str, *words: str, service: str = "cdx") -> dict[str, Any]:
    done = archiver("import", "--wayback", url, "--service", world.service + service, "--json", *words, archive=archive)
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_web_archive_gives_the_same_as_its_files(world: World, tmp_path: Path) -> None:
    there, here = tmp_path / "there" / "a.db", tmp_path / "here" / "a.db"
    run(there, world.records)
    found = fetch(here, world, f"{PAST}/")
    assert (found["failed"], found["new"], found["revised"], found["tombstones"], found["aliases"]) == (0, 4, 1, 1, 1)
    assert state(here) == state(there)
    assert_sound(here)
    stored = rows(
        here,
        "select r.revision, substr(r.observed_at, 1, 4), r.same_as from revisions r join articles a on "
        "a.id = r.article_id where a.url like '%/2009/boats/' order by 1",
    )
    assert stored == [(1, "2009", None), (2, "2015", None), (3, "2016", 1)]


def test_importing_files_too_duplicates_nothing(world: World, tmp_path: Path) -> None:
    first, second = tmp_path / "first" / "a.db", tmp_path / "second" / "a.db"
    run(first, world.records)
    before = state(first)
    found = fetch(first, world, f"{PAST}/")
    assert state(first) == before
    assert (found["new"], found["revised"], found["captures"]) == (0, 0, 0)
    fetch(second, world, f"{PAST}/")
    run(second, world.records)
    assert state(second) == before
    assert_sound(second)


def test_old_capture_and_todays_page_make_two_revisions(world: World, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    site = world.site.url
    assert crawl(site, archive=archive).returncode == 0
    world.site.requests.clear()
    found = fetch(archive, world, site, "--to", "2015-06")
    assert (found["fetched"], found["new"], found["revised"], found["seen"]) == (1, 0, 1, 1)
    assert not world.site.requests
    versions = rows(
        archive,
        "select r.revision, substr(r.observed_at, 1, 4) > '2020', r.title from revisions r join "
        "articles a on a.id = r.article_id where a.url like '%/boats/' order by 1",
    )
    assert versions == [(1, 0, "Boats before dawn"), (2, 1, "Boats at dawn")]
    stored = rows(archive, "select title, revision, substr(first_seen, 1, 4) from articles where url like '%/boats/'")
    assert stored == [("Boats at dawn", 2, "2009")]
    # Captures of the crawl itself are not fetched, although they are also listed for 2012.
    stored = rows(archive, "select revision, substr(first_seen, 1, 4) from articles where url like '%/fish/'")
    assert stored == [(1, "2012")]
    assert crawl(site, "--full", archive=archive).returncode == 0
    assert rows(archive, "select count(*) from revisions") == [(3,)]


def test_captures_of_a_crawl_are_not_fetched(world: World, tmp_path: Path) -> None:
    archive = tmp_path / "own" / "a.db"
    shutil.copytree(world.crawled.parent, archive.parent)
    before = state(archive)
    found = fetch(archive, world, world.site.url, "--from", "2020")
    assert (found["here"], found["fetched"], found["captures"]) == (2, 0, 0)
    assert state(archive) == before
    other = tmp_path / "other" / "a.db"
    assert fetch(other, world, world.site.url, "--from", "2020")["new"] == 2
    captured = (
        "select url, substr(captured_at, 1, 19), digest from captures where status = 200 and run_id is {} null "
        "and url in (select url from articles) order by 1"
    )
    assert rows(other, captured.format("")) == rows(archive, captured.format("not"))
