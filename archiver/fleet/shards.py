"""A shard on its way: from a worker's disk to the storage at a checkpoint, and back onto the disk of the next one.

A checkpoint writes what is new. The database goes whole, as it was at one moment; of the WARC files, which only grow,
go the bytes behind the last checkpoint, up to the last record that this database knows. The manifest comes last.
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
from archiver.maintenance.backup import copying, known_ends
from archiver.maintenance.merge import Merged, merge
from archiver.maintenance.verify_captures import files_at
from archiver.warc.writer import index_of

ARCHIVE = "archive.db"
_igzip: Any = igzip  # it has no types
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
    """Bring a shard as it is now into the storage. `commit` says whether it counts: it does not where another worker
    has the site, and then what was written is taken out again. Where its answer is lost all stays: the queue may name
    it by now; if it does not, a later `sweep` takes it out. A storage without its fleet's mark is another place, as the
    empty folder is on which it was mounted: nothing is written there. Raises Fenced, StorageRefused, what `commit`
    raises, and what a backup does.
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
            ends = known_ends(db, folder, finished)
            articles = db.execute("select count(*) from articles").fetchone()[0]
        files = [_database(copy, put)]
        for name, end in sorted(ends.items()):
            file = folder / name
            files.append(_grown(file, name, end, before, put))
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


def _grown(
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
    """Make a folder hold this state of a shard and nothing else; without one it is empty. WARC files that are there
    already, as this worker left them, are not fetched again. Raises StorageRefused, ShardDamaged, OSError."""
    here = _left(folder)
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
    """What is on this disk is this state: the next job here need not fetch it."""
    (folder / _STATE).write_bytes(manifest.to_json().encode())


def is_clean(folder: Path, manifest: Manifest) -> bool:
    return _left(folder) == manifest


def mark_taken(folder: Path) -> None:
    """A crawl begins: what is on this disk is no state of the storage any more, but its WARC files are."""
    state = folder / _STATE
    if state.exists():
        state.replace(folder / f".{_STATE}")


def _left(folder: Path) -> Manifest | None:
    """What the last job here left; where it was killed only the files of it that never change count."""
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
                raise ShardDamaged(part.key, "its checksum is another one")
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
    """Take out what no state of a shard needs any more: all but this one and the one before it, which somebody may be
    reading. What a worker with a higher token writes is left alone. Returns how many objects went."""
    from archiver.fleet.shard_storage import shard_folder

    needed = manifest.keys | (before.keys if before else set())
    base = shard_folder(manifest.site)
    ours = f"{base}/{manifest.token:012}-{manifest.checkpoint:06}"
    old = [key for key in storage.keys(base) if key not in needed and "/".join(key.split("/")[:3]) <= ours]
    storage.delete(old)
    return len(old)


# The folder of a worker on its own disk: one worker's at a time.

SCANS = "scans"
"""Beside the folder for shards: WARC files that are scanned for sites."""


class WorkplaceTaken(ArchiverError):
    def __init__(self, folder: str, why: str) -> None:
        super().__init__(folder, f"{folder} cannot be worked in ({why}): name another folder with --work.")


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """The folder for shards, which nobody else uses while the block lasts. Raises WorkplaceTaken."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("ab")
    except OSError as error:
        raise WorkplaceTaken(str(folder), error.strerror or str(error)) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkplaceTaken(str(folder), "another worker does") from error
        shutil.rmtree(folder / SCANS, ignore_errors=True)  # a killed worker leaves files that it has fetched
        yield folder / "shards"


# The shards of a storage into one archive: each is fetched, merged and noted, so that it is fetched again only when
# it has changed. Nothing but the storage is needed; it is only read.

Told = Callable[[str, int, int], None]


@dataclass
class Collected:
    """What came of the shards: `merged` by site, `known` had not changed, `unfinished` are sites that are being crawled
    or whose worker died, `damaged` what is wrong with others."""

    merged: dict[str, Merged] = field(default_factory=dict)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass
class Fetched:
    """The same of shards that were not merged: `fetched` are archives by site."""

    fetched: dict[str, str] = field(default_factory=dict)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def shards(storage: ShardStorage) -> Iterator[Manifest]:
    """The current state of each shard. One that is being replaced while it is read is looked up again."""
    for folder, keys in sorted(newest_manifests(storage.keys("shards")).items()):
        found = _first(storage, keys) or _first(storage, newest_manifests(storage.keys(folder)).get(folder, []))
        if found:
            yield found


def _first(storage: ShardStorage, keys: list[str]) -> Manifest | None:
    for key in keys:
        if data := storage.read(key):
            try:
                return read_manifest(data)
            except ValueError:  # torn: its writer died, and what it wrote before holds
                continue
    return None


def is_finished(manifest: Manifest) -> bool:
    """Whether no crawl was under way: all of its WARC files have their index."""
    names = {file.name for file in manifest.files}
    return all(str(index_of(Path(name))) in names for name in names if name.endswith(".warc.gz"))


def collect_shards(
    db: Database,
    archive: Path,
    storage: ShardStorage,
    *,
    unfinished: bool = False,
    told: Told = lambda what, done, of: None,
) -> Collected:
    """Merge what is new into `archive`, open as `db`, which nobody else writes. A site that is being crawled comes with
    a later call, but with `unfinished`: its WARC file of now would be there twice when it has grown.

    Stopped or killed, the next call goes on. Raises StorageRefused, and what a merge does.
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
    storage: ShardStorage, into: Path, *, unfinished: bool = False, told: Told = lambda what, done, of: None
) -> Fetched:
    """Each shard into a folder of its own below `into`, unmerged; those that are there as they are now stay. Raises
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
    """Stores which state of each shard an archive has, in a file beside it. Without it, all shards are merged again,
    to no effect."""

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
