"""The search index always matches the archive, whatever happens between updates."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import tantivy
from sqlite_utils import Database

from archiver.archive import Archive
from archiver.cli.main import cli
from archiver.model.errors import IndexMissing
from archiver.search import search_index
from archiver.search.search_index import check_index
from archiver.storage.database import open_archive
from archiver.storage.full_text import index_folder
from archiver.storage.transactions import writing
from tests import processes
from tests.archive_fixture import make_archive
from tests.runner import Runner, fault
from tests.storage.test_connect import without_write_access


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return make_archive(tmp_path / "archive.db")


def ids(file: Path, query: str, **filters: object) -> list[int]:
    with Archive(file) as archive:
        return sorted(hit.id for hit in archive.results(query, duplicates=True, limit=None, **filters).hits)


def findings(file: Path) -> list[str]:
    db = open_archive(file, read_only=True)
    try:
        return [f"{f.kind} {f.subject}" for f in check_index(db, file)]
    finally:
        db.close()


def write(file: Path, sql: str, *values: object) -> None:
    db = open_archive(file)
    with writing(db):
        db.execute(sql, values)
    db.close()


CHANGES = (
    ("update articles set title = 'Zeppelin' where id = 2", {"title:zeppelin": [2], "title:fog": []}),
    ("update articles set body = body || ' zeppelin' where id in (1, 2)", {"zeppelin": [1, 2]}),
    (
        "update articles set gone_at = '2024-06-02T00:00:00+00:00' where id = 1",
        {"is:gone": [1, 3], "gone:2024-06-02": [1]},
    ),
    ("update articles set gone_at = null where id = 3", {"is:gone": [1]}),
    ("update articles set duplicate_of = null where id = 4", {"is:duplicate": [], "has:copy": []}),
    ("update articles set duplicate_of = 2 where id = 1", {"is:duplicate": [1], "has:copy": [1, 2]}),
    ("update articles set authors = '[\"Zoe\"]' where id = 5", {"author:zoe": [1, 2, 5]}),
    ("update articles set published = '1999-01-01' where id = 6", {"date:1999": [6]}),
    ("update articles set language = 'vi-VN', revision = 2 where id = 6", {"language:vi": [6], "is:edited": [1, 6]}),
    (
        "update revisions set changed = '[\"authors\"]' where article_id = 1 and revision = 2",
        {"changed:author": [1], "changed:title": []},
    ),
    ("insert into clusters (id, source_id, size, since) values (1, 2, 2, '2024')", {"is:source": []}),
    ("update articles set cluster_id = 1 where id in (1, 2)", {"is:source": [2], "is:copy": [1], "cluster:1": [1, 2]}),
    ("update clusters set source_id = 1 where id = 1", {"is:source": [1], "is:copy": [2]}),
    ("update articles set cluster_id = 1 where id in (5, 6)", {"is:source": [1], "is:copy": [2, 5, 6]}),
    ("update clusters set source_id = 6 where id = 1", {"is:source": [6], "is:copy": [1, 2, 5]}),
    ("update clusters set source_id = null where id = 1", {"is:source": [], "is:copy": []}),
    ("update clusters set source_id = 1 where id = 1", {"is:source": [1], "is:copy": [2, 5, 6]}),
    ("update articles set geotags = '[]' where id = 1", {"has:geo": [2]}),
)


def test_a_change_is_found_at_the_next_search(file: Path) -> None:
    assert ids(file, "tide") == [1, 2]
    for sql, expected in CHANGES:
        write(file, sql)
        assert {query: ids(file, query) for query in expected} == expected, sql
        assert findings(file) == []


def test_changes_of_other_columns_do_not_touch_the_index(file: Path) -> None:
    ids(file, "tide")
    write(file, "update articles set last_seen = '2030', url = url || '#'")
    write(file, "update articles set title = title")
    db = open_archive(file)
    assert not search_index.is_behind(db)
    db.close()


def test_another_source_of_a_cluster_changes_only_two_documents(file: Path) -> None:
    write(file, "insert into clusters (id, source_id, size, since) values (1, 1, 5, '2024')")
    write(file, "update articles set cluster_id = 1 where id in (1, 2, 3, 5, 6)")
    ids(file, "tide")
    write(file, "update clusters set source_id = 5 where id = 1")
    with closing(open_archive(file, read_only=True)) as db:
        assert sorted(search_index.pending_changes(db).ids) == [1, 5]
    assert ids(file, "is:copy") == [1, 2, 3, 6]
    assert findings(file) == []


def test_a_deleted_article_is_found_no_more(file: Path) -> None:
    ids(file, "tide")
    write(file, "pragma foreign_keys = off")
    db = open_archive(file)
    db.execute("pragma foreign_keys = off")
    with db.atomic():
        db.execute("delete from articles where id = 2")
    db.close()
    assert ids(file, "tide") == [1]
    assert findings(file) == []


def test_an_updated_index_answers_like_a_rebuilt_one(tmp_path: Path) -> None:
    """Random changes, several of them in one refresh, are compared with an index built from the final state."""
    choice = random.Random(5)
    file = make_archive(tmp_path / "archive.db")
    words = ("tide", "fog", "lamp", "学习", "new", "quay")
    for _ in range(25):
        for _ in range(choice.randrange(4)):
            write(
                file,
                f"update articles set {choice.choice(('title', 'body', 'description'))} = ? where id = ?",
                " ".join(choice.choices(words, k=4)),
                choice.randrange(1, 7),
            )
        if choice.random() < 0.4:
            ids(file, "tide")
    found = {word: ids(file, word) for word in words}
    with Archive(file) as archive:
        ordered = [hit.id for hit in archive.results("tide OR fog OR lamp").hits]
    shutil.rmtree(index_folder(file))
    assert found == {word: ids(file, word) for word in words}
    with Archive(file) as archive:
        assert ordered == [hit.id for hit in archive.results("tide OR fog OR lamp").hits]


def test_a_restored_database_gets_a_new_index(file: Path, tmp_path: Path) -> None:
    ids(file, "tide")
    backup = tmp_path / "backup.db"
    shutil.copy(file, backup)
    for word in ("zeppelin", "balloon"):
        write(file, "update articles set title = ? where id = 2", word)
        assert ids(file, word) == [2]
    for log in ("-wal", "-shm"):
        file.with_name(file.name + log).unlink(missing_ok=True)
    shutil.copy(backup, file)
    assert ids(file, "balloon") == []
    assert ids(file, "title:fog") == [2]
    assert findings(file) == []


@pytest.mark.parametrize("step", ["begin_update", "fill_index", "write_state", "finish_update"])
@pytest.mark.parametrize("rebuild", [True, False])
def test_a_killed_refresh_is_repeated(file: Path, step: str, rebuild: bool) -> None:
    """SIGKILL immediately before and after each step."""
    for after in (False, True):
        if not rebuild:
            ids(file, "tide")
        write(file, "update articles set title = ? where id = 2", f"Zeppelin {step} {after}")
        code = f"""
import os, signal, sys
from pathlib import Path
from archiver.search import search_index
from archiver.search import search_index
from archiver.storage.database import open_archive
module = search_index if {step!r} == "fill_index" else search_index
step = getattr(module, {step!r})
def die(*args, **kw):
    if {after}: step(*args, **kw)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, {step!r}, die)
file = Path(sys.argv[1])
search_index.refresh_index(open_archive(file), file, rebuild={rebuild})
"""
        done = processes.run("-c", code, str(file))
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert ids(file, "zeppelin") == [2]
        assert ids(file, "tide") == [1, 2]
        assert findings(file) == []


def test_changes_during_a_refresh_are_not_lost(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids(file, "tide")
    write(file, "update articles set title = 'First' where id = 2")
    fill = search_index.fill_index

    def changing(*args: object, **more: object) -> None:
        fill(*args, **more)  # type: ignore[arg-type]
        write(file, "update articles set title = 'Second' where id = 2")

    with monkeypatch.context() as patched:
        patched.setattr(search_index, "fill_index", changing)
        ids(file, "first")
    assert ids(file, "second") == [2]
    assert ids(file, "first") == []


def test_concurrent_searches_and_writes(file: Path) -> None:
    """Several processes search an archive without an index while one writes."""
    code = (
        "import sys; from archiver.archive import Archive\n"
        "for _ in range(5):\n    with Archive(sys.argv[1]) as a: print(a.results('tide', duplicates=True).total)"
    )
    started = [processes.Running("-c", code, str(file)) for _ in range(3)]
    for number in range(20):
        write(file, "update articles set title = ? where id = 3", f"Zeppelin {number}")
        time.sleep(0.02)
    for process in started:
        assert process.end().stdout.split() == ["2"] * 5
    assert ids(file, "zeppelin 19") == [3]
    assert findings(file) == []


def test_an_archive_that_cannot_be_written_is_searched_in_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **kw: mode != os.W_OK and real(path, mode, **kw))
    assert ids(file, "tide") == [1, 2]
    assert not index_folder(file).exists()
    monkeypatch.setattr(search_index, "IN_MEMORY", 5)
    with pytest.raises(IndexMissing, match="'archiver index --archive"):
        ids(file, "tide")


def test_a_read_only_folder_is_searched_by_its_index(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ids(file, "title:fog") == [2]
    with without_write_access(file.parent), monkeypatch.context() as patched:
        patched.setattr(search_index, "IN_MEMORY", 0)
        assert findings(file) == []
        assert ids(file, "title:fog") == [2]
        done = Runner().invoke(cli, ["search", "fog", "--save", "fog", "--archive", str(file)])
    assert (done.exit_code, fault(done)) == (1, f"ArchiveNotWritable {file}")
    write(file, "update articles set title = 'Zeppelin' where id = 2")
    with without_write_access(file.parent):
        assert ids(file, "title:zeppelin") == [2]


def test_a_damaged_archive_is_reported_by_its_name(file: Path) -> None:
    assert ids(file, "fog") == [2]
    with closing(sqlite3.connect(file)) as db:
        root, size = (
            db.execute(sql).fetchone()[0]
            for sql in ("select rootpage from sqlite_master where name = 'articles'", "pragma page_size")
        )
    with file.open("r+b") as out:
        out.seek((root - 1) * size)
        out.write(bytes([7]) * size)
    done = Runner().invoke(cli, ["search", "fog", "--archive", str(file)])
    assert (done.exit_code, fault(done)) == (1, f"ArchiveDamaged {file}")


def test_verify_finds_and_repairs_a_wrong_index(file: Path) -> None:
    ids(file, "tide")
    db = Database(file)
    db.conn.execute("drop trigger search_index_article_au")
    db.conn.execute("update articles set title = 'Zeppelin' where id = 2")
    db.conn.commit()
    db.close()
    assert findings(file) == ["search-index-differs article 2"]
    run = Runner()
    report = json.loads(run.invoke(cli, ["verify", "--quick", "--json", "--archive", str(file)]).stdout)
    assert not any(f["kind"].startswith("search-index") for f in report["findings"])
    run.invoke(cli, ["verify", "--repair", "--archive", str(file)])
    assert ids(file, "zeppelin") == [2]
    assert findings(file) == []


def test_verify_names_articles_missing_from_the_index(file: Path) -> None:
    ids(file, "tide")
    writer = tantivy.Index.open(str(index_folder(file))).writer(heap_size=15_000_000, num_threads=1)
    writer.delete_documents_by_term("id", 2)
    writer.add_document(tantivy.Document(id=99, group=99, turn=99, stamp=1))
    writer.commit()
    writer.wait_merging_threads()
    assert ids(file, "tide") == [1]
    assert findings(file) == ["search-index-strange article 99", "search-index-lacks article 2"]
    assert Runner().invoke(cli, ["verify", "--archive", str(file)]).exit_code == 1
    Runner().invoke(cli, ["verify", "--repair", "--archive", str(file)])
    assert ids(file, "tide") == [1, 2]
    assert findings(file) == []


def damage(file: Path, how: str) -> None:
    """Damage every segment file: cut it in half, or overwrite all or its middle with zeros. `still` keeps the file's
    time.
    """
    for part in index_folder(file).iterdir():
        if len(part.stem) != 32 or (how != "cut" and not part.name.endswith(".term")):
            continue  # not a file of a segment
        data, at = part.read_bytes(), part.stat()
        bad = (
            data[: len(data) // 2]
            if how == "cut"
            else bytes(len(data))
            if how == "zero"
            else data[:20] + bytes(len(data) - 120) + data[-100:]
        )
        (part.parent / "bad").write_bytes(bad)
        (part.parent / "bad").replace(
            part
        )  # open files are kept: truncating a mapped file would end a process by SIGBUS
        if how == "still":
            os.utime(part, ns=(at.st_atime_ns, at.st_mtime_ns))


@pytest.mark.parametrize("how", ["cut", "zero", "middle"])
def test_a_damaged_index_is_reported_and_rebuilt(file: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    assert ids(file, "tide") == [1, 2]
    damage(file, how)
    assert findings(file) == ["search-index-damaged archive.db-search"]
    assert ids(file, "tide") == [1, 2]
    assert findings(file) == []
    assert "was damaged (" in caplog.text
    assert "rebuilt" in caplog.text
    damage(file, how)
    done = Runner().invoke(cli, ["search", "tide", "--archive", str(file)])
    assert done.exit_code == 0, done.output
    assert done.stderr, "that the index was rebuilt"
    assert "new tide tables" in done.stdout


def test_damage_found_during_a_search_is_reported(file: Path) -> None:
    """The disk returns different bytes for a file of the same size and time."""
    ids(file, "tide")
    damage(file, "still")
    done = Runner().invoke(cli, ["search", "tide", "--archive", str(file)])
    assert (done.exit_code, fault(done)) == (1, f"IndexDamaged {index_folder(file)}")
    assert ids(file, "tide") == [1, 2]
    assert findings(file) == []


def test_a_copied_index_is_not_damaged(file: Path) -> None:
    """Files with other times are compared with their digests, once."""
    ids(file, "tide")
    for part in index_folder(file).iterdir():
        os.utime(part, (5, 5))
    db = open_archive(file)
    assert search_index.refresh_index(db, file) == search_index.Refreshed(0, rebuilt=False)
    assert search_index.recorded_stamps(index_folder(file))
    assert all(time == 5 * 10**9 for _, time in search_index.recorded_stamps(index_folder(file)).values())
    db.close()


def test_a_damaged_index_that_cannot_be_rebuilt_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids(file, "tide")
    damage(file, "middle")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **kw: mode != os.W_OK and real(path, mode, **kw))
    assert ids(file, "tide") == [1, 2]  # in memory
    monkeypatch.setattr(search_index, "IN_MEMORY", 5)
    with pytest.raises(IndexMissing, match=r"\(.*term\)"):
        ids(file, "tide")


def test_the_command_reports_what_it_did(file: Path) -> None:
    def index(*words: str) -> str:
        return Runner().invoke(cli, ["index", *words, "--archive", str(file)]).stdout

    assert " 6 " in index()
    assert json.loads(index("--json")) == {"articles": 0, "rebuilt": False}
    write(file, "update articles set title = 'New' where id = 1")
    assert json.loads(index("--json")) == {"articles": 1, "rebuilt": False}
    assert not re.search(r"\d", index().replace(str(file), ""))


def test_a_removed_post_leaves_nothing_in_the_index(file: Path) -> None:
    ids(file, "tide")
    done = Runner().invoke(cli, ["remove", "2", "--reason", "asked for", "--yes", "--archive", str(file)])
    assert [part.name for part in index_folder(file).iterdir()] == ["archiver.lock"], (done.output, done.exception)
    assert ids(file, "tide") == [1]
    assert findings(file) == []
