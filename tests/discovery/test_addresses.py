"""Classification of URLs by their form, as tables."""

from __future__ import annotations

import lxml.html
import pytest

from archiver.discovery import url_patterns, wordpress_api
from archiver.discovery.url_patterns import matching_trap_rule
from archiver.model.items import PageKind

LISTINGS = [
    "/page/2/",
    "/page2/",
    "/blog/page/12",
    "/seite/3/",
    "/2024/",
    "/2024/05/",
    "/2024/05/01",
    "/2010_05_01_archive.html",
    "/category/sea/",
    "/categories/sea/boats/",
    "/chuyen-muc/the-thao/",
    "/en/tag/sea/",
    "/tags/%E6%B5%B7/",
    "/autor/ana/",
    "/archives/",
    "/archive.html",
    "/?paged=2",
    "/?cat=4",
    "/?m=202405",
    "/blog/?page=3",
    "/search/label/Sea",
    "/search?updated-max=2010-01-01T00:00:00Z",
    "/category/blog2.html",
    "/search%3Fupdated-max=2010-01-01.html",
    "/2011/08/index.html",
    "/%E5%88%86%E7%B1%BB/%E6%B5%B7/",
    "/index2.html",
    "/index-3.html",
    "/page2.html",
    "/blog/page-2.html",
    "/blog-page-2.html",
    "/archive_page2.php",
    "/oldal/2/",
    "/stránka-2/",
    "/сторінка/2/",
    "/페이지/2/",
    "/หน้า/2/",
    "/صفحة/2/",
]
NOT_LISTINGS = [
    "/",
    "/2024/05/a-post/",
    "/2024/05/01/a-post.html",
    "/archives/123",
    "/archives/2024/05/a-post.html",
    "/?p=12",
    "/about/",
    "/index.php?action=article&nr=7",
    "/a-post/?from=rss",
    "/a-post/?page=all",
    "/category-theory/",
    "/tags-and-labels/",
    "/category/sea/how-the-old-pier-was-saved/",
    "/2024/05/01/1984/",
    "/page-turner/",
    "/the-author/",
    "/news.php?cat=2&nid=31",
    "/view.asp?category=culture&story=7",
    "/news.php?year=2021&no=14",
    "/?q=node/12",
    "/index.php?s=/news/read/12.html",
    "/events/2021/05/the-harbour-feast/",
    "/new-homepage-2/",
    "/page-2-of-the-logbook/",
    "/the-harbour-page/2/",
]


@pytest.mark.parametrize("path", ["/?s=boats", "/?q=old+boats", "/?q=a/", "/events/2021/05/", "/events/2021-05-03"])
def test_search_and_calendar_urls_are_traps(path: str) -> None:
    assert matching_trap_rule("https://example.org" + path) in ("search", "calendar")


@pytest.mark.parametrize("path", LISTINGS)
def test_listing_urls_are_recognised(path: str) -> None:
    assert url_patterns.kind_by_address("https://example.org" + path) is PageKind.LISTING
    assert not matching_trap_rule("https://example.org" + path)


@pytest.mark.parametrize("path", NOT_LISTINGS)
def test_post_urls_are_not_listings_or_traps(path: str) -> None:
    assert url_patterns.kind_by_address("https://example.org" + path) is not PageKind.LISTING
    assert not matching_trap_rule("https://example.org" + path)


@pytest.mark.parametrize(
    ("path", "number", "series"),
    [
        ("/", 1, ""),
        ("/page2.html", 2, "/#?"),
        ("/blog/page-3.html", 3, "/blog/#?"),
        ("/blog/index2.html", 2, "/blog/#?"),
        ("/blog-page-2.html", 2, "/blog/#?"),
        ("/blog/page/4/index.html", 4, "/blog/#?"),
        ("/страница/2/", 2, "/#?"),
        ("/blog/?page=5", 5, "/blog/?#"),
        ("/search?updated-max=2010-01-01T00:00:00Z", None, "/search?#"),
    ],
)
def test_further_pages_of_a_list_have_its_series_and_their_number(path: str, number: int | None, series: str) -> None:
    url = "https://example.org" + path
    assert url_patterns.page_number(url) == number
    assert url_patterns.series_of(url) == series


def test_the_scopes_folder_is_not_a_listing() -> None:
    assert url_patterns.kind_by_address("https://example.org/tag/a-post/", "/tag/") is PageKind.UNKNOWN


@pytest.mark.parametrize(
    ("path", "feed"),
    [
        ("/feed/", True),
        ("/feed", True),
        ("/rss", True),
        ("/atom.xml", True),
        ("/index.xml", True),
        ("/feed/index.html", True),
        ("/feeds/posts/default", True),
        ("/?feed=rss2", True),
        ("/news.rss", True),
        ("/blog/feed.json", True),
        ("/feeds/all.atom.xml", True),
        ("/feeding-the-ducks/", False),
        ("/data.xml", False),
        ("/rss-explained/", False),
    ],
)
def test_feed_urls_are_recognised(path: str, feed: bool) -> None:
    assert url_patterns.is_feed("https://example.org" + path) is feed


@pytest.mark.parametrize(
    ("path", "comments"),
    [
        ("/comments/feed/", True),
        ("/feeds/12/comments/default", True),
        ("/?feed=comments-rss2", True),
        ("/?feed=rss2&p=12", True),
        ("/?p=12&feed=rss2", True),
        ("/?feed=rss2&cat=3", False),
        ("/?feed=rss2", False),
        ("/feed/", False),
        ("/comments-on-the-state-of-things/", False),
    ],
)
def test_comment_feeds_are_recognised(path: str, comments: bool) -> None:
    assert url_patterns.is_comment_feed("https://example.org" + path) is comments


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/category/sea/feed/", True),
        ("/tag/sea/feed/atom/", True),
        ("/author/ana/rss.xml", True),
        ("/feed/", False),
        ("/blog/feed/", False),
        ("/?feed=rss2&cat=3", True),
        ("/?feed=rss2&tag=sea", True),
        ("/?feed=rss2", False),
        ("/feeds/posts/default/-/Sea", True),
        ("/feeds/posts/default", False),
    ],
)
def test_feeds_of_a_part_of_the_site_are_recognised(path: str, part: bool) -> None:
    assert url_patterns.is_part_feed("https://example.org" + path) is part


def test_urls_get_the_host_form_of_the_site() -> None:
    assert (
        url_patterns.with_origin("http://www.example.org/a?b=1", "https://example.org/") == "https://example.org/a?b=1"
    )
    assert url_patterns.with_origin("http://example.org:8080/a", "https://example.org/") == "http://example.org:8080/a"
    assert url_patterns.with_origin("http://example.com/a", "https://example.org/") == "http://example.com/a"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("post-sitemap.xml", PageKind.POST),
        ("post-sitemap12.xml", PageKind.POST),
        ("wp-sitemap-posts-post-1.xml", PageKind.POST),
        ("news-sitemap.xml", PageKind.POST),
        ("sitemap_news.xml.gz", PageKind.POST),
        ("sitemap-posts.xml", PageKind.POST),
        ("page-sitemap.xml", PageKind.PAGE),
        ("wp-sitemap-posts-page-1.xml", PageKind.PAGE),
        ("sitemap-pages.xml", PageKind.PAGE),
        ("category-sitemap.xml", PageKind.LISTING),
        ("post_tag-sitemap.xml", PageKind.LISTING),
        ("wp-sitemap-taxonomies-category-1.xml", PageKind.LISTING),
        ("wp-sitemap-users-1.xml", PageKind.LISTING),
        ("sitemap-authors.xml", PageKind.LISTING),
        ("sitemap.xml", PageKind.UNKNOWN),
        ("sitemap-2024-05.xml", PageKind.UNKNOWN),
    ],
)
def test_the_kind_of_a_sitemap_follows_from_its_name(name: str, kind: PageKind) -> None:
    assert url_patterns.kind_of_sitemap("https://example.org/" + name) is kind


@pytest.mark.parametrize(
    ("head", "header", "expected"),
    [
        ('<link rel="https://api.w.org/" href="/wp-json/">', "", "https://example.org/wp-json/"),
        ("", '<https://example.org/?rest_route=/>; rel="https://api.w.org/"', "https://example.org/?rest_route=/"),
        (
            "",
            '<https://example.org/x>; rel=preload, <https://example.org/wp-json/>; rel="https://api.w.org/"',
            "https://example.org/wp-json/",
        ),
        (
            '<link rel="alternate" type="application/json+oembed" href="https://example.org/wp-json/oembed/1.0/embed?url=x">',
            "",
            "https://example.org/wp-json/",
        ),
        ('<script src="/news/wp-includes/js/a.js"></script>', "", "https://example.org/news/wp-json/"),
        ('<script src="https://cdn.example.com/wp-includes/js/a.js"></script>', "", None),
        ('<link rel="stylesheet" href="/style.css">', "", None),
    ],
)
def test_the_api_endpoint_is_found(head: str, header: str, expected: str | None) -> None:
    root = lxml.html.fromstring(f"<html><head>{head}<title>x</title></head><body></body></html>")
    assert wordpress_api.api_endpoint(root, header, "https://example.org/") == expected


@pytest.mark.parametrize(
    ("path", "is_file"),
    [
        ("/files/quay.jpg", True),
        ("/files/Quay.JPEG?w=300", True),
        ("/tide.pdf", True),
        ("/files/quay.jpg%3Fw=300", True),
        ("/quay.jpg/", False),
        ("/show.php?file=quay.jpg", False),
        ("/show.php%3Ffile=quay.jpg", False),
        ("/wiki/File:Quay.jpg", False),
        ("/v1.2/quay", False),
        ("/a-post", False),
    ],
)
def test_the_extension_of_the_last_step_makes_a_file(path: str, is_file: bool) -> None:
    assert url_patterns.is_asset(f"https://example.org{path}") is is_file
