"""Coordinates in text and in URLs of map services."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.geotags import (
    Position,
    centre_of_bounds,
    map_link_position,
    parse_degrees_with_precision,
    parse_position,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.8;106.7", (10.8, 106.7, 0.1)),
        ("-45.85, 170.5", (-45.85, 170.5, 0.01)),
        ("10,8; 106,7", (10.8, 106.7, 0.1)),
        ("10,8, 106,7", (10.8, 106.7, 0.1)),
        ("106.7;10.8", (106.7, 10.8, 0.1)),
        ("10.8 106.7", (10.8, 106.7, 0.1)),
        ("-33.8688, 151.2093, 15z", (-33.8688, 151.2093, 0.0001)),
        ("10°30'0\"N 106°42'0\"E", (10.5, 106.7, 1 / 3600)),
        ("33° 51′ S, 151° 12′ E", (-33.85, 151.2, 1 / 60)),
        ("N48° 12.5' E016° 22.3'", (48.2083333, 16.3716667, 0.1 / 60)),
        ("10 30 00 N 106 42 00 E", (10.5, 106.7, 1 / 3600)),
        ("geo:10.8,106.7", (10.8, 106.7, 0.1)),
        ("48.2 N, 16.37 E", (48.2, 16.37, 0.01)),
        ("16.37 E, 48.2 N", (48.2, 16.37, 0.01)),
        ("40.7128° N, 74.0060° W", (40.7128, -74.006, 0.0001)),
        ("lon=106.7;lat=10.5", (10.5, 106.7, 0.1)),
        ("POINT(106.7 10.5)", (10.5, 106.7, 0.1)),
        ("48°12′30″ с. ш. 16°22′20″ в. д.", (48.2083333, 16.3722222, 1 / 3600)),
        ("北纬39°54′20″，东经116°23′29″", (39.9055556, 116.3913889, 1 / 3600)),
        ("39° 54' 20\" Nord, 16° 23' 29\" Est", (39.9055556, 16.3913889, 1 / 3600)),
        ("٣٣٫٥ شمالا، ٣٦٫٣ شرقا", (33.5, 36.3, 0.1)),
        ("31.5 צפון, 34.75 מזרח", (31.5, 34.75, 0.01)),
        ("200;300", (200, 300, 1)),
        ("153.55;-28.16", (153.55, -28.16, 0.01)),
        ("10.5° 30' N 5 E", None),
        ("10 N 20 N", None),
        ("2020-03-04", None),
        ("lat: 10.5, lat: 106.7", None),
        ("here", None),
        ("", None),
        ("12", None),
    ],
)
def test_positions_are_parsed(text: str, expected: tuple[float, float, float] | None) -> None:
    found = parse_position(text)
    assert (astuple(found) if found else None) == (pytest.approx(expected, abs=1e-6) if expected else None)


def test_the_language_decides_what_o_means() -> None:
    german, french = parse_position("48° 12′ N, 16° 22′ O", "de-AT"), parse_position("48° 12′ N, 16° 22′ O", "fr")
    assert german is not None
    assert french is not None
    assert german.longitude == pytest.approx(-french.longitude) == pytest.approx(16.3666667)


def test_the_middle_of_bounds_is_their_position() -> None:
    assert centre_of_bounds("10 100 20 110") == Position(15, 105)
    assert centre_of_bounds("100 10 110 20", turned=True) == Position(15, 105)
    assert centre_of_bounds("10 20 30") is None


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("https://www.google.com/maps/place/X/@48.85,2.35,17z/data=!3d48.8584!4d2.2945", (48.8584, 2.2945)),
        ("https://maps.google.com/?q=48.85,2.35", (48.85, 2.35)),
        ("https://maps.google.com/maps?q=loc:48.85,2.35+(Here)&z=5", (48.85, 2.35)),
        ("https://www.google.de/maps/@52.5,13.4,12z", (52.5, 13.4)),
        ("https://www.google.com/maps/embed?pb=!1m18!1m12!1m3!1d3919.3!2d106.66!3d10.77!2m3", (10.77, 106.66)),
        ("https://maps.googleapis.com/maps/api/staticmap?center=X&markers=color:red%7C40.7,-74.01", (40.7, -74.01)),
        ("https://www.openstreetmap.org/?mlat=56.1&mlon=-3.4#map=15/56/-3", (56.1, -3.4)),
        ("https://www.openstreetmap.org/#map=12/56.1/-3.4", (56.1, -3.4)),
        ("https://www.openstreetmap.org/export/embed.html?bbox=-0.1,51.4,0.1,51.6&marker=51.5%2C0.01", (51.5, 0.01)),
        ("https://www.bing.com/maps?cp=47.6~-122.3&lvl=11", (47.6, -122.3)),
        ("https://maps.apple.com/?ll=50.89,4.34", (50.89, 4.34)),
        ("https://yandex.ru/maps/213/x/?ll=37.62%2C55.75&z=12", (55.75, 37.62)),
        ("https://2gis.kz/x?m=76.9%2C43.2%2F12", (43.2, 76.9)),
        ("https://2gis.ru/x/geo/4504127908589159/37.6,55.7", (55.7, 37.6)),
        ("https://api.map.baidu.com/marker?location=39.9,116.4&coord_type=wgs84", (39.9, 116.4)),
        ("https://api.map.baidu.com/marker?location=39.9,116.4", None),
        ("https://uri.amap.com/marker?position=116.4,39.9&coordinate=gaode", None),
        ("https://mapy.cz/zakladni?x=14.4&y=50.08&z=11", (50.08, 14.4)),
        ("https://www.waze.com/ul?ll=45.69%2C-6.2&navigate=yes", (45.69, -6.2)),
        ("https://geohack.toolforge.org/geohack.php?params=48_51_N_2_21_E_type:city", (48.85, 2.35)),
        ("geo:37.78,-122.39;u=35", (37.78, -122.39)),
        ("geo:37.78,-122.39;crs=moon", None),
        ("geo:200,10", (200, 10)),
        ("https://maps.google.com/?q=10+Long+Street", None),
        ("https://example.org/@48.85,2.35", None),
        ("https://www.google.com/search?q=48.85,2.35", None),
        ("http://[broken", None),
        ("https://maps.google.com/maps?ll=[", None),
    ],
)
def test_positions_in_map_links_are_parsed(href: str, expected: tuple[float, float] | None) -> None:
    found = map_link_position(href)
    where = (found.latitude, found.longitude) if found else None
    assert where == (pytest.approx(expected, abs=1e-6) if expected else None)


@given(st.floats(-999, 999), st.floats(-999, 999))
def test_numbers_are_never_exchanged(lat: float, lon: float) -> None:
    found = parse_position(f"{lat:.7f};{lon:.7f}")
    assert found is not None
    assert (found.latitude, found.longitude) == pytest.approx((lat, lon), abs=1e-6)
    assert found.is_possible is (abs(found.latitude) <= 90 and abs(found.longitude) <= 180)


def as_dms(degrees: float, axis: str) -> str:
    """Writes a coordinate in degrees, minutes and seconds with two decimals, such as 10°30'0.00"N."""
    whole, rest = divmod(round(abs(degrees) * 360_000), 360_000)
    minutes, rest = divmod(rest, 6_000)
    return f"{whole}°{minutes}'{rest / 100:.2f}\"{axis[0] if degrees >= 0 else axis[1]}"


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_degrees_minutes_seconds_are_read_as_they_are_written(lat: float, lon: float) -> None:
    found = parse_position(f"{as_dms(lat, 'NS')} {as_dms(lon, 'EW')}")
    assert found is not None
    assert abs(found.latitude - lat) < 1e-5
    assert abs(found.longitude - lon) < 1e-5
    assert found.precision == pytest.approx(0.01 / 3600)


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(1, 6), st.sampled_from([";", ", ", " ", " / "]))
def test_decimals_are_read_as_they_are_written(lat: float, lon: float, decimals: int, separator: str) -> None:
    texts = f"{lat:.{decimals}f}", f"{lon:.{decimals}f}"
    found = parse_position(separator.join(texts))
    assert found is not None
    assert astuple(found) == pytest.approx((float(texts[0]), float(texts[1]), 10**-decimals))


@given(st.text(alphabet="0123456789.,;°'\"NSEWO -+:latondegш北纬", max_size=60) | st.text(max_size=60))
def test_any_text_gives_a_position_or_none(text: str) -> None:
    parse_degrees_with_precision(text)
    centre_of_bounds(text)
    for found in (
        parse_position(text),
        map_link_position(f"geo:{text}"),
        map_link_position(f"https://maps.google.com/?q={text}"),
    ):
        assert found is None or (abs(found.latitude) < 1_000 and abs(found.longitude) < 1_000)
