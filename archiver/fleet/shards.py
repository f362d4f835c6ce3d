"""Moves shards: from a worker's disk to the storage at checkpoints, and back to the disk of the next worker; and
collects all shards into one archive.

A checkpoint writes what is new: a consistent copy of the whole database and, of the WARC files, which only grow, the
bytes since the last checkpoint, up to the last record that the database knows. The manifest is written last.
"""

from __future__ import annotations

import fcntl
import io
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from isal import igzip
from sqlite_utils import Database

from archiver import __version__
from archiver.errors import ArchiverError, Fenced, ShardDamaged
from archiver.fleet.shard_storage import (
    Manifest,
    ObjectPart,
    ShardFile,
    ShardStorage,
    newest_manifests,
    read_manifest,
    shard_folder,
    storage_owner,
)
from archiver.maintenance.backup import copying, find_known_ends
from archiver.maintenance.merge import Merged, merge
from archiver.maintenance.verify_captures import files_at
from archiver.warc.writer import index_of

ARCHIVE = "archive.db"
_igzip: Any = igzip  # untyped
_CHUNK = 1 << 20
_STATE = "shard.json"


def checkpoint(
    storage: ShardStorage,
    folder: Path,
    site: str,
    token: int,
    number: int,
    before: Manifest | None,
    commit: Callable[[Manifest], bool],
) -> Manifest:
    """Stores the current state of a shard. `commit` returns whether the state is accepted; it is not if another worker
    has the site, and then the written objects are deleted. If its answer is lost they stay, because the commit may have
    succeeded; if not, a later `delete_old_objects` deletes them. Nothing is written to a storage without the fleet's
    mark, such as the empty folder of a missing mount. Raises Fenced, StorageRefused, what `commit` raises, and what a
    backup raises.
    """
    storage_owner(storage)
    written: list[str] = []
    archive, copy = folder / ARCHIVE, folder / ".checkpoint" / ARCHIVE
    finished = files_at(folder)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    base = Manifest(site, token, number, made, __version__, 0, ()).folder

    def put(name: str, source: BinaryIO, length: int) -> ObjectPart:
        key = f"{base}/{name}"
        written.append(key)
        return ObjectPart(key, length, storage.put(key, source, length))

    try:
        with copying(archive, copy, lambda *_: None, force=True) as db:
            ends = find_known_ends(db, folder, finished)
            articles = db.execute("select count(*) from articles").fetchone()[0]
        files = [_database(copy, put)]
        for name, end in sorted(ends.items()):
            file = folder / name
            files.append(_appended(file, name, end, before, put))
            if finished.get(name) and index_of(file).exists():
                files.append(_whole(index_of(file), str(index_of(file).relative_to(folder)), before, put))
        manifest = Manifest(site, token, number, made, __version__, articles, tuple(files))
        data = manifest.to_json().encode()
        put("manifest.json", io.BytesIO(data), len(data))
    except BaseException:
        storage.delete(written)
        raise
    finally:
        shutil.rmtree(copy.parent, ignore_errors=True)
    if not commit(manifest):
        storage.delete(written)
        raise Fenced(site, token)
    return manifest


def _database(copy: Path, put: Callable[[str, BinaryIO, int], ObjectPart]) -> ShardFile:
    packed = copy.with_name(f"{copy.name}.gz")
    with copy.open("rb") as source, _igzip.open(packed, "wb", compresslevel=1) as into:
        shutil.copyfileobj(source, into, _CHUNK)
    with packed.open("rb") as handle:
        return ShardFile(ARCHIVE, (put(packed.name, handle, packed.stat().st_size),), packed=True)


def _appended(
    file: Path, name: str, end: int, before: Manifest | None, put: Callable[[str, BinaryIO, int], ObjectPart]
) -> ShardFile:
    old = before.file(name) if before else None
    have = old.bytes if old else 0
    if old and end == have:
        return old
    parts = old.parts if old and end > have else ()
    start = have if parts else 0
    with file.open("rb") as handle:
        handle.seek(start)
        return ShardFile(name, (*parts, put(f"{name}.{start}", handle, end - start)))


def _whole(
    file: Path, name: str, before: Manifest | None, put: Callable[[str, BinaryIO, int], ObjectPart]
) -> ShardFile:
    old = before.file(name) if before else None
    size = file.stat().st_size
    if old and old.bytes == size:
        return old
    with file.open("rb") as handle:
        return ShardFile(name, (put(name, handle, size),))


def restore(storage: ShardStorage, folder: Path, manifest: Manifest | None) -> None:
    """Makes a folder hold exactly this state of a shard; without a manifest, empties it. WARC files that this worker
    has left there unchanged are not fetched again. Raises StorageRefused, ShardDamaged, OSError."""
    here = _local_state(folder)
    if manifest and here == manifest:
        return
    kept = (
        {
            file.name
            for file in manifest.files
            if here and here.file(file.name) == file and not file.packed and _size(folder / file.name) == file.bytes
        }
        if manifest
        else set()
    )
    (folder / _STATE).unlink(missing_ok=True)
    _clear(folder, kept)
    folder.mkdir(parents=True, exist_ok=True)
    for file in manifest.files if manifest else ():
        if file.name not in kept:
            _fetch(storage, file, folder / file.name)


def mark_clean(folder: Path, manifest: Manifest) -> None:
    """Marks the files in the folder as this state, so that the next job here need not fetch it."""
    (folder / _STATE).write_bytes(manifest.to_json().encode())


def is_clean(folder: Path, manifest: Manifest) -> bool:
    return _local_state(folder) == manifest


def mark_taken(folder: Path) -> None:
    """Marks the folder as in use: its database is about to change, its existing WARC files are not."""
    state = folder / _STATE
    if state.exists():
        state.replace(folder / f".{_STATE}")


def _local_state(folder: Path) -> Manifest | None:
    """Returns the state that the last job left in the folder. If the job was killed, only files that never change are
    valid."""
    for name, whole in ((_STATE, True), (f".{_STATE}", False)):
        try:
            found = read_manifest((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        return found if whole else Manifest(found.site, -1, 0, "", "", 0, found.files)
    return None


def _fetch(storage: ShardStorage, file: ShardFile, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    packed = to.with_name(f"{to.name}.gz") if file.packed else to
    with packed.open("wb") as into:
        for part in file.parts:
            if storage.append_to(part.key, into) != (part.bytes, part.sha256):
                raise ShardDamaged(part.key, "its checksum does not match")
    if file.packed:
        try:
            with _igzip.open(packed, "rb") as source, to.open("wb") as unpacked:
                shutil.copyfileobj(source, unpacked, _CHUNK)
        except (zlib.error, EOFError, igzip.BadGzipFile) as error:
            raise ShardDamaged(file.parts[0].key, str(error)) from error
        packed.unlink()


def _clear(folder: Path, kept: set[str]) -> None:
    if not folder.exists():
        return
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif str(path.relative_to(folder)) not in kept:
            path.unlink()


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else -1


def delete_old_objects(storage: ShardStorage, manifest: Manifest, before: Manifest | None) -> int:
    """Deletes the objects that neither this state of a shard nor the previous one needs; the previous one may still be
    being read. Objects of a worker with a higher token are kept. Returns how many were deleted."""
    from archiver.fleet.shard_storage import shard_folder

    needed = manifest.keys | (before.keys if before else set())
    base = shard_folder(manifest.site)
    current = f"{base}/{manifest.token:012}-{manifest.checkpoint:06}"
    old = [key for key in storage.keys(base) if key not in needed and "/".join(key.split("/")[:3]) <= current]
    storage.delete(old)
    return len(old)


# The folder of a worker on its own disk, used by one worker at a time.

SCANS = "scans"
"""The folder for WARC files that are scanned for sites, next to that for shards."""


class WorkFolderUnusable(ArchiverError):
    """The folder of a worker cannot be created, or another worker uses it."""

    def __init__(self, folder: str, why: str) -> None:
        super().__init__(folder, f"{folder} cannot be used as a work folder ({why}): name another one with --work.")


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Yields the folder for shards, locked for this worker during the block. Raises WorkFolderUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("ab")
    except OSError as error:
        raise WorkFolderUnusable(str(folder), error.strerror or str(error)) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkFolderUnusable(str(folder), "another worker uses it") from error
        shutil.rmtree(folder / SCANS, ignore_errors=True)  # left by a killed worker
        yield folder / "shards"


# Collecting shards into one archive: each shard is fetched and merged, and its state is noted, so that it is fetched
# again only when it has changed. The storage is only read.

Progress = Callable[[str, int, int], None]


@dataclass
class Collected:
    """The result of collecting. `merged`: results by site; `known`: number of unchanged shards; `unfinished`: sites
    that are being crawled or whose worker died; `damaged`: what is wrong with other shards."""

    merged: dict[str, Merged] = field(default_factory=dict)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass
class Fetched:
    """Like `Collected`, for shards that are fetched but not merged. `fetched`: paths of archives by site."""

    fetched: dict[str, str] = field(default_factory=dict)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def shards(storage: ShardStorage) -> Iterator[Manifest]:
    """Yields the current state of each shard. If it is replaced while it is read, it is looked up again."""
    for folder, keys in sorted(newest_manifests(storage.keys("shards")).items()):
        found = _first(storage, keys) or _first(storage, newest_manifests(storage.keys(folder)).get(folder, []))
        if found:
            yield found


def _first(storage: ShardStorage, keys: list[str]) -> Manifest | None:
    for key in keys:
        if data := storage.read(key):
            try:
                return read_manifest(data)
            except ValueError:  # incomplete: its writer died, and the previous state is valid
                continue
    return None


def is_finished(manifest: Manifest) -> bool:
    """True if no crawl was running: all WARC files have their index."""
    names = {file.name for file in manifest.files}
    return all(str(index_of(Path(name))) in names for name in names if name.endswith(".warc.gz"))


def collect_shards(
    db: Database,
    archive: Path,
    storage: ShardStorage,
    *,
    unfinished: bool = False,
    told: Progress = lambda what, done, of: None,
) -> Collected:
    """Merges new states of shards into `archive`, open as `db`, which nobody else may write. A site that is being
    crawled is left to a later call unless `unfinished` is set: its WARC file would be merged twice once it has grown.

    After an interruption, the next call continues. Raises StorageRefused, and what a merge raises.
    """
    out, notes = Collected(), _Notes(archive)
    states = list(shards(storage))
    for number, state in enumerate(states):
        told("shards", number, len(states))
        if notes.have(state):
            out.known += 1
        elif not unfinished and not is_finished(state):
            out.unfinished.append(state.site)
        else:
            with tempfile.TemporaryDirectory(prefix=".collect-", dir=archive.parent) as folder:
                try:
                    restore(storage, Path(folder), state)
                except ShardDamaged as error:
                    out.damaged.append(str(error))
                    continue
                out.merged[state.site] = merge(db, archive, Path(folder) / ARCHIVE)
            notes.add(state)
    told("shards", len(states), len(states))
    return out


def fetch_shards(
    storage: ShardStorage, into: Path, *, unfinished: bool = False, told: Progress = lambda what, done, of: None
) -> Fetched:
    """Fetches each shard into its own folder below `into`, without merging; unchanged ones are kept. Raises
    StorageRefused, OSError."""
    out = Fetched()
    states = list(shards(storage))
    for number, state in enumerate(states):
        told("shards", number, len(states))
        folder = into / shard_folder(state.site).rpartition("/")[2]
        if is_clean(folder, state):
            out.known += 1
        elif not unfinished and not is_finished(state):
            out.unfinished.append(state.site)
        else:
            try:
                restore(storage, folder, state)
            except ShardDamaged as error:
                out.damaged.append(str(error))
                continue
            mark_clean(folder, state)
            out.fetched[state.site] = str(folder / ARCHIVE)
    told("shards", len(states), len(states))
    return out


class _Notes:
    """Notes which state of each shard an archive has, in a file next to it. Without the file, all shards are merged
    again, without effect."""

    def __init__(self, archive: Path) -> None:
        self._file = archive.with_name(f".{archive.name}.shards.json")
        try:
            self._have: dict[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._have = {}

    def have(self, state: Manifest) -> bool:
        return self._have.get(state.site) == f"{state.key} {state.made_at}"

    def add(self, state: Manifest) -> None:
        self._have[state.site] = f"{state.key} {state.made_at}"
        new = self._file.with_name(f"{self._file.name}.new")
        new.write_text(json.dumps(self._have, ensure_ascii=False, indent=1), encoding="utf-8")
        new.replace(self._file)
