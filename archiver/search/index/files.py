"""The files of an index on the disk: whether they are as they were written.

Each ends in a digest of itself (tantivy's footer): a line of JSON with the CRC-32 of all before it, its length, and a
magic number. To read all of them takes a second for a gigabyte, so their sizes and times are noted when the
index is written, and the digest is asked only of a file that has others.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

_META = "meta.json"
LISTS = (_META, ".managed.json")
"""What tells of the others."""
_PART = re.compile(r"([0-9a-f]{32})\.(?:(\d+)\.)?(\w+)")
_MAGIC = 1337
_LOOKS = 3
_TAIL, _PIECE = 8, 1 << 20

Stamps = dict[str, tuple[int, int]]
"""By the name of a file its size and the time of its last change, in nanoseconds."""


def stamps(folder: Path) -> Stamps:
    return {path.name: _stamp(path) for path in _parts(folder)}


def damaged(folder: Path, known: Stamps | None = None) -> str:
    """The name of the first file that is not as it was written, "" where none is. Those that have their stamp are not
    read, nor are any where `known` has none of it. Raises OSError."""
    for _ in range(_LOOKS):
        try:
            return _first_damaged(folder, known or {})
        except FileNotFoundError:
            continue  # another process has entered other segments meanwhile, and taken this one away
    return _first_damaged(folder, known or {})


def _first_damaged(folder: Path, known: Stamps) -> str:
    try:
        parts = _parts(folder)
    except ValueError:
        return _META
    return next((path.name for path in parts if known.get(path.name, ()) != _stamp(path) and not _is_whole(path)), "")


def _stamp(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


def _parts(folder: Path) -> list[Path]:
    """The files of the segments that are entered in the index. What else lies there is being written by another
    process, or was when that was killed: nothing is read from it. Raises ValueError where that cannot be read."""
    meta = folder / _META
    if not meta.exists():
        return []
    try:
        entered = {one["segment_id"].replace("-", ""): (one["deletes"] or {}).get("opstamp")
                   for one in json.loads(meta.read_bytes())["segments"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{_META}: {error!r}") from error
    return sorted(path for path in folder.iterdir() if (found := _PART.fullmatch(path.name)) and found[1] in entered
                  and (found[2] is None or int(found[2]) == entered[found[1]]))


def _is_whole(path: Path) -> bool:
    """Read, not mapped: a mapped file that is cut meanwhile ends the process."""
    ends = path.stat().st_size - _TAIL
    with path.open("rb") as handle:
        handle.seek(max(0, ends))
        tail = handle.read(_TAIL)
        ends -= int.from_bytes(tail[:4], "little")
        if len(tail) < _TAIL or int.from_bytes(tail[4:], "little") != _MAGIC or ends < 0:
            return False
        handle.seek(ends)
        try:
            told = json.loads(handle.read()[:-_TAIL])["crc"]
        except (ValueError, KeyError, TypeError):
            return False
        handle.seek(0)
        found = 0
        while ends > 0 and (piece := handle.read(min(_PIECE, ends))):
            found, ends = zlib.crc32(piece, found), ends - len(piece)
        return bool(ends == 0 and found == told)
