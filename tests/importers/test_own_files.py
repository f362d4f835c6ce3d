"""Imports WARC files that a crawl of this program wrote into a new archive."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archiver.cli.main import cli
from archiver.maintenance.verification import verify
from tests.importers.files import Rec, http, post, sha1, warc
from tests.importers.importing import rows
from tests.spiders.crawling import crawl, successive
from tests.spiders.site_server import Answer, Pages, SiteServer, home, page, serving

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>The Test Blog</title><link>/</link>
<item><title>Boats</title><link>/boats/</link>
<description>Boats is told here at some length. Boats is told</description>
<pubDate>Wed, 01 May 2024 08:00:00 GMT</pubDate></item>
</channel></rss>"""


@pytest.fixture
def site() -> Iterator[SiteServer]:
    """A site whose feed, home page and posts answer 304, a page that is gone each time, and an image that two posts
    show at two addresses."""

    def answer(body: bytes, kind: str = "text/html; charset=utf-8", tag: str = "") -> Answer:
        return Answer(body, 200, {"Content-Type": kind, **({"ETag": f'"{tag}"'} if tag else {})})

    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
    pages: Pages = {
        "/": answer(
            home(
                "/boats/", "/nets/", "/lost/", head='<link rel="alternate" type="application/rss+xml" href="/feed/">'
            ).body,
            tag="h",
        ),
        "/feed/": answer(FEED, "application/rss+xml", "f"),
        "/boats/": answer(page("Boats", tail='<img src="/a.png" width="600" height="400">').body, tag="b"),
        "/nets/": successive(
            page("Nets", tail='<img src="/b.png" width="600" height="400">'), page("Nets", "They are mended. " * 20)
        ),
        "/a.png": answer(picture, "image/png", "a"),
        "/b.png": answer(picture, "image/png", "b"),
    }
    with serving(pages) as server:
        yield server


def imported(archive: Path, *words: str | Path) -> dict[str, Any]:
    result = CliRunner().invoke(cli, ["import", *map(str, words), "--json", "--archive", str(archive)])
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (1 if found["problems"] else 0)
    return found


def captures(archive: Path) -> set[tuple[Any, ...]]:
    return set(rows(archive, "select url, captured_at, status, record_type, digest from captures"))


def articles(archive: Path) -> list[tuple[Any, ...]]:
    return rows(
        archive,
        "select a.urlkey, a.title, a.body, a.revision, count(r.id) from articles a "
        "join revisions r on r.article_id = a.id group by a.id order by 1",
    )


def crawled(site: SiteServer, archive: Path, times: int = 2, *, files: int = 1) -> list[Path]:
    """Crawls a site several times. Returns its WARC files: with `files`, each crawl begins a new one."""
    for number in range(times):
        if files > 1:  # a file with several links is not continued
            for one in (archive.parent / "warc").glob("*.warc.gz"):
                (archive.parent.parent / "links").mkdir(exist_ok=True)
                link = archive.parent.parent / "links" / f"{number}-{one.name}"
                os.link(one, link)
        done = crawl(site.url, "--full", "--requisites", "all", archive=archive)
        assert done.returncode in (0, 1), done.stdout + done.stderr
    return sorted((archive.parent / "warc").glob("*.warc.gz"))


def test_the_import_of_own_files_gives_the_same_archive(site: SiteServer, tmp_path: Path) -> None:
    mine, new = tmp_path / "mine" / "a.db", tmp_path / "new" / "a.db"
    crawled(site, mine)
    revisits = {one for one in captures(mine) if one[3] == "revisit"}
    paths = {one[0].removeprefix(site.url) for one in revisits}
    assert paths >= {"feed/", "boats/"}
    assert paths & {"a.png", "b.png"}
    found = imported(new, mine.parent / "warc")
    assert (found["problems"], found["damaged"]) == ({}, 0)
    assert captures(new) >= captures(mine)
    assert {one for one in captures(new) if one[3] == "revisit"} == revisits
    assert articles(new) == articles(mine)
    assert not verify(new).findings
    again = imported(new, mine.parent / "warc", "--again")
    assert (again["problems"], again["new"], again["captures"]) == ({}, 0, 0)


def test_the_files_of_an_archive_are_imported_in_any_order(site: SiteServer, tmp_path: Path) -> None:
    mine, new = tmp_path / "mine" / "a.db", tmp_path / "new" / "a.db"
    files = crawled(site, mine, files=2)
    assert len(files) == 2
    found = imported(new, *reversed(files))
    assert found["problems"] == {}
    assert captures(new) >= captures(mine)
    assert articles(new) == articles(mine)


def test_a_revisit_of_a_feed_in_another_file_is_no_damage(tmp_path: Path) -> None:
    feed = http(FEED, kind="application/rss+xml")
    again: dict[str, str | None] = {
        "WARC-Profile": "http://netpreserve.org/warc/1.1/revisit/server-not-modified",
        "WARC-Payload-Digest": sha1(FEED),
        "WARC-Refers-To-Target-URI": "http://blog.example/feed/",
    }
    url = "http://blog.example/feed/"
    first = warc(tmp_path / "1.warc.gz", post(), Rec(feed, url, fields={"WARC-Payload-Digest": sha1(FEED)}))
    not_modified = http(b"", "304 Not Modified", kind="", length=None)
    later = warc(tmp_path / "2.warc.gz", Rec(not_modified, url, "2012-01-01T00:00:00Z", "revisit", fields=again))
    assert imported(tmp_path / "a.db", later, first)["problems"] == {}
    assert imported(tmp_path / "b.db", later)["problems"] == {"revisit": 1}


def test_a_list_that_names_a_removed_post_is_not_copied(site: SiteServer, tmp_path: Path) -> None:
    mine, new = tmp_path / "mine" / "a.db", tmp_path / "new" / "a.db"
    crawled(site, mine)
    assert imported(new, mine.parent / "warc")["problems"] == {}
    words = ["remove", f"{site.url}boats/", "--reason", "asked", "--yes", "--archive", str(new)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    found = imported(new, mine.parent / "warc", "--again")
    assert found["removed"] >= 2
    assert found["problems"] == {}
    assert not verify(new).findings
    assert not [one for one in captures(new) if "boats" in one[0] or one[0].endswith("/feed/")]
