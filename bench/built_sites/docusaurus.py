"""Docusaurus with its classic preset: docs and a blog."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, Shown, front_matter, pictures, write_sources
from built_sites.installation import node, node_version, run, use_node_modules

_PACKAGES = ("@docusaurus/core", "@docusaurus/preset-classic", "react", "react-dom")

# Its cache lies in node_modules, which sites share, and has the paths of the site that was built last.
_ENVIRONMENT = {"DOCUSAURUS_DISABLE_TELEMETRY": "1", "DOCUSAURUS_NO_PERSISTENT_CACHE": "true"}


class Docusaurus(Builder):
    name = "docusaurus"
    needs = "npm: @docusaurus/core, @docusaurus/preset-classic"
    shown = Shown(categories=False)

    def install(self) -> str:
        self._modules = node(self.cache, "docusaurus", *_PACKAGES)
        return f"Docusaurus {node_version(self._modules, '@docusaurus/core')}, classic preset"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        files: dict[str, str | bytes] = {f"blog/{post.slug}.md": _post(post) for post in (*blog.posts, *blog.drafts)}
        files |= {
            f"docs/{page.slug.rpartition('/')[2]}.md": front_matter(title=page.title) + page.markdown
            for page in blog.pages
            if page.slug.startswith("docs/")
        }
        files |= {
            f"src/pages/{page.slug}.md": f"# {page.title}\n\n{page.markdown}"
            for page in blog.pages
            if not page.slug.startswith("docs/")
        }
        files["src/pages/index.md"] = f"# {blog.title}\n\n{blog.description}. The news are in the [blog](/blog).\n"
        files |= pictures(blog, "static/images")
        settings = json.dumps(_settings(blog, base), ensure_ascii=False, indent=1)
        files["docusaurus.config.js"] = f"module.exports = {settings};\n"
        use_node_modules(folder, self._modules)
        write_sources(folder, files, ["blog", "docs", "src", "static"])
        for made in ("build", ".docusaurus"):
            shutil.rmtree(folder / made, ignore_errors=True)
        run(["node_modules/.bin/docusaurus", "build"], folder, _ENVIRONMENT, limit=900)
        return folder / "build"

    def path(self, post: Post) -> str:
        return f"/blog/{post.slug}"


def _settings(blog: Blog, base: str) -> dict[str, Any]:
    feed = {"type": "all", "title": blog.title, "copyright": blog.author}
    news = {"showReadingTime": True, "onInlineTags": "ignore", "onInlineAuthors": "ignore", "feedOptions": feed}
    news |= {"onUntruncatedBlogPosts": "ignore"}
    items = [
        {"to": "/docs/visiting", "label": "Docs", "position": "left"},
        {"to": "/blog", "label": "Blog", "position": "left"},
        {"to": "/about", "label": "About", "position": "left"},
    ]
    return {
        "title": blog.title,
        "tagline": blog.description,
        "url": base,
        "baseUrl": "/",
        "onBrokenLinks": "ignore",
        "markdown": {"format": "md"},
        "i18n": {"defaultLocale": "en", "locales": ["en"]},
        "presets": [["classic", {"docs": {"routeBasePath": "docs"}, "blog": news}]],
        "themeConfig": {"navbar": {"title": blog.title, "items": items}},
    }


def _post(post: Post) -> str:
    head = front_matter(
        slug=post.slug,
        date=post.published,
        authors=[{"name": post.author}],
        tags=list(post.tags),
        draft=post.draft,
        **({"title": post.title} if post.title else {}),
    )
    return head + post.markdown
