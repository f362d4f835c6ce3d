"""Which declared authors are doubtful: the site's own name, the host's, an account that nobody is meant to read."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

from archiver.extraction.candidates import Candidate
from archiver.extraction.page import Page
from archiver.extraction.people.names import is_full_name
from archiver.extraction.structured import types
from archiver.extraction.text import folded

Names = tuple[str, ...]
DOUBTFUL = 0.3
"""The confidence of a candidate that is kept for the evidence and never chosen."""
_DECLARED = ("json-ld", "meta", "microdata", "rdfa")
# Names that nobody chose to be read: an account with digits among its letters; one with words joined by signs.
_RUBBISH_ACCOUNT = re.compile(r"(?=[a-z]*\d)[a-z0-9]{9,}|\d+")
_JOINED_ACCOUNT = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)+")


def doubted(found: list[Candidate[Names]], page: Page, site: set[str]) -> list[Candidate[Names]]:
    """The candidates, those that a page only declares and that are no author with the confidence DOUBTFUL.

    `site`: the site's own names, folded.
    """
    told = [(c, frozenset(map(folded, c.value))) for c in found]
    persons, hosts = _persons(page), _host_names(page)
    alone = len({c.source for c in found}) == 1

    def doubtful(one: Candidate[Names], keys: frozenset[str]) -> bool:
        times = sum(k == keys and c.source in _DECLARED for c, k in told)
        full = all(map(is_full_name, one.value))
        if keys <= site and not (keys <= persons or (full and one.source == "meta")):
            return True
        if keys <= hosts and not full and times == 1:
            return True
        if all(_RUBBISH_ACCOUNT.fullmatch(n) or (times == 1 and _JOINED_ACCOUNT.fullmatch(n)) for n in one.value):
            return not page_shows(page, one.value)
        # One name that JSON-LD or Dublin Core alone tells is as often who entered the page as its author, a phrase in
        # a meta element as often an office. WordPress says there who wrote a post, whether its theme shows it or not.
        phrase = one.source == "meta" and not full and times == 1 and " " in one.value[0]
        weak = one.source == "json-ld" or one.locator.startswith("dc") or phrase
        lone = alone and weak and len(keys) == 1 and "single-post" not in page.body_classes
        return lone and not page_shows(page, one.value)

    return [
        replace(c, confidence=min(c.confidence, DOUBTFUL)) if c.source in _DECLARED and doubtful(c, keys) else c
        for c, keys in told
    ]


def _persons(page: Page) -> set[str]:
    """The authors that JSON-LD calls persons, folded."""
    node = page.data.article(page.addresses) or {}
    return {
        folded(name)
        for value in page.data.resolve(node.get("author"))
        if isinstance(value, dict) and "person" in types(value)
        for name in page.data.texts(value, "name")
    }


def _host_names(page: Page) -> set[str]:
    """What a host calls its site: "example" of www.example.co.uk."""
    labels = (urlsplit(page.url).hostname or "").removeprefix("www.").split(".")
    return {folded(label) for label in labels[:2] if len(label) > 3}


def page_shows(page: Page, found: Names) -> bool:
    """Whether a reader of the page sees one of some names."""
    wanted = [n.casefold() for n in found]
    return any(
        n in text.casefold()
        for el in page.index.order
        if el.tag not in ("script", "style", "head", "title", "meta", "link")
        for text in (el.text, el.tail)
        if text
        for n in wanted
    )
