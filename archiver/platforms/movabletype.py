"""The selectors for Movable Type and TypePad."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="movabletype",
    generator=r"movable ?type|typepad",
    marks=(".asset-content.entry-content", "#alpha-inner .entry-body", ".asset-header .asset-name"),
    title=(
        "h1.asset-name",
        "h2.asset-name",
        ".asset-name.entry-title",
        "h3.entry-header",
        "h2.entry-header",
        "h1.entry-title",
        "h1#page-title",
        ".entry-header",
        ".entry-title",
    ),
    body=(
        ".asset-content.entry-content",
        ".asset-body",
        ".entry-content",
        ".entry-body",
        ".entry .entry-body",
        ".entry-more",
    ),
    authors=(
        ".byline .author .fn",
        ".byline .author",
        ".entry-author",
        ".vcard.author .fn",
        ".post-author",
        ".entry-footer-info",
        ".post-footers",
        ".posted",
    ),
    published=(
        ".byline abbr.published",
        "abbr.published",
        ".entry-footer-info",
        ".date-header",
        "h2.date-header",
        ".post-footers",
        ".entry-footer",
    ),
    categories=(".entry-categories a", ".post-footers a[rel~=tag]", ".entry-footer-info a[rel~=tag]"),
    tags=(".entry-tags a",),
    post=(".asset.hentry", ".entry", ".asset"),
    drop=(
        ".entry-footer",
        ".asset-footer",
        ".post-footers",
        ".entry-footer-links",
        ".trackbacks",
        ".content-nav",
        ".asset-meta",
    ),
    kinds=(
        (r"mt-entry-archive|individual-entry|entry-individual", PageKind.POST, "individual"),
        (r"mt-(main-index|archive-index|category-archive|datebased.*|tag.*)", PageKind.LISTING, "listing"),
    ),
    paths=((r"/(.*/)?\d{4}/(\d\d/)?", PageKind.LISTING, "archive"),),
    feeds=("atom.xml", "index.xml", "rss.xml"),
    sitemaps=("sitemap.xml",),
)
