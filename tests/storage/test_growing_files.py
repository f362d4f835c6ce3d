"""Backups, restores, merges and takedowns of WARC files that later runs continue."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from archiver.maintenance import backup as backup_module
from archiver.maintenance.verification import verify
from archiver.storage.database import opened
from archiver.warc.warc_writer import index_of
from tests.faults.sound import flaws
from tests.proved_archive import QUAY, START, Run, page, text
from tests.runner import in_process


def run(archive: Path, hour: int, posts: int = 2) -> None:
    with Run(archive, QUAY, START + timedelta(hours=hour), continues=True) as one:
        store(one, hour, posts)


def store(one: Run, hour: int, posts: int = 2) -> None:
    for number in range(10 * hour, 10 * hour + posts):
        one.post(f"{QUAY}{number}", page(f"Day {number}", text(number), number % 28 + 1))
    one.writer.flush()


def do(command: str, archive: Path, *words: str | Path) -> Result:
    done = in_process(command, *map(str, words), "--archive", str(archive))
    assert done.exit_code == 0, done.output
    return done


def the_file(archive: Path) -> Path:
    (file,) = (archive.parent / "warc").glob("*.warc.gz")
    return file


def findings(archive: Path) -> list[str]:
    return [one.sentence for one in verify(archive).findings]


def flip(file: Path, offset: int) -> None:
    with file.open("r+b") as handle:
        handle.seek(offset)
        byte = handle.read(1)
        handle.seek(offset)
        handle.write(bytes([byte[0] ^ 0xFF]))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    archive = tmp_path / "own" / "archive.db"
    archive.parent.mkdir()
    run(archive, 0)
    return archive


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "archive.db"


def test_a_file_that_has_grown_is_copied_again(archive: Path, copy: Path) -> None:
    for hour in range(1, 4):
        do("backup", archive, copy, "--captures")
        assert the_file(copy).read_bytes() == the_file(archive).read_bytes()
        assert index_of(the_file(copy)).read_bytes() == index_of(the_file(archive)).read_bytes()
        assert findings(copy) == []
        run(archive, hour)


def test_a_backup_during_a_run_that_continues_a_file(archive: Path, copy: Path) -> None:
    do("backup", archive, copy, "--captures")
    with Run(archive, QUAY, START + timedelta(hours=1), continues=True) as one:
        store(one, 1)
        one.capture(f"{QUAY}unstored", page("Unstored", text(5)))
        do("backup", archive, copy, "--captures")
        assert findings(copy) == []
        assert flaws(copy) == []
        assert the_file(archive).read_bytes().startswith(the_file(copy).read_bytes())
        assert the_file(copy).stat().st_size < the_file(archive).stat().st_size
    do("backup", archive, copy, "--captures")
    assert the_file(copy).read_bytes() == the_file(archive).read_bytes()
    assert findings(copy) == []


def test_a_backup_that_has_records_without_a_row_is_no_other_file(archive: Path, copy: Path) -> None:
    """A run died after it wrote a record and before it stored the row; another one continues the file."""
    with Run(archive, QUAY, START + timedelta(hours=1), continues=True) as one:
        one.capture(f"{QUAY}unstored", page("Unstored", text(5)))
    do("backup", archive, copy, "--captures")
    with Run(archive, QUAY, START + timedelta(hours=2), continues=True) as one:
        one.capture(f"{QUAY}other", page("Other", text(6)))
        do("backup", archive, copy, "--captures")
        assert findings(copy) == []
        assert the_file(archive).read_bytes().startswith(the_file(copy).read_bytes())


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_run_that_begins_or_ends_while_a_backup_copies(
    archive: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """The database was copied; then a run continues the file, or continues it and ends."""
    real = backup_module.copy_warc_files
    begun: list[Run] = []

    def copied(*args: object) -> object:
        begun.append(Run(archive, QUAY, START + timedelta(hours=1), continues=True))
        store(begun[0], 1)
        if at == "after":
            begun[0].__exit__()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("archiver.maintenance.backup.copy_warc_files", copied)
    do("backup", archive, copy, "--captures")
    assert flaws(copy) == []
    assert findings(copy) == []
    if at == "before":
        begun[0].__exit__()
    assert findings(archive) == []


def test_a_damaged_beginning_is_named_and_put_back_with_the_end_of_later_runs(archive: Path, copy: Path) -> None:
    do("backup", archive, copy, "--captures")
    run(archive, 1)
    whole = the_file(archive).read_bytes()
    flip(the_file(archive), 2_000)
    assert findings(archive)
    again = in_process("backup", str(copy), "--captures", "--archive", str(archive))
    assert again.exit_code == 1
    assert f"archiver restore {copy}" in again.output
    assert the_file(copy).stat().st_size < len(whole)
    do("restore", archive, copy, "--captures", "--yes")
    file = next(file for file in (archive.parent / "warc").glob("*.warc.gz") if not file.name.endswith(".damaged"))
    assert file.read_bytes() == whole
    assert findings(archive) == []
    assert not (archive.parent / ".restore").exists()


def test_damage_in_what_the_backup_lacks_is_not_put_back(archive: Path, copy: Path) -> None:
    do("backup", archive, copy, "--captures")
    before = the_file(archive).stat().st_size
    run(archive, 1)
    flip(the_file(archive), before + 2_000)
    damaged = the_file(archive).read_bytes()
    restored = in_process("restore", str(copy), "--captures", "--yes", "--archive", str(archive))
    assert restored.exit_code == 1
    assert the_file(archive).read_bytes() == damaged
    assert index_of(the_file(archive)).exists()


@pytest.mark.parametrize("words", [(), ("--captures",)])
def test_a_restore_names_files_to_which_later_runs_have_added(
    archive: Path, copy: Path, words: tuple[str, ...]
) -> None:
    do("backup", archive, copy, *words)
    run(archive, 1)
    name = f"warc/{the_file(archive).name}"
    restored = do("restore", archive, copy, "--yes", "--json")
    assert name in restored.output
    run(archive, 2)  # the next run continues the file all the same
    assert findings(archive) == []
    do("import", archive, archive.parent / name)
    with opened(archive, read_only=True) as db:
        urls = {row[0] for row in db.execute("select url from articles")}
    assert urls == {f"{QUAY}{number}" for number in (0, 1, 10, 11, 20, 21)}


def test_merging_again_extends_the_file(archive: Path, tmp_path: Path) -> None:
    together = tmp_path / "together" / "archive.db"
    sizes = []
    for hour in range(1, 4):
        moved = shutil.copytree(archive.parent, tmp_path / f"moved-{hour}") / archive.name  # as from another machine
        do("merge", together, moved, "--yes")
        shutil.rmtree(moved.parent)
        assert findings(together) == []
        sizes.append(the_file(together).stat().st_size)
        run(archive, hour)
    assert sizes == sorted(set(sizes))


def test_a_takedown_rewrites_a_file_that_is_continued(archive: Path) -> None:
    run(archive, 1)
    before = the_file(archive)
    do("remove", archive, f"{QUAY}0", "--yes", "--reason", "asked")
    after = the_file(archive)
    assert after != before
    run(archive, 2)
    assert the_file(archive) == after
    assert flaws(archive) == []
    assert findings(archive) == []
