"""The platform tables: all are loaded, every selector is valid, and each platform is detected by its marks."""

from __future__ import annotations

import re

import pytest
from cssselect import SelectorError
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from archiver.platforms import Platform, by_name, detect_platform, platform_tables
from archiver.platforms.selector_index import Index, compile_selector, element_selector, selector_error


def index(html: str) -> Index:
    return Index(etree.fromstring(html, etree.HTMLParser()))


def test_tables_are_found_and_generic_is_last() -> None:
    names = [p.name for p in platform_tables()]
    assert {
        "wordpress",
        "blogger",
        "hexo",
        "hugo",
        "pelican",
        "jekyll",
        "ghost",
        "substack",
        "drupal",
        "movabletype",
    } <= set(names)
    assert names[-1] == "generic"


@pytest.mark.parametrize("platform", platform_tables(), ids=lambda p: p.name)
def test_every_selector_and_expression_is_valid(platform: Platform) -> None:
    for field in (
        "marks",
        "title",
        "body",
        "authors",
        "published",
        "modified",
        "categories",
        "tags",
        "post",
        "drop",
        "main",
    ):
        for selector in getattr(platform, field):
            assert selector_error(selector) == ""
            assert element_selector(selector) == selector  # tables select elements
            assert (
                compile_selector(selector) is not None
            )  # hundreds are evaluated on every page, so the index must support them
    for pattern, _, rule in (*platform.kinds, *platform.paths):
        re.compile(pattern)
        assert rule


@pytest.mark.parametrize(
    ("html", "generator", "name"),
    [
        ("<p>x", "WordPress 6.5", "wordpress"),
        ("<p>x", "Hugo 0.120", "hugo"),
        ("<div class='wp-block-post-content'>x</div>", "", "wordpress"),
        ("<div class='widget Blog' id='Blog1'></div>", "", "blogger"),
        ("<html class='theme-next'><p>x", "", "hexo"),
        ("<p>x", "Somebody's own 1.0", "generic"),
        ("<p>x", "", "generic"),
    ],
)
def test_platforms_are_detected_by_their_marks(html: str, generator: str, name: str) -> None:
    assert detect_platform(index(html), generator) is by_name(name)


PAGE = """<div id="a" class="x y"><p class="k">1</p><section><p class="k m">2</p></section></div>
<p class="k" itemprop="name headline">3</p><a rel="category tag" href="/c/d">4</a><time datetime="2020">5</time>"""


@pytest.mark.parametrize(
    ("selector", "texts"),
    [
        ("p", ["1", "2", "3"]),
        (".k", ["1", "2", "3"]),
        ("p.k.m", ["2"]),
        (".x.y p", ["1", "2"]),
        ("#a > p", ["1"]),
        (".x > section > .k", ["2"]),
        ("[itemprop~=headline]", ["3"]),
        ("a[rel~=category]", ["4"]),
        ("a[href^='/c']", ["4"]),
        ("a[href*='/d']", ["4"]),
        ("time[datetime]", ["5"]),
        ("time[datetime='2020']", ["5"]),
        ("p:not(.m), time", ["1", "3", "5"]),
        ("//section/p", ["2"]),
        (".none p", []),
        (".x .x", []),
        ("section *", ["2"]),
    ],
)
def test_selectors_find_elements(selector: str, texts: list[str]) -> None:
    assert [e.text for e in index(PAGE).select(selector)] == texts


def test_select_within_an_element() -> None:
    i = index(PAGE)
    assert [e.text for e in i.select("p", within=i.first("section"))] == ["2"]


def test_results_are_copies() -> None:
    i = index(PAGE)
    i.select("p").clear()
    assert len(i.select("p")) == 3


def test_a_class_in_several_attributes_keeps_the_order_of_the_page() -> None:
    i = index("<p class='k'>1</p><p class='m k k'>2</p><p class='k'>3</p><b class='kk'>4</b>")
    assert [e.text for e in i.with_class("k")] == ["1", "2", "3"]
    assert [e.text for e in i.select("b.kk")] == ["4"]


def test_present_gives_the_selectors_that_can_match() -> None:
    page = index("<div class='b a'><a rel='tag nofollow' id=x>1</a></div>")
    table = ("p", ".c", ".a", ".a .c", "#x", "#y", "a[rel~=tag]", "[rel~=author]", ".a > #x")
    assert page.present(table) == ["p", ".a", ".a .c", "#x", "a[rel~=tag]", ".a > #x"]
    assert {s for s in table if page.select(s)} <= set(page.present(table))


def test_several_tags_keep_the_order_of_the_page() -> None:
    assert [e.tag for e in index("<h2>a</h2><h1>b</h1><p>c</p><h2>d</h2>").tag("h1", "h2")] == ["h2", "h1", "h2"]


@given(st.recursive(
    st.text(" ab\n", max_size=4),
    lambda inner: st.lists(inner, max_size=4).map(lambda x: f"<div> {'</i> b<i>'.join(x)} </div> c"), max_leaves=12,
))  # fmt: skip
def test_text_length_is_that_of_all_texts(html: str) -> None:
    i = index(f"<i>{html}</i>")
    for el in i.elements:
        assert i.text_length(el) == sum(len(str(t).strip()) for t in el.itertext())


def test_a_selector_that_parsel_cannot_read_is_an_error() -> None:
    with pytest.raises(SelectorError):
        index(PAGE).select("a[href*=/d]")
