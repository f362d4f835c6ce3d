"""The blog in the markup of WordPress's block themes: wp-block-post-title, wp-block-post-date and so on."""

from __future__ import annotations

from html import escape

from archiver.demo.markup import (
    NAME,
    Listing,
    Plain,
    Single,
    comments,
    content,
    excerpt,
    geo_spans,
    link,
    listing_head,
    long_date,
    page_path,
    post_head,
    shown_title,
    slug,
    term_links,
)
from archiver.demo.markup import head as page_head
from archiver.demo.posts import Post


def single(page: Single, sidebar: str) -> str:
    post = page.post
    tags = (f'<div class="taxonomy-post_tag wp-block-post-terms">{term_links("tag", post.tags, "tag")}</div>'
            if post.tags else "")
    return post_head(page) + _frame(
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
<nav class="wp-block-group alignwide" aria-label="Post navigation">{_neighbours(page)}</nav>
{comments(post)}""", sidebar, geo_spans(post.places))


def listing(page: Listing, sidebar: str) -> str:
    heading = f'<h1 class="wp-block-query-title">{escape(page.heading)}</h1>\n' if page.heading else ""
    posts = "\n".join(_summary(p) for p in page.posts)
    links = ""
    if page.number > 1:
        links += f'<a href="{page_path(page, page.number - 1)}" class="wp-block-query-pagination-previous">Previous</a>'
    if page.number < page.pages:
        links += f'<a href="{page_path(page, page.number + 1)}" class="wp-block-query-pagination-next">Next Page</a>'
    return listing_head(page) + _frame(page.body_class, f"""{heading}<div class="wp-block-query">
<ul class="wp-block-post-template is-layout-flow">
{posts}
</ul>
<nav class="wp-block-query-pagination" aria-label="Pagination">{links}</nav>
</div>""", sidebar)


def plain(page: Plain, sidebar: str) -> str:
    return page_head(page.base, page.path, page.title) + _frame(
        page.body_class,
        f'<h1 class="wp-block-post-title">{escape(page.title)}</h1>\n'
        f'<div class="entry-content wp-block-post-content">\n{page.content}\n</div>', sidebar)


def _frame(body_class: str, main: str, sidebar: str, foot: str = "") -> str:
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
    return (f'<div class="wp-block-post-date"><time datetime="{post.published.isoformat()}">'
            f'<a href="{post.path()}">{long_date(post.published)}</a></time></div>')


def _author(post: Post) -> str:
    if post.byline:
        return ""
    return (f'<p class="has-small-font-size">Written by</p>\n<div class="wp-block-post-author-name">'
            f'<a href="/author/{slug(post.author)}/" target="_self" class="wp-block-post-author-name__link">'
            f"{escape(post.author)}</a></div>\n")


def _neighbours(page: Single) -> str:
    older = (f'<div class="post-navigation-link-previous wp-block-post-navigation-link">'
             f"{link(page.older.path(), shown_title(page.older), 'prev')}</div>") if page.older else ""
    newer = (f'<div class="post-navigation-link-next wp-block-post-navigation-link">'
             f"{link(page.newer.path(), shown_title(page.newer), 'next')}</div>") if page.newer else ""
    return older + newer


def _summary(post: Post) -> str:
    return f"""<li class="wp-block-post post-{post.id} post type-post status-publish hentry">
<h2 class="wp-block-post-title"><a href="{post.path()}" target="_self">{escape(shown_title(post))}</a></h2>
<div class="wp-block-post-excerpt">
<p class="wp-block-post-excerpt__excerpt">{escape(excerpt(post), quote=False)}</p>
</div>
{_date(post)}
</li>"""
