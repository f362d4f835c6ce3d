"""The files of a release, and its time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from release import NotReleasable


def copy_sources(root: Path, to: Path, trial: bool) -> int:
    """Copy the files of `root` that git tracks into the new folder `to`. Returns the time of the commit in seconds
    since 1970.

    Raises NotReleasable if there are uncommitted changes, unless it is a trial.
    """
    if not trial and (changed := _git(root, "status", "--porcelain").splitlines()):
        raise NotReleasable(
            f"{len(changed)} files have uncommitted changes (such as {changed[0][3:]}). Commit or remove them, or use "
            "--trial."
        )
    names = _git(root, "ls-files", "-z", "--cached", *(["--others", "--exclude-standard"] if trial else []))
    for name in names.split("\0")[:-1]:
        if (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, to / name)
    return int(_git(root, "log", "-1", "--format=%ct"))


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise NotReleasable(f"A release needs a git repository, but git fails in {root}: {done.stderr.strip()}")
    return done.stdout
