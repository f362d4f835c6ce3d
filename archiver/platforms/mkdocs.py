"""The selectors for MkDocs and the blog of its theme Material, which shows a post's metadata in a sidebar."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="mkdocs",
    generator=r"^mkdocs\b",
    authors=(
        ".md-post__authors .md-profile__name",
        ".md-post__author-name",
        ".md-profile__name",
        ".md-author-name",
        ".md-post__authors strong",
    ),
    published=(".md-post time[datetime]", ".md-sidebar--post time[datetime]", ".md-post__meta time[datetime]"),
    categories=(
        ".md-post a[href*='/category/']",
        ".md-sidebar--post a[href*='/category/']",
        ".md-post a[href*='category/']",
        ".md-sidebar--post a[href*='category/']",
    ),
    tags=(".md-tags .md-tag", ".md-tags a"),
    drop=(".md-source-file", ".md-feedback", ".md-tags", "a.md-content__button", "a.headerlink"),
    main=(".md-sidebar--post", ".md-tags"),
    paths=((r"/(.*/)?(category|archive|author)/[^/]+/?(page/\d+/?)?", PageKind.LISTING, "listing"),),
    feeds=("feed_rss_created.xml",),
    sitemaps=("sitemap.xml",),
)
