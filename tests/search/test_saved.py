"""Saved searches: each new match is reported once, with its reason."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlite_utils import Database

from archiver.model.errors import BadQuery, BadSearchName, SavedSearchNotFound, SavedSearchUnreadable
from archiver.search import search_feeds
from archiver.search.query import Query, query_as_options
from archiver.search.search_feeds import ATOM, atom_feed
from archiver.storage import full_text
from archiver.storage.database import open_archive
from tests.archive_fixture import NOW, make_archive
from tests.processes import SERVER
from tests.search.writing import beside, delete, edit, write

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with closing(open_archive(make_archive(tmp_path / "archive.db"))) as opened:
        yield opened


def new_ids(news: search_feeds.NewHits) -> list[tuple[int, str]]:
    return [(one.hit.id, one.why) for one in news.new]


def test_matches_at_the_time_of_saving_are_not_new(db: Database) -> None:
    search_feeds.save_search(db, "tides", Query("tide"))
    assert new_ids(search_feeds.run_saved_search(db, "tides")) == []
    assert search_feeds.run_saved_search(db, "tides").total == 2


def test_an_article_is_reported_once_with_its_reason(db: Database) -> None:
    search_feeds.save_search(db, "tides", Query("tide"))
    write(db, 7, "A spring tide", "High water at noon.")
    edit(db, 3, title="The lighthouse is dark at low tide")
    with beside(db) as other:
        other.execute("update articles set description = 'The tide, unseen' where id = 6")
    assert new_ids(search_feeds.peek_saved_search(db, "TIDES")) == new_ids(search_feeds.peek_saved_search(db, "tides"))
    news = search_feeds.run_saved_search(db, "tides")
    assert sorted(new_ids(news)) == [(3, "edited"), (6, "changed"), (7, "new")]
    assert news.total == 5
    assert new_ids(search_feeds.run_saved_search(db, "tides")) == []
    edit(db, 7, title="A spring tide, measured")
    edit(db, 3, title="The lighthouse is dark")
    edit(db, 3, title="The lighthouse is dark at high tide", revision=3)
    assert new_ids(search_feeds.run_saved_search(db, "tides")) == []


def test_times_are_utc_and_never_decrease(db: Database) -> None:
    first = search_feeds.save_search(db, "tides", Query("tide"), datetime(2024, 7, 1, 2, tzinfo=UTC))
    assert (first.saved_at, first.ran_at) == ("2024-07-01T02:00:00.000000+00:00",) * 2
    news = search_feeds.run_saved_search(db, "tides", datetime.fromisoformat("2024-07-02T05:00+05:00"))
    assert (news.since, news.saved.ran_at) == (first.saved_at, "2024-07-02T00:00:00.000000+00:00")
    search_feeds.run_saved_search(db, "tides", datetime(2024, 6, 1, tzinfo=UTC))  # the clock was set back
    assert search_feeds.find_saved_search(db, "tides").ran_at == "2024-07-02T00:00:00.000000+00:00"


def test_imported_articles_are_new_however_old_they_are(db: Database) -> None:
    search_feeds.save_search(db, "tides", Query("tide"))
    write(db, 7, "Neap tide", "Of old.", first_seen="2001-01-01T00:00:00+00:00")
    assert new_ids(search_feeds.run_saved_search(db, "tides")) == [(7, "new")]


def test_a_copy_of_a_reported_article_is_not_new(db: Database) -> None:
    search_feeds.save_search(db, "lamp", Query("lamp"))
    search_feeds.save_search(db, "every lamp", Query("lamp", fold="none"))
    write(db, 7, "Dark", "Nobody lit the lamp, and the lamp stayed dark. A keeper is sought.", duplicate_of=3)
    assert new_ids(search_feeds.run_saved_search(db, "lamp")) == []
    assert new_ids(search_feeds.run_saved_search(db, "every lamp")) == [(7, "new")]
    with beside(db) as other:  # now another article is the original
        other.execute("update articles set duplicate_of = nullif(4, id) where id in (3, 4, 7)")
    assert new_ids(search_feeds.run_saved_search(db, "lamp")) == []


def test_a_reused_id_is_a_new_article(db: Database) -> None:
    write(db, 7, "Ebb tide", "Low.")
    search_feeds.save_search(db, "tides", Query("tide"))
    delete(db, 7)
    assert new_ids(search_feeds.run_saved_search(db, "tides")) == []
    write(db, 7, "Flood tide", "High.")
    assert new_ids(search_feeds.run_saved_search(db, "tides")) == [(7, "new")]


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.sampled_from(["write", "edit in", "edit out", "run", "run", "peek"]), max_size=10))
def test_each_article_is_reported_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, archive_file: Path, steps: list[str]
) -> None:
    file = Path(shutil.copy(archive_file, tmp_path_factory.mktemp("law") / "archive.db"))
    with closing(open_archive(file)) as db:
        search_feeds.save_search(db, "tides", Query("tide"))
        seen: list[int] = []
        ever = {1, 2}
        number = 6
        for step in [*steps, "run"]:
            if step == "write":
                number += 1
                write(db, number, f"Tide {number}", f"Water {number}.")
            elif step.startswith("edit"):
                edit(db, 3, title="At low tide" if step == "edit in" else "Dark", revision=2)
            elif step == "run":
                news = search_feeds.run_saved_search(db, "tides")
                seen += [one.hit.id for one in news.new]
                ever |= {row[0] for row in db.execute("select id from articles where title like '%tide%'")}
            else:
                search_feeds.peek_saved_search(db, "tides")
        assert sorted(seen) == sorted(ever - {1, 2})
        assert len(seen) == len(set(seen))


def test_concurrent_runs_report_each_article_once(db: Database, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    search_feeds.save_search(db, "tides", Query("tide"))
    file = tmp_path / "archive.db"

    def writer() -> list[int]:
        with closing(open_archive(file)) as own:
            for number in range(7, 47):
                write(own, number, f"Tide {number}", f"Water {number}.")
        return []

    def runner() -> list[int]:
        with closing(open_archive(file)) as own:
            return [one.hit.id for _ in range(6) for one in search_feeds.run_saved_search(own, "tides").new]

    with ThreadPoolExecutor(3) as pool:
        found = [
            number
            for future in [pool.submit(writer), pool.submit(runner), pool.submit(runner)]
            for number in future.result()
        ]
    found += [one.hit.id for one in search_feeds.run_saved_search(db, "tides").new]
    assert sorted(found) == list(range(7, 47))


def run_and_die(file: Path, name: str, after: bool) -> None:
    """Run the search, and kill this process before or after this step."""
    real = getattr(full_text, name, None) or getattr(search_feeds, name)
    place = full_text if hasattr(full_text, name) else search_feeds

    def killed(*words: Any, **more: Any) -> Any:
        if after:
            real(*words, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(place, name, killed)
    with closing(open_archive(file)) as own:
        search_feeds.run_saved_search(own, "tides")


@pytest.mark.parametrize(
    ("name", "after", "noted"),
    [
        ("add_hits", True, False),
        ("mark_saved_search_run", False, False),
        ("mark_saved_search_run", True, False),
        ("_result", False, True),
    ],
)
def test_a_killed_run_reports_all_or_nothing(db: Database, tmp_path: Path, name: str, after: bool, noted: bool) -> None:
    search_feeds.save_search(db, "tides", Query("tide"))
    for number in (7, 8):
        write(db, number, f"Tide {number}", "Water.")
    process = SERVER.Process(target=run_and_die, args=(tmp_path / "archive.db", name, after))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert {one.hit.id for one in search_feeds.last_reported(db, "tides")} == ({7, 8} if noted else set())
    assert {one.hit.id for one in search_feeds.run_saved_search(db, "tides").new} == (set() if noted else {7, 8})


def test_reported_articles_can_be_listed_again(db: Database) -> None:
    search_feeds.save_search(db, "tides", Query("tide"), datetime(2024, 8, 1, tzinfo=UTC))
    for number in (7, 8):
        write(db, number, f"Tide {number}", "Water.")
        search_feeds.run_saved_search(db, "tides", datetime(2024, 8, number, tzinfo=UTC))
    search_feeds.run_saved_search(db, "tides", datetime(2024, 8, 9, tzinfo=UTC))
    assert [(one.hit.id, one.found_at[:10]) for one in search_feeds.last_reported(db, "tides")] == [
        (8, "2024-08-08"),
        (7, "2024-08-07"),
    ]
    assert [one.hit.id for one in search_feeds.last_reported(db, "tides", 1)] == [8]
    edit(db, 8, title="Dry")
    assert [one.hit.id for one in search_feeds.last_reported(db, "tides")] == [7]


QUERIES = st.builds(
    Query,
    text=st.sampled_from(["", "tide", 'it\'s "so"', "title:a -b"]),
    site=st.sampled_from([(), ("a.example",)]),
    author=st.sampled_from([(), ("Lê Đức", "O'Brien")]),
    since=st.sampled_from([None, "2024"]),
    near=st.sampled_from([None, (48.5, -2.25)]),
    within=st.sampled_from([None, 0.5]),
    sort=st.sampled_from(["", "-date"]),
    bbox=st.sampled_from([None, (170.0, -20.0, -170.0, 0.0)]),
    fold=st.sampled_from(["", "cluster"]),
    duplicates=st.booleans(),
    like=st.sampled_from([None, 7]),
    limit=st.just(20),
)


@given(QUERIES)
def test_a_saved_query_is_unchanged(query: Query) -> None:
    row = full_text.SavedSearchRow(1, "n", "n", "u", search_feeds._query_as_json(query), NOW, NOW, 0, 0)
    assert search_feeds._saved(row).query == query


@pytest.mark.parametrize("name", ["floods", "Überschwemmung 2024", "c++", "हिन्दी समाचार", "a.b_c-d", "洪水", "x" * 80])
def test_names_are_unique_regardless_of_case(db: Database, name: str) -> None:
    search_feeds.save_search(db, name, Query("tide"))
    assert search_feeds.find_saved_search(db, name.upper()).name == name
    with pytest.raises(BadSearchName):
        search_feeds.save_search(db, name.swapcase(), Query("fog"))
    search_feeds.remove_saved_search(db, name)
    with pytest.raises(SavedSearchNotFound, match="'archiver search --saved'"):
        search_feeds.find_saved_search(db, name)
    assert search_feeds.saved_search_states(db) == []
    assert not db.execute("select count(*) from saved_search_hits").fetchone()[0]


@pytest.mark.parametrize(
    "name", ["", " ", "a ", " a", "-a", "../a", "a/b", "a\nb", "a\x1b[31m", "\ud800", "🎉", "x" * 81, "a\u202eb", "<b>"]
)
def test_invalid_names_are_refused(db: Database, name: str) -> None:
    with pytest.raises(BadSearchName):
        search_feeds.save_search(db, name, Query("tide"))


def test_a_query_that_cannot_be_run_is_not_saved(db: Database) -> None:
    with pytest.raises(BadQuery):
        search_feeds.save_search(db, "bad", Query("date:never"))
    with pytest.raises(BadQuery, match="text, cluster, none"):
        search_feeds.save_search(db, "bad", Query("tide", fold="all"))
    assert search_feeds.saved_search_states(db) == []


def test_a_broken_saved_search_does_not_stop_the_others(db: Database) -> None:
    search_feeds.save_search(db, "a", Query("tide", site=("notes.example/blog",)))
    search_feeds.save_search(db, "b", Query("tide"))
    search_feeds.save_search(db, "c", Query("fog"))
    with beside(db) as other:
        other.execute("update sites set name = 'other.example' where name = 'notes.example/blog'")
    db.execute("update saved_searches set query = '{\"mood\": \"blue\"}' where name = 'b'")
    a, b, c = search_feeds.saved_search_states(db)
    assert "notes.example/blog" in a.error
    assert " mood" in b.error
    assert c.total == 1
    with pytest.raises(SavedSearchUnreadable):
        search_feeds.run_saved_search(db, "b")


def test_a_query_is_shown_as_command_line_options() -> None:
    query = Query(
        'flood "city hall"',
        site=("a.example",),
        author=("O'Brien",),
        near=(48.5, -2.0),
        within=2.0,
        since="2023",
        fold="cluster",
        like=7,
        limit=3,
    )
    assert query_as_options(query) == (
        "'flood \"city hall\"' --site a.example --author 'O'\"'\"'Brien' --since 2023 "
        "--near 48.5,-2 --within 2 --fold cluster --like 7"
    )
    assert query_as_options(Query(duplicates=True)) == "--all"


# -- the feed ---------------------------------------------------------------------------------


def parsed(db: Database, **more: Any) -> etree._Element:
    return etree.fromstring(
        atom_feed(search_feeds.find_saved_search(db, "tides"), search_feeds.last_reported(db, "tides"), **more)
    )


def test_the_feed_is_valid_and_its_ids_stay(db: Database) -> None:
    search_feeds.save_search(db, "tides", Query("tide OR fog OR 学习", fold="none"))
    empty = parsed(db)
    assert empty.findtext(f"{{{ATOM}}}updated")
    assert not empty.findall(f"{{{ATOM}}}entry")
    write(db, 7, "Tide <b>\x1b&amp; \x00 \uffff 潮", "Water & \x0b<script>tide</script>", authors=[], language="x<y")
    write(
        db,
        8,
        "",
        "Tide of nobody",
        authors=["Zoë"],
        language="ar",
        published="2024-03-05T09:30:00+01:00",
        published_precision="minute",
    )
    write(db, 9, "Tide by day", "x", published="2024-03-05T00:00:00+01:00", published_precision="day")
    search_feeds.run_saved_search(db, "tides")
    root = parsed(db, own_url="https://archive.example/feed?a=1&b=2")
    ids = _checked(root)
    edit(db, 7, title="Tide, told anew")
    assert _checked(parsed(db)) == ids
    entries = root.findall(f"{{{ATOM}}}entry")
    assert [entry.findtext(f"{{{ATOM}}}published") for entry in entries] == [None, "2024-03-05T08:30:00Z", None]
    assert [entry.findtext(f"{{{ATOM}}}author/{{{ATOM}}}name") for entry in entries] == ["A", "Zoë", "harbour.example"]
    assert [entry.find(f"{{{ATOM}}}category").get("term") for entry in entries] == ["new"] * 3  # type: ignore[union-attr]


def _checked(root: etree._Element) -> list[str]:
    """Check a feed and its entries against RFC 4287, sections 4.1.1 and 4.1.2, and return the entries' IDs."""
    ids = []
    for element in (root, *root.findall(f"{{{ATOM}}}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{{{ATOM}}}{name}")) == 1, name
        for name in ("updated", "published"):
            for when in element.findall(f"{{{ATOM}}}{name}"):
                assert RFC_3339.fullmatch(when.text or "")
                assert (when.text or "").endswith("Z")
        assert all(author.findtext(f"{{{ATOM}}}name") for author in element.findall(f"{{{ATOM}}}author"))
        assert element.findall(f"{{{ATOM}}}author")
        assert (element.findtext(f"{{{ATOM}}}id") or "").startswith("urn:uuid:")
        ids.append(element.findtext(f"{{{ATOM}}}id") or "")
        if element is not root:
            assert element.find(f"{{{ATOM}}}link").get("rel") == "alternate"  # type: ignore[union-attr]
            assert element.findtext(f"{{{ATOM}}}title")
    assert len(set(ids)) == len(ids)
    return ids
