"""Where no platform is known: names that many hand-made themes and news systems share, and h-entry (microformats2)."""

from __future__ import annotations

from archiver.platforms.table import Platform

PLATFORM = Platform(
    name="generic",
    title=(
        "h1[itemprop~=headline]", "h1[itemprop~=name]", "h1.entry-title", "h1.post-title", "h1.article-title",
        "h1.p-name", "h1.headline", "h1.article__title", "h1.article-headline", "h1.title-detail", "h1.post__title",
        "h1.story-title", ".h-entry .p-name", "h1.title", "h2.entry-title", "h2.post-title", "article header h1",
        "article h1", "main h1",
    ),
    body=(
        "[itemprop~=articleBody]", ".h-entry .e-content", ".entry-content", ".post-content", ".post-body",
        ".article-body", ".article-content", ".article__body", ".article__content", ".story-body", ".story-content",
        ".post__content", ".news-content", ".detail-content", ".fck_detail", "#article-body", "#articleBody",
        ".markdown-body",
    ),
    authors=(
        ".h-entry .p-author .p-name", ".h-entry .p-author", "[itemprop~=author] [itemprop~=name]",
        "[itemprop~=author]", "a[rel~=author]", ".author.vcard .fn", ".vcard .fn", ".author-name",
        ".article-author a", ".article-author", ".article__author", ".post-author a", ".post-author", ".entry-author",
        ".byline__name", ".byline-name", ".byline a", ".byline", ".author a", ".author", ".autor", ".auteur",
        ".tac-gia", ".article__byline",
    ),
    published=(
        "time[itemprop~=datePublished]", "meta[itemprop~=datePublished]", "[itemprop~=datePublished]",
        ".h-entry .dt-published", "time.published", "abbr.published", "time.entry-date", "time.post-date",
        "time[pubdate]", ".entry-date", ".post-date", ".article-date", ".article__date", ".published",
        ".date-published", ".publish-date", ".pubdate", ".posted-on",
    ),
    modified=("time[itemprop~=dateModified]", "meta[itemprop~=dateModified]", ".h-entry .dt-updated", "time.updated"),
    categories=(
        "a[rel~=category]", ".h-entry .p-category", ".cat-links a", ".post-categories a", ".post-category a",
        ".entry-categories a", ".entry-category a", ".article-category a", ".article__category a",
        ".post__category a", "[itemprop~=articleSection]", ".category a", ".categories a", ".kicker a", ".eyebrow a",
        "a.kicker", "a.eyebrow", "a.category",
    ),
    tags=(
        ".post-tags a", ".entry-tags a", ".tags-links a", ".article-tags a", ".article__tags a", ".post__tags a",
        ".story-tags a", ".tag-list a", ".tags-list a", ".taglist a", ".tags a", ".article-topics a", ".keywords a",
        ".hashtags a", "a[rel~=tag]", "[itemprop~=keywords] a",
    ),
    drop=(
        "a.headerlink", "a.anchor", "a.header-anchor", "a.heading-anchor", "a.anchor-link", "a.heading-link",
        "a.anchorjs-link", ".hash-link", ".sr-only", ".screen-reader-text", ".visually-hidden", ".visuallyhidden",
        ".assistive-text", ".geo-line", ".page-links", ".post-page-numbers", ".wp-link-pages", ".post-nav-links",
        ".pagination", ".pager", ".paging",
    ),
    post=(
        "[itemtype*=BlogPosting]", "[itemtype*=NewsArticle]", "[itemtype*='schema.org/Article']", ".h-entry", ".hentry",
        "article",
    ),
)
