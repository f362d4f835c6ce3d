"""Extraction of links from pages."""

from __future__ import annotations

import lxml.html
import pytest

from archiver.discovery.page_links import has_hidden_pages, parse_links, usual_next_page
from archiver.model.items import PageKind
from archiver.model.urls import Scope
from archiver.platforms.selector_index import Index


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


def hides_pages(more: str) -> bool:
    tree = lxml.html.fromstring(f"<html><head></head><body>{ENTRIES}{more}</body></html>")
    here, scope = "https://example.org/diary/", Scope("example.org")
    return has_hidden_pages(Index(tree), here, scope, parse_links(Index(tree), here, scope))


@pytest.mark.parametrize(
    "more",
    [
        '<button class="btn load-more">+</button>',
        '<button id="b7" data-page="2">…</button>',
        "<button>Цааш үзэх</button>",
        '<a href="#">Mehr laden</a>',
        '<a href="javascript:void(0)">加载更多</a>',
        '<div class="pagination"><a href="#"><span>»</span></a></div>',
        '<form method="post"><button name="p">၁</button><button name="p">၂</button><button name="p">၃</button></form>',
        "<ul>"
        + "".join(f"<li><a href=\"javascript:__doPostBack('g','Page${n}')\">{n}</a></li>" for n in (2, 3, 4))
        + "</ul>",
        "<div><span>上一页</span><span>1</span><span>2</span><span>3</span><span>下一页</span></div>",
        '<nav class="nav-links"><a href="/about/">About</a></nav><button class="load-more">More</button>',
        "<script>document.onscroll = function () { fetch('/api/posts?page=' + page) }</script>",
    ],
)
def test_a_list_that_only_a_script_or_a_form_continues(more: str) -> None:
    assert hides_pages(more)


@pytest.mark.parametrize(
    "more",
    [
        "",
        '<a href="/diary/?page=2">2</a>',
        '<button class="load-more">More</button> <a class="next" rel="next" href="/diary/page/2/">2</a>',
        '<button class="menu-toggle">Menu</button>',
        "<div><span>1</span><span>2</span><span>3</span><span>4</span><span>5</span></div>",
        '<form action="/search"><input type="submit" value="Search"></form>',
        '<div class="swiper-container"><a href="#" class="swiper-pagination">2</a></div>',
        "<table>" + "".join(f"<td><a href='#'>{n}</a></td>" for n in range(1, 32)) + "</table>",
        '<a href="#top">Top</a>',
        "<script>fetch('/api/weather')</script>",
    ],
)
def test_a_list_that_links_continue_or_that_ends(more: str) -> None:
    assert not hides_pages(more)


@pytest.mark.parametrize(
    "more",
    [
        '<a class="more" href="#" data-url="/diary/page/2/">+</a>',
        '<button data-href="/diary/page/2/">+</button>',
        """<button onclick="location.href='/diary/page/2/'">+</button>""",
        """<td onclick="window.location.assign('/diary/page/2/')">+</td>""",
    ],
)
def test_the_next_page_of_a_button(more: str) -> None:
    tree = lxml.html.fromstring(f"<html><head></head><body>{ENTRIES}{more}</body></html>")
    links = parse_links(Index(tree), "https://example.org/diary/", Scope("example.org"))
    assert [t.url for t in links.next_pages] == ["https://example.org/diary/page/2/"]


def test_the_address_of_a_button_that_shares_the_page_is_no_next_page() -> None:
    more = '<button data-url="https://example.org/notes/9.html">Share</button>'
    tree = lxml.html.fromstring(f"<html><head></head><body>{ENTRIES}{more}</body></html>")
    assert parse_links(Index(tree), "https://example.org/diary/", Scope("example.org")).next_pages == ()


@pytest.mark.parametrize(
    ("here", "entries", "more", "is_hidden", "following"),
    [
        ("/", 6, "", False, "/page/2/"),
        ("/page/2/", 6, "", False, "/page/3/"),
        ("/diary/", 4, "", True, "/diary/page/2/"),
        ("/", 2, "", False, ""),
        ("/", 60, "", False, ""),
        ("/", 6, '<a class="pager" href="/p/2/">2</a>', False, ""),
        ("/", 6, '<a href="/page/2/">Older</a>', False, ""),
        ("/page/2/", 6, '<a class="pager" href="/">1</a>', False, ""),
        ("/diary.html", 6, "", True, ""),
    ],
)
def test_the_usual_address_of_the_next_page_of_a_list_without_links_to_further_pages(
    here: str, entries: int, more: str, is_hidden: bool, following: str
) -> None:
    listed = "".join(f"<h2><a href='/notes/{n}.html'>Note number {n}</a></h2>" for n in range(entries))
    index = Index(lxml.html.fromstring(f"<html><head></head><body>{listed}{more}</body></html>"))
    url = f"https://example.org{here}"
    links = parse_links(index, url, Scope("example.org"))
    found = [one.url for one in usual_next_page(url, links, is_hidden=is_hidden)]
    assert found == ([f"https://example.org{following}"] if following else [])
