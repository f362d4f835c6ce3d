"""The commands of docs/many-machines.md for many unmerged archives run as written there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.published import Post, make
from tests.datasets.test_validators import MADE, ROOT, VALIDATORS
from tests.processes import without_proxies


def test_duckdb_over_the_datasets_of_all_shards(tmp_path: Path) -> None:
    if not MADE.exists():
        pytest.skip("needs the validators of tests/datasets/validators.lock (make test installs them)")
    for name, posts in (("harbour", 3), ("notes", 2)):
        make(
            tmp_path / "shards" / name / "archive.db",
            [Post(number, site=f"https://{name}.example/") for number in range(posts)],
        )
    program = tmp_path / "bin" / "archiver"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m archiver "$@"\n')
    program.chmod(0o755)
    environment = without_proxies()
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    doc = (ROOT / "docs" / "many-machines.md").read_text(encoding="utf-8")
    (shell,), (query,) = (re.findall(rf"```{kind}\n(.*?)```", doc, re.DOTALL) for kind in ("sh", "sql"))
    subprocess.run(
        ["sh", "-ec", shell.replace("/mnt/shards", str(tmp_path / "shards"))],
        cwd=tmp_path,
        check=True,
        env=environment,
        capture_output=True,
    )
    asked = subprocess.run(
        [VALIDATORS, "-c", "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchall())", query],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert re.findall(r"\('(\S+)', (\d+), '2024-03-01T", asked.stdout) == [
        ("harbour.example", "3"),
        ("notes.example", "2"),
    ], asked.stdout
