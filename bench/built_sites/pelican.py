"""Pelican with its two own themes, and with a feed of ten posts."""

from __future__ import annotations

import shutil
from pathlib import Path

from built_sites.blog import Blog, Page, Post
from built_sites.builder import Builder, Shown, pictures, write_sources
from built_sites.installation import python, python_version, run

_SETTINGS = """
AUTHOR = {author!r}
SITENAME = {title!r}
SITESUBTITLE = {description!r}
SITEURL = {base!r}
PATH = "content"
TIMEZONE = {zone!r}
DEFAULT_LANG = "en"
THEME = {theme!r}
FEED_DOMAIN = SITEURL
FEED_ALL_ATOM = "feeds/all.atom.xml"
CATEGORY_FEED_ATOM = None
AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None
TRANSLATION_FEED_ATOM = None
FEED_MAX_ITEMS = {feed}
DEFAULT_PAGINATION = 10
STATIC_PATHS = ["images"]
TYPOGRIFY = False
MARKDOWN = {{"extensions": ["extra", "codehilite", "sane_lists"], "output_format": "html5",
            "extension_configs": {{"markdown.extensions.codehilite": {{"css_class": "highlight"}}}}}}
"""


class Pelican(Builder):
    needs = "PyPI: pelican"
    shown = Shown(code_language=False)
    theme = "notmyidea"
    feed = 100  # Pelican's default

    def install(self) -> str:
        self._programs = python(self.cache, "pelican", "pelican[markdown]")
        return f"Pelican {python_version(self._programs, 'pelican')}, theme {self.theme}, feed of {self.feed}"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        files: dict[str, str | bytes] = {
            f"content/{post.slug}.md": _article(post) for post in (*blog.posts, *blog.drafts)
        }
        files |= {f"content/pages/{page.slug.replace('/', '-')}.md": _page(page) for page in blog.pages}
        files |= pictures(blog, "content/images")
        files["settings.py"] = _SETTINGS.format(
            author=blog.author,
            title=blog.title,
            description=blog.description,
            base=base,
            zone=blog.zone,
            theme=self.theme,
            feed=self.feed,
        )
        write_sources(folder, files, ["content"])
        shutil.rmtree(folder / "output", ignore_errors=True)
        run([str(self._programs / "pelican"), "content", "-s", "settings.py", "-o", "output", "--ignore-cache"], folder)
        return folder / "output"

    def path(self, post: Post) -> str:
        return f"/{post.slug}.html" if post.language == "en" else f"/{post.slug}-{post.language}.html"

    def categories(self, post: Post) -> tuple[str, ...]:
        return post.categories[:1]


class PelicanNotMyIdea(Pelican):
    name = "pelican-notmyidea"


class PelicanShortFeed(Pelican):
    name = "pelican-feed-of-10"
    feed = 10


class PelicanSimple(Pelican):
    name = "pelican-simple"
    theme = "simple"


def _article(post: Post) -> str:
    head = {
        "Title": post.title,
        "Date": f"{post.published:%Y-%m-%d %H:%M}",
        "Author": post.author,
        "Category": post.categories[0],
        "Tags": ", ".join(post.tags),
        "Slug": post.slug,
        "Lang": post.language,
        "Status": "draft" if post.draft else "published",
    }
    return "".join(f"{name}: {value}\n" for name, value in head.items()) + f"\n{post.markdown}"


def _page(page: Page) -> str:
    return f"Title: {page.title}\nSlug: {page.slug.replace('/', '-')}\n\n{page.markdown}"
