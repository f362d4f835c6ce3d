"""The selectors for platforms that host blogs: Blogger, Squarespace and Substack."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

BLOGGER = Platform(
    name="blogger",
    generator=r"^blogger$",
    marks=(".widget.Blog", "#Blog1", "link[href*='blogger.com/feeds/']", ".blog-posts.hfeed"),
    title=(
        ".post h3.post-title",
        ".post h1.post-title",
        ".post h2.post-title",
        "h3.post-title",
        "h1.post-title",
        "h2.post-title",
        ".post .entry-title",
        "h3.entry-title",
        "h1.entry-title",
        ".post-title",
    ),
    body=(
        ".post-body.entry-content",
        ".post-body",
        "[itemprop~=articleBody]",
        ".post .entry-content",
        ".post-content",
    ),
    authors=(
        ".post-author .fn",
        ".post-author [itemprop~=name]",
        ".byline.post-author .fn",
        ".post-author-label .fn",
        ".post-author",
        ".vcard .fn",
        "[itemprop~=author] [itemprop~=name]",
        ".author-name",
    ),
    published=(
        "abbr.published",
        "time.published",
        "abbr[itemprop~=datePublished]",
        "[itemprop~=datePublished]",
        ".post-timestamp time",
        ".timestamp-link abbr",
        ".timestamp-link time",
        ".timestamp-link",
        ".date-header",
        ".post-timestamp",
    ),
    modified=("[itemprop~=dateModified]",),
    categories=(
        ".post-labels a",
        ".labels-container a",
        ".post-footer a[rel~=tag]",
        ".post a[rel~=tag]",
        ".post-tags a",
    ),
    post=(".post.hentry", ".post-outer .post", ".post"),
    drop=(
        ".post-footer",
        ".post-share-buttons",
        ".post-labels",
        ".jump-link",
        ".blog-pager",
        ".comments",
        ".reaction-buttons",
        ".post-location",
        ".related-posts",
        "#related-posts",
    ),
    main=(".widget.Blog", "#Blog1"),
    paths=(
        (r"/search(/.*)?", PageKind.LISTING, "search"),
        (r"/\d{4}/(\d\d/)?(\d\d/)?", PageKind.LISTING, "archive"),
        (r"/\d{4}_\d\d_\d\d_archive\.html", PageKind.LISTING, "archive"),
        (r"/p/[^/]+\.html", PageKind.PAGE, "static-page"),
        (r"/\d{4}/\d\d/[^/]+\.html", PageKind.POST, "item-address"),
        (r"/", PageKind.LISTING, "home"),
    ),
    feeds=("feeds/posts/default", "feeds/posts/default?alt=rss"),
    sitemaps=("sitemap.xml",),
)
"""The selectors for Blogger (Blogspot): classic themes, layouts themes and the Contempo family. The blog's own title is
often the only <h1>.
"""

SQUARESPACE = Platform(
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
"""The selectors for Squarespace 7.0 and 7.1 blogs."""

SUBSTACK = Platform(
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
"""The selectors for Substack. Its newsletters are at NAME.substack.com or on their own domain, with posts under /p/."""
