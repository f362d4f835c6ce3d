"""The elements in pagers and the titles of entries are the same as those found by walking up from each link."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.etree import _Element as Element

from archiver.discovery import page_links
from archiver.discovery.page_links import parse_links
from archiver.discovery.url_patterns import classify_link, origin_of
from archiver.model.urls import Scope
from archiver.platforms.selector_index import Index

SCOPE = Scope("example.org")
URL = "https://example.org/notes/"
TAGS = st.sampled_from(["div", "li", "ul", "h2", "h3", "span", "a href='/x/'", "nav"])
NAMES = st.sampled_from(["", " class='pager'", " id='pagination-top'", " class='entry-title'", " class='entry'"])
OPENING = st.builds(lambda tag, names: f"<{tag}{names}>", TAGS, NAMES)
CLOSING = st.sampled_from(["</div>", "</li>", "</ul>", "</h2>", "</h3>", "</a>", "</span>", "text"])
SOUP = st.lists(st.one_of(OPENING, CLOSING), max_size=40).map("".join)


def around(element: Element, levels: int) -> Iterator[Element]:
    """Yield an element and its ancestors up to this many levels."""
    at: Element | None = element
    for _ in range(levels + 1):
        if at is not None:
            yield at
            at = at.getparent()


def has_name(element: Element, is_named: Callable[[str], bool]) -> bool:
    return is_named(element.get("class") or "")


def is_in_pager(link: Element) -> bool:
    return any(page_links._is_pager_class(f"{at.get('class')} {at.get('id')}") for at in around(link, 3))


def is_title(link: Element) -> bool:
    above = list(around(link, 3))[1:]
    return (
        any(has_name(at, page_links._is_entry_class) for at in (link, *above))
        or any(at.tag in page_links._HEADINGS for at in (*link, *above))
    )  # fmt: skip


@given(SOUP)
def test_what_is_near_a_name_is_found_from_above(soup: str) -> None:
    index = Index(lxml.html.fromstring(f"<html><body>{soup}</body></html>"))
    page = page_links._Page(index, URL, SCOPE, 2030)
    anchors = index.tag("a")
    assert [a in page.in_pagers for a in anchors] == list(map(is_in_pager, anchors))
    assert [a in page.entry_titles for a in anchors] == list(map(is_title, anchors))


def test_a_remembered_link_is_classified_as_a_new_one() -> None:
    hrefs = [
        "/a/",
        "https://example.org/feed/",
        "//example.org/sitemap.xml",
        "/b.pdf",
        "https://else.example/",
        "/?m=1",
        "/a/#comment-1",
        "b.html#top",
        "?p=1#a",
        " /a #b",
    ]
    remembered = page_links._SiteLinks(origin_of(URL), origin_of(URL), SCOPE, 2030)
    for _ in range(2):
        assert [remembered[h] for h in hrefs] == [
            classify_link(h, origin_of(URL), origin_of(URL), SCOPE, 2030) for h in hrefs
        ]


def test_remembered_links_are_limited() -> None:
    remembered = page_links._SiteLinks(origin_of(URL), origin_of(URL), SCOPE, 2030)
    for number in range(page_links._MOST_SITE_LINKS + 10):
        remembered[f"/{number}/"]
    assert len(remembered) == 10


def test_a_button_to_load_more_is_a_link_to_the_next_page() -> None:
    buttons = "<button data-load-more-url='/notes/page/2/'>More</button><p data-next-url='/notes/page/3/'></p>"
    index = Index(lxml.html.fromstring(f"<html><body>{buttons}</body></html>"))
    assert [t.url for t in parse_links(index, URL, SCOPE).next_pages] == [
        "https://example.org/notes/page/2/", "https://example.org/notes/page/3/",
    ]  # fmt: skip


def test_the_api_is_looked_for_on_demand() -> None:
    html = "<html><head><link rel='https://api.w.org/' href='/wp-json/'></head><body></body></html>"
    index = Index(lxml.html.fromstring(html))
    assert parse_links(index, URL, SCOPE).api == "https://example.org/wp-json/"
    assert parse_links(index, URL, SCOPE, with_api=False).api is None


@pytest.mark.parametrize(
    ("page", "link", "is_followed"),
    [
        ("/", "/page/0/", False),
        ("/tags/नाव/", "/tags/नाव/page/0/", False),
        ("/news", "/news?page=0", False),
        ("/blog/", "/blog/page-0.html", False),
        ("/", "/page/2/", True),
        ("/", "/page/10/", True),
        ("/news/page/1", "/news/page/0", True),
        ("/", "/news/page/0", True),
        ("/news", "/news?cat=3&page=0", True),
        ("/news?cat=3", "/news?page=0", True),
    ],
)
def test_page_zero_in_the_pager_of_a_list_is_the_list_itself(page: str, link: str, is_followed: bool) -> None:
    index = Index(lxml.html.fromstring(f"<html><body><nav class='pager'><a href='{link}'>Next</a></nav></body></html>"))
    found = parse_links(index, f"https://example.org{page}", SCOPE)
    assert bool(found.next_pages or found.links) is is_followed


def test_a_post_with_the_number_zero_is_followed() -> None:
    index = Index(lxml.html.fromstring("<html><body><p><a href='/p/0/'>The zeroth note</a></p></body></html>"))
    assert [one.url for one in parse_links(index, "https://example.org/", SCOPE).links] == ["https://example.org/p/0/"]
