"""The bars of near-duplicate detection, on a small generated set in each vocabulary."""

from __future__ import annotations

from pathlib import Path

import measure_clusters
import pytest
from generated_copies import LANGUAGES, languages


@pytest.mark.parametrize("name", LANGUAGES)
def test_precision_and_recall_meet_the_bars(name: str, tmp_path: Path) -> None:
    row, kinds = measure_clusters.quality(languages()[name], 300, 80, tmp_path)
    assert row["precision"] >= 0.99, kinds
    assert row["recall"] >= 0.97, kinds


def test_adding_to_a_large_archive_compares_few_candidates(tmp_path: Path) -> None:
    row = measure_clusters.scale(3_000, tmp_path, added=100)
    assert row["bytes"] < 600
