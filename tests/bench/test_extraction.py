"""The report and the usage errors of `bench/extraction`, with made-up figures."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import floors
import pytest

SCRIPT = Path(floors.__file__).with_name("extraction")
GOOD = {"body: shingle F1": 96.0, "title: normalised": 92.0, "authors: false, pages without (less)": 5.0, "ratio": 4.0}
Tables = dict[str, dict[str, Any]]
Report = Callable[..., int]


@pytest.fixture
def script() -> ModuleType:
    loader = SourceFileLoader("bench_extraction", str(SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def report(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Run the script's report on made-up figures with the floors of the test. Options are keywords."""
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "sites.json").write_text("[]")
    (tmp_path / "corpus").mkdir()
    for name in ("pages.jsonl", "html.tar.xz"):
        (tmp_path / "corpus" / name).write_text("made up")
    monkeypatch.setattr(script, "FLOORS", script.HERE / "no-such-file.toml")
    written: dict[str, Any] = {}
    monkeypatch.setattr(floors, "read", lambda file: dict(written))
    monkeypatch.setattr(floors, "write", lambda file, parts: written.update(parts))

    def call(ours: dict[str, Any], **options: Any) -> int:
        given = {"shared": tmp_path, "limit": None, "json": False, "check": False, "pin": False} | options
        rows = {"archiver": ours, "trafilatura": {"body: shingle F1": 50.0}}
        return int(script.report({"corpus": rows}, argparse.Namespace(**given), argparse.ArgumentParser()))

    return call


def test_missed_bar_and_broken_floor_are_distinguished(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(GOOD, pin=True) == 0
    assert report(GOOD) == 0
    assert report(GOOD, check=True) == 0
    capsys.readouterr()
    worse = GOOD | {"title: normalised": 91.5}
    assert report(worse) == 1
    assert report(worse, check=True) == 1
    shown = capsys.readouterr()
    assert "Below its floor: corpus, archiver: title 91.5, floor 91.7" in shown.err
    assert "All bars are met." in shown.out
    low = GOOD | {"title: normalised": 80.0}
    assert report(low, pin=True) == 0
    assert report(low, check=True) == 0
    assert report(low) == 1
    assert "80.0!" in capsys.readouterr().out


def test_json_has_all_figures(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(GOOD | {"ratio": 1.5}, json=True) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["tables"]["corpus"]["archiver"]["ratio"] == 1.5
    assert printed["below"] == []
    assert printed["missed"] == ["corpus, archiver: of traf. 1.50, bar >=3"]


def test_check_needs_floors(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        report(GOOD, check=True)
    assert stopped.value.code == 2
    assert "--pin" in capsys.readouterr().err
    assert report(GOOD, limit=5) == 0
    assert not capsys.readouterr().err  # floors are of complete runs


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--shared", "/nowhere"], "name the folder with --shared"),
        (["--only", "posts"], "invalid choice"),
        (["--limit", "0"], "--limit must be at least 1"),
        (["--limit", "9", "--check"], "not used with --check or --pin"),
        (["--check", "--pin"], "cannot be used together"),
    ],
)
def test_wrong_usage_is_an_error(tmp_path: Path, args: list[str], says: str) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "evaluate.py").touch()
    given = args if "--shared" in args else ["--shared", str(tmp_path), *args]
    done = subprocess.run([sys.executable, str(SCRIPT), *given], capture_output=True, text=True)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
