"""Coordinates are written with the digits that are stored."""

from __future__ import annotations

import random
from itertools import combinations
from math import hypot
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.cli.main import cli
from archiver.extraction.geotags import format_place_key, parse_place_key, place_key
from archiver.model.items import GeoTag, format_degrees
from archiver.search.revision_diff_as_data_or_html import as_text
from archiver.web.geo_grid import MAP_WIDTH, _spots, bounding_view, spot_radius
from tests.proved_archive import QUAY, START, Run, text
from tests.proved_archive import page as post_page
from tests.runner import Runner

DEGREES = st.floats(-180, 180)


@given(DEGREES, DEGREES)
def test_degrees_are_exact_to_seven_decimals(latitude: float, longitude: float) -> None:
    written = format_degrees(latitude, longitude)
    assert [float(one) for one in written.split(",")] == [round(latitude, 7), round(longitude, 7)]
    assert "e" not in written
    assert "-0," not in f"{written},"


@pytest.mark.parametrize(
    ("degrees", "written"),
    [(105.7878, "105.7878"), (-0.0, "0"), (48.0, "48"), (1e-7, "0.0000001"), (-179.9999999, "-179.9999999")],
)
def test_degrees_have_no_more_digits_than_needed(degrees: float, written: str) -> None:
    assert format_degrees(degrees) == written


@given(DEGREES, DEGREES)
def test_a_place_in_site_rules_is_recognised(latitude: float, longitude: float) -> None:
    key = place_key(GeoTag(latitude, longitude))
    assert parse_place_key(format_place_key(key)) == key


def test_two_places_some_metres_apart_differ_in_a_diff() -> None:
    one, other = ({"latitude": 10.0341, "longitude": longitude} for longitude in (105.7878, 105.7880))
    assert as_text(one) == "10.0341,105.7878"
    assert as_text(other) == "10.0341,105.788"


def test_show_prints_the_stored_position(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with Run(archive, QUAY, START) as run:
        run.post(f"{QUAY}1", post_page("Day 1", text(1)).replace(b"48.85;2.35", b"10.0341;105.7878"))
    shown = Runner().invoke(cli, ["show", "1", "--archive", str(archive)])
    assert shown.exit_code == 0
    assert "10.0341,105.7878" in shown.stdout


SCATTERED = {
    "around a bay": ((53.1, 53.6), (-10.1, -8.8), 40),
    "over a continent": ((36, 60), (-9, 30), 200),
    "over the Earth": ((-60, 70), (-180, 180), 60),
}


@pytest.mark.parametrize(("latitudes", "longitudes", "count"), SCATTERED.values(), ids=SCATTERED)
def test_no_spot_of_a_map_covers_the_number_of_another(
    latitudes: tuple[float, float], longitudes: tuple[float, float], count: int
) -> None:
    draw = random.Random(count)
    places = [(n, draw.uniform(*latitudes), draw.uniform(*longitudes), None) for n in range(count)]
    view = bounding_view([(latitude, longitude) for _, latitude, longitude, _ in places])
    width = (view[2] - view[0]) % 360 or 360.0
    scale = MAP_WIDTH / width
    spots = list(_spots(places, view, width / 24, scale))
    most = max(spot.articles for spot in spots)
    for one, other in combinations(spots, 2):
        apart = hypot(one.latitude - other.latitude, (one.longitude - other.longitude + 180) % 360 - 180) * scale
        assert apart > max(spot_radius(one.articles, most), spot_radius(other.articles, most))
    for spot in spots:
        west, south, east, north = spot.box
        inside = [p for p in places if south <= p[1] < north and (p[2] - west) % 360 < (east - west) % 360]
        assert len(inside) == spot.articles, "its link finds other articles"
