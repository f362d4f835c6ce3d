"""The folder of a dataset: its replacement, and errors for folders that were changed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from archiver.model.errors import NotASnapshot, SnapshotRefused
from tests.datasets.published import POSTS, contents, make, publish
from tests.runner import failure, fault

FIRST = ("--version", "1.0.0")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("archive") / "archive.db", POSTS[:3])


@pytest.fixture(scope="module")
def built(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets") / "d"
    assert publish(archive, str(folder), *FIRST).exit_code == 0
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "d"))


def test_target_of_a_link_is_replaced(archive: Path, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("d")
    (tmp_path / "next").symlink_to("e")
    before = contents(copy)
    done = publish(archive, str(tmp_path / "latest"), *FIRST, "--drop-contacts", "--replace")
    assert done.exit_code == 0, done.output
    assert contents(copy) != before
    assert publish(archive, str(tmp_path / "next"), *FIRST).exit_code == 0
    assert contents(tmp_path / "e") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "e", "latest", "next"]
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "next").is_symlink()


def test_target_that_cannot_be_replaced_is_refused_before_building(
    archive: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(copy)
    monkeypatch.chdir(copy / "data")
    for name in (".", ".."):
        done = publish(archive, name, *FIRST, "--replace")
        assert done.exit_code == 1
        assert isinstance(failure(done), SnapshotRefused)
    mounted = publish(archive, "/proc", *FIRST)
    assert mounted.exit_code == 1
    assert isinstance(failure(mounted), SnapshotRefused)
    assert contents(copy) == before
    assert [p.name for p in copy.parent.iterdir()] == ["d"]


def test_old_folder_is_restored_after_a_killed_build(archive: Path, copy: Path) -> None:
    moved = copy.with_name(".d.unfinished.old")
    before = contents(copy)
    copy.rename(moved)
    done = publish(archive, str(copy), *FIRST, "--drop-contacts")
    assert done.exit_code == 1
    assert isinstance(failure(done), SnapshotRefused)
    assert contents(copy) == before
    shutil.copytree(copy, moved)
    assert publish(archive, str(copy), *FIRST).exit_code == 0
    assert [p.name for p in copy.parent.iterdir()] == ["d"]


def test_terminated_build_leaves_nothing(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "archiver.datasets.snapshot_builder.write_descriptions",
        lambda *_: os.kill(os.getpid(), signal.SIGTERM),
    )
    done = publish(archive, str(tmp_path / "d"), *FIRST)
    assert done.exit_code == 143
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("counts", [None, [1], {"articles": "x"}])
def test_check_finds_changed_counts(archive: Path, copy: Path, counts: object) -> None:
    said = json.loads((copy / "rebuild.json").read_text())
    said["rows"] = counts
    (copy / "rebuild.json").write_text(json.dumps(said))
    found = publish(archive, "--check", str(copy), "--json")
    assert found.exit_code == 1, found.output
    assert any("articles" in one and " 3 " in one for one in json.loads(found.stdout)["findings"])
    del said["rows"]
    (copy / "rebuild.json").write_text(json.dumps(said))
    assert publish(archive, "--check", str(copy), "--json").exit_code == 1


def test_check_finds_unreadable_file(archive: Path, copy: Path, tmp_path: Path) -> None:
    unreadable = "/proc/self/mem"  # even for root
    for name in ("README.md", "data/captures.parquet"):
        (copy / name).unlink()
        (copy / name).symlink_to(unreadable)
    found = publish(archive, "--check", str(copy))
    assert found.exit_code == 1
    assert all(part in found.output for part in ("README.md", os.strerror(errno.EIO)))
    (copy / "rebuild.json").unlink()
    (copy / "rebuild.json").symlink_to(unreadable)
    found = publish(archive, "--check", str(copy))
    assert found.exit_code == 1
    assert isinstance(failure(found), NotASnapshot)
    assert "rebuild.json" in found.output


@pytest.mark.parametrize("table", [b"PAR1", None], ids=["broken", "missing"])
def test_damaged_previous_version_is_an_error(archive: Path, copy: Path, tmp_path: Path, table: bytes | None) -> None:
    (copy / "data" / "articles.parquet").unlink()
    if table:
        (copy / "data" / "articles.parquet").write_bytes(table)
    done = publish(archive, str(tmp_path / "e"), "--version", "1.1.0", "--previous", str(copy))
    assert (done.exit_code, fault(done)) == (1, f"NotASnapshot {copy}")
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
