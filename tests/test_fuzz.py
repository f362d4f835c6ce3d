"""The fuzz run: a seed always makes the same page, findings are reported, and the exit code shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[1] / "bench" / "fuzz"


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(FUZZ), *args], capture_output=True, text=True, timeout=120)


def test_a_short_run_counts_its_pages_and_one_can_be_replayed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<html><body><article><h1>One</h1><p>Some text.</p></article></body></html>")
    (tmp_path / "b.htm").write_text("<p>Other <b>text</b> of <time>2 May 2020</time>")
    done = run("--corpus", str(tmp_path), "--minutes", "0.03", "--seed", "11")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 2 files, seed 11" in done.stdout
    assert "errors: 0" in done.stdout
    pages = []
    for name in ("1", "2"):
        again = run("--corpus", str(tmp_path), "--replay", "11:3", "--write", str(tmp_path / name))
        assert again.returncode == 0
        assert again.stdout.startswith("11:3 is ")
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def test_wrong_usage_is_an_error(tmp_path: Path) -> None:
    assert run("--corpus", str(tmp_path)).returncode == 2
    (tmp_path / "a.html").write_text("<p>x")
    assert run("--corpus", str(tmp_path), "--replay", "x").returncode == 2
