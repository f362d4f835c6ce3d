"""Hugo: PaperMod, Ananke, Mainroad, Beautiful Hugo, LoveIt, Stack, Blowfish, Congo, Coder, Terminal, Docsy."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.table import Platform

PLATFORM = Platform(
    name="hugo",
    section_is_folder=True,
    generator=r"^hugo\b",
    title=(
        "h1.post-title", "h1.post__title", "h1.single-title", "h1.entry-title", ".article-title", "h1.article-title",
        ".post-heading h1", "h1.title", "article header h1", "h1[itemprop~=headline]", "h1[itemprop~=name]",
        "article h1",
    ),
    body=(
        ".post-content", ".post__content", ".article-content", ".entry-content", "[itemprop~=articleBody]",
        ".nested-copy-line-height", ".td-content", ".post-body", ".article-style", "section.article-body",
        ".single .content", "#content.content", ".e-content", ".markdown-body", "article.blog-post",
        "article.markdown",
    ),
    authors=(
        ".post-author a", "a.author", ".meta__item-author .meta__text", ".post-author", ".td-byline b", ".p-author",
        ".article-author", "[itemprop~=author] [itemprop~=name]", "[itemprop~=author]", ".author-name",
        "a[rel~=author]", ".post-meta .author",
    ),
    published=(
        "time[itemprop~=datePublished]", "time.article-time--published", ".posted-on time", ".post-meta time",
        ".post-meta span[title]", ".meta__item-datetime time", ".post-date time", "time.post-date",
        "time.dt-published", ".td-byline time", "article header time", ".article-date", ".post-date", "article time",
    ),
    modified=("time[itemprop~=dateModified]", "time.article-time--modified", "time.dt-updated"),
    categories=(
        ".post-category a", ".article-category a", ".meta__item-categories a", ".categories a", ".post-categories a",
        "article a[href*='/categories/']",
    ),
    tags=(".post-tags a", ".article-tags a", "a.tags__link", ".tags a", ".blog-tags a", "article a[href*='/tags/']"),
    post=("article.post-single", "article.post", "article.single", "article"),
    drop=(
        ".post-footer", ".post-toc", ".toc", ".paginav", ".share-buttons", ".article-footer", ".article-widget",
        ".anchor", ".post-meta", ".article-metadata",
    ),
    kinds=((r"list|taxonomy|term", PageKind.LISTING, "listing"),),
    paths=((r"/(.*/)?((tags|categories|series)(/[^/]+)?|archives?(/(19|20)\d\d)?)/?", PageKind.LISTING, "listing"),
           (r"/(.*/)?page/\d+/?", PageKind.LISTING, "paged")),
    feeds=("index.xml",),
    sitemaps=("sitemap.xml",),
)
