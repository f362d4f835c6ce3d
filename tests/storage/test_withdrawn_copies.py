"""A withdrawn article is neither the original nor a copy of other articles with its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.storage.articles import restore_article, withdraw_article
from tests.storage.one_site_archive import AT, POST, SITE, archive_of_one_site, store


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An archive of three articles with the same text, the first published first."""
    with archive_of_one_site(tmp_path) as db:
        for number, title in enumerate(("May 2024", "A post", "The post again")):
            url, published = f"https://{SITE}/{number}/", AT + timedelta(days=number)
            store(db, replace(POST, url=url, title=title, guid=url, published=published), None)
        yield db


def originals(db: Database) -> list[int | None]:
    return [row[0] for row in db.execute("select duplicate_of from articles order by id")]


def test_the_next_article_becomes_the_original(db: Database) -> None:
    assert originals(db) == [None, 1, 1]
    withdraw_article(db, 1, "it is no post", AT)
    assert originals(db) == [None, None, 2]


def test_an_article_that_is_a_post_again_is_the_original_again(db: Database) -> None:
    withdraw_article(db, 1, "it is no post", AT)
    restore_article(db, 1)
    assert originals(db) == [None, 1, 1]


def test_a_new_article_is_no_copy_of_a_withdrawn_one(db: Database) -> None:
    for number in (1, 2, 3):
        withdraw_article(db, number, "it is no post", AT)
    url = f"https://{SITE}/new/"
    store(db, replace(POST, url=url, title="New", guid=url, published=AT + timedelta(days=9)), None)
    assert originals(db) == [None, None, None, None]
