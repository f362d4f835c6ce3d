"""The selector index returns the same elements as parsel in the same order.

Pages and selectors are made from few names, so that most selectors find something. Attribute values contain
characters that separate words in Python but not in XPath, and words in all orders.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from lxml import etree
from parsel import Selector

from archiver.platforms.selector_index import Index, compile_selector, element_selector, is_xpath, split_words

TAGS = ("div", "p", "a", "h1", "time", "meta", "svg", "o:p")
WORDS = ("k", "m", "K", "k-m", "é", "2x", "tag")
SPACES = (" ", "  ", "\t", "\n", "&#12;", "&#160;", "&#133;", "　")
ATTRIBUTES = ("class", "id", "rel", "itemprop", "href", "data-hook", "name", "xml:lang", "DATETIME")

values = st.lists(st.sampled_from((*WORDS, *SPACES, "/", "'")), max_size=5).map("".join)
attributes = st.lists(st.tuples(st.sampled_from(ATTRIBUTES), values), max_size=3)


@st.composite
def elements(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    tag = draw(st.sampled_from(TAGS))
    given_ = "".join(f' {name}="{value}"' for name, value in draw(attributes))
    return f"<{tag}{given_}>{''.join(draw(st.lists(inner, max_size=3)))}</{tag}>"


pages = st.recursive(st.sampled_from(("x", " ", "<!-- c -->", "<br>")), elements, max_leaves=20)

names = st.sampled_from((*TAGS[:-1], "DIV", "*", ""))
classes = st.sampled_from((".k", ".m", ".K", ".k-m", ".é", "#k", "#m", r".\32 x", r".k\20 m", r"#\6b"))
attribute_names = st.sampled_from((*ATTRIBUTES[:7], "Class", "datetime"))
quoted = st.lists(st.sampled_from((*WORDS, " ", "/", "\t", "\\'", "\\a0 ")), max_size=3).map(
    lambda some: f"'{''.join(some)}'"
)
supported_tests = st.one_of(
    attribute_names.map("[{}]".format),
    st.tuples(attribute_names, st.sampled_from(("=", "~=", "^=", "*=")), quoted).map(lambda t: f"[{''.join(t)}]"),
)
other_tests = st.one_of(
    st.sampled_from(
        (
            ":first-child",
            ":not(.k)",
            ":has(> p)",
            ":is(.k, .m)",
            ":last-of-type",
            ":contains('x')",
            ":empty",
            "[*|class]",
        )
    ),
    st.tuples(attribute_names, st.sampled_from(("$=", "|=", "!=")), quoted).map(lambda t: f"[{''.join(t)}]"),
    st.tuples(attribute_names, quoted).map(lambda t: f"[{t[0]}={t[1]} i]"),
)


@st.composite
def selectors(draw: st.DrawFn, tests: st.SearchStrategy[str], joins: tuple[str, ...], ends: tuple[str, ...]) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        name, rest = draw(names), "".join(draw(st.lists(tests, max_size=2)))
        parts += [name + rest or "*", draw(st.sampled_from(joins))]
    return "".join(parts[:-1]) + draw(st.sampled_from(ends))


supported = selectors(classes | supported_tests, (" ", " > ", ">", "  "), ("", "", "", "::attr(class)", "::attr(href)"))
anything = st.one_of(
    supported,
    selectors(
        classes | supported_tests | other_tests,
        (" ", " > ", " + ", " ~ ", ", "),
        ("", "::text", " ::text", "::attr('id')", "::attr(ID)", " *::attr(class)"),
    ),
    st.sampled_from(
        (
            "//p",
            "//*[@class]/text()",
            ".//a/@href",
            "(//p)[last()]",
            "//p | //a",
            "*[@id]",
            "count(//p)",
            "string(//p)",
            "boolean(//p)",
            "xpath=body/div",
            "css=body > div",
            "//a[has-class('k')]",
        )
    ),
)


def root_of(html: str) -> etree._Element:
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    return etree.fromstring(f"<html><body>{html}</body></html>".encode(), parser)


def by_parsel(root: etree._Element, selector: str) -> list[object]:
    """Return the result of `response.css()` or `response.xpath()`."""
    page = Selector(root=root)
    if selector.startswith(("xpath=", "css=")):
        language, _, selector = selector.partition("=")
    else:
        language = "xpath" if is_xpath(selector) else "css"
    return [one.root for one in getattr(page, language)(selector)]


def as_texts(values_: list[object]) -> list[object]:
    """Convert numbers and booleans to text, as `.get()` of an XPath result does."""
    return [
        value if isinstance(value, (str, etree._Element)) else str(int(value) if isinstance(value, bool) else value)
        for value in values_
    ]


@given(pages, supported)
@example('<p class="k&#160;m">x</p><p class="m\tk">y</p>', "p.k")
@example('<a rel=" tag">x</a>', "a[rel='tag']")
@example("<div class=k><div class=k><p>x</p></div></div>", ".k p")
def test_the_index_answers_as_parsel_does(html: str, selector: str) -> None:
    assume(compile_selector(selector) is not None)
    root = root_of(html)
    assert Index(root).answer(selector) == by_parsel(root, selector)


@given(pages, anything)
def test_parsel_evaluates_selectors_that_the_index_does_not_support(html: str, selector: str) -> None:
    root = root_of(html)
    expected = as_texts(by_parsel(root, selector))
    index = Index(root)
    assert index.answer(selector) == expected
    assert index.by_parsel(selector) == expected
    assert index.select(selector) == [one for one in expected if isinstance(one, etree._Element)]


@given(pages, st.lists(supported, max_size=6).map(tuple))
def test_a_selector_that_finds_something_is_present(html: str, table: tuple[str, ...]) -> None:
    index = Index(root_of(html))
    assert {s for s in table if index.answer(s)} <= set(index.present(table))


@given(pages, st.sampled_from(("k", "m|2", "-", "é|tag", "q")))
def test_all_class_names_with_a_hint_are_found_whatever_their_case(html: str, hints: str) -> None:
    index = Index(root_of(html))
    names = dict.fromkeys(name for value, _ in index.by_class_value() for name in split_words(value))
    expected = {name for name in names if re.search(hints, name.lower())}
    found = index.classes_with(re.compile(hints))
    assert (set(found), len(found)) == (expected, len(expected))


@pytest.mark.parametrize(
    "selector",
    [
        "h1",
        "*",
        ".k",
        "#k",
        "p.k.m",
        "h1.k#m",
        "a[rel]",
        "a[rel=tag]",
        "a[rel~=tag]",
        "a[href^='/c']",
        "a[href*='/c']",
        ".k p",
        ".k > p",
        ".k > *",
        "time::attr(datetime)",
        "css=h1",
    ],
)
def test_the_index_supports_these_forms(selector: str) -> None:
    assert compile_selector(selector) is not None


@pytest.mark.parametrize(
    "selector",
    [
        "//h1",
        "xpath=h1",
        "h1, h2",
        "h1 + p",
        "h1 ~ p",
        "p:first-child",
        "p:not(.k)",
        "p:has(a)",
        "h1::text",
        "*::attr(id)",
        "[class$=k]",
        "[class|=k]",
        "[class!=k]",
        "[class=k i]",
        "[class='']~p",
        "[class~='k m']",
        "[href^='']",
        "*|p",
        r".k\20 m",
        "h1[",
        "",
    ],
)
def test_the_index_does_not_support_these_forms(selector: str) -> None:
    assert compile_selector(selector) is None


@pytest.mark.parametrize(
    ("selector", "xpath"),
    [
        ("h1", False),
        ("h1::text", False),
        (".a > b", False),
        ("*", False),
        ("* > p", False),
        ("a:not(.b)", False),
        ("self::text", False),
        ("[href]", False),
        ("css=//h1", False),
        ("//h1", True),
        ("/html/body", True),
        ("./h1", True),
        (".//h1", True),
        ("..", True),
        (".", True),
        ("(//h1)[1]", True),
        ("@class", True),
        ("*[@id='x']", True),
        ("*/p", True),
        ("descendant::h1", True),
        ("string(//h1)", True),
        ("normalize-space(//h1)", True),
        ("re:test(//h1, 'x')", True),
        ("id('x')/p", True),
        ("xpath=body/h1", True),
    ],
)
def test_css_and_xpath_are_distinguished(selector: str, xpath: bool) -> None:
    assert is_xpath(selector) is xpath


@pytest.mark.parametrize(
    ("selector", "elements_of"),
    [
        ("h1::text", "h1"),
        ("h1 ::text", "h1"),
        ("h1::text, h2::text", "h1, h2"),
        ("h1", "h1"),
        ("//h1/text()", "//h1"),
        ("//h1//text()", "//h1"),
        ("//h1", "//h1"),
        ("time::attr(datetime)", ""),
        ("//time/@datetime", ""),
    ],
)
def test_without_text_selects_the_elements(selector: str, elements_of: str) -> None:
    assert element_selector(selector) == elements_of


def test_each_selector_is_evaluated_once_per_document() -> None:
    index = Index(root_of("<p>x</p>"))
    index.by_parsel("p").clear()
    assert len(index.by_parsel("p")) == 1
