"""Places in feeds, one row for each notation."""

from __future__ import annotations

import json

import pytest

from archiver.discovery.feeds import parse_feed
from archiver.discovery.wordpress_api import parse_posts

SPACES = (
    'xmlns:georss="http://www.georss.org/georss" xmlns:gml="http://www.opengis.net/gml" '
    'xmlns:geo="http://www.w3.org/2003/01/geo/wgs84_pos#" xmlns:dcterms="http://purl.org/dc/terms/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
HERE = (10.5, 106.25)
WHERE, END = "<georss:where>", "</georss:where>"


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
        # a height is left out
        ("<georss:point>10.5 106.25 80</georss:point>", HERE, "", 0.01),
        (f"{WHERE}<gml:Point><gml:pos>10.5 106.25 80</gml:pos></gml:Point>{END}", HERE, "", 0.01),
        (f'{WHERE}<gml:Point srsDimension="3"><gml:pos>10.5 106.25 80</gml:pos></gml:Point>{END}', HERE, "", 0.01),
        (
            f'{WHERE}<gml:LineString srsDimension="3"><gml:posList>10 106 5 11 106.5 9</gml:posList>'
            f"</gml:LineString>{END}",
            HERE,
            "",
            None,
        ),
        (
            f"{WHERE}<gml:LineString><gml:posList>10 106 5 11 106.5 9 10 106 5</gml:posList></gml:LineString>{END}",
            HERE,
            "",
            None,
        ),
        # ways to write a number
        ("<georss:point>1.05e1 1.0625E+2</georss:point>", HERE, "", 0.01),
        ("<georss:point>10,5 106,25</georss:point>", HERE, "", 0.01),
        ("<georss:point>10.5,106.25</georss:point>", HERE, "", 0.01),
        ("<georss:point>10.5, 106.25</georss:point>", HERE, "", 0.01),
        ("<georss:point>+10.5 +106.25</georss:point>", HERE, "", 0.01),
        ("<geo:lat>10,5</geo:lat><geo:long>106,25</geo:long>", HERE, "", 0.01),
        # the 180th meridian
        ("<georss:box>10 170 11 -170</georss:box>", (10.5, 180.0), "", None),
        ("<georss:box>10 175 11 -165</georss:box>", (10.5, -175.0), "", None),
        ("<georss:line>10 179 11 -179.5</georss:line>", (10.5, 179.75), "", None),
        # reference systems
        (
            f'{WHERE}<gml:Point srsName="urn:ogc:def:crs:OGC:1.3:CRS84"><gml:pos>106.25 10.5</gml:pos>'
            f"</gml:Point>{END}",
            HERE,
            "",
            0.01,
        ),
        (f'{WHERE}<gml:Point><gml:pos srsName="CRS:84">106.25 10.5</gml:pos></gml:Point>{END}', HERE, "", 0.01),
        (f'{WHERE}<gml:Point srsName="EPSG:4326"><gml:pos>10.5 106.25</gml:pos></gml:Point>{END}', HERE, "", 0.01),
        (
            f'{WHERE}<gml:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>10.5 106.25</gml:pos></gml:Point>{END}',
            HERE,
            "",
            0.01,
        ),
        ("<gml:Point><gml:pos>10.5 106.25</gml:pos></gml:Point>", HERE, "", 0.01),
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
        "<georss:point>1234.5 8.6</georss:point>",
        "<georss:point>10.5N 106.25E</georss:point>",
        "<georss:point>10.5</georss:point>",
        "<georss:point>10.5 106.25 80 7</georss:point>",
        "<georss:point>106.25 10.5</georss:point>",
        "<georss:box>10 106 11</georss:box>",
        "<georss:line>10 106 11</georss:line>",
        "<georss:line>10 106 95 106</georss:line>",
        "<georss:circle>10.5 106.25 wide</georss:circle>",
        f"{WHERE}<gml:Point><gml:pos>10.5 106.25 x</gml:pos></gml:Point>{END}",
        f'{WHERE}<gml:Point srsName="EPSG:25832"><gml:pos>10.5 106.25</gml:pos></gml:Point>{END}',
        f'{WHERE}<gml:LineString srsDimension="3"><gml:posList>10 106 11 106</gml:posList></gml:LineString>{END}',
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


@pytest.mark.parametrize("public", ["0", 0, False])
def test_a_private_position_of_an_api_is_in_none_of_its_places(public: object) -> None:
    row = {
        "link": "https://e.test/hill/",
        "meta": {"geo_public": public, "geo_latitude": "10.5", "geo_longitude": "106.25"},
        "geo": {"latitude": "10.5", "longitude": "106.25"},
    }
    (target,) = parse_posts(json.dumps([row]).encode(), {}, "https://e.test/wp-json/wp/v2/posts").targets
    assert target.hint is not None
    assert [(tag.latitude, tag.placename, tag.role) for tag in target.hint.geotags] == [(None, "", "private")]
    row["meta"] = {}
    (target,) = parse_posts(json.dumps([row]).encode(), {}, "https://e.test/wp-json/wp/v2/posts").targets
    assert target.hint is not None
    assert [(tag.latitude, tag.longitude) for tag in target.hint.geotags] == [(10.5, 106.25)]
