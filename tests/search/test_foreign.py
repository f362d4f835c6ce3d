"""Searches work whatever other programs write into an archive or do to its index folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.archive import Archive
from archiver.model.errors import BadQuery
from archiver.search.search_index import check_index, refresh_index
from archiver.storage.database import open_archive
from archiver.storage.full_text import index_folder
from tests.archive_fixture import make_archive
from tests.search.writing import archive_with_a_frequent_prefix


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return make_archive(tmp_path / "archive.db")


def ids(file: Path, query: str) -> list[int]:
    with Archive(file) as archive:
        return sorted(hit.id for hit in archive.results(query, duplicates=True, limit=None).hits)


def write(file: Path, sql: str, *values: object) -> None:
    db = open_archive(file)
    db.execute("pragma foreign_keys = off")
    with db.atomic():
        db.execute(sql, values)
    db.close()


@pytest.mark.parametrize("column", ["authors", "categories", "tags", "geotags", "credits"])
@pytest.mark.parametrize(
    "value",
    [
        "[",
        "null",
        '"Ada"',
        '{"a": 1}',
        "[null, 1, [], {}]",
        '["\\ud800"]',
        "7",
        '[{"placename": 5, "region": []}]',
        '[{"placename": "\\udfff"}]',
        "[" * 5_000,
        f'["{"x" * 70_000}"]',
    ],
    ids=lambda value: repr(value)[:20],
)
def test_an_invalid_list_does_not_hide_other_articles(file: Path, column: str, value: object) -> None:
    write(file, f"update articles set {column} = ? where id = 2", value)
    assert ids(file, "tide") == [1, 2]
    assert ids(file, "author:berg") == ([] if column == "authors" else [2])


@pytest.mark.parametrize(
    ("value", "year"),
    [
        ("0000-00-00", None),
        ("soon", None),
        ("", None),
        ("2024-02-30", None),
        ("20240411T000000Z", "2024"),
        ("0001-01-01T00:00:00+14:00", "0001"),
        ("9999-12-31T23:59:59-12:00", "9999"),
        ("1875-05-01", "1875"),
        ("2024-04-11T10:00", "2024"),
        ("10000-01-01", None),
    ],
)
def test_any_stored_date_is_indexed_or_ignored(file: Path, value: object, year: str | None) -> None:
    for column in ("published", "modified", "gone_at", "first_seen"):
        write(file, f"update articles set {column} = ? where id = 2", value)
    assert ids(file, "tide") == [1, 2]
    if year and year != "9999":
        assert 2 in ids(file, f"date:{year}")
    with Archive(file) as archive:
        dated = [hit.id for hit in archive.results("tide", sort="date").hits]
    assert dated[0 if year and year < "2024" else -1] == 2


def test_a_value_of_the_wrong_type_is_ignored(file: Path) -> None:
    write(file, "update articles set revision = 'x', duplicate_of = 'x', cluster_id = 'x' where id = 2")
    write(file, "update revisions set changed = '[' where article_id = 1")
    write(file, "update revisions set changed = '[null, 3, [1], \"title\"]' where article_id = 1 and revision = 2")
    assert ids(file, "tide") == [1, 2]
    assert ids(file, "changed:title") == [1]
    db = open_archive(file, read_only=True)
    assert list(check_index(db, file)) == []
    db.close()


def test_a_half_deleted_index_is_rebuilt(file: Path) -> None:
    assert ids(file, "tide") == [1, 2]
    for ending in (".json", ".term", ".fast", ".pos"):
        gone = [part for part in index_folder(file).iterdir() if part.name.endswith(ending) and part.stem != "archiver"]
        assert gone
        for part in gone:
            part.unlink()
        write(file, "update articles set title = ? where id = 3", f"Zeppelin {ending}")
        assert ids(file, "tide") == [1, 2]
        assert ids(file, "zeppelin") == [3]
        db = open_archive(file)
        assert not refresh_index(db, file).rebuilt
        db.close()


def test_foreign_files_in_the_folder_are_kept(file: Path) -> None:
    folder = index_folder(file)
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "thesis.txt").write_text("x")
    (folder / "notes.txt").write_text("x")
    assert ids(file, "tide") == [1, 2]
    assert (folder / "meta.json").exists()
    db = open_archive(file)
    assert refresh_index(db, file, rebuild=True).rebuilt
    db.close()
    assert (folder / "mine" / "thesis.txt").exists()
    assert (folder / "notes.txt").exists()
    assert ids(file, "tide") == [1, 2]


def test_a_phrase_with_a_prefix_has_no_limit(file: Path) -> None:
    """More than fifty words begin with the prefix."""
    write(file, "update articles set body = ? where id = 2", " ".join(f"old word{n:02}" for n in range(99)))
    write(file, "update articles set body = 'old word98x' where id = 3")
    assert ids(file, '"old word"*') == [2, 3]
    assert ids(file, "学 NEAR 模") == [5]


def test_invalid_unicode_is_searched_without_error(tmp_path: Path) -> None:
    with Archive(make_archive(tmp_path / "archive.db")) as archive:
        assert archive.results("site:\udcff").total == archive.results("tide \udc80x").total == 0
        assert archive.results(author="\udcff").total == 0


def test_a_phrase_whose_prefix_matches_too_many_words_is_an_error(tmp_path: Path) -> None:
    file = archive_with_a_frequent_prefix(tmp_path / "archive.db")
    with Archive(file) as archive:
        assert archive.results('"old w1"*').total == 1
        with pytest.raises(BadQuery):
            archive.results('"old w"*')
