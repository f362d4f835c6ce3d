"""Decoding, parsing and the laws of extraction: never raises, same page same article."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archiver
from archiver.extraction.body import of_html
from archiver.extraction.decode import decode
from archiver.extraction.layout import layout, written
from archiver.extraction.page import parse
from archiver.extraction.structured import Structured
from archiver.extraction.text import clean

WORD = "Žluťoučký kůň"


@pytest.mark.parametrize(
    ("body", "header", "encoding"),
    [
        (f"<p>{WORD}".encode(), "", "utf-8"),
        (f"<p>{WORD}".encode(), "text/html; charset=iso-8859-1", "utf-8"),
        (f'<meta charset="latin1"><p>{WORD}'.encode(), "", "utf-8"),
        (b"\xef\xbb\xbf" + f"<p>{WORD}".encode(), "text/html; charset=windows-1250", "utf-8"),
        (f"<p>{WORD}".encode("cp1250"), "text/html; charset=windows-1250", "cp1250"),
        (
            f'<meta http-equiv="Content-Type" content="text/html; charset=windows-1250"><p>{WORD}'.encode("cp1250"),
            "",
            "cp1250",
        ),
        (f"<p>{WORD}".encode("utf-16"), "", "utf-16"),
    ],
)
def test_decode(body: bytes, header: str, encoding: str) -> None:
    text, name = decode(body, header)
    assert WORD in text
    assert name == encoding


def test_a_few_broken_bytes_do_not_change_the_encoding() -> None:
    body = ("<p>" + WORD * 200).encode() + b"\xff\xfe<p>end"
    text, name = decode(body, "")
    assert name == "utf-8" and WORD in text and text.endswith("end")


def test_an_undeclared_old_encoding_is_guessed() -> None:
    russian = "Старый мост через реку закрыли на ремонт до осени, пишет газета. " * 20
    assert russian.strip() in decode(f"<html><p>{russian}".encode("cp1251"), "")[0]


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
def test_rubbish_is_no_article_and_no_error(body: bytes) -> None:
    article = archiver.extract(body, "https://example.org/a")
    assert article.kind != "post"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_never_raises_on_bytes(body: bytes) -> None:
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


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TAGS, ATTRS, st.text(max_size=20)), max_size=25))
def test_never_raises_on_markup_and_is_deterministic(pieces: list[tuple[str, str, str]]) -> None:
    html = "".join(f"<{tag} {attr}>{text}" for tag, attr, text in pieces)
    first = archiver.extract(html, "https://example.org/a")
    assert first == archiver.extract(html, "https://example.org/a")


def test_json_ld_that_is_broken_is_mended() -> None:
    html = """<script type="application/ld+json">//<![CDATA[
    {"@type":"Article","headline":"A
    line","author":{"@id":"#p"},}
    //]]></script><script type="application/ld+json">[{"@type":"Person","@id":"#p","name":"Jane"}]</script>
    <script type="application/ld+json">{oops</script>"""
    data = Structured(parse(html, "https://example.org/").index)
    node = data.articles()[0]
    assert data.texts(node, "headline") == ["A line"]
    assert data.texts(node, "author") == ["Jane"]


def test_blocks() -> None:
    html = """<div>One <b>bold</b><br>two<h2>Head</h2><ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>
    <table><tr><th>x</th><th>y</th></tr><tr><td>1</td><td><p>2</p></td></tr></table><pre>  k = 1
    v = 2</pre><blockquote><p>q</p></blockquote>tail</div>"""
    top = parse(html, "https://example.org/").index.tag("div")[0]
    assert written(layout(top).blocks) == (
        "One bold\ntwo\n\nHead\n\na\nb\n\nc\n\nx | y\n1 | 2\n\n  k = 1\n    v = 2\n\nq\n\ntail"
    )


def test_clean() -> None:
    assert clean(" a\u00a0 b\u200b &amp;amp; c\n") == "a b &amp; c"
    assert clean(None) == ""


def test_text_of_a_feed_item() -> None:
    assert of_html('<p>One</p><div class="sharedaddy">Share</div><p>Two</p>', "https://example.org/a") == "One\n\nTwo"


def test_bytes_that_are_not_the_declared_utf_8_are_read_as_the_language_was_written_before() -> None:
    for language, encoding, text in (("fr", "cp1252", "déjà vu à l'été"), ("ru", "cp1251", "Новости дня"),
                                     ("cs", "cp1250", "Žluťoučký kůň"), ("en", "cp1252", "Café déjà vu")):
        html = f'<html lang="{language}"><head><meta charset="utf-8"></head><body><p>{text}</p></body></html>'
        decoded, name = decode(html.encode(encoding), "text/html; charset=utf-8")
        assert (text in decoded, name) == (True, encoding)


def test_hugo_s_section_is_the_folder_of_the_source_and_no_category() -> None:
    html = ('<html><head><meta name="generator" content="{}"><meta property="og:type" content="article">'
            '<meta property="article:section" content="yazilar">'
            '<meta property="article:published_time" content="2024-05-01T08:00:00+03:00"></head>'
            "<body><article><h1>Bir gün</h1><p>" + "Deniz bugün çok sakin. " * 20 + "</p></article></body></html>")
    url = "https://ornek.example/yazilar/bir-gun/"
    assert archiver.extract(html.format("Hugo 0.147.1"), url).categories == ()
    assert archiver.extract(html.format("Some CMS"), url).categories == ("yazilar",)
