"""The triggers that count pages: after any write the counts equal a new count."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.maintenance.verify_database import check_page_counts as check
from archiver.model.items import DiscoverySource, Outcome, PageKind
from archiver.storage.completeness import site_completeness
from archiver.storage.database import open_archive
from archiver.storage.sites import find_site
from tests.archive_fixture import NOW, make_archive


def test_counts_match_the_pages_after_any_write(tmp_path: Path) -> None:
    choice = random.Random(4)
    with closing(open_archive(make_archive(tmp_path / "archive.db"))) as db:
        assert list(check(db)) == []
        db.execute("insert into tombstones (id, removed_at, reason, url, site) values (1, ?, 'asked', 'x', 'x')", [NOW])
        for number in range(100, 400):
            with db.atomic():
                _change(db, choice, number)
        assert list(check(db)) == []
        assert db.execute("select count(*) from pages").fetchone()[0] > 100
        assert_counts_agree(db, "harbour.example")
        for (name,) in db.execute(
            "select name from sqlite_master where type = 'trigger' and name like 'page_counts_%'"
        ).fetchall():
            db.execute(f"drop trigger {name}")
        db.execute("update pages set outcome = 'trap' where outcome = 'due'")
        assert {finding.kind for finding in check(db)} == {"counts-differ"}


def _change(db: Database, choice: random.Random, number: int) -> None:
    """Insert a page with some discovery sources, and change other pages."""
    kinds, outcomes, sources = list(PageKind), list(Outcome), list(DiscoverySource)
    key = f"example,harbour)/{number}"
    if choice.random() < 0.1:
        db.execute("insert into tombstone_urls (urlkey, url, tombstone_id) values (?, ?, 1)", [key, key])
    db.execute(
        "insert into pages (id, site_id, url, urlkey, kind, outcome, article_id, found_at) "
        "values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            number,
            choice.choice((1, 1, 2)),
            f"https://harbour.example/{number}",
            key,
            choice.choice(kinds),
            choice.choice(outcomes),
            choice.choice((None, 1)),
            NOW,
        ],
    )
    for source in choice.sample(sources, choice.randrange(4)):
        db.execute(
            "insert into page_discoveries (page_id, source, first_seen) values (?, ?, ?) on conflict (page_id, "
            "source) do update set last_seen = excluded.first_seen",
            [number, source, NOW],
        )
    other = choice.randrange(100, number + 1)
    column, value = choice.choice(
        (
            ("kind", choice.choice(kinds)),
            ("outcome", choice.choice(outcomes)),
            ("article_id", choice.choice((None, 2))),
            ("site_id", 1),
            ("attempts", 3),
        )
    )
    db.execute(f"update pages set {column} = ? where id between ? and ?", [value, other, other + choice.randrange(3)])
    if choice.random() < 0.2:
        db.execute(
            "update or ignore page_discoveries set source = ? where page_id = ?", [choice.choice(sources), other]
        )
    if choice.random() < 0.1:
        db.execute("delete from page_discoveries where page_id = ?", [other])
        db.execute("delete from pages where id = ?", [other])


def assert_counts_agree(db: Database, name: str) -> None:
    """Check the counts of a site against a count of its pages one by one."""
    site = find_site(db, name)
    counted = site_completeness(db, site)
    articles = [row["gone_at"] for row in db.query("select gone_at from articles where site = ?", [name])]
    gone = sum(at is not None for at in articles)
    by_source: dict[str, Counter[str]] = {"": Counter(archived=len(articles) - gone, gone=gone)}
    unread = 0
    balance: Counter[str] = Counter()
    for page in list(db.query("select * from pages where site_id = ?", [site["id"]])):
        sources = {row[0] for row in db.execute("select source from page_sources where page_id = ?", [page["id"]])}
        outcome = page["outcome"]
        balance["archived" if outcome == "unchanged" else outcome] += 1
        state = _state_of_post(page, sources)
        unread += page["kind"] == "unknown" and outcome in ("due", "failed", "held") and page["article_id"] is None
        is_article = page["article_id"] is not None or outcome in ("archived", "unchanged")
        for source in (*(() if is_article else ("",)), *sources):
            by_source.setdefault(source, Counter())[state] += 1
    states = ("archived", "missing", "gone", "refused")
    assert {state: counted["posts"][state] for state in states} == {state: by_source[""][state] for state in states}
    assert counted["unread"] == unread > 0
    assert counted["wrong_guesses"] == balance.pop("not-found", 0)
    assert {key: number for key, number in counted["balance"].items() if number and key != "found"} == dict(balance)
    listed = {row["source"]: row for row in counted["sources"]}
    assert set(by_source) - {"", "seed", "entry"} == set(listed)
    assert len(listed) > 5
    for source, row in listed.items():
        assert {state: row[state] for state in states} == {state: by_source[source][state] for state in states}


def _state_of_post(page: dict[str, Any], sources: set[str]) -> str:
    kind, outcome, read = page["kind"], page["outcome"], page["article_id"] is not None
    if kind == "part":
        return "missing" if outcome == "failed" else ""
    is_withdrawn = read and outcome == "not-article"
    if (
        outcome == "duplicate"
        or is_withdrawn
        or not (kind == "post" or read or (kind == "unknown" and outcome == "gone" and "cdx" in sources))
    ):
        return ""
    if outcome == "gone":
        return "gone"
    if read or outcome in ("archived", "unchanged"):
        return "archived"
    return "refused" if outcome == "refused" else "missing" if outcome in ("due", "failed", "held") else "other"
