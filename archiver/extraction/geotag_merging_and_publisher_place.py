"""Collects the geo-tags of a post from all notations, each place once, and finds the place of a site's publisher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.coordinate_and_map_link_parser import SIGNS
from archiver.extraction.geo_markup import (
    geo_custom_fields,
    geo_json_ld,
    geo_maps,
    geo_metas,
    geo_microformats,
    geo_properties,
    kml_links,
)
from archiver.extraction.page_parsing_and_javascript_check import Page
from archiver.extraction.post_locator import Post
from archiver.extraction.text_normalization_and_formulas import fold_text
from archiver.items import Evidence, GeoTag, SourceHint, format_degrees
from archiver.markup import lazy_regex

# A check whether a page can contain a place. It takes a tenth of the time that the full search takes, and misses no
# place.

# Parts of the names of meta elements and properties, regardless of case.
_NAMES = ("geo", "icbm", "lat", "locality", "location", "coverage", "spatial", "country", "region", "place", "dateline")
_CLASSES = (
    ".geo",
    ".h-geo",
    ".p-geo",
    ".u-geo",
    ".h-card",
    ".p-location",
    ".adr",
    ".h-adr",
    ".p-adr",
    ".latitude",
    ".p-latitude",
    ".post-meta-key",
    ".post-location",
    ".entry-location",
    ".post-geo",
    ".geo-location",
)
# These words are enough for subjects, authors and publishers, too, since only their positions count.
_JSON = ('"geo"', "latitude", "map", "contentlocation", "spatial", "locationcreated", "dateline", '"location"')
_DATA = ("-lat", "data-coord", "data-center", "data-geo")
_SCRIPT = lazy_regex(r"L\.(?:marker|circle)|setView|[lL]atLng|mapCenter|\blat\b")
_MAX_LINKS = 2_000


def may_have_geotags(page: Page, body: Element | None) -> bool:
    """Returns False if the page certainly has no geo-tags. This cheap check is made before the page is searched. `body`
    is the element of the post's text, None if unknown.
    """
    index = page.index
    names = [
        *page.data.meta_names(),
        *(el.get("itemprop") or "" for el in index.select("[itemprop]")),
        *(el.get("property") or "" for el in index.select("[property]")),
    ]
    return bool(
        _has_word(_NAMES, " ".join(names))
        or index.present(_CLASSES)
        or (page.data.nodes and _has_word(_JSON, _json_ld_text(page)))
        or (body is not None and _may_have_map(page, body))
    )


def _has_word(words: tuple[str, ...], text: str) -> bool:
    text = text.lower()
    return any(word in text for word in words)


def _json_ld_text(page: Page) -> str:
    return " ".join(s.text or "" for s in page.index.tag("script") if "ld+json" in (s.get("type") or ""))


def _may_have_map(page: Page, body: Element) -> bool:
    """Returns True if the text may have a map: a map link, a frame, an element with coordinates, or a map script."""
    links = [el.get("href") or el.get("src") or "" for el in islice(body.iter("a", "img"), _MAX_LINKS)]
    return (
        _has_word(SIGNS, "\n" + "\n".join(links))
        or next(body.iter("iframe"), None) is not None
        or any(_SCRIPT.search((s.text or "")[:50_000]) for s in body.iter("script"))
        or any(name in page.text for name in _DATA)
    )


# The places of a site: a place on most of its posts is the place of the publisher, not of the posts.

PlaceKey = tuple[float, float] | str
_MIN_POSTS = 5
_SHARE = 0.6
_OF_POST = frozenset(("content", "dateline"))


def place_key(tag: GeoTag) -> PlaceKey:
    """Returns a key that is equal for all geo-tags of one place. It consists of the position, rounded to about 10 m,
    or, without a position, of the name as `fold_text` returns it.
    """
    if tag.latitude is not None and tag.longitude is not None:
        return round(tag.latitude, 4), round(tag.longitude, 4)
    return fold_text(tag.placename)


def format_place_key(key: PlaceKey) -> str:
    """Returns a place key in the form used in site rules: "50.45,30.52" or the folded name."""
    return key if isinstance(key, str) else format_degrees(*key)


def parse_place_key(name: str) -> PlaceKey:
    """Returns the place key of a place in site rules. This is the inverse of `format_place_key`."""
    latitude, comma, longitude = name.partition(",")
    try:
        return (float(latitude), float(longitude)) if comma else fold_text(name)
    except ValueError:
        return fold_text(name)


def publisher_places(pages: Iterable[tuple[GeoTag, ...]], posts: int) -> frozenset[PlaceKey]:
    """Returns the places that a site's template puts on its posts, such as the capital of its country. A place belongs
    to the template if it is on at least five posts and on at least 60 % of all posts.

    `pages` contains the geo-tags of each post. `posts` is the number of posts, including those without a place.
    """
    counts: Counter[PlaceKey] = Counter()
    for tags in pages:
        counts.update({key for t in tags if t.role in _OF_POST and (key := place_key(t))})
    return frozenset(key for key, n in counts.items() if n >= _MIN_POSTS and n >= _SHARE * posts)


def with_publisher_role(tags: tuple[GeoTag, ...], places: frozenset[PlaceKey]) -> tuple[GeoTag, ...]:
    """Returns the geo-tags; those at one of `places` (from `publisher_places`) have the role "publisher"."""
    return tuple(replace(t, role="publisher") if t.role in _OF_POST and place_key(t) in places else t for t in tags)


_NEAR = 0.0005
_MAX_COUNT = 100
_DECLARED = frozenset(("geo.position", "ICBM", "og:latitude", "place:location:latitude", "geo_latitude"))
_SAMPLES = frozenset(
    (
        (-34.397, 150.644),  # the example in Google's documentation
        (37.4419, -122.1419),  # an older example in Google's documentation
        (40.7207559, -74.0007613),  # Squarespace's default
        (37.09024, -95.712891),  # what geocoders return for "United States"
        (39.8283, -98.5795),
        (51.505, -0.09),  # the example in Leaflet's documentation
    )
)
"""Positions that nobody has chosen, because they are examples or default values."""


def geotags(page: Page, post: Post, hint: SourceHint | None, dateline: str = "") -> tuple[GeoTag, ...]:
    """Returns every place of a post once, from the most trusted notation to the least.

    The order is meta elements, microformats, schema.org, the source hint, and maps in the text. Positions within about
    50 m of each other are one place, whose name, region and precision are taken from any notation that gives them.
    Positions out of range and well-known example positions are left out, and also the position 0,0 without a name,
    since empty forms contain it. A position that the page also gives for its publisher has the role "publisher", unless
    it is also in the text. `dateline` is the place in the dateline of the text.
    """
    if dateline or (hint is not None and hint.geotags) or may_have_geotags(page, post.body):
        return _collect(page, post, hint, dateline)
    return ()


def _collect(page: Page, post: Post, hint: SourceHint | None, dateline: str) -> tuple[GeoTag, ...]:
    found = [
        *geo_metas(page),
        *geo_custom_fields(page, post),
        *geo_microformats(page, post),
        *geo_properties(page, post),
        *geo_json_ld(page),
        *(hint.geotags if hint else ()),
        *geo_maps(page, post),
        GeoTag(None, None, dateline, role="dateline", source="dateline"),
    ]
    return merge_geotags([*found[:_MAX_COUNT], *found[_MAX_COUNT:][-1:]])


def geotag_evidence(page: Page, post: Post, tags: tuple[GeoTag, ...]) -> list[Evidence]:
    """Returns evidence for each of the places, and for each file of places (such as a GPX track) to which the post
    links.
    """
    rows = []
    for t in tags:
        where = f"{t.latitude}, {t.longitude}" if t.latitude is not None else ""
        text = " ".join(filter(None, (where, t.placename, t.region)))
        rows.append(Evidence("geotags", f"{text} ({t.role})", t.source, "", 0.6 if t.role == "content" else 0.5))
    return rows + [Evidence("geotags", url[:300], "link", "file of places", 0.2) for url in kml_links(page, post)]


def merge_geotags(found: list[GeoTag]) -> tuple[GeoTag, ...]:
    """Merges geo-tags of the same place until each place occurs once. Merging is repeated because a place without a
    position may get one in a merge, and may then be the same as another place.
    """
    before, out = tuple(found), _merge_once(found)
    while len(out) < len(before):
        before, out = out, _merge_once(list(out))
    return out


def _merge_once(found: list[GeoTag]) -> tuple[GeoTag, ...]:
    out: list[GeoTag] = []
    for tag in filter(_is_deliberate, found):
        at = next((n for n, have in enumerate(out) if _is_same_place(have, tag)), None)
        if at is None:
            out.append(tag)
        else:
            out[at] = _complete(out[at], tag)
    out = [t for t in out if t.placename or (t.latitude, t.longitude) not in ((0, 0), (None, None))]
    return _join_name_and_position(out) or tuple(out)


def _complete(have: GeoTag, tag: GeoTag) -> GeoTag:
    """Returns the geo-tag `have`, with its missing position, name, region or precision taken from `tag`, another
    notation of the same place.
    """
    if have.latitude is None and tag.latitude is not None:
        have = replace(have, latitude=tag.latitude, longitude=tag.longitude, precision=tag.precision)
    return replace(
        have,
        placename=have.placename or tag.placename,
        region=have.region or tag.region,
        precision=min((p for p in (have.precision, tag.precision) if p is not None), default=None),
        role="publisher" if tag.role == "publisher" and have.source in _DECLARED else have.role,
    )


def _join_name_and_position(tags: list[GeoTag]) -> tuple[GeoTag, ...]:
    """Returns one geo-tag made of two: a position without a name, and a name without a position. This is possible only
    if there is exactly one of each and they have the same role; otherwise returns ().
    """
    placed = [t for t in tags if t.latitude is not None]
    loose = [t for t in tags if t.latitude is None]
    if len(placed) != 1 or len(loose) != 1 or placed[0].placename or placed[0].role != loose[0].role:
        return ()
    return (replace(placed[0], placename=loose[0].placename, region=placed[0].region or loose[0].region),)


def _is_deliberate(tag: GeoTag) -> bool:
    """Returns False for a position that nobody has chosen: a known example, the same number twice, or a corner of the
    map. For a geo-tag without a position, returns True if it has a name.
    """
    lat, lon = tag.latitude, tag.longitude
    if lat is None or lon is None:
        return bool(tag.placename)
    if any(abs(lat - a) < 1e-4 and abs(lon - b) < 1e-4 for a, b in _SAMPLES):
        return False
    return not (lat == lon != 0) and not (abs(lat) == 90 and abs(lon) in (0, 90, 180))


def _is_same_place(a: GeoTag, b: GeoTag) -> bool:
    if a.latitude is not None and b.latitude is not None and a.longitude is not None and b.longitude is not None:
        return abs(a.latitude - b.latitude) < _NEAR and abs(a.longitude - b.longitude) < _NEAR
    return bool(a.placename) and fold_text(a.placename) == fold_text(b.placename)
