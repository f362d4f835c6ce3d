"""Writes WARC files and their CDXJ indexes; a crawl's and an import's captures are written only here."""

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
    """ "org,example)/2024/a-post?a=1&b=2" for an http(s) address. Raises ValueError if it is not an address."""
    parts = urlsplit(url)
    host = _WWW.sub("", (parts.hostname or "").rstrip("."))
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    reordered = host if ":" in host else ",".join(reversed(host.split(".")))
    port = f":{parts.port}" if parts.port and parts.port != _PORTS.get(parts.scheme) else ""
    path = _plain(parts.path)
    if path:
        slash = path.endswith((b"/", b"/.", b"/.."))
        path = normpath(b"/" + path.lstrip(b"/")) + (b"/" if slash else b"")
    path = _escaped(path).lower().rstrip(b"/") or b"/"
    query = _SESSION.sub(b"", _escaped(_plain(parts.query))).rstrip(b"&").lower()
    pieces: list[bytes] = sorted(query.split(b"&"), key=_name_and_value)
    query = b"&".join(pieces)
    return f"{reordered}{port}){(path + (b'?' + query if query else b'')).decode('ascii')}"


def _name_and_value(piece: bytes) -> list[bytes]:
    """The sort key of a parameter: its name, then its value."""
    return piece.split(b"=", 1)


def _plain(text: str) -> bytes:
    """A text without percent-escapes, even if they were escaped several times."""
    data = text.encode("utf-8", "surrogateescape")
    while (plain := unquote_to_bytes(data)) != data:
        data = plain
    return data


def _escaped(data: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], data)


# The CDXJ index of a WARC file: one line per capture, sorted; it exists only once the file is finished.

_WARC = ".warc.gz"


def index_of(file: Path) -> Path:
    """The path of a WARC file's index: NAME.cdxj. It exists once the file is finished and synced to disk."""
    return file.with_name(file.name.removesuffix(_WARC) + ".cdxj")


def open_index_of(file: Path) -> Path:
    """The path for the unsorted index lines of a file that is still being written."""
    return file.with_name(file.name.removesuffix(_WARC) + ".cdxj.open")


def cdxj_line(capture: Capture) -> bytes:
    """One CDXJ line: key (SURT), 14-digit timestamp, and the capture as JSON, with pywb's fields in pywb's order."""
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
    """Write the sorted index of a finished WARC file atomically. Raises OSError."""
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
    """Sync a folder, without which the names of new and renamed files may be lost (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_ROTATE_AT = 1 << 30


class WarcWriter:
    """Writes WARC files under `root`/warc, a new one for each run and after each GiB.

    A file is only appended to, one whole record at a time, by one writer that holds a lock on it: after a kill, at most
    its last record is torn. NAME.cdxj beside NAME.warc.gz shows that the file is finished; a file without it is being
    written, or was when its crawl died (see `file_maintenance.repair_warc`).
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
        """Write one exchange; returns its capture, with the position of its response record. Raises OSError."""
        records = exchange_records(exchange, original)
        return self.append(records.capture, (records.response, records.others), exchange.at)

    @property
    def end(self) -> tuple[str, int]:
        """The current file and its length; "" and 0 if there is none."""
        return (f"warc/{self._path.name}", self._offset) if self._file is not None else ("", 0)

    def append(self, capture: Capture, records: Sequence[bytes], at: datetime) -> Capture:
        """Write records, the first of which is the capture's; returns the capture with its position.

        `at` is the time in the name of a new file. Raises OSError.
        """
        if self._file is None or self._offset >= _ROTATE_AT:
            self._open(at)
        capture = replace(
            capture, warc_file=f"warc/{self._path.name}", warc_offset=self._offset, warc_length=len(records[0])
        )
        self._append(b"".join(records))
        assert self._index is not None
        self._index.write(cdxj_line(capture))
        return capture

    def sync(self) -> None:
        """Sync the file to disk. Raises OSError, also if the file no longer exists.

        A row that points to a record is committed only after this, so that a power cut leaves no row without a record.
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
        """Finish the file and write its index. Raises OSError; then the next crawl of the site finishes it."""
        if self._file is None or self._index is None:
            return
        try:
            self.sync()
            self._index.close()
            with open_index_of(self._path).open("rb") as lines:
                seal(self._path, lines)
        finally:
            os.close(self._file)
            self._file = self._index = None

    def abandon(self) -> None:
        """Close the file as it is, after a fault: the next crawl of the site finishes it."""
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
            self._file = _new_file(self._path)
        self._offset = self._synced = 0
        self._index = open_index_of(self._path).open("wb")
        self._append(warcinfo_record(self._path.name, at, self._software, self._description))

    def _append(self, data: bytes) -> None:
        """Write without buffering, so that a failed write cannot reach the disk later. A partial record is cut off."""
        assert self._file is not None
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, self._offset)
            raise
        self._offset += len(data)


def _new_file(path: Path) -> int | None:
    """A new file, locked; None if its name is taken, or a crawl that repairs files took it for a dead one's."""
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
