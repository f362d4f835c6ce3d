"""Positions as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.geotext import checked, number, of_map_link, position


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.8;106.7", (10.8, 106.7)),
        ("-45.85, 170.5", (-45.85, 170.5)),
        ("10,8; 106,7", (10.8, 106.7)),
        ("10,8, 106,7", (10.8, 106.7)),
        ("106.7;10.8", (10.8, 106.7)),
        ("10.8 106.7", (10.8, 106.7)),
        ("10°30'0\"N 106°42'0\"E", (10.5, 106.7)),
        ("33° 51′ S, 151° 12′ E", (-33.85, 151.2)),
        ("geo:10.8,106.7", (10.8, 106.7)),
        ("48.2 N, 16.37 E", (48.2, 16.37)),
        ("200;300", None),
        ("here", None),
        ("", None),
        ("12", None),
    ],
)
def test_position(text: str, expected: tuple[float, float] | None) -> None:
    found = position(text)
    assert found == (pytest.approx(expected, abs=1e-6) if expected else None)


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("https://www.google.com/maps/place/X/@48.85,2.35,17z/data=!3d48.8584!4d2.2945", (48.8584, 2.2945)),
        ("https://maps.google.com/?q=48.85,2.35", (48.85, 2.35)),
        ("https://www.google.de/maps/@52.5,13.4,12z", (52.5, 13.4)),
        ("https://www.openstreetmap.org/?mlat=56.1&mlon=-3.4#map=15/56/-3", (56.1, -3.4)),
        ("https://www.openstreetmap.org/#map=12/56.1/-3.4", (56.1, -3.4)),
        ("geo:37.78,-122.39;u=35", (37.78, -122.39)),
        ("https://example.org/@48.85,2.35", None),
        ("https://www.google.com/search?q=48.85,2.35", None),
        ("http://[broken", None),
    ],
)
def test_map_links(href: str, expected: tuple[float, float] | None) -> None:
    assert of_map_link(href) == expected


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_what_is_in_range_stays_where_it_is(lat: float, lon: float) -> None:
    found = checked(lat, lon)
    assert found is not None
    assert abs(found[0] - lat) < 1e-6 and abs(found[1] - lon) < 1e-6


@given(st.text(alphabet="0123456789.,;°'\"NSEW -+", max_size=40))
def test_never_raises_and_never_out_of_range(text: str) -> None:
    number(text)
    found = position(text)
    assert found is None or (abs(found[0]) <= 90 and abs(found[1]) <= 180)
