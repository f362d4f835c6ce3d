"""A WARC file written anew under another name, with some of its records left out or put in place of others."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fastwarc import WarcRecord, WarcRecordType

from archiver.capture.exchange import fields_record, packed_record
from archiver.capture.index import cdxj_line, index_of, open_index_of, seal
from archiver.capture.members import Member, capture_of, fields, member_at, whole_members
from archiver.capture.mend import NAME

_HEAD_END = b"\r\n\r\n"
_NOT_COPIED = ("warc-type", "content-length", "warc-block-digest", "warc-profile", "warc-refers-to",
               "warc-refers-to-target-uri", "warc-refers-to-date")


@dataclass(frozen=True, slots=True)
class Moved:
    """A record that is still there: its offset in the old file, its offset and length in the new one."""

    before: int
    offset: int
    length: int


def free_name(file: Path) -> Path:
    """A name beside a WARC file that no file has, and that sorts it under the same site and time."""
    found = NAME.fullmatch(file.name)
    prefix, stamp, number = (found[1], found[2], int(found[3])) if found else (
        file.name.removesuffix(".warc.gz"), "19700101000000", 0)
    while True:
        number += 1
        new = file.with_name(f"{prefix}-{stamp}-{number:05}.warc.gz")
        if not new.exists() and not index_of(new).exists():
            return new


def write_anew(source: Path, new: Path, changes: Mapping[int, bytes]) -> list[Moved]:
    """Copy the whole records of `source` into the file `new`, with its index, both on the disk when this returns.

    `changes` has for the offset of a record what stands in its place, b"" for nothing. The first record names the new
    file; what is no whole record is not copied. Raises OSError.
    """
    moved: list[Moved] = []
    lines: list[bytes] = []
    with source.open("rb") as handle, source.open("rb") as raw, new.open("xb") as out:
        for member in whole_members(handle):
            raw.seek(member.offset)
            data = changes.get(member.offset)
            if data is None:
                data = _named(member, new.name) or raw.read(member.length)
            if not data:
                continue
            place = Moved(member.offset, out.tell(), len(data))
            moved.append(place)
            told = member_at(io.BytesIO(data), 0) if member.offset in changes else member
            capture = capture_of(told, f"warc/{new.name}") if told else None
            if capture is not None:
                lines.append(cdxj_line(replace(capture, warc_offset=place.offset, warc_length=place.length)))
            out.write(data)
        out.flush()
        os.fsync(out.fileno())
    seal(new, lines)
    return moved


def delete(file: Path) -> None:
    """Take away a WARC file, if it is there, and all that stands beside it."""
    for one in (index_of(file), open_index_of(file), file):
        one.unlink(missing_ok=True)


def records(file: Path) -> Iterator[tuple[Member, dict[str, str]]]:
    """Every whole record of a file with its WARC header fields, whose names are in small letters."""
    with file.open("rb") as handle:
        for member in whole_members(handle):
            yield member, fields(member.head[:member.head.find(_HEAD_END)])


def as_response(file: Path, offset: int, payload: bytes) -> bytes:
    """The revisit record at `offset` as a response record that has the payload itself (WARC/1.1, 6.3). Raises OSError,
    and ValueError where no revisit record is there."""
    with file.open("rb") as handle:
        member = member_at(handle, offset)
    end = member.head.find(_HEAD_END) if member else -1
    if member is None or fields(member.head[:end]).get("warc-type") != "revisit":
        raise ValueError(f"no revisit record begins at byte {offset} of {file}")
    record = WarcRecord()
    record.init_headers(WarcRecordType.response)
    for line in member.head[:end].decode("utf-8", "replace").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() not in _NOT_COPIED:
            record.headers[name] = value.strip()
    http = member.head[end + 4:]
    return packed_record(record, http[:http.find(_HEAD_END) + 4] + payload)


def _named(member: Member, name: str) -> bytes:
    """The warcinfo record of the new file, made from that of the old; b"" for any other record."""
    head, _, block = member.head.partition(_HEAD_END)
    told = fields(head)
    if told.get("warc-type") != "warcinfo":
        return b""
    said = (line.partition(":") for line in block.decode("utf-8", "replace").split("\r\n"))
    return fields_record(WarcRecordType.warcinfo, {"WARC-Date": told.get("warc-date", ""), "WARC-Filename": name},
                         {key: value.strip() for key, colon, value in said if colon})
