"""Pages made to be slow are read in bounded work: rules look at a bounded part of what is absurdly long."""

from __future__ import annotations

import time

import pytest

import archiver

PAGES = {
    "headings": "".join(f'<h2><a href="/p{n}">t{n}</a></h2><p>1 May 2020</p>' for n in range(5_000)),
    "separators": "<h1>x</h1><title>" + " - " * 20_000 + "</title>",
    "names": '<meta name="author" content="'
    + "a and " * 20_000
    + '"><h1>x</h1><p class="byline">'
    + "a, " * 50_000
    + "</p>",
    "pages": '<p>1 May 2020</p><article><h1>x</h1>' + '<a href="/2020/01/02/a/2/">2</a>' * 20_000,
    "nested links": '<p>1 May 2020</p><h1>x</h1>' + '<a href="/2020/01/02/a/2/"><div>' * 5_000,
    "nesting": '<div class="share">' * 3_000 + "x",
    "json": '<script type="application/ld+json">' + '{"a":' * 20_000 + "</script><p>x",
}


@pytest.mark.parametrize("name", PAGES)
def test_bounded(name: str) -> None:
    start = time.process_time()
    archiver.extract(PAGES[name], "https://example.org/2020/01/02/a")
    assert time.process_time() - start < 10
