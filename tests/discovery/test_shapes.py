"""URL patterns: addresses made by a program, and addresses named by a person."""

from __future__ import annotations

import pytest

from archiver.discovery.url_classifier import is_secondary_listing, pattern_of, series_of

A, B = "https://example.org", "https://example.org"


@pytest.mark.parametrize(
    ("one", "other", "family"),
    [
        ("/2024/05/17/", "/2023/01/02/", "dates"),
        ("/plan/2024-05/", "/plan/1998-11/", "dates"),
        ("/?m=202405", "/?m=202306", "dates"),
        ("/whats-on/?month=5&year=2024", "/whats-on/?year=2031&month=12", "dates"),
        ("/tag/sea/", "/tag/sand/page/3/", "terms"),
        ("/en/tag/sea/", "/en/tag/a+b/", "terms"),
        ("/?cat=3", "/?cat=4&paged=2", "terms"),
        ("/search/boats/", "/search/ferries/", "terms"),
        ("/page/2/", "/page/30/", "paging"),
        ("/?page=2", "/?page=3", "paging"),
        ("/news?start=10", "/news?start=40", "paging"),
        ("/p/2", "/p/14", "paging"),
        (
            "/search?updated-max=2010-01-01T00:00:00Z&max-results=7",
            "/search?updated-max=2009-02-01T00:00:00Z&start=14",
            "paging",
        ),
        (
            "/search%3Fupdated-max=2010-01-01&max-results=7.html",
            "/search%3Fupdated-max=2009-02-01&start=14.html",
            "paging",
        ),
        ("/archive/?view=grid", "/archive/?length=long&period=day", "query"),
        ("/shelf/12/", "/shelf/13/", "numbers"),
    ],
)
def test_addresses_of_one_pattern(one: str, other: str, family: str) -> None:
    assert pattern_of(A + one) == pattern_of(B + other)
    assert pattern_of(A + one).family == family


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/a-post/",
        "/2024/05/a-post/",
        "/?p=12",
        "/index.php?id=7&lang=en",
        "/about",
        "/post.php?nr=4",
        "/blog/2024-review/",
        "/tag-and-label/",
        "/?q=node/12",
        "/news.php?cat=2&nid=31",
        "/index.php?/archives/12-a-post.html",
    ],
)
def test_named_pages_have_no_pattern(path: str) -> None:
    assert pattern_of(A + path).family == ""


def test_a_list_in_a_folder_and_its_pages() -> None:
    assert series_of(A + "/blog/page/2/") == series_of(A + "/blog/page/9/") != series_of(A + "/news/page/2/")
    assert series_of(A + "/list?cat=3&page=2") != series_of(A + "/list?cat=4&page=2")
    assert series_of(A + "/a-post/") == series_of(A + "/?p=7") == ""


@pytest.mark.parametrize(
    ("path", "side"),
    [
        ("/tag/sea/", True),
        ("/2024/05/", True),
        ("/archive/?view=x", True),
        ("/page/2/", False),
        ("/a-post/", False),
        ("/?p=3", False),
    ],
)
def test_side_ways(path: str, side: bool) -> None:
    assert is_secondary_listing(A + path) is side
