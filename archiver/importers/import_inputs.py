"""What is to be read: the words of the command line as files of records, each with what tells it from others."""

from __future__ import annotations

import glob
import hashlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from archiver.urls import normalize
from archiver.warc.foreign_captures import warc_date
from archiver.warc.http_response import may_be_page
from archiver.warc.problems import Problem, ProblemKind
from archiver.warc.wacz import MAGIC, RECORDS, MemberStream, WACZMember, wacz_members

# Which records of a file are asked for: by site or host, and by the time of their capture.

_HELD = frozenset({"response", "resource", "revisit"})


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """`only` are hosts or names of sites ("example.org", "example.org/blog"); () is all. `apart` are sites within these
    whose addresses belong to another archive. `since` and `until` are days (YYYY-MM-DD, UTC), "" is open; both are
    within. `known_sites`: only addresses of sites that the archive has."""

    only: tuple[str, ...] = ()
    known_sites: bool = False
    since: str = ""
    until: str = ""
    all_captures: bool = False
    apart: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """One file read by another choice is another import."""
        values = {**asdict(self), "only": sorted(self.only), "apart": sorted(self.apart)}
        if not self.apart:
            del values["apart"]
        return json.dumps(values, sort_keys=True)

    def takes(self, url: str, is_known: Callable[[str], bool]) -> bool:
        """Whether an address is asked for. `is_known` says whether a site of the archive has it."""
        if self.only and not any(_within(url, name) for name in self.only):
            return False
        if any(_within(url, name) for name in self.apart):
            return False
        return not self.known_sites or is_known(url)

    def in_time(self, date: str) -> bool:
        """Whether a WARC-Date lies within; one that is none is let through, to be named."""
        if not self.since and not self.until:
            return True
        at = warc_date(date)
        day = at.date().isoformat() if at else ""
        return not day or (self.since <= day and (not self.until or day <= self.until))


def _within(url: str, name: str) -> bool:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host, _, path = name.partition("/")
    own = re.sub(r"^www\d?\.", "", parts.netloc.lower())
    if own != host and own.partition(":")[0] != host:
        return False
    return not path or f"{parts.path}/".startswith(f"/{path.strip('/')}/")


class RecordSelector:
    """Says of a record whether its block is held, as `foreign.Records` asks; `why` says of one that was not, why.

    A `normalize`d address is what decides, as it is stored.
    """

    def __init__(self, choice: RecordFilter, is_known: Callable[[str], bool]) -> None:
        self._choice, self._is_known = choice, is_known

    def __call__(self, fields: dict[str, str], first: bytes) -> bool:
        kind = fields.get("warc-type", "").lower()
        if kind in ("request", "continuation"):
            return True
        if kind not in _HELD or self.why(fields):
            return False
        if kind == "revisit" or self._choice.all_captures or "warc-segment-number" in fields:
            return True
        if kind == "resource" and not fields.get("content-type", "").startswith("application/http"):
            return "html" in fields.get("content-type", "")
        return may_be_page(first)

    def why(self, fields: dict[str, str]) -> str:
        """ "other": no answer to a request by HTTP. "skipped": not asked for. "" for what is of concern."""
        url = fields.get("warc-target-uri", "").strip().strip("<>")
        if not url.lower().startswith(("http:", "https:")):
            return "other" if ":" in url else ""
        if not self._choice.in_time(fields.get("warc-date", "")):
            return "skipped"
        told = normalize(url)
        return "" if told is None or self._choice.takes(told, self._is_known) else "skipped"


_FILES = re.compile(RECORDS.pattern + r"|.*\.wacz", re.IGNORECASE)
_HEAD, _TAIL = 1 << 20, 1 << 16
STDIN = "-"


@dataclass(frozen=True, slots=True)
class ImportInput:
    """One stream of records. `name` is what it is called in the archive: the file's name, with the member's where it is
    in a package. `size` is in bytes, 0 where it is not known."""

    path: Path
    name: str
    size: int
    member: WACZMember | None = None

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
        data = self._head[: len(buffer)] or pipe.read1(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def is_archive_name(name: str) -> bool:
    """Whether a file of this name is taken for one of records when a folder is named."""
    return _FILES.fullmatch(name) is not None


def expand_inputs(words: Iterable[str]) -> Iterator[Path]:
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
            found = [f for p in found for f in (expand_inputs([str(p)]) if p.is_dir() else [p])]
        else:
            found = [path]
        for one in found:
            if str(one) not in seen:
                seen.add(str(one))
                yield one


def inputs_in(path: Path) -> Iterator[ImportInput | Problem]:
    """The streams of records in a file: itself, or the members of a package. A problem where it cannot be read."""
    if str(path) == STDIN:
        yield ImportInput(path, "standard input", 0)
        return
    if path.is_dir():
        yield Problem(ProblemKind.NOT_AN_ARCHIVE, "", detail="the folder holds no WARC, ARC or WACZ file")
        return
    try:
        with path.open("rb") as handle:
            head, size = handle.read(4), path.stat().st_size
            if head not in MAGIC:
                yield ImportInput(path, path.name, size)
                return
            found = False
            handle.seek(0)
            for one in wacz_members(handle):
                found = True
                yield one if isinstance(one, Problem) else ImportInput(path, f"{path.name}#{one.name}", one.size, one)
            if not found:
                yield Problem(
                    ProblemKind.NOT_AN_ARCHIVE, "", detail="the package holds no file of records under archive/"
                )
    except OSError as error:
        yield Problem(ProblemKind.UNREADABLE, "", detail=error.strerror or str(error))


def digest_problem(one: ImportInput, handle: BinaryIO) -> Problem | None:
    """A package's member, read to its end through `handle`, whose digest differs from the one that the package states.
    None where the digest is not known, as for a member that was not read from its beginning."""
    stream = getattr(handle, "raw", None)
    if one.member is None or not one.member.sha256 or not isinstance(stream, MemberStream):
        return None
    found = stream.sha256()
    return (
        Problem(ProblemKind.FILE_DIGEST, "", detail=f"sha256:{found[:16]}...")
        if found and (found != one.member.sha256)
        else None
    )
