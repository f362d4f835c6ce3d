"""Takedowns leave no revisit record without its original, and name the pages that lose captures."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.maintenance.verification import verify
from archiver.model.items import Capture, Outcome, PageKind
from archiver.warc.warc_records import read_record
from tests.killed_call import KilledCall, assert_killed
from tests.proved_archive import HILL, QUAY, START, Run, make, page, text
from tests.takedown.removing import REASON, command, holds, remove, rows

HOME = page("The Quay", ["The newest entries of the quay:", *text(6)[:1]], more='<a href="/6">Day 6</a>')
FEED = (
    f"<rss><channel><item><title>Day 6</title><description>{text(6)[0]}</description></item></channel></rss>".encode()
)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
DAYS = [timedelta(days=number) for number in range(5, 9)]


def seen(
    run: Run, url: str, body: bytes, status: int = 200, original: Capture | None = None, kind: str = ""
) -> Capture:
    """Stores a capture of a page that is no post."""
    capture = run.capture(url, body, status, original, kind=kind or "text/html; charset=utf-8")
    run.visit(url, Outcome.NOT_ARTICLE, capture, kind=PageKind.LISTING)
    return capture


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive whose home page and feed quote article 6 and were unchanged twice, in runs with files of their own; a
    second picture repeats that of the article."""
    archive = make(tmp_path)
    with Run(archive, QUAY, START + DAYS[0]) as run:
        home = seen(run, QUAY, HOME)
        feed = seen(run, f"{QUAY}feed/", FEED, kind="application/rss+xml")
        seen(run, f"{QUAY}about", page("About", ["We have been writing about the quay for thirty years now."]))
    with Run(archive, QUAY, START + DAYS[1]) as run:
        again = seen(run, QUAY, b"", 304, home)
        seen(run, f"{QUAY}feed/", b"", 304, feed)
    with Run(archive, QUAY, START + DAYS[2]) as run:
        seen(run, QUAY, b"", 304, again)
    with Run(archive, QUAY, START + DAYS[3], continues=True) as run:
        seen(run, QUAY, page("The Quay", ["Nothing of it is quoted on the first page any more today."]))
    return archive


def orphans(archive: Path) -> list[tuple[Any, ...]]:
    return rows(
        archive,
        "select url, captured_at from captures r where record_type = 'revisit' and not exists (select 1 from captures "
        "o where o.digest = r.digest and o.record_type = 'response')",
    )


def test_the_revisits_of_a_page_that_quotes_the_post_go_with_it(archive: Path) -> None:
    assert not orphans(archive)
    assert remove(archive, "6").exit_code == 0
    assert not orphans(archive)
    assert not verify(archive).findings
    assert not holds(archive, "Entry 6.0.")
    assert len(rows(archive, "select 1 from captures where url = ?", QUAY)) == 1
    assert len(rows(archive, "select 1 from captures where url = ?", f"{QUAY}about")) == 1


def test_the_preview_names_the_pages_that_lose_captures(archive: Path) -> None:
    lost = [
        {"url": QUAY, "captures": 3, "left": 1},
        {"url": f"{QUAY}feed/", "captures": 2, "left": 0},
    ]
    preview = json.loads(command(archive, "remove", "6", "--dry-run", "--json").stdout)
    assert preview["pages"] == lost
    printed = command(archive, "remove", "6", "--dry-run").stdout
    assert f"{QUAY}: 3 captures, 1 left" in printed
    assert f"{QUAY}feed/: 2 captures, none left" in printed
    done = json.loads(command(archive, "remove", "6", "--reason", REASON, "--yes", "--json").stdout)
    assert (done["pages"], done["records"]) == (lost, preview["records"])


@pytest.mark.parametrize("call", ["_rewrite", "_move_rows", "delete_warc"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_killed_takedown_leaves_no_revisit_without_its_original(archive: Path, call: str, number: int) -> None:
    assert_killed(KilledCall("record_erasure", call, number, True), remove, archive, "6")
    assert {url for url, _ in orphans(archive)} <= {f"{QUAY}6"}  # the post itself is removed by '--finish'
    assert command(archive, "remove", "--finish").exit_code == 0
    assert not orphans(archive)
    assert not verify(archive).findings
    assert not holds(archive, "Entry 6.0.")
    assert len(rows(archive, "select 1 from captures where url = ?", QUAY)) == 1


def test_a_payload_that_quotes_nothing_stays_for_the_pages_that_repeat_it(archive: Path) -> None:
    with Run(archive, QUAY, START + DAYS[3]) as run:
        shown = seen(run, f"{QUAY}own.png", PICTURE, kind="image/png")
    with Run(archive, HILL, START + DAYS[3]) as run:
        copy = seen(run, f"{HILL}copy.png", PICTURE, 200, shown, kind="image/png")
    with Run(archive, HILL, START + DAYS[3] + timedelta(hours=1)) as run:
        seen(run, f"{HILL}copy.png", b"", 304, copy, kind="image/png")
        seen(run, f"{HILL}third.png", PICTURE, 200, shown, kind="image/png")
    with closing(sqlite3.connect(archive)) as db, db:
        db.execute("update captures set article_id = 6 where url like '%own.png'")
    assert remove(archive, "6").exit_code == 0
    assert not orphans(archive)
    kinds = "select status, record_type from captures where url like ? order by captured_at"
    assert rows(archive, kinds, "%copy.png") == [(200, "response"), (304, "revisit")]
    assert rows(archive, kinds, "%third.png") == [(200, "revisit")]
    assert not verify(archive).findings
    [place] = rows(
        archive, "select warc_file, warc_offset, warc_length from captures where url like '%copy.png' limit 1"
    )
    assert read_record(archive.parent / place[0], place[1], place[2]).payload == PICTURE


def test_the_revisits_that_an_earlier_version_left_are_removed_by_finish(archive: Path) -> None:
    assert remove(archive, "6").exit_code == 0
    with Run(archive, QUAY, START + timedelta(days=10)) as run:
        first = seen(run, f"{QUAY}list", page("List", ["It names what was lost in the winter storm of that year."]))
    with Run(archive, QUAY, START + timedelta(days=11)) as run:
        seen(run, f"{QUAY}list", b"", 304, first)
    with closing(sqlite3.connect(archive)) as db, db:
        db.execute(
            "update pages set capture_id = (select id from captures c where c.url = pages.url and c.status = 304) "
            "where url = ?",
            [f"{QUAY}list"],
        )
        db.execute("delete from captures where url = ? and record_type = 'response'", [f"{QUAY}list"])
    [found] = (one for one in verify(archive).findings if one.kind == "original-missing")
    assert found.subject == f"{QUAY}list"
    assert "archiver remove --finish" in found.remedy
    assert "3 records removed" in command(archive, "remove", "--finish").stdout
    assert not orphans(archive)
    assert rows(archive, "select etag, capture_id from pages where url = ?", f"{QUAY}list") == [(None, None)]
