"""The installed packages are those that the lock file pins."""

from __future__ import annotations

import re
import tomllib
from itertools import combinations
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.lock", "requirements-all.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {canonicalize_name(m[1]): m[2] for m in re.finditer(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)}


@pytest.mark.parametrize("lock", (*LOCKS, "tests/datasets/validators.lock", "tests/fleet/s3.lock"))
def test_a_lock_pins_exactly_with_hashes_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=sha256:)", text, re.MULTILINE)
    requirements = re.sub(r"\\\n", " ", text).strip().splitlines()
    assert all("==" in r and "--hash=sha256:" in r for r in requirements)


def test_every_dependency_is_pinned_as_the_project_allows() -> None:
    wanted = [Requirement(r) for r in (*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"])]
    locked = pins("requirements.lock")
    assert not [str(r) for r in wanted if not r.specifier.contains(locked.get(canonicalize_name(r.name), "0"))]
    extras = PROJECT["project"]["optional-dependencies"]
    everything = pins("requirements-all.lock")
    further = [Requirement(text) for name in extras if name != "all" for text in extras[name]]
    further = [r for r in further if r.name != "archiver"]
    assert not [str(r) for r in further if not r.specifier.contains(everything.get(canonicalize_name(r.name), "0"))]
    dev = locked | pins("requirements-dev.lock")
    assert not [
        r
        for r in PROJECT["dependency-groups"]["dev"]
        if not Requirement(r).specifier.contains(dev.get(canonicalize_name(Requirement(r).name), "0"))
    ]


def test_the_locks_agree() -> None:
    for one, other in combinations(map(pins, LOCKS), 2):
        both = one.keys() & other.keys()
        assert {name: one[name] for name in both} == {name: other[name] for name in both}


def test_what_make_installs_has_every_extra() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert Requirement(*extras["all"]).extras == extras.keys() - {"all"}


def test_every_debian_package_that_a_test_needs_is_installed_by_make_test_deps() -> None:
    from tests.wordpress.site import PACKAGES

    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.search(r"^TEST_PACKAGES = ((?:.*\\\n)*.*)", makefile, re.MULTILINE)
    assert listed
    packages = set(listed[1].replace("\\", " ").split())
    named = set(PACKAGES)
    for file in (ROOT / "tests").rglob("test_*.py"):
        for call in re.findall(r"mark\.needs\(([^)*]*)\)", file.read_text(encoding="utf-8")):
            named |= set(re.findall(r'"([\w.+-]+)"', call))
    assert named <= packages


def test_the_version_has_one_source_and_a_changelog_entry() -> None:
    import archiver

    version = PROJECT["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert getattr(archiver, "__version__", version) == version
