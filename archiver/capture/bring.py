"""A WARC file of another archive brought into this one: linked or copied, with its index, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from archiver.capture.index import cdxj_line, index_of, seal, sync_folder
from archiver.capture.members import capture_of
from archiver.capture.mend import mend
from archiver.capture.rewrite import free_name, records

_CHUNK = 1 << 20


def content_digest(file: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def bring(source: Path, folder: Path) -> Path:
    """Put a WARC file into `folder`, under its own name where that is free; returns where it is. Raises OSError.

    A finished file is linked where both lie on one disk (it is never written to again), else copied. One whose writer
    died is copied up to its last whole record.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / source.name
    new = free_name(own) if own.exists() or index_of(own).exists() else own
    if not index_of(source).exists():
        _copy(source, new)
        mend(new, lambda mended: None)
        return new
    try:
        os.link(source, new)
        sync_folder(folder)
    except OSError:
        _copy(source, new)
    finish(new, index_of(source))
    return new


def finish(new: Path, index: Path) -> None:
    """Put the index of a file that was brought in its place: that of the other archive, with the file's name of now."""
    lines = [_named(line, new.name) for line in index.read_bytes().splitlines()] if index.exists() else [
        cdxj_line(capture) for member, _ in records(new) if (capture := capture_of(member, f"warc/{new.name}"))]
    seal(new, lines)


def _named(line: bytes, name: str) -> bytes:
    head, brace, fields = line.partition(b"{")
    told = json.loads(brace + fields)
    return head + json.dumps({**told, "filename": name}, ensure_ascii=False).encode() + b"\n"


def _copy(source: Path, new: Path) -> None:
    part = new.with_name(new.name + ".part")
    with source.open("rb") as handle, part.open("wb") as out:
        shutil.copyfileobj(handle, out, _CHUNK)
        out.flush()
        os.fsync(out.fileno())
    part.replace(new)
    sync_folder(new.parent)
