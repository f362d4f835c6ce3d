"""Selectors in a site's rules find the same as in Scrapy, and an error names the failing selector."""

from __future__ import annotations

import pytest
from scrapy.http import HtmlResponse

from archiver.demo.demo_blog import Blog
from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.rule_reader import body_container
from archiver.extraction.site_rules import Rule, from_toml, to_toml
from archiver.learning.rule_induction import Sample, learn_rules, selectors_for
from archiver.model.errors import BadRules
from archiver.model.items import Article
from archiver.platforms import platform_tables
from archiver.platforms.selector_index import Index, selector_error

URL = "https://blog.example.org/2024/05/fog-in-the-harbour/"
PAGE = """<html lang="en"><head><title>Fog in the harbour | Blog</title>
<meta property="article:published_time" content="2024-05-06T07:08:09+02:00"></head><body>
<div class="top"><h2 class="x9">Fog in the <em>harbour</em></h2></div>
<div class="x1"><p class="x2">Words: <b>Anna Berg</b> (text), <i>Per Dahl</i></p>
<p>The fog came in at five in the morning and stayed until the afternoon, and the ferry waited for it to lift.</p>
<p>Nobody was hurt. The harbour master rang the bell every minute, as his father did, and his father's father.</p>
<aside><p>Buy our calendar of tides for the coming year, with all the harbours of the coast.</p></aside>
<ul class="x5"><li><a href="/m/fog/">Fog</a></li><li><a href="/m/ferry/">Ferry</a></li><li><a href="/about/">About</a>
</li></ul></div></body></html>"""
BODY = '[body]\nselect = ["div.x1"]\ndrop = ["aside", "//ul"]\n'


def read(rules: str) -> Article:
    return extract_page(parse_page(PAGE, URL), rules=from_toml(BODY + rules, "rules.toml", by_hand=True, version="v"))


@pytest.mark.parametrize(
    ("selector", "title"),
    [
        ("h2.x9", "Fog in the harbour"),
        ("h2.x9::text", "Fog in the"),
        ("h2 em::text", "harbour"),
        ("div.top > :first-child", "Fog in the harbour"),
        ("h2:has(em)", "Fog in the harbour"),
        ("//h2", "Fog in the harbour"),
        ("normalize-space(//h2)", "Fog in the harbour"),
        ("xpath=body/div/h2", "Fog in the harbour"),
        ("substring-before(//title, ' |')", "Fog in the harbour"),
        ("h2.none, h2", "Fog in the harbour"),
    ],
)
def test_a_title_by_css_or_xpath(selector: str, title: str) -> None:
    assert read(f'[title]\nselect = ["{selector}"]\n').title == title


@pytest.mark.parametrize(
    ("selector", "tags"),
    [
        (".x5 a[href^='/m/']", ("Fog", "Ferry")),
        (".x5 a[href^='/m/']::text", ("Fog", "Ferry")),
        (".x5 li:not(:last-child) a", ("Fog", "Ferry")),
        ("//ul/li[position() < 3]/a/text()", ("Fog", "Ferry")),
        ("//a[re:test(@href, '^/m/f')]", ("Fog", "Ferry")),
        (".x5 li:first-child + li a", ("Ferry",)),
    ],
)
def test_tags_by_css_or_xpath(selector: str, tags: tuple[str, ...]) -> None:
    assert read(f'[tags]\nselect = ["{selector}"]\n').tags == tags


@pytest.mark.parametrize(
    "rule",
    [
        "select = [\"meta[property='article:published_time']::attr(content)\"]",
        'select = ["//meta/@content"]',
        'select = ["meta[property=\'article:published_time\']"]\nattribute = "content"',
    ],
)
def test_an_attribute_in_the_selector_or_as_its_own_key(rule: str) -> None:
    published = read(f"[published]\n{rule}\n").published
    assert published is not None
    assert published.isoformat() == "2024-05-06T07:08:09+02:00"


def test_blocks_to_drop_by_css_or_xpath() -> None:
    body = read("").body
    assert "calendar of tides" not in body
    assert "Ferry" not in body
    assert "rang the bell" in body


def test_a_line_read_by_another_rule_is_not_body_text() -> None:
    article = read('[authors]\nselect = [".x2 b::text", ".x2"]\n[title]\nselect = ["h2"]\n')
    assert article.authors == ("Anna Berg",)
    assert "Words" in read("").body


def test_a_rule_that_fails_on_a_page_names_site_page_and_reason() -> None:
    with pytest.raises(BadRules) as caught:
        read("[tags]\nselect = [\"//a[count('x') = 1]\"]\n")
    said = str(caught.value)
    assert said.startswith("The rules of blog.example.org cannot be used: ")
    assert f"on {URL} parsel cannot evaluate \"//a[count('x') = 1]\": " in said
    assert "Invalid type" in said


def test_a_pattern_that_fails_on_a_page_names_it_too() -> None:
    with pytest.raises(BadRules, match="unterminated subpattern"):
        read("[tags]\nselect = [\"//a[re:test(., '(')]\"]\n")


@pytest.mark.parametrize(
    "value",
    [
        "a&#11;b",
        "a'b",
        "a\\b",
        "]",
        "a b",
        " a ",
        "a&#160;b",
        "og:title",
        "2x",
        "é",
        "-",
        "a&#1;",
    ],
)
def test_every_learned_selector_is_valid(value: str) -> None:
    page = parse_page(f'<div class="k {value}"><p name="{value}" rel="{value}" id="{value}">text</p></div>', URL)
    [element] = page.index.tag("p")
    for selector in selectors_for(element):
        assert selector_error(selector) == ""
        assert element in page.index.answer(selector)


def demo_pages() -> list[tuple[str, bytes]]:
    blog = Blog("http://127.0.0.1:1")
    return [(f"http://127.0.0.1:1{p.path()}", blog.get(p.path()).body) for p in blog.posts if not p.protected]


def test_learned_rules_are_selectors_of_parsel_that_find_the_same_on_scrapys_response() -> None:
    pages = demo_pages()
    samples = [Sample(parse_page(body, url), extract_page(parse_page(body, url))) for url, body in pages]
    rules = learn_rules(samples)
    assert rules is not None
    assert to_toml(from_toml(to_toml(rules), "learned")) == to_toml(rules)
    selectors = {s for rule in rules.fields.values() for s in rule.select if s != "ld+json"}
    assert len(selectors) >= 4
    found = 0
    for url, body in pages:
        there, here = HtmlResponse(url, body=body, encoding="utf-8"), parse_page(body, url)
        for selector in selectors:
            answers = here.css(selector).xpath("string()").getall()
            assert answers == there.css(selector).xpath("string()").getall()
            found += len(answers)
    assert found > 4 * len(pages)


def test_index_and_parsel_agree_on_the_demonstration_blog() -> None:
    names = ("marks", "title", "body", "authors", "published", "modified", "categories", "tags", "post", "drop", "main")
    table = {s for platform in platform_tables() for name in names for s in getattr(platform, name)}
    found = 0
    for url, body in demo_pages()[:8]:
        page = parse_page(body, url)
        index = Index(page.root)
        for selector in table:
            expected = [one.root for one in page.css(selector)]
            assert index.select(selector) == expected
            found += len(expected)
    assert found > 100


def test_css_and_xpath_work_as_on_a_response() -> None:
    page = parse_page(PAGE, URL)
    assert page.css("h2 em::text").get() == "harbour"
    assert page.xpath("//ul/li/a/@href").getall() == ["/m/fog/", "/m/ferry/", "/about/"]
    assert page.selector.css("h2").xpath("./em/text()").getall() == ["harbour"]


def test_a_paragraph_of_a_few_words_is_the_body_before_a_longer_element_of_the_same_class() -> None:
    page = parse_page(
        '<body><div class="leaf-words"></div><div class="leaf-words"><p>Sold.</p></div>'
        '<div class="tail leaf-words">Tags of the season, and what else there is</div></body>',
        "https://low.example/sold/",
    )
    found = body_container(page, Rule(select=("div.leaf-words",)))
    assert found is not None
    assert "".join(map(str, found.itertext())) == "Sold."
