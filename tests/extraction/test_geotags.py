"""Geo-tags of a page: every notation, its role, and what is rejected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.article import extract_page
from archiver.extraction.geotags import merge_geotags, publisher_places, with_publisher_role
from archiver.extraction.page import parse_page
from archiver.model.items import Article, GeoTag, SourceHint


def read(head: str = "", text: str = "", after: str = "", outside: str = "", language: str = "en") -> Article:
    return extract_page(
        parse_page(
            f"<!DOCTYPE html><html lang={language}><head><title>Up the hill</title>{head}</head><body><article>"
            f"<h1>Up the hill</h1><time datetime='2020-03-04'>4 March 2020</time><div class='entry-content'>"
            "<p>Four hundred steps lead from the quay to the small chapel at the top of the hill.</p>"
            f"{text}</div>{after}"
            f"</article>{outside}</body></html>",
            "https://here.example/2020/03/hill/",
        )
    )


def meta(**named: str) -> str:
    return "".join(f'<meta name="{k.replace("__", ".")}" content="{v}">' for k, v in named.items())


def ld(inner: str, more: str = "") -> str:
    return (
        '<script type="application/ld+json">[{"@type":"NewsArticle","headline":"Up the hill","author":'
        f'{{"name":"A B"}},"datePublished":"2020-03-04",{inner}}}{more}]</script>'
    )


GEO = '{"@type":"GeoCoordinates","latitude":"10.5","longitude":"106.25"}'
ONE = [(10.5, 106.25, "content")]
FORMS = {
    "geo.position": (read(meta(geo__position="10.5;106.25")), ONE),
    "ICBM": (read(meta(ICBM="10.5, 106.25")), ONE),
    "ICBM in degrees and minutes": (read(meta(ICBM="10° 30' N, 106° 15' E")), ONE),
    "Dublin Core point": (read(meta(DC__coverage="name=Hill; east=106.25; north=10.5")), ONE),
    "Dublin Core box": (
        read(meta(dcterms__spatial="northlimit=11; southlimit=10; westlimit=106; eastlimit=106.5")),
        ONE,
    ),
    "geo_latitude": (read(meta(geo_latitude="10.5", geo_longitude="106.25")), ONE),
    "geo_public=0": (read(meta(geo_latitude="10.5", geo_longitude="106.25", geo_public="0")), []),
    "custom fields shown": (
        read(
            text="<ul class='post-meta'><li><span class='post-meta-key'>geo_latitude:</span> 10.5</li>"
            "<li><span class='post-meta-key'>geo_longitude:</span> 106.25</li></ul>"
        ),
        ONE,
    ),
    "place:location": (
        read(
            "<meta property='place:location:latitude' content='10.5'>"
            "<meta property='place:location:longitude' content='106.25'>"
        ),
        ONE,
    ),
    "the business's OpenGraph": (
        read(
            "<meta property='og:latitude' content='10.5'><meta property='og:longitude' content='106.25'>"
            "<meta property='og:street-address' content='1 Quay'>"
        ),
        [(10.5, 106.25, "publisher")],
    ),
    "geo microformat": (
        read(
            after="<p class='geo'><abbr class='latitude' title='10.5'>10°</abbr> "
            "<abbr class='longitude' title='106.25'>106°</abbr></p>"
        ),
        ONE,
    ),
    "geo microformat in one title": (read(after="<abbr class='geo' title='10.5;106.25'>here</abbr>"), ONE),
    "microdata": (
        read(
            after="<div itemscope itemtype='https://schema.org/Article'><div itemprop='contentLocation' itemscope "
            "itemtype='https://schema.org/Place'><span itemprop='geo' itemscope "
            "itemtype='https://schema.org/GeoCoordinates'><meta itemprop='latitude' content='10.5'>"
            "<meta itemprop='longitude' content='106.25'></span></div></div>"
        ),
        ONE,
    ),
    "RDFa": (
        read(
            after="<div typeof='Place'><span property='latitude' content='10.5'></span>"
            "<span property='longitude' content='106.25'></span></div>"
        ),
        ONE,
    ),
    "contentLocation": (read(ld(f'"contentLocation":{{"@type":"Place","geo":{GEO}}}')), ONE),
    "spatialCoverage as a box": (
        read(ld('"spatialCoverage":{"@type":"Place","geo":{"@type":"GeoShape","box":"10 106 11 106.5"}}')),
        ONE,
    ),
    "locationCreated": (read(ld(f'"locationCreated":{{"@type":"Place","geo":{GEO}}}')), [(10.5, 106.25, "dateline")]),
    "a map of the place": (
        read(ld('"contentLocation":{"@type":"Place","name":"Hill","hasMap":"https://maps.google.com/?q=10.5,106.25"}')),
        ONE,
    ),
    "publisher": (
        read(ld(f'"publisher":{{"@type":"Organization","name":"Quay","location":{{"@type":"Place","geo":{GEO}}}}}')),
        [(10.5, 106.25, "publisher")],
    ),
    "a business beside the article": (
        read(ld('"url":"https://here.example/2020/03/hill/"', f',{{"@type":"LocalBusiness","name":"Q","geo":{GEO}}}')),
        [(10.5, 106.25, "publisher")],
    ),
    "metas that repeat the business": (
        read(meta(geo__position="10.5;106.25") + ld('"url":"/"', f',{{"@type":"Restaurant","name":"Q","geo":{GEO}}}')),
        [(10.5, 106.25, "publisher")],
    ),
    "map link": (read(text="<p><a href='https://www.openstreetmap.org/?mlat=10.5&mlon=106.25'>map</a></p>"), ONE),
    "map frame": (
        read(text="<iframe data-src='https://www.google.com/maps/embed?pb=!1m3!2d106.25!3d10.5'></iframe>"),
        ONE,
    ),
    "geo address": (read(text="<p><a href='geo:10.5,106.25'>map</a></p>"), ONE),
    "map element": (read(text="<div class='leaflet' data-lat='10.5' data-lng='106.25'></div>"), ONE),
    "map script": (read(text="<script>L.marker([10.50, 106.25]).addTo(m)</script>"), ONE),
    "footer": (read(outside="<footer><div class='geo'>10.5;106.25</div></footer>"), [(10.5, 106.25, "publisher")]),
    "sidebar": (read(outside="<aside><div class='geo'>10.5;106.25</div></aside>"), []),
    "comment": (read(outside="<div id='comments'><p class='geo'>10.5;106.25</p></div>"), []),
    "map link of a related post": (
        read(outside="<div class='related-posts'><a href='geo:10.5,106.25'>map</a></div>"),
        [],
    ),
    "nowhere": (read(meta(geo__position="0.0;0.0", ICBM="0, 0")), []),
    "nowhere that has a name": (read(meta(geo__position="0;0", geo__placename="Null Island")), [(0.0, 0.0, "content")]),
    "out of range": (read(meta(geo__position="95;200")), []),
    "no numbers": (read(meta(geo__position="NaN;NaN", ICBM="null, null", geo_latitude="", geo_longitude="")), []),
    "an example's position": (read(meta(geo__position="-34.397;150.644")), []),
    "the same number twice": (read(meta(geo__position="12.5;12.5")), []),
    "turned round, as the region tells": (
        read(meta(geo__position="13.4;52.5", geo__region="DE-BE")),
        [(52.5, 13.4, "content")],
    ),
    "far from its region": (read(meta(geo__position="10.5;106.25", geo__region="FR")), ONE),
    "a directory of businesses": (
        read(ld('"url":"/"', "".join(f',{{"@type":"Store","name":"{n}","geo":{GEO}}}' for n in range(9)))),
        [],
    ),
    "an impossible latitude": (read(meta(geo__position="106.25;10.5")), []),
    "an impossible latitude in a region": (read(meta(geo__position="153.55;-28.16", geo__region="AU")), []),
    "an impossible latitude in JSON-LD": (
        read(ld('"contentLocation":{"geo":{"@type":"GeoCoordinates","latitude":"153.55","longitude":"-28.16"}}')),
        [],
    ),
    "an impossible longitude on a map": (read(text="<p><a href='geo:10.5,206.25'>map</a></p>"), []),
    "an impossible position and a possible one": (read(meta(geo__position="153.55;-28.16", ICBM="10.5, 106.25")), ONE),
    "private in a custom field, in JSON-LD too": (
        read(
            ld(f'"contentLocation":{{"@type":"Place","name":"Home","geo":{GEO}}}'),
            text="<ul class='post-meta'><li><span class='post-meta-key'>geo_public:</span> 0</li></ul>",
        ),
        [],
    ),
    "private in the value beside the field": (
        read(
            ld(f'"locationCreated":{{"@type":"Place","geo":{GEO}}}'),
            text="<p><span class='post-meta-key'>geo_public</span> <span class='post-meta-value'>0</span></p>",
        ),
        [],
    ),
    "private in a meta element, on a map too": (
        read(
            meta(geo_public="0"),
            text="<p><a href='geo:10.5,106.25'>map</a></p>",
            after="<p class='geo'>10.5;106.25</p>",
        ),
        [],
    ),
    "private, but not the publisher": (
        read(
            meta(geo_public="0")
            + ld(f'"publisher":{{"@type":"Organization","name":"Quay","location":{{"@type":"Place","geo":{GEO}}}}}')
        ),
        [(10.5, 106.25, "publisher")],
    ),
    "declared public": (read(meta(geo__position="10.5;106.25", geo_public="1")), ONE),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_roles_and_refusals(name: str) -> None:
    article, expected = FORMS[name]
    assert [(t.latitude, t.longitude, t.role) for t in article.geotags] == expected


def test_names_regions_and_precision() -> None:
    (tag,) = read(meta(geo__position="10.50;106.250", geo__placename="The hill", geo__region="VN-SG")).geotags
    assert (tag.placename, tag.region, tag.precision) == ("The hill", "VN-SG", 0.001)
    (tag,) = read(ld('"dateline":"HANOI, Vietnam"')).geotags
    assert (tag.placename, tag.role, tag.latitude) == ("HANOI, Vietnam", "dateline", None)
    (tag,) = read(meta(DC__coverage="Hanoi, Vietnam")).geotags
    assert (tag.placename, tag.role) == ("Hanoi, Vietnam", "content")
    assert not read(meta(DC__coverage="Worldwide")).geotags


def test_an_impossible_position_is_evidence_and_its_name_is_kept() -> None:
    article = read(meta(geo__position="153.55;-28.16", geo__placename="Byron Bay"))
    assert [(t.latitude, t.longitude, t.placename) for t in article.geotags] == [(None, None, "Byron Bay")]
    assert [(e.value, e.source) for e in article.evidence if "impossible" in e.locator] == [
        ("153.55, -28.16", "geo.position")
    ]


def test_a_private_position_is_not_even_evidence() -> None:
    article = read(meta(geo_public="0", geo__position="10.5;106.25") + ld(f'"contentLocation":{{"geo":{GEO}}}'))
    assert not article.geotags
    assert "10.5" not in "".join(e.value for e in article.evidence if e.field == "geotags")


def test_a_position_that_the_api_declares_private_is_not_read_from_the_page() -> None:
    page = parse_page(
        f"<html><head>{ld(f'{chr(34)}contentLocation{chr(34)}:{{{chr(34)}geo{chr(34)}:{GEO}}}')}</head><body><article>"
        "<h1>Up the hill</h1><p>Four hundred steps lead from the quay to the chapel at the top.</p></article></body>",
        "https://here.example/2020/03/hill/",
    )
    assert extract_page(page).geotags
    assert not extract_page(page, SourceHint(geotags=(GeoTag(None, None, role="private"),))).geotags


def test_a_file_of_places_is_evidence() -> None:
    article = read(text="<p><a href='/walk.kml'>the way</a></p>")
    assert not article.geotags
    assert [(e.value, e.locator) for e in article.evidence if e.field == "geotags"] == [
        ("https://here.example/walk.kml", "file of places")
    ]


def test_the_template_s_place_is_the_publisher_s() -> None:
    capital, own = GeoTag(21.0285, 105.8542, "Hanoi"), GeoTag(10.5, 106.25, "The hill")
    pages = [(capital,)] * 6 + [(capital, own), ()]
    places = publisher_places(pages, len(pages))
    assert with_publisher_role((capital, own), places) == (GeoTag(21.0285, 105.8542, "Hanoi", role="publisher"), own)
    assert publisher_places([(capital,)] * 4, 4) == frozenset()
    assert publisher_places(pages, 100) == frozenset()


TAGS = st.builds(
    GeoTag,
    st.none() | st.floats(-90, 90),
    st.none() | st.floats(-180, 180),
    st.text(max_size=5),
    role=st.sampled_from(["content", "dateline", "author", "publisher"]),
)


@given(st.lists(TAGS, max_size=8))
def test_merging_geotags_is_idempotent(found: list[GeoTag]) -> None:
    once = merge_geotags(found)
    assert merge_geotags(list(once)) == once
    assert len(once) <= len(found)


@given(st.lists(TAGS, max_size=8), st.integers(0, 20))
def test_with_publisher_role_changes_only_roles(tags: list[GeoTag], posts: int) -> None:
    given_tags = tuple(tags)
    after = with_publisher_role(given_tags, publisher_places([given_tags] * 5, posts))
    assert [(t.latitude, t.longitude, t.placename) for t in after] == [
        (t.latitude, t.longitude, t.placename) for t in given_tags
    ]


@given(st.text(max_size=40), st.text(max_size=40))
def test_metas_of_any_text_give_places_in_range(one: str, two: str) -> None:
    article = read(
        f"<meta name=geo.position content='{one}'><meta name=geo_latitude content='{two}'>"
        f"<meta name=geo_longitude content='{one}'><meta name=DC.coverage content='{two}'>"
    )
    for tag in article.geotags:
        assert tag.latitude is None or abs(tag.latitude) <= 90
        assert tag.longitude is None or abs(tag.longitude) <= 180


def test_links_to_a_private_place_are_left_out_of_the_text() -> None:
    link = "<p>A walk to <a href='https://www.google.com/maps/@10.5,106.25,17z'>the old quay</a> and back.</p>"
    shown, hidden = (read(meta(geo_public=public), text=link) for public in ("1", "0"))
    assert "106.25" in str(shown.markup)
    assert "106.25" not in str(hidden.markup)
    assert "the old quay" in hidden.body
