"""Runs of captures with equal meaning: where the extraction result of a historical capture is inserted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.revision_order import Placement, RevisionRun, Sighting, insert_into_runs
from archiver.model.items import Article

START = datetime(2009, 1, 1, tzinfo=UTC)
TEXTS = ("The first text of it.", "The second text of it.", "The third text of it.")


def version(day: int, text: str) -> RevisionRun:
    article = Article(url="https://low.example/a/", title="A post", body=text)
    return RevisionRun(START + timedelta(days=day), article, day, f"{day}")


def inserted_runs(readings: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Insert extraction results in this order, and return the resulting runs as (day, text)."""
    versions: tuple[RevisionRun, ...] = ()
    seen: list[tuple[int, str]] = []
    for day, text in readings:
        seen.append((day, text))
        reading = version(day, text)
        if not versions:
            versions = (replace(reading, number=1),)
            continue
        n = max((i for i, v in enumerate(versions) if v.at <= reading.at), default=None)
        until = versions[n + 1].capture if n is not None and n + 1 < len(versions) else 10**6
        later = [d for d, _ in seen if n is not None and day < d < until]
        again = Sighting(START + timedelta(days=min(later)), min(later), f"{min(later)}") if later else None
        woven, _ = insert_into_runs(versions, reading, again)
        versions = tuple(replace(v, number=i) for i, v in enumerate(woven, 1))
    return [(v.capture or 0, v.article.body) for v in versions]


def runs(readings: list[tuple[int, str]]) -> list[tuple[int, str]]:
    out: list[tuple[int, str]] = []
    for day, text in sorted(readings):
        if not out or out[-1][1] != text:
            out.append((day, text))
    return out


@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from(TEXTS)), min_size=1, max_size=12, unique_by=lambda r: r[0])
)
def test_any_order_of_readings_gives_the_same_runs(readings: list[tuple[int, str]]) -> None:
    assert inserted_runs(readings) == runs(readings)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from(TEXTS)), min_size=1, max_size=8, unique_by=lambda r: r[0])
)
def test_the_same_readings_again_change_nothing(readings: list[tuple[int, str]]) -> None:
    assert inserted_runs(readings + readings) == runs(readings)


def test_a_stub_between_whole_texts_is_not_a_revision() -> None:
    whole, stub = version(1, TEXTS[0] * 20), version(3, "Subscribe to read this.")
    assert insert_into_runs((replace(whole, number=1),), stub, None) == ((replace(whole, number=1),), Placement.STUB)
    woven, _ = insert_into_runs((replace(stub, number=1),), whole, None)
    assert [v.article.body for v in woven] == [whole.article.body]


def test_a_reading_by_another_extractor_keeps_the_stored_words() -> None:
    stored, reading = replace(version(5, TEXTS[0]), number=1), version(2, TEXTS[1])
    (only,), placed = insert_into_runs((stored,), reading, None, lambda a, b: ())
    assert (only.article, only.at, only.number, placed) == (stored.article, reading.at, 1, Placement.EXTENDED)
