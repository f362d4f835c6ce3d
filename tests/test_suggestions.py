"""Known words that a mistyped word may stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.suggestions import edit_distance, nearest_words

COMMANDS = ("crawl", "search", "serve", "sites", "export")


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("", "", 0),
        ("flood", "flood", 0),
        ("flod", "flood", 1),
        ("flood", "flod", 1),
        ("floot", "flood", 1),
        ("folod", "flood", 1),  # neighbours swapped
        ("ca", "abc", 3),  # a letter is not moved twice
        ("гавнь", "гавань", 1),
        ("harbour", "arbor", 2),
    ],
)
def test_the_distance_of_two_words(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other, most=5) == distance


def test_a_distance_above_the_limit_is_not_computed() -> None:
    assert edit_distance("harbour", "weather", most=2) == 3
    assert edit_distance("a", "abcdefgh", most=2) == 3


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distances_are_symmetric(one: str, other: str) -> None:
    assert edit_distance(one, other, most=9) == edit_distance(other, one, most=9)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("crwal", ("crawl",)), ("SERACH", ("search",)), ("site", ("sites",)), ("xyzzy", ()), ("cl", ())],
)
def test_the_nearest_of_known_words(typed: str, expected: tuple[str, ...]) -> None:
    assert nearest_words(typed, COMMANDS) == expected


def test_of_equally_near_words_the_most_frequent_comes_first() -> None:
    counts = {"ballast": 90, "ballista": 3, "balist": 2, "palisto": 70, "balista": 1}
    assert nearest_words("balista", counts) == ("ballista", "balist", "palisto")
    assert nearest_words("balista", {"balisto": 1, "balisti": 8}, most=1) == ("balisti",)
