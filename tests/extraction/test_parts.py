"""Which links lead to further pages of the same post, and which only look like it."""

from __future__ import annotations

import pytest

from archiver.extraction.page import parse_page
from archiver.extraction.post_parts import MAX_PARTS, PostParts, find_parts, part_urls

HOST = "https://example.org"


def read(markup: str, path: str = "/tides/", head: str = "", of: str = "") -> PostParts:
    return find_parts(
        parse_page(
            f"<html><head><title>Tides</title>{head}</head><body><article><h1>Tides</h1>"
            f"<p>The sea came in.</p>{markup}</article></body></html>",
            HOST + path,
        ),
        of,
    )


def paths(found: PostParts) -> list[str]:
    return [url.removeprefix(HOST) for url in found.others]


def anchors(*pairs: tuple[str, str]) -> str:
    return " ".join(f'<a href="{href}">{text}</a>' for href, text in pairs)


@pytest.mark.parametrize(
    ("path", "markup", "expected"),
    [
        pytest.param(
            "/tides/",
            '<div class="page-links">Pages: <span class="post-page-numbers current">1</span> '
            '<a href="/tides/2/" class="post-page-numbers">2</a> <a href="/tides/3/">3</a></div>',
            ["/tides/2/", "/tides/3/"],
            id="wordpress",
        ),
        pytest.param(
            "/tides/",
            '<p class="post-nav-links"><a href="/tides/2/">The ebb</a></p>',
            ["/tides/2/"],
            id="wordpress, pages with names",
        ),
        pytest.param(
            "/tides/",
            '<p class="page-links"><a href="/tides/2/">The ebb</a> <a href="/tides/?view=all">On one page</a></p>',
            ["/tides/2/"],
            id="pages with names, and a view of all",
        ),
        pytest.param(
            "/?p=31",
            '<p class="wp-link-pages"><a href="/?p=31&page=2">2</a></p>',
            ["/?p=31&page=2"],
            id="wordpress, plain addresses",
        ),
        pytest.param(
            "/news/tides.html",
            "1 " + anchors(("/news/tides.html?page=2", "2"), ("/news/tides.html?page=3", "3")),
            ["/news/tides.html?page=2", "/news/tides.html?page=3"],
            id="query",
        ),
        pytest.param(
            "/node/tides",
            '<ul class="pager"><li>1</li>'
            + anchors(("/node/tides?page=1", "2"), ("/node/tides?page=2", "3"), ("/node/tides?page=1", "next ›"))
            + "</ul>",
            ["/node/tides?page=1", "/node/tides?page=2"],
            id="counted from zero",
        ),
        pytest.param(
            "/news/tides.html",
            anchors(("tides-2.html", "[2]"), ("tides-3.html", "[3]"), ("tides-2.html", ">")),
            ["/news/tides-2.html", "/news/tides-3.html"],
            id="number before the ending",
        ),
        pytest.param(
            "/c/2021-03/04/88213.htm",
            anchors(("88213_2.htm", "下一页")),
            ["/c/2021-03/04/88213_2.htm"],
            id="chinese news",
        ),
        pytest.param(
            "/read.php?no=31",
            anchors(("/read.php?no=31&p=2", "다음 쪽 2"), ("/read.php?no=32&p=2", "the cellar")),
            ["/read.php?no=31&p=2"],
            id="number after next, in a query",
        ),
        pytest.param(
            "/read.php?seq=31",
            anchors(("/read.php?page=2&seq=31", "how it ended"), ("/list.php?page=2", "older")),
            ["/read.php?page=2&seq=31"],
            id="any text, if the own query is kept",
        ),
        pytest.param("/tides", anchors(("/tides/p/2", "次のページ")), ["/tides/p/2"], id="japanese"),
        pytest.param("/tides/", anchors(("/tides/page/2/", "2")), ["/tides/page/2/"], id="word as a folder"),
        pytest.param(
            "/tides",
            anchors(("/tides/seite-2", "Seite 2"), ("/tides/seite-3", "Seite 3")),
            ["/tides/seite-2", "/tides/seite-3"],
            id="german",
        ),
        pytest.param("/tides", anchors(("/tides-trang-2", "Trang 2")), ["/tides-trang-2"], id="vietnamese"),
        pytest.param("/tides/index.html", anchors(("index_2.html", "2")), ["/tides/index_2.html"], id="index file"),
        pytest.param(
            "/tides-1.html",
            "<b>1</b> " + anchors(("/tides-2.html", "2"), ("/tides-3.html", "3")),
            ["/tides-2.html", "/tides-3.html"],
            id="the first is numbered too",
        ),
        pytest.param(
            "/tides/",
            '<select><option value="/tides/">1</option><option value="/tides/2/">2</option></select>',
            ["/tides/2/"],
            id="drop-down list",
        ),
        pytest.param(
            "/tides/",
            anchors(*((f"/tides/{n}/", str(n)) for n in (2, 3, 10))),
            ["/tides/2/", "/tides/3/", "/tides/10/"],
            id="some of many",
        ),
    ],
)
def test_pages_of_the_post(path: str, markup: str, expected: list[str]) -> None:
    found = read(markup, path)
    assert paths(found) == expected
    assert (found.number, found.first) == (1, "")


def test_rel_next_below_the_pages_own_address_is_enough() -> None:
    assert paths(read("", "/tides", '<link rel="next" href="/tides?page=2">')) == ["/tides?page=2"]
    assert paths(read("", "/tides", '<link rel="next" href="/tides?page=1">')) == ["/tides?page=1"]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Tides", ["/tides_2.html"]),
        ("Tides - Page 2", ["/tides_2.html"]),
        ("Seite 2", ["/tides_2.html"]),
        ("下一页", ["/tides_2.html"]),
        ("海の日", []),
        ("The storm of May", []),
    ],
)
def test_a_link_element_that_names_the_next_post_is_no_part(title: str, expected: list[str]) -> None:
    assert paths(read("", "/tides.html", f'<link rel="next" href="/tides_2.html" title="{title}">')) == expected


@pytest.mark.parametrize(
    ("path", "markup"),
    [
        pytest.param("/tides/", anchors(("/storms/", "Next"), ("/storms/2/", "2")), id="the next post"),
        pytest.param(
            "/tides.html",
            '<link rel="next" href="/tides-again.html"><a rel="next" href="/b-2.html">Next</a>',
            id="rel=next of posts",
        ),
        pytest.param(
            "/tides/",
            '<nav class="comments-pagination">' + anchors(("/tides/comment-page-2/#comments", "2")) + "</nav>",
            id="pages of comments",
        ),
        pytest.param(
            "/node/5",
            '<section id="comments"><ul class="pager">' + anchors(("/node/5?page=1", "2")) + "</ul></section>",
            id="pager among comments",
        ),
        pytest.param(
            "/tides/",
            '<div class="related-posts">' + anchors(("/tides/?page=2", "2")) + "</div>",
            id="pager of other posts",
        ),
        pytest.param("/tides/", anchors(("/page/2/", "2"), ("/category/sea/page/2/", "Next page")), id="listing"),
        pytest.param("/tides/", anchors(("/tides/low-water/", "Next"), ("/tides/attachment/2/", "2")), id="pictures"),
        pytest.param("/book/", anchors(("/book/1/", "The ebb"), ("/book/2/", "The flood")), id="chapters with names"),
        pytest.param(
            "/archives/12/",
            '<a rel="prev" href="/archives/11/">The ebb</a><a rel="next" href="/archives/13/">'
            'The flood</a><a href="/archives/">Archive</a>',
            id="posts by number",
        ),
        pytest.param("/?p=31", '<a rel="next" href="/?p=32">Next</a>', id="posts by number, in the query"),
        pytest.param("/2024/05/", anchors(("/2024/05/02/", "2")), id="a day"),
        pytest.param("/tides/", anchors(("18", "18"), ("19", "19")), id="notes"),
        pytest.param("/tides/", anchors(("/tides/7/", "7"), ("/tides/8/", "8")), id="numbers without a second page"),
        pytest.param(
            "/2020/01/links.html",
            '<div class="blog-pager"><a href="/2020/01/links_2.html">Newer Post</a></div>',
            id="a later post of the same name",
        ),
        pytest.param("/tides/", anchors(("https://elsewhere.example/tides/2/", "2")), id="another host"),
        pytest.param(
            "/2020/05/note.html",
            '<div class="entry-pagelink"><a href="tides.html">&laquo; The tides</a> | <a href="/">home</a> | '
            '<a href="note_2.html">海の日 &raquo;</a></div>',
            id="neighbours in a block that leads from post to post",
        ),
        pytest.param(
            "/2020/05/0.html",
            '<div class="entry-pagelink"><a href="10.html">10年</a> | <a href="../../index.html">main</a></div>',
            id="a post whose name is a number, in such a block",
        ),
        pytest.param(
            "/my-story",
            '<div class="nav-links"><a rel="next" href="/my-story-part-2">My story, part 2</a></div>',
            id="a sequel",
        ),
    ],
)
def test_links_that_are_not_pages_of_the_post(path: str, markup: str) -> None:
    assert read(markup, path) == PostParts()


@pytest.mark.parametrize(
    ("path", "markup", "first", "number"),
    [
        (
            "/tides/2/",
            '<div class="page-links"><a href="/tides/">1</a> <span>2</span> <a href="/tides/3/">3</a></div>',
            "/tides/",
            2,
        ),
        ("/tides/2/", '<a rel="prev" href="/tides/">Previous page</a>', "/tides/", 2),
        ("/news/tides_3.html", anchors(("tides.html", "1"), ("tides_2.html", "2")), "/news/tides.html", 3),
        ("/tides?page=3", anchors(("/tides?page=1", "1"), ("/tides?page=2", "2")), "/tides", 3),
        ("/tides?page=1", anchors(("/tides", "1"), ("/tides?page=2", "3")), "/tides", 2),
        ("/tides?page=1", "1 " + anchors(("/tides", "1"), ("/tides?page=2", "2")), "/tides", 1),
    ],
)
def test_a_further_page_names_the_first(path: str, markup: str, first: str, number: int) -> None:
    found = read(markup, path)
    assert (found.first, found.number) == (HOST + first, number)


def test_a_page_in_the_middle_may_link_only_to_its_neighbours() -> None:
    markup = '<a rel="prev" href="/tides/3/">Previous</a> <a rel="next" href="/tides/5/">Next</a>'
    assert read(markup, "/tides/4/") == PostParts()
    assert paths(read(markup, "/tides/4/", of=HOST + "/tides/")) == ["/tides/5/"]


@pytest.mark.parametrize(
    ("href", "text", "expected"),
    [
        ("/tides?pagewanted=all", "Everything", "/tides?pagewanted=all"),
        ("/tides/all/", "All", "/tides/all/"),
        ("/tides/komplettansicht", "Auf einer Seite lesen", "/tides/komplettansicht"),
        ("/tides?view=x7", "View as single page", "/tides?view=x7"),
        ("/tides?f=1", "阅读全文", "/tides?f=1"),
        ("/storms?pagewanted=all", "Single page", ""),
        ("/tides/print/", "Print", ""),
        ("#more", "View all", ""),
    ],
)
def test_the_single_page_view(href: str, text: str, expected: str) -> None:
    found = read(anchors(("/tides/2/", "2"), (href, text)), "/tides")
    assert found.whole.removeprefix(HOST) == expected
    assert read(anchors((href, text)), "/tides").whole == ""


def test_the_print_view_if_no_page_is_linked() -> None:
    pager = '<div class="pagination">Page 1 of 4 <button>Next</button></div>'
    assert read(pager + anchors(("/tides/print/", "Print")), "/tides").whole == f"{HOST}/tides/print/"
    assert read(pager, "/tides") == PostParts()


def test_the_number_of_parts_is_limited() -> None:
    assert len(read(anchors(*((f"/tides/{n}/", str(n)) for n in range(2, 200)))).others) == MAX_PARTS


def test_a_month_or_a_root_is_not_a_part() -> None:
    assert part_urls(f"{HOST}/2024/05/") == part_urls(f"{HOST}/2/") == part_urls(f"{HOST}/?page=2") == []
    assert [(w.stem, w.number) for w in part_urls(f"{HOST}/a/2.html")] == [(f"{HOST}/a.html", 2), (f"{HOST}/a/", 2)]
