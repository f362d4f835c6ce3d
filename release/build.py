"""Builds wheel and source archive with setuptools. The same files and time make the same bytes."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from release import NotReleasable

HOOKS = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def build(source: Path, to: Path, time: int) -> tuple[Path, Path]:
    """Build the project in `source` into the folder `to` (PEP 517). Returns the wheel and the source archive.

    The manual page is made first, so that both have it. The wheel is built from the unpacked source archive, which
    proves that the archive has all that is needed. PEP 517; the time of all files is `time` (SOURCE_DATE_EPOCH,
    seconds since 1970).
    """
    command = [sys.executable, "docs/manpage.py", "docs/archiver.1"]
    _run(command, source, time, "docs/manpage.py cannot make the manual page")
    archive = _hook("build_sdist", source, to, time)
    unpacked = source.parent / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    [project] = unpacked.iterdir()
    wheel = _hook("build_wheel", project, to, time)
    _normalize(archive, time)
    return wheel, archive


def _hook(name: str, source: Path, to: Path, time: int) -> Path:
    command = [sys.executable, "-c", HOOKS, name, str(to.resolve())]
    return to / _run(command, source, time, f"setuptools cannot build it ({name})").split()[-1]


def _run(command: list[str], source: Path, time: int, problem: str) -> str:
    """The output of a command that is run in the sources and leaves no bytecode there."""
    done = subprocess.run(
        command,
        cwd=source,
        capture_output=True,
        text=True,
        umask=0o022,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(time), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if done.returncode:
        raise NotReleasable(f"{problem}:\n{done.stderr[-2000:]}")
    return done.stdout


def _normalize(archive: Path, time: int) -> None:
    """Rewrite the source archive, because setuptools keeps owners, times and the order of the file system."""
    unpacked = io.BytesIO(gzip.decompress(archive.read_bytes()))  # each step back in a packed one begins anew
    out = io.BytesIO()
    with tarfile.open(fileobj=unpacked) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda m: m.name):
            plain = tarfile.TarInfo(member.name)
            plain.size, plain.type, plain.mtime = member.size, member.type, time
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(plain, old.extractfile(member))
    with archive.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=time) as packed:
        packed.write(out.getvalue())
