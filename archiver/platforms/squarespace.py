"""The selectors for Squarespace 7.0 and 7.1 blogs."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="squarespace",
    marks=("script[src*=squarespace]", "link[href*=squarespace]", "body[id^=collection-] .sqs-layout"),
    title=("h1.blog-item-title", "h1.entry-title", "h1.BlogItem-title", "h1.entry-title", "article h1"),
    body=(".blog-item-content", ".BlogItem .sqs-layout", ".entry-content", "article .sqs-layout"),
    authors=(
        ".blog-author-name",
        ".blog-item-author-profile-wrapper .author-name",
        ".Blog-meta-item--author",
        "a[rel~=author]",
        ".author",
    ),
    published=("time.blog-date", "time.dt-published", "time.published", "time.Blog-meta-item--date", "article time"),
    categories=(".blog-item-category", ".blog-categories a", "a.Blog-meta-item--categories", ".categories a"),
    tags=(".blog-item-tag", ".blog-tags a", ".tags a"),
    post=("article.blog-item", "article.hentry", "article"),
    drop=(".blog-item-pagination", ".blog-item-comments", ".newsletter-block", ".summary-v2-block", ".share-buttons"),
    kinds=((r"view-item", PageKind.POST, "view-item"), (r"view-list", PageKind.LISTING, "view-list")),
    feeds=("blog?format=rss",),
    sitemaps=("sitemap.xml",),
)
