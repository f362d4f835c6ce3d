"""Tab completion in real shells: bash completes words; zsh and fish check the syntax of their scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from archiver.cli.main import cli
from tests.archive_fixture import make_archive

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which `archiver` is this source tree."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "archiver"
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m archiver \"$@\"\n", encoding="utf-8")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def shell(*words: str, path: str, folder: Path = ROOT) -> str:
    done = subprocess.run(words, env={**os.environ, "PATH": path}, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("line", "offered", "never"),
    [
        ("archiver se", {"search", "serve"}, {"crawl"}),
        ("archiver sites ", {"list", "add", "import", "check"}, {"crawl"}),
        ("archiver cite --st", {"--style"}, {"--archive"}),
        ("archiver cite --style ", {"bibtex", "ris", "csl-json"}, {"--style"}),
        ("archiver search soup --archive new", {"news.db"}, {"old.db"}),
    ],
)
def test_bash_completes(line: str, offered: set[str], never: set[str], path: str, tmp_path: Path) -> None:
    for name in ("news.db", "old.db"):
        (tmp_path / name).touch()
    *before, last = line.split(" ")
    completed = shell(
        "bash",
        "--norc",
        "-c",
        f"""
        shopt -s progcomp; compopt() {{ [ "$2" != default ] || files=1; }}
        eval "$(_ARCHIVER_COMPLETE=bash_source archiver)"
        COMP_WORDS=({" ".join(before)} '{last}') COMP_CWORD={len(before)}
        _archiver_completion archiver
        [ -z "$files" ] || COMPREPLY+=($(compgen -f -- '{last}'))
        printf '%s\\n' "${{COMPREPLY[@]}}" """,
        path=path,
        folder=tmp_path,
    )
    assert offered <= set(completed.split())
    assert not never & set(completed.split())


def offered(shell: str, line: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    """Return what a shell is told about the last word of a line."""
    kind = get_completion_class(shell)
    assert kind is not None
    words = line.split(" ")
    fish = {"COMP_WORDS": line.rpartition(" ")[0], "COMP_CWORD": words[-1]}
    values = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)} if shell != "fish" else fish
    for name, value in (values | environment).items():
        monkeypatch.setenv(name, value)
    return kind(cli, {}, "archiver", "_ARCHIVER_COMPLETE").complete().splitlines()


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = make_archive(tmp_path / "archive.db")
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(file))
    return file


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("archiver status h", {"harbour.example"}),
        ("archiver crawl n", {"notes.example/blog"}),
        ("archiver search --site h", {"harbour.example"}),
        ("archiver search --author A", {"Ada Berg"}),
        ("archiver search --category H", {"Harbour"}),
        ("archiver search --tag f", {"fog"}),
        ("archiver search --language en-", {"en-GB"}),
        ("archiver show 1", {"1"}),
        ("archiver cite 1 2", {"2"}),
        ("archiver search --site 100%", set()),
    ],
)
def test_values_are_completed(line: str, values: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = {row.partition(",")[2] for row in offered("bash", line, monkeypatch)}
    assert found == values


@pytest.mark.usefixtures("stored")
def test_articles_are_listed_with_their_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "archiver show "
    assert "plain,2\tFog" in offered("fish", line, monkeypatch)
    in_zsh = offered("zsh", line, monkeypatch)
    assert ["plain", "2", "Fog"] in [in_zsh[n : n + 3] for n in range(0, len(in_zsh), 3)]


def test_nothing_is_offered_without_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(tmp_path / "none.db"))
    assert offered("bash", "archiver show ", monkeypatch) == []
    assert list(tmp_path.iterdir()) == []
