"""Nikola with its default theme."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from built_sites.blog import Blog, Page, Post
from built_sites.builder import Builder, Shown, pictures, write_sources
from built_sites.installation import python, python_version, run

_SETTINGS = """
BLOG_AUTHOR = {author!r}
BLOG_TITLE = {title!r}
SITE_URL = {base!r} + "/"
BLOG_EMAIL = "mill@example.org"
BLOG_DESCRIPTION = {description!r}
DEFAULT_LANG = "en"
TRANSLATIONS = {{"en": ""}}
TIMEZONE = {zone!r}
THEME = "bootblog4"
NAVIGATION_LINKS = {{"en": (("/archive.html", "Archive"), ("/categories/", "Tags"), ("/pages/about/", "About"))}}
POSTS = (("posts/*.md", "posts", "post.tmpl"),)
PAGES = (("pages/*.md", "pages", "page.tmpl"), ("pages/docs/*.md", "pages/docs", "page.tmpl"))
COMPILERS = {{"markdown": (".md",)}}
MARKDOWN_EXTENSIONS = ["markdown.extensions.fenced_code", "markdown.extensions.codehilite", "markdown.extensions.extra"]
FEED_LENGTH = 10
GLOBAL_CONTEXT = {{}}
"""


class Nikola(Builder):
    name = "nikola"
    needs = "PyPI: nikola"
    shown = Shown(categories=False, code_language=False)

    def install(self) -> str:
        self._programs = python(self.cache, "nikola", "nikola", "markdown", "aiohttp")
        return f"Nikola {python_version(self._programs, 'nikola')}, theme bootblog4"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        files: dict[str, str | bytes] = {f"posts/{post.slug}.md": _post(post) for post in (*blog.posts, *blog.drafts)}
        files |= {f"pages/{page.slug}.md": _page(page) for page in blog.pages}
        files |= pictures(blog, "files/images")
        files["conf.py"] = _SETTINGS.format(
            author=blog.author, title=blog.title, description=blog.description, base=base, zone=blog.zone
        )
        write_sources(folder, files, ["posts", "pages", "files"])
        _wait_for_another_minute(folder / "output/sitemap.xml")
        for made in ("output", "cache"):
            shutil.rmtree(folder / made, ignore_errors=True)
        (folder / ".doit.db").unlink(missing_ok=True)
        run([str(self._programs / "nikola"), "build"], folder)
        for post in blog.drafts:  # `nikola deploy` leaves them out
            shutil.rmtree(folder / "output/posts" / post.slug)
        return folder / "output"

    def path(self, post: Post) -> str:
        return f"/posts/{post.slug}/"


def _wait_for_another_minute(built: Path) -> None:
    """Nikola's sitemap has the minute of a build. No blog is built twice in one, and a crawl sees no edit of the same
    minute."""
    if built.exists() and (left := 60 - (time.time() - built.stat().st_mtime)) > 0:
        time.sleep(left)


def _post(post: Post) -> str:
    head = {
        "title": post.title,
        "slug": post.slug,
        "date": f"{post.published:%Y-%m-%d %H:%M}",
        "author": post.author,
        "category": post.categories[0],
        "tags": ", ".join(post.tags),
        "status": "draft" if post.draft else "published",
        "type": "text",
    }
    return _comment(head) + post.markdown


def _page(page: Page) -> str:
    return _comment({"title": page.title, "slug": page.slug.rpartition("/")[2]}) + page.markdown


def _comment(head: dict[str, str]) -> str:
    return "<!--\n" + "".join(f".. {name}: {value}\n" for name, value in head.items()) + "-->\n\n"
