"""The public API of the package: its names, and the examples in its docstrings."""

from __future__ import annotations

import doctest
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

import archiver
import archiver.archive
from archiver.archive import Archive
from tests.archive_fixture import make_archive


@pytest.mark.parametrize("module", [archiver, archiver.archive])
def test_the_examples_in_docstrings_run(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_archive(tmp_path / "archive.db")
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    with Archive("archive.db") as opened:
        for example in doctest.DocTestFinder().find(module, globs={"Archive": Archive, "archive": opened}):
            runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).attempted > 2
    assert report == []


def test_dir_lists_the_public_names_without_importing_them() -> None:
    code = "import archiver, sys; print(*dir(archiver)); print('archiver.archive' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, imported = done.stdout.splitlines()
    assert {"extract", "Archive", "Article", "dataset", "PageObject"} <= set(names.split())
    assert not {"Any", "TYPE_CHECKING", "importlib"} & set(names.split())
    assert imported == "False"


def test_arrow_has_times_as_timestamps(tmp_path: Path) -> None:
    with Archive(make_archive(tmp_path / "archive.db")) as opened:
        table = opened.to_arrow("tide")
    kinds = {field.name: str(field.type) for field in table.schema}
    names = ("published_at", "modified_at", "first_seen", "last_seen", "gone_at")
    assert {kinds[name] for name in names} == {"timestamp[us, tz=UTC]"}
    row = table.to_pylist()[0]
    assert (row["published"], row["published_precision"]) == ("2024-03-05T09:30:00+01:00", "minute")
    assert row["published_at"] == datetime(2024, 3, 5, 8, 30, tzinfo=UTC)
