"""When a different extraction result of a post is an edit, and when only the extractor has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archiver.model.items import Article, Evidence
from archiver.storage.articles import Change, article_from_row, article_row, replace_extraction
from tests.storage.one_site_archive import AT, POST, TEXT, archive_of_one_site, store

NOTED = replace(POST, body=f"{TEXT}\n\nWrite to the editors.")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with archive_of_one_site(tmp_path) as db:
        yield db


def state(db: Database) -> dict[str, Any]:
    row = next(iter(db.query("select * from articles")))
    last = next(
        iter(
            db.query(
                "select r.*, v.body, v.is_current from revisions r join article_revisions v using (id) "
                "order by r.revision desc limit 1"
            )
        )
    )
    assert last["body"] == row["body"]
    assert last["meaning_digest"] == row["meaning_digest"]
    assert row["body"] not in last["content"] or not last["is_current"]
    names = [r[0] for r in db.execute("select name from authors join article_authors on author_id = id")]
    assert names == json.loads(row["authors"])
    return row | {"changed": json.loads(last["changed"])}


def test_a_value_found_in_the_old_capture_too_is_not_an_edit(db: Database) -> None:
    store(db, NOTED, "0.1.0")
    stored = store(db, POST, "0.1.0 rules-1", [POST], days=3)
    assert (stored.change, stored.changed) == (Change.REEXTRACTED, ("body",))
    row = state(db)
    assert (row["body"], row["revision"], row["extractor"], row["changed"]) == (TEXT, 1, "0.1.0 rules-1", [])
    assert row["last_seen"] > row["first_seen"]


def test_an_edit_lists_only_the_edited_fields(db: Database) -> None:
    store(db, NOTED, "0.1.0")
    stored = store(db, replace(POST, title="Another title", authors=("Ida Brandt",)), "0.1.0 rules-1", [POST])
    assert (stored.change, stored.changed) == (Change.REVISED, ("title", "authors"))
    row = state(db)
    assert (row["title"], row["body"], row["revision"], row["changed"]) == (
        "Another title",
        TEXT,
        2,
        ["title", "authors"],
    )


def test_with_the_same_extractor_or_no_old_capture_every_difference_is_an_edit(db: Database) -> None:
    store(db, NOTED, "0.1.0")
    assert store(db, POST, "0.1.0", [POST]).change is Change.REVISED
    assert store(db, NOTED, "0.2.0", []).change is Change.REVISED


def test_an_unknown_extractor_counts_as_another_extractor(db: Database) -> None:
    store(db, NOTED, None)
    assert store(db, POST, "0.1.0", [POST]).change is Change.REEXTRACTED


def test_one_of_several_readings_of_the_old_capture_suffices(db: Database) -> None:
    store(db, replace(POST, title="A  post: by rules"), "0.1.0 rules-1")
    assert store(db, NOTED, "0.1.0 rules-2", [POST, NOTED]).change is Change.REEXTRACTED


def test_a_page_that_the_rules_do_not_match_does_not_replace_their_reading(db: Database) -> None:
    store(db, POST, "0.1.0 rules-1")
    assert store(db, NOTED, "0.1.0", [POST, NOTED]).change is Change.UNCHANGED
    row = state(db)
    assert (row["body"], row["extractor"]) == (TEXT, "0.1.0 rules-1")
    assert store(db, replace(NOTED, title="Edited"), "0.1.0", [POST, NOTED]).changed == ("title",)


def hinted(title: str, source: str) -> Article:
    return replace(POST, title=title, evidence=(Evidence("title", title, source, "title", 0.9),))


@pytest.mark.parametrize("source", ["api", "feed"])
def test_a_changed_hint_is_an_edit_although_the_old_capture_lacks_it(db: Database, source: str) -> None:
    store(db, hinted("A post", source), "0.1.0")
    new = hinted("A post, corrected", source)
    assert store(db, new, "0.2.0", [new]).changed == ("title",)


def test_an_unchanged_hint_is_not_an_edit(db: Database) -> None:
    store(db, replace(hinted("A post", "api"), title="a post."), "0.1.0")
    assert store(db, hinted("A post", "api"), "0.2.0", [POST]).change is Change.REEXTRACTED


def test_a_text_assembled_from_stored_data_keeps_its_extractor(db: Database) -> None:
    store(db, POST, "0.1.0 rules-1")
    assert store(db, NOTED, None, [NOTED]).change is Change.REVISED
    assert state(db)["extractor"] == "0.1.0 rules-1"


def test_a_new_reading_replaces_only_the_reading_it_was_made_for(db: Database) -> None:
    store(db, NOTED, "0.1.0")
    begun, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
    with db.atomic():
        db.execute("insert into runs (id, site_id, mode, started_at) values (7, 1, 'full', '2026-01-01')")
        db.execute(
            "insert into captures (id, run_id, url, captured_at) values (70, 7, ?, '2026-01-02T00:00:00+00:00')",
            [NOTED.url],
        )
        db.execute("update articles set capture_id = 70")
        assert not replace_extraction(db, NOTED, POST, "0.1.0 rules-1", later)
        assert not replace_extraction(db, POST, POST, "0.1.0 rules-1", begun)
        assert replace_extraction(db, NOTED, POST, "0.1.0 rules-1", begun)
        assert not replace_extraction(db, replace(NOTED, url="https://low.example/b/"), POST, "0.1.0 rules-1", begun)
    row = state(db)
    assert (row["body"], row["revision"], row["extractor"]) == (TEXT, 1, "0.1.0 rules-1")


def test_duplicates_are_updated_when_a_text_is_extracted_differently(db: Database) -> None:
    store(db, NOTED, "0.1.0")
    twin = replace(POST, url="https://low.example/b/", title="Another", published=AT + timedelta(days=40))
    store(db, twin, "0.1.0")
    assert db.execute("select count(*) from articles where duplicate_of is not null").fetchone() == (0,)
    store(db, POST, "0.1.0 rules-1", [POST])
    assert db.execute("select id, duplicate_of from articles where duplicate_of is not null").fetchall() == [(2, 1)]


@pytest.mark.parametrize("name", ["credits", "geotags", "description", "modified"])
def test_a_revision_older_than_a_field_is_read_without_it(name: str) -> None:
    row = article_row(POST)
    del row[name]
    assert article_from_row(row) == POST


def test_a_text_that_an_article_older_than_its_field_lacks_is_empty() -> None:
    assert article_from_row({**article_row(POST), "description": None}).description == ""
