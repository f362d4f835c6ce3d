"""The selectors for Jekyll and its themes minima, Chirpy, Minimal Mistakes, Beautiful Jekyll, Hydeout, Hyde, Lanyon and
so-simple.
"""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="jekyll",
    generator=r"^jekyll\b",
    marks=("article.post.h-entry", ".post-content.e-content", ".page__content", "link[href*=minima]"),
    title=(
        "h1.post-title",
        "h1.p-name",
        "h1.page__title",
        "h1[itemprop~=headline]",
        "h1[itemprop~=name]",
        ".post-heading h1",
        "h1.entry-title",
        "h1[data-toc-skip]",
        "h1.title",
        ".post h1",
        "article h1",
    ),
    body=(
        ".e-content",
        "[itemprop~=articleBody]",
        ".post-content",
        ".page__content",
        ".entry-content",
        "article.post .content",
        "article .content",
        ".blog-post",
        "article.post",
    ),
    authors=(
        "[itemprop~=author] [itemprop~=name]",
        ".p-author",
        ".post-meta [itemprop~=author]",
        ".post-author",
        ".page__meta-author",
        ".author__name",
        "a[rel~=author]",
    ),
    published=(
        "time.dt-published",
        "time[itemprop~=datePublished]",
        ".post-meta time",
        ".page__meta time",
        ".page__date time",
        "time.post-date",
        ".post-date",
        "article time",
        "time",
    ),
    modified=("time.dt-modified", "time.dt-updated", "time[itemprop~=dateModified]", "meta[itemprop~=dateModified]"),
    categories=(
        ".post-meta .category a",
        ".post-categories a",
        ".page__taxonomy a[href*='/categories/']",
        ".post-meta a[href*='/categories/']",
        "article a[href*='/categories/']",
        ".categories a",
    ),
    tags=(
        "a.post-tag",
        ".post-tags a",
        ".page__taxonomy a[href*='/tags/']",
        ".blog-tags a",
        ".tags a",
        "article a[href*='/tags/']",
    ),
    post=("article.h-entry", "article.post", "article"),
    drop=(
        ".post-meta",
        ".post-header",
        ".post-tail-wrapper",
        ".toc",
        ".page__meta",
        ".page__share",
        ".pagination",
        ".related",
        ".post-navigation",
    ),
    paths=(
        (
            r"/(.*/)?((tags?|categor(y|ies))(/.*|\.html)?|archives?(/(19|20)\d\d)?(\.html|/)?)",
            PageKind.LISTING,
            "listing",
        ),
        (r"/(.*/)?page/?\d+/?(index\.html)?", PageKind.LISTING, "paged"),
    ),
    feeds=("feed.xml", "atom.xml"),
    sitemaps=("sitemap.xml",),
)
