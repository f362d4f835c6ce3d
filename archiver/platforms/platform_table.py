"""What a platform's table says, and how the tables are found and asked."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from functools import cache

from archiver.items import PageKind
from archiver.platforms.selectors import Index

_NOT_TABLES = {"table", "selector", "css", "expressions"}


@dataclass(frozen=True, slots=True)
class Platform:
    """What is true of every site of one platform. Selectors are CSS or XPath as parsel takes them, best first. They
    mean elements: `::text` and `::attr()` belong in the rules of a site.

    `generator` is a regular expression over <meta name="generator">; `marks` are selectors, one of
    which is enough to know the platform where it does not name itself (`many_marks`: two are needed,
    since the names are in use elsewhere too). `kinds` reads the classes of <html> and <body>: the
    first row whose expression matches a whole class says what kind of page it is. `labels` says
    whether the platform's only filing is a category or a tag. `drop` are blocks inside the body
    that are no text of the post, `main` what holds the content, however its classes sound. Paths are
    relative to the site's address. `section_is_folder`: its article:section names the folder that the
    post's source lies in ("posts"), which is no category.
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
    main: tuple[str, ...] = ()
    kinds: tuple[tuple[str, PageKind, str], ...] = ()
    paths: tuple[tuple[str, PageKind, str], ...] = ()
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    api: str = ""
    section_is_folder: bool = False

    def fits(self, index: Index, generator: str) -> bool:
        """Whether a page of this platform lies before us."""
        if self.generator and generator and re.search(self.generator, generator, re.IGNORECASE):
            return True
        met = 0
        for mark in index.present(self.marks):
            if index.first(mark) is not None:
                met += 1
                if met > self.many_marks:
                    return True
        return False


@cache
def tables() -> tuple[Platform, ...]:
    """Every platform in this folder: a module that has PLATFORM is a table; `generic` stands last."""
    package = importlib.import_module("archiver.platforms")
    found: list[Platform] = []
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _NOT_TABLES:
            table = getattr(importlib.import_module(f"archiver.platforms.{module.name}"), "PLATFORM", None)
            if isinstance(table, Platform):
                found.append(table)
    return tuple(sorted(found, key=lambda p: (p.name == "generic", p.name)))


def by_name(name: str) -> Platform:
    return next(p for p in tables() if p.name == name)


def detect(index: Index, generator: str = "") -> Platform:
    """The platform of a page: the one its generator names, else the one whose marks it bears, else generic."""
    if generator:
        for p in tables():
            if p.generator and re.search(p.generator, generator, re.IGNORECASE):
                return p
    return next((p for p in tables() if p.fits(index, "")), by_name("generic"))
