"""Reverts: posts that repeat an earlier revision."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.revision_order_reverts_and_kept_values import (
    ALTERNATION_PERIOD,
    MAX_REVERTS,
    PastRevision,
    Revert,
    find_revert,
)

START = datetime(2024, 1, 1, tzinfo=UTC)


def stored_revisions(readings: list[tuple[str, float]]) -> tuple[list[tuple[str, PastRevision]], list[str]]:
    """Store extraction results (text, days since the previous one). Returns the stored revisions, and the current text
    after each.
    """
    at, versions, current = START, [(readings[0][0], PastRevision(1, START))], [readings[0][0]]
    for text, days in readings[1:]:
        at += timedelta(days=days)
        if text != current[-1]:
            equal = [v.revision for what, v in versions if what == text]
            back = find_revert([v for _, v in versions], equal, at)
            if back is not None and back.counted:
                what, v = versions[back.of - 1]
                versions[back.of - 1] = what, replace(v, seen_again=v.seen_again + 1, seen_again_at=at)
                text = what
            else:
                versions.append((text, PastRevision(len(versions) + 1, at, back.of if back else None)))
        current.append(text)
    return versions, current


def test_a_revert_is_a_revision() -> None:
    versions, _ = stored_revisions([("a", 0), ("b", 3), ("a", 1)])
    assert [(what, v.same_as) for what, v in versions] == [("a", None), ("b", None), ("a", 1)]


def test_a_headline_that_alternates_is_counted() -> None:
    versions, current = stored_revisions([("ab"[n % 2], 1) for n in range(100)])
    assert [what for what, _ in versions] == ["a", "b", "a"]
    assert [v.seen_again for _, v in versions] == [0, 49, 48]
    assert current[-1] == "b"


def test_a_revert_a_year_later_is_a_revision() -> None:
    versions, _ = stored_revisions([("a", 0), ("b", 3), ("a", 1), ("b", 300)])
    assert [(what, v.same_as) for what, v in versions][-1] == ("b", 2)


def test_a_new_text_is_not_a_revert() -> None:
    assert find_revert([PastRevision(1, START)], [], START) is None
    assert find_revert([PastRevision(1, START), PastRevision(2, START)], [1], START + ALTERNATION_PERIOD) == Revert(
        1, counted=False
    )


READINGS = st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.01, 400)), min_size=1, max_size=60)


@given(READINGS)
def test_histories_are_bounded(readings: list[tuple[str, float]]) -> None:
    versions, current = stored_revisions(readings)
    assert len(versions) <= len({text for text, _ in readings}) + MAX_REVERTS
    assert current == [text for text, _ in readings]


@given(READINGS)
def test_new_texts_and_first_reverts_are_revisions_in_order(readings: list[tuple[str, float]]) -> None:
    versions, _ = stored_revisions(readings)
    firsts = [what for what, v in versions if v.same_as is None]
    assert firsts == list(dict.fromkeys(text for text, _ in readings))
    turns = [a for a, b in zip(readings, [("", 0.0), *readings], strict=False) if a[0] != b[0]]
    if len(turns) > len(firsts):
        assert any(v.same_as for _, v in versions)
    assert len(turns) == len(versions) + sum(v.seen_again for _, v in versions)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_a_rotating_teaser_is_bounded_by_its_texts(count: int) -> None:
    versions, _ = stored_revisions([(str(n * n % count), 0.1) for n in range(500)])
    assert len(versions) <= count + 1
