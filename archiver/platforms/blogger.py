"""The selectors for Blogger (Blogspot): classic themes, layouts themes and the Contempo family. The blog's own title is
often the only <h1>.
"""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
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
