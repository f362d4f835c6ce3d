"""The places that a page gives for its post, in every notation, each place once."""

from __future__ import annotations

from dataclasses import replace

from archiver.extraction.page import Page
from archiver.extraction.places.geomarkup import kml_links, of_maps, of_microformats, of_properties
from archiver.extraction.places.geometa import of_custom_fields, of_metas
from archiver.extraction.places.geoschema import of_json_ld
from archiver.extraction.places.geosigns import may_tell
from archiver.extraction.scope import Post
from archiver.extraction.text import folded
from archiver.items import Evidence, GeoTag, Lead

_NEAR = 0.0005
_MOST = 100
_DECLARED = frozenset(("geo.position", "ICBM", "og:latitude", "place:location:latitude", "geo_latitude"))
_SAMPLES = frozenset(
    (
        (-34.397, 150.644),  # the example of Google's documentation
        (37.4419, -122.1419),  # its older one
        (40.7207559, -74.0007613),  # Squarespace's default
        (37.09024, -95.712891),  # what geocoders return for "United States"
        (39.8283, -98.5795),
        (51.505, -0.09),  # the example of Leaflet's documentation
    )
)
"""Positions of examples and default values, which nobody chose."""


def geotags(page: Page, post: Post, lead: Lead | None, dateline: str = "") -> tuple[GeoTag, ...]:
    """Every place once, in order of trust: meta elements, microformats, schema.org, the source hint, maps in the text.

    Equal positions (within some 50 m) are one place; its name, region and precision come from whichever notation
    has them. Positions out of range and those of examples are left out; so is 0,0 unless the page also names it,
    since empty forms contain it. A position that the page also gives for its publisher is the publisher's, unless the
    text has it. `dateline`: the place in the dateline of the text.
    """
    if dateline or (lead is not None and lead.geotags) or may_tell(page, post.body):
        return _gathered(page, post, lead, dateline)
    return ()


def _gathered(page: Page, post: Post, lead: Lead | None, dateline: str) -> tuple[GeoTag, ...]:
    found = [
        *of_metas(page),
        *of_custom_fields(page, post),
        *of_microformats(page, post),
        *of_properties(page, post),
        *of_json_ld(page),
        *(lead.geotags if lead else ()),
        *of_maps(page, post),
        GeoTag(None, None, dateline, role="dateline", source="dateline"),
    ]
    return merged([*found[:_MOST], *found[_MOST:][-1:]])


def evidence(page: Page, post: Post, tags: tuple[GeoTag, ...]) -> list[Evidence]:
    """One row per place, and one per file of places that the post links to."""
    rows = []
    for t in tags:
        where = f"{t.latitude}, {t.longitude}" if t.latitude is not None else ""
        text = " ".join(filter(None, (where, t.placename, t.region)))
        rows.append(Evidence("geotags", f"{text} ({t.role})", t.source, "", 0.6 if t.role == "content" else 0.5))
    return rows + [Evidence("geotags", url[:300], "link", "file of places", 0.2) for url in kml_links(page, post)]


def merged(found: list[GeoTag]) -> tuple[GeoTag, ...]:
    """Each place once. A name that got a position may now equal another place, so merges until nothing changes."""
    before, out = tuple(found), _merged_once(found)
    while len(out) < len(before):
        before, out = out, _merged_once(list(out))
    return out


def _merged_once(found: list[GeoTag]) -> tuple[GeoTag, ...]:
    out: list[GeoTag] = []
    for tag in filter(_meant, found):
        at = next((n for n, have in enumerate(out) if _same(have, tag)), None)
        if at is None:
            out.append(tag)
        else:
            out[at] = _filled(out[at], tag)
    out = [t for t in out if t.placename or (t.latitude, t.longitude) not in ((0, 0), (None, None))]
    return _named_position(out) or tuple(out)


def _filled(have: GeoTag, tag: GeoTag) -> GeoTag:
    """A place with what another notation of it adds."""
    if have.latitude is None and tag.latitude is not None:
        have = replace(have, latitude=tag.latitude, longitude=tag.longitude, precision=tag.precision)
    return replace(
        have,
        placename=have.placename or tag.placename,
        region=have.region or tag.region,
        precision=min((p for p in (have.precision, tag.precision) if p is not None), default=None),
        role="publisher" if tag.role == "publisher" and have.source in _DECLARED else have.role,
    )


def _named_position(tags: list[GeoTag]) -> tuple[GeoTag, ...]:
    """One place, if there are only a position without a name and a name without a position, with one role; else ()."""
    placed = [t for t in tags if t.latitude is not None]
    loose = [t for t in tags if t.latitude is None]
    if len(placed) != 1 or len(loose) != 1 or placed[0].placename or placed[0].role != loose[0].role:
        return ()
    return (replace(placed[0], placename=loose[0].placename, region=placed[0].region or loose[0].region),)


def _meant(tag: GeoTag) -> bool:
    """Whether somebody chose this position: it is no example, not twice the same number, and no corner of the map."""
    lat, lon = tag.latitude, tag.longitude
    if lat is None or lon is None:
        return bool(tag.placename)
    if any(abs(lat - a) < 1e-4 and abs(lon - b) < 1e-4 for a, b in _SAMPLES):
        return False
    return not (lat == lon != 0) and not (abs(lat) == 90 and abs(lon) in (0, 90, 180))


def _same(a: GeoTag, b: GeoTag) -> bool:
    if a.latitude is not None and b.latitude is not None and a.longitude is not None and b.longitude is not None:
        return abs(a.latitude - b.latitude) < _NEAR and abs(a.longitude - b.longitude) < _NEAR
    return bool(a.placename) and folded(a.placename) == folded(b.placename)
