"""Saved searches after a takedown."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from archiver.search import search_feeds
from archiver.search.query import Query
from archiver.storage.database import open_archive
from tests.merging.merging import Seen, make
from tests.takedown.removing import command

AUGUST = datetime(2026, 8, 1, tzinfo=UTC)


def keep(archive: Path, name: str, text: str) -> None:
    with closing(open_archive(archive)) as db:
        search_feeds.save_search(db, name, Query(text), AUGUST)


def test_removed_posts_are_in_no_saved_search(tmp_path: Path) -> None:
    archive = make(tmp_path / "a", [Seen(0, 1, 1), Seen(0, 2, 1)])
    keep(archive, "keepers", "keeper")
    with closing(open_archive(archive)) as db:
        db.execute("delete from saved_search_hits")
        assert len(search_feeds.run_saved_search(db, "keepers").new) == 2
    assert command(archive, "remove", "1", "--reason", "asked for", "--yes").exit_code == 0
    with closing(open_archive(archive)) as db:
        assert [one.hit.id for one in search_feeds.last_reported(db, "keepers")] == [2]
        assert db.execute("select article_id from saved_search_hits").fetchall() == [(2,)]
