"""Renders the pages of the demonstration blog with the markup of WordPress's block themes and classic themes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from archiver.demo.demo_posts_markup_and_feeds import (
    NAME,
    TAGLINE,
    Listing,
    Plain,
    Post,
    Single,
    comments,
    content,
    excerpt,
    geo_spans,
    link,
    listing_head,
    long_date,
    page_head,
    page_path,
    post_head,
    shown_title,
    slug,
    term_links,
)

# Block themes: wp-block-post-title, wp-block-post-date and so on.


def block_single(page: Single, sidebar: str) -> str:
    post = page.post
    tags = (
        f'<div class="taxonomy-post_tag wp-block-post-terms">{term_links("tag", post.tags, "tag")}</div>'
        if post.tags
        else ""
    )
    return post_head(page) + _block_frame(
        f"wp-singular post-template-default single single-post postid-{post.id} single-format-standard",
        f"""<h1 class="wp-block-post-title">{escape(shown_title(post))}</h1>
<div class="wp-block-group has-small-font-size is-layout-flex">
{_author(post)}{_date(post)}
<p class="has-small-font-size">in</p>
<div class="taxonomy-category wp-block-post-terms">{term_links("category", post.categories, "tag")}</div>
</div>
<div class="entry-content alignfull wp-block-post-content has-global-padding is-layout-constrained">
{content(post).replace("<h2>", '<h2 class="wp-block-heading">')}
</div>
{tags}
<nav class="wp-block-group alignwide" aria-label="Post navigation">{_block_neighbours(page)}</nav>
{comments(post)}""",
        sidebar,
        geo_spans(post.places),
    )


def block_listing(page: Listing, sidebar: str) -> str:
    heading = f'<h1 class="wp-block-query-title">{escape(page.heading)}</h1>\n' if page.heading else ""
    posts = "\n".join(_block_summary(p) for p in page.posts)
    links = ""
    if page.number > 1:
        links += f'<a href="{page_path(page, page.number - 1)}" class="wp-block-query-pagination-previous">Previous</a>'
    if page.number < page.pages:
        links += f'<a href="{page_path(page, page.number + 1)}" class="wp-block-query-pagination-next">Next Page</a>'
    return listing_head(page) + _block_frame(
        page.body_class,
        f"""{heading}<div class="wp-block-query">
<ul class="wp-block-post-template is-layout-flow">
{posts}
</ul>
<nav class="wp-block-query-pagination" aria-label="Pagination">{links}</nav>
</div>""",
        sidebar,
    )


def block_plain(page: Plain, sidebar: str) -> str:
    return page_head(page.base, page.path, page.title) + _block_frame(
        page.body_class,
        f'<h1 class="wp-block-post-title">{escape(page.title)}</h1>\n'
        f'<div class="entry-content wp-block-post-content">\n{page.content}\n</div>',
        sidebar,
    )


def _block_frame(body_class: str, main: str, sidebar: str, foot: str = "") -> str:
    return f"""<body class="{body_class} wp-embed-responsive">
<div class="wp-site-blocks">
<header class="wp-block-template-part"><div class="wp-block-group">
<p class="wp-block-site-title"><a href="/" rel="home">{NAME}</a></p>
<nav class="wp-block-navigation"><ul class="wp-block-page-list">
<li class="wp-block-pages-list__item">{link("/about/", "About")}</li>
</ul></nav>
</div></header>
<main class="wp-block-group is-layout-flow" id="wp--skip-link--target">
{main}
</main>
<footer class="wp-block-template-part">
{sidebar}
<p>{link("/", NAME)}</p>
</footer>
</div>
{foot}</body>
</html>
"""


def _date(post: Post) -> str:
    return (
        f'<div class="wp-block-post-date"><time datetime="{post.published.isoformat()}">'
        f'<a href="{post.path()}">{long_date(post.published)}</a></time></div>'
    )


def _author(post: Post) -> str:
    if post.byline:
        return ""
    return (
        f'<p class="has-small-font-size">Written by</p>\n<div class="wp-block-post-author-name">'
        f'<a href="/author/{slug(post.author)}/" target="_self" class="wp-block-post-author-name__link">'
        f"{escape(post.author)}</a></div>\n"
    )


def _block_neighbours(page: Single) -> str:
    older = (
        (
            f'<div class="post-navigation-link-previous wp-block-post-navigation-link">'
            f"{link(page.older.path(), shown_title(page.older), 'prev')}</div>"
        )
        if page.older
        else ""
    )
    newer = (
        (
            f'<div class="post-navigation-link-next wp-block-post-navigation-link">'
            f"{link(page.newer.path(), shown_title(page.newer), 'next')}</div>"
        )
        if page.newer
        else ""
    )
    return older + newer


def _block_summary(post: Post) -> str:
    return f"""<li class="wp-block-post post-{post.id} post type-post status-publish hentry">
<h2 class="wp-block-post-title"><a href="{post.path()}" target="_self">{escape(shown_title(post))}</a></h2>
<div class="wp-block-post-excerpt">
<p class="wp-block-post-excerpt__excerpt">{escape(excerpt(post), quote=False)}</p>
</div>
{_date(post)}
</li>"""


# Classic themes: hentry, entry-title, entry-meta, entry-utility.


def classic_single(page: Single, sidebar: str) -> str:
    post = page.post
    around = _neighbours(page)
    return post_head(page) + _frame(
        f"single single-post postid-{post.id} single-format-standard",
        f"""<div id="nav-above" class="navigation">{around}</div>
<div id="post-{post.id}" class="post-{post.id} post type-post status-publish format-standard hentry">
<h1 class="entry-title">{escape(shown_title(post))}</h1>
{_meta(post)}
<div class="entry-content">
{content(post)}
</div><!-- .entry-content -->
{_utility(post)}
</div>
<div id="nav-below" class="navigation">{around}</div>
{comments(post)}""",
        sidebar,
        geo_spans(post.places),
    )


def classic_listing(page: Listing, sidebar: str) -> str:
    heading = f'<h1 class="page-title">{escape(page.heading)}</h1>\n' if page.heading else ""
    posts = "\n".join(_summary(p) for p in page.posts)
    older = link(page_path(page, page.number + 1), "← Older posts") if page.number < page.pages else ""
    newer = link(page_path(page, page.number - 1), "Newer posts →") if page.number > 1 else ""
    navigation = (
        f'<div id="nav-below" class="navigation"><div class="nav-previous">{older}</div>'
        f'<div class="nav-next">{newer}</div></div>'
    )
    return listing_head(page) + _frame(page.body_class, f"{heading}{posts}\n{navigation}", sidebar)


def classic_plain(page: Plain, sidebar: str) -> str:
    return page_head(page.base, page.path, page.title) + _frame(
        page.body_class,
        f'<div class="hentry"><h1 class="entry-title">{escape(page.title)}</h1>\n'
        f'<div class="entry-content">\n{page.content}\n</div></div>',
        sidebar,
    )


def _frame(body_class: str, main: str, sidebar: str, foot: str = "") -> str:
    return f"""<body class="{body_class}">
<div id="wrapper" class="hfeed">
<div id="header"><div id="masthead">
<div id="site-title"><a href="/" rel="home">{NAME}</a></div>
<div id="site-description">{TAGLINE}</div>
<div id="access" role="navigation"><ul class="menu">
<li>{link("/", "Home")}</li>
<li>{link("/about/", "About")}</li>
</ul></div>
</div></div>
<div id="main">
<div id="container"><div id="content" role="main">
{main}
</div></div>
<div id="primary" class="widget-area" role="complementary">
{sidebar}
</div>
</div><!-- #main -->
<div id="footer"><div id="colophon"><div id="site-info">{link("/", NAME)}</div></div></div>
</div>
{foot}</body>
</html>
"""


def _meta(post: Post) -> str:
    date = (
        f'<a href="{post.path()}" title="{post.published:%H:%M}" rel="bookmark">'
        f'<time class="entry-date" datetime="{post.published.isoformat()}">{long_date(post.published)}</time></a>'
    )
    author = (
        ""
        if post.byline
        else (
            f' <span class="meta-sep">by</span> <span class="author vcard"><a class="url fn n" '
            f'href="/author/{slug(post.author)}/" title="View all posts by {escape(post.author)}">'
            f"{escape(post.author)}</a></span>"
        )
    )
    return f'<div class="entry-meta"><span class="meta-prep meta-prep-author">Posted on</span> {date}{author}</div>'


def _utility(post: Post) -> str:
    tagged = f" and tagged {term_links('tag', post.tags, 'tag')}" if post.tags else ""
    edit = (
        (
            f' Last changed <time class="updated" datetime="{post.modified.isoformat()}">{long_date(post.modified)}'
            "</time>."
        )
        if post.modified > post.published
        else ""
    )
    return (
        f'<div class="entry-utility">This entry was posted in '
        f"{term_links('category', post.categories, 'category tag')}{tagged}. "
        f'Bookmark the <a href="{post.path()}" title="Permalink to {escape(post.title)}" rel="bookmark">'
        f"permalink</a>.{edit}</div>"
    )


def _neighbours(page: Single) -> str:
    older = link(page.older.path(), f"← {shown_title(page.older)}", "prev") if page.older else ""
    newer = link(page.newer.path(), f"{shown_title(page.newer)} →", "next") if page.newer else ""
    return f'<div class="nav-previous">{older}</div><div class="nav-next">{newer}</div>'


def _summary(post: Post) -> str:
    return f"""<div id="post-{post.id}" class="post-{post.id} post type-post status-publish hentry">
<h2 class="entry-title"><a href="{post.path()}" rel="bookmark">{escape(shown_title(post))}</a></h2>
{_meta(post)}
<div class="entry-summary"><p>{escape(excerpt(post), quote=False)}</p></div>
</div>"""


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of the demonstration blog: the functions that render each type of page."""

    single: Callable[[Single, str], str]
    listing: Callable[[Listing, str], str]
    plain: Callable[[Plain, str], str]


THEMES: dict[str, Theme] = {
    "classic": Theme(classic_single, classic_listing, classic_plain),
    "block": Theme(block_single, block_listing, block_plain),
}
