"""Saved searches of an archive that is merged into another."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from archiver.archive import Archive
from archiver.search import search_feeds
from archiver.search.query import Query
from archiver.storage.database import open_archive
from tests.merging.merging import Seen, make, merge
from tests.takedown.removing import command

AUGUST = datetime(2026, 8, 1, tzinfo=UTC)


def keep(archive: Path, name: str, text: str) -> None:
    with closing(open_archive(archive)) as db:
        search_feeds.save_search(db, name, Query(text), AUGUST)


def new_hits(archive: Path, name: str) -> dict[str, str]:
    with closing(open_archive(archive)) as db:
        return {one.hit.url.rpartition("/")[2]: one.why for one in search_feeds.run_saved_search(db, name).new}


def test_saved_searches_with_a_free_name_are_copied_with_their_hits(tmp_path: Path) -> None:
    ours = make(tmp_path / "a", [Seen(0, 1, 1), Seen(0, 4, 1)])
    theirs = make(tmp_path / "b", [Seen(1, 2, 1), Seen(1, 1, 1)])
    keep(ours, "both", "keeper")
    keep(theirs, "Both", "wording")
    keep(theirs, "theirs", "keeper")
    done = command(ours, "merge", str(theirs), "--yes")
    assert ": Both" in done.output
    with Archive(ours) as archive:
        assert [(one.saved.name, one.saved.query.text) for one in search_feeds.saved_search_states(archive.db)] == [
            ("both", "keeper"),
            ("theirs", "keeper"),
        ]
    assert new_hits(ours, "theirs") == {"4": "new"}  # it has not reported this one yet
    assert new_hits(ours, "both") == {"2": "new"}
    again = merge(ours, theirs)
    assert (again.searches, again.searches_kept_out) == (0, ["Both"])
    assert new_hits(ours, "theirs") == new_hits(ours, "both") == {}


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
