"""The selectors for Joomla: com_content articles of the core templates (Protostar, Cassiopeia)."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="joomla",
    generator=r"^joomla",
    marks=(".com-content-article", ".item-page[itemtype]"),
    title=(
        ".item-page h1[itemprop~=headline]",
        ".item-page h2[itemprop~=headline]",
        ".item-page .page-header h1",
        ".item-page .page-header h2",
        "h1.article-title",
        ".item-page h1",
        ".item-page h2",
    ),
    body=(".com-content-article__body", "[itemprop~=articleBody]", ".item-page"),
    authors=(".createdby [itemprop~=name]", ".createdby"),
    published=(".published time", ".create time", "time[itemprop~=datePublished]", ".published", ".create"),
    modified=("time[itemprop~=dateModified]",),
    categories=(".category-name a",),
    tags=(".tags a",),
    post=(".item-page",),
    drop=(".article-info", ".pager", ".pagenavigation", ".tags", ".icons", ".page-header", ".content_rating"),
    kinds=(
        (r"view-article", PageKind.POST, "view-article"),
        (r"view-(category|categories|featured|archive)", PageKind.LISTING, "listing"),
    ),
    feeds=("?format=feed&type=rss",),
    sitemaps=("sitemap.xml",),
)
