"""Shards in an object storage, tested in a separate environment with an S3 server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from sysconfig import get_path

import pytest

from tests.processes import without_proxies

ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.prefix) / "s3" / "bin" / "python"
_RUN = (
    "import site, sys; site.addsitedir(sys.argv[1]); import pytest; "
    "sys.exit(pytest.main(['-q', '-o', 'addopts=--import-mode=importlib', '-p', 'no:cacheprovider', sys.argv[2]]))"
)


@pytest.mark.skipif(not PYTHON.exists(), reason=f"not installed: {PYTHON} (make test installs it)")
def test_shards_can_be_stored_in_a_bucket() -> None:
    done = subprocess.run(
        [PYTHON, "-c", _RUN, get_path("purelib"), "tests/fleet/in_s3.py"],
        cwd=ROOT,
        env=without_proxies(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
