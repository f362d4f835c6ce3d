"""How a query with loose ends is read, and which of its names before a colon are not fields."""

from __future__ import annotations

import pytest

from archiver.search.query import list_repairs, list_unknown_fields


@pytest.mark.parametrize("text", ["https://harbour.example/x", "10:30", "title:fog", "Re: fog", '"a:b"'])
def test_ordinary_colons_are_not_taken_for_fields(text: str) -> None:
    assert list_unknown_fields(text) == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(fog OR tide", ["("]),
        ('title:"fog', ['title:"fog']),
        ("fog NEAR", ["NEAR"]),
        ("fog NEAR/3", ["NEAR/3"]),
        ("fog) tide", [")"]),
        ("OR fog", ["OR"]),
        ("(fog OR) tide", ["OR"]),
        ('OR (fog "tide', ["OR", '"tide', "("]),
    ],
)
def test_loose_ends_are_reported(text: str, parts: list[str]) -> None:
    assert [one.part for one in list_repairs(text)] == parts


@pytest.mark.parametrize(
    "text", ["", "(fog OR tide) -lamp", '"fog" NEAR/3 tide', "NEAR(fog tide, 3)", "AT&T | or", "NOT fog"]
)
def test_sound_queries_need_no_repair(text: str) -> None:
    assert list_repairs(text) == ()
