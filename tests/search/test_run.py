"""Filters, order, folding, snippets and facets over a real archive."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.archive import Archive
from archiver.model.errors import BadQuery, SiteNotFound
from archiver.search.geo_areas import circle_bounds, distance_km, parse_box, parse_point
from archiver.search.index_documents import fold_name
from archiver.search.query_tree import Period, parse_period


def ids(archive: Archive, text: str = "", **filters: Any) -> list[int]:
    return [hit.id for hit in archive.results(text, **{"duplicates": True, "sort": "added", **filters}).hits]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"site": "harbour.example"}, [1, 2, 3, 4]),
        ({"site": "https://www.harbour.example/x"}, [1, 2, 3, 4]),
        ({"site": "https://www.harbor.example/"}, None),
        ({"site": "notes.example/blog"}, [5, 6]),
        ({"site": ["harbour.example", "notes.example/blog"]}, [1, 2, 3, 4, 5, 6]),
        ({"author": "zoe kruger"}, [1, 2]),
        ({"author": "ZOË KRÜGER"}, [1, 2]),
        ({"author": "le duc"}, [3, 4]),
        ({"author": "Zoë"}, [1, 2]),
        ({"author": "Krüger Zoë"}, []),
        ({"author": ("ada berg", "王小明")}, [2, 5]),
        ({"category": "harbour"}, [1, 3, 4]),
        ({"category": "harbour", "author": "zoe krüger"}, [1]),
        ({"tag": "Maths"}, [1]),
        ({"language": "en"}, [1, 2, 3, 4]),
        ({"language": "en-GB"}, [2]),
        ({"language": "zh"}, [5]),
        ({"language": "ZH_hans"}, [5]),
        ({"since": "2024"}, [1, 2, 4]),
        ({"until": "2023"}, [3, 5]),
        ({"since": "2024-03-05", "until": "2024-03-05"}, [1]),
        ({"until": "2024-04"}, [1, 2, 3, 5]),
        ({"since": "2024-04-11"}, [2, 4]),
        ({"until": "2023-12"}, [3, 5]),
        ({"since": "2024-03-05T08:30:00Z"}, [1, 2, 4]),
        ({"since": "2024-03-05T08:30:01+00:00"}, [2, 4]),
        ({"near": (48.85, 2.35)}, [1]),
        ({"near": (48.85, 2.35), "within": 0.1}, []),
        ({"near": (0.0, 0.0)}, []),
        ({"near": (-16.8, 179.9), "within": 30}, [2]),
        ({"near": (90.0, 0.0), "within": 5_000}, [1]),
        ({"bbox": (2.0, 48.0, 3.0, 49.0)}, [1]),
        ({"bbox": (179.0, -20.0, -179.0, -10.0)}, [2]),
        ({"bbox": (-179.0, -20.0, 179.0, 20.0)}, []),
        ({"near": (48.85, 2.35), "within": 20_016}, [1, 2]),
    ],
    ids=str,
)
def test_filters_select_articles(archive: Archive, filters: dict[str, Any], expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(SiteNotFound, match=r"did you mean 'harbour\.example'"):
            ids(archive, **filters)
    else:
        assert ids(archive, **filters) == expected


def test_filters_narrow_a_text(archive: Archive) -> None:
    assert ids(archive, "tide", author="ada berg") == [2]
    assert ids(archive, "学习", site="notes.example/blog") == [5]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", [4, 2, 1, 3, 5, 6]),
        ("date", [5, 3, 1, 2, 4, 6]),
        ("-date", [4, 2, 1, 3, 5, 6]),
        ("added", [1, 2, 3, 4, 5, 6]),
        ("-added", [6, 5, 4, 3, 2, 1]),
        ("title", [2, 3, 4, 1, 6, 5]),
        ("relevance", [4, 2, 1, 3, 5, 6]),
    ],
)
def test_hits_have_the_requested_order(archive: Archive, sort: str, expected: list[int]) -> None:
    assert ids(archive, sort=sort) == expected


def test_the_best_hit_is_first_and_its_score_greatest(archive: Archive) -> None:
    hits = archive.results("tide").hits
    assert [hit.id for hit in hits] == [1, 2]
    assert hits[0].score is not None
    assert hits[1].score is not None
    assert hits[0].score > hits[1].score > 0


def test_distance_is_reported_and_sorts(archive: Archive) -> None:
    hits = archive.results(near=(48.85, 2.35), within=20_016, sort="-distance").hits
    assert [hit.id for hit in hits] == [2, 1]
    assert hits[1].distance_km == pytest.approx(0.75, abs=0.02)


def test_duplicates_are_folded_and_named(archive: Archive) -> None:
    found = archive.results("lamp")
    assert [(hit.id, hit.copies) for hit in found.hits] == [(3, (4,))]
    assert found.total == 1
    assert [hit.id for hit in archive.results("lamp once").hits] == [4]  # a copy is shown if only it matches
    assert {hit.id for hit in archive.results("lamp", duplicates=True).hits} == {3, 4}


def test_pages_of_hits_are_contiguous(archive: Archive) -> None:
    first, second = (archive.results(limit=3, offset=offset, duplicates=True) for offset in (0, 3))
    assert [h.id for h in (*first.hits, *second.hits)] == [4, 2, 1, 3, 5, 6]
    assert first.total == second.total == 6
    assert archive.results(limit=0).hits == ()
    assert archive.results(offset=99).total == 5


def test_snippets_mark_the_search_terms(archive: Archive) -> None:
    for text, marked in (("tide", "tide"), ("学习", "学习"), ("obrien OR O'Brien", "O'Brien")):
        hit = archive.results(text).hits[0]
        assert hit.marks
        assert hit.snippet[slice(*hit.marks[0])] == marked
        assert not set(hit.snippet) & {"\x02", "\x03", "\n"}
    assert archive.results("title:café").hits[0].marks == ()


def test_facets_count_the_matches(archive: Archive) -> None:
    counts = archive.facets("tide OR lamp")
    assert counts["site"] == [("harbour.example", 3)]
    assert counts["author"] == [("Zoë Krüger", 2), ("Ada Berg", 1), ("Lê Đức", 1)]
    assert counts["year"] == [("2024", 2), ("2023", 1)]
    assert archive.facets("nothingatall") == {name: [] for name in counts}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"since": "last year"}, "last year"),
        ({"since": "2024-13"}, "2024-13"),
        ({"until": "2024-02-30"}, "2024-02-30"),
        ({"since": "2024", "until": "2023"}, ""),
        ({"within": 3.0}, "--near"),
        ({"near": (1.0, 1.0), "within": 0.0}, "0"),
        ({"near": (1.0, 1.0), "within": float("nan")}, "nan"),
        ({"sort": "nonsense"}, "nonsense"),
        ({"sort": "distance"}, "--near"),
        ({"limit": -1}, "limit"),
    ],
)
def test_a_bad_filter_is_named(archive: Archive, filters: dict[str, Any], names: str) -> None:
    with pytest.raises(BadQuery) as refused:
        archive.results(**filters)
    assert names in str(refused.value)


@pytest.mark.parametrize("filters", [{"until": ""}, {"since": "9999-12-31"}], ids=str)
def test_an_empty_or_far_filter_finds_nothing(archive: Archive, filters: dict[str, Any]) -> None:
    assert archive.results(**filters).total >= 0


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "91,0", "2.35,181", "nan,1", "inf,0"])
def test_a_bad_place_is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        parse_point(text)


def test_a_swapped_place_is_recognised() -> None:
    with pytest.raises(BadQuery, match="latitude"):
        parse_point("139.7,35.7")
    with pytest.raises(BadQuery, match="south"):
        parse_box("1,50,2,40")
    assert parse_box("170,-20,-170,0") == (170.0, -20.0, -170.0, 0.0)


def test_periods_are_parsed() -> None:
    assert parse_period("2024") == Period("2024-01-01", "2025-01-01")
    assert parse_period("2024-12") == Period("2024-12-01", "2025-01-01")
    assert parse_period("2024-2") == Period("2024-02-01", "2024-03-01")
    assert parse_period("2024-02-29") == Period("2024-02-29", "2024-03-01")


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180), st.floats(0.01, 20_000))
def test_the_box_around_a_circle_contains_it(lat: float, lon: float, lat2: float, lon2: float, km: float) -> None:
    distance = distance_km(lat2, lon2, lat, lon)
    assert distance is not None
    assert 0 <= distance <= 20_016
    if distance > km * 0.999999:
        return
    west, south, east, north = circle_bounds(lat, lon, km)
    slack = 1e-6
    assert south - slack <= lat2 <= north + slack
    inside = west - slack <= lon2 <= east + slack if west <= east else lon2 >= west - slack or lon2 <= east + slack
    assert inside or abs(abs(lon2) - 180) < slack or abs(abs(lat2) - 90) < slack


@given(st.text(st.characters(codec="ascii"), max_size=20))
def test_ascii_names_are_folded_like_others(name: str) -> None:
    assert f"x {fold_name(name)}".split() == fold_name(f"x\u0301 {name}").split()


@given(st.text(max_size=20))
def test_folding_is_idempotent(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name) == fold_name(name.upper()) or not name.isascii()
