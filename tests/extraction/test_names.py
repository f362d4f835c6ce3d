"""Bylines to names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.names import names, swapped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("By Jane Doe", ["Jane Doe"]),
        ("by Jane Doe and John Roe", ["Jane Doe", "John Roe"]),
        ("Jane Doe, John Roe & Ann Poe", ["Jane Doe", "John Roe", "Ann Poe"]),
        ("By Jane Doe, Staff Writer", ["Jane Doe"]),
        ("Jane Doe, MD, PhD", ["Jane Doe"]),
        ("Written by Jane Doe (@jdoe)", ["Jane Doe"]),
        ("Jane Doe (Reuters)", ["Jane Doe"]),
        ("Yumi Sato (Kay)", ["Yumi Sato (Kay)"]),
        ("Martin Luther King, Jr.", ["Martin Luther King Jr."]),
        ("J. K. Rowan", ["J. K. Rowan"]),
        ("pmc", ["pmc"]),
        ("Por Lucía Peña y Juan Gil", ["Lucía Peña", "Juan Gil"]),
        ("von Jörg Hälbich", ["Jörg Hälbich"]),
        ("Ludwig van Veen", ["Ludwig van Veen"]),
        ("作者：张三、李四", ["张三", "李四"]),
        ("بقلم: سلمى الحداد", ["سلمى الحداد"]),
        ("Автор: Вера Лапина", ["Вера Лапина"]),
        ("JANE DOE", ["Jane Doe"]),
        ("Written By", []),
        ("admin", []),
        ("https://www.facebook.com/jane", []),
        ("12 March 2020", []),
        ("", []),
    ],
)
def test_names(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize("text", ["Thuốc và Sức khỏe", "Science & Health", "Morgan and Sons"])
def test_one_author_with_an_and_in_it_stays_whole(text: str) -> None:
    assert names(text, one=True) == [text]


def test_two_people_in_one_author_field_are_two() -> None:
    assert names("Jane Doe and John Roe", one=True) == ["Jane Doe", "John Roe"]


def test_last_name_first() -> None:
    assert swapped("Doe, Jane") == "Jane Doe"
    assert swapped("Jane Doe") == "Jane Doe"


@given(st.text(max_size=120))
def test_never_raises_and_never_repeats(text: str) -> None:
    found = names(text)
    assert len({n.casefold() for n in found}) == len(found)
