"""Eleventy with templates in the manner of its base blog: tags above the text, the neighbours' titles below it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, Shown, front_matter, pictures, templates, write_sources
from built_sites.installation import node, node_version, run, use_node_modules

_PLUGINS = ("@11ty/eleventy-plugin-rss", "@11ty/eleventy-plugin-syntaxhighlight")


class Eleventy(Builder):
    name = "eleventy"
    needs = "npm: @11ty/eleventy"
    shown = Shown(time=False, author=False, categories=False)

    def install(self) -> str:
        self._modules = node(self.cache, "eleventy", "@11ty/eleventy", *_PLUGINS)
        version = node_version(self._modules, "@11ty/eleventy")
        return f"Eleventy {version}, templates in the manner of its base blog"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        files: dict[str, str | bytes] = {f"content/blog/{post.slug}.md": _post(post) for post in blog.posts}
        files |= {
            f"content/{page.slug}.md": front_matter(title=page.title, layout="page.njk") + page.markdown
            for page in blog.pages
        }
        files |= pictures(blog, "public/images")
        files |= templates("eleventy")
        site = {"title": blog.title, "description": blog.description, "author": blog.author, "url": base}
        files["_data/site.json"] = json.dumps(site, ensure_ascii=False)
        use_node_modules(folder, self._modules)
        write_sources(folder, files, ["content", "public", "_includes"])
        shutil.rmtree(folder / "_site", ignore_errors=True)
        run(["node_modules/.bin/eleventy", "--quiet"], folder, {"SITE_URL": base})
        return folder / "_site"

    def path(self, post: Post) -> str:
        return f"/blog/{post.slug}/"


def _post(post: Post) -> str:
    return (
        front_matter(title=post.title, date=post.published.date(), tags=list(post.tags), layout="post.njk")
        + post.markdown
    )
