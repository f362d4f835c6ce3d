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
    """An archive that only readers touch."""
    return make_archive(tmp_path_factory.mktemp("archive") / "archive.db")


@pytest.fixture
def own_archive(tmp_path: Path) -> Path:
    """An archive of the test's own, to change."""
    return make_archive(tmp_path / "archive.db")


@pytest.fixture
def run(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command against the shared archive, as a pipe sees it."""
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(archive))
    runner = Runner()

    def call(*args: str, stdin: str | bytes | None = None) -> Result:
        return runner.invoke(cli, list(args), input=stdin)

    return call
