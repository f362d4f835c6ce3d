"""Usage statements are stored with each capture and do not change the crawl."""

from __future__ import annotations

import gzip
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
            ("link in head", "", "license", "https://cc.test/by/"),
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


def test_preferences_of_robots_txt_are_kept_with_each_capture_and_decide_at_publication(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = {"/": home("/one/", "/two/"), "/one/": page("One"), "/two/": page("Two", "Nobody rang. " * 30)}
    pages["/two/"].headers |= {"Content-Signal": "ai-train=yes", "ETag": '"two"'}
    rules = text('[[rule]]\nsite = "*"\ntier = "full"\n').body
    (tmp_path / "rules.toml").write_bytes(rules)

    def reasons(url: str) -> tuple[str, str]:
        command = ("publish", "--explain", url, "--rules", str(tmp_path / "rules.toml"), "--json")
        found = json.loads(archiver(*command, archive=archive).stdout)
        return found["tier"], "; ".join(one["why"] for one in found["reasons"])

    with serving(pages) as site:
        pages["/robots.txt"] = text("User-agent: GPTBot\nContent-Signal: ai-train=no\n\nUser-agent: *\nAllow: /\n")
        assert crawl(site.url, archive=archive).returncode == 0
        assert rights(archive, "/one/") == []
        assert rights(archive, "/two/") == [("header", "", "content-signal", "ai-train=yes")]
        assert reasons(f"{site.url}one/")[0] == "full"
        pages["/robots.txt"] = text(
            "User-agent: *\nContent-Usage: train-ai=y\nContent-Usage: /one/ train-ai=n\nAllow: /\n"
            "Content-Signal: search=yes,ai-train=yes\n"
        )
        pages["/two/"] = Answer(status=304)
        rows_before = len(rights(archive, "/one/"))
        assert crawl(site.url, "--full", archive=archive).returncode == 0
        assert rights(archive, "/one/")[rows_before:] == [
            ("robots.txt", "", "content-usage", "train-ai=n"),
            ("robots.txt", "", "content-signal", "search=yes,ai-train=yes"),
        ]
        tier, why = reasons(f"{site.url}one/")
        assert tier == "reference"
        assert "Content-Usage train-ai=n in its robots.txt" in why
        assert reasons(f"{site.url}two/")[0] == "full"
        pages["/robots.txt"] = text("Content-Signal: ai-train=no\nUser-agent: archiver\nAllow: /\n")
        assert crawl(site.url, "--full", archive=archive).returncode == 0
        tier, why = reasons(f"{site.url}two/")  # a response 304 says what holds now
        assert tier == "reference"
        assert "Content-Signal ai-train=no in its robots.txt" in why
    shown = archiver("why", f"{site.url}one/", archive=archive).stdout
    assert "content-signal ai-train=no (robots.txt)" in shown


def test_private_and_impossible_positions_are_not_published(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    place = (
        '<script type="application/ld+json">{{"@type": "BlogPosting", "contentLocation": {{"@type": "Place", "geo": '
        '{{"@type": "GeoCoordinates", "latitude": {}, "longitude": {}}}}}}}</script>'
    )
    pages = {
        "/": home("/one/", "/two/", "/three/"),
        "/one/": page("One", "Nobody rang. " * 30, head=place.format(-28.16, 153.55)),
        "/two/": page("Two", "Somebody knocked. " * 30, head=place.format(153.55, -28.16)),
        "/three/": page(
            "Three", "Everybody left. " * 30, head='<meta name="geo_public" content="0">' + place.format(53.12, -9.34)
        ),
    }
    with serving(pages) as site:
        assert crawl(site.url, archive=archive).returncode == 0
    assert (
        archiver("publish", str(tmp_path / "d"), "--version", "1.0.0", "--formats", "jsonl", archive=archive).returncode
        == 0
    )
    places = gzip.decompress((tmp_path / "d" / "data" / "places.jsonl.gz").read_bytes()).decode().splitlines()
    assert [(row["latitude"], row["longitude"]) for row in map(json.loads, places)] == [(-28.16, 153.55)]
    assert rows(archive, "select count(*) from articles where geotags like '%53.12%' or evidence like '%53.12%'") == [
        (0,)
    ]


def test_licence_of_a_picture_does_not_free_the_text(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    licence = '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>'
    figure = page("One", "Nobody rang. " * 30)
    figure.body = figure.body.replace(
        b"</article>", f"<figure><img src=/q.jpg><figcaption>{licence}</figcaption></figure></article>".encode()
    )
    footer = page("Two")
    footer.body = footer.body.replace(b"</body>", f"<footer>Text: {licence}</footer></body>".encode())
    with serving({"/": home("/one/", "/two/"), "/one/": figure, "/two/": footer}) as site:
        assert crawl(site.url, archive=archive).returncode == 0
    one = archiver("publish", "--explain", f"{site.url}one/", archive=archive).stdout
    assert "is published as features" in one
    assert "does not count: CC-BY-4.0 (link in figure)" in one
    two = archiver("publish", "--explain", f"{site.url}two/", archive=archive).stdout
    assert "permits full: licensed under CC-BY-4.0 (link in footer)" in two
    assert "link in figure" in archiver("why", f"{site.url}one/", archive=archive).stdout


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
