"""Datasets are loaded with archiver.dataset and the code of the documentation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archiver
from archiver.datasets.snapshot_tables import TABLES
from archiver.model.errors import LibraryMissing, NoSuchSplit, NotASnapshot
from archiver.search.export_formats import import_arrow
from tests.datasets.published import FREE, POSTS, make, publish, rows
from tests.datasets.test_validators import MADE, ROOT, VALIDATORS

FOLDERS = {
    "datasets/harbour-1.0.0": ("--rules", "rules.toml"),
    "datasets/storms-1.0.0": ("--rules", "rules.toml", "--splits", "train=60,test=40"),
    "datasets/deep/years": ("--splits", "time:2024"),
}

POSTS_WITHOUT_COPIES = {post.url for post in POSTS} - {f"https://notes.example/blog/{n}" for n in (6, 7)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with datasets: each table in one file, with splits, and by year. Their parent folders were missing."""
    place = tmp_path_factory.mktemp("loaded")
    archive = make(place / "archive" / "archive.db", POSTS, ["https://harbour.example/lost"])
    (place / "rules.toml").write_text(FREE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name, words in FOLDERS.items():
            done = publish(archive, name, "--version", "1.0.0", *words)
            assert done.exit_code == 0, done.output
    return place


@pytest.fixture(scope="module")
def said(place: Path) -> dict[str, Any]:
    if not MADE.exists():
        pytest.skip("needs the validators of tests/datasets/validators.lock (make test installs them)")
    packages = VALIDATORS.parents[1] / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    done = subprocess.run(
        [sys.executable, ROOT / "tests/datasets/run_loading.py", packages, *FOLDERS],
        capture_output=True,
        text=True,
        cwd=place,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_archiver_alone_imports_no_library_for_data(said: dict[str, Any]) -> None:
    assert said["imported"] == []


def test_docstrings_show_what_is_returned(said: dict[str, Any]) -> None:
    assert said["doctest"]["report"] == ""
    assert said["doctest"]["tried"] == 21


def test_every_line_of_the_documentation_runs(said: dict[str, Any], place: Path) -> None:
    count = {name: len(rows(place / "datasets/harbour-1.0.0", name)) for name in ("articles", "revisions", "captures")}
    test = sum(row["split"] == "test" for row in rows(place / "datasets/storms-1.0.0", "articles"))
    articles = rows(place / "datasets/storms-1.0.0", "articles")
    test_kept = sum(row["split"] == "test" and not row["is_copy"] for row in articles)
    assert 0 < test_kept < test < count["articles"]
    assert [line[1:] for line in said["documented"]] == [
        ["pandas", count["articles"]],
        ["polars", count["revisions"]],
        ["pyarrow", count["captures"]],
        ["builtins", 0],
        ["datasets", count["articles"]],
        ["pandas", count["articles"]],
        ["polars", count["articles"]],
        ["mlcroissant", count["articles"]],
        ["duckdb", 2],
        ["pandas", test],
        ["datasets", test],
        ["datasets", test_kept],
        ["pandas", test_kept],
        ["pandas", count["articles"]],
        ["polars", count["articles"]],
        ["duckdb", 2],
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_all_libraries_read_all_tables(said: dict[str, Any], place: Path, folder: str) -> None:
    counts = json.loads((place / folder / "rebuild.json").read_text())["rows"]
    for table in TABLES:
        read = said["tables"][folder][table.name]
        assert set(read["rows"].values()) == {counts.get(table.name, 0)}, table.name
        assert [*map(tuple, read["columns"].values())] == [tuple(column.name for column in table.columns)] * 3


def test_splits_are_those_of_the_rows(said: dict[str, Any], place: Path) -> None:
    split = [row["split"] for row in rows(place / "datasets/storms-1.0.0", "articles")]
    assert said["tables"]["datasets/storms-1.0.0"]["articles"]["splits"] == {
        name: split.count(name) for name in ("test", "train")
    }
    assert said["tables"]["datasets/harbour-1.0.0"]["articles"]["splits"] == {}


def test_deduplicated_articles_are_those_that_are_no_copies(place: Path) -> None:
    loaded = archiver.dataset.load(place / "datasets/deep/years").deduplicated
    assert set(loaded.to_arrow(["url"]).column("url").to_pylist()) == POSTS_WITHOUT_COPIES
    assert loaded.count == len(POSTS_WITHOUT_COPIES)
    assert loaded.columns == archiver.dataset.load(place / "datasets/deep/years").articles.columns


def test_splits_of_deduplicated_articles_have_no_copies(place: Path) -> None:
    loaded = archiver.dataset.load(place / "datasets/storms-1.0.0")
    found = [
        url for name in ("train", "test") for url in loaded.deduplicated[name].to_arrow().column("url").to_pylist()
    ]
    assert sorted(found) == sorted(POSTS_WITHOUT_COPIES)
    assert loaded["deduplicated"].count == len(found)


def test_one_config_is_loaded_by_its_name(place: Path) -> None:
    folder = place / "datasets/deep/years"
    assert archiver.dataset.load(folder, "deduplicated").count == len(POSTS_WITHOUT_COPIES)
    assert archiver.dataset.load(folder, "revisions").name == "revisions"
    with pytest.raises(KeyError, match=r"no table 'copies'; it has articles.*deduplicated"):
        archiver.dataset.load(folder, "copies")


def test_table_without_copies_is_not_deduplicated(place: Path) -> None:
    with pytest.raises(ValueError, match="revisions has no copies"):
        archiver.dataset.load(place / "datasets/harbour-1.0.0").revisions.deduplicated()


def test_rows_and_columns_are_those_of_the_files(place: Path) -> None:
    loaded = archiver.dataset.load(place / "datasets/deep/years")
    assert loaded.articles.to_arrow().to_pylist() == rows(place / "datasets/deep/years", "articles")
    assert loaded.articles.to_arrow(["title", "id"]).column_names == ["title", "id"]
    assert len(loaded.articles.files) == 2


def test_empty_table_has_the_types_of_its_columns(place: Path) -> None:
    arrow, _ = import_arrow()
    withdrawn = archiver.dataset.load(place / "datasets/harbour-1.0.0").withdrawn
    assert withdrawn.to_arrow().schema == arrow.schema([("id", arrow.string()), ("reason", arrow.string())])


@pytest.mark.parametrize(
    ("table", "split", "said"),
    [
        ("articles", "dev", "The table articles has no split 'dev'; it has test, train."),
        ("places", "test", "The table places is not divided into splits."),
    ],
)
def test_unknown_split_is_refused(place: Path, table: str, split: str, said: str) -> None:
    with pytest.raises(NoSuchSplit) as caught:
        archiver.dataset.load(place / "datasets/storms-1.0.0")[table][split]
    assert str(caught.value) == said


def test_unknown_table_is_an_attribute_error(place: Path) -> None:
    with pytest.raises(AttributeError, match="a dataset has no table 'authors'"):
        _ = archiver.dataset.load(place / "datasets/storms-1.0.0").authors


def test_library_that_is_not_installed_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(LibraryMissing, match="polars is not installed: install it with pip install polars"):
        archiver.dataset.load(place / "datasets/storms-1.0.0").articles.to_polars()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"request": {}}'])
def test_other_folder_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "rebuild.json").write_text(content)
    with pytest.raises(NotASnapshot):
        archiver.dataset.load(tmp_path)


def test_file_as_parent_folder_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = publish(place / "archive" / "archive.db", str(tmp_path / "file" / "d"), "--version", "1.0.0")
    assert f"{tmp_path / 'file'} is a file; name another folder" in done.output
