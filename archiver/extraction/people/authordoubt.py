"""Which declared authors are doubtful: the name of the site or the host, an account name not meant for readers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from urllib.parse import urlsplit

from archiver.extraction.candidates import Candidate
from archiver.extraction.page import Page
from archiver.extraction.people.names import is_full_name
from archiver.extraction.structured import types
from archiver.extraction.text import folded

Names = tuple[str, ...]
DOUBTFUL = 0.3
"""The confidence of a candidate that is kept as evidence and never chosen."""
_DECLARED = ("json-ld", "meta", "microdata", "rdfa")
# Account names not meant for readers: with digits among the letters; with words joined by signs.
_RUBBISH_ACCOUNT = re.compile(r"(?=[a-z]*\d)[a-z0-9]{9,}|\d+")
_JOINED_ACCOUNT = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)+")


def doubted(found: list[Candidate[Names]], page: Page, site: set[str]) -> list[Candidate[Names]]:
    """The candidates, the doubtful ones with the confidence DOUBTFUL. Only what a page declares can be doubtful.

    `site`: the site's own names, folded.
    """
    doubts = _Doubts(page, site, found)
    return [
        replace(c, confidence=min(c.confidence, DOUBTFUL)) if c.source in _DECLARED and doubts.has(c) else c
        for c in found
    ]


class _Doubts:
    """The reasons to doubt a declared author, with what they are checked against."""

    def __init__(self, page: Page, site: set[str], found: list[Candidate[Names]]) -> None:
        self.page, self.site = page, site
        self.persons, self.hosts = _persons(page), _host_names(page)
        self.declared = Counter(_keys(c) for c in found if c.source in _DECLARED)
        self.is_only_source = len({c.source for c in found}) == 1

    def has(self, one: Candidate[Names]) -> bool:
        keys = _keys(one)
        once = self.declared[keys] == 1
        full = all(map(is_full_name, one.value))
        if keys <= self.site and not (keys <= self.persons or (full and one.source == "meta")):
            return True
        if keys <= self.hosts and not full and once:
            return True
        if all(_RUBBISH_ACCOUNT.fullmatch(n) or (once and _JOINED_ACCOUNT.fullmatch(n)) for n in one.value):
            return not page_shows(self.page, one.value)
        is_phrase = one.source == "meta" and not full and once and " " in one.value[0]
        return self._is_lone(one, is_phrase) and not page_shows(self.page, one.value)

    def _is_lone(self, one: Candidate[Names], is_phrase: bool) -> bool:
        """Whether a weak source is the only one, and has one name.

        One name that only JSON-LD or Dublin Core gives is as often that of the person who entered the page as the
        author's, and a phrase in a meta element as often a job title. WordPress gives the author there, whether its
        theme shows it or not.
        """
        is_weak = one.source == "json-ld" or one.locator.startswith("dc") or is_phrase
        is_single = len(_keys(one)) == 1
        return self.is_only_source and is_weak and is_single and "single-post" not in self.page.body_classes


def _keys(one: Candidate[Names]) -> frozenset[str]:
    return frozenset(map(folded, one.value))


def _persons(page: Page) -> set[str]:
    """The authors that JSON-LD declares as persons, folded."""
    node = page.data.article(page.addresses) or {}
    return {
        folded(name)
        for value in page.data.resolve(node.get("author"))
        if isinstance(value, dict) and "person" in types(value)
        for name in page.data.texts(value, "name")
    }


def _host_names(page: Page) -> set[str]:
    """The names in a host that may be the site's: "example" of www.example.co.uk."""
    labels = (urlsplit(page.url).hostname or "").removeprefix("www.").split(".")
    return {folded(label) for label in labels[:2] if len(label) > 3}


def page_shows(page: Page, found: Names) -> bool:
    """Whether one of some names is in the visible text of the page."""
    wanted = [n.casefold() for n in found]
    return any(
        n in text.casefold()
        for el in page.index.order
        if el.tag not in ("script", "style", "head", "title", "meta", "link")
        for text in (el.text, el.tail)
        if text
        for n in wanted
    )
