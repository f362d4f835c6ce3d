"""The selectors for Ghost: Casper and the themes derived from it. Ghost has tags and no categories."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="ghost",
    generator=r"^ghost\b",
    marks=("body.post-template .gh-content", ".gh-viewport", "script[src*='/ghost-sdk']", ".kg-card"),
    title=(
        "h1.gh-article-title",
        "h1.article-title",
        "h1.post-full-title",
        "h1.post-title",
        "h1.single-title",
        "article h1",
    ),
    body=(
        ".gh-content",
        ".post-full-content .post-content",
        ".post-content",
        ".post-full-content",
        ".article-content",
        ".single-content",
    ),
    authors=(
        ".author-name a",
        ".author-list-item .author-name",
        ".article-byline-content .author-name",
        ".post-full-byline h4",
        ".byline-full-content .author-name",
        ".post-card-author",
        "a[href*='/author/']",
    ),
    published=(
        "time.byline-meta-date",
        "time.post-full-meta-date",
        ".article-byline-meta time",
        ".byline-meta-content time",
        ".post-meta time",
        "article time",
    ),
    tags=(".article-tag a", ".post-full-meta a[href*='/tag/']", ".post-tags a", "article a[href*='/tag/']"),
    post=("article.gh-article", "article.post-full", "article.post", "article"),
    drop=(
        ".gh-post-upgrade-cta",
        ".kg-signup-card",
        ".kg-product-card",
        ".subscribe-form",
        ".gh-comments",
        ".footer-cta",
        ".article-footer",
        ".kg-header-card",
    ),
    kinds=(
        (r"post-template", PageKind.POST, "post-template"),
        (r"page-template", PageKind.PAGE, "page-template"),
        (r"home-template|tag-template|author-template|paged", PageKind.LISTING, "listing"),
    ),
    feeds=("rss/",),
    sitemaps=("sitemap.xml",),
)
