"""Usage statements are stored with each capture and do not change the crawl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.spiders.crawling import archiver, crawl, rows, text
from tests.spiders.site_server import Answer, home, page, serving

QUERY = (
    "select r.source, r.agent, r.name, r.value from usage_statements r join captures c on c.id = r.capture_id "
    "where c.url like '%{}' order by r.id"
)


def rights(archive: Path, path: str) -> list[tuple[Any, ...]]:
    return rows(archive, QUERY.format(path))


def test_headers_page_and_file_are_kept_with_the_capture(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    one = page("One", head='<meta name="robots" content="noarchive"><link rel="license" href="https://cc.test/by/">')
    one.headers |= {"X-Robots-Tag": "googlebot: nosnippet", "TDM-Reservation": "1"}
    file = text('[{"location": "/one", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]', ETag='"t"')
    with serving(
        {"/": home("/one/", "/two/"), "/one/": one, "/two/": page("Two"), "/.well-known/tdmrep.json": file}
    ) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        assert site.requests[:3] == ["/robots.txt", "/.well-known/tdmrep.json", "/"]
        assert rights(archive, "/one/") == [
            ("header", "googlebot", "robots", "nosnippet"),
            ("header", "", "tdm-reservation", "1"),
            ("file", "", "tdm-reservation", "0"),
            ("meta", "", "robots", "noarchive"),
            ("link", "", "license", "https://cc.test/by/"),
        ]
        assert rights(archive, "/two/") == [("file", "", "tdm-reservation", "1")]
        assert rows(archive, "select count(*) from articles") == [(2,)]
        command = ("why", f"{site.url}one/")
        stated = json.loads(archiver(*command, "--json", archive=archive).stdout)["captures"][-1]["usage_statements"]
        assert {"source": "meta", "agent": "", "name": "robots", "value": "noarchive"} in stated
        assert {"source": "header", "agent": "googlebot", "name": "robots", "value": "nosnippet"} in stated
        shown = archiver(*command, archive=archive).stdout
        assert all(right["value"] in shown for right in stated)
        site.pages["/one/"] = Answer(status=304)
        crawl(site.url, "--full", archive=archive)
        assert "noarchive" in archiver(*command, archive=archive).stdout
        asked = [a for a in site.asked if a["path"] == "/.well-known/tdmrep.json"]
        assert len(asked) == 2
        assert asked[1]["if-none-match"] == '"t"'
        assert rights(archive, "/two/") == [("file", "", "tdm-reservation", "1")] * 2


def test_robots_txt_is_obeyed_for_the_file_too(tmp_path: Path) -> None:
    with serving(
        {"/": home("/one/"), "/one/": page("One"), "/robots.txt": text("User-agent: *\nDisallow: /.well-known/\n")}
    ) as site:
        assert crawl(site.url, archive=tmp_path / "a.db").returncode == 0
        assert "/.well-known/tdmrep.json" not in site.requests


def test_an_unreadable_tdmrep_file_does_not_block_pages(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving({"/": home("/one/"), "/one/": page("One"), "/.well-known/tdmrep.json": text("", 500)}) as site:
        assert crawl(site.url, archive=archive).returncode == 0
    assert rows(archive, "select count(*) from articles") == [(1,)]
    assert rights(archive, "/one/") == []
