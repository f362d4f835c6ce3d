"""Determines which files an import reads and which of their records are selected, and recognizes files that were
imported before.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from archiver.importers.foreign_reader import (
    CAPTURE_KINDS,
    MAGIC,
    RECORDS,
    MemberStream,
    WACZMember,
    read_wacz_members,
    warc_date,
)
from archiver.importers.http_response_parser import may_be_page
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.model.errors import UnreadableInput
from archiver.model.urls import normalize

# Selection of records by site or host and by the time of capture.


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Determines which records are imported.

    - `only`: hosts or names of sites ("example.org", "example.org/blog") whose URLs are imported; () means all.
    - `known_sites`: True to import only URLs of sites that are in the archive.
    - `since`, `until`: days (YYYY-MM-DD, UTC), both inclusive, or "".
    - `all_captures`: True to import also captures that are not pages.
    """

    only: tuple[str, ...] = ()
    known_sites: bool = False
    since: str = ""
    until: str = ""
    all_captures: bool = False

    @property
    def key(self) -> str:
        """Returns a JSON string that identifies the filter. A file that was imported with one filter is imported again
        if another filter is given.
        """
        return json.dumps({**asdict(self), "only": sorted(self.only)}, sort_keys=True)

    def selects(self, url: str, is_known: Callable[[str], bool]) -> bool:
        """Returns True if a URL is selected. `is_known` returns True if a URL belongs to a site of the archive."""
        if self.only and not any(_is_url_of(url, name) for name in self.only):
            return False
        return not self.known_sites or is_known(url)

    def is_in_time(self, date: str) -> bool:
        """Returns True if a WARC-Date is between `since` and `until`. An invalid date is accepted, because a later step
        reports it.
        """
        if not self.since and not self.until:
            return True
        at = warc_date(date)
        day = at.date().isoformat() if at else ""
        return not day or (self.since <= day and (not self.until or day <= self.until))


def _is_url_of(url: str, name: str) -> bool:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host, _, path = name.partition("/")
    own = re.sub(r"^www\d?\.", "", parts.netloc.lower())
    if own != host and own.partition(":")[0] != host:
        return False
    return not path or f"{parts.path}/".startswith(f"/{path.strip('/')}/")


class RecordSelector:
    """Callback for `ForeignRecords` that decides whether to keep the block of a record for the import. For a record
    that is not kept, `why_not_kept` returns the reason.

    URLs are compared in normalized form, as they are stored.
    """

    def __init__(self, choice: RecordFilter, is_known: Callable[[str], bool]) -> None:
        self._choice, self._is_known = choice, is_known

    def __call__(self, fields: dict[str, str], first: bytes) -> bool:
        kind = fields.get("warc-type", "").lower()
        if kind in ("request", "continuation"):
            return True
        if kind not in CAPTURE_KINDS or self.why_not_kept(fields):
            return False
        if kind == "revisit" or self._choice.all_captures or "warc-segment-number" in fields:
            return True
        if kind == "resource" and not fields.get("content-type", "").startswith("application/http"):
            return "html" in fields.get("content-type", "")
        return may_be_page(first)

    def why_not_kept(self, fields: dict[str, str]) -> str:
        """Returns why the block of a record was not kept: "other" if the scheme of its URL is neither http nor https,
        "skipped" if the filter excludes it. Returns "" in all other cases, for example if it has no valid URL.
        """
        url = fields.get("warc-target-uri", "").strip().strip("<>")
        if not url.lower().startswith(("http:", "https:")):
            return "other" if ":" in url else ""
        if not self._choice.is_in_time(fields.get("warc-date", "")):
            return "skipped"
        normalized = normalize(url)
        return "" if normalized is None or self._choice.selects(normalized, self._is_known) else "skipped"


# Files and standard input.

_ARC = re.compile(r".*\.arc(\.gz)?", re.IGNORECASE)
_FILES = re.compile(f"{RECORDS.pattern}|{_ARC.pattern}|.*\\.wacz", re.IGNORECASE)
_HEAD, _TAIL = 1 << 20, 1 << 16
STDIN = "-"


@dataclass(frozen=True, slots=True)
class ImportInput:
    """A file, a member of a WACZ package or standard input, from which records are imported. `name` identifies it in
    the archive: the file name and, for a member, "#" and the member's name. `size` is in bytes; 0 if unknown.
    """

    path: Path
    name: str
    size: int
    member: WACZMember | None = None

    @property
    def is_pipe(self) -> bool:
        return str(self.path) == STDIN

    def open(self) -> BinaryIO:
        """Opens the input as a binary stream that supports `peek`. Raises OSError."""
        if self.is_pipe:
            return io.BufferedReader(_Pipe(sys.stdin.buffer.read(_TAIL)), 2 * _TAIL)
        if self.member is None:
            return self.path.open("rb", buffering=1 << 17)
        return io.BufferedReader(MemberStream(self.path.open("rb"), self.member.name), 1 << 17)

    def digest(self, handle: BinaryIO) -> str:
        """Returns a SHA-256 that identifies this input. It covers the input's size, beginning and end, or only the
        beginning for standard input. Leaves the stream at its beginning. Raises OSError.
        """
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


_OWN = re.compile(rb"WARC/1\.1\r\nWARC-Type: warcinfo\r\n.*?\r\n\r\nsoftware: archiver\b", re.DOTALL)
_FIRST = 1 << 12


def is_own_file(handle: BinaryIO) -> bool:
    """Returns True if a file was written by this program. Leaves the stream at its beginning. Raises OSError."""
    data = handle.read(_FIRST)
    handle.seek(0)
    with suppress(zlib.error):
        data = zlib.decompressobj(wbits=31).decompress(data, _FIRST)
    return _OWN.match(data) is not None


class _Pipe(io.RawIOBase):
    """A raw stream that yields the bytes `head`, which were already read from standard input, and then the rest of
    standard input.
    """

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
    """Returns True if a file with this name is imported when its folder is given: a WARC or WACZ file; or an ARC file,
    of which `open_inputs` says how to convert it.
    """
    return _FILES.fullmatch(name) is not None


def expand_inputs(words: Iterable[str]) -> Iterator[Path]:
    """Yields the files that command-line arguments name. An argument is a file, a folder (which stands for all WARC
    and WACZ files in and below it), or a file name pattern.

    Each file is yielded once; the files of a folder are sorted by name. An argument that matches nothing is yielded
    unchanged.
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


def check_inputs_exist(words: Iterable[str]) -> None:
    """Raises UnreadableInput if none of the files exists that command-line arguments name (see `expand_inputs`)."""
    words = list(words)
    for word in words:
        if "://" in word:
            raise UnreadableInput(
                word,
                "it is a URL, not a file: 'archiver crawl URL' crawls a site, 'archiver import --wayback URL' fetches "
                "old captures of it, and 'curl -s URL | archiver import -' reads a file from the web",
            )
    paths = list(expand_inputs(words))
    if not any(str(path) == STDIN or path.exists() for path in paths):
        raise UnreadableInput(str(paths[0]), "there is no such file or folder")


def open_inputs(path: Path) -> Iterator[ImportInput | Problem]:
    """Yields the inputs in a file: the file itself, or each WARC file in a WACZ package. Yields a problem if the
    file cannot be read.
    """
    if str(path) == STDIN:
        yield ImportInput(path, "standard input", 0)
        return
    if path.is_dir():
        yield Problem(ProblemKind.NOT_AN_ARCHIVE, "", detail="the folder has no WARC or WACZ files")
        return
    if _ARC.fullmatch(path.name):
        how = f"it is an ARC file: 'warcio recompress {path.name} NEW.warc.gz' converts it to WARC"
        yield Problem(ProblemKind.NOT_AN_ARCHIVE, "", detail=how)
        return
    try:
        with path.open("rb") as handle:
            head, size = handle.read(4), path.stat().st_size
            if head not in MAGIC:
                yield ImportInput(path, path.name, size)
                return
            found = False
            handle.seek(0)
            for one in read_wacz_members(handle):
                found = True
                yield one if isinstance(one, Problem) else ImportInput(path, f"{path.name}#{one.name}", one.size, one)
            if not found:
                yield Problem(ProblemKind.NOT_AN_ARCHIVE, "", detail="the package has no WARC files under archive/")
    except OSError as error:
        yield Problem(ProblemKind.UNREADABLE, "", detail=error.strerror or str(error))


def check_member_digest(one: ImportInput, handle: BinaryIO) -> Problem | None:
    """Compares a member of a WACZ package with the digest that the package declares. Returns a problem if they differ;
    None if they match, or if the digest cannot be checked, for example because reading did not start at the member's
    beginning. The member must have been read to its end through `handle`.
    """
    stream = getattr(handle, "raw", None)
    if one.member is None or not one.member.sha256 or not isinstance(stream, MemberStream):
        return None
    found = stream.sha256()
    return (
        Problem(ProblemKind.FILE_DIGEST, "", detail=f"sha256:{found[:16]}...")
        if found and (found != one.member.sha256)
        else None
    )
