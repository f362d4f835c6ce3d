"""What a capture holds, for who reads it in a browser: its response, its record as it is stored, its proof.

An archive may come from a stranger: a WARC file is opened where it lies in the archive's own folder and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sqlite_utils import Database

from archiver.capture.asked import CaptureUnreadable
from archiver.capture.exchange import payload_digest
from archiver.capture.proof import Proved, prove_at
from archiver.capture.read import StoredResponse, read_record
from archiver.errors import ArticleRemoved, UnreadableInput
from archiver.store.captured import capture_row
from archiver.store.tombstones import payload_removed, removal_at, removals
from archiver.urls import urlkey

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """`row` is the capture that was asked for; `source` the one that has the bytes, another where `row` is a revisit
    that repeats it."""

    row: Row
    source: Row
    response: StoredResponse


def stored(db: Database, folder: Path, row: Row) -> Stored:
    """The response of a capture, proven by its digest. Raises CaptureUnreadable, and ArticleRemoved of what was taken
    out."""
    allow(db, row)
    source = capture_row(db, row["id"])
    if source is None:
        raise CaptureUnreadable(row["id"], "the response that it repeats is not in the archive")
    try:
        response = read_record(file_of(folder, source), source["warc_offset"], source["warc_length"])
    except UnreadableInput as error:
        raise CaptureUnreadable(row["id"], f"{_place(source)} cannot be read ({error.why})") from error
    digest = source["digest"] or ""
    if digest.startswith("sha1:") and payload_digest(response.payload) != digest:
        raise CaptureUnreadable(row["id"], f"the payload of {_place(source)} is not what its digest says")
    return Stored(row, source, response)


def allow(db: Database, row: Row) -> None:
    """Raises ArticleRemoved where the address of a capture, or its payload, was taken out of the archive. So long as
    the removal is not done its records are still there."""
    if not removals(db, "allowed_at is null"):
        return
    removal = removal_at(db, urlkey(row["url"]))
    if removal or payload_removed(db, row["digest"]):
        raise ArticleRemoved(row["url"], removal.told if removal else "removed from this archive")


def record_of(folder: Path, row: Row) -> bytes:
    """The record of a capture as it lies in its file: one gzip member (WARC/1.1, annex D.2). Raises
    CaptureUnreadable."""
    length = prove(folder, row).length
    with file_of(folder, row).open("rb") as handle:
        handle.seek(row["warc_offset"])
        return handle.read(length)


def prove(folder: Path, row: Row) -> Proved:
    """The record of a capture with its digests computed anew. Raises CaptureUnreadable where no whole one is there."""
    try:
        with file_of(folder, row).open("rb") as handle:
            found = prove_at(handle, row["warc_offset"], row["warc_file"])
    except OSError as error:
        raise CaptureUnreadable(row["id"], f"{_place(row)} cannot be read ({error.strerror or error})") from error
    if found is None:
        raise CaptureUnreadable(row["id"], f"no whole record stands where it should ({_place(row)})")
    return found


def file_of(folder: Path, row: Row) -> Path:
    """The WARC file of a capture. Raises CaptureUnreadable where its name leads out of the archive's folder."""
    name = PurePosixPath(row["warc_file"] or "")
    if not name.name or name.is_absolute() or ".." in name.parts or "\0" in str(name):
        raise CaptureUnreadable(row["id"], f"{row['warc_file']!r} names no WARC file of this archive")
    return folder / name


def _place(row: Row) -> str:
    return f"its record at byte {row['warc_offset']:,} of {row['warc_file']}"
