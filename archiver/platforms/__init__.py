"""Platform tables. Each describes what all sites of one platform (WordPress, Blogger ...) have in common. The modules
that define them are found automatically, and `detect_platform` finds the platform of a page.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from itertools import chain

from archiver.model.items import PageKind
from archiver.platforms.selector_index import Index

__all__ = ["Index", "Platform", "by_name", "detect_platform", "platform_tables"]


@dataclass(frozen=True, slots=True)
class Platform:
    """What all sites of one platform have in common. Selectors are CSS or XPath, best first. They must select elements,
    so `::text` and `::attr()` are not allowed; these are allowed only in site rules.

    - `generator`: a regular expression for <meta name="generator">.
    - `marks`: selectors that identify the platform if the page has no generator. One match is enough, or two if
      `many_marks` is True because other platforms use the same class names.
    - `drop`: selects blocks inside the body that are not part of the post's text.
    - `walls`: selects the notices in place of the rest of a text that only subscribers or members may read.
    - `main`: selects the content, even if its class names look like boilerplate.
    - `kinds`, `paths`: determine the kind of a page. Each row contains a regular expression, a kind and a rule's name;
      the first row whose expression matches completely decides. `kinds` are matched with the classes of <html> and
      <body>, `paths` with the URL's path.
    - `feeds`, `sitemaps`, `api`: addresses relative to the site's address.
    - `section_is_folder`: True if article:section is the folder of the post's source file ("posts"), not a category.
    - `is_documentation`: True if the program generates reference documentation, whose pages are not posts.
    """

    name: str
    generator: str = ""
    marks: tuple[str, ...] = ()
    many_marks: bool = False
    title: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    post: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    walls: tuple[str, ...] = ()
    main: tuple[str, ...] = ()
    kinds: tuple[tuple[str, PageKind, str], ...] = ()
    paths: tuple[tuple[str, PageKind, str], ...] = ()
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    api: str = ""
    section_is_folder: bool = False
    is_documentation: bool = False

    def fits(self, index: Index, generator: str) -> bool:
        """Returns True if a page is of this platform: its generator matches, or it contains the `marks` of the
        platform.
        """
        if self.generator and generator and re.search(self.generator, generator, re.IGNORECASE):
            return True
        count = 0
        for mark in index.present(self.marks):
            if index.first(mark) is not None:
                count += 1
                if count > self.many_marks:
                    return True
        return False


@cache
def platform_tables() -> tuple[Platform, ...]:
    """Returns the platform tables in the modules of this package; `generic` comes last."""
    package = importlib.import_module("archiver.platforms")
    modules = [importlib.import_module(f"archiver.platforms.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = [table for module in modules for table in vars(module).values() if isinstance(table, Platform)]
    return tuple(sorted(found, key=lambda p: (p.name == "generic", p.name)))


def by_name(name: str) -> Platform:
    return next(p for p in platform_tables() if p.name == name)


def detect_platform(index: Index, generator: str = "") -> Platform:
    """Returns the platform of a page: the one whose `generator` matches the page's, or else the first one whose `marks`
    are on the page, or else `generic`.
    """
    if generator:
        for p in platform_tables():
            if p.generator and re.search(p.generator, generator, re.IGNORECASE):
                return p
    marks = tuple(chain.from_iterable(p.marks for p in platform_tables()))
    present = frozenset(index.present(marks))
    marked = (p for p in platform_tables() if not present.isdisjoint(p.marks))
    return next((p for p in marked if p.fits(index, "")), by_name("generic"))
