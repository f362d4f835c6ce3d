"""A post without a title, whose page declares the name of the site instead, has no title by a learned rule either."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.page import Page, parse_page
from archiver.extraction.site_rules import SiteRules
from archiver.learning.rule_induction import Sample, learn_rules
from archiver.model.items import PageKind
from tests.small_sites import SamplePost, sample_posts

NAME = "Low Water"
POSTS = sample_posts(26)


def page_of(post: SamplePost, title: str) -> Page:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    return parse_page(
        f'<!doctype html><html lang="en"><head><title>{f"{title} - " if title else ""}{NAME}</title>'
        f'<meta property="og:site_name" content="{NAME}"><meta property="og:title" content="{title or NAME}">'
        f'<meta property="og:type" content="article"><meta property="article:published_time" '
        f'content="{post.at.isoformat()}"></head><body class="one"><div class="sheet"><h1 class="name"> {title} </h1>'
        f'<div class="prose">{text}</div></div></body></html>',
        f"https://low.example{post.path}",
    )


@pytest.fixture(scope="module")
def rules() -> SiteRules:
    """Rules that read the title from a declaration, which a page without a title fills with the site's name."""
    pages = [page_of(post, post.title) for post in POSTS[:25]]
    learned = learn_rules([Sample(page, extract_page(page, None, PageKind.POST)) for page in pages], [])
    assert learned is not None
    title = replace(learned.fields["title"], select=("meta[property='og:title']::attr(content)",), attribute="")
    return replace(learned, fields={**learned.fields, "title": title}, version="rules-1")


@pytest.mark.parametrize("title", ["", "The harbour at noon"])
def test_a_learned_rule_takes_no_name_of_the_site_for_a_title(rules: SiteRules, title: str) -> None:
    article = extract_page(page_of(POSTS[25], title), None, PageKind.POST, rules=rules)
    assert (article.title, article.read_by) == (title, "rules-1" if title else "")
