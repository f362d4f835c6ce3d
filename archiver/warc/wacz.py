"""The files of records in a WACZ package (WACZ 1.1.1: a ZIP with WARC files under archive/ and a datapackage.json).

Members are read as streams and never unpacked to a disk. What leaves the package, is no file of records or unpacks to
far more than it should is refused by name, and the rest is read.
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
"""Names of files of records."""
MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LARGEST_LIST = 1 << 26
_BOMB_RATIO, _BOMB_BYTES = 200, 1 << 28
_MOST_MEMBERS = 100_000
_BROKEN = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)


@dataclass(frozen=True, slots=True)
class WACZMember:
    """A file of records in the package; `sha256` is its digest as datapackage.json has it, "" where it has none."""

    name: str
    size: int
    crc: int
    sha256: str = ""


def wacz_members(package: BinaryIO) -> Iterator[WACZMember | Problem]:
    """The files of records of a package, in the order of their names, and what is wrong with the others."""
    try:
        with zipfile.ZipFile(package) as archive:
            found = archive.infolist()
            digests, problems = _digests(archive)
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
        Problem(ProblemKind.UNREADABLE, name, detail="datapackage.json names it, and it is not there")
        for name in sorted(missing)
        if RECORDS.fullmatch(name)
    )


def _stays_inside(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return not (name.startswith(("/", "\\")) or ".." in parts or "\0" in name or re.match(r"[A-Za-z]:", name))


def _digests(archive: zipfile.ZipFile) -> tuple[dict[str, str], list[Problem]]:
    """What datapackage.json says of the package's files; it itself is held against datapackage-digest.json."""
    data = _small(archive, "datapackage.json")
    if data is None:
        return {}, []
    problems = []
    told = _json(_small(archive, "datapackage-digest.json"))
    if (own := str(told.get("hash", ""))) and _sha256(own) not in ("", hashlib.sha256(data).hexdigest()):
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


def _small(archive: zipfile.ZipFile, name: str) -> bytes | None:
    try:
        with archive.open(name) as handle:
            return handle.read(_LARGEST_LIST)
    except (KeyError, *_BROKEN):
        return None


class MemberStream(io.RawIOBase):
    """A member of a package as a file that can be read and sought in. Where the package is damaged, it ends.

    While it is read from front to back its SHA-256 is taken.
    """

    def __init__(self, package: BinaryIO, name: str) -> None:
        """Raises OSError where the member cannot be read at all."""
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
        """The digest of all that was read; "" where it was not read from its first byte to its last."""
        return self._hash.hexdigest() if self.whole else ""

    def close(self) -> None:
        if not self.closed:
            self._handle.close()
            self._archive.close()
        super().close()
