"""Two extractions of the same capture: which values are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.revision_order import (
    differing_fields,
    edits_after_reextraction,
    kept_fields,
    merge_extracted_fields,
    with_source_values,
)
from archiver.model.fields import EVIDENCE
from archiver.model.items import PAGE_OBJECT, Article, Evidence

TEXT = "The ferry runs again since Monday, and the winch at the slipway has been mended at last. "
STORED = Article(
    "https://low.example/a/",
    title="The ferry",
    body=TEXT * 6,
    authors=("Ann Rowe",),
    tags=("boats",),
    published=datetime(2024, 5, 1, tzinfo=UTC),
    published_precision="day",
    post_id="wordpress:7",
)
READ = replace(STORED, body=TEXT * 5 + "Write to us.", authors=("Tom Hale",), post_id="")


def entry(name: str, value: str, source: str, won: int = 1) -> dict[str, Any]:
    return {"field": name, "value": value, "source": source, "locator": "", "confidence": 0.9, "won": won}


def kept_of(reading: Article, then: list[dict[str, Any]], *, with_hint: bool = True) -> set[str]:
    return set(kept_fields(STORED, then, reading, with_hint=with_hint))


def test_fields_of_the_page_are_extracted_again() -> None:
    assert kept_of(READ, [entry("body", "x", "class")]) == set()
    shorter = replace(READ, body=TEXT * 4)
    assert kept_of(shorter, [entry("body", "x", "class")]) == set()  # the earlier extraction had too much text


def test_a_source_text_that_is_no_longer_stored_is_kept() -> None:
    assert kept_of(replace(READ, body=TEXT * 3), [entry("body", "x", "feed")]) == {"body", "credits"}
    assert kept_of(replace(READ, body="Another text altogether. " * 30), [entry("body", "x", "feed")]) == set()


@pytest.mark.parametrize("body", ["", "Subscribe to read the full story."])
def test_a_capture_without_text_does_not_remove_the_body(body: str) -> None:
    assert kept_of(replace(READ, body=body, title="", authors=()), []) == {
        "body",
        "credits",
        "title",
        "authors",
    }


@given(st.dictionaries(st.sampled_from(EVIDENCE), st.sampled_from(("api", "feed", "sitemap", "meta", "class"))))
def test_what_only_a_source_gave_is_kept_where_its_hint_is_not_known(sources: dict[str, str]) -> None:
    then = [entry(name, "x", source) for name, source in sources.items()]
    given_by_source = {name for name, source in sources.items() if source in ("api", "feed", "sitemap")}
    assert kept_of(READ, then, with_hint=False) >= given_by_source
    assert kept_of(READ, then, with_hint=False) <= given_by_source | {"body", "credits"}
    assert kept_of(READ, then, with_hint=True) <= {"body", "credits"}


def test_what_a_page_object_returned_replaces_what_would_be_kept() -> None:
    decided = tuple(Evidence(name, "", PAGE_OBJECT, "", 1.0) for name in ("body", "title", "tags"))
    reading = replace(READ, body="Subscribe to read the full story.", title="", tags=(), evidence=decided)
    then = [entry("tags", "boats", "api")]
    assert kept_of(replace(reading, evidence=()), then, with_hint=False) >= {"body", "title", "tags"}
    assert kept_of(reading, then, with_hint=False) == {"credits"}


def test_what_a_page_object_leaves_empty_is_not_taken_from_a_source() -> None:
    then, without = [entry("tags", "boats", "api")], replace(READ, tags=())
    empty = replace(without, evidence=(Evidence("tags", "", PAGE_OBJECT, "", 1.0),))
    assert with_source_values(without, STORED, then).tags == ("boats",)
    assert with_source_values(empty, STORED, then).tags == ()


def test_a_source_value_that_was_not_chosen_is_not_kept() -> None:
    then = [entry("title", "The boat", "feed", won=0), entry("title", "The ferry", "class")]
    assert kept_of(READ, then, with_hint=False) == set()


@given(st.sets(st.sampled_from(EVIDENCE)))
def test_only_the_given_fields_change(fields: set[str]) -> None:
    reading = Article(
        "https://low.example/b/",
        "New",
        "Other",
        ("Tom",),
        datetime(2020, 1, 1, tzinfo=UTC),
        "second",
        datetime(2021, 1, 1, tzinfo=UTC),
        ("C",),
        ("T",),
        language="de",
        description="D",
        image="I",
        canonical_url="U",
        credits=("AP",),
        access="paid",
    )
    after = merge_extracted_fields(STORED, reading, fields)
    assert set(differing_fields(STORED, after)) == fields - {"geotags"}
    assert (after.url, after.post_id) == (STORED.url, STORED.post_id)
    assert (after.published_precision == "second") == ("published" in fields)
    assert merge_extracted_fields(STORED, STORED, fields) == STORED


def test_an_edit_is_recomputed_from_both_readings() -> None:
    new = replace(STORED, title="The boat", tags=("boats", "ropes"))
    assert edits_after_reextraction(STORED, new, ("body", "title"), EVIDENCE) == ("title", "tags")
    assert edits_after_reextraction(STORED, new, ("body", "title"), ("tags",)) == ("title", "body", "tags")
