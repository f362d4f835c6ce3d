"""Missing and trap-excluded pages can be requested separately."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.spiders.site_server import Answer, home, page, serving
from tests.spiders.test_faults import counts, crawl, rows
from tests.traps.test_traps import run


def status(archive: Path, *words: str) -> Any:
    return json.loads(run(archive, "", "status", "--long", *words, "--json").stdout)


def test_only_missing_pages_are_requested(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {
        "/": home("/one/", "/two/", "/tag/sea/"),
        "/one/": page("The first"),
        "/two/": Answer(b"", 502),
        "/tag/sea/": Answer(b"", 500),
        "/deep/": page("The third"),
    }
    with serving(pages) as site:
        assert counts(site.url, archive=archive)["failed"] == 2
        [site_status] = status(archive, "--missing")
        assert [
            (row["url"].removeprefix(site.url), row["outcome"], row["status"], row["sources"])
            for row in site_status["missing"]
        ] == [("two/", "failed", 502, ["listing"]), ("tag/sea/", "failed", 500, ["link"])]
        pages |= {"/two/": page("The second"), "/tag/sea/": home("/deep/")}
        site.requests.clear()
        again = counts(site.url, "--missing", archive=archive)
        asked = sorted(r for r in site.requests if r not in ("/robots.txt", "/.well-known/tdmrep.json"))
        assert asked == ["/deep/", "/tag/sea/", "/two/"]
    assert (again["new"], again["failed"], again["outcome"]) == (2, 0, "finished")
    [state] = status(archive)
    assert state["complete"]
    assert state["posts"]["archived"] == 3
    assert not state["missing"]
    assert rows(archive, "select mode from runs order by id") == [("incremental",), ("missing",)]
    assert status(archive, "--missing")[0]["missing"] == []


def test_trap_excluded_pages_are_requested_with_set_aside(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    tags = [f"/tag/word-{n}/" for n in range(60)]
    pages: dict[str, Any] = {
        "/": home("/one/", *tags),
        "/one/": page("The first"),
        "/hidden/": page("The second"),
        **{tag: home("/one/") for tag in tags[:-1]},
        tags[-1]: home("/hidden/"),
    }
    with serving(pages) as site:
        first = counts(site.url, archive=archive)
        # One shows the post, eight more do not end the pattern, and ten are the sample.
        assert (first["new"], len([r for r in site.requests if r.startswith("/tag/")]), first["trapped"]) == (1, 19, 41)
        [state] = status(archive)
        assert [(t["pages"], t["asked"], t["sampled"], t["hits"]) for t in state["traps"]] == [(41, False, 10, 0)]
        assert state["runs"][0]["statistics"]["set_aside"] == {
            "pattern-budget: terms": {"/tag/*": {"pages": 41, "sampled": 10, "hits": 0}}
        }
        assert "10 read, 0 led to an unknown post" in run(archive, "", "status", "--long").stdout
        left = state["traps"][0]["example"]
        why = json.loads(run(archive, "", "why", left, "--json").stdout)
        assert (why["outcome"], why["rule"]) == ("trap", state["traps"][0]["rule"])
        assert "--set-aside" in run(archive, "", "why", left).stdout
        assert counts(site.url, "--missing", archive=archive)["requests"] == 0
        assert counts(site.url, "--set-aside", archive=archive)["new"] == 1
    [state] = status(archive)
    assert state["traps"] == []


def test_missing_and_full_exclude_each_other(tmp_path: Path) -> None:
    done = crawl("http://127.0.0.1:1/", "--full", "--missing", archive=tmp_path / "a.db")
    assert done.returncode == 2
    assert "cannot be combined" in done.stderr


def test_since_leaves_old_posts_alone_and_finds_the_new_ones_behind_them(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    entries = "".join(
        f"<entry><title>Post {n}</title><link href='/post-{n}/'/><id>tag:x:{n}</id><published>"
        f"{2023 + n // 100}-05-01T00:00:00Z</published></entry>"
        for n in range(103)
    )
    feed = Answer(
        f"<feed xmlns='http://www.w3.org/2005/Atom'>{entries}</feed>".encode(),
        headers={"Content-Type": "application/atom+xml"},
    )
    pages: dict[str, Any] = {
        "/": home(head='<link rel="alternate" type="application/atom+xml" href="/atom.xml">'),
        "/atom.xml": feed,
        **{f"/post-{n}/": page(f"Post {n}") for n in range(103)},
    }
    with serving(pages) as site:
        assert counts(site.url, "--since", "2024-01-01", archive=archive)["new"] == 3
        assert sorted(r for r in site.requests if r.startswith("/post-1")) == [f"/post-{n}/" for n in (100, 101, 102)]
    assert len(status(archive, "--missing")[0]["missing"]) == 100


def test_files_beyond_a_thousand_are_counted_without_rows(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    posts = [f"/post-{n}/" for n in range(7)]
    pages: dict[str, Any] = {
        "/": home(*posts),
        **{
            path: page(f"Post {n}", tail="".join(f"<a href='/{n}/{at}.jpg'>x</a>" for at in range(160)))
            for n, path in enumerate(posts)
        },
    }
    with serving(pages) as site:
        for expected in (120, 120):
            counts(site.url, "--full", archive=archive)
            [row] = status(archive)[0]["traps"]
            assert (row["rule"], row["pages"], row["unrecorded"]) == ("file", 1_000, expected)
        assert not [path for path in site.requests if path.endswith(".jpg")]
    assert "120 more links" in run(archive, "", "status", "--long").stdout
