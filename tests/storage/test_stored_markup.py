"""The markup of a text in the archive: it is stored with its text, and a changed link or picture is an edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.model.items import Article, Mark
from archiver.search.revision_diff_as_data_or_html import operations
from archiver.storage.article_records import record, revision_record
from archiver.storage.articles import Change, article_from_row
from archiver.storage.full_text import make_fts
from tests.storage.one_site_archive import POST, archive_of_one_site, store

LINK = Mark(0, 4, "a", "https://other.example/first")
PICTURE = Mark(0, 0, "figure", "https://one.example/up/cat.jpg", "A cat", "It sleeps")
MARKED = replace(POST, markup=(PICTURE, LINK), captions=("It sleeps", "A cat"))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with archive_of_one_site(tmp_path) as db:
        yield db


def stored_article(db: Database) -> Article:
    return article_from_row(next(iter(db.query("select * from articles"))))


def test_markup_is_stored_and_read_again(db: Database) -> None:
    store(db, MARKED, "0.1.0")
    assert stored_article(db).markup == MARKED.markup


def test_a_record_has_the_markup_as_lists(db: Database) -> None:
    article_id = store(db, MARKED, "0.1.0").article_id
    assert record(db, article_id)["markup"] == [
        [0, 0, "figure", "https://one.example/up/cat.jpg", "A cat", "It sleeps"],
        [0, 4, "a", "https://other.example/first"],
    ]


def test_markup_that_another_program_wrote_wrongly_is_read_as_none(db: Database) -> None:
    article_id = store(db, MARKED, "0.1.0").article_id
    db.execute("update articles set markup = ?", [json.dumps([[1], "x", [0, 2, "script"], [0, 2, "em"]])])
    assert record(db, article_id)["markup"] == [[0, 2, "em"]]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param((PICTURE, replace(LINK, value="https://other.example/second")), id="another link"),
        pytest.param((PICTURE,), id="a link less"),
        pytest.param((LINK,), id="a picture less"),
        pytest.param((), id="nothing left"),
    ],
)
def test_a_changed_link_or_picture_is_an_edit_of_its_own_kind(db: Database, changed: tuple[Mark, ...]) -> None:
    store(db, MARKED, "0.1.0")
    stored = store(db, replace(MARKED, markup=changed), "0.1.0", days=1)
    assert (stored.change, stored.changed) == (Change.REVISED, ("markup",))
    assert stored_article(db).markup == changed


@pytest.mark.parametrize(
    "same",
    [
        pytest.param((PICTURE, LINK, Mark(0, 4, "h2")), id="a heading"),
        pytest.param((replace(PICTURE, value="https://cdn.example/cat-300x200.jpg?v=2"), LINK), id="a moved picture"),
        pytest.param((PICTURE, replace(LINK, value="http://www.other.example/first/?utm=1")), id="the same link"),
    ],
)
def test_other_structure_and_other_forms_of_an_address_are_no_edit(db: Database, same: tuple[Mark, ...]) -> None:
    store(db, MARKED, "0.1.0")
    assert store(db, replace(MARKED, markup=same), "0.1.0", days=1).change is Change.UNCHANGED


def test_a_comparison_of_revisions_names_links_and_pictures(db: Database) -> None:
    article_id = store(db, MARKED, "0.1.0").article_id
    store(db, replace(MARKED, markup=(replace(LINK, value="https://other.example/second"),)), "0.1.0", days=1)
    found = operations(revision_record(db, article_id, 1), revision_record(db, article_id, 2))["markup"]
    assert found == {
        "added": ["link https://other.example/second"],
        "removed": ["image https://one.example/up/cat.jpg", "link https://other.example/first"],
    }


def test_captions_are_searched_but_not_part_of_the_body(db: Database) -> None:
    store(db, MARKED, "0.1.0")
    make_fts(db)
    assert db.execute("select count(*) from articles_fts where articles_fts match 'captions:sleeps'").fetchone() == (1,)
    assert "sleeps" not in stored_article(db).body
