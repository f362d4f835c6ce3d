"""Installs publishing software from the registries of Debian, Python and Node.js. Nothing else is fetched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class NotInstalledError(Exception):
    """A program cannot be installed. The message says which, and why."""


class BuildError(Exception):
    """A program failed to build the blog. The message is the end of its output."""


def debian(*packages: str) -> dict[str, str]:
    """Installs Debian packages if they are missing (which needs root). Returns their versions."""
    if not shutil.which("dpkg-query"):
        raise NotInstalledError(f"{', '.join(packages)}: this is no Debian system")
    versions = _debian_versions(packages)
    if absent := [package for package in packages if package not in versions]:
        command = ["apt-get", "install", "-y", "--no-install-recommends", *absent]
        if os.geteuid():
            raise NotInstalledError(f"{', '.join(absent)}: not installed; run {' '.join(command)} as root")
        _install(["apt-get", "update"])  # without lists of packages none is found
        _install(command, env={"DEBIAN_FRONTEND": "noninteractive"})
        versions = _debian_versions(packages)
    return versions


def _debian_versions(packages: Sequence[str]) -> dict[str, str]:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev} ${Version}\n", *packages],
        capture_output=True,
        text=True,
    )
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "ii"}


def python(cache: Path, name: str, *packages: str) -> Path:
    """Makes a virtual environment of this name with these packages, unless the cache has it. Returns its folder of
    programs."""
    folder = cache / "python" / name
    if not _complete(folder, packages):
        _install([sys.executable, "-m", "venv", str(folder)])
        _install([str(folder / "bin" / "pip"), "install", "--quiet", *packages])
        _mark(folder, packages)
    return folder / "bin"


def python_version(programs: Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return run([str(programs / "python"), "-c", code], programs).strip()


def node(cache: Path, name: str, *packages: str) -> Path:
    """Installs npm packages into a folder of this name, unless the cache has it. Returns the folder node_modules."""
    if not shutil.which("npm"):
        raise NotInstalledError(f"{name}: npm is missing (Debian package npm)")
    folder = cache / "node" / name
    if not _complete(folder, packages):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"name": "bench", "private": True}), encoding="utf-8")
        _install(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages])
        _mark(folder, packages)
    return folder / "node_modules"


def use_node_modules(folder: Path, modules: Path, **package: object) -> None:
    """Lets a site's folder use installed packages: by a link, and by the package.json that names them. `package` are
    further values of package.json."""
    folder.mkdir(parents=True, exist_ok=True)
    installed = json.loads((modules.parent / "package.json").read_text(encoding="utf-8"))
    (folder / "package.json").write_text(json.dumps(installed | package), encoding="utf-8")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(modules, target_is_directory=True)


def node_version(modules: Path, package: str) -> str:
    return str(json.loads((modules / package / "package.json").read_text(encoding="utf-8"))["version"])


def run(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None, limit: float = 600) -> str:
    """Runs a program that builds a site in a folder, at low priority. Returns its output."""
    done = subprocess.run(
        ["nice", "-n", "10", *command],
        cwd=folder,
        env={**os.environ, "CI": "1", "NO_COLOR": "1", **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit,
    )
    if done.returncode:
        raise BuildError(f"{' '.join(command[:3])} failed: {done.stdout[-2000:]}")
    return done.stdout


def _install(command: list[str], env: Mapping[str, str] | None = None) -> None:
    try:
        run(command, Path("/"), env)
    except (BuildError, subprocess.TimeoutExpired, OSError) as error:
        raise NotInstalledError(f"{' '.join(command)}: {error}") from error


def _complete(folder: Path, packages: Sequence[str]) -> bool:
    mark = folder / "installed.json"
    return mark.exists() and json.loads(mark.read_text(encoding="utf-8")) == list(packages)


def _mark(folder: Path, packages: Sequence[str]) -> None:
    (folder / "installed.json").write_text(json.dumps(packages), encoding="utf-8")
