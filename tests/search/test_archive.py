"""`Archive`, the public API: records have the documented form, however they are requested."""

from __future__ import annotations

from pathlib import Path

import pytest

import archiver
from archiver.archive import Archive
from archiver.model.errors import ArchiveNotFound, ArticleNotFound, NotAnArchive, RevisionNotFound
from archiver.model.fields import FIELDS
from tests.archive_fixture import PARIS


def test_archive_is_exported_by_the_package() -> None:
    assert archiver.Archive is Archive
    with pytest.raises(AttributeError, match="'Nonsense'"):
        archiver.Nonsense  # noqa: B018


def test_a_record_has_the_fields_in_order(archive: Archive) -> None:
    record = archive.article(1)
    assert list(record) == [field.name for field in FIELDS]
    assert record["authors"] == ["Zoë Krüger"]
    assert record["tags"] == ["tides", "maths"]
    assert record["credits"] == []
    assert record["aliases"] == ["https://harbour.example/2024/03/tides", "https://harbour.example/?p=7"]
    assert record["geotags"] == [{**PARIS, "precision": None}]
    assert record["capture"] == {
        "captured_at": "2024-05-01T12:00:00.000000+00:00",
        "digest": f"sha1:{'A' * 31}1",
        "warc_file": "warc/harbour-1.warc.gz",
        "warc_offset": 1000,
        "warc_length": 900,
    }


@pytest.mark.parametrize(
    "what",
    [
        1,
        "1",
        "https://harbour.example/2024/03/tide-tables",
        "http://www.harbour.example/2024/03/tide-tables/?utm_source=x",
        "harbour.example/2024/03/tides",
        "https://harbour.example/?p=7",
    ],
)
def test_an_article_is_found_by_number_and_any_address(archive: Archive, what: str | int) -> None:
    assert archive.article(what)["id"] == 1


@pytest.mark.parametrize(
    "what", [0, 99, "99", "9" * 40, "https://harbour.example/none", "nonsense", "", "-1", "ftp://x.y"]
)
def test_a_missing_article_is_an_error(archive: Archive, what: str | int) -> None:
    with pytest.raises(ArticleNotFound):
        archive.article(what)


def test_a_revision_can_be_requested(archive: Archive) -> None:
    first = archive.article(1, revision=1)
    assert (first["title"], first["tags"], first["revision"]) == ("Tide tables", ["tides"], 1)
    assert list(first) == [field.name for field in FIELDS]
    assert archive.article(1, revision=2) == archive.article(1)
    assert [(r["revision"], r["changed"]) for r in archive.revisions(1)] == [(1, []), (2, ["title", "body", "tags"])]
    with pytest.raises(RevisionNotFound, match="revisions 1 to 2"):
        archive.article(1, revision=3)


def test_all_articles_are_returned_unless_filtered(archive: Archive) -> None:
    assert [record["id"] for record in archive.articles()] == [1, 2, 3, 4, 5, 6]
    assert len(archive) == 6
    assert [record["id"] for record in archive.articles(site="notes.example/blog", limit=1)] == [5]
    assert [record["id"] for record in archive.articles("lamp", duplicates=False)] == [3]
    with pytest.raises(TypeError, match="'auhtor'"):
        archive.articles(auhtor="x")


def test_search_gives_records_with_score_and_snippet(archive: Archive) -> None:
    found = archive.search("tide", limit=1)
    assert found[0]["body"].startswith("The harbour")
    assert found[0]["score"] > 0
    assert "tide" in found[0]["snippet"]


def test_records_are_read_in_batches(archive: Archive) -> None:
    statements: list[str] = []
    archive.db.conn.set_trace_callback(statements.append)
    assert len(list(archive.articles())) == 6
    assert len([statement for statement in statements if "left join captures" in statement]) == 1


def test_opening_a_file_that_is_not_an_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArchiveNotFound):
        Archive(tmp_path / "none.db")
    assert not list(tmp_path.iterdir())
    (tmp_path / "text.db").write_text("no database" * 200)
    with pytest.raises(NotAnArchive):
        Archive(tmp_path / "text.db")


def test_the_archive_is_opened_read_only(archive: Archive) -> None:
    with pytest.raises(Exception, match="readonly"):
        archive.db.execute("update articles set title = ''")
