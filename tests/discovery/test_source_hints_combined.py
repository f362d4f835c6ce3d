"""Source hints are compared per source and combined without losing what only one source says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.discovery.source_hints import HintDigest, combine_hints, complete_hint, digest_of, last_digest, source_key
from archiver.model.items import DiscoverySource, GeoTag, SourceHint

HINT = SourceHint(
    title="Ebb",
    authors=("Ida Brandt", "Tom Hale"),
    published=datetime(2024, 5, 1, 8, tzinfo=UTC),
    categories=("Harbour", "Lights"),
    tags=("nets",),
    geotags=(GeoTag(53.5, 10.0),),
    body_html="<p>The ebb.</p>",
    description="Of the ebb.",
    image="https://quay.example/a.jpg?sig=1",
    language="en",
)
FIRST, SECOND = (source_key(DiscoverySource.FEED, f"https://quay.example/{name}") for name in ("rss", "atom"))
CHANGES = {
    "title": ("text", "Flood"),
    "body_html": ("text", "<p>The flood.</p>"),
    "description": ("details", "Of the flood."),
    "authors": ("details", ("Ida Brandt",)),
    "categories": ("details", ()),
    "tags": ("details", ("nets", "boats")),
    "geotags": ("details", ()),
    "language": ("details", "da"),
    "protected": ("details", True),
    "image": ("details", "https://quay.example/b.jpg"),
    "published": ("date", datetime(2024, 5, 1, 9, tzinfo=UTC)),
    "published_precision": ("date", "day"),
}
SAME = {
    "categories": ("Lights", "Harbour"),
    "image": "https://quay.example/a.jpg?sig=2",
    "published": datetime(2024, 5, 1, 10, tzinfo=timezone(timedelta(hours=2))),
    "modified": datetime(2024, 6, 1, tzinfo=UTC),
    "guid": "quay:1",
}


def differing_parts(one: HintDigest, other: HintDigest) -> list[str]:
    return [name for name in ("text", "details", "date") if getattr(one, name) != getattr(other, name)]


@pytest.mark.parametrize("name", CHANGES)
def test_what_extraction_uses_changes_the_digest(name: str) -> None:
    part, value = CHANGES[name]
    assert differing_parts(digest_of(HINT), digest_of(replace(HINT, **{name: value}))) == [part]


@pytest.mark.parametrize("name", SAME)
def test_what_says_the_same_keeps_the_digest(name: str) -> None:
    assert digest_of(replace(HINT, **{name: SAME[name]})) == digest_of(HINT)


def test_a_digest_is_read_as_it_was_written() -> None:
    assert HintDigest.parse(str(digest_of(HINT))) == digest_of(HINT)
    assert HintDigest.parse(str(HintDigest(details="x"))) == HintDigest(details="x")


def test_each_feed_has_a_digest_of_its_own_unless_it_says_the_same() -> None:
    digest, other = digest_of(HINT), digest_of(replace(HINT, title="Flood"))
    known = {FIRST: str(digest)}
    assert last_digest(known, FIRST, other) == digest
    assert last_digest(known, SECOND, digest) == digest
    assert last_digest(known, SECOND, other) is None


texts = st.sampled_from(["", "one", "two"])
hints = st.builds(
    SourceHint,
    title=texts,
    description=texts,
    guid=texts,
    categories=st.sampled_from([(), ("Harbour",), ("Lights",)]),
    published=st.sampled_from([None, datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC)]),
)
names = ("title", "description", "guid", "categories", "published")


@given(hints, hints)
def test_a_completed_hint_has_its_values_and_those_of_the_other(one: SourceHint, other: SourceHint) -> None:
    both = complete_hint(one, other)
    assert [getattr(both, name) for name in names] == [getattr(one, name) or getattr(other, name) for name in names]


@given(hints, hints)
def test_a_late_source_takes_nothing_from_what_another_said(one: SourceHint, other: SourceHint) -> None:
    known = {FIRST: str(digest_of(one))}
    both = combine_hints(one, known, other, SECOND, is_changed=False)
    assert both == complete_hint(one, other)


@given(hints, hints)
def test_feed_and_sitemap_give_the_same_in_either_order(of_feed: SourceHint, of_sitemap: SourceHint) -> None:
    feed, sitemap = FIRST, source_key(DiscoverySource.SITEMAP, "https://quay.example/sitemap.xml")
    late_feed = combine_hints(of_sitemap, {sitemap: "x"}, of_feed, feed, is_changed=False)
    late_sitemap = combine_hints(of_feed, {feed: "x"}, of_sitemap, sitemap, is_changed=False)
    assert late_feed == late_sitemap


def test_a_source_that_changes_its_mind_counts_first() -> None:
    edited = replace(HINT, title="Flood", body_html="")
    known = {FIRST: "x", SECOND: "y"}
    both = combine_hints(HINT, known, edited, FIRST, is_changed=True)
    assert (both.title, both.body_html) == ("Flood", HINT.body_html)


def test_a_single_source_that_drops_a_value_has_dropped_it() -> None:
    edited = replace(HINT, categories=())
    assert combine_hints(HINT, {FIRST: "x"}, edited, FIRST, is_changed=True) == edited


def test_the_hint_of_an_api_replaces_others_and_is_not_replaced() -> None:
    api = SourceHint(title="Flood", from_api=True)
    assert combine_hints(HINT, {FIRST: "x"}, api, "api", is_changed=False) == api
    assert combine_hints(api, {"api": "x"}, HINT, FIRST, is_changed=False) == api
