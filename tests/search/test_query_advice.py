"""Advice on queries that find nothing: corrected words, fields and names, and wider queries."""

from __future__ import annotations

from typing import Any

import pytest

from archiver.archive import Archive
from archiver.search.advice import Advice, Suggestion, advise
from archiver.search.query import Query
from archiver.search.search_hits import plan_query


def advice(archive: Archive, text: str = "", **filters: Any) -> Advice:
    query = Query(text, **filters)
    return advise(plan_query(archive.db, query), query)


def first_of(found: Advice) -> Suggestion:
    return found.corrected or found.wider[0]


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("arbour", "harbour"),
        ("tdie OR harbuor", "tide OR harbour"),
        ("in:2024 fgo", "date:2024 fog"),
        ("lighthuse", "lighthouse"),
        ("ligthouse", "lighthouse"),
        ("tide tabels", "tide tables"),
        ('"tide tabels" -fog', '"tide tables" -fog'),
        ("tilte:fog", "title:fog"),
        ("auther:Ada", "author:Ada"),
        ("auther:Aad", "author:ada"),
        ("fog before:2030", "fog date:..2030"),
        ("author:Krugre", "author:kruger"),
        ("tag:tidse", "tag:tides"),
        ("site:harbor.example", "site:harbour.example"),
        ("lamp zebra", "lamp"),
        ("lamp fog", "lamp OR fog"),
    ],
)
def test_a_query_is_corrected_to_one_that_finds_something(archive: Archive, text: str, suggested: str) -> None:
    first = first_of(advice(archive, text))
    assert first.query.text == suggested
    assert first.total == archive.results(suggested).total > 0


@pytest.mark.parametrize(
    ("filters", "suggested"),
    [
        ({"author": ("Ada Breg",)}, {"author": ("Ada Berg",)}),
        ({"category": ("Habour",)}, {"category": ("Harbour",)}),
        ({"tag": ("tide",)}, {"tag": ("tides",)}),
        ({"text": "fog", "category": ("Cookery",)}, {"text": "fog", "category": ()}),
        ({"text": "fog", "since": "2030"}, {"text": "fog", "since": None}),
        ({"text": "fog", "near": (0.0, 0.0)}, {"text": "fog", "near": None}),
    ],
)
def test_filters_are_corrected_or_left_out(
    archive: Archive, filters: dict[str, Any], suggested: dict[str, Any]
) -> None:
    first = first_of(advise(plan_query(archive.db, query := Query(**filters)), query))
    assert {name: getattr(first.query, name) for name in suggested} == suggested
    assert first.total > 0


@pytest.mark.parametrize(
    ("query", "note"),
    [
        (Query("zebra"), "No article contains 'zebra'."),
        (Query("lamp zebra"), "No article contains 'zebra'."),
        (Query("zebra giraffe okapi"), "No article contains 'zebra', 'giraffe' or 'okapi'."),
        (Query(category=("Cookery",)), "No article has the category 'Cookery'. The categories are Harbour, "),
        (Query("site:nowhere.org"), "There is no site 'nowhere.org'. The sites are harbour.example"),
        (Query("language:qq"), "No article has the language 'qq'. The languages are en"),
        (Query(author=("Ada Breg",)), "No article has the author 'Ada Breg'; did you mean 'Ada Berg'?"),
    ],
)
def test_a_note_says_what_the_archive_does_not_have(archive: Archive, query: Query, note: str) -> None:
    assert advise(plan_query(archive.db, query), query).notes[0].startswith(note)


@pytest.mark.parametrize("text", ["zzzzzzzz", "灯塔", "12345", "x" * 60])
def test_nothing_is_suggested_where_nothing_is_similar(archive: Archive, text: str) -> None:
    found = advice(archive, text)
    assert (found.corrected, found.wider) == (None, ())
