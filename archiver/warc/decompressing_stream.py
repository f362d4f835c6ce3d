"""Reads a WARC or ARC file of another program as a stream of decompressed bytes. The file is uncompressed, or
compressed with gzip (one member per record or one for all) or Zstandard.

A position in the file is a member (a gzip member or Zstandard frame) and the number of decompressed bytes before it in
that member, so that reading can resume at any position. If a member is damaged, reading continues with the next one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from isal import igzip_lib

from archiver.lazy_regex import lazy_regex
from archiver.warc.import_problems import ProblemKind

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BROKEN: Any = (igzip_lib.IsalError, zstd.ZstdError, ValueError)  # isal's type stubs declare no class IsalError

_READ = 1 << 16
_GIVE = 1 << 17
_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
# Zstandard Compression for WARC Files 1.0: a dictionary is in a skippable frame with this number, ahead of all others.
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
_PADDING = b"\0\r\n"
_SKIPPABLE = lazy_regex(rb"[\x50-\x5f]\x2a\x4d\x18")
_BEGINS = lazy_regex(rb"\s*(WARC/\d|filedesc:|[a-z][a-z0-9+.-]{1,20}:\S+ [\d.]{7,15} \d{8})")
_LARGEST_DICTIONARY = 1 << 24
# Limits on how far data may decompress. Text compresses to a tenth of its size, rarely to a fiftieth; gzip can reach a
# thousandth.
_BOMB_RATIO, _BOMB_BYTES = 200, 1 << 28
# To find the next whole member after damage, at most this multiple of the file's size may be read again.
_MAX_REREAD = 8


@dataclass(frozen=True, slots=True, order=True)
class StreamPosition:
    """A position in a file. `member` is the offset of a gzip member or Zstandard frame (0 in an uncompressed file).
    `inner` is the number of decompressed bytes before the position in that member.
    """

    member: int = 0
    inner: int = 0

    def __str__(self) -> str:
        return f"{self.member + self.inner}" if not self.member or not self.inner else f"{self.member}+{self.inner}"


class BrokenStream(Exception):
    """Raised if the stream is damaged at `place`; the next read continues after the damage. Only
    `foreign_warc_arc_wacz_reader` handles this error.
    """

    def __init__(self, kind: ProblemKind, place: StreamPosition, detail: str = "") -> None:
        super().__init__(kind)
        self.kind, self.place, self.detail = kind, place, detail


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _gunzip() -> _Unpacker:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


class ByteStream:
    """The decompressed bytes of a file, in chunks, beginning at the position `start`.

    A chunk never contains bytes of two members. `fill` raises BrokenStream if the file is damaged; the next call
    continues with the next readable member. A file that is not seekable (a pipe) is read from its current position.
    """

    def __init__(self, handle: BinaryIO, start: StreamPosition = StreamPosition(), size: int = 0) -> None:
        self._handle = handle
        self._seeks = handle.seekable()
        self._reread_left = _MAX_REREAD * max(size, 1 << 24)
        self._pending = b""
        self._offset = 0  # the position in the file of the bytes that follow `_pending`
        self._ended = False
        self._unpacker: _Unpacker | None = None
        self._member = self._inner = self._fed = self._given = 0
        self._skip = 0
        self._make: Callable[[], _Unpacker] | None = self._choose_decompressor()
        self.at_boundary = self._make is not None
        if start != StreamPosition():
            self._seek(start.member)
            self._skip = start.inner
            self._member, self._inner = start.member, 0
            if self._make is None:
                self._seek(start.member + start.inner)
                self._skip, self._inner = 0, start.inner

    @property
    def read(self) -> int:
        """Returns the number of (compressed) bytes of the file read so far."""
        return self._offset - len(self._pending)

    @property
    def seeks(self) -> bool:
        return self._seeks

    @property
    def is_packed(self) -> bool:
        return self._make is not None

    def fill(self) -> tuple[StreamPosition, bytes] | None:
        """Returns the position and the bytes of the next chunk. The bytes are b"" at the end of a member. Returns None
        at the end of the file. Raises BrokenStream.
        """
        found = self._next()
        while found is not None and self._skip:
            place, data = found
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            if self._skip and self.at_boundary and self._make is not None:
                self._skip = 0  # the file has changed
            if dropped < len(data):
                return StreamPosition(place.member, place.inner + dropped), data[dropped:]
            found = self._next()
        return found

    def _next(self) -> tuple[StreamPosition, bytes] | None:
        if self._make is None:
            if not self._read_more():
                return None
            data, self._pending = self._pending, b""
            place = StreamPosition(self._member, self._inner)
            self._inner += len(data)
            return place, data
        if self._unpacker is None and not self._begin_member():
            return None
        unpacker = self._unpacker
        assert unpacker is not None
        place = StreamPosition(self._member, self._inner)
        try:
            data = unpacker.decompress(self._pending, _GIVE)
            if not data and not unpacker.eof and not self._feed():
                raise self._skip_damage(ProblemKind.TRUNCATED)
            if not data and not unpacker.eof:
                data = unpacker.decompress(self._pending, _GIVE)
        except _BROKEN as error:
            raise self._skip_damage(ProblemKind.DAMAGED, str(error)[:120]) from None
        self._fed += len(self._pending)
        self._given += len(data)
        self._inner += len(data)
        self._pending = b""
        if unpacker.eof:
            self._pending, self._unpacker, self.at_boundary = unpacker.unused_data, None, True
            self._fed -= len(self._pending)
        elif self._given > _BOMB_BYTES and self._given > _BOMB_RATIO * self._fed:
            raise self._skip_damage(ProblemKind.BOMB, f"{self._given >> 20} MB from {self._fed >> 10} KB")
        return place, data

    def _feed(self) -> bool:
        self._fed += len(self._pending)
        self._pending = b""
        return self._read_more()

    def _read_more(self) -> bool:
        """Reads more of the file into the pending bytes; returns False at the end of the file."""
        if self._ended:
            return False
        data = self._handle.read(_READ)
        self._offset += len(data)
        self._pending += data
        self._ended = not data
        return bool(data)

    def _begin_member(self) -> bool:
        """Prepares to decompress the next member; returns False at the end of the file. Raises BrokenStream if no
        member begins at the current position.
        """
        while True:
            # Padding may follow any member.
            while not (rest := self._pending.lstrip(_PADDING)):
                self._pending = b""
                if not self._read_more():
                    return False
            self._pending = rest
            while len(self._pending) < 8 and self._read_more():
                pass
            self._member, self._inner = self._offset - len(self._pending), 0
            self._fed = self._given = 0
            if not _SKIPPABLE.match(self._pending):
                break
            self._skip_bytes(8 + int.from_bytes(self._pending[4:8], "little"))
        if not self._pending.startswith((_GZIP, _ZSTD)):
            raise self._skip_damage(ProblemKind.NO_RECORD)
        assert self._make is not None
        self._unpacker = self._make()
        self.at_boundary = False
        return True

    def _skip_bytes(self, count: int) -> None:
        while len(self._pending) < count:
            count -= len(self._pending)
            self._pending = b""
            if not self._read_more():
                return
        self._pending = self._pending[count:]

    def _skip_damage(self, kind: ProblemKind, detail: str = "") -> BrokenStream:
        """Moves to the next member that begins with a record. Returns the error that reports the damaged member, for
        the caller to raise. `kind` and `detail` describe the damage.
        """
        place = StreamPosition(self._member, self._inner)
        self._unpacker, self.at_boundary = None, True
        self._skip = 0
        self._find_next()
        return BrokenStream(kind, place, detail)

    def _find_next(self) -> None:
        if self._seeks:
            self._reread_left -= self._offset - self._member
            if self._reread_left < 0:
                self._pending, self._ended = b"", True
                return
            self._seek(self._member + 1)
        else:
            self._pending = self._pending[1:]
        while True:
            found = min((n for n in (self._pending.find(_GZIP), self._pending.find(_ZSTD)) if n >= 0), default=-1)
            if found < 0:
                self._pending = self._pending[-3:]
                if not self._read_more():
                    self._pending = b""
                    return
                continue
            self._pending = self._pending[found:]
            while len(self._pending) < _READ and self._read_more():
                pass
            if self._begins_record():
                return
            self._pending = self._pending[1:]

    def _begins_record(self) -> bool:
        assert self._make is not None
        try:
            return bool(_BEGINS.match(self._make().decompress(self._pending[:_READ], 512)))
        except _BROKEN:
            return False

    def go_back(self, place: StreamPosition) -> bool:
        """Goes back to an earlier position. Returns False if the file is not seekable, or if more of it than
        _MAX_REREAD allows has been read again.
        """
        if not self._seeks or self._reread_left < 0:
            return False
        self._reread_left -= max(0, self._offset - place.member)
        self._unpacker, self.at_boundary = None, self._make is not None
        if self._make is None:
            self._seek(place.member + place.inner)
            self._member, self._inner, self._skip = place.member, place.inner, 0
        else:
            self._seek(place.member)
            self._skip = place.inner
        return True

    def _seek(self, offset: int) -> None:
        self._pending, self._ended = b"", False
        if self._seeks:
            self._handle.seek(offset)
            self._offset = offset
            return
        while self._offset < offset and (data := self._handle.read(min(_READ, offset - self._offset))):
            self._offset += len(data)

    def _choose_decompressor(self) -> Callable[[], _Unpacker] | None:
        """Returns a function that makes a decompressor for the file, chosen by its first bytes; None if the file is not
        compressed.
        """
        peek: Any = self._handle
        first = peek.peek(8)[:8]
        if first.startswith(_GZIP[:2]):
            return _gunzip
        if first.startswith(_ZSTD) or _SKIPPABLE.match(first):
            dictionary = self._read_dictionary() if first.startswith(_ZSTD_DICTIONARY) else None
            return lambda: zstd.ZstdDecompressor(dictionary)
        return None

    def _read_dictionary(self) -> Any:
        """Returns the Zstandard dictionary from the file's first frame, which may be compressed. Returns None if the
        dictionary is invalid.
        """
        head = self._handle.read(8)
        length = int.from_bytes(head[4:8], "little")
        data = self._handle.read(min(length, _LARGEST_DICTIONARY))
        self._offset = 8 + len(data)
        try:
            if data.startswith(_ZSTD):
                data = zstd.ZstdDecompressor().decompress(data, _LARGEST_DICTIONARY)
            return zstd.ZstdDict(data, is_raw=not data.startswith(b"\x37\xa4\x30\xec"))
        except (zstd.ZstdError, ValueError):
            return None
