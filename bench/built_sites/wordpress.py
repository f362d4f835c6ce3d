"""WordPress of Debian's packages, with two block themes that they have and two classic ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from built_sites.blog import Blog, Page, Post, png
from built_sites.builder import Builder, RunningSite
from built_sites.installation import debian
from tests.wordpress import site

_CLASSIC = {"classic": site.HERE / "theme", "columns": Path(__file__).parent / "templates" / "wordpress" / "columns"}


class WordPress(Builder):
    theme: ClassVar[str]

    def install(self) -> str:
        packages = site.PACKAGES if self.theme in _CLASSIC else (*site.PACKAGES, f"wordpress-theme-{self.theme}")
        return f"WordPress {debian(*packages)['wordpress']}, theme {self.theme}"

    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        raise NotImplementedError("WordPress makes its pages when they are requested: see `running`.")

    @contextmanager
    def running(self, folder: Path) -> Iterator[RunningSite]:
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        source = _CLASSIC.get(self.theme, site.CODE / "wp-content/themes" / self.theme)
        with site.started(folder, [source]) as wordpress:
            yield RunningWordPress(wordpress, source.name)

    def path(self, post: Post) -> str:
        return f"/{post.published:%Y/%m}/{post.slug}/"


class RunningWordPress:
    """A WordPress whose posts are changed by its own functions, as an editor changes them."""

    def __init__(self, wordpress: site.WordPress, theme: str) -> None:
        self.base = wordpress.base
        self._wordpress, self._theme = wordpress, theme
        self._posts: dict[str, tuple[int, Post]] = {}

    def publish(self, blog: Blog) -> None:
        if not self._posts:
            self._install(blog)
        now = {post.slug: post for post in (*blog.posts, *blog.drafts)}
        for slug, (number, _) in list(self._posts.items()):
            if slug not in now:
                self._wordpress.delete(number)
                del self._posts[slug]
        for slug, post in now.items():
            number, before = self._posts.get(slug, (0, None))
            if before is None:
                number = self._wordpress.add(**_post(post)).id
            elif before != post:
                self._wordpress.edit(number, post_content=post.html)
            self._posts[slug] = number, post

    def _install(self, blog: Blog) -> None:
        self._wordpress.do(
            "install",
            zone=blog.zone,
            url=self.base,
            title=blog.title,
            description=blog.description,
            theme=self._theme,
        )
        images = self._wordpress.folder / "images"
        images.mkdir()
        for name in blog.images:
            (images / name).write_bytes(png(name))
        parents: dict[str, int] = {}
        for page in blog.pages:
            folder, _, slug = page.slug.rpartition("/")
            if folder and folder not in parents:
                parents[folder] = self._wordpress.add(**_page(folder, Page(folder, folder.title(), ()), 0)).id
            self._wordpress.add(**_page(slug, page, parents.get(folder, 0)))

    def requests(self) -> int:
        return len(self._wordpress.requests())


class WordPressTwentyTwentyFive(WordPress):
    name = "wordpress-2025"
    needs = "Debian: wordpress, wordpress-theme-twentytwentyfive, mariadb-server, php-cli"
    theme = "twentytwentyfive"


class WordPressTwentyTwentyFour(WordPress):
    name = "wordpress-2024"
    needs = "Debian: wordpress, wordpress-theme-twentytwentyfour, mariadb-server, php-cli"
    theme = "twentytwentyfour"


class WordPressClassic(WordPress):
    name = "wordpress-classic"
    needs = "Debian: wordpress, mariadb-server, php-cli"
    theme = "classic"


class WordPressColumns(WordPress):
    name = "wordpress-columns"
    needs = "Debian: wordpress, mariadb-server, php-cli"
    theme = "columns"


def _post(post: Post) -> dict[str, Any]:
    return {
        "slug": post.slug,
        "title": post.title,
        "content": post.html,
        "author": post.author,
        "date": f"{post.published:%Y-%m-%d %H:%M:%S}",
        "categories": post.categories,
        "tags": post.tags,
        "status": "draft" if post.draft else "publish",
        "comments": [asdict(comment) for comment in post.comments],
    }


def _page(slug: str, page: Page, parent: int) -> dict[str, Any]:
    content = page.html or "<p>Pages about a visit.</p>"
    values = {"slug": slug, "title": page.title, "content": content, "type": "page", "parent": parent}
    return {**values, "date": "2022-03-01 09:00:00"}
