"""Transfers shards between a worker's disk and the storage (checkpoints, and fetching a shard for its next worker), and
collects all shards into one archive.

A checkpoint stores a consistent copy of the whole database, and only the new bytes of the WARC files, because these
only grow. The new bytes are those after the last checkpoint, up to the last record that the database knows. The
manifest is written last.
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

from archiver import __version__
from archiver.api.database import Database
from archiver.api.maintenance import (
    MergeResult,
    copy_database,
    find_known_ends,
    find_warc_files,
    merge_archive,
    size_of,
)
from archiver.api.warc_files import held_finished, index_of
from archiver.fleet.shard_storage import (
    Manifest,
    ObjectPart,
    ShardFile,
    ShardStorage,
    find_manifest_keys,
    read_manifest,
    shard_folder,
    storage_owner,
)
from archiver.model.errors import ArchiverError, Fenced, ShardDamaged

ARCHIVE = "archive.db"
_igzip: Any = igzip  # the package has no type hints
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
    """Stores the current state of a shard, and returns its manifest.

    - `token`: the fencing token of the worker's lease.
    - `number`: the number of this checkpoint within the worker's run.
    - `before`: the manifest of the previous state; None if there is none.
    - `commit`: is called with the new manifest, and returns False if another worker has taken over the site. In this
      case, the written objects are deleted and Fenced is raised.

    If `commit` raises an error, the objects are kept, because the commit may have succeeded nevertheless. If it has
    not, a later call of `delete_old_objects` deletes them. Nothing is written to a storage without `fleet.json`, such
    as the empty folder of a missing mount. Raises Fenced, StorageRefused, and the errors of `commit` and of a backup.
    """
    storage_owner(storage)
    written: list[str] = []
    archive, copy = folder / ARCHIVE, folder / ".checkpoint" / ARCHIVE
    finished = find_warc_files(folder)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    base = Manifest(site, token, number, made, __version__, 0, ()).folder

    def put(name: str, source: BinaryIO, length: int) -> ObjectPart:
        key = f"{base}/{name}"
        written.append(key)
        return ObjectPart(key, length, storage.put(key, source, length))

    try:
        with copy_database(archive, copy, lambda *_: None, force=True) as db:
            ends = find_known_ends(db, folder, finished)
            articles = db.execute("select count(*) from articles").fetchone()[0]
        files = [_store_database(copy, put)]
        for name, end in sorted(ends.items()):
            file = folder / name
            files.append(_store_new_bytes(file, name, end, before, put))
            with held_finished(file) as size:
                if size == end:
                    index = index_of(file)
                    files.append(_store_if_changed(index, str(index.relative_to(folder)), before, put))
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


def _store_database(copy: Path, put: Callable[[str, BinaryIO, int], ObjectPart]) -> ShardFile:
    packed = copy.with_name(f"{copy.name}.gz")
    with copy.open("rb") as source, _igzip.open(packed, "wb", compresslevel=1) as into:
        shutil.copyfileobj(source, into, _CHUNK)
    with packed.open("rb") as handle:
        return ShardFile(ARCHIVE, (put(packed.name, handle, packed.stat().st_size),), packed=True)


def _store_new_bytes(
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


def _store_if_changed(
    file: Path, name: str, before: Manifest | None, put: Callable[[str, BinaryIO, int], ObjectPart]
) -> ShardFile:
    old = before.file(name) if before else None
    size = file.stat().st_size
    if old and old.bytes == size:
        return old
    with file.open("rb") as handle:
        return ShardFile(name, (put(name, handle, size),))


def restore(storage: ShardStorage, folder: Path, manifest: Manifest | None) -> None:
    """Makes a local folder contain exactly the state of a shard that the manifest describes; without a manifest,
    empties the folder.

    WARC files that an earlier job left unchanged in the folder are not fetched again. Raises StorageRefused,
    ShardDamaged, OSError.
    """
    here = _local_state(folder)
    if manifest and here == manifest:
        return
    kept = (
        {
            file.name
            for file in manifest.files
            if here and here.file(file.name) == file and not file.packed and size_of(folder / file.name) == file.bytes
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
    """Marks a folder as containing exactly the files of this manifest. The next job on this machine then need not fetch
    them.
    """
    (folder / _STATE).write_bytes(manifest.to_json().encode())


def is_clean(folder: Path, manifest: Manifest) -> bool:
    return _local_state(folder) == manifest


def mark_in_use(folder: Path) -> None:
    """Marks a folder as being changed by a job. If the job is killed, the next job reuses a WARC file only if its
    length is still that in the manifest. Since WARC files are only appended to, the file is then unchanged.
    """
    state = folder / _STATE
    if state.exists():
        state.replace(folder / f".{_STATE}")


def _local_state(folder: Path) -> Manifest | None:
    """Returns the manifest of the files that the last job left in the folder; None if it is unknown. If that job was
    killed, the manifest is reliable only for files that never change.
    """
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


def delete_old_objects(storage: ShardStorage, manifest: Manifest, before: Manifest | None) -> int:
    """Deletes the stored objects of a shard that are no longer needed, and returns their number. Keeps the objects of
    the state `manifest`, those of the state `before`, which another process may still be reading, and those of workers
    with a higher fencing token.
    """

    needed = manifest.keys | (before.keys if before else set())
    base = shard_folder(manifest.site)
    current = f"{base}/{manifest.token:012}-{manifest.checkpoint:06}"
    old = [key for key in storage.keys(base) if key not in needed and "/".join(key.split("/")[:3]) <= current]
    storage.delete(old)
    return len(old)


# A worker's folder on its local disk. Only one worker at a time uses it.


class WorkFolderUnusable(ArchiverError):
    """Raised if the local folder of a worker cannot be created, or another worker uses it."""

    def __init__(self, folder: str, why: str) -> None:
        super().__init__(folder, f"{folder} cannot be used as a work folder ({why}): name another one with --work.")


@contextmanager
def lock_work_folder(folder: Path) -> Iterator[Path]:
    """Context manager that locks a worker's local folder and yields its subfolder for shards. Raises
    WorkFolderUnusable.
    """
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
        yield folder / "shards"


# Collecting shards into one archive: each shard is fetched and merged, and its state is recorded, so that it is fetched
# again only when it has changed. The storage is only read.

Progress = Callable[[str, int, int], None]


@dataclass
class CollectedShards:
    """The result of collecting shards into one archive.

    - `merged`: the result of each merge, by site.
    - `known`: the number of shards that have not changed since they were last collected.
    - `unfinished`: sites that are being crawled or whose worker died.
    - `damaged`: a message for each damaged shard.
    """

    merged: dict[str, MergeResult] = field(default_factory=dict)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def read_manifests(storage: ShardStorage) -> Iterator[Manifest]:
    """Yields the manifest of the current state of each shard. If a checkpoint replaces a manifest in the meantime, the
    new one is read.
    """
    for folder, keys in sorted(find_manifest_keys(storage.keys("shards")).items()):
        found = _read_first_valid(storage, keys) or _read_first_valid(
            storage, find_manifest_keys(storage.keys(folder)).get(folder, [])
        )
        if found:
            yield found


def _read_first_valid(storage: ShardStorage, keys: list[str]) -> Manifest | None:
    for key in keys:
        if data := storage.read(key):
            try:
                return read_manifest(data)
            except ValueError:  # the manifest is incomplete because its writer died, so the previous state is valid
                continue
    return None


def is_finished(manifest: Manifest) -> bool:
    """Returns True if no crawl was running when this state of a shard was stored: all its WARC files have an index."""
    names = {file.name for file in manifest.files}
    return all(str(index_of(Path(name))) in names for name in names if name.endswith(".warc.gz"))


def collect_shards(
    db: Database,
    archive: Path,
    storage: ShardStorage,
    *,
    unfinished: bool = False,
    progress: Progress = lambda what, done, of: None,
) -> CollectedShards:
    """Merges each shard that has changed since the last call into `archive`, which is open as `db`; no other program
    may write to it. A site that is being crawled is skipped unless `unfinished` is True, because its WARC file would be
    merged again after it has grown. `progress` is called with the name of the current step, the number done, and the
    total.

    After an interruption, the next call continues. Raises StorageRefused, and the errors of a merge.
    """
    out, notes = CollectedShards(), _MergedStates(archive)
    states = list(read_manifests(storage))
    for number, state in enumerate(states):
        progress("shards", number, len(states))
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
                out.merged[state.site] = merge_archive(db, archive, Path(folder) / ARCHIVE)
            notes.add(state)
    progress("shards", len(states), len(states))
    return out


class _MergedStates:
    """Records, in a JSON file next to an archive, which state of each shard has been merged into it. If the file is
    lost, all shards are merged again, which changes nothing.
    """

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
