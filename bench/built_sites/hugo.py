"""Hugo with templates in the manner of three widespread themes.

PaperMod declares BlogPosting on every page, also on the search and the archives. Stack has its categories without text
between them in one header. Ananke has the tags as buttons below the text, in the same element.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

import yaml

from built_sites.blog import Blog, Post
from built_sites.builder import Builder, Shown, front_matter, pictures, templates, write_sources
from built_sites.installation import debian, run


class Hugo(Builder):
    needs = "Debian: hugo"
    theme: ClassVar[str]
    section: ClassVar[str] = "posts"
    special: ClassVar[tuple[str, ...]] = ()  # pages that the theme makes from a layout of this name
    languages: ClassVar[tuple[str, ...]] = ("en",)

    def install(self) -> str:
        return f"Hugo {debian('hugo')['hugo']}, templates in the manner of {self.theme}"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        files: dict[str, str | bytes] = {
            f"content/{self._language(post)}/{self.section}/{post.slug}.md": _post(post)
            for post in (*blog.posts, *blog.drafts)
        }
        files |= {f"content/en/{page.slug}.md": front_matter(title=page.title) + page.markdown for page in blog.pages}
        files |= {
            f"content/{language}/{name}.md": front_matter(
                title=name.title(), layout=name, url=f"/{_prefix(language)}{name}/"
            )
            for name in self.special
            for language in self.languages
        }
        files |= pictures(blog, "static/images")
        files |= templates(f"hugo-{self.theme.lower()}")
        files["hugo.yaml"] = yaml.safe_dump(self._settings(blog, base), allow_unicode=True)
        write_sources(folder, files, ["content", "static", "layouts"])
        shutil.rmtree(folder / "public", ignore_errors=True)
        run(["hugo", "--quiet", "--cacheDir", str(folder / "cache")], folder)
        return folder / "public"

    def _settings(self, blog: Blog, base: str) -> dict[str, object]:
        names = {"en": "English", "ru": "Русский", "ja": "日本語"}
        languages = {
            code: {"languageName": names[code], "languageCode": code, "contentDir": f"content/{code}"}
            for code in self.languages
        }
        return {
            "baseURL": f"{base}/",
            "title": blog.title,
            "timeZone": blog.zone,
            "enableRobotsTXT": True,
            "params": {"description": blog.description, "author": blog.author},
            "defaultContentLanguage": "en",
            "languages": languages,
            "permalinks": {"page": {"post": "/p/:slug/"}},
        }

    def _language(self, post: Post) -> str:
        return post.language if post.language in self.languages else "en"

    def path(self, post: Post) -> str:
        return f"/{_prefix(self._language(post))}{self.section}/{post.slug}/"

    def tags(self, post: Post) -> tuple[str, ...]:
        return tuple(map(_title_case, post.tags))


class HugoPaperMod(Hugo):
    name = "hugo-papermod"
    theme = "PaperMod"
    shown = Shown(categories=False)
    special = ("search", "archives")
    languages = ("en", "ru", "ja")


class HugoStack(Hugo):
    name = "hugo-stack"
    theme = "Stack"
    shown = Shown(author=False)
    section = "post"
    special = ("archives",)

    def path(self, post: Post) -> str:
        return f"/p/{post.slug}/"


class HugoAnanke(Hugo):
    name = "hugo-ananke"
    theme = "Ananke"
    shown = Shown(categories=False)


def _prefix(language: str) -> str:
    return "" if language == "en" else f"{language}/"


def _title_case(term: str) -> str:
    """Hugo writes each word of a term with a capital letter."""
    return " ".join(word[:1].upper() + word[1:] for word in term.split())


def _post(post: Post) -> str:
    return (
        front_matter(
            title=post.title,
            date=post.published.isoformat(),
            slug=post.slug,
            author=post.author,
            categories=list(post.categories),
            tags=list(post.tags),
            draft=post.draft,
        )
        + post.markdown
    )
