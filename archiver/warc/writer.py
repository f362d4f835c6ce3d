"""Writes WARC files and their CDXJ indexes. All captures of crawls and imports are written by this module."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from posixpath import normpath
from types import TracebackType
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from archiver.items import Capture
from archiver.warc.exchange_records import Exchange, Original, exchange_records, warcinfo_record

# The key of a CDXJ line: the SURT (Sort-friendly URI Reordering Transform), by which web archives look up addresses.

_PORTS = {"http": 80, "https": 443}
_WWW = re.compile(r"^www\d*\.")
_SESSION = re.compile(
    rb"(?:(?:jsessionid|phpsessid|sid)=[0-9a-zA-Z]{32}|aspsessionid[a-zA-Z]{8}=[a-zA-Z]{24})(?:&|$)", re.IGNORECASE
)
_ESCAPED = re.compile(rb"[\x00-\x20\x7f-\xff#%]")


def surt_key(url: str) -> str:
    """Returns the SURT (sort-friendly) form of an http(s) URL, such as "org,example)/2024/a-post?a=1&b=2". Raises
    ValueError if the URL is invalid.
    """
    parts = urlsplit(url)
    host = _WWW.sub("", (parts.hostname or "").rstrip("."))
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    reordered = host if ":" in host else ",".join(reversed(host.split(".")))
    port = f":{parts.port}" if parts.port and parts.port != _PORTS.get(parts.scheme) else ""
    path = _unescape(parts.path)
    if path:
        slash = path.endswith((b"/", b"/.", b"/.."))
        path = normpath(b"/" + path.lstrip(b"/")) + (b"/" if slash else b"")
    path = _escape(path).lower().rstrip(b"/") or b"/"
    query = _SESSION.sub(b"", _escape(_unescape(parts.query))).rstrip(b"&").lower()
    pieces: list[bytes] = sorted(query.split(b"&"), key=_name_and_value)
    query = b"&".join(pieces)
    return f"{reordered}{port}){(path + (b'?' + query if query else b'')).decode('ascii')}"


def _name_and_value(piece: bytes) -> list[bytes]:
    """Returns the sort key of a query parameter: its name, then its value."""
    return piece.split(b"=", 1)


def _unescape(text: str) -> bytes:
    """Returns a text without percent-escapes, even if it was escaped several times."""
    data = text.encode("utf-8", "surrogateescape")
    while (plain := unquote_to_bytes(data)) != data:
        data = plain
    return data


def _escape(data: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], data)


# The CDXJ index of a WARC file: one line per capture, sorted; it exists only once the file is finished.

_WARC = ".warc.gz"


def index_of(file: Path) -> Path:
    """Returns the path of a WARC file's index: NAME.cdxj. The index exists once the WARC file is finished and synced to
    disk.
    """
    return file.with_name(file.name.removesuffix(_WARC) + ".cdxj")


def open_index_of(file: Path) -> Path:
    """Returns the path of the unsorted index of a WARC file that is still being written."""
    return file.with_name(file.name.removesuffix(_WARC) + ".cdxj.open")


def make_cdxj_line(capture: Capture) -> bytes:
    """Returns the CDXJ line of a capture: SURT key, 14-digit timestamp, and the capture as JSON with pywb's fields in
    pywb's order.
    """
    fields = {
        "url": capture.url,
        "mime": "warc/revisit" if capture.record_type == "revisit" else capture.media_type,
        "status": str(capture.status),
        "digest": capture.digest,
        "length": str(capture.warc_length),
        "offset": str(capture.warc_offset),
        "filename": capture.warc_file.rsplit("/", 1)[-1],
    }
    stamp = capture.captured_at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    return f"{surt_key(capture.url)} {stamp} {json.dumps(fields, ensure_ascii=False)}\n".encode()


def seal(file: Path, lines: Iterable[bytes]) -> None:
    """Writes the sorted index of a finished WARC file atomically. Raises OSError."""
    index, unsorted = index_of(file), open_index_of(file)
    new = index.with_name(index.name + ".new")
    with new.open("wb") as handle:
        handle.writelines(sorted(lines))
        handle.flush()
        os.fsync(handle.fileno())
    # In this order, a kill between two steps leaves no index, so that the file is finished again.
    unsorted.unlink(missing_ok=True)
    new.replace(index)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Syncs a folder to disk. Without that, the names of new and renamed files may be lost in a power cut
    (fsync(2)).
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_ROTATE_AT = 1 << 30


class WarcWriter:
    """Writes WARC files in the folder `root`/warc, a new one for each run and after each GiB.

    A file is only appended to, one complete record at a time, by one writer that holds a lock on it. So after a
    kill, at most its last record is incomplete. A file NAME.warc.gz without an index NAME.cdxj is being written, or
    was when its crawl died (see `file_maintenance.repair_warc`).
    """

    def __init__(self, root: Path, prefix: str, software: str, description: str = "") -> None:
        self._root = root
        self._prefix = prefix
        self._software = software
        self._description = description
        self._file: int | None = None
        self._path = Path()
        self._index: BinaryIO | None = None
        self._offset = 0
        self._synced = 0
        self._serial = 0

    def __enter__(self) -> WarcWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, exchange: Exchange, original: Original | None = None) -> Capture:
        """Writes the records of an exchange. Returns its capture, with the position of the response record. Raises
        OSError.
        """
        records = exchange_records(exchange, original)
        return self.append(records.capture, (records.response, records.others), exchange.at)

    @property
    def end(self) -> tuple[str, int]:
        """The path of the current file ("warc/NAME.warc.gz") and its length; "" and 0 if no file is open."""
        return (f"warc/{self._path.name}", self._offset) if self._file is not None else ("", 0)

    def append(self, capture: Capture, records: Sequence[bytes], at: datetime) -> Capture:
        """Writes records, the first of which is the capture's record. Returns the capture with its position. `at` is
        the time used in the name of a new file. Raises OSError.
        """
        if self._file is None or self._offset >= _ROTATE_AT:
            self._open(at)
        capture = replace(
            capture, warc_file=f"warc/{self._path.name}", warc_offset=self._offset, warc_length=len(records[0])
        )
        self._append(b"".join(records))
        assert self._index is not None
        self._index.write(make_cdxj_line(capture))
        return capture

    def sync(self) -> None:
        """Syncs the file to disk. Raises OSError, also if the file no longer exists.

        A row that points to a record is committed only after this call, so that a power cut leaves no row without
        its record.
        """
        if self._file is None or self._synced == self._offset:
            return
        if not os.fstat(self._file).st_nlink:
            raise FileNotFoundError(f"{self._path} was removed while it was written")
        os.fsync(self._file)
        if not self._synced:
            sync_folder(self._path.parent)
        self._synced = self._offset

    def close(self) -> None:
        """Finishes the file and writes its index; a file without any record, because the disk was full, is deleted.
        Raises OSError; the next crawl of the site then finishes the file.
        """
        if self._file is None or self._index is None:
            return
        try:
            self.sync()
            self._index.close()
            if not self._offset:
                self._path.unlink(missing_ok=True)
                open_index_of(self._path).unlink(missing_ok=True)
                return
            with open_index_of(self._path).open("rb") as lines:
                seal(self._path, lines)
        finally:
            os.close(self._file)
            self._file = self._index = None

    def abandon(self) -> None:
        """Closes the file without finishing it, after an error. The next crawl of the site finishes it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, at: datetime) -> None:
        self.close()
        folder = self._root / "warc"
        folder.mkdir(parents=True, exist_ok=True)
        stamp = at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
        while self._file is None:
            self._serial += 1
            self._path = folder / f"{self._prefix}-{stamp}-{self._serial:05}.warc.gz"
            self._file = _create_locked(self._path)
        self._offset = self._synced = 0
        self._index = open_index_of(self._path).open("wb")
        self._append(warcinfo_record(self._path.name, at, self._software, self._description))

    def _append(self, data: bytes) -> None:
        """Writes without buffering, so that the rest of a failed write cannot reach the disk later. A partly written
        record is cut off again.
        """
        assert self._file is not None
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, self._offset)
            raise
        self._offset += len(data)


def _create_locked(path: Path) -> int | None:
    """Creates a file, locks it and returns its handle. None if the name is taken, or another process has locked the
    file to repair it.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o666)
    except FileExistsError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_nlink:
            return handle
    except BlockingIOError:
        pass
    os.close(handle)
    return None
