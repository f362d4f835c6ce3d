"""WARC files that a fleet imports, where every worker finds them.

A file is named by its URL for fsspec ("s3://dumps/a.warc.gz"), by its whole path on each machine ("/mnt/a.warc.gz"), or
by its key in the fleet's storage ("dumps/a.warc.gz").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from archiver.errors import UnreadableInput
from archiver.fleet.storage import Storage
from archiver.imports.inputs import is_archive_name


def files_named(storage: Storage, words: Iterable[str]) -> list[str]:
    """The files that words of the command line name: themselves, or those in a folder and all below it. A relative path
    of this machine becomes a whole one. Raises UnreadableInput for what does not exist, StorageRefused."""
    out: dict[str, None] = {}
    for word in words:
        name = str(Path(word).resolve()) if "://" not in word and Path(word).exists() else word.rstrip("/")
        place, key = _place(storage, name)
        kind = place.kind(key)
        if kind == "file":
            out[name] = None
        elif kind == "directory":
            below = [found[len(key):] for found in place.keys(key) if is_archive_name(PurePosixPath(found).name)]
            if not below:
                raise UnreadableInput(word, "the folder has no WARC, ARC or WACZ file")
            out.update(dict.fromkeys(name + rest for rest in below))
        else:
            raise UnreadableInput(word, f"there is no such file here, nor in the fleet's storage {storage.url}")
    return list(out)


@contextmanager
def on_this_disk(storage: Storage, file: str, folder: Path) -> Iterator[Path]:
    """A file that can be read at any place, under its own name: itself, or a copy in `folder` for as long as the block
    lasts. Raises UnreadableInput, StorageRefused, OSError."""
    place, key = _place(storage, file)
    if path := place.local(key):
        if not path.is_file():
            raise UnreadableInput(file, "this worker does not find it: give each machine the folder at the same path")
        yield path
        return
    if place.kind(key) != "file":
        raise UnreadableInput(file, "there is no such file")
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / PurePosixPath(key).name
    try:
        with copy.open("wb") as into:
            place.append_to(key, into)
        yield copy
    finally:
        copy.unlink(missing_ok=True)
        folder.rmdir()


def _place(storage: Storage, file: str) -> tuple[Storage, str]:
    """The storage that has this file, and its key there."""
    if "://" not in file and not file.startswith("/"):
        return storage, file
    if "/" not in file.partition("://")[2] and "://" in file:  # a whole bucket
        return Storage(file), ""
    folder, _, key = file.rpartition("/")
    return Storage(folder or "/"), key
