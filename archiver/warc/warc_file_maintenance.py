"""Maintains WARC files as a whole: repairs the files of crawls that died, rewrites, transfers and deletes files, and
checks the digests of their records.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from archiver.model.items import Capture
from archiver.model.lazy_regex import lazy_regex
from archiver.warc.warc_records import (
    HEADER_END,
    GzipRecord,
    fields_record,
    parse_capture,
    parse_named_fields,
    read_complete_records,
    read_record_at,
    serialize_record,
)
from archiver.warc.warc_writer import NAME, index_of, length_before, make_cdxj_line, open_index_of, seal, sync_folder

# Repairs WARC files whose crawl died: cuts off an incomplete last record, and writes the index.


@dataclass(frozen=True, slots=True)
class RepairedFile:
    """The result of repairing a WARC file.

    - `records`: (offset, length) of each complete record.
    - `torn`: the number of bytes after the last complete record that were cut off.
    - `gap`: the offset of damaged bytes with complete records after them; None if there are none. Such damage is not
      caused by a dying crawl, but may be by a failing disk. The bytes are left in the file.
    - `length_before`: the length of the file before the run that died began to append to it.
    """

    file: str
    records: frozenset[tuple[int, int]]
    torn: int = 0
    gap: int | None = None
    length_before: int = 0

    @property
    def sentence(self) -> str:
        """Returns a sentence for the user about the repair; "" if only the index was missing."""
        if self.gap is not None:
            return f"{self.file} is damaged at byte {self.gap:,}; the records before and after it are readable"
        if not self.torn:
            return ""
        if not self.records:
            return f"{self.file} contained no whole record, only {self.torn:,} bytes, and was deleted"
        return f"{self.file} was cut back by {self.torn:,} bytes to its last whole record"


def find_unfinished_files(folder: Path, prefix: str) -> list[Path]:
    """Returns the WARC files with this prefix that have no index yet."""
    return sorted(
        file
        for file in folder.glob(f"{prefix}-*.warc.gz")
        if (name := NAME.fullmatch(file.name)) and name[1] == prefix and not index_of(file).exists()
    )


def repair_warc(file: Path, report: Callable[[RepairedFile], None]) -> RepairedFile | None:
    """Cuts off what follows the last complete record of a WARC file, calls `report` with the result, and writes the
    index. Returns the result; None if a crawl is writing the file. Records of earlier runs are never cut off.

    `report` is called before the index is written. If it fails, the file still has no index, and the next crawl repairs
    it again. Raises OSError.
    """
    with file.open("r+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        lines, places, end, gap = [], set(), 0, None
        for member in read_complete_records(handle):
            if member.offset != end and gap is None:
                gap = end
            end = member.offset + member.length
            places.add((member.offset, member.length))
            capture = parse_capture(member, f"warc/{file.name}")
            if capture is not None:
                lines.append(make_cdxj_line(capture))
        before = min(length_before(file), os.fstat(handle.fileno()).st_size)
        if end < before:
            gap = end if gap is None else gap
        torn = os.fstat(handle.fileno()).st_size - max(end, before)
        if torn:
            handle.truncate(max(end, before))
        os.fsync(handle.fileno())
        repaired = RepairedFile(f"warc/{file.name}", frozenset(places), torn, gap, before)
        report(repaired)
        if places or before:
            seal(file, lines)
        else:
            index_of(file).unlink(missing_ok=True)
            open_index_of(file).unlink(missing_ok=True)
            file.unlink()
    return repaired


# Copies of a WARC file in which some records are left out or replaced.

_NOT_COPIED = (
    "warc-type",
    "content-length",
    "warc-block-digest",
    "warc-profile",
    "warc-refers-to",
    "warc-refers-to-target-uri",
    "warc-refers-to-date",
)


@dataclass(frozen=True, slots=True)
class MovedRecord:
    """A record that was copied to a new WARC file. `before` is its offset in the old file; `offset` and `length` are
    those in the new one.
    """

    before: int
    offset: int
    length: int


def find_free_name(file: Path) -> Path:
    """Returns an unused path for a new WARC file next to `file`. The name has the same site and time, and the next free
    number.
    """
    found = NAME.fullmatch(file.name)
    prefix, stamp, number = (
        (found[1], found[2], int(found[3])) if found else (file.name.removesuffix(".warc.gz"), "19700101000000", 0)
    )
    while True:
        number += 1
        new = file.with_name(f"{prefix}-{stamp}-{number:05}.warc.gz")
        if not new.exists() and not index_of(new).exists():
            return new


def rewrite_warc(source: Path, new: Path, changes: Mapping[int, bytes]) -> list[MovedRecord]:
    """Copies the complete records of the WARC file `source` to the file `new`, and writes its index; both files are
    synced to disk. Returns the old and new position of each copied record.

    `changes` maps the offset of a record to its replacement; b"" leaves the record out. The warcinfo record gets the
    new file name. Raises OSError.
    """
    moved: list[MovedRecord] = []
    lines: list[bytes] = []
    with source.open("rb") as handle, source.open("rb") as raw, new.open("xb") as out:
        for member in read_complete_records(handle):
            raw.seek(member.offset)
            data = changes.get(member.offset)
            if data is None:
                data = _rename_warcinfo(member, new.name) or raw.read(member.length)
            if not data:
                continue
            place = MovedRecord(member.offset, out.tell(), len(data))
            moved.append(place)
            copied = read_record_at(io.BytesIO(data), 0) if member.offset in changes else member
            capture = parse_capture(copied, f"warc/{new.name}") if copied else None
            if capture is not None:
                lines.append(make_cdxj_line(replace(capture, warc_offset=place.offset, warc_length=place.length)))
            out.write(data)
        out.flush()
        os.fsync(out.fileno())
    seal(new, lines)
    return moved


def delete_warc(file: Path) -> None:
    """Deletes a WARC file, if it exists, and its index files."""
    for one in (index_of(file), open_index_of(file), file):
        one.unlink(missing_ok=True)


def read_records_with_fields(file: Path) -> Iterator[tuple[GzipRecord, dict[str, str]]]:
    """Yields every complete record of a WARC file with its WARC header fields, whose names are in lower case."""
    with file.open("rb") as handle:
        for member in read_complete_records(handle):
            yield member, parse_named_fields(member.head[: member.head.find(HEADER_END)])


def revisit_as_response(file: Path, offset: int, payload: bytes) -> bytes:
    """Converts the revisit record at `offset` to a response record with this payload, and returns its bytes (WARC/1.1,
    section 6.3). Raises OSError, and ValueError if no revisit record begins at `offset`.
    """
    with file.open("rb") as handle:
        member = read_record_at(handle, offset)
    end = member.head.find(HEADER_END) if member else -1
    if member is None or parse_named_fields(member.head[:end]).get("warc-type") != "revisit":
        raise ValueError(f"no revisit record begins at byte {offset} of {file}")
    fields = {}
    for line in member.head[:end].decode("utf-8", "replace").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() not in _NOT_COPIED:
            fields[name] = value.strip()
    http = member.head[end + 4 :]
    return serialize_record("response", fields, http[: http.find(HEADER_END) + 4] + payload)


def _rename_warcinfo(member: GzipRecord, name: str) -> bytes:
    """Returns the bytes of a warcinfo record with the file name replaced by `name`; b"" for a record of another
    type.
    """
    head, _, block = member.head.partition(HEADER_END)
    header = parse_named_fields(head)
    if header.get("warc-type") != "warcinfo":
        return b""
    lines = (line.partition(":") for line in block.decode("utf-8", "replace").split("\r\n"))
    return fields_record(
        "warcinfo",
        {"WARC-Date": header.get("warc-date", ""), "WARC-Filename": name},
        {key: value.strip() for key, colon, value in lines if colon},
    )


# Transfer of another archive's WARC file into this one: linked or copied atomically, with its index.

_CHUNK = 1 << 20


def compute_file_digest(file: Path) -> str:
    """Returns the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def transfer_warc(source: Path, folder: Path) -> Path:
    """Puts a WARC file of another archive into `folder`, and returns its new path. It keeps its name if this is free.
    Raises OSError.

    A finished file is hard-linked if both folders are on the same disk, otherwise copied; crawls do not continue a file
    with several links. A file whose writer died is copied up to its last complete record. If `folder` contains an
    earlier state of the same file, it is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / source.name
    if index_of(source).exists() and _is_earlier_state(own, source):
        index_of(own).unlink(missing_ok=True)  # so that the file is finished again if this process is killed
        _copy(source, own)
        finish_transfer(own, index_of(source))
        return own
    new = find_free_name(own) if own.exists() or index_of(own).exists() else own
    if not index_of(source).exists():
        _copy(source, new)
        repair_warc(new, lambda repaired: None)
        return new
    try:
        os.link(source, new)
        sync_folder(folder)
    except OSError:
        _copy(source, new)
    finish_transfer(new, index_of(source))
    return new


def _is_earlier_state(own: Path, source: Path) -> bool:
    """Returns True if `source` begins with all bytes of `own`, and `own` has no other hard links and no writer."""
    try:
        with own.open("rb") as handle, source.open("rb") as longer:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            found = os.fstat(handle.fileno())
            if not 0 < found.st_size < os.fstat(longer.fileno()).st_size or found.st_nlink > 1:
                return False
            while data := handle.read(_CHUNK):
                if longer.read(len(data)) != data:
                    return False
    except (FileNotFoundError, BlockingIOError):
        return False
    return True


def finish_transfer(new: Path, index: Path) -> None:
    """Writes the index of the transferred WARC file `new`: a copy of `index`, the source's index, with the new file
    name. If the source has no index, makes one from the file.
    """
    lines = (
        [_rename_in_index(line, new.name) for line in index.read_bytes().splitlines()]
        if index.exists()
        else [
            make_cdxj_line(capture)
            for member, _ in read_records_with_fields(new)
            if (capture := parse_capture(member, f"warc/{new.name}"))
        ]
    )
    seal(new, lines)


def _rename_in_index(line: bytes, name: str) -> bytes:
    head, brace, fields = line.partition(b"{")
    entry = json.loads(brace + fields)
    return head + json.dumps({**entry, "filename": name}, ensure_ascii=False).encode() + b"\n"


def _copy(source: Path, new: Path) -> None:
    part = new.with_name(new.name + ".part")
    with source.open("rb") as handle, part.open("wb") as out:
        shutil.copyfileobj(handle, out, _CHUNK)
        out.flush()
        os.fsync(out.fileno())
    part.replace(new)
    sync_folder(new.parent)


# Checks the records of a file against their digests, in one pass and with bounded memory.

_MAX_HEAD = 1 << 20
_ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512, "md5": hashlib.md5}


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """The result of checking a complete WARC record.

    - `capture`: the capture in a response or revisit record; None for other types.
    - `wrong`: a phrase that says which part of the record does not match its digest; "" if all match.
    - `frame`: the record's gzip header, which no checksum covers.
    """

    offset: int
    length: int
    kind: str
    capture: Capture | None
    wrong: str = ""
    frame: bytes = b""


def check_records(handle: BinaryIO, warc_file: str) -> Iterator[CheckedRecord]:
    """Yields the result of checking each complete record of a file, in order. A check computes the digests of the
    record again (WARC/1.1, sections 5.8 and 5.9).
    """
    digests = _DigestCheck()
    for member in read_complete_records(handle, digests):
        yield _check(handle, member, warc_file, digests)


def check_record_at(handle: BinaryIO, offset: int, warc_file: str) -> CheckedRecord | None:
    """Checks the record that begins at `offset` of the open file `handle`. `warc_file` is the file's name for the
    result. Returns None if no complete record begins there.
    """
    digests = _DigestCheck()
    member = read_record_at(handle, offset, digests)
    return _check(handle, member, warc_file, digests) if member else None


def _check(handle: BinaryIO, member: Any, warc_file: str, digests: _DigestCheck) -> CheckedRecord:
    head = digests.head
    handle.seek(member.offset)
    frame = handle.read(10)
    try:
        capture = parse_capture(member, warc_file, head)
        wrong = digests.wrong()
    except (KeyError, ValueError) as error:
        capture, wrong = None, f"its header cannot be read ({type(error).__name__}: {error})"
    return CheckedRecord(member.offset, member.length, head.get("warc-type", ""), capture, wrong, frame)


class _DigestCheck:
    """Computes the digests of a record's block and payload while the record is decompressed, and compares them with
    those that the record declares.
    """

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
            end = self._gathered.find(HEADER_END)
            if end < 0:
                if len(self._gathered) > _MAX_HEAD:
                    self._gathered = None
                return
            self.head = parse_named_fields(self._gathered[:end])
            data, self._gathered = self._gathered[end + 4 :], None
            self._start()
        data = data[: self._left]
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
            end = self._http.find(HEADER_END)
            if end < 0:
                if len(self._http) > _MAX_HEAD:
                    self._payload = None
                return
            head = self._http[:end]
            # Most headers do not contain the word, and are not parsed.
            if b"chunked" in head.lower() and "chunked" in (
                parse_named_fields(head).get("transfer-encoding", "").lower()
            ):
                # Some programs compute the digest of the chunked payload, others that of the decoded payload.
                self._payload = None
                return
            data, self._http = self._http[end + 4 :], None
        self._payload[1].update(data)

    def wrong(self) -> str:
        for what, declared in (("block", self._block), ("payload", self._payload)):
            if declared is not None and not _matches(*declared):
                return f"its {what} does not match the digest {declared[0]}"
        return ""


def _hasher(label: str) -> tuple[str, Any] | None:
    """Returns `label`, a record's digest field such as "sha1:ABC...", and a new hash object for its algorithm. Returns
    None if the field is empty or its algorithm is unknown.
    """
    algorithm = _ALGORITHMS.get(label.partition(":")[0].strip().lower().replace("-", ""))
    return (label, algorithm(usedforsecurity=False)) if algorithm else None


def _matches(label: str, hasher: Any) -> bool:
    """Returns True if a computed hash equals the digest in `label`, in base 32 (as in the examples of WARC/1.1) or base
    16.
    """
    value = label.partition(":")[2].strip()
    raw: bytes = hasher.digest()
    return value.lower() == raw.hex() or _is_base32(value.upper().rstrip("="), raw)


_AS_PYTHON_DIGITS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv")
_BASE32 = lazy_regex(r"[A-Z2-7]+")


def _is_base32(text: str, raw: bytes) -> bool:
    """Returns True if `text` is `raw` in base 32 without padding (RFC 4648, section 6). Python's own encoder takes
    longer than the digest of a small record.
    """
    spare = 5 * len(text) - 8 * len(raw)  # zero bits that fill the last digit
    if not 0 <= spare < 5 or not _BASE32.fullmatch(text):
        return False
    return int(text.translate(_AS_PYTHON_DIGITS), 32) == int.from_bytes(raw) << spare
