"""The records of a WARC file held against the digests that they carry, in one pass and bounded memory."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from archiver.capture.members import capture_of, fields, member_at, whole_members
from archiver.items import Capture

_HEAD_END = b"\r\n\r\n"
_MOST_HEAD = 1 << 20
_ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512, "md5": hashlib.md5}


@dataclass(frozen=True, slots=True)
class Proved:
    """One whole record. `capture` is what a response or revisit record says of itself, None for one of another type.

    `wrong` is what does not agree with its digests, a phrase; "" where all does. `written_as` is the name that the file
    had when its warcinfo record was written ("" for other records); `frame` its gzip header, which no checksum covers.
    """

    offset: int
    length: int
    kind: str
    capture: Capture | None
    wrong: str = ""
    written_as: str = ""
    frame: bytes = b""


def prove_all(handle: BinaryIO, warc_file: str) -> Iterator[Proved]:
    """Every whole record of a file, in order, with its digests computed anew (WARC/1.1, sections 5.8 and 5.9)."""
    digests = _Digests()
    for member in whole_members(handle, digests):
        yield _proved(handle, member, warc_file, digests)


def prove_at(handle: BinaryIO, offset: int, warc_file: str) -> Proved | None:
    """The record that begins at `offset`; None where no whole one does."""
    digests = _Digests()
    member = member_at(handle, offset, digests)
    return _proved(handle, member, warc_file, digests) if member else None


def _proved(handle: BinaryIO, member: Any, warc_file: str, digests: _Digests) -> Proved:
    head = digests.head
    handle.seek(member.offset)
    frame = handle.read(10)
    try:
        capture = capture_of(member, warc_file)
        wrong = digests.wrong()
    except (KeyError, ValueError) as error:
        capture, wrong = None, f"its header cannot be read ({type(error).__name__}: {error})"
    return Proved(member.offset, member.length, head.get("warc-type", ""), capture, wrong,
                  head.get("warc-filename", ""), frame)


class _Digests:
    """Hashes the block and the payload of a record while it is unpacked."""

    def begin(self) -> None:
        self.head: dict[str, str] = {}
        self._gathered: bytes | None = b""
        self._http: bytes | None = None
        self._left = 0
        self._block: tuple[str, Any] | None = None
        self._payload: tuple[str, Any] | None = None

    def feed(self, data: bytes) -> None:
        if self._gathered is not None:
            self._gathered += data
            end = self._gathered.find(_HEAD_END)
            if end < 0:
                if len(self._gathered) > _MOST_HEAD:
                    self._gathered = None
                return
            self.head = fields(self._gathered[:end])
            data, self._gathered = self._gathered[end + 4:], None
            self._start()
        data = data[:self._left]
        self._left -= len(data)
        if self._block is not None:
            self._block[1].update(data)
        if self._payload is not None:
            self._feed_payload(data)

    def _start(self) -> None:
        declared = self.head.get("content-length", "0")
        self._left = int(declared) if declared.isdigit() else 0
        self._block = _hasher(self.head.get("warc-block-digest", ""))
        if self.head.get("warc-type") in ("response", "request", "resource", "conversion"):
            self._payload = _hasher(self.head.get("warc-payload-digest", ""))
        if self.head.get("content-type", "").startswith("application/http"):
            self._http = b""

    def _feed_payload(self, data: bytes) -> None:
        assert self._payload is not None
        if self._http is not None:
            self._http += data
            end = self._http.find(_HEAD_END)
            if end < 0:
                if len(self._http) > _MOST_HEAD:
                    self._payload = None
                return
            if "chunked" in fields(self._http[:end]).get("transfer-encoding", "").lower():
                # Programs differ in whether the digest is of the chunks or of what they carry.
                self._payload = None
                return
            data, self._http = self._http[end + 4:], None
        self._payload[1].update(data)

    def wrong(self) -> str:
        for what, held in (("block", self._block), ("payload", self._payload)):
            if held is not None and not _agrees(*held):
                return f"its {what} has not the digest {held[0]}"
        return ""


def _hasher(label: str) -> tuple[str, Any] | None:
    """The hash that a labelled digest is made with; None where there is none, or it is made in another way."""
    algorithm = _ALGORITHMS.get(label.partition(":")[0].strip().lower().replace("-", ""))
    return (label, algorithm(usedforsecurity=False)) if algorithm else None


def _agrees(label: str, hasher: Any) -> bool:
    """Base 32 is what WARC's own examples use, others write base 16."""
    value = label.partition(":")[2].strip()
    raw: bytes = hasher.digest()
    return value.upper() == base64.b32encode(raw).decode() or value.lower() == raw.hex()
