"""Dates in the data of a page's scripts (state of a framework, data layer): JSON, or JSON inside strings of it."""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass
from urllib.parse import unquote

from archiver.extraction.days.moment import Moment, machine
from archiver.extraction.page import Page

# What to look for, and the shape of a property: "publishedAt":"2024-...", \"datePublished\":..., publishDate: '...'.
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
    """`sure`: all that the data say of a publication is this one day."""

    moment: Moment
    key: str
    sure: bool


def stated_date(page: Page) -> Stated | None:
    """The date of publication in a page's data: the only day there, else the one nearest to the page's own name.

    Data hold other posts too, each beside its own address; what is far from this page's is of another.
    """
    text = page.text
    found: dict[int, tuple[str, Moment]] = {}
    for fragment in _FRAGMENTS:
        at, n = text.find(fragment), 0
        while at >= 0 and n < _MOST:
            n += 1
            start = max(0, at - 24)
            for m in _PUBLISHED.finditer(text, start, at + 90):
                if m.start() <= at and not _CHANGED.search(m[1]) and (moment := machine(m[2])):
                    found[m.start(2)] = (m[1], moment)
            at = text.find(fragment, at + len(fragment))
    if not found:
        return None
    if len({moment.day for _, moment in found.values()}) == 1:
        key, moment = next(iter(found.values()))
        return Stated(moment, key, True)
    slug = unquote(page.path.rstrip("/").rsplit("/", 1)[-1]).removesuffix(".html")
    if len(slug) < _SHORTEST_SLUG:
        return None
    places = sorted(found)
    near: list[tuple[int, int]] = []
    at, n = text.find(slug), 0
    while at >= 0 and n < _MOST:
        n += 1
        here = bisect(places, at)
        near += [(abs(place - at), place) for place in places[max(0, here - 1) : here + 1]]
        at = text.find(slug, at + len(slug))
    if not near or min(near)[0] > _NEAR:
        return None
    key, moment = found[min(near)[1]]
    return Stated(moment, key, False)
