"""The feed of a query: which articles it contains, and what its two writers write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree
from sqlite_utils import Database

from archiver.search.query import Query
from archiver.search.search_feeds import ATOM, changes_feed, write_atom
from archiver.storage.database import open_archive
from tests.archive_fixture import NOW, make_archive
from tests.search.writing import beside, edit, write

LATER, LATEST = "2024-07-01T10:00:00.000000+00:00", "2024-08-01T10:00:00.000000+00:00"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with closing(open_archive(make_archive(tmp_path / "archive.db"))) as opened:
        yield opened


def ids(feed_of: Query, db: Database, most: int = 100) -> list[tuple[str, str]]:
    return [(one.title, one.reason) for one in changes_feed(db, feed_of, most).entries]


def test_a_feed_has_what_changed_last_first(db: Database) -> None:
    write(db, 7, "A spring tide", "High water at noon.", first_seen=LATER)
    with beside(db) as other:
        other.execute("update revisions set observed_at = ? where article_id = 7", [LATER])
        other.execute("update articles set gone_at = ? where id = 2", [LATEST])
    found = ids(Query("tide"), db)
    assert found[:2] == [("Fog", "gone"), ("A spring tide", "new")]
    assert ("Tide tables for the café quay", "edited") in found
    assert ids(Query("tide"), db, most=1) == found[:1]


def test_an_edit_changes_the_time_of_an_entry_but_not_its_id(db: Database) -> None:
    write(db, 7, "A spring tide", "High water at noon.")
    before = changes_feed(db, Query("spring")).entries[0]
    edit(db, 7, title="A spring tide, measured")
    with beside(db) as other:
        other.execute("update revisions set observed_at = ? where article_id = 7 and revision = 2", [LATER])
    after = changes_feed(db, Query("spring")).entries[0]
    assert (after.id, after.updated, after.reason) == (before.id, LATER, "edited")
    assert before.updated == NOW


def test_the_id_of_a_feed_is_that_of_its_query(db: Database) -> None:
    assert changes_feed(db, Query("tide")).id == changes_feed(db, Query("tide", sort="-date")).id
    assert changes_feed(db, Query("tide")).id != changes_feed(db, Query("fog")).id


def test_a_feed_says_where_it_is_and_what_it_has(db: Database) -> None:
    feed = changes_feed(db, Query("tide OR 学习"), own_url="https://a.example/feed", home_url="https://a.example/")
    atom = etree.fromstring(write_atom(feed))
    assert [e.findtext(f"{{{ATOM}}}id") for e in atom.findall(f"{{{ATOM}}}entry")] == [one.id for one in feed.entries]
    assert {link.get("rel"): link.get("href") for link in atom.findall(f"{{{ATOM}}}link")} == {
        "self": "https://a.example/feed",
        "alternate": "https://a.example/",
    }


def test_a_feed_without_entries_is_valid(db: Database) -> None:
    feed = changes_feed(db, Query("nosuchword"))
    assert etree.fromstring(write_atom(feed)).findtext(f"{{{ATOM}}}updated") == "1970-01-01T00:00:00Z"
