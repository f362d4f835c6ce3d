"""Stored reverts of posts with alternating texts, the extractor of each field, and changed headlines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archiver.archive import Archive
from archiver.model.items import Article, DiscoveredURL, DiscoverySource, Evidence, Outcome, PageKind, PageResult
from archiver.storage.articles import Change
from archiver.storage.page_writer import PageWriter, StoringRun
from tests.storage.one_site_archive import AT, POST, TEXT, archive_of_one_site, store


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with archive_of_one_site(tmp_path) as db:
        yield db


def read(title: str, **more: Any) -> Article:
    return replace(
        POST,
        title=title,
        evidence=(
            Evidence("title", title, "heading", "h1", 0.9),
            Evidence("body", f"{len(TEXT)} characters", "class", "div", 0.8),
        ),
        **more,
    )


ONE, TWO = read("Ferry sinks"), read("Ferry saved")


def test_each_return_of_a_headline_is_a_revision_and_after_many_it_is_counted(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.storage.articles.MOST_REVERTS", 2)
    changes = [store(db, (ONE, TWO)[day % 2], "0.3.0", days=day).change for day in range(20)]
    assert changes[:4] == [Change.NEW, Change.REVISED, Change.REVISED, Change.REVISED]
    assert set(changes[4:]) == {Change.REVERTED}
    assert db.execute("select revision, title, previous, same_as, seen_again from revisions order by 1").fetchall() == [
        (1, "Ferry sinks", None, None, 0),
        (2, "Ferry saved", 1, None, 0),
        (3, "Ferry sinks", 2, 1, 8),
        (4, "Ferry saved", 3, 2, 8),
    ]
    assert db.execute("select title, revision from articles").fetchone() == ("Ferry saved", 4)
    assert store(db, read("Ferry sold"), "0.3.0", days=21).change is Change.REVISED
    assert db.execute("select revision, previous from revisions order by 1 desc limit 1").fetchone() == (5, 4)
    assert store(db, TWO, "0.3.0", days=22).back == 4


def test_a_crawl_counts_each_return_as_an_edit(db: Database) -> None:
    site = next(iter(db.query("select * from sites")))
    writer = PageWriter(StoringRun(db, site, 1, AT, version="0.3.0"))
    for day in range(6):
        at = AT + timedelta(days=day)
        writer.add(
            PageResult(
                url=POST.url,
                final_url=POST.url,
                at=at,
                outcome=Outcome.ARCHIVED,
                kind=PageKind.POST,
                status=200,
                article=(ONE, TWO)[day % 2],
                targets=(DiscoveredURL(POST.url, DiscoverySource.FEED),),
            )
        )
    writer.flush()
    assert (writer.counts.new, writer.counts.revised, writer.counts.unchanged) == (1, 5, 0)
    assert db.execute("select outcome, reason from pages").fetchall() == [("archived", "revised: title")]


def test_a_cached_copy_that_alternates_with_an_edited_text_makes_a_revision_each_time(db: Database) -> None:
    edited = read("Ferry sinks", body=f"{TEXT}\n\nCorrection: nobody was hurt.")
    for day in range(12):
        store(db, (ONE, edited)[day % 2], "0.3.0", days=day)
    assert db.execute("select count(*) from revisions").fetchone() == (12,)


def test_a_change_without_meaning_makes_no_revision(db: Database) -> None:
    store(db, read('The "ferry" - again', body=f"{TEXT}\n\n1,203 views", tags=("Boats",)), "0.3.0")
    again = read(
        "The “ferry” – again",
        body=f"{TEXT} \n\n1,312 views\n\nUpdated 3 hours ago",
        tags=("boats",),
        modified=AT + timedelta(days=3),
        published_precision="day",
        published=AT.replace(hour=0),
    )
    assert store(db, again, "0.3.0", days=4).change is Change.UNCHANGED
    assert db.execute("select count(*) from revisions").fetchone() == (1,)


@pytest.mark.parametrize(
    "edit",
    [
        {"body": f"{TEXT}\n\nIt cost 4,600 crowns."},
        {"body": f"{TEXT}\n\nIt cost 4,500 crowns, said Ada Borg."},
        {"body": f"{TEXT}\n\nIt cost 4,500 crowns.\n\nCorrection: it did not."},
        {"title": "Ferry sunk"},
        {"authors": ("Nora Lindquist",)},
        {"tags": ("boats",)},
        {"published": AT + timedelta(days=1)},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_a_change_of_meaning_makes_a_revision(db: Database, edit: dict[str, Any]) -> None:
    before = read("Ferry sinks", body=f"{TEXT}\n\nIt cost 4,500 crowns.")
    store(db, before, "0.3.0")
    assert store(db, replace(before, **edit), "0.3.0", days=1).changed == tuple(edit)


def test_each_field_keeps_its_extractor(db: Database) -> None:
    store(db, ONE, "0.1.0")
    changed = AT + timedelta(days=2)
    later = replace(ONE, modified=changed, evidence=(Evidence("modified", changed.isoformat(), "meta", "name", 0.9),))
    assert store(db, later, "0.2.0", days=3).change is Change.UNCHANGED
    who = {row["field"]: (row["source"], row["extractor"]) for row in db.query("select * from provenance")}
    assert who["title"] == ("heading", "0.1.0")
    assert who["modified"] == ("meta", "0.2.0")
    assert who["authors"] == (None, "0.1.0")  # its candidates were not kept
    store(db, TWO, "0.3.0", days=5)
    past = {row["field"]: (row["value"], row["extractor"]) for row in db.query("select * from revision_provenance")}
    assert past["title"] == ("Ferry sinks", "0.1.0")
    assert past["modified"][1] == "0.2.0"
    assert {row["extractor"] for row in db.query("select * from provenance")} == {"0.3.0"}


def test_changed_headlines_are_listed(db: Database, tmp_path: Path) -> None:
    for day, one in enumerate((ONE, TWO, read("Ferry saved", tags=("x",)), read("Ferry sold", tags=("x",)))):
        store(db, one, "0.3.0", days=day)
    store(db, replace(POST, url="https://low.example/b/", title="Calm", body=TEXT[::-1]), "0.3.0")
    by_view = list(db.query("select article_id, revision, title, previous from headlines order by 1, 2"))
    assert [tuple(row.values()) for row in by_view] == [
        (1, 1, "Ferry sinks", None),
        (1, 2, "Ferry saved", "Ferry sinks"),
        (1, 4, "Ferry sold", "Ferry saved"),
        (2, 1, "Calm", None),
    ]
    with Archive(tmp_path / "a.db") as archive:
        assert [{k: one[k] for k in by_view[0]} for one in archive.headlines("low.example")] == by_view
        assert [one["revision"] for one in archive.headlines(changed=True)] == [2, 4]
        assert [v["same_as"] for v in archive.revisions(1)] == [None] * 4
        assert archive.explain(1, 1)[0].chosen == "Ferry sinks"
        assert archive.explain(1, 1)[0].candidates
