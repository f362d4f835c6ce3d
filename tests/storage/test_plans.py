"""Query plans: frequent statements use indexes and scan no table, so that they are fast in archives of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.search.query_tree import PREDICATES, ByRows
from archiver.storage import article_records, completeness, sources
from archiver.storage.completeness import site_completeness
from archiver.storage.database import open_archive
from archiver.storage.pages import EPOCH, due_pages
from archiver.storage.site_statistics_for_health import read_deletions, read_post_days, read_site_content
from archiver.storage.sites import find_site
from tests.archive_fixture import make_archive
from tests.storage.one_site_archive import AT, SITE, archive_of_one_site


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with closing(open_archive(make_archive(tmp_path_factory.mktemp("plans") / "archive.db"))) as opened:
        yield opened


def plan(db: Database, sql: str, values: object = ()) -> list[str]:
    return [row[3] for row in db.conn.execute(f"explain query plan {sql}", values).fetchall()]


def plans(db: Database, *, of: object) -> list[str]:
    """Return the query plan of each SELECT that a function executes."""
    asked: list[str] = []
    db.conn.set_trace_callback(asked.append)
    of()  # type: ignore[operator]
    db.conn.set_trace_callback(None)
    return [step for sql in asked if sql.lower().startswith("select") for step in plan(db, sql)]


def test_urls_are_looked_up_in_an_index(db: Database) -> None:
    fact = PREDICATES["url"]("/2024/")
    assert isinstance(fact, ByRows)
    assert "SCAN articles USING COVERING INDEX idx_articles_urlkey" in plan(db, fact.sql, fact.values)


def test_the_letters_of_an_article_s_urls_are_searchable(db: Database) -> None:
    for url, number in db.execute("select url, article_id from article_urls").fetchall():
        fact = PREDICATES["url"](url[10:])
        assert isinstance(fact, ByRows)
        assert number in {row[0] for row in db.execute(fact.sql, fact.values)}
    for odd in ("%", "_", "\\", "no-such-letters"):
        fact = PREDICATES["url"](odd)
        assert isinstance(fact, ByRows)
        expected = {row[0] for row in db.execute("select article_id, url from article_urls") if odd in row[1]}
        assert {row[0] for row in db.execute(fact.sql, fact.values)} == expected


def test_a_record_id_is_computed_without_reading_other_articles(db: Database) -> None:
    assert not [step for step in plans(db, of=lambda: article_records.record_id_of(db, 1)) if step.startswith("SCAN a")]


def test_the_state_of_a_site_is_computed_without_reading_its_pages(db: Database) -> None:
    site = find_site(db, "harbour.example")
    steps = plans(db, of=lambda: site_completeness(db, site))
    assert [step for step in steps if step.startswith("SEARCH page_counts")]
    assert [step for step in steps if "INDEX idx_pages_site_id_rule" in step]
    assert not [step for step in steps if step.startswith(("SCAN pages", "SCAN articles", "SCAN page_"))]
    lacking = [step for step in plans(db, of=lambda: completeness.count_missing(db, site["id"])) if " pages " in step]
    assert len(lacking) == 4
    assert all("INDEX idx_pages_site_id_outcome (site_id=? AND outcome=?" in step for step in lacking)
    assert (
        sum("COVERING" in step for step in lacking) == 2
    )  # rows are read only for lists (when they are due) and held pages (whether they have an article)


def test_the_days_and_deletions_of_a_site_are_read_by_indexes(db: Database) -> None:
    site, now = find_site(db, "harbour.example"), datetime(2024, 6, 1, tzinfo=UTC)
    asked: list[str] = []
    db.conn.set_trace_callback(asked.append)
    read_post_days(db, site["name"], site["id"], now)
    read_deletions(db, site["id"], now)
    db.conn.set_trace_callback(None)
    steps = [step for sql in asked for step in plan(db, sql)]
    assert [step for step in steps if "INDEX idx_articles_site_published" in step]
    assert [step for step in steps if "INDEX idx_pages_site_id_outcome" in step]
    assert not [
        step for step in steps if step.startswith(("SCAN pages", "SCAN articles", "SCAN p", "SCAN a", "SCAN runs"))
    ]


def test_what_a_site_holds_is_judged_without_reading_its_pages(db: Database) -> None:
    site = find_site(db, "harbour.example")
    steps = plans(db, of=lambda: read_site_content(db, site["name"], site["id"]))
    assert [step for step in steps if "INDEX idx_pages_needs_javascript" in step]
    assert not [step for step in steps if step.startswith(("SCAN", "SEARCH o USING INDEX idx_forms"))]


def instructions(db: Database, *, of: Callable[[], object]) -> int:
    """Return how many instructions of SQLite's virtual machine a function takes, in tens."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    db.conn.set_progress_handler(tick, 10)
    try:
        of()
    finally:
        db.conn.set_progress_handler(None, 0)
    return count


def enter_pages(db: Database, site_id: int, kind: str, priority: int, numbers: range) -> None:
    with db.atomic():
        db.conn.executemany(
            "insert into pages (id, site_id, outcome, kind, priority, url, urlkey, found_at, due_at) "
            "values (?, ?, 'due', ?, ?, ?, ?, ?, ?)",
            [
                (n, site_id, kind, priority, f"https://{SITE}/{n}/", f"example,low)/{n}", AT.isoformat(), EPOCH)
                for n in numbers
            ],
        )


def test_the_next_pages_and_the_known_sources_are_read_as_fast_in_a_large_archive(tmp_path: Path) -> None:
    with archive_of_one_site(tmp_path) as db:
        enter_pages(db, 1, "sitemap", 0, range(1, 51))
        enter_pages(db, 1, "post", 3, range(51, 101))

        def read() -> None:
            assert len(due_pages(db, 1, AT, 100, sources_only=False, mixed=True)) == 100
            assert len(sources.find_known_sources(db, 1)[2]) == 50

        before = instructions(db, of=read)
        db.execute(
            "insert into sites (id, name, start_url, host, path, settings, added_at) "
            "select 2, 'high.example', 'https://high.example/', 'high.example', path, settings, added_at from sites"
        )
        enter_pages(db, 2, "post", 3, range(101, 1_101))
        with db.atomic():
            db.execute("insert into page_discoveries (page_id, source) select id, 'link' from pages where site_id = 2")
        assert instructions(db, of=read) < 2 * before
