"""The WARC files that a copied database points to, beside it as they lie beside the archive.

A finished file never changes and is copied once. The one that is being written is cut behind the last record that the
database knows, and gets the index of what it has, so that the copy is an archive like any other; it is copied anew next
time. Nothing is taken out: an earlier database beside it may point to it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlite_utils import Database

from archiver.capture.index import index_of, sync_folder
from archiver.capture.members import capture_of, member_at
from archiver.capture.mend import mend
from archiver.errors import BackupRefused
from archiver.store.backup.database import Progress

_CHUNK = 1 << 20


@dataclass(slots=True)
class Copied:
    """`files` and `bytes` that were copied, `kept` files that were there already; `missing` those that the archive
    itself does not have."""

    files: int = 0
    bytes: int = 0
    kept: int = 0
    missing: tuple[str, ...] = ()


def copy_captures(db: Database, archive: Path, target: Path, finished: dict[str, bool], progress: Progress) -> Copied:
    """Copy what the rows of `db` (the copied database) point to from beside the archive to beside `target`. `finished`:
    the archive's files and whether each was finished before the database was copied.

    Raises BackupRefused where another file of a name stands there, OSError.
    """
    out = Copied()
    source, beside = archive.parent, target.parent
    known = dict(db.execute("select warc_file, max(warc_offset) from captures where warc_file is not null "
                            "group by 1").fetchall())
    names = sorted({*known, *(name for name, whole in finished.items() if whole)})
    if beside.exists() and source.samefile(beside):
        out.kept = len(names)
        return out
    for number, name in enumerate(names):
        progress("WARC files", number, len(names))
        file, to = _within(source, name), _within(beside, name)
        if file is None or to is None or not file.exists():
            out.missing += (name,)
        else:
            _copy_warc(file, to, None if finished.get(name, False) else known[name], out)
    _sync(beside, names)
    return out


def _copy_warc(file: Path, to: Path, last: int | None, out: Copied) -> None:
    """Copy a WARC file with its index. One that is still written is copied up to the exchange at the offset `last`; of
    a finished one (None) all is copied. Raises BackupRefused where another file of the name is there."""
    with file.open("rb") as handle:
        end = os.fstat(handle.fileno()).st_size if last is None else _known_end(handle, last)
        size = to.stat().st_size if to.exists() else -1
        if size == end and (index_of(to).exists() or not index_of(file).exists()):
            out.kept += 1
            return
        if size > end or (size > 0 and not _begins_alike(handle, to)):
            raise BackupRefused(str(to), "a file of this name that is no copy of the archive's stands there: name "
                                         "a file in another folder")
        to.parent.mkdir(parents=True, exist_ok=True)
        _copy(handle, to, end)
    if last is None and index_of(file).exists():
        with index_of(file).open("rb") as index:
            _copy(index, index_of(to), os.fstat(index.fileno()).st_size)
    else:
        mend(to, lambda told: None)
    out.files += 1
    out.bytes += end


def known_ends(db: Database, folder: Path, finished: dict[str, bool]) -> dict[str, int]:
    """How much of each WARC file below `folder` a copied database knows of: finished files whole, the others up to the
    end of the last exchange that it has a row of. Files that are missing are left out."""
    known = dict(db.execute("select warc_file, max(warc_offset) from captures where warc_file is not null "
                            "group by 1").fetchall())
    out = {}
    for name in {*known, *(name for name, whole in finished.items() if whole)}:
        file = _within(folder, name)
        if file is None or not file.exists():
            continue
        with file.open("rb") as handle:
            whole = finished.get(name, False)
            if end := os.fstat(handle.fileno()).st_size if whole else _known_end(handle, known[name]):
                out[name] = end
    return out


def _within(folder: Path, name: str) -> Path | None:
    """The file of a row; None for a path that leads out of the folder, which another program wrote."""
    return None if Path(name).is_absolute() or ".." in Path(name).parts else folder / name


def _known_end(handle: BinaryIO, offset: int) -> int:
    """Where the exchange whose response is at `offset` ends: request and metadata lie behind it. 0 where none does."""
    end = offset
    while (member := member_at(handle, end)) is not None and (end == offset or capture_of(member, "") is None):
        end += member.length
    return end if end > offset else 0


def _begins_alike(handle: BinaryIO, other: Path) -> bool:
    """Whether a file that is there is the beginning of the archive's, by its first record, which has its name."""
    handle.seek(0)
    with other.open("rb") as there:
        head = there.read(_CHUNK)
        return head == handle.read(len(head))


def _copy(handle: BinaryIO, to: Path, end: int) -> None:
    """The first `end` bytes under a name of their own, and then in their place."""
    part = to.with_name(f".{to.name}.partial")
    handle.seek(0)
    try:
        with part.open("wb") as into:
            left = end
            while left and (data := handle.read(min(_CHUNK, left))):
                into.write(data)
                left -= len(data)
            into.flush()
            os.fsync(into.fileno())
        shutil.copystat(handle.name, part)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _sync(beside: Path, names: Iterable[str]) -> None:
    for folder in sorted({(beside / name).parent for name in names}):
        if folder.is_dir():
            sync_folder(folder)
