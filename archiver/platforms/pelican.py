"""The selectors for Pelican and its themes notmyidea, simple, Flex, Elegant, Attila, pelican-bootstrap3 and Alchemy."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="pelican",
    generator=r"^pelican\b",
    marks=("a[href*='getpelican.com']", "a[href*='docs.getpelican.com']", "link[href*='/theme/css/']"),
    title=(
        "h1.entry-title",
        "h2.entry-title",
        "h1.article-title",
        "h1.post-title",
        "article header h1",
        ".entry-title",
        "h1.title",
        "section#content h1",
        "#content h1",
        "article h1",
    ),
    body=(".entry-content", ".article-content", "[itemprop~=articleBody]", ".post-content", ".article-body", ".body"),
    authors=(
        "address.vcard .fn",
        ".vcard.author .fn",
        ".vcard .fn",
        ".post-info .author",
        "a.author",
        ".author .fn",
        "a[href*='/author/']",
        "a[rel~=author]",
    ),
    published=(
        "abbr.published",
        "time.published",
        "time[itemprop~=datePublished]",
        ".post-info time",
        "time.dt-published",
        "article header time",
        "article footer time",
        ".published",
        "article time",
    ),
    modified=("abbr.modified", "time.modified", "time[itemprop~=dateModified]"),
    categories=(".post-info a[href*='/category/']", ".category a", "a.category", "article a[href*='/category/']"),
    tags=(".post-info a[href*='/tag/']", ".tags a", ".tag-cloud a", "article a[href*='/tag/']"),
    post=("article.hentry", "section#content > article", "article"),
    drop=(".post-info", ".toc", ".tag-cloud", ".neighbors", ".related-posts", ".addthis_relatedposts_inline"),
    paths=(
        (
            r"/(.*/)?(tags?|category|categories|authors?|archives)(/[^/]*|\.html|\d*\.html)?/?",
            PageKind.LISTING,
            "listing",
        ),
        (r"/(.*/)?index\d+\.html", PageKind.LISTING, "paged"),
    ),
    feeds=("feeds/all.atom.xml", "feeds/all.rss.xml"),
    sitemaps=("sitemap.xml",),
)
