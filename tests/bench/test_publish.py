"""bench/publish with a few articles: each step runs."""

from __future__ import annotations

from pathlib import Path

import measure_publish


def test_publishing_needs_bounded_memory(tmp_path: Path) -> None:
    archive = measure_publish.make(tmp_path / "archive.db", 300)
    row = measure_publish.parquet(archive, tmp_path)
    assert row["articles"] == 300
    assert 100 < row["bytes"] < 4_000
    ways = measure_publish.ways(archive, tmp_path, ["full texts"])
    assert 50 < ways["full texts"]["peak_mb"] < 500
