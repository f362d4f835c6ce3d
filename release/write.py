"""Writes all files of a release in a temporary folder, and copies them to their folder when they are complete."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import tomllib
from pathlib import Path

from release import NotReleasable
from release.bill import bill_of_materials, installed_as_pinned
from release.build import build
from release.sources import copy_sources


def write_release(root: Path, folder: Path, trial: bool = False) -> list[Path]:
    """Write the release of the project in `root` into an empty or new folder. Returns the files."""
    if folder.exists() and any(folder.iterdir()):
        raise NotReleasable(f"{folder} is not empty. Empty it, or name another folder.")
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        source, made = Path(temporary, "source"), Path(temporary, "made")
        made.mkdir()
        time = copy_sources(root, source, trial)
        project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        name, version = project["name"], project["version"]
        changes = changes_of((source / "CHANGELOG.md").read_text(encoding="utf-8"), version, trial)
        build(source, made, time)
        (made / "CHANGES.md").write_text(changes, encoding="utf-8")
        lock = (source / "requirements.lock").read_text(encoding="utf-8")
        bill = bill_of_materials(project, lock, installed_as_pinned(lock), time)
        (made / f"{name}-{version}.cdx.json").write_text(bill, encoding="utf-8")
        sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in sorted(made.iterdir())]
        (made / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(f, folder)) for f in sorted(made.iterdir())]


def changes_of(changelog: str, version: str, trial: bool = False) -> str:
    """Return the section of a version without its heading; in a trial that of the unreleased changes, if any."""
    sections: dict[str, str] = {
        heading.split()[0]: text.strip() + "\n"
        for heading, text in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
    }
    unreleased = sections.get("Unreleased", "")
    if trial and unreleased.strip():
        return unreleased
    if unreleased.strip():
        raise NotReleasable(
            f"CHANGELOG.md has changes under 'Unreleased'. Change that heading to '## {version}', the version in "
            "pyproject.toml and archiver/__init__.py, or use --trial."
        )
    if not sections.get(version, "").strip():
        raise NotReleasable(f"CHANGELOG.md has no section for version {version}. Add '## {version}'.")
    return sections[version]
