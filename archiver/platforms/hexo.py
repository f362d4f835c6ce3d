"""Hexo: Landscape, NexT, Butterfly, Fluid, Icarus, Cactus, Yilia, Maupassant."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.table import Platform

PLATFORM = Platform(
    name="hexo",
    generator=r"^hexo\b",
    marks=(
        "html.theme-next", ".article-entry", "#article-container", ".post-body .headerlink",
        ".powered-by a[href*='hexo.io']",
    ),
    title=(
        "h1.post-title", "h2.post-title", "h1.article-title", ".article-title", "#post-info h1", "#seo-header",
        "h1.posttitle", "h1.post__title", "h1[itemprop~=headline]", "h1.title", ".post-title", ".post h1",
    ),
    body=(
        ".post-body", ".article-entry", "#article-container", ".markdown-body", "[itemprop~=articleBody]",
        ".post-content", ".article-content", ".article .content", ".e-content", ".entry-content",
        ".content[itemprop]",
    ),
    authors=(
        ".post-author [itemprop~=name]", ".post-meta [itemprop~=author] [itemprop~=name]", ".article-author",
        ".p-author", ".post-meta .author", ".post-copyright-author a",
        ".post-copyright__author .post-copyright-info a",
    ),
    published=(
        "time[itemprop~=datePublished]", "time[itemprop~=dateCreated]", "time.post-meta-date-created",
        "time.dt-published", ".article-date time", ".post-time time", ".post-meta time", ".article-meta time",
        "meta[itemprop~=datePublished]", ".post-time", ".article-date", ".post-date", ".post-meta .date",
    ),
    modified=("time[itemprop~=dateModified]", "time.post-meta-date-updated", "meta[itemprop~=dateModified]"),
    categories=(
        ".post-category a", "a.article-category-link", ".article-category a", "a.post-meta-categories",
        "[itemprop~=about] a", ".category-chain a", ".post-categories a", ".article-meta a[href*='/categories/']",
        ".post-meta a[href*='/categories/']", ".categories a",
    ),
    tags=(
        ".post-tags a", "a.article-tag-list-link", ".article-tag a", "a.post-meta__tags", ".article-tags a",
        ".tag-list-link", ".post-meta a[href*='/tags/']", ".tags a", "a.p-category",
    ),
    post=("article.post", "article.article", ".post-block", "article[itemscope]", ".post"),
    drop=(
        ".post-footer", ".post-copyright", ".reward-container", "#reward_container", ".post-nav", ".post-widgets",
        ".toc", ".article-footer", ".post-toc", ".my_post_copyright", ".popular-posts", ".wechat-subscriber",
        ".gutter",
    ),
    kinds=(
        (r"page-post-detail", PageKind.POST, "page-post-detail"),
        (r"page-archive|page-home", PageKind.LISTING, "listing"),
    ),
    paths=((r"/(.*/)?((categories|tags)(/.*)?|archives(/(19|20)\d\d(/\d\d?)?)?(/page/\d+)?/?)",
            PageKind.LISTING, "listing"),
           (r"/page/\d+/?", PageKind.LISTING, "paged")),
    feeds=("atom.xml", "rss2.xml"),
    sitemaps=("sitemap.xml",),
)
