"""The selectors and marks for programs that generate documentation: ABlog and MkDocs, whose manuals may contain a blog,
and others, whose pages are not posts.
"""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

ABLOG = Platform(
    name="ablog",
    marks=(".ablog__postcard", ".ablog__postcard2", ".ablog-post-title", ".ablog__collection"),
    title=("[role=main] h1", "article h1"),
    body=("[role=main]", "article[role=main]", "div.body"),
    authors=("[id~=ablog__author] a", ".ablog__author a"),
    published=(".ablog__postcard h2 span", ".ablog__published"),
    modified=(".ablog__updated",),
    categories=("[id~=ablog__category] a", ".ablog__category a"),
    tags=("[id~=ablog__tags] a", ".ablog__tags a"),
    drop=(".ablog__blog_comments", ".ablog__prev-next", "a.headerlink", ".ablog-sidebar-item", ".toctree-wrapper"),
    main=(".ablog__postcard", ".ablog__postcard2"),
    paths=((r"/(.*/)?(author|category|tag|archive|location)(/[^/]+)?(/|\.html)?", PageKind.LISTING, "listing"),),
)
"""The selectors for ABlog, which turns pages of a Sphinx manual into a blog. Only posts have a card in a sidebar."""

MKDOCS = Platform(
    name="mkdocs",
    generator=r"^mkdocs\b",
    authors=(
        ".md-post__authors .md-profile__name",
        ".md-post__author-name",
        ".md-profile__name",
        ".md-author-name",
        ".md-post__authors strong",
    ),
    published=(".md-post time[datetime]", ".md-sidebar--post time[datetime]", ".md-post__meta time[datetime]"),
    categories=(
        ".md-post a[href*='/category/']",
        ".md-sidebar--post a[href*='/category/']",
        ".md-post a[href*='category/']",
        ".md-sidebar--post a[href*='category/']",
    ),
    tags=(".md-tags .md-tag", ".md-tags a"),
    drop=(".md-source-file", ".md-feedback", ".md-tags", "a.md-content__button", "a.headerlink"),
    main=(".md-sidebar--post", ".md-tags"),
    paths=((r"/(.*/)?(category|archive|author)/[^/]+/?(page/\d+/?)?", PageKind.LISTING, "listing"),),
    feeds=("feed_rss_created.xml",),
    sitemaps=("sitemap.xml",),
)
"""The selectors for MkDocs and the blog of its theme Material, which shows a post's metadata in a sidebar."""

DOCUMENTATION = Platform(
    name="documentation",
    generator=r"^(?:javadoc|doxygen|sphinx|rustdoc|pdoc|jsdoc|typedoc|yard|scaladoc|dokka|docfx|ford|epydoc|godoc)\b",
    marks=(
        "script#documentation_options",
        "script[src*='documentation_options.js']",
        "link[rel=index][href*='genindex.html']",
        "ul#allclasses_navbar_top",
        "body.rustdoc",
        "link[href*='doxygen.css']",
        "dl.py.function",
        "dl.py.class",
        ".doc.doc-object",
    ),
    is_documentation=True,
)
"""The marks of programs that generate reference documentation, such as javadoc, Doxygen, Sphinx and rustdoc."""
