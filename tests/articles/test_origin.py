"""Which member of a cluster is its source, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from archiver.articles.near_duplicates import ClusterMember, find_source

SEEN = datetime(2024, 6, 1, tzinfo=UTC)
DAY = datetime(2024, 5, 3, tzinfo=UTC)


def member(number: int, site: str = "", **more: object) -> ClusterMember:
    site = site or f"outlet{number}.example"
    return ClusterMember(number, site, frozenset({f"key{number}"}), SEEN + timedelta(hours=number), **more)  # type: ignore[arg-type]


NOON = member(1, published=DAY.replace(hour=12), precision="minute")
MORNING = member(2, published=DAY.replace(hour=9), precision="minute")
THAT_DAY = member(3, published=DAY, precision="day")
THAT_MONTH = member(4, published=datetime(2024, 5, 1, tzinfo=UTC), precision="month")
BEFORE = member(5, published=DAY - timedelta(days=1), precision="day")
UNDATED = member(6)
EARLY_UNDATED = replace(member(7), first_seen=DAY - timedelta(days=400))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([NOON, MORNING], (2, "earliest published")),
        (
            [NOON, THAT_DAY],
            (1, "first seen of those published earliest"),
        ),  # it may have been published at the end of that day
        ([MORNING, THAT_MONTH], (2, "first seen of those published earliest")),
        ([MORNING, BEFORE], (5, "earliest published")),
        ([NOON, MORNING, THAT_DAY, BEFORE, UNDATED], (5, "earliest published")),
        ([UNDATED, NOON], (1, "earliest published")),
        ([EARLY_UNDATED, NOON], (7, "first seen")),
        ([UNDATED, member(8)], (6, "first seen")),
        ([BEFORE, replace(MORNING, canonical="key1"), NOON], (1, "declared canonical by a copy")),
        (
            [BEFORE, replace(MORNING, canonical="key1"), replace(THAT_DAY, canonical="key1"), NOON],
            (1, "declared canonical by 2 copies"),
        ),
        ([replace(BEFORE, canonical="key5"), NOON], (5, "earliest published")),  # each declares its own URL
        ([replace(BEFORE, names=frozenset({"key1", "key9"})), NOON], (1, "named by its address in a copy")),
        (
            [replace(BEFORE, credits=("Reuters",)), member(9, "www.reuters.com", published=DAY)],
            (9, "credited by a copy"),
        ),
        ([replace(BEFORE, credits=("AP",)), member(9, "apnews.com", published=DAY)], (9, "credited by a copy")),
        (
            [replace(BEFORE, credits=("The Herald",)), member(9, "herald.co.example/news", published=DAY)],
            (9, "credited by a copy"),
        ),
        ([replace(BEFORE, credits=("AFP",)), NOON], (5, "earliest published")),
        (
            [replace(BEFORE, credits=("dpa",), canonical="key1"), NOON, member(9, "dpa.example")],
            (1, "declared canonical by a copy"),
        ),
    ],
)
def test_origin_of_a_cluster(members: list[ClusterMember], expected: tuple[int, str]) -> None:
    for order in permutations(members[:4]):
        assert find_source([*order, *members[4:]]) == expected


def test_the_last_representable_time_does_not_overflow() -> None:
    last = replace(NOON, published=datetime.max.replace(tzinfo=UTC), precision="year")
    assert find_source([last, UNDATED]) == (6, "first seen")
