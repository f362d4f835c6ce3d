"""Files in the index folder that its list does not contain: from a killed refresh, or from one in progress."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

import pytest

from archiver.archive import Archive
from archiver.model.errors import BadQuery
from archiver.search import search_index
from archiver.storage.database import open_archive
from archiver.storage.full_text import index_folder
from tests import processes
from tests.archive_fixture import make_archive

UNFINISHED = """
import itertools, os, pathlib, signal, sys, tantivy
from archiver.search.index_documents import index_schema
writer = tantivy.Index(index_schema(), path=sys.argv[1]).writer(heap_size=15_000_000, num_threads=1)
for number in itertools.count():
    writer.add_document(tantivy.Document(id=number, body=" ".join(str(number * n) for n in range(99))))
    if any(part.stat().st_size == 0 for part in pathlib.Path(sys.argv[1]).glob("*.term")):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index with the files that a killed refresh left."""
    file = make_archive(tmp_path / "archive.db")
    with Archive(file) as archive:
        archive.results("tide")
    folder = index_folder(file)
    for _ in range(10):
        killed = processes.run("-c", UNFINISHED, str(folder))
        assert killed.returncode == -signal.SIGKILL
        if any(part.stat().st_size == 0 for part in folder.glob("*.term")):
            return folder
    raise AssertionError("no segment was left unfinished")


def test_unfinished_segments_are_not_damage(folder: Path) -> None:
    """Neither for a reader nor for a refresh: it does not rebuild the index."""
    assert search_index.damaged_file(folder) == ""
    entered = search_index.file_stamps(folder)
    assert {name.partition(".")[0] for name in entered} < {part.stem for part in folder.glob("*.term")}
    file = folder.with_name("archive.db")
    with closing(open_archive(file)) as db:
        assert search_index.refresh_index(db, file) == search_index.Refreshed(0, rebuilt=False)
        with db.atomic():
            db.execute("update articles set title = 'Zeppelin' where id = 2")
        assert search_index.refresh_index(db, file) == search_index.Refreshed(1, rebuilt=False)
    for part in entered:
        (folder / part).write_bytes(b"")
    assert search_index.damaged_file(folder) in entered


def test_a_segment_deleted_during_a_check_is_not_damage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge may delete it after the list was read and before its files are."""
    listed, looks = search_index._segment_files, []

    def slow(where: Path) -> list[Path]:
        looks.append(1)
        return [*listed(where), *([where / "taken-away.idx"] if len(looks) == 1 else [])]

    with monkeypatch.context() as patched:
        patched.setattr(search_index, "_segment_files", slow)
        assert search_index.damaged_file(folder) == ""
        assert len(looks) == 2


def test_an_index_with_an_unreadable_list_is_damaged(folder: Path) -> None:
    (folder / "meta.json").write_text('{"segments": 7}')
    assert search_index.damaged_file(folder) == "meta.json"
    with Archive(folder.with_name("archive.db")) as archive:
        assert archive.results("tide").total == 2
    assert search_index.damaged_file(folder) == ""


def test_a_too_broad_query_is_not_reported_as_damage(tmp_path: Path) -> None:
    """Even if the index is damaged: a search that reads the damaged part reports it."""
    file = make_archive(tmp_path / "archive.db")
    with closing(open_archive(file)) as db, db.atomic():
        db.execute("update articles set body = ? where id = 1", [" ".join(f"old w{n}" for n in range(17_000))])
    with Archive(file) as archive:
        assert archive.results('"old w1"*').total == 1
        (tmp_path / "bad").write_bytes(b"")
        (tmp_path / "bad").replace(index_folder(file) / min(search_index.file_stamps(index_folder(file))))
        with pytest.raises(BadQuery):
            archive.results('"old w"*')
    assert search_index.damaged_file(index_folder(file))
    assert search_index.index_state(index_folder(file))
