"""Single-page applications: each page is an empty element and a script that fetches the posts."""

from __future__ import annotations

import json
from email.utils import format_datetime
from html import escape
from pathlib import Path

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, Shown, pictures, write_sources

_SHELL = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width">
{link}<script type="module" src="/assets/app.js"></script></head>
<body><noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div></body>
</html>
"""
_LINK = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">\n'
_SCRIPT = """const root = document.getElementById("root");
const posts = await (await fetch("/api/posts.json")).json();
const post = posts.find((one) => location.pathname === `/posts/${one.slug}`);
root.innerHTML = post
  ? `<article><h1>${post.title}</h1><time datetime="${post.date}">${post.date}</time>${post.html}</article>`
  : posts.map((one) => `<h2><a href="/posts/${one.slug}">${one.title}</a></h2>`).join("");
"""


class SinglePage(Builder):
    name = "spa"
    needs = "nothing"
    needs_browser = True
    shell = "index.html"

    def install(self) -> str:
        return "a script of its own"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        posts = [
            {"slug": post.slug, "title": post.title, "date": post.published.isoformat(), "html": post.html}
            for post in reversed(blog.posts)
        ]
        files: dict[str, str | bytes] = {
            "index.html": _SHELL.format(title=blog.title, link=""),
            "assets/app.js": _SCRIPT,
            "api/posts.json": json.dumps(posts, ensure_ascii=False),
        }
        files |= pictures(blog, "images")
        files |= self.lists(blog, base)
        write_sources(folder, files, ["images"])
        return folder

    def lists(self, blog: Blog, base: str) -> dict[str, str | bytes]:
        """Returns the files that list the posts without JavaScript."""
        return {}

    def path(self, post: Post) -> str:
        return f"/posts/{post.slug}"


class SinglePageWithSitemap(SinglePage):
    name = "spa-with-sitemap"

    def lists(self, blog: Blog, base: str) -> dict[str, str | bytes]:
        urls = "".join(f"<url><loc>{base}{self.path(post)}</loc></url>" for post in blog.posts)
        return {"sitemap.xml": f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'}


class SinglePageWithFeed(SinglePage):
    """Its feed has all posts with their whole text, so that they can be archived without JavaScript."""

    name = "spa-with-feed"
    needs_browser = False
    shown = Shown(tags=False)

    def lists(self, blog: Blog, base: str) -> dict[str, str | bytes]:
        items = "".join(self._item(post, base) for post in reversed(blog.posts))
        spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        head = f"<title>{blog.title}</title><link>{base}/</link><description>{blog.description}</description>"
        return {
            "index.html": _SHELL.format(title=blog.title, link=_LINK),
            "feed.xml": f'<rss version="2.0" {spaces}><channel>{head}{items}</channel></rss>',
        }

    def _item(self, post: Post, base: str) -> str:
        url = base + self.path(post)
        categories = "".join(f"<category>{escape(name)}</category>" for name in post.categories)
        return (
            f"<item><title>{escape(post.title)}</title><link>{url}</link><guid>{url}</guid>"
            f"<pubDate>{format_datetime(post.published)}</pubDate><dc:creator>{escape(post.author)}</dc:creator>"
            f"{categories}<content:encoded>{escape(post.html)}</content:encoded></item>"
        )
