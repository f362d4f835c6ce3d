"""Reads the WARC and ARC files in a WACZ package (WACZ 1.1.1: a ZIP file with these files under archive/ and a
datapackage.json).

Members are read as streams and never extracted to disk. A member is reported as a problem if its path leads out of the
package or it decompresses to far more than is plausible; the other members are read.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from archiver.warc.problems import Problem, ProblemKind

RECORDS = re.compile(r".*\.(warc|arc)(\.gz|\.zst)?(\.open)?", re.IGNORECASE)
"""Matches the names of WARC and ARC files."""
MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LARGEST_LIST = 1 << 26
_BOMB_RATIO, _BOMB_BYTES = 200, 1 << 28
_MOST_MEMBERS = 100_000
_BROKEN = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)


@dataclass(frozen=True, slots=True)
class WACZMember:
    """A WARC or ARC file in a WACZ package: its name, size in bytes and CRC. `sha256` is its digest from
    datapackage.json, "" if that has none.
    """

    name: str
    size: int
    crc: int
    sha256: str = ""


def read_wacz_members(package: BinaryIO) -> Iterator[WACZMember | Problem]:
    """Yields the WARC and ARC files of a WACZ package, sorted by name, and a problem for each that cannot be read."""
    try:
        with zipfile.ZipFile(package) as archive:
            found = archive.infolist()
            digests, problems = _read_digests(archive)
    except (*_BROKEN, OSError, ValueError) as error:
        yield Problem(ProblemKind.NOT_AN_ARCHIVE, "0", detail=f"as a ZIP: {error}"[:120])
        return
    yield from problems
    if len(found) > _MOST_MEMBERS:
        yield Problem(ProblemKind.BOMB, "0", detail=f"it has {len(found):,} members")
        return
    for info in sorted(found, key=lambda one: one.filename):
        name = info.filename
        if info.is_dir():
            continue
        if not _stays_inside(name):
            yield Problem(ProblemKind.PATH, name[:200])
        elif name.startswith("archive/") and RECORDS.fullmatch(name):
            if info.file_size > _BOMB_BYTES and info.file_size > _BOMB_RATIO * max(info.compress_size, 1):
                yield Problem(ProblemKind.BOMB, name, detail=f"{info.file_size:,} bytes from {info.compress_size:,}")
            else:
                yield WACZMember(name, info.file_size, info.CRC, digests.get(name, ""))
    missing = digests.keys() - {info.filename for info in found}
    yield from (
        Problem(ProblemKind.UNREADABLE, name, detail="datapackage.json lists it, but it is missing")
        for name in sorted(missing)
        if RECORDS.fullmatch(name)
    )


def _stays_inside(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return not (name.startswith(("/", "\\")) or ".." in parts or "\0" in name or re.match(r"[A-Za-z]:", name))


def _read_digests(archive: zipfile.ZipFile) -> tuple[dict[str, str], list[Problem]]:
    """Returns the digests in datapackage.json by path, and a problem if that file does not match
    datapackage-digest.json.
    """
    data = _read_small_member(archive, "datapackage.json")
    if data is None:
        return {}, []
    problems = []
    declared = _json(_read_small_member(archive, "datapackage-digest.json"))
    if (own := str(declared.get("hash", ""))) and _sha256(own) not in ("", hashlib.sha256(data).hexdigest()):
        problems.append(Problem(ProblemKind.FILE_DIGEST, "datapackage.json"))
    resources = _json(data).get("resources", [])
    if not isinstance(resources, list):
        return {}, problems
    named = [r for r in resources if isinstance(r, dict)]
    return {str(r.get("path", "")): _sha256(str(r.get("hash", ""))) for r in named}, problems


def _sha256(field: str) -> str:
    name, _, value = field.rpartition(":")
    return value.lower() if name.lower() in ("sha256", "") and re.fullmatch(r"[0-9a-fA-F]{64}", value) else ""


def _json(data: bytes | None) -> dict[str, Any]:
    try:
        value = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _read_small_member(archive: zipfile.ZipFile, name: str) -> bytes | None:
    try:
        with archive.open(name) as handle:
            return handle.read(_LARGEST_LIST)
    except (KeyError, *_BROKEN):
        return None


class MemberStream(io.RawIOBase):
    """A member of a WACZ package as a seekable binary file. It ends where the package is damaged.

    Its SHA-256 is computed while it is read from beginning to end.
    """

    def __init__(self, package: BinaryIO, name: str) -> None:
        """Opens the member. Raises OSError if it cannot be opened."""
        try:
            self._archive = zipfile.ZipFile(package)
            self._handle: IO[bytes] = self._archive.open(name)
        except (*_BROKEN, KeyError) as error:
            raise OSError(str(error)[:200]) from error
        self._hash: Any = hashlib.sha256()
        self._hashed = self._at = 0
        self.whole = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            self._at = self._handle.seek(offset, whence)
        except _BROKEN as error:
            raise OSError(str(error)[:200]) from error
        return self._at

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._handle.read(len(buffer))
        except _BROKEN:
            return 0
        if self._at == self._hashed:
            self._hash.update(data)
            self._hashed += len(data)
            self.whole = not data
        self._at += len(data)
        buffer[: len(data)] = data
        return len(data)

    def sha256(self) -> str:
        """Returns the SHA-256 of the member, in hex; "" if the member was not read from its first byte to its last."""
        return self._hash.hexdigest() if self.whole else ""

    def close(self) -> None:
        if not self.closed:
            self._handle.close()
            self._archive.close()
        super().close()
