"""Page kinds: posts and other pages, with one template at the URLs of many programs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.page_classifier import PostLocator, classify_page
from archiver.model.items import PageKind, SourceHint
from archiver.model.page_rules import is_declared
from tests.small_sites import classic, sample_posts, silent

POST = sample_posts(1)[0]


def kind_of(path: str, html: str = "") -> tuple[PageKind, str]:
    article = extract_page(parse_page(html or silent(POST), "https://low.example" + path))
    return article.kind, article.kind_rule


@pytest.mark.parametrize(
    "path",
    [
        "/?p=12",
        "/?nid=12",
        "/?q=node/12",
        "/index.php?id=12&L=1",
        "/index.php?view=article&id=3:a-post",
        "/index.php?/archives/12-a-post.html",
        "/Default.aspx?tabid=9&ArticleID=12",
        "/?act=show&newsid=12",
    ],
)
def test_a_post_may_be_named_by_parameters_of_the_home_page(path: str) -> None:
    assert kind_of(path)[0] is PageKind.POST


@pytest.mark.parametrize("path", ["/", "/index.html", "/index.php", "/?lang=de", "/index.php?theme=dark"])
def test_the_home_page_is_never_a_post(path: str) -> None:
    assert kind_of(path) == (PageKind.LISTING, "home")


def titled(title: str, text: str = "") -> str:
    """Return the page of a short post with this title."""
    changed = replace(POST, title=title, paragraphs=(text or POST.paragraphs[0],))
    return classic(changed).replace(" single-post", "")


@pytest.mark.parametrize(
    "title",
    [
        "404 new homes approved at the quay",
        "403 jobs lost at the mill",
        "Nothing found in search for missing ferry",
        "Access denied: how the council shut the doors",
        "Just a moment with the harbour master",
        "Sign in the window says closed",
        "Checking your browser history, says court",
    ],
)
def test_a_headline_may_begin_like_an_error(title: str) -> None:
    assert kind_of("/news/12.html", titled(title))[0] is PageKind.POST


@pytest.mark.parametrize(
    ("title", "rule"),
    [
        ("404", "not-found"),
        ("Error 404 - nothing here", "not-found"),
        ("Page not found", "not-found"),
        ("404 Not Found", "not-found"),
        ("Sign in to continue", "wall"),
        ("Just a moment...", "wall"),
    ],
)
def test_errors_and_walls(title: str, rule: str) -> None:
    html = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><p>Try the home page.</p></body></html>"
    assert kind_of("/news/12.html", html) == (PageKind.OTHER, rule)


def test_an_error_page_may_list_the_newest_posts() -> None:
    html = titled("Page not found").replace("By <a", "Our newest: <a")
    assert kind_of("/news/12.html", html)[1] == "not-found"


PASSWORD = "<form><input name='user'><input type='password' name='word'></form>"


@pytest.mark.parametrize(
    ("title", "below", "rule"),
    [
        ("Log in", PASSWORD, "wall"),
        ("Log in - Quay Notes", PASSWORD, "wall"),
        ("Login System", PASSWORD, "undated"),
        ("Log in", "<p>How we log in to the ferry's book.</p>", "undated"),
        ("Access denied", "<p>You don't have permission to access this page. Reference #18.2</p>", "wall"),
        ("Access Denied: a novel", "<p>You don't have permission to access this page.</p>", "undated"),
        ("Just a moment", "<p>Verifying you are human. Ray ID: 7f</p>", "wall"),
        ("Just a moment", "<p>The harbour master waits for the tide.</p>", "undated"),
    ],
)
def test_a_wall_has_a_form_or_the_words_of_a_check(title: str, below: str, rule: str) -> None:
    html = f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{below}</body></html>"
    assert kind_of("/news/12.html", html)[1] == rule


@pytest.mark.parametrize(
    ("generator", "more", "kind"),
    [
        ("Doxygen 1.9.8", "", PageKind.PAGE),
        ("rustdoc", "", PageKind.PAGE),
        ("Hugo 0.124", "", PageKind.POST),
        ("Doxygen 1.9.8", "<meta property='article:published_time' content='2024-03-03T10:00:00Z'>", PageKind.POST),
    ],
)
def test_documentation_is_no_post_unless_it_says_when_it_was_published(
    generator: str, more: str, kind: PageKind
) -> None:
    head = f"<head><title>A valve</title><meta name='generator' content='{generator}'>{more}</head>"
    text = "<p>It closes the pipe between the well and the house when the water is too warm for the pump.</p>"
    html = f"<html>{head}<body><article><h1>A valve</h1><time>3 March 2024</time>{text}</article></body></html>"
    assert kind_of("/docs/valve.html", html)[0] is kind


def test_a_post_with_a_day_in_its_address_may_have_a_table_of_days() -> None:
    days = "".join(f"<tr><td>{n} May 2024</td><td>{n} boats</td></tr>" for n in range(1, 9))
    text = f"<p>{POST.paragraphs[0]}</p><table>{days}</table>"
    html = f"<html><body><article><h1>Boats in May</h1><p>9 May 2024</p>{text}</article></body></html>"
    assert kind_of("/2024/05/09/boats-in-may/", html)[0] is PageKind.POST
    assert kind_of("/harbour/boats-in-may/", html) == (PageKind.PAGE, "log")


@pytest.mark.parametrize("rule", ["single-post", "wordpress page", "type-page", "json-ld", "feed", "api", "password"])
def test_what_a_page_declares_is_no_guess(rule: str) -> None:
    assert is_declared(rule)


def test_a_look_at_the_page_is_a_guess() -> None:
    html = f"<html><body><h1>The old pier</h1><p>{POST.paragraphs[0]}</p></body></html>"
    assert not is_declared(kind_of("/news/12.html", html)[1])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/topics/how-the-old-pier-was-saved/", PageKind.POST),
        ("/en/series/the-salt-road-part-four.html", PageKind.POST),
        ("/topics/old-piers/", PageKind.LISTING),
        ("/tag/how-the-old-pier-was-saved/", PageKind.LISTING),
    ],
)
def test_a_section_path_may_contain_posts(path: str, kind: PageKind) -> None:
    assert kind_of(path, titled(POST.title))[0] is kind


@pytest.mark.parametrize(
    "path", ["/archives/2005/03/slack_water.html", "/archive/2005/03/slack-water/", "/blog/archives/2005/slack.php"]
)
def test_a_post_may_lie_in_the_archive_of_its_month(path: str) -> None:
    assert kind_of(path)[0] is PageKind.POST


@pytest.mark.parametrize(
    "path",
    ["/archives/2005/03/", "/archives/2005/03.html", "/archive/2005", "/archives/2005/march/", "/archives/2005/03/07/",
     "/blog/archives/2005/03/index.html"],
)  # fmt: skip
def test_the_archive_of_a_month_is_a_listing(path: str) -> None:
    undeclared = re.sub(r"<meta[^>]*>", "", silent(POST))
    assert kind_of(path, undeclared)[0] is PageKind.LISTING


@pytest.mark.parametrize(("byline", "kind"), [("By Ines Holt", PageKind.POST), ("Ines Holt", PageKind.PAGE)])
def test_a_short_post_with_a_byline_and_a_picture_needs_no_date(byline: str, kind: PageKind) -> None:
    html = f"""<html><head><title>Cork and line</title></head><body><h1>Cork and line</h1><p class="who">{byline}</p>
<div class="entry-content"><img src="/cork.jpg"><p>Cork floats.</p></div></body></html>"""
    assert extract_page(parse_page(html, "https://low.example/cork-and-line.html")).kind is kind


def test_a_listing_is_known_by_its_address_without_locating_a_post() -> None:
    page = parse_page("<h1>Boats</h1><p>Two texts.</p>", "https://example.org/category/boats/")
    located = PostLocator(page)
    assert classify_page(page, located=located) == (PageKind.LISTING, "listing address")
    assert vars(located) == {"page": page}


OWN_FEED = '<link rel="alternate" type="application/rss+xml" href="{}">'
LISTED = SourceHint(guid="https://low.example/themen/wind/", title="Wind", published=POST.at)


@pytest.mark.parametrize(
    ("feed", "kind"),
    [
        ("/themen/wind/index.xml", (PageKind.LISTING, "own feed")),
        ("index.xml", (PageKind.LISTING, "own feed")),
        ("/index.xml", (PageKind.POST, "feed")),
        ("/themen/index.xml", (PageKind.POST, "feed")),
        ("/themen/wind/feed/", (PageKind.POST, "feed")),  # WordPress's feed of the comments
    ],
)
def test_a_page_with_a_feed_of_its_own_is_a_list_even_if_another_feed_has_it_as_an_entry(
    feed: str, kind: tuple[PageKind, str]
) -> None:
    html = f"<head><title>Wind</title>{OWN_FEED.format(feed)}</head><h1>Wind</h1><p>{POST.paragraphs[0]}</p>"
    article = extract_page(parse_page(html, "https://low.example/themen/wind/"), LISTED)
    assert (article.kind, article.kind_rule) == kind


def test_a_post_that_declares_itself_an_article_is_no_list_although_it_has_a_feed() -> None:
    html = silent(POST).replace("</head>", f"{OWN_FEED.format('index.xml')}</head>", 1)
    assert kind_of("/themen/wind/", html)[0] is PageKind.POST


@pytest.mark.parametrize(
    "declared",
    [
        '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "BlogPosting", '
        '"headline": "The Low Quay", "datePublished": "2024-02-03"}</script>',
        '<meta property="og:type" content="article"><meta property="article:published_time" content="2024-02-03">',
    ],
)
@pytest.mark.parametrize("path", ["/page/2/", "/tags/sea/", "/category/news/", "/archives/"])
@pytest.mark.parametrize("entries", [1, 2, 8])
def test_a_list_at_the_address_of_a_list_is_one_although_the_theme_declares_an_article_on_each_page(
    path: str, declared: str, entries: int
) -> None:
    teaser = f"<p>{POST.paragraphs[0]}</p>"
    items = "".join(f'<article><h2><a href="/{n}/">Tide {n}</a></h2>{teaser}</article>' for n in range(entries))
    html = (
        f"<html><head><title>The Low Quay</title>{declared}</head><body><main><h1>Sea</h1>{items}</main></body></html>"
    )
    assert kind_of(path, html)[0] is PageKind.LISTING
    assert kind_of("/2024/a-post/", html.replace(items, teaser * 3))[0] is PageKind.POST


FILES = """<html><head><title>Index of /pics</title></head><body><h1>Index of /pics</h1>{}
<address>Server at low.example Port 80</address></body></html>"""
ROW = '<tr><td><a href="{0}">{1}</a></td><td>2019-05-02 10:33</td><td>1.2M</td></tr>'


@pytest.mark.parametrize(
    "files",
    [
        f'<table><tr><th><a href="?C=N;O=D">Name</a></th></tr><tr><td><a href="/">Parent Directory</a></td></tr>'
        f"{ROW.format('quay.jpg', 'quay.jpg')}</table>",
        '<pre><a href="../">../</a>\n<a href="a%20long%20name.jpg">a long n..&gt;</a>  02-May-2019 10:33  1234\n</pre>',
        '<ul><li><a href="/"> Parent Directory</a></li><li><a href="boats/"> boats/</a></li></ul>',
    ],
)
def test_a_servers_list_of_files_is_no_post(files: str) -> None:
    """The three forms are those of Apache's mod_autoindex, of nginx and of Apache without FancyIndexing."""
    assert kind_of("/pics/", FILES.format(files))[0] is PageKind.LISTING
    post = f"<p>2 May 2019</p><p>{POST.paragraphs[0]}</p>{files}"
    assert kind_of("/pics/", FILES.format(post))[0] is PageKind.POST
