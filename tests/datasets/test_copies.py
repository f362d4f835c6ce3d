"""The column `is_copy` keeps one article of each group of copies."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

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


def built(place: Path, *words: str) -> list[dict[str, Any]]:
    done = publish(make(place / "archive.db", POSTS), str(place / "d"), "--version", "1.0.0", *words)
    assert done.exit_code == 0, done.output
    return rows(place / "d", "articles")


def test_the_copy_that_was_seen_first_is_kept(tmp_path: Path) -> None:
    """The text of post 2 was published first there, but seen first on the other site."""
    found = {row["url"].rpartition("/")[2]: row["is_copy"] for row in built(tmp_path)}
    assert found == {"1": 0, "2": 1, "3": 0, "4": 1, "5": 0, "6": 1}


def test_each_group_has_one_article_even_without_its_first(tmp_path: Path) -> None:
    articles = built(tmp_path, "--site", "notes.example/blog")
    clusters = defaultdict(list)
    for row in articles:
        clusters[row["cluster_id"]].append(row["is_copy"])
    assert sorted(map(sorted, clusters.values())) == [[0], [0, 1]]
    assert all(row["id"] != row["cluster_id"] for row in articles if row["url"].endswith("4"))
