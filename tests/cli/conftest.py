from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from archiver.cli.main import cli
from tests.archive_fixture import make_archive
from tests.runner import Runner

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that tests only read."""
    return make_archive(tmp_path_factory.mktemp("archive") / "archive.db")


@pytest.fixture
def own_archive(tmp_path: Path) -> Path:
    """An archive that a test may change."""
    return make_archive(tmp_path / "archive.db")


@pytest.fixture
def run(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the shared archive, with its output in a pipe."""
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(archive))
    runner = Runner()

    def call(*args: str, stdin: str | bytes | None = None) -> Result:
        return runner.invoke(cli, list(args), input=stdin)

    return call
