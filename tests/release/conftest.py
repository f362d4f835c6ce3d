"""Fixtures: two releases of the current tree, and the program installed from the wheel, made once for all tests."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders with the same release, made at the same time in different environments."""
    if subprocess.run(["git", "log", "-1"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("a release is made from a git working tree, and this folder is not one")
    folders, running = [], []
    for umask, zone in ((0o022, "UTC"), (0o077, "Asia/Tokyo")):
        folder = tmp_path_factory.mktemp("release") / "dist"
        folders.append(folder)
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "release", "--trial", str(folder)],
                cwd=ROOT,
                umask=umask,
                env={**os.environ, "TZ": zone},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for process in running:
        _, said = process.communicate()
        assert process.returncode == 0, said
    return folders[0], folders[1]


@pytest.fixture(scope="session")
def release(releases: tuple[Path, Path]) -> Path:
    return releases[0]


@pytest.fixture(scope="session")
def installed(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the program from the wheel. Its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    [wheel] = release.glob("*.whl")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            folder / "bin" / "python",
            "install",
            "-qq",
            "--no-deps",
            "--no-index",
            "--disable-pip-version-check",
            wheel,
        ],
        check=True,
    )
    [packages] = folder.glob("lib/python*/site-packages")
    # The wheel's package comes first: this folder is appended, and its .pth files (the tree under test) are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder
