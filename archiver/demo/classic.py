"""The blog in the markup of WordPress's classic themes: hentry, entry-title, entry-meta, entry-utility."""

from __future__ import annotations

from html import escape

from archiver.demo.markup import (
    NAME,
    TAGLINE,
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
{comments(post)}""", sidebar, geo_spans(post.places))


def listing(page: Listing, sidebar: str) -> str:
    heading = f'<h1 class="page-title">{escape(page.heading)}</h1>\n' if page.heading else ""
    posts = "\n".join(_summary(p) for p in page.posts)
    older = link(page_path(page, page.number + 1), "← Older posts") if page.number < page.pages else ""
    newer = link(page_path(page, page.number - 1), "Newer posts →") if page.number > 1 else ""
    navigation = (f'<div id="nav-below" class="navigation"><div class="nav-previous">{older}</div>'
                  f'<div class="nav-next">{newer}</div></div>')
    return listing_head(page) + _frame(page.body_class, f"{heading}{posts}\n{navigation}", sidebar)


def plain(page: Plain, sidebar: str) -> str:
    return page_head(page.base, page.path, page.title) + _frame(
        page.body_class,
        f'<div class="hentry"><h1 class="entry-title">{escape(page.title)}</h1>\n'
        f'<div class="entry-content">\n{page.content}\n</div></div>', sidebar)


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
    date = (f'<a href="{post.path()}" title="{post.published:%H:%M}" rel="bookmark">'
            f'<time class="entry-date" datetime="{post.published.isoformat()}">{long_date(post.published)}</time></a>')
    author = "" if post.byline else (
        f' <span class="meta-sep">by</span> <span class="author vcard"><a class="url fn n" '
        f'href="/author/{slug(post.author)}/" title="View all posts by {escape(post.author)}">'
        f"{escape(post.author)}</a></span>")
    return f'<div class="entry-meta"><span class="meta-prep meta-prep-author">Posted on</span> {date}{author}</div>'


def _utility(post: Post) -> str:
    tagged = f" and tagged {term_links('tag', post.tags, 'tag')}" if post.tags else ""
    edit = (f' Last changed <time class="updated" datetime="{post.modified.isoformat()}">{long_date(post.modified)}'
            "</time>.") if post.modified > post.published else ""
    return (f'<div class="entry-utility">This entry was posted in '
            f"{term_links('category', post.categories, 'category tag')}{tagged}. "
            f'Bookmark the <a href="{post.path()}" title="Permalink to {escape(post.title)}" rel="bookmark">'
            f"permalink</a>.{edit}</div>")


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
