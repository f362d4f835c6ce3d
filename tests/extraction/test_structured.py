"""Structured data: JSON-LD in all its variants, meta elements, microdata and RDFa, in one form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver import extract
from archiver.extraction.metadata import PageMetadata, Scripts, repair_json
from archiver.extraction.page import parse_page

URL = "https://example.org/a"


def data(html: str) -> PageMetadata:
    return parse_page(html, URL).data


@pytest.mark.parametrize(
    ("raw", "first"),
    [
        ('{"a":1,}', {"a": 1}),
        ('{"a":"x\ny\tz","b":[1,2,],}', {"a": "x\ny\tz", "b": [1, 2]}),
        ('//<![CDATA[\n{"a":1}\n//]]>', {"a": 1}),
        ('/* <![CDATA[ */{"a":1};/* ]]> */', {"a": 1}),
        ('<!-- {"a":1} -->', {"a": 1}),
        ('{"a":"He said "yes", then left","b":"c"}', {"a": 'He said "yes", then left', "b": "c"}),
        ("{'a':'it\\'s','b':\"x\"}", {"a": "it's", "b": "x"}),
        ("{a:1,b:undefined,c:True}", {"a": 1, "b": None, "c": True}),
        ('/* c */{"a":1, // d\n"b":2}', {"a": 1, "b": 2}),
        ('{"a":{"b":"cut o', {"a": {"b": "cut o"}}),
        ('{"a":{"b":', {"a": {"b": None}}),
        ('{"a":"\\x41 \\\' \\\\ z"}', {"a": "x41 ' \\ z"}),
        ("{&quot;a&quot;:&quot;b&quot;}", {"a": "b"}),
        ('{"a":"x",,"b":[,1,,2]}', {"a": "x", "b": [1, 2]}),
        ('{"a":1 "b":2}', {"a": 1, "b": 2}),
        ('{"a":"\\ud83d\\ude00 \\ud83d x"}', {"a": "😀 \ufffd x"}),
        ('{"a":"x"}}', {"a": "x"}),
        ('{"u":"http://x/y","v":"z",}', {"u": "http://x/y", "v": "z"}),
        ('\ufeff {"a":1}', {"a": 1}),
    ],
)
def test_broken_json_is_repaired(raw: str, first: dict[str, Any]) -> None:
    assert Scripts().nodes(raw)[0] == first


def test_several_values_in_a_row_are_read() -> None:
    for between in ("", ",", ";\n"):
        assert Scripts().nodes(f'{{"a":1}}{between}{{"b":2}}') == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("raw", ["", "nul", "{", "]", '"', "'", "\\", "{{{", "}{", "var x = 1;", "[" * 100_000])
def test_text_that_is_not_json_does_not_raise(raw: str) -> None:
    assert all(isinstance(node, dict) for node in Scripts().nodes(raw))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(max_size=6), JSON, min_size=1, max_size=4))
def test_repair_does_not_change_valid_json(value: dict[str, Any]) -> None:
    assert [json.loads(text) for text in repair_json(json.dumps(value))] == [value]


@given(st.text("{}[]:,\"'\\/*ab1 \n", max_size=60))
def test_repaired_texts_are_valid_json(raw: str) -> None:
    for text in repair_json(raw):
        json.loads(text, strict=False)


def test_graph_references_and_lists() -> None:
    found = data("""<script type="application/ld+json">{"@graph":[{"@type":"WebPage","@id":"#w"},
      {"@type":["NewsArticle","Article"],"headline":["A title"],"author":[[{"@id":"#p"}]],
       "mainEntityOfPage":{"@id":"https://example.org/a"}}]}</script>
      <script type="application/ld+json">[{"@type":"Person","@id":"#p","name":"Jane Doe"}]</script>
      <script type="application/ld+json">{oops</script>""")
    node = found.article({"https://example.org/a"})
    assert found.texts(node, "headline") == ["A title"]
    assert found.texts(node, "author") == ["Jane Doe"]


def test_meta_names_are_read_in_every_spelling() -> None:
    found = data("""<meta property="og:title twitter:title" content="T"><meta name="DC:Creator" content="C">
      <meta name="DCTERMS.issued" content="2024-01-02"><meta name="og:title" content="">""")
    assert (found.meta_first("twitter:title"), found.meta_first("dc.creator")) == ("T", "C")
    assert found.meta("dcterms.issued", "og:title") == ["2024-01-02", "T"]


def test_parsely_page_equals_the_single_elements() -> None:
    found = data("""<meta name="parsely-page" content='{"title":"T","authors":["A B","C D"],"section":"S",
      "pub_date":"2024-01-02T03:04:05Z","tags":["x","y"],"link":"/a"}'><meta name="parsely-section" content="Own">""")
    assert found.meta("parsely-author") == ["A B", "C D"]
    assert found.meta("parsely-section", "parsely-tags") == ["Own", "x", "y"]
    assert found.meta_first("parsely-pub-date") == "2024-01-02T03:04:05Z"


MICRODATA = """<article itemscope itemtype="https://schema.org/BlogPosting" itemref="later">
  <h1 itemprop="headline name">A title</h1><a itemprop="url" href="/a">x</a>
  <p>by <span itemprop="author" itemscope itemtype="https://schema.org/Person"><a itemprop="name" href="/jane">Jane
  Doe</a></span>, <time itemprop="datePublished" datetime="2024-01-02">January</time></p>
  <div itemprop="articleBody">Long</div></article><b id="later" itemprop="articleSection">News</b>"""
RDFA = """<div vocab="https://schema.org/" typeof="Article"><h1 property="headline">A title</h1>
  <div property="author" typeof="Person"><span property="name">Jane Doe</span></div>
  <meta property="datePublished" content="2024-01-02"><span property="schema:articleSection">News</span></div>"""
DRUPAL = """<div about="/a" typeof="sioc:Item foaf:Document"><span property="dc:title" content="A title"></span>
  <span property="dc:date dc:created" content="2024-01-02" rel="sioc:has_creator">by
  <a typeof="sioc:UserAccount" property="foaf:name">Jane Doe</a></span>
  <i property="schema:articleSection">News</i></div>"""


@pytest.mark.parametrize(("html", "source"), [(MICRODATA, "microdata"), (RDFA, "rdfa"), (DRUPAL, "rdfa")])
def test_microdata_and_rdfa_are_read_as_json_ld(html: str, source: str) -> None:
    found = data(html)
    [declared] = found.declared({URL})
    assert declared.source == source
    assert declared.element is not None
    for name, text in (
        ("headline", "A title"),
        ("author", "Jane Doe"),
        ("datePublished", "2024-01-02"),
        ("articleSection", "News"),
    ):
        assert found.texts(declared.node, name) == [text], name


def test_teasers_are_not_the_pages_article() -> None:
    one = '<div itemscope itemtype="http://schema.org/Article"><b itemprop="headline">T{0}</b>{1}</div>'
    assert data(one.format(1, "") + one.format(2, "")).declared({URL}) == []
    named = one.format(1, "") + one.format(2, f'<link itemprop="url" href="{URL}">')
    found = data(named)
    assert [found.texts(one.node, "headline") for one in found.declared({URL})] == [["T2"]]


def test_items_of_items_do_not_leak() -> None:
    found = data("""<div itemscope itemtype="http://schema.org/Article"><b itemprop="headline">T</b>
      <div itemprop="publisher" itemscope itemtype="http://schema.org/Organization"><b itemprop="name">Paper</b></div>
      <div itemscope itemtype="http://schema.org/Comment"><b itemprop="author">Eve</b></div></div>""")
    [declared] = found.declared({URL})
    assert found.texts(declared.node, "publisher") == ["Paper"]
    assert "author" not in declared.node


def linked(access: Any, **more: Any) -> str:
    node = {"@type": "NewsArticle", "url": URL, "headline": "Low water", "isAccessibleForFree": access, **more}
    return f'<script type="application/ld+json">{json.dumps(node)}</script>'


TEASER = {"@type": "NewsArticle", "url": f"{URL}/other", "headline": "Other", "isAccessibleForFree": False}


@pytest.mark.parametrize(
    ("head", "access"),
    [
        ("", None),
        (linked(True), "free"),
        (linked("True"), "free"),
        (linked("http://schema.org/True"), "free"),
        (linked(False), "paid"),
        (linked("https://schema.org/False"), "paid"),
        (linked("False", hasPart={"@type": "WebPageElement", "isAccessibleForFree": "False"}), "paid"),
        (linked(True, hasPart={"@type": "WebPageElement", "isAccessibleForFree": False}), "free"),
        (linked("perhaps"), None),
        (f'<script type="application/ld+json">{json.dumps(TEASER)}</script>{linked(True)}', "free"),
        ('<meta property="article:content_tier" content="Metered">', "metered"),
        ('<meta property="article:content_tier" content="locked">', "paid"),
        (f'<meta property="article:content_tier" content="metered">{linked(False)}', "metered"),
        ('<meta property="article:content_tier" content="gold">', None),
    ],
)
def test_who_may_read_a_post_is_read_from_its_own_markup(head: str, access: str | None) -> None:
    text = "<p>" + "The ferry stayed at its berth for the third day in a row. " * 12 + "</p>"
    page = f"<html><head><title>Low water</title>{head}</head><body><article><h1>Low water</h1>{text}</article></body>"
    assert extract(page, URL).access == access


@pytest.mark.parametrize(
    "picture",
    [
        '<img src="/own.jpg">',
        '<img lazyload src="/images/loading.svg" data-src="/own.jpg">',
        '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-original="/own.jpg">',
        '<img src="/count.gif" width="1" height="1"><img src="/own.jpg">',
        '<img src="/wp-includes/images/smilies/icon_smile.gif" class="wp-smiley"><img src="/own.jpg">',
        '<img srcset="/own-small.jpg 320w, /own.jpg 1280w">',
        '<p><img src="/images/harbour-logo-large.png"></p><p><img src="/own.jpg"></p>',
    ],
)
def test_the_lead_image_is_the_first_picture_of_the_text_and_no_placeholder(picture: str) -> None:
    text = "<p>" + "The ferry stayed at its berth for the third day in a row. " * 12 + "</p>"
    page = (
        f"<html><head><title>Low water</title></head><body><article><h1>Low water</h1>{picture}{text}</article></body>"
    )
    assert extract(page, URL).image == "https://example.org/own.jpg"


@pytest.mark.parametrize("name", ["market-share-2024.png", "iconic-bridge.jpg", "shared-boat.jpg"])
def test_a_picture_whose_name_only_resembles_that_of_an_icon_may_be_the_lead_image(name: str) -> None:
    text = "<p>" + "The ferry stayed at its berth for the third day in a row. " * 12 + "</p>"
    page = f"<html><body><article><h1>Low water</h1>{text}<p><img src='/{name}'></p>{text}</article></body></html>"
    assert extract(page, URL).image == f"https://example.org/{name}"
