"""bench/search with a few articles: each class of queries and each other way to search runs."""

from __future__ import annotations

from pathlib import Path

import measure_search
import pytest
import search_peers


def test_every_way_to_search_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_peers, "environments", lambda peers, cache: {p.packages: "is left out" for p in peers})
    rows, making = measure_search.measure(300, 3, tmp_path, tmp_path / "cache")
    assert set(measure_search.QUERIES) | set(measure_search.ANSWERS) < set(rows)
    assert rows["frequent word"]["hits"] > 10
    assert all(row["p95"] is None or row["p95"] > 0 for row in rows.values())
    assert {
        "Datasette's _search: phrase",
        "sqlite-utils search: phrase",
        "FTS5 by rank, snippet: two words",
        "tantivy alone: rare word",
        "DuckDB fts is left out: -",
    } < measure_search.reference_rows(rows)
    assert making["index"]["index_ms"] < 50
    assert making["index"]["bytes"] > 500
