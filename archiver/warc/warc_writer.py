"""Writes WARC files and their CDXJ indexes. All captures of crawls and imports are written by this module."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from posixpath import normpath
from types import TracebackType
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from archiver.model.items import Capture
from archiver.model.lazy_regex import lazy_regex
from archiver.warc.warc_records import Exchange, Original, exchange_records, read_record_at, warcinfo_record

# The key of a CDXJ line: the SURT (Sort-friendly URI Reordering Transform), by which web archives look up addresses.

_PORTS = {"http": 80, "https": 443}
_WWW = lazy_regex(r"^www\d*\.")
_SESSION = lazy_regex(
    rb"(?:(?:jsessionid|phpsessid|sid)=[0-9a-zA-Z]{32}|aspsessionid[a-zA-Z]{8}=[a-zA-Z]{24})(?:&|$)", re.IGNORECASE
)
_ESCAPED = lazy_regex(rb"[\x00-\x20\x7f-\xff#%]")


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
    """Returns a text without percent-escapes, even if the text was escaped several times."""
    data = text.encode("utf-8", "surrogateescape")
    while (plain := unquote_to_bytes(data)) != data:
        data = plain
    return data


def _escape(data: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], data)


# The CDXJ index of a WARC file: one line per capture, sorted; it exists only while nobody writes to the file.

_WARC = ".warc.gz"
NAME = lazy_regex(r"(.+)-(\d{14})-(\d{5,})\.warc\.gz")
"""Matches the names of this program's WARC files. The groups are site, time and number."""
_OFFSET = lazy_regex(rb'(?<!\\)"offset": "(\d+)"')
_CONTINUED = b"!continued "
"""The beginning of a line in an unsorted index. When a run continues a WARC file, it writes this line with the length
of the file at that time.
"""


_as_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would create an encoder for each call


def index_of(file: Path) -> Path:
    """Returns the path of a WARC file's index: NAME.cdxj. If the index exists, nobody is writing to the WARC file, and
    all of the file is synced to disk.
    """
    return file.with_name(file.name.removesuffix(_WARC) + ".cdxj")


def open_index_of(file: Path) -> Path:
    """Returns the path of the unsorted index of a WARC file that is still being written."""
    return file.with_name(file.name.removesuffix(_WARC) + ".cdxj.open")


def make_cdxj_line(capture: Capture) -> bytes:
    """Returns the CDXJ line of a capture: SURT key, 14-digit timestamp, and a JSON object with the same fields as in
    pywb, in the same order.
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
    return f"{surt_key(capture.url)} {stamp} {_as_json(fields)}\n".encode()


def length_before(file: Path) -> int:
    """Returns the length that a WARC file had when an unfinished run began to append to it. Everything before that
    offset was written by earlier runs. Returns 0 if the file was not continued by an unfinished run.
    """
    found = 0
    with suppress(FileNotFoundError), open_index_of(file).open("rb") as lines:
        for line in lines:
            if line.startswith(_CONTINUED) and line.endswith(b"\n"):
                with suppress(ValueError):
                    found = int(line.removeprefix(_CONTINUED))
    return found


@contextmanager
def held_finished(file: Path) -> Iterator[int | None]:
    """Context manager that prevents a finished WARC file from being continued, and yields its length in bytes. A run
    that would continue it starts a new file instead. Yields None if the file is not finished: it has no index, or a
    process is writing to it. Raises OSError.
    """
    with file.open("rb") as handle:
        size = None
        # A file without an index is not locked, since a lock could keep the next run from repairing it.
        if index_of(file).exists():
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                size = os.fstat(handle.fileno()).st_size if index_of(file).exists() else None
        yield size


def seal(file: Path, lines: Iterable[bytes]) -> None:
    """Writes the index of a finished WARC file atomically: its CDXJ `lines`, sorted. Raises OSError."""
    index, unsorted = index_of(file), open_index_of(file)
    new = index.with_name(index.name + ".new")
    with new.open("wb") as handle:
        handle.writelines(sorted(line for line in lines if not line.startswith(b"!")))
        handle.flush()
        os.fsync(handle.fileno())
    # In this order, if the process is killed between two steps, no index exists, and the file is finished again later.
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


@dataclass(frozen=True, slots=True)
class Continuation:
    """The WARC file of an earlier run (`file`, such as "warc/NAME.warc.gz"), to which this run appends instead of
    starting a new file. This is done only if the file was started less than `days` days ago and is shorter than
    `max_bytes`.
    """

    file: str
    days: int
    max_bytes: int

    def fits(self, path: Path, at: datetime) -> bool:
        """Returns True if the file at `path` is new enough at the time `at`, and short enough, to be continued."""
        found = NAME.fullmatch(path.name)
        if found is None:
            return False
        try:
            started = datetime.fromisoformat(f"{found[2][:8]}T{found[2][8:]}+00:00")
            return started <= at < started + timedelta(days=self.days) and path.stat().st_size < self.max_bytes
        except (ValueError, OverflowError, FileNotFoundError):
            return False


class WarcWriter:
    """Writes WARC files in the folder `root`/warc. Appends to the file that `continuation` names, if possible;
    otherwise starts a new file. A new file is also started after each GiB.

    A file is only appended to, one complete record at a time, by one writer that holds a lock on it. If the writer is
    killed, only the last record can be incomplete. A file NAME.warc.gz without an index NAME.cdxj is being written, or
    its crawl died (see `warc_file_maintenance.repair_warc`).
    """

    def __init__(
        self, root: Path, prefix: str, software: str, description: str = "", continuation: Continuation | None = None
    ) -> None:
        self._root = root
        self._continuation = continuation
        self._is_new = True
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
        """Writes the records of an exchange. `original` is the earlier capture with the same payload, if there is one.
        Returns the capture, with the position of the response record. Raises OSError.
        """
        records = exchange_records(exchange, original)
        return self.append(records.capture, (records.response, records.others), exchange.at)

    @property
    def end(self) -> tuple[str, int]:
        """Returns the path of the current file ("warc/NAME.warc.gz") and its length; ("", 0) if no file is open."""
        return (f"warc/{self._path.name}", self._offset) if self._file is not None else ("", 0)

    def append(self, capture: Capture, records: Sequence[bytes], at: datetime) -> Capture:
        """Appends records, of which the first is that of `capture`. Returns the capture with the position of its
        record. `at` is the time for the name of a new file. Raises OSError.
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
        """Syncs the current file to disk. Raises OSError, also if the file no longer exists.

        Database rows that point to a record are committed only after this call, so that after a power cut each row
        still has its record.
        """
        if self._file is None or self._synced == self._offset:
            return
        if not os.fstat(self._file).st_nlink:
            raise FileNotFoundError(f"{self._path} was removed while it was being written")
        os.fsync(self._file)
        if self._is_new:
            sync_folder(self._path.parent)
            self._is_new = False
        self._synced = self._offset

    def close(self) -> None:
        """Finishes the current file and writes its index. Deletes a file without records, which a full disk may leave.
        If this raises OSError, the site's next crawl finishes the file.
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
        if not self._continue(at):
            self._create(folder, at)
        # Syncing the folder saves the new name, or the name of the open index: the old index must not reappear for a
        # file that has grown.
        self._is_new = True
        self._append(warcinfo_record(self._path.name, at, self._software, self._description))

    def _continue(self, at: datetime) -> bool:
        """Opens the file of the latest run to append to it. Returns False if the file cannot be continued: it is too
        old or too long, is in use, has other hard links (such as in another archive), or is damaged at its end.
        """
        continuation, self._continuation = self._continuation, None
        if continuation is None:
            return False
        path = self._root / "warc" / continuation.file.removeprefix("warc/")
        if path.parent != self._root / "warc" or not continuation.fits(path, at):
            return False
        file = _open_finished(path)
        if file is None:
            return False
        index, unsorted = index_of(path), open_index_of(path)
        try:
            length = os.fstat(file).st_size
            # From here on, the file is unfinished. If the process is killed, the next run repairs the file.
            index.replace(unsorted)
            self._index = unsorted.open("ab")
            self._index.write(_CONTINUED + b"%d\n" % length)
            self._index.flush()
            os.fsync(self._index.fileno())
        except BaseException:
            os.close(file)
            self._index = None
            raise
        self._file, self._path, self._offset, self._synced = file, path, length, length
        return True

    def _create(self, folder: Path, at: datetime) -> None:
        stamp = at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
        while self._file is None:
            self._serial += 1
            self._path = folder / f"{self._prefix}-{stamp}-{self._serial:05}.warc.gz"
            self._file = _create_locked(self._path)
        self._offset = self._synced = 0
        self._index = open_index_of(self._path).open("wb")

    def _append(self, data: bytes) -> None:
        """Appends `data` without buffering, so that no part of a failed write can reach the disk later. If only a part
        is written, it is cut off again.
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


def _open_finished(path: Path) -> int | None:
    """Opens and locks a finished WARC file to append to it, and returns its handle; None if another process uses it, if
    it has other hard links, or if its end is damaged.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_nlink == 1 and os.path.samestat(os.fstat(handle), path.stat()) and _has_whole_end(path):
            return handle
    except OSError:
        pass  # the file is locked, deleted or unreadable, so the run starts a new one
    os.close(handle)
    return None


def _has_whole_end(path: Path) -> bool:
    """Returns True if a WARC file contains only complete records between the last record in its index and its end."""
    index = index_of(path).read_bytes()
    offsets = [int(number) for number in _OFFSET.findall(index)]
    if not offsets or len(offsets) != index.count(b"\n"):
        return False
    end = max(offsets)
    with path.open("rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        while end < size and (member := read_record_at(handle, end)):
            end += member.length
    return end == size


def _create_locked(path: Path) -> int | None:
    """Creates a file, locks it and returns its handle. Returns None if the name is taken, or if another process, which
    repairs the file, holds the lock.
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
