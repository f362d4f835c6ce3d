"""The places of a site: a place on most of its posts is the publisher's, not the posts'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from archiver.extraction.text import folded
from archiver.items import GeoTag

PlaceKey = tuple[float, float] | str
_FEWEST_POSTS = 5
_SHARE = 0.6
_OF_POST = frozenset(("content", "dateline"))


def place_key(tag: GeoTag) -> PlaceKey:
    """The key by which two tags are the same place of a template: the position to some 10 m, else the name."""
    if tag.latitude is not None and tag.longitude is not None:
        return round(tag.latitude, 4), round(tag.longitude, 4)
    return folded(tag.placename)


def place_name(key: PlaceKey) -> str:
    """A place as site rules write it: "50.45,30.52" or its folded name."""
    return key if isinstance(key, str) else f"{key[0]:g},{key[1]:g}"


def place_of(name: str) -> PlaceKey:
    """The inverse of `place_name`."""
    latitude, comma, longitude = name.partition(",")
    try:
        return (float(latitude), float(longitude)) if comma else folded(name)
    except ValueError:
        return folded(name)


def publisher_places(pages: Iterable[tuple[GeoTag, ...]], posts: int) -> frozenset[PlaceKey]:
    """The places that a site's template puts on its posts, such as the capital of its country.

    `pages`: the geo-tags of each post; `posts`: the number of posts, including those without a place. A place is the
    template's if at least five posts and 60 % of all have it. Fewer posts prove nothing.
    """
    counts: Counter[PlaceKey] = Counter()
    for tags in pages:
        counts.update({key for t in tags if t.role in _OF_POST and (key := place_key(t))})
    return frozenset(key for key, n in counts.items() if n >= _FEWEST_POSTS and n >= _SHARE * posts)


def as_publisher(tags: tuple[GeoTag, ...], places: frozenset[PlaceKey]) -> tuple[GeoTag, ...]:
    """The tags, with the role "publisher" for those among `places` (as returned by `publisher_places`)."""
    return tuple(
        replace(t, role="publisher") if t.role in _OF_POST and place_key(t) in places else t for t in tags
    )
