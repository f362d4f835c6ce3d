"""The column `is_copy` keeps one article of each group of copies, and a large dataset has a sample of its articles."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import archiver
from archiver.datasets import snapshot_writer
from archiver.datasets.snapshot_tables import SAMPLE_FILE
from tests.datasets.published import NEAR, Post, make, publish, rows, text

NOTES = "https://notes.example/blog/"
POSTS = (
    Post(1),
    Post(2, day=2),
    Post(3, day=2),
    Post(4, body=text(1) + NEAR, site=NOTES, day=1),
    Post(5, body=text(2), site=NOTES, day=1, published="2024-03-30T00:00:00+00:00"),
    Post(6, body=text(1), site=NOTES, day=3),
)


def built(place: Path, *words: str, archives: int = 1) -> list[dict[str, Any]]:
    parts = (
        [POSTS]
        if archives == 1
        else [[one for one in POSTS if (one.site == NOTES) == second] for second in (False, True)]
    )
    made = [make(place / str(number) / "archive.db", posts) for number, posts in enumerate(parts)]
    done = publish(made, str(place / "d"), "--version", "1.0.0", *words)
    assert done.exit_code == 0, done.output
    return rows(place / "d", "articles")


@pytest.mark.parametrize("archives", [1, 2])
def test_the_copy_that_was_seen_first_is_kept(tmp_path: Path, archives: int) -> None:
    """The text of post 2 was published first there, but seen first on the other site."""
    found = {row["url"].rpartition("/")[2]: row["is_copy"] for row in built(tmp_path, archives=archives)}
    assert found == {"1": 0, "2": 1, "3": 0, "4": 1, "5": 0, "6": 1}


def test_each_group_has_one_article_even_without_its_first(tmp_path: Path) -> None:
    articles = built(tmp_path, "--site", "notes.example/blog")
    clusters = defaultdict(list)
    for row in articles:
        clusters[row["cluster_id"]].append(row["is_copy"])
    assert sorted(map(sorted, clusters.values())) == [[0], [0, 1]]
    assert all(row["id"] != row["cluster_id"] for row in articles if row["url"].endswith("4"))


def sample(archive: Path, folder: Path) -> list[dict[str, Any]]:
    done = publish(archive, str(folder), "--version", "1.0.0")
    assert done.exit_code == 0, done.output
    return pq.read_table(folder / SAMPLE_FILE).to_pylist() if (folder / SAMPLE_FILE).exists() else []


def test_sample_has_rows_of_the_table_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_writer, "SAMPLE_FROM", 10)
    monkeypatch.setattr(snapshot_writer, "SAMPLE_ROWS", 5)
    posts = [Post(n) for n in range(1, 31)]
    found = sample(make(tmp_path / "1" / "archive.db", posts), tmp_path / "a")
    assert len(found) == 5
    assert found == [row for row in rows(tmp_path / "a", "articles") if row in found]
    assert '"config_name": "sample"' in (tmp_path / "a" / "README.md").read_text()
    assert archiver.dataset.load(tmp_path / "a", "sample").to_arrow().to_pylist() == found
    grown = sample(make(tmp_path / "2" / "archive.db", [*posts, *(Post(n) for n in range(31, 34))]), tmp_path / "b")
    assert len({row["id"] for row in grown} - {row["id"] for row in found}) <= 3, "articles that are added replace few"
    assert {row["id"] for row in grown} & {row["id"] for row in found}


def test_small_dataset_has_no_sample(tmp_path: Path) -> None:
    assert sample(make(tmp_path / "archive.db", [Post(1)]), tmp_path / "d") == []
    assert '"sample"' not in (tmp_path / "d" / "README.md").read_text()
