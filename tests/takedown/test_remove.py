"""Takedowns: what is removed, what stays, and what commands report."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.maintenance.verification import verify
from archiver.model.items import Outcome
from archiver.storage import requisites
from archiver.storage.runs import Counts
from archiver.storage.transactions import lock_site, writing
from tests.proved_archive import QUAY, START, Run, make, page
from tests.rereading import read_differently
from tests.runner import fault
from tests.takedown.removing import REASON, command, holds, remove, rows


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_a_removed_post_leaves_no_trace_and_others_verify(archive: Path, number: int) -> None:
    others = "select id, title, body, revision from articles where id <> ? order by id"
    before = rows(archive, others, number)
    sentence = f"Entry {number}.1."
    assert holds(archive, sentence)
    done = remove(archive, str(number))
    assert done.exit_code == 0, done.output
    assert not holds(archive, sentence)
    assert not holds(archive, f"Day {number}")
    assert not verify(archive).findings
    assert rows(archive, others, number) == before
    assert rows(archive, "select article_id, reason, erased_at > removed_at, allowed_at from tombstones") == [
        (number, REASON, 1, None)
    ]


@pytest.mark.parametrize("number", [1, 5, 7])
def test_the_preview_counts_the_records_that_the_removal_deletes(archive: Path, number: int) -> None:
    preview = json.loads(command(archive, "remove", str(number), "--dry-run", "--json").stdout)
    done = json.loads(command(archive, "remove", str(number), "--yes", "--reason", REASON, "--json").stdout)
    assert preview["removed"] == []
    assert preview["records"] == done["records"] > 0


def test_the_preview_counts_captures_of_other_pages_that_name_the_post(archive: Path) -> None:
    def naming() -> int:
        preview = json.loads(command(archive, "remove", "1", "--dry-run", "--json").stdout)
        return int(preview["posts"][0]["naming"])

    before = naming()
    db = sqlite3.connect(archive)
    [page] = db.execute("select id from pages where article_id = 1").fetchone()
    [other, url] = db.execute("select id, url from pages where article_id = 2").fetchone()
    [captures] = db.execute("select count(*) from captures where url = ?", [url]).fetchone()
    db.execute(
        "insert into page_discoveries (page_id, source, found_on_page_id, first_seen) values (?, 'redirect', ?, ?)",
        [page, other, "2024-05-01T12:00:00+00:00"],
    )
    db.commit()
    db.close()
    assert captures > 0
    assert naming() == before + captures


def test_captures_of_other_articles_stay(archive: Path) -> None:
    assert "https://hill.example/9" in command(archive, "remove", "7", "--dry-run").output
    assert len(rows(archive, "select 1 from articles")) == 9
    assert remove(archive, "7").exit_code == 0
    assert rows(archive, "select id, duplicate_of from articles where id in (7, 9)") == [(9, None)]
    assert not verify(archive).findings
    assert not read_differently(archive)


def test_words_of_a_removed_post_are_in_no_index_and_no_free_page(archive: Path) -> None:
    at = START + timedelta(days=5)
    with Run(archive, QUAY, at) as run:
        run.post(f"{QUAY}rare", page("Zyzzyva", ["A xenodochial beetle walked over the long wall of the harbour."]))
    with Run(archive, QUAY, at + timedelta(days=1)) as run:
        run.post(f"{QUAY}rare", page("Zyzzyva", ["A querulous beetle walked over the long wall of the harbour."]))
    assert holds(archive, "xenodochial")
    assert remove(archive, f"{QUAY}rare").exit_code == 0
    for word in ("xenodochial", "enodochial", "querulous", "Zyzzyva", "zyzzyva"):
        assert not holds(archive, word)
    assert rows(archive, "select count(*) from authors where name = 'Ada Berg'") == [(1,)]


def test_a_payload_moves_to_the_other_article_that_refers_to_it(archive: Path) -> None:
    same = page(
        "Twice",
        [
            "The lighthouse was painted white and red by two brothers in a single week of May.",
            "Nobody had asked them to, and nobody thanked them for it until the first of the storms.",
        ],
    )
    at = START + timedelta(days=5)
    with Run(archive, QUAY, at) as run:
        first = run.post(f"{QUAY}twice", same)
    with Run(archive, "https://hill.example/", at + timedelta(days=1)) as run:
        run.post("https://hill.example/twice", same, original=first)
    assert rows(archive, "select record_type from captures where url like '%hill%twice'") == [("revisit",)]
    assert remove(archive, f"{QUAY}twice").exit_code == 0
    assert rows(archive, "select record_type from captures where url like '%twice'") == [("response",)]
    assert not verify(archive).findings
    assert not read_differently(archive)
    shown = json.loads(command(archive, "reextract", "--dry-run", "--json").output)
    assert not shown.get("unreadable")


@pytest.mark.parametrize("words", [("show",), ("diff",), ("cite",), ("why",), ("reextract",), ("verify",)])
@pytest.mark.parametrize("name", ["1", f"{QUAY}1"])
def test_every_command_reports_a_removed_post(archive: Path, words: tuple[str, ...], name: str) -> None:
    assert remove(archive, "1").exit_code == 0
    if words == ("why",):
        result = command(archive, "why", f"{QUAY}1")
        assert result.exit_code == 0
        assert REASON in result.output
        return
    result = command(archive, *words, name)
    assert (result.exit_code, fault(result)) == (1, f"ArticleRemoved {name}")
    assert REASON in result.output
    assert remove(archive, name).exit_code == 0  # removing it again changes nothing


def test_lists_leave_out_removed_posts_and_count_them(archive: Path) -> None:
    assert remove(archive, "1", "2", "--by", "a letter").exit_code == 0
    assert "Entry 1." not in command(archive, "export").output
    state = json.loads(command(archive, "status", "quay.example", "--json").output)[0]
    assert state["removed"] == 2
    assert state["posts"]["refused"] == 3  # including page 2 of 2
    assert "2 removed" in command(archive, "status", "quay.example").output
    listed = json.loads(command(archive, "remove", "--list", "--json").output)
    assert [(one["article_id"], one["requested_by"]) for one in listed] == [(1, "a letter"), (2, "a letter")]
    assert command(archive, "export", "-f", "wacz", "-o", str(archive.parent / "all.wacz")).exit_code in (0, 2)


def test_the_id_of_a_removed_post_is_not_reused(archive: Path) -> None:
    assert remove(archive, "9").exit_code == 0
    with Run(archive, QUAY, START + timedelta(days=5)) as run:
        run.post(f"{QUAY}new", page("New", ["A new post of more than a few words, about the harbour in winter."]))
    assert rows(archive, "select id from articles where url like '%new'") == [(10,)]


def test_removal_is_refused_during_a_crawl_and_without_a_reason(archive: Path) -> None:
    with lock_site(archive, "hill.example"):
        result = remove(archive, "1")
        assert (result.exit_code, fault(result)) == (1, f"ArchiveInUse {archive}")
    assert rows(archive, "select count(*) from articles") == [(9,)]
    result = command(archive, "remove", "1", "--yes")
    assert result.exit_code == 2
    assert "--reason" in result.output
    result = command(archive, "remove", "1", "--reason", "x")
    assert result.exit_code == 2
    assert "--yes" in result.output
    assert command(archive, "remove", "77", "--reason", "x", "--yes").exit_code == 1
    assert command(archive, "remove", "--list").exit_code == 0


def test_requisites_of_a_removed_post_go_and_shared_ones_stay(archive: Path) -> None:
    at = START + timedelta(days=5)
    with Run(archive, QUAY, at) as run:
        for url, articles in ((f"{QUAY}own.png", (1,)), (f"{QUAY}both.png", (1, 5))):
            with writing(run.db):
                for article in articles:
                    requisites.enter_requisites(
                        run.db,
                        requisites.NeededBy(run.site["id"], article, f"{QUAY}1", at),
                        requisites.lead_image(url),
                        changed=True,
                        crawl_started=at,
                        revisit=timedelta(days=30),
                    )
                number = run.db.execute("select id from requisites where url = ?", [url]).fetchone()[0]
                capture = run.capture(url, f"picture {url}".encode())
                requisites.record_requisite(
                    run.db,
                    run.site["id"],
                    run.run_id,
                    requisites.FetchedRequisite(number, at, Outcome.ARCHIVED, status=200, capture=capture),
                    Counts(),
                    timedelta(days=30),
                )
    into = archive.parent.parent / "merged" / "archive.db"
    assert command(into, "merge", str(archive), "--yes").exit_code == 0
    for one in (archive, into):
        assert holds(one, "picture https://quay.example/own")
        assert not verify(one).findings
        assert remove(one, f"{QUAY}1").exit_code == 0
        assert not holds(one, "picture https://quay.example/own")
        assert not verify(one).findings
        assert holds(one, "picture https://quay.example/both")
        assert rows(one, "select url, outcome from requisites") == [(f"{QUAY}both.png", "archived")]
