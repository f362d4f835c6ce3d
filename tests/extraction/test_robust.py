"""Pages built to be slow or to cause errors: extraction takes bounded time, never raises, and always gives the same
result.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archiver
from archiver.extraction.page import MAX_ATTRIBUTES, MAX_DEPTH, MAX_RUN, MAX_TAGS, cut_source, parse_page
from tests.waiting import bounded_work

URL = "https://example.org/2020/01/02/a"
PROSE = "<p>" + "Words of a text that says something, and more. " * 12 + "</p>"


def article(more: str = "", head: str = "", body: str = PROSE * 4) -> str:
    return (
        f"<html><head><title>A title</title>{head}</head><body><article><h1>A title</h1>{body}{more}"
        "</article></body></html>"
    )


def ld(text: str) -> str:
    return f"<script type='application/ld+json'>{text}</script>"


PAGES: dict[str, Callable[[], str | bytes]] = {
    "100,000 levels": lambda: article("<div>" * 100_000 + "x"),
    "100,000 inline levels": lambda: article("<b>" * 100_000 + "x"),
    "closed levels": lambda: article("<div class='share'>" * 50_000 + PROSE + "</div>" * 50_000),
    "nested lists": lambda: article("<ul><li>" * 50_000),
    "nested tables": lambda: article("<table><tr><td>" * 30_000),
    "20 MB": lambda: article(PROSE * (20_000_000 // len(PROSE))),
    "20 MB in one line": lambda: article("word and other " * 1_400_000),
    "20 MB without a space": lambda: article("x" * 20_000_000),
    "5 million elements": lambda: article("<p>x" * 5_000_000),
    "entities": lambda: article("&amp;x " * 2_800_000),
    "100,000 attributes": lambda: article("<div " + " ".join(f"a{n}='>'" for n in range(100_000)) + ">x</div>"),
    "100,000 bare attributes": lambda: article(
        "<div class='x' " + " ".join(f"a{n}" for n in range(100_000)) + ">x</div>"
    ),
    "200,000 siblings": lambda: article("<span class=date>x</span>" * 200_000),
    "200,000 bylines": lambda: article("<div class='author'>by John Smith</div>" * 200_000),
    "200,000 times": lambda: article("<time datetime='2020-01-02T03:04:05'>2 Jan 2020</time>" * 200_000),
    "100,000 headings": lambda: article("<h2><a href='/x'>t</a></h2>" * 100_000),
    "100,000 links": lambda: article(
        "".join(f"<a rel='category tag' href='/category/{n}'>{n}</a> " for n in range(100_000))
    ),
    "30,000 posts": lambda: (
        "<article class='hentry'><h2><a href=/p>t</a></h2><time>2 May 2020</time><p>x</article>" * 30_000
    ),
    "further pages": lambda: "<p>1 May 2020</p><article><h1>x</h1>" + '<a href="/2020/01/02/a/2/">2</a>' * 20_000,
    "nested further pages": lambda: "<p>1 May 2020</p><h1>x</h1>" + '<a href="/2020/01/02/a/2/"><div>' * 5_000,
    "binary": lambda: random.Random(7).randbytes(3_000_000),
    "marks": lambda: "".join(random.Random(7).choices("<>/\"'= a!-?&\0", k=1_000_000)),
    "halves of characters": lambda: article("\ud800 \udfff x\ud83d" * 10_000),
    "10,000 scripts": lambda: article(
        head=ld('{"@type":"NewsArticle","headline":"x","author":{"name":"A B"}}') * 10_000
    ),
    "10,000 broken scripts": lambda: article(head=ld('{\'@type\':"NewsArticle",,"author":{"name":"A B"') * 10_000),
    "deep JSON": lambda: article(head=ld('{"a":' * 200_000)),
    "JSON of quotation marks": lambda: article(head=ld('{"a":"' + '" ' * 140_000)),
    "50,000 meta": lambda: article(
        head="<meta name='author' content='John Smith, Jane Doe'><meta name=k content=v>" * 25_000
    ),
    "unclosed": lambda: article("<p <a <b <div class=x <h1" * 50_000),
    "unclosed quotation": lambda: article('<p class="x y z ' * 100_000),
    "1 MB of classes": lambda: article(f"<div class='{'post-share ' * 100_000}'>{PROSE}</div>"),
    "a million classes": lambda: article(
        "".join(f"<i class='{' '.join(map(str, range(n, n + 50)))}'>" for n in range(20_000))
    ),
    "spaces in code": lambda: article("<pre>x \n" + " " * 200_000 + "x</pre>"),
    "items": lambda: article("<div itemscope itemtype='http://schema.org/Article'><i itemprop='author name'>" * 30_000),
    "things": lambda: article("<div vocab='http://schema.org/' typeof='Article'><i property='author name'>" * 30_000),
}


def bounded(page: str | bytes) -> None:
    with bounded_work():
        archiver.extract(page, URL)


@pytest.mark.parametrize("name", PAGES)
def test_extraction_of_a_malicious_page_is_bounded(name: str) -> None:
    bounded(PAGES[name]())


BOMBS = {
    "dash": "a-a-a-",
    "by": " by by by",
    "names": " by John Smith, and Jane and",
    "dates": "12.12.2020 1/2/3 ",
    "digits": "1234567890",
    "spaces": " ",
    "no-break": "\u00a0 ",
    "lines": "\n\n",
    "dots": "...",
    "capitals": "A B C D ",
    "commas": ",,, ",
    "brackets": "((((",
    "agencies": "(Reuters ",
    "quotes": "“”",
    "months": "May 2020 of January 5, ",
    "separators": " - ",
    "colons": "a: b: ",
    "slashes": "a/a/",
    "and": "and and ",
    "han": "一二日",
    "label": "作者：",
    "at": "@a @b ",
    "theo": "Theo ",
    "hash": "#a #b ",
    "ampersand": "&amp; & &",
    "pipes": "a | b | ",
    "points": "12.5, 13.5; ",
    "degrees": "48° 51' 24\" N ",
    "iso": "2020-01-02T03:04:05 ",
    "addresses": "http://a.b/c?d=e&f=g ",
    "source": "Source: ",
    "reports": "based on reports from ",
    "tagged": "tagged with ",
    "marks": "a\u0301\u0301",
    "twice": "Ã©â€™",
    "arabic": "بقلم ",
}


@pytest.mark.parametrize("name", BOMBS)
def test_patterns_take_linear_time(name: str) -> None:
    bomb = BOMBS[name] * (100_000 // len(BOMBS[name]))
    value = bomb.replace('"', "").replace("\n", " ")
    meta = "".join(
        f'<meta name="{key}" property="{key}" content="{value}">'
        for key in (
            "author",
            "description",
            "og:title",
            "og:site_name",
            "article:published_time",
            "article:section",
            "keywords",
            "geo.position",
            "geo.placename",
            "citation_author",
        )
    )
    bounded(
        f"<html lang=en><head><title>{bomb}</title>{meta}"
        + ld(f'{{"@type":"NewsArticle","headline":"{value}","author":"{value}","keywords":"{value}"}}')
        + f'</head><body><article class="{value}" id="{value}"><h1>{bomb}</h1><p class=byline>{bomb}</p>'
        f'<time datetime="{value}">{bomb}</time><a href="{value}" rel="{value}" title="{value}">{bomb}</a>'
        f"<div class='entry-content'>{PROSE}<p>{bomb}</p></div></article></body></html>"
    )


def test_oversized_pages_keep_their_beginning() -> None:
    page = parse_page(article("<p>x" * 200_000), URL)
    assert len(page.index.order) <= MAX_TAGS + 10
    assert page.index.tag("h1")
    page = parse_page(article("<p>" + "x" * 900_000), URL)
    assert max(len(p.text or "") for p in page.index.tag("p")) == MAX_RUN
    [div] = parse_page("<div " + " ".join(f"a{n}=1" for n in range(9_000)) + ">x</div>", URL).index.tag("div")
    assert len(div.attrib) == MAX_ATTRIBUTES
    assert div.text == "x"


@pytest.mark.parametrize("end", ["</html>", "</HTML >", "</html></html>"])
def test_what_follows_an_early_end_of_the_document_is_read_as_a_browser_reads_it(end: str) -> None:
    page = parse_page(
        f"<html><head><title>a</title></head>{end}<body><a href='/b/'>b</a></body></html>", "http://a.example"
    )
    assert [a.get("href") for a in page.index.tag("a")] == ["/b/"]
    assert page.index.tag("a")[0].getparent().tag == "body"


def test_markup_in_scripts_is_not_counted_as_tags() -> None:
    script = "<script>var a = '<div class=\"x' + " + '" y=" + \'" z="\' + ' * 3_000 + "''</script>"
    page = article("<p>The end.</p>", head=script)
    assert cut_source(page) == page
    assert cut_source("<!-- <a " + "b='c' " * 5_000 + "--><p>x") == "<!-- <a " + "b='c' " * 5_000 + "--><p>x"


NAMES = st.sampled_from(
    [
        "div",
        "p",
        "article",
        "h1",
        "h2",
        "a",
        "span",
        "time",
        "ul",
        "li",
        "table",
        "tr",
        "td",
        "pre",
        "section",
        "header",
        "footer",
        "blockquote",
        "b",
        "em",
        "figure",
        "figcaption",
        "script",
    ]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["class", "id", "itemprop", "itemtype", "itemscope", "rel", "href", "datetime", "typeof", "property"]
    ),
    st.sampled_from(
        [
            "entry-content",
            "entry-title",
            "author",
            "post",
            "published",
            "headline",
            "datePublished",
            "tag",
            "http://schema.org/Article",
            "/a/b",
            "2020-01-02",
            "Article",
            "hentry",
            "byline",
            "",
        ]
    ),
    max_size=3,
)
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="<>&"), max_size=40)


def element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def write(name: str, attributes: dict[str, str], inner: list[str]) -> str:
        return f"<{name}{''.join(f' {k}={v!r}' for k, v in attributes.items())}>{''.join(inner)}</{name}>"

    return st.builds(write, NAMES, ATTRIBUTES, st.lists(children, max_size=4))


TREES = st.recursive(TEXT, element, max_leaves=25)


@given(st.lists(TREES, max_size=5), TEXT)
def test_any_tree_is_read_the_same_each_time_and_its_body_is_text(trees: list[str], title: str) -> None:
    html = f"<html><head><title>{title}</title></head><body>{''.join(trees)}</body></html>"
    found = archiver.extract(html, URL)
    assert found == archiver.extract(html, URL)
    assert "<" not in found.body + found.title
    (found.body + found.title + "".join(found.authors)).encode("utf-8")


def test_elements_nested_too_deeply_become_text() -> None:
    page = parse_page(
        article("<div class='a'>" * 400 + "<p>deep <b>down</b></p>" + "</div>" * 400 + "<p>after</p>"), URL
    )
    assert page.index.tag("p")[-1].text == "after"
    assert "deep down" in " ".join("".join(page.root.itertext()).split())
    assert max(sum(1 for _ in e.iterancestors()) for e in page.index.tag("div")) < MAX_DEPTH


def test_a_row_outside_of_any_table_is_a_line() -> None:
    rows = "<tr><td>Monday</td><td>low water at nine</td></tr>" * 2
    article = archiver.extract(f"<article><h1>Tides</h1><p>{'The pier is open. ' * 9}</p>{rows}</article>", URL)
    assert article.body.endswith("Monday | low water at nine")


def test_control_characters_from_entities_do_not_raise() -> None:
    bounded(article("<div>" * 300 + "a&#1;b", body="<p>x&#2;" + "y" * 500_000))


@pytest.mark.parametrize(
    "url", ["", "x", "//", "http://[", "http://[::1", "http://a:b/", "mailto:x", "\0", "http://\ud800/"]
)
def test_an_invalid_address_does_not_raise(url: str) -> None:
    html = "<link rel=canonical href='http://['><base href='http://['><h1>x</h1><a href='http://[x'>y</a><p>text"
    assert archiver.extract(html, url).title == "x"


def test_a_stray_quotation_mark_does_not_hide_a_tag_with_too_many_attributes() -> None:
    many = " ".join(f"data-{n}='x y'" for n in range(200_000))
    page = f'<html><body><p>Before.</p><svg role="img"stray" {many}></svg><p>After it all.</p></body></html>'
    with bounded_work():
        archiver.extract(page.encode(), URL)


@pytest.mark.parametrize(
    "before",
    [
        '<p title="a"b" ',
        "<p ",
        "<p title='x' y ",
        '<svg a="x"icon w" ',
        "<script ",
        "<script>if (a<b) c='d\"</script><p ",
        "<!-- <b a='x\" --><p ",
        "<!--><p ",
        "<!-- a --!><p ",
        '<title><a b="</title><p ',
        '<iframe><a b="</iframe><p ',
        "</p ",
        '<p a="b"="c" ',
    ],
)
@pytest.mark.parametrize("value", ["", "=1", "='x y'", '="a > b"', '="\'"', "='<b>'"])
def test_attributes_of_every_tag_are_counted(before: str, value: str) -> None:
    """Misplaced quotation marks do not start a value."""
    page = "<a href='/x'>y</a>" * 50 + before + " ".join(f"a{n}{value}" for n in range(9_000)) + "><p>x</p>"
    assert len(cut_source(page)) < 20_000
