"""Tab completion in real shells: bash completes words; zsh and fish check the syntax of their scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.cli.main import SHELLS

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
        ("archiver se", {"search", "searches", "serve"}, {"crawl"}),
        ("archiver sites ", {"list", "add", "import", "check"}, {"crawl"}),
        ("archiver cite --st", {"--style"}, {"--archive"}),
        ("archiver cite --style ", {"bibtex", "ris", "csl-json"}, {"--style"}),
        ("archiver completion ", set(SHELLS), {"sh"}),
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
        eval "$(archiver completion bash)"
        COMP_WORDS=({" ".join(before)} '{last}') COMP_CWORD={len(before)}
        _archiver_completion archiver
        [ -z "$files" ] || COMPREPLY+=($(compgen -f -- '{last}'))
        printf '%s\\n' "${{COMPREPLY[@]}}" """,
        path=path,
        folder=tmp_path,
    )
    assert offered <= set(completed.split())
    assert not never & set(completed.split())


@pytest.mark.parametrize(
    "name",
    [
        "bash",
        pytest.param("zsh", marks=pytest.mark.needs("zsh")),
        pytest.param("fish", marks=pytest.mark.needs("fish")),
    ],
)
def test_each_shell_accepts_its_script(name: str, path: str) -> None:
    printed = shell("archiver", "completion", name, path=path)
    assert "_ARCHIVER_COMPLETE" in printed
    subprocess.run([name, "-n"], input=printed, text=True, check=True)
