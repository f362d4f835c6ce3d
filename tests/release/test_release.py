"""A release is reproducible and complete, and the program installed from it does what the tutorial shows."""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release import NotReleasable
from release.write import changes_of
from tests.processes import without_proxies

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
PROGRESS = re.compile(r"^\S+: found \d+  fetched \d+  stored \d+ .*\n", re.MULTILINE)
"""What a crawl prints every 15 seconds. The crawls of the tutorial take that long only on a busy machine."""


def known_files() -> set[str]:
    """Return the files that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return {name for name in listed.stdout.split("\0")[:-1] if (ROOT / name).is_file()}


def test_the_same_tree_makes_the_same_bytes(releases: tuple[Path, Path]) -> None:
    one, other = ({f.name: f.read_bytes() for f in folder.iterdir()} for folder in releases)
    assert one.keys() == {
        f"archiver-{VERSION}-py3-none-any.whl",
        f"archiver-{VERSION}.tar.gz",
        f"archiver-{VERSION}.cdx.json",
        "CHANGES.md",
        "SHA256SUMS",
    }
    assert [name for name in one if one[name] != other[name]] == []


def test_sums_cover_all_other_files(release: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=release, check=True)
    summed = re.findall(r"^[0-9a-f]{64}  (.+)$", (release / "SHA256SUMS").read_text(encoding="utf-8"), re.MULTILINE)
    assert {*summed, "SHA256SUMS"} == {f.name for f in release.iterdir()}


def test_wheel_has_code_data_and_manual_page(release: Path) -> None:
    [wheel] = release.glob("*.whl")
    held = zipfile.ZipFile(wheel)
    names = set(held.namelist())
    package = {name for name in known_files() if name.startswith("archiver/")}
    assert package == {name for name in names if name.startswith("archiver/")}
    assert {
        f"archiver-{VERSION}.data/data/share/man/man1/archiver.1",
        f"archiver-{VERSION}.dist-info/licenses/LICENSE",
    } <= names
    assert all(held.read(name) == (ROOT / name).read_bytes() for name in package)


def test_image_builds_the_same_wheel(release: Path, tmp_path: Path) -> None:
    """The Dockerfile copies all files that .dockerignore permits, which are all that the wheel needs."""
    source = tmp_path / "source"
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line[0] == "!"}
    copied = [
        word
        for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert set(copied) == let_through
    for name in known_files():
        if name.startswith("archiver/") or name in copied:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-qq",
            "--no-deps",
            "--no-build-isolation",
            "--disable-pip-version-check",
            "-w",
            tmp_path,
            source,
        ],
        check=True,
    )
    [one], [other] = tmp_path.glob("*.whl"), release.glob("*.whl")
    released = {name for name in zipfile.ZipFile(other).namelist() if not name.endswith("/man1/archiver.1")}
    assert set(zipfile.ZipFile(one).namelist()) == released


def test_source_archive_has_everything_for_the_checks(release: Path) -> None:
    [archive] = release.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert {(m.uid, m.uname) for m in members} == {(0, "")}
    assert len({m.mtime for m in members}) == 1
    held = {m.name.partition("/")[2] for m in members if m.isfile()}
    left_out = {name for name in known_files() - held if not name.startswith((".", "output/"))}
    assert left_out == set()


def test_bill_of_materials_lists_the_pins(release: Path) -> None:
    [file] = release.glob("*.cdx.json")
    text = file.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert {c["purl"] for c in bill["components"]} == {
        f"pkg:pypi/{name}@{version}" for name, version in re.findall(r"^([\w-]+)==([\w.]+)", lock, re.MULTILINE)
    }
    sums = [p["value"] for c in bill["components"] for p in c.get("properties", ()) if p["name"].endswith("sha256")]
    sums += [h["content"] for c in bill["components"] for h in c.get("hashes", ())]
    assert sorted(sums) == sorted(re.findall(r"sha256:([0-9a-f]{64})", lock))
    needs = {
        d["ref"].partition("@")[0]: {n.partition("@")[0] for n in d.get("dependsOn", ())} for d in bill["dependencies"]
    }
    assert needs["archiver"] == {
        re.split(r"[<>=; ]", d)[0]
        for d in PROJECT["dependencies"]
        if sys.version_info < (3, 14) or not d.startswith("backports-zstd")
    }
    assert {"twisted", "lxml", "parsel", "w3lib"} <= needs["scrapy"]
    assert "scrapy" not in needs["parsel"]
    licences = {c["name"]: c.get("licenses") for c in bill["components"]}
    assert licences["scrapy"] == [{"license": {"id": "BSD-3-Clause"}}]
    # Packages without it are for other platforms and not installed here.
    assert sum(bool(licence) for licence in licences.values()) > len(licences) - 5


def test_installed_program_is_the_released_one(installed: Path, tmp_path: Path) -> None:
    def said(*words: str) -> str:
        return subprocess.run(
            [installed / "bin" / words[0], *words[1:]], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    assert said("archiver", "--version") == f"archiver {VERSION}\n"
    assert said("python", "-c", "import archiver; print(archiver.__file__)").startswith(str(installed))
    made = tmp_path / "archiver.1"
    subprocess.run([sys.executable, ROOT / "docs/manpage.py", made], check=True)
    assert (installed / "share/man/man1/archiver.1").read_bytes() == made.read_bytes()


def steps(page: str) -> list[tuple[str, str]]:
    """Return the commands of the console blocks with their output."""
    out = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for command, shown in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            out.append((command, shown))
    return out


TWICE = ["archiver crawl --demo --archive output/archive.db --quiet"] * 2


@pytest.mark.parametrize(
    ("page", "before"),
    [
        ("README.md", ["archiver crawl --demo --quiet"] * 2),
        ("docs/tutorial.md", []),
        pytest.param("docs/search.md", TWICE, marks=pytest.mark.needs("sqlite3")),
        pytest.param("docs/data.md", TWICE, marks=pytest.mark.needs("sqlite3")),
        ("docs/datasets.md", TWICE),
        ("docs/from-another-tool.md", []),
        ("docs/crawl.md", []),
        ("docs/import.md", TWICE),
        ("docs/operate.md", TWICE),
        ("docs/extend.md", TWICE),
    ],
)
def test_output_shown_in_the_docs_is_correct(page: str, before: list[str], installed: Path, tmp_path: Path) -> None:
    """It runs as for a reader: in a shell, in an empty folder, with the program from the wheel. `before` are commands
    that the page describes without their output.
    """
    asked = [(command, "") for command in before] + steps((ROOT / page).read_text(encoding="utf-8"))
    assert len(asked) > 5
    end = "-- end of step --"
    script = "\n".join(f"{command}\nprintf '%s %s\\n' '{end}' $?" for command, _ in asked)
    environment = {
        name: value for name, value in without_proxies().items() if not name.startswith(("ARCHIVER_", "COLUMNS"))
    }
    environment |= {"PATH": f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    # The demonstration blog has a fixed port, and tests of another working tree may be running.
    with Path("/tmp", "archiver-demonstration.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    said = re.findall(rf"(.*?)^{end} (\d+)\n", PROGRESS.sub("", done.stdout), re.MULTILINE | re.DOTALL)
    checker = OutputChecker()
    wrong = [
        f"$ {command} (exit code {code})\n" + "\n".join(difflib.ndiff(shown.splitlines(), output.splitlines()))
        for (command, shown), (output, code) in zip(asked, said, strict=True)
        if code != "0" or not checker.check_output(shown, output, ELLIPSIS)
    ]
    assert not wrong, "\n\n".join(wrong)


def test_unready_tree_is_not_released(tmp_path: Path) -> None:
    for words in ("init -q", "-c user.name=a -c user.email=a@example.org commit -q --allow-empty -m First"):
        subprocess.run(["git", *words.split()], cwd=tmp_path, check=True)
    (tmp_path / "new.txt").touch()
    printed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from release.write import *\n"
            "try: write_release(Path(sys.argv[1]), Path(sys.argv[1], 'dist'))\n"
            "except NotReleasable as error: print(error)",
            tmp_path,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "1 files have uncommitted changes" in printed
    assert "new.txt" in printed
    assert not (tmp_path / "dist").exists()


CHANGELOG = (
    "# Changelog\n\nFor you.\n\n## Unreleased\n\n- New.\n\n## 1.1.0\n\n- Better.\n\n"
    "### Fixed\n\n- It.\n\n## 1.0.0\n\n- First.\n"
)


def test_changes_are_those_of_the_version() -> None:
    ready = CHANGELOG.replace("- New.\n\n", "")
    assert changes_of(ready, "1.1.0") == "- Better.\n\n### Fixed\n\n- It.\n"
    assert changes_of(ready, "1.0.0") == "- First.\n"
    assert changes_of(CHANGELOG, "1.1.0", trial=True) == "- New.\n"


@pytest.mark.parametrize(
    ("changelog", "version", "says"),
    [
        (CHANGELOG, "1.1.0", "under 'Unreleased'"),
        (CHANGELOG.replace("- New.\n\n", ""), "1.2.0", "no section for version 1.2.0"),
    ],
)
def test_changes_without_a_version_are_not_released(changelog: str, version: str, says: str) -> None:
    with pytest.raises(NotReleasable, match=says):
        changes_of(changelog, version)
