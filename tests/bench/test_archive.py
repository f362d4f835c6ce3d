"""bench/archive with a few posts: each step runs."""

from __future__ import annotations

from pathlib import Path

import measure_archive
from generated_posts import Posts

from tests.storage.count_statements import counted


def test_archive_is_small_and_opens_fast(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    measured = measure_archive.ingest(archive, Posts(200))
    row = measure_archive.sizes(archive, 200)
    # With so few articles the schema counts too; a second copy of the text would add 3,000 bytes.
    assert 6_000 < row["bytes"] < 14_000
    assert row["tables"]["revisions"] < 400
    assert row["tables"]["articles"] < 5_800
    assert measured["articles_per_second"] > 10
    assert measure_archive.opened(archive) < 1_000


def test_an_ingested_article_takes_few_statements(tmp_path: Path) -> None:
    found = []
    for posts in (100, 300):
        with counted() as count:
            measure_archive.ingest(tmp_path / f"{posts}.db", Posts(posts))
        found.append(count.statements)
    # It took 41 before links, captures, facets and clusters were written together.
    assert (found[1] - found[0]) / 200 <= 9
