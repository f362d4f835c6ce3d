"""Splits have the requested shares, do not divide clusters, and keep their records."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.datasets import parquet_table, snapshot_writer
from archiver.datasets.snapshot_request import parse_split_dates, parse_splits, split_of
from archiver.model.errors import BadSplits
from tests.datasets.published import NEAR, Post, contents, make, publish, rows, text

SPLITS = "train=80,validation=10,test=10"


def test_splits_have_the_requested_shares() -> None:
    found = Counter(split_of(f"{n:020x}", parse_splits(SPLITS)) for n in range(20_000))
    assert abs(found["train"] - 16_000) < 300
    assert abs(found["test"] - 2_000) < 200


@given(st.text(max_size=30), st.integers(1, 99))
def test_larger_first_share_keeps_its_keys(key: str, share: int) -> None:
    narrow = split_of(key, (("a", share), ("b", 100 - share)))
    wide = split_of(key, (("a", share + 1), ("b", 99 - share)))
    assert narrow == wide or (narrow, wide) == ("b", "a")


@pytest.mark.parametrize("said", ["train=80", "train=80,test=10", "train=50,train=50", "train", "Train=100", "a=101"])
def test_invalid_splits_are_refused(said: str) -> None:
    with pytest.raises(BadSplits):
        parse_splits(said)


def splits(archive: Path, folder: Path) -> dict[str, str]:
    done = publish(archive, str(folder), "--version", "1.0.0", "--splits", SPLITS)
    assert done.exit_code == 0, done.output
    return {row["url"]: row["split"] for row in rows(folder, "articles")}


def test_clusters_are_not_divided_and_additions_move_nothing(tmp_path: Path) -> None:
    """Each of thirty texts has a duplicate or near-duplicate on another site, added later; a query selects only
    these."""
    other = "https://notes.example/blog/"
    first = [Post(n, day=n / 100) for n in range(1, 31)]
    copies = [
        Post(100 + n, body=text(n) + (NEAR if n % 2 else ""), site=other, day=2, published="2020-01-01T00:00:00+00:00")
        for n in range(1, 31)
    ]
    before = splits(make(tmp_path / "1" / "archive.db", first), tmp_path / "a")
    grown = make(tmp_path / "2" / "archive.db", [*first, *copies])
    after = splits(grown, tmp_path / "b")
    assert len(set(before.values())) > 1
    assert len(after) == 60
    assert {url: after[url] for url in before} == before
    assert {url: after[f"{other}{100 + int(url.rsplit('/', 1)[1])}"] for url in before} == before
    done = publish(grown, str(tmp_path / "c"), "--site", "notes.example/blog", "--version", "1.0.0", "--splits", SPLITS)
    assert done.exit_code == 0, done.output
    assert {row["url"]: row["split"] for row in rows(tmp_path / "c", "articles")} == {
        url: split for url, split in after.items() if url.startswith(other)
    }


def test_joining_clusters_moves_only_the_later(tmp_path: Path) -> None:
    """A text made of two others joins their clusters: the later cluster moves to the split of the earlier."""
    posts = [Post(n, day=n / 10) for n in range(1, 13)]
    joins = [Post(50 + n, body=f"{text(n)}\n\n{text(n + 1)}", day=5) for n in range(1, 12, 2)]
    before = splits(make(tmp_path / "1" / "archive.db", posts), tmp_path / "a")
    joined = make(tmp_path / "2" / "archive.db", [*posts, *joins])
    after = splits(joined, tmp_path / "b")
    clusters = {row["url"]: row["cluster_id"] for row in rows(tmp_path / "b", "articles")}
    for n in range(1, 12, 2):
        one, two, both = (f"https://harbour.example/{m}" for m in (n, n + 1, 50 + n))
        assert clusters[one] is not None
        assert clusters[one] == clusters[two] == clusters[both]
        assert after[two] == after[both] == after[one] == before[one]
    moved = sorted(url for url in before if before[url] != after[url])
    done = publish(
        joined, str(tmp_path / "c"), "--version", "1.1.0", "--splits", SPLITS, "--previous", str(tmp_path / "a")
    )
    assert done.exit_code == 0, done.output
    assert moved
    headings = [line for line in (tmp_path / "c" / "CHANGES.md").read_text().splitlines() if line.startswith("### ")]
    assert f": {len(moved)}" in "".join(line for line in headings if " split" in line)


def test_later_join_does_not_change_an_earlier_version(tmp_path: Path) -> None:
    """A version that is rebuilt with its cut-off has the clusters and splits of that time."""
    posts = [*(Post(n, day=n / 10) for n in range(1, 9)), Post(31, body=text(3) + NEAR, day=1)]
    joins = [Post(50 + n, body=f"{text(n)}\n\n{text(n + 1)}", day=5) for n in range(1, 8, 2)]
    found = []
    for name, more in (("then", []), ("now", joins)):
        archive = make(tmp_path / name / "archive.db", [*posts, *more])
        done = publish(
            archive, str(tmp_path / name / "d"), "--version", "1.0.0", "--splits", SPLITS, "--cutoff", "2024-05-03"
        )
        assert done.exit_code == 0, done.output
        found.append(contents(tmp_path / name / "d"))
    assert [name for name in found[0] if found[0][name] != found[1].get(name)] == []
    clusters = [row["cluster_id"] for row in rows(tmp_path / "now" / "d", "articles") if row["cluster_id"]]
    assert len(clusters) == 2
    assert len(set(clusters)) == 1


def test_each_split_has_its_own_files(tmp_path: Path) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [Post(n) for n in range(1, 31)])
    asked = ("--version", "1.0.0", "--splits", "train=60,test=40")
    assert publish(archive, str(tmp_path / "d"), *asked).exit_code == 0
    for name in ("train", "test"):
        found = pq.read_table(tmp_path / "d" / "data" / "articles" / f"{name}.parquet")["split"].to_pylist()
        assert set(found) == {name}
    card = (tmp_path / "d" / "README.md").read_text()
    assert 'split="test"' not in card
    [configs] = [json.loads(line.removeprefix("configs: ")) for line in card.splitlines() if line.startswith("configs")]
    assert {one["split"]: one["path"] for one in configs[0]["data_files"]} == {
        name: [f"data/articles/{name}.parquet"] for name in ("train", "test")
    }


def test_splits_by_date_keep_clusters_whole(tmp_path: Path) -> None:
    """A near-duplicate of 2024 is in the split of the text of 2022 that it copies."""
    posts = [
        Post(1, published="2022-12-31T23:00:00+00:00"),
        Post(2, published="2023-01-01T00:00:00+01:00"),
        Post(3, published="2024-06-01T00:00:00+00:00"),
        Post(4, published="2024-06-02T00:00:00+00:00", body=text(1) + NEAR),
    ]
    archive = make(tmp_path / "archive" / "archive.db", posts)
    asked = ("--version", "1.0.0", "--splits", "time:2023-01,2024-01")
    assert publish(archive, str(tmp_path / "d"), *asked).exit_code == 0
    found = {row["url"][-1]: row["split"] for row in rows(tmp_path / "d", "articles")}
    assert found == {"1": "train", "2": "validation", "3": "test", "4": "train"}
    before = contents(tmp_path / "d")
    assert publish(archive, str(tmp_path / "d"), "--rebuild").exit_code == 0
    assert contents(tmp_path / "d") == before


@pytest.mark.parametrize("said", ["time:", "time:2024-01,2023-01", "time:2020,2021,2022", "time:soon", "time:2024-13"])
def test_invalid_dates_of_splits_are_refused(said: str) -> None:
    with pytest.raises(BadSplits):
        parse_split_dates(said)


def test_large_tables_are_divided_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_writer, "SHARD_BYTES", 2_000)
    monkeypatch.setattr(parquet_table, "_ROWS", 5)
    archive = make(tmp_path / "archive" / "archive.db", [Post(n) for n in range(1, 31)])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--formats", "jsonl").exit_code == 0
    files = sorted(path.name for path in (tmp_path / "d" / "data" / "articles").iterdir())
    assert files[:2] == ["articles-00000.parquet", "articles-00001.parquet"]
    found = [row["url"] for row in rows(tmp_path / "d", "articles")]
    assert len(set(found)) == 30
    lines = gzip.decompress((tmp_path / "d" / "data" / "articles.jsonl.gz").read_bytes()).decode().splitlines()
    assert [json.loads(line)["url"] for line in lines] == found
    assert publish(archive, "--check", str(tmp_path / "d")).exit_code == 0
