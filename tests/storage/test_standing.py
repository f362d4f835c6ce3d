"""The current revision is stored in `articles` alone, and no revision loses its content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from archiver.model.fields import PAGE_FIELDS
from archiver.model.items import Article, GeoTag
from archiver.storage.article_records import revision_record
from archiver.storage.articles import Observation, article_from_revision, article_row, revision_rows, store_article
from archiver.storage.columns import LISTS, TEXTS
from archiver.storage.database import open_archive
from archiver.storage.schema import migrations

AT = datetime(2024, 5, 1, 8, tzinfo=UTC)
TEXT = 'The harbour master counted the boats before the ferry came.\n\nThere were "eleven" — and a dinghy \\ raft.'
POST = Article(
    "https://low.example/a/",
    title="Eleven boats",
    body=TEXT,
    authors=("Marta Oliveira",),
    published=AT,
    published_precision="minute",
    modified=AT,
    tags=("boats", "é"),
    geotags=(GeoTag(38.7, -9.1, "Quay"),),
    language="en",
    canonical_url="https://low.example/a/",
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_archive(tmp_path / "a.db", create=True)
    yield db
    db.close()


def store(db: Database, article: Article, days: int = 0, site: str = "low.example") -> None:
    with db.atomic():
        store_article(db, site, article, Observation(AT + timedelta(days=days), AT, extractor="0.3.0"))


def test_every_field_of_a_revision_is_known() -> None:
    assert sorted((*TEXTS, *LISTS)) == sorted(PAGE_FIELDS)


def test_a_text_is_stored_once(db: Database, tmp_path: Path) -> None:
    store(db, POST)
    assert db.execute("select content from revisions").fetchone() == ("{}",)
    db.execute("pragma wal_checkpoint(truncate)")
    assert (tmp_path / "a.db").read_bytes().count(b"counted the boats before") == 1


def test_a_newer_modified_time_does_not_change_the_revision(db: Database) -> None:
    store(db, POST)
    store(db, replace(POST, modified=AT + timedelta(days=2)), days=3)
    assert set(json.loads(db.execute("select content from revisions").fetchone()[0])) == {
        "url",
        "canonical_url",
        "modified",
        "description",
        "image",
        "access",
    }
    assert revision_record(db, 1, 1)["modified"] == AT.isoformat()
    assert db.execute("select modified from article_revisions").fetchone() == (AT.isoformat(),)


def test_a_value_overwritten_by_another_program_stays_in_the_revision(db: Database) -> None:
    store(db, POST)
    db.execute("update articles set title = 'x', body = 'y', tags = '[' where id = 1")
    db.execute("update articles set title = 'z' where id = 1")
    row = next(iter(revision_rows(db, "r.article_id = 1")))
    assert article_from_revision(row) == POST
    assert db.execute("select title, body, tags, is_current from article_revisions").fetchone() == (
        POST.title,
        TEXT,
        '["boats","é"]',
        1,
    )


def test_a_revision_with_invalid_json_does_not_affect_others(db: Database) -> None:
    store(db, POST)
    store(db, replace(POST, url="https://low.example/b/", canonical_url=None, title="Other", body=f"{TEXT} Other."))
    db.execute("update revisions set content = '{' where article_id = 1")
    assert [row["said"] == "{" for row in revision_rows(db, "1 order by r.id")] == [True, False]
    db.execute("update articles set title = 'x' where id = 1")


_READINGS = st.builds(
    lambda title, body, tags, stamp: replace(
        POST, title=title, body=TEXT + body, tags=tags, modified=AT + timedelta(days=stamp)
    ),
    st.sampled_from(["A", "B", "C"]),
    st.sampled_from(["", " More.", " Less.\n\nAnd more \U0001f600."]),
    st.sampled_from([(), ("x",), ("x", "ü")]),
    st.integers(0, 2),
)


@given(st.lists(_READINGS, min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_revisions_equal_the_readings(readings: list[Article]) -> None:
    """After each extraction the current revision has its content, and all others keep theirs."""
    db = Database(memory=True)
    migrations().apply(db)
    said: dict[int, Any] = {}
    for day, reading in enumerate(readings):
        store(db, reading, days=day)
        now = db.execute("select revision from articles").fetchone()[0]
        found = {row["revision"]: article_from_revision(row) for row in revision_rows(db, "1")}
        assert replace(found[now], modified=None) == replace(reading, modified=None)
        assert {n: a for n, a in found.items() if n in said and n != now} == {n: a for n, a in said.items() if n != now}
        said = found
        standing = db.execute("select content from revisions where revision = ?", [now]).fetchone()[0]
        assert "body" not in standing
        assert "title" not in standing
    rows = list(db.query(f"select revision, {', '.join(PAGE_FIELDS)} from article_revisions"))
    assert all(
        {**row, **{n: json.loads(row[n]) for n in LISTS}}
        == {
            "revision": row["revision"],
            **article_row(said[row["revision"]]),
            **{n: json.loads(article_row(said[row["revision"]])[n]) for n in LISTS},
        }
        for row in rows
    )
    db.close()
