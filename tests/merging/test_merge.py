"""Merging archives: what is merged, left out and refused, and that a killed merge loses nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.demo.demo_blog import Demo
from archiver.maintenance.verification import verify
from archiver.storage.database import open_archive
from archiver.storage.transactions import lock_site
from tests.importers import files, importing
from tests.importers.importing import state
from tests.killed_call import KilledCall, assert_killed
from tests.merging.merging import Seen, copy, make, merge
from tests.proved_archive import QUAY, START, Run, page, text
from tests.proved_archive import make as make_all
from tests.rereading import read_differently
from tests.runner import fault
from tests.spiders.crawling import archiver, crawl
from tests.storage.later_step import NEW_COLUMN, add_step
from tests.takedown.removing import command, holds, remove, rows

A, B = [Seen(0, 1, 1), Seen(3, 1, 1), Seen(0, 2, 1)], [Seen(1, 1, 2), Seen(4, 1, 3), Seen(1, 3, 1)]


def test_a_merge_into_an_empty_archive_is_complete(tmp_path: Path) -> None:
    whole = make_all(tmp_path / "a")
    into = tmp_path / "b" / "archive.db"
    done = command(into, "merge", str(whole), "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)[0]["articles"] == 9
    assert state(into) == state(whole)
    assert not verify(into).findings
    assert not read_differently(into)
    for table in ("article_parts", "runs", "site_rules", "usage_statements", "page_sources", "geotags"):
        assert len(rows(into, f"select * from {table}")) == len(rows(whole, f"select * from {table}")), table
    duplicate = "select o.url from articles a join articles o on o.id = a.duplicate_of"
    assert rows(into, duplicate) == rows(whole, duplicate)


def test_a_repeated_merge_counts_nothing_but_known_articles(tmp_path: Path) -> None:
    whole, into = make_all(tmp_path / "a"), tmp_path / "b" / "archive.db"
    first, again = (json.loads(command(into, "merge", str(whole), "--yes", "--json").output)[0] for _ in range(2))
    assert first["pages"] > 0
    assert {name for name, count in again.items() if isinstance(count, int) and count} == {"joined"}


def test_files_with_the_same_name_are_both_kept(tmp_path: Path) -> None:
    a, b = make(tmp_path / "a", A), make(tmp_path / "b", [Seen(0, 5, 1)])
    names = [{file.name for file in (one.parent / "warc").iterdir()} for one in (a, b)]
    assert names[0] & names[1]
    before = {file: file.read_bytes() for file in b.parent.rglob("*.*z")}
    merge(a, b)
    assert not verify(a).findings
    assert not read_differently(a)
    assert {file: file.read_bytes() for file in before} == before
    for index in (a.parent / "warc").glob("*.cdxj"):
        for line in index.read_text().splitlines():
            assert json.loads(line[line.index("{") :])["filename"] == f"{index.stem}.warc.gz"


def test_a_post_removed_in_one_archive_is_removed_in_the_other(tmp_path: Path) -> None:
    for mine, name in ((True, "ab"), (False, "ba")):
        a, b = make(tmp_path / name / "a", A), make(tmp_path / name / "b", B)
        with Run(b, QUAY, START + timedelta(days=6)) as run:
            body = page("All", [*text(1), "Wording 2 of the keeper."])
            run.capture(f"{QUAY}feed", body.replace(b"html", b"rss"))
        assert remove(a, f"{QUAY}1").exit_code == 0
        merge(*((a, b) if mine else (b, a)))
        into = a if mine else b
        assert not holds(into, "Entry 1.1")
        assert not holds(into, "of the keeper. 1")
        assert not rows(into, "select 1 from articles where url like '%/1'")
        assert len(rows(into, "select 1 from articles")) == 2
        assert not verify(into).findings
        assert command(into, "show", f"{QUAY}1").exit_code == 1
        once = state(into)
        merge(*((a, b) if mine else (b, a)))
        assert state(into) == once
        assert not holds(into, "Entry 1.1")


def test_an_archive_of_an_earlier_release_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old" / "archive.db"
    db = open_archive(old, create=True)
    db.execute("pragma journal_mode = delete").fetchone()
    db.execute(
        "insert into sites (name, start_url, host, path, added_at) values ('old.example', "
        "'https://old.example/', 'old.example', '/', '2020-01-01T00:00:00+00:00')"
    )
    db.close()
    before = old.read_bytes()
    add_step(monkeypatch, NEW_COLUMN)
    into = make(tmp_path / "a", A)
    merge(into, old)
    assert rows(into, "select name from sites order by id") == [("quay.example",), ("old.example",)]
    assert old.read_bytes() == before
    assert [f.name for f in old.parent.iterdir()] == ["archive.db"]
    assert not list(into.parent.glob(".merging-*"))


def test_invalid_archives_are_refused(tmp_path: Path) -> None:
    into, other = make(tmp_path / "a", A), make(tmp_path / "b", B)
    once = state(into)
    (tmp_path / "text.db").write_text("no database at all, but a text that is long enough to look at " * 40)
    link = tmp_path / "link.db"
    link.symlink_to(into)
    for name, kind in (
        ("text.db", "NotAnArchive"),
        ("none.db", "UnreadableInput"),
        ("link.db", "MergeRefused"),
        ("a/archive.db", "MergeRefused"),
        ("a", "NotAnArchive"),
    ):
        refused = command(into, "merge", str(tmp_path / name), "--yes")
        assert (refused.exit_code, fault(refused)) == (1, f"{kind} {tmp_path / name}")
    for written in (other, into):
        with lock_site(written, "quay.example"):
            assert fault(command(into, "merge", str(other), "--yes")) == f"ArchiveInUse {written}"
    db = open_archive(other)
    db.execute("insert into _sqlite_migrations (migration_set, name, applied_at) values ('archiver', 'm999', '')")
    db.conn.commit()
    db.close()
    assert "newer version" in command(into, "merge", str(other), "--yes").output
    assert state(into) == once


def test_captures_of_a_missing_file_are_left_out_and_reported(tmp_path: Path) -> None:
    into, other = make(tmp_path / "a", A), make(tmp_path / "b", B)
    next((other.parent / "warc").glob("*.warc.gz")).unlink()
    done = command(into, "merge", str(other), "--yes")
    assert done.exit_code == 1
    assert re.search(r"\b1 WARC file", done.output)
    assert not verify(into).findings
    assert len(rows(into, "select 1 from articles")) == 3


def test_an_unfinished_file_is_merged_up_to_its_last_complete_record(tmp_path: Path) -> None:
    into, other = make(tmp_path / "a", A), make(tmp_path / "b", B)
    file = sorted((other.parent / "warc").glob("*.warc.gz"))[-1]
    file.with_name(file.name.replace(".warc.gz", ".cdxj")).unlink()
    with file.open("ab") as handle:
        handle.write(b"\x1f\x8b\x08half a record")
    size = file.stat().st_size
    merge(into, other)
    assert not verify(into).findings
    assert file.stat().st_size == size


def test_merged_imports_equal_a_single_import(tmp_path: Path) -> None:
    one = files.warc(
        tmp_path / "one.warc.gz",
        files.post(),
        files.post(at="2011-05-02T10:00:00Z", text="Later, a line was added to it."),
    )
    two = files.warc(
        tmp_path / "two.warc.gz",
        files.post(at="2010-05-02T10:00:00Z", title="Boats"),
        files.post("http://other.example/x/", title="Elsewhere", text="Another post of another site."),
    )
    both, a, b = (tmp_path / name / "archive.db" for name in ("both", "a", "b"))
    importing.run(both, one, two)
    importing.run(a, one)
    importing.run(b, two)
    ab, ba = copy(a, tmp_path / "ab"), copy(b, tmp_path / "ba")
    merge(ab, b)
    merge(ba, a)
    assert state(ab) == state(ba) == state(both)
    assert not verify(ab).findings
    assert [one.outcome for one in importing.run(ab, two)] == ["known"]


def test_a_crawl_continues_after_merging_two_crawls_of_a_blog(demo: Demo, tmp_path: Path) -> None:
    a, b, both = (tmp_path / name / "archive.db" for name in ("a", "b", "both"))
    for archive, edition in ((a, 1), (both, 1), (b, 2), (both, 2)):
        demo.show(edition)
        assert crawl(demo.url, archive=archive).returncode == 0
    merge(a, b)
    assert not verify(a).findings
    said = "select url, title, body from articles order by url"  # the second archive never saw the post that is gone
    versions = "select a.url, r.meaning_digest from revisions r join articles a on a.id = r.article_id order by 1, 2"
    assert rows(a, said) == rows(both, said)
    assert rows(a, versions) == rows(both, versions)
    aliases = "select urlkey from article_urls order by 1"
    assert rows(a, aliases) == rows(both, aliases)
    del demo.requests[:]
    again = json.loads(archiver("crawl", demo.url, "--json", archive=a).stdout)[0]
    assert (again["new"], again["revised"], again["failed"]) == (0, 0, 0)
    assert len(demo.requests) < 30


MOMENTS = [
    KilledCall("merge_rows", "transfer_warc", 1, True),
    KilledCall("merge_rows", "transfer_warc", 2, False),
    KilledCall("merge_archives", "add_article", 1, True),
    KilledCall("merge_archives", "merge_article", 1, True),
    KilledCall("merge_archives", "merge_page", 1, True),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_killed_merge_continues(tmp_path: Path, moment: KilledCall) -> None:
    into, other = make(tmp_path / "a", A), make(tmp_path / "b", B)
    whole = copy(into, tmp_path / "whole")
    merge(whole, other)
    assert_killed(moment, merge, into, other)
    merge(into, other)
    assert state(into) == state(whole)
    assert not verify(into).findings
    assert len(list((into.parent / "warc").iterdir())) == len(list((whole.parent / "warc").iterdir()))
