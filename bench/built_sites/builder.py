"""What all publishing programs have in common: they are installed, are given the blog, and build a folder of pages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import yaml

from built_sites.blog import Blog, Post, png
from built_sites.web_server import Folder, serving


@dataclass(frozen=True, slots=True)
class Shown:
    """Which fields a theme's pages have, in their markup or as text. `time`: with the hour, not only the day.
    `code_language`: a block of code has its language, in a class or an attribute."""

    time: bool = True
    author: bool = True
    categories: bool = True
    tags: bool = True
    code_language: bool = True


class RunningSite(Protocol):
    """A site that is served on loopback. `base` is its address, without a slash at its end."""

    base: str

    def publish(self, blog: Blog) -> None:
        """Makes the site show this state of the blog."""

    def requests(self) -> int:
        """Returns the number of requests so far."""


class Builder(ABC):
    """A publishing program with a theme. `needs` names its packages, `shell` the page that its host answers for an
    address that has no file (default: 404). `needs_browser`: its pages are empty without JavaScript, so that nothing
    can be archived."""

    name: ClassVar[str]
    needs: ClassVar[str]
    shown: ClassVar[Shown] = Shown()
    needs_browser: ClassVar[bool] = False
    shell: ClassVar[str] = ""

    def __init__(self, cache: Path) -> None:
        self.cache = cache

    @abstractmethod
    def install(self) -> str:
        """Installs the software into the cache. Returns its name and version. Raises NotInstalledError."""

    @abstractmethod
    def build(self, blog: Blog, folder: Path, base: str) -> Path:
        """Writes the sources into a folder and builds the site at this address (without a slash at its end). Returns
        the folder to be served. Raises BuildError."""

    @abstractmethod
    def path(self, post: Post) -> str:
        """Returns the path of a post's address."""

    @contextmanager
    def running(self, folder: Path) -> Iterator[RunningSite]:
        """Serves the site, which is empty before `publish`, from a folder."""
        with serving(self.shell) as served:
            yield StaticSite(self, folder, served)

    def categories(self, post: Post) -> tuple[str, ...]:
        """Returns the categories of a post as its page shows them."""
        return post.categories

    def tags(self, post: Post) -> tuple[str, ...]:
        """Returns the tags of a post as its page shows them."""
        return post.tags


class StaticSite:
    """A site of files, which are built by its program."""

    def __init__(self, builder: Builder, folder: Path, served: Folder) -> None:
        self.base = served.base
        self._builder, self._folder, self._served = builder, folder, served

    def publish(self, blog: Blog) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._served.root = self._builder.build(blog, self._folder, self.base)

    def requests(self) -> int:
        return len(self._served.requests)


def front_matter(**values: Any) -> str:
    """Returns a YAML block for the head of a Markdown file."""
    return f"---\n{yaml.safe_dump(values, allow_unicode=True, sort_keys=False)}---\n\n"


def write_sources(folder: Path, files: Mapping[str, str | bytes], owned: Collection[str]) -> None:
    """Makes the `owned` subfolders hold these files and no others. A file that has its content already keeps its time,
    from which some software takes the date of an edit."""
    for name, content in files.items():
        path = folder / name
        data = content.encode() if isinstance(content, str) else content
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    wanted = {folder / name for name in files}
    for part in owned:
        for path in (folder / part).rglob("*"):
            if path.is_file() and path not in wanted:
                path.unlink()


def pictures(blog: Blog, folder: str) -> dict[str, bytes]:
    """Returns the pictures of all posts as files of a folder."""
    return {f"{folder}/{name}": png(name) for name in blog.images}


def templates(name: str, folder: str = "") -> dict[str, str]:
    """Returns the files of a folder of `templates` with their paths below `folder`."""
    root = Path(__file__).parent / "templates" / name
    return {
        str(Path(folder) / path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
