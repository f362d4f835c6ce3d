"""Astro with content collections, in the manner of its blog template."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, Shown, front_matter, pictures, templates, write_sources
from built_sites.installation import node, node_version, run, use_node_modules

_ASTRO = "astro@5"  # version 6 needs Node.js 22, which Debian 13 does not have


class Astro(Builder):
    name = "astro"
    needs = "npm: astro 5, @astrojs/rss, @astrojs/sitemap"
    shown = Shown(time=False, author=False, categories=False, tags=False)

    def install(self) -> str:
        self._modules = node(self.cache, "astro", _ASTRO, "@astrojs/rss", "@astrojs/sitemap")
        return f"Astro {node_version(self._modules, 'astro')}, pages in the manner of its blog template"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        files: dict[str, str | bytes] = {f"src/content/blog/{post.slug}.md": _post(post) for post in blog.posts}
        files |= {
            f"src/pages/{page.slug}.md": front_matter(title=page.title, layout=_up(page.slug)) + page.markdown
            for page in blog.pages
        }
        files |= pictures(blog, "public/images")
        files |= templates("astro")
        site = {"title": blog.title, "description": blog.description, "url": base}
        files["src/site.json"] = json.dumps(site, ensure_ascii=False)
        use_node_modules(folder, self._modules, type="module")
        write_sources(folder, files, ["src", "public"])
        for made in ("dist", ".astro"):
            shutil.rmtree(folder / made, ignore_errors=True)
        run(["node_modules/.bin/astro", "build"], folder, {"ASTRO_TELEMETRY_DISABLED": "1", "SITE_URL": base})
        return folder / "dist"

    def path(self, post: Post) -> str:
        return f"/blog/{post.slug}/"


def _up(slug: str) -> str:
    return "../" * (slug.count("/") + 1) + "layouts/Page.astro"


def _post(post: Post) -> str:
    text = next((block.plain for block in post.body if block.plain), "")
    return front_matter(title=post.title, description=text[:80], pubDate=post.published.isoformat()) + post.markdown
