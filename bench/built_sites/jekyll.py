"""Jekyll with minima, the theme of a new site."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

import yaml

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, Shown, front_matter, pictures, write_sources
from built_sites.installation import debian, run

_PLUGINS = ("jekyll-feed", "jekyll-seo-tag", "jekyll-sitemap")


class JekyllMinima(Builder):
    name = "jekyll-minima"
    needs = "Debian: jekyll, jekyll-theme-minima, " + ", ".join(f"ruby-{name}" for name in _PLUGINS)
    shown = Shown(categories=False, tags=False)

    def install(self) -> str:
        versions = debian("jekyll", "jekyll-theme-minima", *(f"ruby-{name}" for name in _PLUGINS))
        return f"Jekyll {versions['jekyll']}, minima {versions['jekyll-theme-minima']}"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        files: dict[str, str | bytes] = {
            f"_posts/{post.published:%Y-%m-%d}-{post.slug}.md": _post(post) for post in blog.posts
        }
        files |= {f"_drafts/{post.slug}.md": _post(post) for post in blog.drafts}
        files |= {
            f"{page.slug}.md": front_matter(layout="page", title=page.title, permalink=f"/{page.slug}/") + page.markdown
            for page in blog.pages
        }
        files |= pictures(blog, "images")
        files["index.md"] = front_matter(layout="home")
        files["_config.yml"] = yaml.safe_dump(
            {
                "title": blog.title,
                "description": blog.description,
                "author": blog.author,
                "url": base,
                "baseurl": "",
                "theme": "minima",
                "timezone": blog.zone,
                "plugins": list(_PLUGINS),
            }
        )
        write_sources(folder / "source", files, ["_posts", "_drafts"])
        shutil.rmtree(folder / "public", ignore_errors=True)
        run(["jekyll", "build", "--quiet", "-s", "source", "-d", "public"], folder, {"JEKYLL_ENV": "production"})
        return folder / "public"

    def path(self, post: Post) -> str:
        folders = "/".join(quote(name.lower()) for name in post.categories)
        return f"/{folders}/{post.published:%Y/%m/%d}/{post.slug}.html"


def _post(post: Post) -> str:
    return (
        front_matter(
            layout="post",
            title=post.title,
            date=f"{post.published:%Y-%m-%d %H:%M:%S %z}",
            author=post.author,
            categories=list(post.categories),
            tags=list(post.tags),
            lang=post.language,
        )
        + post.markdown
    )
