"""Detects damaged files of a search index on disk, and records from which database the index was made and which changed
articles it does not contain yet.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archiver.lazy_regex import lazy_regex
from archiver.search.index_documents import FORMAT
from archiver.storage import Database
from archiver.storage.schema import pending_migrations
from archiver.storage.transactions import writing

# Integrity of the index files.

_META = "meta.json"
LISTS = (_META, ".managed.json")
"""The files that list the other files of the index."""
_PART = lazy_regex(r"([0-9a-f]{32})\.(?:(\d+)\.)?(\w+)")
_MAGIC = 1337
_LOOKS = 3
_TAIL, _PIECE = 8, 1 << 20

Stamps = dict[str, tuple[int, int]]
"""Maps a file name to its size in bytes and its modification time in nanoseconds."""


def file_stamps(folder: Path) -> Stamps:
    return {path.name: _stamp(path) for path in _segment_files(folder)}


def damaged_file(folder: Path, known: Stamps | None = None) -> str:
    """Returns the name of the first damaged index file, or "" if all files are intact. Files whose size and
    modification time equal those in `known` are not checked; None means that all are checked. Raises OSError.
    """
    for _ in range(_LOOKS):
        try:
            return _first_damaged(folder, known or {})
        except FileNotFoundError:
            continue  # another process has merged segments and deleted this file
    return _first_damaged(folder, known or {})


def _first_damaged(folder: Path, known: Stamps) -> str:
    try:
        parts = _segment_files(folder)
    except ValueError:
        return _META
    return next(
        (path.name for path in parts if known.get(path.name, ()) != _stamp(path) and not _has_valid_checksum(path)), ""
    )


def _stamp(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


def _segment_files(folder: Path) -> list[Path]:
    """Returns the files of the index's segments. Other files in the folder, which belong to a running or killed writer,
    are ignored. Raises ValueError if the list of segments cannot be parsed.
    """
    meta = folder / _META
    if not meta.exists():
        return []
    try:
        entered = {
            one["segment_id"].replace("-", ""): (one["deletes"] or {}).get("opstamp")
            for one in json.loads(meta.read_bytes())["segments"]
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{_META}: {error!r}") from error
    return sorted(
        path
        for path in folder.iterdir()
        if (found := _PART.fullmatch(path.name))
        and found[1] in entered
        and (found[2] is None or int(found[2]) == entered[found[1]])
    )


def _has_valid_checksum(path: Path) -> bool:
    """Returns True if an index file's content has the checksum that its footer states. The file is read, not
    memory-mapped, because truncating a mapped file would crash the process.
    """
    ends = path.stat().st_size - _TAIL
    with path.open("rb") as handle:
        handle.seek(max(0, ends))
        tail = handle.read(_TAIL)
        ends -= int.from_bytes(tail[:4], "little")
        if len(tail) < _TAIL or int.from_bytes(tail[4:], "little") != _MAGIC or ends < 0:
            return False
        handle.seek(ends)
        try:
            expected = json.loads(handle.read()[:-_TAIL])["crc"]
        except (ValueError, KeyError, TypeError):
            return False
        handle.seek(0)
        found = 0
        while ends > 0 and (piece := handle.read(min(_PIECE, ends))):
            found, ends = zlib.crc32(piece, found), ends - len(piece)
        return bool(ends == 0 and found == expected)


# The state of an index: the database to which it belongs, and the changes that it lacks.

_FILE = "archiver.json"


@dataclass(frozen=True, slots=True)
class Changes:
    """The articles that changed since the last index update. `ids` are in order of change; `last` is the sequence
    number of the latest change.
    """

    ids: tuple[int, ...]
    last: int


def is_migrated(db: Database) -> bool:
    """Returns False if the database was written by an earlier release and has pending migrations, otherwise True. The
    index of a database with pending migrations must not be updated, because opening the database for writing would
    migrate it.
    """
    return not pending_migrations(db)


def is_index_of(db: Database, folder: Path) -> bool:
    """Returns True if the index in a folder was made from this database and has the current format."""
    state = index_state(folder)
    return state.get("format") == FORMAT and state.get("token") in update_tokens(db).values()


def index_state(folder: Path) -> dict[str, Any]:
    """Returns the content of an index's state file; {} if it is missing or invalid."""
    try:
        state = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def recorded_stamps(folder: Path) -> Stamps:
    """Returns, from the state file of an index, the size and modification time that each index file had when the index
    was last written.
    """
    files = index_state(folder).get("files")
    return {name: tuple(stamp) for name, stamp in files.items()} if isinstance(files, dict) else {}


def mark_for_rebuild(folder: Path) -> None:
    """Deletes the state file of an index, so that the next search rebuilds the index. Does nothing if the folder is
    read-only.
    """
    with suppress(OSError):
        (folder / _FILE).unlink()


def update_tokens(db: Database) -> dict[str, str]:
    """Returns the tokens of index updates that the database stores, by key: `token` (the last finished update) and
    `under_way` (an unfinished one).
    """
    return dict(db.execute("select key, value from search_index_state where key in ('token', 'under_way')").fetchall())


def is_behind(db: Database) -> bool:
    return bool(db.execute("select exists (select 1 from search_index_pending)").fetchone()[0])


def pending_changes(db: Database) -> Changes:
    rows = db.execute("select id, seq from search_index_pending order by seq").fetchall()
    return Changes(tuple(row[0] for row in rows), rows[-1][1] if rows else 0)


def begin_update(db: Database) -> str:
    """Starts an index update: creates a token, stores it in the database and returns it. The same token in the index's
    state file later proves that the index was made from this database.
    """
    token = secrets.token_hex(16)
    with writing(db):
        db.execute("insert or replace into search_index_state (key, value) values ('under_way', ?)", [token])
    return token


def write_state(folder: Path, token: str) -> None:
    """Writes the state file of an index and syncs it to disk, before the database records the update as finished.
    `token` is the token from `begin_update`.
    """
    new = folder / f"{_FILE}.new"
    with new.open("w", encoding="utf-8") as out:
        json.dump({"format": FORMAT, "token": token, "files": file_stamps(folder)}, out, ensure_ascii=False)
        out.flush()
        os.fsync(out.fileno())
    for name in LISTS:  # tantivy makes these files readable for their owner only
        with suppress(FileNotFoundError):
            (folder / name).chmod(new.stat().st_mode & 0o666)
    new.replace(folder / _FILE)


def finish_update(db: Database, token: str, last: int) -> None:
    """Records in the database that the index update with this token (from `begin_update`) is finished and contains all
    changes up to the sequence number `last`.
    """
    with writing(db):
        db.execute("delete from search_index_pending where seq <= ?", [last])
        db.execute("insert or replace into search_index_state (key, value) values ('token', ?)", [token])
        db.execute("delete from search_index_state where key = 'under_way'")
