"""A blog whose pages are an empty element and a script that fetches the posts, with and without a sitemap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, pictures, write_sources

_SHELL = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width">
<script type="module" src="/assets/app.js"></script></head>
<body><noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div></body>
</html>
"""
_SCRIPT = """const root = document.getElementById("root");
const posts = await (await fetch("/api/posts.json")).json();
const post = posts.find((one) => location.pathname === `/posts/${one.slug}`);
root.innerHTML = post
  ? `<article><h1>${post.title}</h1><time datetime="${post.date}">${post.date}</time>${post.html}</article>`
  : posts.map((one) => `<h2><a href="/posts/${one.slug}">${one.title}</a></h2>`).join("");
"""


class JavaScriptOnly(Builder):
    name = "javascript-only"
    needs = "nothing"
    needs_browser = True
    shell = "index.html"
    sitemap: ClassVar[bool] = False

    def install(self) -> str:
        return "a script of its own"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        posts = [
            {"slug": post.slug, "title": post.title, "date": post.published.isoformat(), "html": post.html}
            for post in reversed(blog.posts)
        ]
        files: dict[str, str | bytes] = {
            "index.html": _SHELL.format(title=blog.title),
            "assets/app.js": _SCRIPT,
            "api/posts.json": json.dumps(posts, ensure_ascii=False),
        }
        files |= pictures(blog, "images")
        if self.sitemap:
            urls = "".join(f"<url><loc>{base}{self.path(post)}</loc></url>" for post in blog.posts)
            files["sitemap.xml"] = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
        write_sources(folder, files, ["images"])
        return folder

    def path(self, post: Post) -> str:
        return f"/posts/{post.slug}"


class JavaScriptWithSitemap(JavaScriptOnly):
    name = "javascript-sitemap"
    sitemap = True
