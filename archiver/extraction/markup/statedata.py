"""Dates in the data of a page's scripts (a framework's state, a data layer): JSON, or JSON inside JSON strings."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

from archiver.extraction.days.moment import Moment, machine
from archiver.extraction.page import Page

# Parts of names to search for, and the form of a property: "publishedAt":"2024-...", \"datePublished\":...,
# publishDate: '...'.
_FRAGMENTS = ("ublish", "ublication", "ubDate", "ub_date", "ostDate", "ost_date", "ostedAt")
_PUBLISHED = re.compile(
    r"(?<![A-Za-z])((?:[a-z]{1,12}_?)?(?:first_?|original_?|initial_?)?(?:date_?)?publi(?:sh(?:ed|ing)?|cation)_?"
    r"(?:at|on|date|time(?:stamp)?|datetime)?|pub_?date|post_?date|posted_?at)(?:\\*[\"']|&quot;)?\s*[:=]\s*"
    r"(?:\\*[\"']|&quot;)?(\d{4}-\d\d-\d\d[^\"'\\&<,}]{0,30}|1\d{9}(?:\d{3})?(?!\d)|\d{8}(?!\d))",
    re.IGNORECASE,
)
_CHANGED = re.compile(r"updat|modif|unpublish", re.IGNORECASE)
_MOST, _NEAR = 300, 4_000
_SHORTEST_SLUG = 8


@dataclass(frozen=True, slots=True)
class Stated:
    """A date of publication. `sure`: it is the only day of publication in the data."""

    moment: Moment
    key: str
    sure: bool


def stated_date(page: Page) -> Stated | None:
    """The date of publication in a page's data: the only day there, else the one nearest to the page's own slug.

    The data contain other posts too, each beside its own address; a date far from this page's belongs to another.
    """
    found = _dates(page.text)
    if not found:
        return None
    if len({one.moment.day for one in found.values()}) == 1:
        return next(iter(found.values()))
    slug = unquote(page.path.rstrip("/").rsplit("/", 1)[-1]).removesuffix(".html")
    nearest = _nearest(page.text, slug, sorted(found)) if len(slug) >= _SHORTEST_SLUG else None
    return replace(found[nearest], sure=False) if nearest is not None else None


def _dates(text: str) -> dict[int, Stated]:
    """The dates of publication in a text, by their position."""
    found: dict[int, Stated] = {}
    for fragment in _FRAGMENTS:
        for at in _positions(text, fragment):
            for m in _PUBLISHED.finditer(text, max(0, at - 24), at + 90):
                if m.start() <= at and not _CHANGED.search(m[1]) and (moment := machine(m[2])):
                    found[m.start(2)] = Stated(moment, m[1], True)
    return found


def _positions(text: str, part: str) -> Iterator[int]:
    """Where a text contains a part, at most _MOST times."""
    at = text.find(part)
    for _ in range(_MOST):
        if at < 0:
            return
        yield at
        at = text.find(part, at + len(part))


def _nearest(text: str, slug: str, places: list[int]) -> int | None:
    """The place that is nearest to an occurrence of the slug, None if all are far from it."""
    near: list[tuple[int, int]] = []
    for at in _positions(text, slug):
        here = bisect(places, at)
        near += [(abs(place - at), place) for place in places[max(0, here - 1) : here + 1]]
    return min(near)[1] if near and min(near)[0] <= _NEAR else None
