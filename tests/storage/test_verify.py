"""Verify: it reports each damage and nothing else; an intact archive has no finding."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from archiver.maintenance.scheduled_check import check_archive
from archiver.maintenance.verification import repair, verify
from archiver.maintenance.verify_captures import CaptureRow, WARCJob, examine_warc
from archiver.maintenance.verify_database import VerifyFinding
from archiver.model.items import Capture, Outcome
from archiver.warc.warc_writer import index_of, open_index_of
from tests.proved_archive import HILL, QUAY, START, Run, make, page, text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture
def archive(made: Path, tmp_path: Path) -> Path:
    """A copy that the test may damage."""
    shutil.copytree(made.parent, tmp_path / "copy")
    return tmp_path / "copy" / made.name


def found(archive: Path) -> list[tuple[str, str]]:
    return [(finding.kind, finding.subject) for finding in findings(archive)]


def findings(archive: Path) -> list[VerifyFinding]:
    out = verify(archive).findings
    assert all(f.sentence and f.remedy for f in out)
    return out


def warcs(archive: Path, site: str = "quay") -> list[Path]:
    return sorted((archive.parent / "warc").glob(f"{site}-*.warc.gz"))


def place(archive: Path, capture: int) -> tuple[Path, int, int]:
    with closing(sqlite3.connect(archive)) as db:
        name, at, length = db.execute(
            "select warc_file, warc_offset, warc_length from captures where id = ?", [capture]
        ).fetchone()
    return archive.parent / name, at, length


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 0xFF
    file.write_bytes(data)


def change(archive: Path, *statements: str) -> None:
    """Execute statements without foreign key checks, as somebody does in the sqlite3 shell."""
    with closing(sqlite3.connect(archive)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_a_sound_archive_has_no_finding(archive: Path) -> None:
    report = verify(archive)
    assert report.findings == []
    assert (report.articles, report.files) == (9, 4)


def test_a_flipped_byte_is_reported_with_its_article(archive: Path) -> None:
    file, at, length = place(archive, 3)
    flip(file, at + length // 2)
    (finding,) = findings(archive)
    assert (finding.kind, finding.subject) == ("file-damaged", f"warc/{file.name} at {at}")
    assert all(part in finding.sentence for part in ("https://quay.example/3", "article 3"))


def test_a_truncated_record_and_a_truncated_file_are_reported(archive: Path) -> None:
    file, at, _ = place(archive, 17)
    with file.open("r+b") as handle:
        handle.truncate(at + 40)
    assert found(archive) == [("file-torn", f"warc/{file.name} at {at}")]
    with file.open("r+b") as handle:
        handle.truncate(at)
    assert found(archive) == [("file-torn", f"warc/{file.name} at {at}")]


def test_swapped_files_are_reported(archive: Path) -> None:
    one, other = warcs(archive)[0], warcs(archive, "hill")[0]
    moved = one.with_name("moved")
    one.rename(moved)
    other.rename(one)
    moved.rename(other)
    reported = {(kind, subject.split()[0]) for kind, subject in found(archive)}
    assert {("capture-damaged", f"warc/{one.name}"), ("capture-damaged", f"warc/{other.name}")} <= reported


def test_missing_files_are_reported(archive: Path) -> None:
    file = warcs(archive, "hill")[1]
    file.unlink()
    index_of(file).unlink()
    (missing,) = findings(archive)
    assert (missing.kind, missing.subject) == ("file-missing", f"warc/{file.name}")
    assert "article 8" in missing.sentence


DAMAGES: dict[str, tuple[list[str], list[tuple[str, str]]]] = {
    "a body is edited": (
        ["update articles set body = body || ' edited' where id = 7"],
        [("article-altered", "article 7")],
    ),
    "a title is edited": (["update articles set title = 'Other' where id = 4"], [("article-altered", "article 4")]),
    "a version is edited": (
        ["update revisions set content = json_set(content, '$.title', 'x') where article_id = 1 and revision = 1"],
        [("version-altered", "article 1 version 1")],
    ),
    "a version is deleted": (
        ["delete from revisions where article_id = 8 and revision = 1"],
        [("versions-missing", "article 8")],
    ),
    "another program changed a language": (
        ["update articles set language = 'zz' where id = 5"],
        [("article-altered", "article 5")],
    ),
    "a trigger is dropped": (
        ["drop trigger articles_clusters_ad"],
        [("trigger-missing", "trigger articles_clusters_ad")],
    ),
    "a trigger is added": (
        ["create trigger mine after insert on pages begin select 1; end"],
        [("trigger-strange", "trigger mine")],
    ),
    "an index is dropped": (["drop index idx_pages_urlkey"], [("index-missing", "index idx_pages_urlkey")]),
    "a view is another": (
        [
            "drop view evidence",
            "create view evidence as select 1 as article_id, 2 as field, 3 as value, 4 as source, 5 as site",
        ],
        [("view-changed", "view evidence")],
    ),
    "the source of a value is unknown": (
        ["update articles set evidence = '[999]' where id = 5"],
        [("row-dangling", "article 5")],
    ),
    "a page has lost its article": (
        ["update pages set article_id = null where url = (select url from articles where id = 5)"],
        [("page-unproved", "page https://")],
    ),
    "a post is gone before it was there": (
        ["update articles set gone_at = '2001-01-01T00:00:00+00:00' where id = 5"],
        [("gone-before-seen", "article 5")],
    ),
    "a facet is deleted": (["delete from article_tags where article_id = 2"], [("facets-differ", "article 2")]),
    "a place is moved": (["update geotags set latitude = 1 where article_id = 2"], [("facets-differ", "article 2")]),
    "a capture is deleted": (
        ["delete from captures where id = 10"],
        [
            ("row-dangling", "articles row 9"),
            ("row-dangling", "pages row "),
            ("row-dangling", "revisions row "),
            ("record-unknown", "warc/hill-example-20240501090001-00001.warc.gz at "),
        ],
    ),
    "a capture says another offset": (
        ["update captures set warc_offset = warc_offset + 1 where id = 10"],
        [("capture-damaged", "warc/hill-example-20240501090001-00001.warc.gz at ")],
    ),
    "a capture says another address": (
        ["update captures set url = 'https://x.example/' where id = 13"],
        [("capture-damaged", "warc/quay-example-20240502080001-00001.warc.gz at ")],
    ),
    "an invalid time": (["update articles set last_seen = 'yesterday' where id = 6"], [("no-time", "articles row 6")]),
    "a number is a word": (["update pages set attempts = 'many' where id = 3"], [("wrong-type", "pages row 3")]),
    "invalid JSON": (["update articles set credits = '[' where id = 6"], [("no-json", "articles row 6")]),
    "a required value is empty": (
        ["update article_urls set article_id = null where article_id = 6 and kind = 'url'"],
        [("empty", "aliases row"), ("address-missing", "article 6")],
    ),
    "a page belongs to no article": (
        ["update pages set article_id = 99 where id = 3"],
        [("row-dangling", f"page {QUAY}3")],
    ),
    "an article points to another's capture": (
        ["update articles set capture_id = 9 where id = 7"],
        [("capture-strange", "article 7")],
    ),
    "a cluster is miscounted": (["update clusters set size = 99 where id = 1"], [("cluster-differs", "cluster 1")]),
    "pages are miscounted": (
        ["update page_counts set pages = pages + 1 where source = '' and outcome = 'archived' and site_id = 1"],
        [("counts-differ", "site ")],
    ),
    "a table is dropped": (["drop table usage_statements"], [("table-missing", "table usage_statements")]),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_to_the_database_is_reported(name: str, archive: Path) -> None:
    statements, expected = DAMAGES[name]
    change(archive, *statements)
    reported = found(archive)
    dangling = [one for one in reported if one[0] == "row-dangling"]
    reported = [*sorted(dangling), *(one for one in reported if one not in dangling)]
    assert [kind for kind, _ in reported] == [kind for kind, _ in expected]
    assert all(own.startswith(subject) for (_, own), (_, subject) in zip(reported, expected, strict=True))


REPAIRED = (
    "a trigger is dropped",
    "an index is dropped",
    "a view is another",
    "a facet is deleted",
    "a place is moved",
    "a cluster is miscounted",
    "a page has lost its article",
    "pages are miscounted",
)


@pytest.mark.parametrize("name", REPAIRED)
def test_derived_data_is_repaired(name: str, archive: Path) -> None:
    change(archive, *DAMAGES[name][0])
    assert repair(archive, findings(archive))
    assert found(archive) == []


def test_an_index_file_is_checked_against_the_records_and_rebuilt(archive: Path) -> None:
    index = index_of(warcs(archive)[0])
    before = index.read_bytes()
    lines = before.splitlines(keepends=True)
    for damaged in (lines[1:], [*lines, b'zz)/ 20240101000000 {"offset": "0"}\n'], lines[::-1], None):
        if damaged is None:
            index.unlink()
        else:
            index.write_bytes(b"".join(damaged))
        (finding,) = findings(archive)
        assert finding.kind == ("file-unfinished" if damaged is None else "cdxj-differs")
        assert repair(archive, [finding])
        assert index.read_bytes() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000_000))
@example(4)
def test_every_flipped_byte_of_a_record_is_found(made: Path, tmp_path: Path, number: int) -> None:
    (tmp_path / "warc").mkdir(exist_ok=True)
    file = tmp_path / "warc" / warcs(made)[1].name
    data = bytearray(warcs(made)[1].read_bytes())
    index_of(file).write_bytes(index_of(warcs(made)[1]).read_bytes())
    data[number % len(data)] ^= 0xFF
    file.write_bytes(data)
    with closing(sqlite3.connect(made)) as db:
        rows = db.execute(
            "select id, url, captured_at, status, digest, warc_offset, warc_length, record_type "
            "from captures where warc_file = ?",
            [f"warc/{file.name}"],
        ).fetchall()
    flaws = examine_warc(WARCJob(tmp_path, f"warc/{file.name}", tuple(CaptureRow(*row) for row in rows))).flaws
    assert [flaw.subject.split(" ")[0] for flaw in flaws] == [f"warc/{file.name}"]


def test_a_running_crawl_is_neither_disturbed_nor_reported(archive: Path) -> None:
    with Run(archive, QUAY, START.replace(month=6)) as run:
        run.post(f"{QUAY}30", page("Day 30", text(30), 3))
        run.writer.flush()
        run.post(f"{QUAY}31", page("Day 31", text(31), 3))
        assert open_index_of(warcs(archive)[-1]).exists()
        with closing(sqlite3.connect(archive, timeout=0.1, isolation_level=None)) as other:
            other.execute("begin immediate")
            other.execute("update articles set last_seen = last_seen")
            assert found(archive) == []
            other.execute("rollback")
    assert found(archive) == []


def test_a_file_left_by_a_dead_crawl_is_reported(archive: Path) -> None:
    with Run(archive, HILL, START.replace(month=6)) as run:
        run.post(f"{HILL}30", page("Day 30", text(30), 3))
        run.writer.flush()
        run.warc.abandon()
    assert [kind for kind, _ in found(archive)] == ["file-unfinished"]
    assert repair(archive, findings(archive))
    assert found(archive) == []


def test_a_damaged_database_is_a_finding(archive: Path) -> None:
    db = sqlite3.connect(archive)
    size, page = (
        db.execute(sql).fetchone()[0]
        for sql in ("pragma page_size", "select rootpage from sqlite_master where name = 'revisions'")
    )
    db.close()
    with archive.open("r+b") as handle:
        handle.seek((page - 1) * size)
        handle.write(b"\xff" * size)
    assert "database-damaged" in {kind for kind, _ in found(archive)}


def shared(archive: Path) -> None:
    """Adds an article to the other site that repeats article 7, whose payload is in another WARC file, twice."""
    with closing(sqlite3.connect(archive)) as db:
        [digest] = db.execute("select c.digest from captures c join articles a on a.capture_id = c.id where a.id = 7")
    with Run(archive, HILL, START.replace(day=20)) as run:
        body = page("Day 7", text(7), 7)
        original = run.capture(f"{HILL}ten", body)
        assert original.digest == digest[0]
        own = Capture(f"{QUAY}7", START, 200, "text/html", digest[0], "", 0, 0, "response")
        run.post(f"{HILL}ten", body, original=own)
        run.visit(f"{HILL}ten", Outcome.UNCHANGED, run.capture(f"{HILL}ten", b"", 304, original))


def test_a_revisit_without_its_original_is_reported(archive: Path) -> None:
    shared(archive)
    assert not findings(archive)
    with closing(sqlite3.connect(archive)) as db, db:
        db.execute("update articles set capture_id = null where id = 7")
        db.execute("update revisions set capture_id = null where article_id = 7")
        db.execute("delete from captures where url = ?", [f"{QUAY}7"])
        [number] = db.execute("select id from articles where url = ?", [f"{HILL}ten"]).fetchone()
    for options in ({}, {"quick": True}, {"ids": [number]}):
        out = [one for one in verify(archive, **options).findings if one.kind == "original-missing"]
        assert [one.subject for one in out] == [f"{HILL}ten"]
        assert "2 captures of" in out[0].sentence or options.get("ids")
    damages = [one.kind for one in check_archive(archive)]
    assert "original-missing" in damages


def test_articles_and_revisits_that_need_a_damaged_original_are_named(archive: Path) -> None:
    shared(archive)
    file, at, length = place(archive, original_of(archive))
    flip(file, at + length // 2)
    with closing(sqlite3.connect(archive)) as db:
        [number] = db.execute("select id from articles where url = ?", [f"{HILL}ten"]).fetchone()
    [damage] = findings(archive)
    assert "2 revisit records cannot be read without it" in damage.sentence
    assert f"articles 7, {number} depend on it" in damage.sentence
    [damage] = verify(archive, ids=[number]).findings
    assert f"{QUAY}7" in damage.sentence


def original_of(archive: Path) -> int:
    with closing(sqlite3.connect(archive)) as db:
        return int(db.execute("select id from captures where url = ?", [f"{QUAY}7"]).fetchone()[0])
