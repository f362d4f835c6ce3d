"""What is to be read: the words of the command line as files of records, each with what tells it from others."""

from __future__ import annotations

import glob
import hashlib
import io
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from archiver.capture.damage import Damage, Problem
from archiver.capture.wacz import MAGIC, RECORDS, Member, MemberStream, members

_FILES = re.compile(RECORDS.pattern + r"|.*\.wacz", re.IGNORECASE)
_HEAD, _TAIL = 1 << 20, 1 << 16
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """One stream of records. `name` is what it is called in the archive: the file's name, with the member's where it is
    in a package. `size` is in bytes, 0 where it is not known."""

    path: Path
    name: str
    size: int
    member: Member | None = None

    @property
    def is_pipe(self) -> bool:
        return str(self.path) == STDIN

    def open(self) -> BinaryIO:
        """A stream that can be peeked into. Raises OSError."""
        if self.is_pipe:
            return io.BufferedReader(_Pipe(sys.stdin.buffer.read(_TAIL)), 2 * _TAIL)
        if self.member is None:
            return self.path.open("rb", buffering=1 << 17)
        return io.BufferedReader(MemberStream(self.path.open("rb"), self.member.name), 1 << 17)

    def digest(self, handle: BinaryIO) -> str:
        """What tells this input from others: SHA-256 over its size, beginning and end; of a pipe over its beginning.
        Leaves the stream at its beginning. Raises OSError."""
        found = hashlib.sha256(str(self.size).encode())
        if self.is_pipe:
            found.update(handle.peek(_TAIL)[:_TAIL])  # type: ignore[attr-defined]
            return found.hexdigest()
        if self.member is not None:
            found.update(f"{self.member.crc}{self.member.sha256}".encode())
        found.update(handle.read(_HEAD))
        if self.member is None and self.size > _HEAD + _TAIL:
            handle.seek(-_TAIL, io.SEEK_END)
            found.update(handle.read(_TAIL))
        handle.seek(0)
        return found.hexdigest()


class _Pipe(io.RawIOBase):
    """The standard input, of which the beginning has been read."""

    def __init__(self, head: bytes) -> None:
        self._head = head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        pipe: Any = sys.stdin.buffer
        data = self._head[:len(buffer)] or pipe.read1(len(buffer))
        self._head = self._head[len(buffer):]
        buffer[:len(data)] = data
        return len(data)


def is_archive_name(name: str) -> bool:
    """Whether a file of this name is taken for one of records when a folder is named."""
    return _FILES.fullmatch(name) is not None


def expand(words: Iterable[str]) -> Iterator[Path]:
    """The files that the words name: themselves, those of a folder and all below it, those that a pattern fits.

    Each once, a folder's in the order of their names. A word that names nothing comes back as it is.
    """
    seen: set[str] = set()
    for word in words:
        path = Path(word)
        if word == STDIN:
            found = [path]
        elif path.is_dir():
            found = sorted(p for p in path.rglob("*") if is_archive_name(p.name) and p.is_file()) or [path]
        elif not path.exists() and glob.has_magic(word):
            found = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))) or [path]
            found = [f for p in found for f in (expand([str(p)]) if p.is_dir() else [p])]
        else:
            found = [path]
        for one in found:
            if str(one) not in seen:
                seen.add(str(one))
                yield one


def inputs_in(path: Path) -> Iterator[Input | Problem]:
    """The streams of records in a file: itself, or the members of a package. A problem where it cannot be read."""
    if str(path) == STDIN:
        yield Input(path, "standard input", 0)
        return
    if path.is_dir():
        yield Problem(Damage.NOT_AN_ARCHIVE, "", detail="the folder holds no WARC, ARC or WACZ file")
        return
    try:
        with path.open("rb") as handle:
            head, size = handle.read(4), path.stat().st_size
            if head not in MAGIC:
                yield Input(path, path.name, size)
                return
            found = False
            handle.seek(0)
            for one in members(handle):
                found = True
                yield one if isinstance(one, Problem) else Input(path, f"{path.name}#{one.name}", one.size, one)
            if not found:
                yield Problem(Damage.NOT_AN_ARCHIVE, "", detail="the package holds no file of records under archive/")
    except OSError as error:
        yield Problem(Damage.UNREADABLE, "", detail=error.strerror or str(error))


def digest_problem(one: Input, handle: BinaryIO) -> Problem | None:
    """A package's member, read to its end through `handle`, whose digest differs from the one that the package states.
    None where the digest is not known, as for a member that was not read from its beginning."""
    stream = getattr(handle, "raw", None)
    if one.member is None or not one.member.sha256 or not isinstance(stream, MemberStream):
        return None
    found = stream.sha256()
    return Problem(Damage.FILE_DIGEST, "", detail=f"sha256:{found[:16]}...") if found and (
        found != one.member.sha256) else None
