"""A shard on its way: from a worker's disk to the storage at a checkpoint, and back onto the disk of the next one.

A checkpoint writes what is new. The database goes whole, as it was at one moment; of the WARC files, which only grow,
go the bytes behind the last checkpoint, up to the last record that this database knows. The manifest comes last.
"""

from __future__ import annotations

import io
import shutil
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from isal import igzip

from archiver import __version__
from archiver.capture.index import index_of
from archiver.fleet.manifest import File, Manifest, Part, read_manifest
from archiver.fleet.mark import known
from archiver.fleet.refusals import Fenced, ShardDamaged
from archiver.fleet.storage import Storage
from archiver.store.backup.captures import known_ends
from archiver.store.backup.database import copying
from archiver.store.checks.captures import files_at

ARCHIVE = "archive.db"
_igzip: Any = igzip  # it has no types
_CHUNK = 1 << 20
_STATE = "shard.json"


def checkpoint(storage: Storage, folder: Path, site: str, token: int, number: int, before: Manifest | None,
               commit: Callable[[Manifest], bool]) -> Manifest:
    """Bring a shard as it is now into the storage. `commit` says whether it counts: it does not where another worker
    has the site, and then what was written is taken out again. Where its answer is lost all stays: the queue may name
    it by now; if it does not, a later `sweep` takes it out. A storage without its fleet's mark is another place, as the
    empty folder is on which it was mounted: nothing is written there. Raises Fenced, StorageRefused, what `commit`
    raises, and what a backup does.
    """
    known(storage)
    written: list[str] = []
    archive, copy = folder / ARCHIVE, folder / ".checkpoint" / ARCHIVE
    finished = files_at(folder)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    base = Manifest(site, token, number, made, __version__, 0, ()).folder

    def put(name: str, source: BinaryIO, length: int) -> Part:
        key = f"{base}/{name}"
        written.append(key)
        return Part(key, length, storage.put(key, source, length))

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


def _database(copy: Path, put: Callable[[str, BinaryIO, int], Part]) -> File:
    packed = copy.with_name(f"{copy.name}.gz")
    with copy.open("rb") as source, _igzip.open(packed, "wb", compresslevel=1) as into:
        shutil.copyfileobj(source, into, _CHUNK)
    with packed.open("rb") as handle:
        return File(ARCHIVE, (put(packed.name, handle, packed.stat().st_size),), packed=True)


def _grown(file: Path, name: str, end: int, before: Manifest | None,
           put: Callable[[str, BinaryIO, int], Part]) -> File:
    old = before.file(name) if before else None
    have = old.bytes if old else 0
    if old and end == have:
        return old
    parts = old.parts if old and end > have else ()
    start = have if parts else 0
    with file.open("rb") as handle:
        handle.seek(start)
        return File(name, (*parts, put(f"{name}.{start}", handle, end - start)))


def _whole(file: Path, name: str, before: Manifest | None, put: Callable[[str, BinaryIO, int], Part]) -> File:
    old = before.file(name) if before else None
    size = file.stat().st_size
    if old and old.bytes == size:
        return old
    with file.open("rb") as handle:
        return File(name, (put(name, handle, size),))


def restore(storage: Storage, folder: Path, manifest: Manifest | None) -> None:
    """Make a folder hold this state of a shard and nothing else; without one it is empty. WARC files that are there
    already, as this worker left them, are not fetched again. Raises StorageRefused, ShardDamaged, OSError."""
    here = _left(folder)
    if manifest and here == manifest:
        return
    kept = {file.name for file in manifest.files if here and here.file(file.name) == file and
            not file.packed and _size(folder / file.name) == file.bytes} if manifest else set()
    (folder / _STATE).unlink(missing_ok=True)
    _clear(folder, kept)
    folder.mkdir(parents=True, exist_ok=True)
    for file in manifest.files if manifest else ():
        if file.name not in kept:
            _fetch(storage, file, folder / file.name)


def left_clean(folder: Path, manifest: Manifest) -> None:
    """What is on this disk is this state: the next job here need not fetch it."""
    (folder / _STATE).write_bytes(manifest.to_json().encode())


def is_left_clean(folder: Path, manifest: Manifest) -> bool:
    return _left(folder) == manifest


def taken(folder: Path) -> None:
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


def _fetch(storage: Storage, file: File, to: Path) -> None:
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


def sweep(storage: Storage, manifest: Manifest, before: Manifest | None) -> int:
    """Take out what no state of a shard needs any more: all but this one and the one before it, which somebody may be
    reading. What a worker with a higher token writes is left alone. Returns how many objects went."""
    from archiver.fleet.manifest import shard_folder

    needed = manifest.keys | (before.keys if before else set())
    base = shard_folder(manifest.site)
    ours = f"{base}/{manifest.token:012}-{manifest.checkpoint:06}"
    old = [key for key in storage.keys(base) if key not in needed and "/".join(key.split("/")[:3]) <= ours]
    storage.delete(old)
    return len(old)
