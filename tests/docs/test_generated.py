"""The generated parts of the documentation match the code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("setting", [{}, {"COLUMNS": "40", "ARCHIVER_ARCHIVE": "/elsewhere.db"}])
def test_the_docs_are_not_stale(setting: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        env={**os.environ, **setting},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
