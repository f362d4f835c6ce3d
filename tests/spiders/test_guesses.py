"""Addresses of feeds and sitemaps that a crawl guesses: how many it requests, and how they are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.spiders.site_server import Answer, home, page, serving
from tests.spiders.test_faults import counts, rows
from tests.traps.test_traps import run


def status(archive: Path) -> dict[str, Any]:
    [state] = json.loads(run(archive, "", "status", "--long", "--json").stdout)
    return dict(state)


def test_a_guess_that_never_existed_is_not_gone(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/one/", "/two/"), "/one/": page("One"), "/two/": page("Two")}
    with serving(pages) as site:
        counts(site.url, archive=archive)
        state = status(archive)
        assert state["balance"]["gone"] == state["posts"]["gone"] == 0
        assert "not-found" not in state["pages"]
        guesses = rows(archive, "select url from pages where outcome = 'not-found'")
        assert state["wrong_guesses"] == len(guesses) > 0
        assert state["balance"]["found"] == 3
        assert state["runs"][0]["found"] == 3
        assert f"{len(guesses)} guessed URLs" in run(archive, "", "status", "--long").stdout
        site.requests.clear()
        counts(site.url, archive=archive)
    asked = {f"{site.url}{path.removeprefix('/')}" for path in site.requests}
    assert asked.isdisjoint(row[0] for row in guesses)


def test_a_guess_that_worked_before_is_gone(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving({"/": home("/one/"), "/one/": page("One")}) as site:
        listed = f"<url><loc>{site.url}one/</loc></url>"
        sitemap = f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{listed}</urlset>"
        site.pages["/sitemap.xml"] = Answer(sitemap.encode(), headers={"Content-Type": "application/xml"})
        counts(site.url, archive=archive)
        del site.pages["/sitemap.xml"]
        for _ in range(3):
            counts(site.url, "--full", archive=archive)
    assert rows(archive, "select outcome from pages where url like '%/sitemap.xml'") == [("gone",)]


FIXED = 4
"""Requests that are no pages of the site: robots.txt, tdmrep.json, the probe for the soft 404, the home page."""


def test_a_site_without_sources_costs_ten_guesses_at_most(tmp_path: Path) -> None:
    posts = [f"/post-{n}/" for n in range(20)]
    pages: dict[str, Any] = {"/": home(*posts), **{path: page(f"The post of {path}") for path in posts}}
    with serving(pages) as site:
        counts(site.url, archive=tmp_path / "a.db")
    assert len(site.requests) == len(set(site.requests)) <= len(posts) + FIXED + 10


def test_a_known_platform_costs_the_guesses_of_its_own(tmp_path: Path) -> None:
    posts = [f"/post-{n}/" for n in range(20)]
    head = '<meta name="generator" content="Jekyll v4.3.2">'
    pages: dict[str, Any] = {"/": home(*posts, head=head), **{path: page(f"The post of {path}") for path in posts}}
    with serving(pages) as site:
        counts(site.url, archive=tmp_path / "a.db")
    guesses = set(site.requests) & {"/sitemap.xml", "/feed.xml", "/atom.xml"}
    assert len(site.requests) == len(posts) + FIXED + len(guesses) == len(posts) + FIXED + 3


def test_a_guess_that_showed_a_maintenance_page_is_not_gone(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/one/", "/two/"), "/one/": page("One"), "/two/": page("Two")}
    with serving(pages) as site:
        soon = b"<html><title>Back soon</title><h1>Back soon</h1><p>The site is being worked on.</p></html>"
        site.pages["/sitemap.xml"] = Answer(soon, headers={"Content-Type": "text/html"})
        counts(site.url, archive=archive)
        assert rows(archive, "select outcome from pages where url like '%/sitemap.xml'") == [("not-found",)]
        del site.pages["/sitemap.xml"]
        counts(site.url, "--full", archive=archive)
    assert rows(archive, "select outcome from pages where url like '%/sitemap.xml'") == [("not-found",)]
    assert status(archive)["balance"]["gone"] == 0
