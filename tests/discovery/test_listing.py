"""Extraction of links from pages."""

from __future__ import annotations

import lxml.html

from archiver.discovery.links import parse_links
from archiver.urls import Scope


def test_declared_amp_copies_are_not_followed() -> None:
    html = """<html><head><base href="/Site/"><link rel="amphtml" href="Fast/News/Old-Pier.aspx"></head><body>
<a href="Fast/News/Old-Pier.aspx">fast version</a> <a href="News/New-Pier.aspx">next</a></body></html>"""
    links = parse_links(lxml.html.fromstring(html), "https://example.org/Site/News/Old-Pier.aspx", Scope("example.org"))
    assert [t.url for t in links.links] == ["https://example.org/Site/News/New-Pier.aspx"]
    assert [(t.url, t.trap) for t in links.traps] == [("https://example.org/Site/Fast/News/Old-Pier.aspx", "amp")]
