"""The selectors for Substack. Its newsletters are at NAME.substack.com or on their own domain, with posts under /p/."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="substack",
    marks=("link[href*='substackcdn.com']", "script[src*='substackcdn.com']", ".newsletter-post"),
    title=("h1.post-title", ".post-header h1"),
    body=(".available-content .body", ".available-content", ".body.markup"),
    authors=(".byline-names a", ".post-header a[href*='substack.com/@']", ".post-header .author-name"),
    published=(".post-header time", ".post-date"),
    post=("article.newsletter-post", "article"),
    drop=(
        ".subscription-widget-wrap",
        ".subscribe-widget",
        ".button-wrapper",
        ".captioned-button-wrap",
        ".image-link-expand",
        ".embedded-publication-wrap",
        ".poll-embed",
        ".footnote-anchor",
    ),
    paths=((r"/p/[^/]+", PageKind.POST, "post-address"), (r"/archive|/|/about|/s/[^/]+", PageKind.LISTING, "listing")),
    feeds=("feed",),
    sitemaps=("sitemap.xml",),
)
