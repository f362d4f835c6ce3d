from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.archive import Archive
from tests.archive_fixture import make_archive


@pytest.fixture(scope="session")
def archive_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_archive(tmp_path_factory.mktemp("search") / "archive.db")


@pytest.fixture
def archive(archive_file: Path) -> Iterator[Archive]:
    with Archive(archive_file) as opened:
        yield opened
