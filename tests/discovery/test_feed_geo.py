"""Places in feeds, one row for each notation."""

from __future__ import annotations

import json

import pytest

from archiver.discovery.feed_parser import parse_feed

SPACES = (
    'xmlns:georss="http://www.georss.org/georss" xmlns:gml="http://www.opengis.net/gml" '
    'xmlns:geo="http://www.w3.org/2003/01/geo/wgs84_pos#" xmlns:dcterms="http://purl.org/dc/terms/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
HERE = (10.5, 106.25)


@pytest.mark.parametrize(
    ("inside", "place", "name", "precision"),
    [
        ("<georss:point>10.5 106.25</georss:point>", HERE, "", 0.01),
        ("<georss:point>10.5 106.25</georss:point><georss:featurename>Hill</georss:featurename>", HERE, "Hill", 0.01),
        ("<georss:circle>10.5 106.25 500</georss:circle>", HERE, "", 0.01),
        ("<georss:box>10 106 11 106.5</georss:box>", HERE, "", None),
        ("<georss:line>10 106 10.2 106.1 11 106.5</georss:line>", HERE, "", None),
        ("<georss:where><gml:Point><gml:pos>10.5 106.25</gml:pos></gml:Point></georss:where>", HERE, "", 0.01),
        (
            "<georss:where><gml:Envelope><gml:lowerCorner>10 106</gml:lowerCorner><gml:upperCorner>11 106.5"
            "</gml:upperCorner></gml:Envelope></georss:where>",
            HERE,
            "",
            None,
        ),
        ("<geo:lat>10.5</geo:lat><geo:long>106.25</geo:long>", HERE, "", 0.01),
        ("<geo:Point><geo:lat>10.5</geo:lat><geo:long>106.25</geo:long></geo:Point>", HERE, "", 0.01),
        ("<dcterms:spatial>name=Hill; east=106.25; north=10.5</dcterms:spatial>", HERE, "Hill", 0.01),
        ("<dc:coverage>Hanoi</dc:coverage>", (None, None), "Hanoi", None),
    ],
)
def test_places_in_xml_feeds_are_read(
    inside: str, place: tuple[float | None, float | None], name: str, precision: float | None
) -> None:
    feed = (
        f'<rss version="2.0" {SPACES}><channel><title>T</title><item><title>A</title>'
        f"<link>https://here.example/a</link>{inside}</item></channel></rss>"
    )
    (target,) = parse_feed(feed.encode(), "https://here.example/feed").targets
    assert target.hint is not None
    (tag,) = target.hint.geotags
    assert ((tag.latitude, tag.longitude), tag.placename, tag.precision) == (place, name, precision)


@pytest.mark.parametrize(
    "inside",
    [
        "<georss:point>0 0</georss:point>",
        "<georss:point>95 200</georss:point>",
        "<geo:lat>10</geo:lat>",
        "<georss:point>NaN NaN</georss:point>",
        "<dc:coverage>1990-2000</dc:coverage>",
    ],
)
def test_texts_that_are_not_places(inside: str) -> None:
    feed = (
        f'<rss version="2.0" {SPACES}><channel><title>T</title><item><title>A</title>'
        f"<link>https://here.example/a</link>{inside}</item></channel></rss>"
    )
    (target,) = parse_feed(feed.encode(), "https://here.example/feed").targets
    assert target.hint is not None
    assert target.hint.geotags == ()


def test_places_in_json_feeds_are_read() -> None:
    item = {
        "id": "1",
        "url": "https://here.example/a",
        "title": "A",
        "_geo": {"latitude": 10.5, "longitude": "106.25", "name": "Hill"},
    }
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [item]}
    (target,) = parse_feed(json.dumps(feed).encode(), "https://here.example/feed.json").targets
    assert target.hint is not None
    assert [(t.latitude, t.longitude, t.placename) for t in target.hint.geotags] == [(10.5, 106.25, "Hill")]
