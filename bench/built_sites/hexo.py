"""Hexo with its default theme and with NexT."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

import yaml

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, Shown, front_matter, pictures, write_sources
from built_sites.installation import node, node_version, run, use_node_modules

_PACKAGES = (
    "hexo",
    *(f"hexo-generator-{name}" for name in ("archive", "category", "feed", "index", "tag")),
    *(f"hexo-renderer-{name}" for name in ("ejs", "marked", "stylus")),
)


class Hexo(Builder):
    theme: ClassVar[str]
    shown = Shown(author=False)

    def install(self) -> str:
        self._modules = node(self.cache, "hexo", *_PACKAGES, "hexo-theme-landscape", "hexo-theme-next")
        versions = (node_version(self._modules, name) for name in ("hexo", f"hexo-theme-{self.theme}"))
        return "Hexo {}, theme {theme} {}".format(*versions, theme=self.theme)

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        files: dict[str, str | bytes] = {f"source/_posts/{post.slug}.md": _post(post) for post in blog.posts}
        files |= {f"source/_drafts/{post.slug}.md": _post(post) for post in blog.drafts}
        files |= {f"source/{page.slug}.md": front_matter(title=page.title) + page.markdown for page in blog.pages}
        for kind in ("categories", "tags"):
            files[f"source/{kind}/index.md"] = front_matter(title=kind.title(), type=kind)
        files |= pictures(blog, "source/images")
        files["_config.yml"] = yaml.safe_dump(self._settings(blog, base), allow_unicode=True)
        use_node_modules(folder, self._modules, hexo={"version": node_version(self._modules, "hexo")})
        write_sources(folder, files, ["source"])
        shutil.rmtree(folder / "public", ignore_errors=True)
        (folder / "db.json").unlink(missing_ok=True)
        run(["node_modules/.bin/hexo", "generate", "--silent"], folder, {"TZ": blog.zone})
        return folder / "public"

    def _settings(self, blog: Blog, base: str) -> dict[str, Any]:
        menu = {"home": "/", "archives": "/archives/", "about": "/about.html", "visiting": "/docs/visiting.html"}
        return {
            "title": blog.title,
            "description": blog.description,
            "author": blog.author,
            "language": "en",
            "timezone": blog.zone,
            "url": base,
            "permalink": ":year/:month/:day/:title/",
            "theme": self.theme,
            "index_generator": {"per_page": 10, "order_by": "-date"},
            "per_page": 10,
            "feed": {"type": "atom", "path": "atom.xml", "limit": 20},
            "theme_config": {"menu": menu},
        }

    def path(self, post: Post) -> str:
        return f"/{post.published:%Y/%m/%d}/{post.slug}/"


class HexoLandscape(Hexo):
    name = "hexo-landscape"
    needs = "npm: hexo, hexo-theme-landscape"
    theme = "landscape"


class HexoNext(Hexo):
    name = "hexo-next"
    needs = "npm: hexo, hexo-theme-next"
    theme = "next"


def _post(post: Post) -> str:
    return (
        front_matter(
            title=post.title,
            date=f"{post.published:%Y-%m-%d %H:%M:%S}",
            categories=[[name] for name in post.categories],
            tags=list(post.tags),
            lang=post.language,
        )
        + post.markdown
    )
