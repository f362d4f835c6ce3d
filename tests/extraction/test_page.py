"""Decoding, parsing, and properties of extraction: it never raises, and the same page gives the same article."""

from __future__ import annotations

import gc
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archiver
from archiver.extraction import post_locator
from archiver.extraction.blocks import lay_out, written_text
from archiver.extraction.body import body_of_html
from archiver.extraction.normalization import (
    CaselessPattern,
    clean_text,
    element_line,
    has_longer_line,
    has_text,
    line_up_to,
    tidy_body,
)
from archiver.extraction.page import Page, parse_page
from archiver.model.urls import normalize


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\x00",
        b"\xff" * 500,
        b"<",
        b"<!-- x -->",
        b'<?xml version="1.0" encoding="nonsense"?><p>x',
        b"<html><body>" + b"<div>" * 5_000 + b"deep",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    ],
)
def test_garbage_gives_no_article_and_does_not_raise(body: bytes) -> None:
    article = archiver.extract(body, "https://example.org/a")
    assert article.kind != "post"


@given(st.binary(max_size=300))
def test_any_bytes_are_extracted_without_an_error(body: bytes) -> None:
    archiver.extract(body, "https://example.org/2020/01/02/a")


TAGS = st.sampled_from(
    ["p", "div", "h1", "time", "a", "article", "span", "meta", "table", "td", "pre", "li", "script", "title", "br"]
)
ATTRS = st.sampled_from(
    [
        'class="entry-title"',
        'class="entry-content"',
        'class="author vcard"',
        'rel="tag"',
        'datetime="2020-13-45"',
        'class="geo"',
        'itemprop="author"',
        'href="http://["',
        'type="application/ld+json"',
        'property="og:title" content="x"',
        'name="geo.position" content=";"',
    ]
)


@given(st.lists(st.tuples(TAGS, ATTRS, st.text(max_size=20)), max_size=25))
def test_any_markup_gives_the_same_article_twice_without_an_error(pieces: list[tuple[str, str, str]]) -> None:
    html = "".join(f"<{tag} {attr}>{text}" for tag, attr, text in pieces)
    first = archiver.extract(html, "https://example.org/a")
    assert first == archiver.extract(html, "https://example.org/a")


ADDRESS_PARTS = (
    *("/", "//", "///", "http://", "https://", "HTTP://", "http:", "b.example", "u:p@", ":80", ":x", "[::1]", "["),
    *("a", "..", ".", "index.html", "é", "日", "x y", "%20", "%zz", ";p=1", "?", "utm_source=x", "&", "=1", "#"),
    *("\\", "\t", "\n", " "),
)
BASES = (
    *(
        "https://h.example/a/b/c.html",
        "http://h.example:8080/",
        "http://u:p@h.example/x/?q=1",
        "https://h.example/x;y/z",
    ),
    *("", "ftp://h.example/x"),
)


@given(st.lists(st.sampled_from(ADDRESS_PARTS), min_size=1, max_size=6).map("".join), st.sampled_from(BASES))
def test_an_address_is_joined_as_if_none_had_been_joined_before(href: str, base: str) -> None:
    page = parse_page("<p>text</p>", base)
    assert page.join(href) == (normalize(href, page.base) or "")


def test_a_page_is_freed_before_cyclic_garbage_is_looked_for() -> None:
    html = "<article><h1>Title</h1>" + "<p>One <b>more</b> line.</p>" * 2_000 + "</article>"
    pages: list[int] = []
    gc.callbacks.append(lambda phase, _: pages.append(sum(isinstance(one, Page) for one in gc.get_objects())))
    try:
        archiver.extract(html, "https://example.org/a")
        gc.collect()
    finally:
        gc.callbacks.pop()
    assert pages
    assert not any(pages)


def test_blocks_are_written_as_lines() -> None:
    html = """<div>One <b>bold</b><br>two<h2>Head</h2><ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>
    <table><tr><th>x</th><th>y</th></tr><tr><td>1</td><td><p>2</p></td></tr></table><pre>  k = 1
    v = 2</pre><blockquote><p>q</p></blockquote>tail</div>"""
    top = parse_page(html, "https://example.org/").index.tag("div")[0]
    assert written_text((layout := lay_out(top)).blocks, layout) == (
        "One bold\ntwo\n\nHead\n\na\nb\n\nc\n\nx | y\n1 | 2\n\n  k = 1\n    v = 2\n\nq\n\ntail"
    )


@given(st.lists(st.tuples(TAGS, ATTRS, st.text(max_size=60)), max_size=12), st.integers(0, 60))
def test_whether_a_line_is_long_is_known_from_its_beginning(pieces: list[tuple[str, str, str]], length: int) -> None:
    html = "".join(f"<{tag} {attr}>{text}" for tag, attr, text in pieces)
    for el in parse_page(f"<body>{html}</body>", "https://example.org/a").root.iter("*"):
        assert has_longer_line(el, length) == (len(element_line(el)) > length)
        assert line_up_to(el, length) == (None if has_longer_line(el, length) else element_line(el))
        assert has_text(el, length + 1) == (sum(len(text.strip()) for text in el.itertext()) > length)


def test_a_line_is_not_long_if_an_entity_at_its_end_shortens_its_beginning() -> None:
    html = f"<div><p>{'&amp;Aacute' * 22}</p><p>&amp;gt;</p></div>"
    box = parse_page(html, "https://example.org/a").index.tag("div")[0]
    assert element_line(box) == "Á" * 22 + " >"
    assert not has_longer_line(box, 50)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(?:By|posted\s+by)\b",
        r"(?P<word>yazar(?:ı)?|K-M)\W",
        r"\b[A-C]{2}(?![A-Z])",
        r"^\S+ı$|[X-Z]$",
        r"作者|автор(?:ы)?[:：]|[а-я]{2}\b|éк",
        r"(?:[α-ω]{2}|λόγος|ςσ)$|[^\W\da-z]µ?",
        r"[À-ÿ]k|Автор|[\u4e00-\u9fff]{2}",
    ],
)
@given(text=st.text("abckmpostedbyziwr ABCKMXYZI-:ıİſéКкАвторАВТОРᲀÀÿßẞ作者ΛΌΓΟΣςσλόγοϐµΜK", max_size=14))
def test_a_caseless_pattern_matches_as_if_the_engine_ignored_case(pattern: str, text: str) -> None:
    found, expected = CaselessPattern(pattern).match(text), re.match(pattern, text, re.IGNORECASE)
    assert (found and found.span()) == (expected and expected.span())


@pytest.mark.parametrize(
    ("pattern", "hints"),
    [
        (post_locator._NAMED_TITLE, post_locator._TITLE_HINTS),
        (post_locator._TITLE_NAME, post_locator._TITLE_HINTS),
    ],
)
@given(data=st.data())
def test_each_name_that_a_pattern_matches_has_one_of_its_hints(
    pattern: re.Pattern[str], hints: re.Pattern[str], data: st.DataObject
) -> None:
    assert hints.search(data.draw(st.from_regex(re.compile(pattern.pattern, pattern.flags))).lower())


def test_texts_are_cleaned() -> None:
    assert clean_text(" a\u00a0 b\u200b &amp;amp; c\n") == "a b &amp; c"
    assert clean_text("one\tspace and another") == "one space and another"
    assert clean_text(None) == ""


def test_text_of_a_feed_item() -> None:
    assert (
        body_of_html('<p>One</p><div class="sharedaddy">Share</div><p>Two</p>', "https://example.org/a").text
        == "One\n\nTwo"
    )


def test_hugos_section_is_a_folder_and_not_a_category() -> None:
    html = (
        '<html><head><meta name="generator" content="{}"><meta property="og:type" content="article">'
        '<meta property="article:section" content="yazilar">'
        '<meta property="article:published_time" content="2024-05-01T08:00:00+03:00"></head>'
        "<body><article><h1>Bir gün</h1><p>" + "Deniz bugün çok sakin. " * 20 + "</p></article></body></html>"
    )
    url = "https://ornek.example/yazilar/bir-gun/"
    assert archiver.extract(html.format("Hugo 0.147.1"), url).categories == ()
    assert archiver.extract(html.format("Some CMS"), url).categories == ("yazilar",)


@given(st.text("a \t\n\xa0", max_size=30))
def test_a_tidy_body_has_no_white_space_before_line_ends(text: str) -> None:
    lines = re.sub(r"(?<![ \t])[ \t]+\n", "\n", text)
    assert tidy_body(text) == lines.strip()
