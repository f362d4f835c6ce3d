"""The selectors for ABlog, which turns pages of a Sphinx manual into a blog. Only posts have a card in a sidebar."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
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
