"""A field that few posts of a site have: learned rules, general extraction and an import find the same values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.site_rules import SiteRules
from archiver.learning.rule_induction import Sample, learn_rules
from archiver.model.items import Article, PageKind
from tests.importers.importing import run as import_files
from tests.small_sites import SamplePost, sample_posts
from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, home, serving

POSTS = sample_posts(26)
FILED = '<p>Filed: <a href="/category/oddments/" rel="category tag">Oddments</a></p>'
LAYOUTS = {
    "below": '<div class="sheet">{head}<div class="prose">{body}</div></div><div class="below">{more}</div>',
    "section": '<div id="w"><div class="c">{head}<div class="prose">{body}</div></div><section>{more}</section></div>',
    "above": '<div class="above">{more}</div><div class="sheet">{head}<div class="prose">{body}</div></div>',
    "inside": '<div class="sheet">{head}<div class="prose">{body}</div>{more}</div>',
}


def html(post: SamplePost, layout: str, more: str = "") -> str:
    head = (
        f'<h1 class="name">{post.title}</h1><p class="by"><time datetime="{post.at.isoformat()}">{post.day}</time> '
        f'by <a rel="author" href="/writers/">{post.author}</a></p>'
    )
    body = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    return (
        f'<!doctype html><html lang="en"><head><title>{post.title} - Low Water</title></head><body class="one">'
        f'<div class="top"><a href="/">Low Water</a></div>{LAYOUTS[layout].format(head=head, body=body, more=more)}'
        "</body></html>"
    )


def read(post: SamplePost, page: str, rules: SiteRules | None = None) -> Article:
    return extract_page(parse_page(page, f"https://low.example{post.path}"), None, PageKind.POST, rules=rules)


def rules_of(layout: str, posts: Sequence[SamplePost] = POSTS[:25]) -> SiteRules:
    samples = []
    for post in posts:
        page = html(post, layout)
        samples.append(Sample(parse_page(page, f"https://low.example{post.path}"), read(post, page)))
    return learned(samples)


def learned(samples: Sequence[Sample]) -> SiteRules:
    listing = '<html lang="en"><head><title>Low Water</title></head><body class="list"><h2>Posts</h2></body></html>'
    rules = learn_rules(samples, [parse_page(listing, "https://low.example/")])
    assert rules is not None
    assert rules.post  # a selector says that a page is a post, so that it is not located by general extraction first
    return rules


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("more", "categories", "tags"),
    [
        (FILED, ("Oddments",), ()),
        ('<span class="cat-links"><a href="/category/rope/">Rope</a></span>', ("Rope",), ()),
        (
            '<p>Tags: <a href="/tag/tar/" rel="tag">tar</a>, <a href="/tag/oak/" rel="tag">oak</a></p>',
            (),
            ("tar", "oak"),
        ),
        ("", (), ()),
    ],
)
def test_terms_without_a_learned_rule_are_read_as_by_general_extraction(
    layout: str, more: str, categories: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    page = html(POSTS[25], layout, more)
    by_rules, generally = read(POSTS[25], page, rules_of(layout)), read(POSTS[25], page)
    assert "learned" in {one.source for one in by_rules.evidence}
    assert (by_rules.categories, by_rules.tags) == (generally.categories, generally.tags) == (categories, tags)


def unsigned(post: SamplePost) -> str:
    page = html(post, "inside")
    before, _, after = page.partition(" by <a ")
    return before + after.partition("</a>")[2]


def test_an_author_that_the_rule_does_not_find_is_read_by_general_extraction() -> None:
    """Most posts show the author beside the date, a few have none, and one only declares it."""
    pages = [unsigned(post) if n in (11, 23) else html(post, "inside") for n, post in enumerate(POSTS[:25])]
    rules = learned(
        [
            Sample(parse_page(page, f"https://low.example{post.path}"), read(post, page))
            for post, page in zip(POSTS, pages, strict=False)
        ]
    )
    rule = rules.rule("authors")
    assert rule is not None
    assert 0.9 < rule.coverage < 1
    assert read(POSTS[11], pages[11], rules).authors == ()
    declared = unsigned(POSTS[25]).replace("</head>", '<meta name="author" content="Edda Moss"></head>')
    assert read(POSTS[25], declared, rules).authors == ("Edda Moss",)


def test_crawl_extract_and_import_find_the_same_categories(tmp_path: Path) -> None:
    posts = sample_posts(30)
    pages = {post.path: html(post, "below", FILED if n % 10 == 0 else "") for n, post in enumerate(posts)}
    archive, imported = tmp_path / "a" / "a.db", tmp_path / "b" / "b.db"
    answers = {path: Answer(page.encode()) for path, page in pages.items()}
    with serving({"/": home(*pages), **answers}) as server:
        assert crawl(server.url, archive=archive).returncode == 0
    of_posts = "select urlkey, categories from articles order by 1"
    by_crawl = rows(archive, of_posts)
    assert len(rows(archive, "select 1 from articles where extractor like '% rules-%'")) >= 25
    generally = [json.dumps(read(post, pages[post.path]).categories) for post in posts]
    assert sorted(value for _, value in by_crawl) == sorted(generally)
    assert [value for _, value in by_crawl].count('["Oddments"]') == 3
    import_files(imported, archive.parent / "warc")
    assert rows(imported, of_posts) == by_crawl
