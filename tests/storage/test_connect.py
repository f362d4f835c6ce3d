"""Opening read-only archives, locked archives, and files that are not archives."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from archiver.model.errors import ArchiveLocked, ArchiveNotFound, ArchiveNotWritable, NotAnArchive
from archiver.storage.database import open_archive

NOBODY = 65534
ROW = {"name": "a.example", "host": "", "path": "", "start_url": "", "site_id": 1, "moved_at": "2024"}


@contextmanager
def without_write_access(folder: Path) -> Iterator[None]:
    """Make the folder read-only, or skip the test if that does not stop this process (root)."""
    folder.chmod(0o555)
    for above in folder.parents:
        if above.stat().st_uid == os.getuid() and len(above.parts) > 2:
            above.chmod(above.stat().st_mode | 0o055)
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)
        folder.chmod(0o755)


def test_an_archive_in_a_read_only_folder_is_read_and_not_written(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    open_archive(folder / "a.db", create=True).close()
    (folder / "a.db").chmod(0o444)
    with without_write_access(folder):
        db = open_archive(folder / "a.db", read_only=True)
        assert db.execute("select count(*) from articles").fetchone() == (0,)
        db.close()
        with pytest.raises(ArchiveNotWritable):
            open_archive(folder / "a.db", create=True)
        with pytest.raises(ArchiveNotWritable):
            open_archive(folder / "new.db", create=True)
        with pytest.raises(ArchiveNotWritable):
            open_archive(folder / "deeper" / "new.db", create=True)


def test_other_files_are_not_archives(tmp_path: Path) -> None:
    with pytest.raises(ArchiveNotFound):
        open_archive(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(NotAnArchive):
        open_archive(tmp_path)
    (tmp_path / "text.db").write_bytes(b"words, words, words\n" * 100)
    with pytest.raises(NotAnArchive):
        open_archive(tmp_path / "text.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(NotAnArchive):
        open_archive(tmp_path / "empty.db", read_only=True)
    open_archive(tmp_path / "empty.db", create=True).close()
    open_archive(tmp_path / "empty.db", read_only=True).close()


def test_a_locked_archive_is_reported_as_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archiver.storage.database.BUSY_SECONDS", 0.1)
    file = tmp_path / "a.db"
    other = sqlite3.connect(file)
    other.execute("create table t (x)")
    other.execute("begin exclusive")
    with pytest.raises(ArchiveLocked, match="locked"):
        open_archive(file, create=True)
    other.close()


def test_an_archive_is_made_and_opened_without_sqlite_utils_and_numpy(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from archiver.storage.database import open_archive\n"
        "from archiver.storage.transactions import writing\n"
        f"file = pathlib.Path({str(tmp_path / 'a.db')!r})\n"
        "open_archive(file, create=True).close()\n"
        "db = open_archive(file)\n"
        "with writing(db), writing(db):\n"
        "    db.insert('host_files', {'origin': 'a', 'name': 'robots.txt', 'fetched_at': '2024', 'status': 200})\n"
        "assert [row['name'] for row in db.query('select name from host_files')] == ['robots.txt']\n"
        "assert not {'sqlite_utils', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_failed_statement_leaves_no_transaction(tmp_path: Path) -> None:
    db = open_archive(tmp_path / "a.db", create=True)
    db.conn.execute("pragma foreign_keys = off")  # there is no site
    db.insert("former_sites", ROW)
    with pytest.raises(sqlite3.IntegrityError):
        db.insert("former_sites", ROW)
    assert not db.conn.in_transaction
    db.insert("former_sites", ROW, ignore=True)
    with pytest.raises(LookupError):
        db.update("sites", 7, {"name": "b.example"})
    assert not db.conn.in_transaction
    db.close()


def test_tables_of_sqlite_utils_are_used_without_looking_for_plugins(tmp_path: Path) -> None:
    with mock.patch("sqlite_utils.db.ensure_plugins_loaded") as looked:
        db = open_archive(tmp_path / "a.db", create=True)
        assert db.table("sites").count == 0
        db.close()
    assert not looked.called
