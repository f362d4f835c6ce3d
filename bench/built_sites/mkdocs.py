"""MkDocs with the Material theme and its blog plugin, which has no feed."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import yaml

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, front_matter, pictures, write_sources
from built_sites.installation import python, python_version, run

_HIGHLIGHT = {"pymdownx.highlight": {"linenums": True, "pygments_lang_class": True, "line_spans": "__span"}}
_AVATAR = "/images/pond-1.png"


class MkDocsMaterial(Builder):
    name = "mkdocs-material"
    needs = "PyPI: mkdocs-material"

    def install(self) -> str:
        self._programs = python(self.cache, "mkdocs", "mkdocs-material")
        mkdocs, material = (python_version(self._programs, name) for name in ("mkdocs", "mkdocs-material"))
        return f"MkDocs {mkdocs}, Material {material}"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        authors = {post.author for post in (*blog.posts, *blog.drafts)}
        ids = {name: f"author{number}" for number, name in enumerate(sorted(authors))}
        files: dict[str, str | bytes] = {
            f"docs/blog/posts/{post.slug}.md": _post(post, ids) for post in (*blog.posts, *blog.drafts)
        }
        files |= {f"docs/{page.slug}.md": f"# {page.title}\n\n{page.markdown}" for page in blog.pages}
        files |= pictures(blog, "docs/images")
        files["docs/index.md"] = f"# {blog.title}\n\n{blog.description}. The news are in the [blog](blog/index.md).\n"
        files["docs/blog/index.md"] = "# Blog\n"
        profiles = {key: {"name": name, "description": "Miller", "avatar": _AVATAR} for name, key in ids.items()}
        files["docs/blog/.authors.yml"] = yaml.safe_dump({"authors": profiles}, allow_unicode=True)
        files["mkdocs.yml"] = yaml.safe_dump(_settings(blog, base), allow_unicode=True)
        write_sources(folder, files, ["docs"])
        # Its sitemap has the day of a build, so that the first one is of yesterday.
        built = time.time() - (0 if (folder / "site").exists() else 86_400)
        shutil.rmtree(folder / "site", ignore_errors=True)
        environment = {"NO_MKDOCS_2_WARNING": "1", "SOURCE_DATE_EPOCH": str(int(built))}
        run([str(self._programs / "mkdocs"), "build", "--quiet"], folder, environment)
        return folder / "site"

    def path(self, post: Post) -> str:
        return f"/blog/{post.published:%Y/%m/%d}/{post.slug}/"


def _settings(blog: Blog, base: str) -> dict[str, object]:
    return {
        "site_name": blog.title,
        "site_description": blog.description,
        "site_url": f"{base}/",
        "theme": {"name": "material", "features": ["navigation.indexes"], "font": False},
        "plugins": ["search", {"blog": {"post_url_format": "{date}/{slug}", "post_date_format": "long"}}, "tags"],
        "markdown_extensions": ["tables", _HIGHLIGHT, "pymdownx.superfences"],
    }


def _post(post: Post, ids: dict[str, str]) -> str:
    head = front_matter(
        date={"created": post.published},
        authors=[ids[post.author]],
        categories=list(post.categories),
        tags=list(post.tags),
        slug=post.slug,
        draft=post.draft,
        **({"title": post.title} if post.title else {}),
    )
    heading = f"# {post.title}\n\n" if post.title else ""
    return f"{head}{heading}{post.markdown}"
