"""Extraction of links from pages."""

from __future__ import annotations

import lxml.html
import pytest

from archiver.discovery.page_links_and_well_known_urls import parse_links
from archiver.items import PageKind
from archiver.platforms.page_index_and_selector_compiler import Index
from archiver.urls import Scope


def test_declared_amp_copies_are_not_followed() -> None:
    html = """<html><head><base href="/Site/"><link rel="amphtml" href="Fast/News/Old-Pier.aspx"></head><body>
<a href="Fast/News/Old-Pier.aspx">fast version</a> <a href="News/New-Pier.aspx">next</a></body></html>"""
    links = parse_links(
        Index(lxml.html.fromstring(html)), "https://example.org/Site/News/Old-Pier.aspx", Scope("example.org")
    )
    assert [t.url for t in links.links] == ["https://example.org/Site/News/New-Pier.aspx"]
    assert [(t.url, t.trap) for t in links.traps] == [("https://example.org/Site/Fast/News/Old-Pier.aspx", "amp")]


ENTRIES = "".join(f"<h2><a href='/notes/{n}.html'>Note number {n}</a></h2>" for n in range(4))


@pytest.mark.parametrize(
    ("here", "target", "kind"),
    [
        ("/diary/", "/diary/page/2/", PageKind.LISTING),
        ("/diary/page/2/", "/diary/", PageKind.LISTING),
        ("/notes/low-water.html", "/notes/high-water.html", PageKind.UNKNOWN),
    ],
)
def test_only_a_page_of_the_same_series_is_surely_a_listing(here: str, target: str, kind: PageKind) -> None:
    html = f"<html><head><link rel='next' href='{target}'></head><body>{ENTRIES}</body></html>"
    links = parse_links(Index(lxml.html.fromstring(html)), f"https://example.org{here}", Scope("example.org"))
    assert [(t.url, t.kind) for t in links.next_pages] == [(f"https://example.org{target}", kind)]
