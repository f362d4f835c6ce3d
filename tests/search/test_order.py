"""The order of hits is the same on every page, even if many hits have the same rank."""

from __future__ import annotations

import random
from typing import Any

import pytest
import tantivy
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.search import sorting
from archiver.search.index_documents import index_schema
from archiver.search.search_index import Searcher
from archiver.search.sorting import Sort, sorted_matches

COUNT = 400


@pytest.fixture(scope="module")
def many() -> tuple[Searcher, list[dict[str, Any]]]:
    """Return a searcher with articles of few different ranks, sites and times, in several segments and in random
    order.
    """
    choice = random.Random(3)
    rows = [
        {
            "id": number,
            "group": choice.choice((number, 1)),
            "body": " ".join(["tide"] * choice.choice((1, 1, 1, 2))),
            "site": choice.choice(("a", "b")),
            "published_at": choice.choice((None, 5, 5, -7)),
        }
        for number in range(1, COUNT + 1)
    ]
    choice.shuffle(rows)
    index = tantivy.Index(index_schema())
    writer = index.writer(heap_size=15_000_000, num_threads=1)
    for start in range(0, COUNT, 90):
        for row in rows[start : start + 90]:
            turn = row["id"] + (1 << 40) * (row["group"] != row["id"])
            writer.add_document(tantivy.Document(turn=turn, **{k: v for k, v in row.items() if v is not None}))
        writer.commit()
    index.reload()
    assert index.searcher().num_segments > 2
    return Searcher(index), rows


WORD = tantivy.Query.term_query(index_schema(), "body", "tide", "freq")


def key_of(field: str, down: bool) -> Any:
    def key(row: dict[str, Any]) -> Any:
        value = len(row["body"]) if not field else row[field]
        if field == "site":
            value = ord(value)
        return (value is None, (value or 0) * (-1 if down else 1), row["group"] != row["id"], row["id"])

    return key


@pytest.mark.parametrize("spare", [0, 3, 180])
@settings(max_examples=25, deadline=None)
@given(st.sampled_from(("", "site", "published_at", "id")), st.booleans(), st.integers(0, COUNT), st.integers(1, 120))
def test_pages_are_slices_of_one_order(
    many: tuple[Searcher, list[dict[str, Any]]], spare: int, field: str, down: bool, first: int, length: int
) -> None:
    searcher, rows = many
    expected = [row["id"] for row in sorted(rows, key=key_of(field, down))]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sorting, "_SPARE", spare)
        found = sorted_matches(searcher, WORD, Sort(field, down), first=first, last=first + length)
    assert [entry.id for entry in found] == expected[first : first + length]


def test_pages_do_not_overlap_when_most_hits_tie(many: tuple[Searcher, list[dict[str, Any]]]) -> None:
    searcher, rows = many
    pages = [
        entry.id
        for first in range(0, COUNT, 20)
        for entry in sorted_matches(searcher, WORD, Sort("", down=True), first=first, last=first + 20)
    ]
    assert len(pages) == len(set(pages)) == COUNT
    assert set(pages) == {row["id"] for row in rows}
