"""Cached counts are counted again after the archive was written to, and only then."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from archiver.storage.database import open_archive
from archiver.web.archive_connections import get_cached
from tests.archive_fixture import make_archive


def test_a_result_is_cached_until_the_archive_changes(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "small.db")
    reading, writing = open_archive(archive, read_only=True), open_archive(archive)
    asked: list[int] = []

    def count() -> int:
        asked.append(1)
        return int(reading.execute("select count(*) from articles where gone_at is null").fetchone()[0])

    assert [get_cached(reading, "articles", None, count) for _ in range(3)] == [5, 5, 5]
    assert len(asked) == 1
    with writing.atomic():
        writing.execute("update articles set gone_at = '2025-01-01' where id = 6")
    assert [get_cached(reading, "articles", None, count) for _ in range(3)] == [4, 4, 4]
    assert len(asked) == 2
    assert get_cached(reading, "articles", "else", count) == 4
    assert len(asked) == 3
    reading.close()
    writing.close()


def test_errors_are_not_cached(tmp_path: Path) -> None:
    reading = open_archive(make_archive(tmp_path / "small.db"), read_only=True)
    answers = iter([1])
    with pytest.raises(ZeroDivisionError):
        get_cached(reading, "x", None, lambda: 1 // len(()))
    assert get_cached(reading, "x", None, lambda: next(answers)) == 1
    assert [get_cached(reading, "n", number, partial(int, number)) for number in range(200)] == list(range(200))
    reading.close()
