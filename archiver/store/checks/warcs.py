"""The WARC files and their indexes against the rows of `captures`, a file at a time.

What a file is found to be is a `Flaw`, which names the captures that it concerns; `checks.captures` tells which
articles rest on them. A file that a crawl is writing is read as far as it goes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from archiver.capture.index import cdxj_line, index_of, open_index_of
from archiver.capture.proof import Proved, prove_all, prove_at
from archiver.items import Capture
from archiver.store.checks.finding import counted
from archiver.store.ledger import stamp

_AGAIN = ("The page must be captured again: 'archiver crawl SITE --full' does it where the page still is; or put the "
          "file back from a backup.")
_BACK = "Put the file back from a backup."
_INDEX = "Run 'archiver verify --repair': it makes the index anew from the records."
_MOST = 50
_MOST_FRAMES = 4
"""Gzip headers in one file: a program that writes the time into them makes more, and none of them is odd."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `captures`."""

    id: int
    url: str
    captured_at: str
    status: int
    digest: str
    offset: int
    length: int
    record_type: str


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with a file, and the numbers of the captures that it concerns."""

    kind: str
    subject: str
    sentence: str
    remedy: str
    captures: tuple[int, ...] = ()
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be held against its rows. `warc_file` is relative to `folder`; `written`: a crawl is writing it, or
    may have begun to since the rows were read."""

    folder: Path
    warc_file: str
    rows: tuple[Row, ...]
    written: bool = False
    whole: bool = True

    @property
    def file(self) -> Path:
        return self.folder / self.warc_file


@dataclass(slots=True)
class Examined:
    """`unknown` are the records (URL and offset) of pages that were answered with 200 and that no row points to."""

    warc_file: str
    flaws: list[Flaw] = field(default_factory=list)
    unknown: list[tuple[str, int]] = field(default_factory=list)
    records: int = 0


def is_written(file: Path) -> bool:
    """Whether a process holds the lock of a WARC file, or has just made it. Its writer takes the lock before the first
    byte, so that asking for it never comes in the way of one that begins."""
    try:
        with file.open("rb") as handle:
            if not os.fstat(handle.fileno()).st_size:
                return open_index_of(file).exists()
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def examine(job: Job) -> Examined:
    """Read a file once, and hold it against its rows and its index. Never raises for what it finds."""
    out = Examined(job.warc_file)
    name, captures = job.warc_file, tuple(row.id for row in job.rows)
    if Path(name).is_absolute() or ".." in Path(name).parts:
        out.flaws.append(Flaw("path-strange", name, f"{counted(len(captures), 'capture')} point to {name}, outside of "
                              "the archive's folder", "Another program wrote it: write back the file's own name.",
                              captures))
        return out
    try:
        with job.file.open("rb") as handle:
            if job.whole:
                _whole(job, handle, out)
            else:
                _places(job, handle, out)
    except FileNotFoundError:
        out.flaws.append(Flaw("file-missing", name, f"{name} is missing", _BACK, captures))
    except OSError as error:
        out.flaws.append(Flaw("file-unreadable", name, f"{name} cannot be read ({error.strerror or error})",
                              "Give yourself read access to it, or put it back from a backup.", captures))
    return out


def _places(job: Job, handle: BinaryIO, out: Examined) -> None:
    """The records of some rows alone."""
    for row in job.rows:
        record = prove_at(handle, row.offset, job.warc_file)
        out.records += 1
        wrong = "no whole record begins there" if record is None else record.wrong or _unlike(row, record)
        if wrong:
            out.flaws.append(_damaged(job, row, wrong))


def _whole(job: Job, handle: BinaryIO, out: Examined) -> None:
    """All records of a file against all its rows."""
    reading = _Reading(job, out, {row.offset: row for row in job.rows})
    for record in prove_all(handle, job.warc_file):
        reading.take(record)
    if reading.is_another_file:
        out.flaws.append(Flaw(
            "file-exchanged", job.warc_file, f"{job.warc_file} holds the records of another file: it was written as "
            f"{reading.written_as}", "Give the files their own names back.", tuple(row.id for row in job.rows)))
        out.unknown.clear()
        return
    out.flaws += reading.flaws
    left, lost = reading.left, reading.lost
    for start, stop in lost:
        inside = [left.pop(offset) for offset in sorted(left) if start <= offset < stop]
        out.flaws.append(_gap(job, start, stop, inside))
    if _end(job, reading.end, os.fstat(handle.fileno()).st_size, left, out):
        lost.append((reading.end, 1 << 62))
    out.flaws += [_damaged(job, row, "no record begins there") for row in left.values()]
    out.flaws += _twice(job)
    out.flaws += reading.altered_frames()
    out.flaws += _index(job, reading.lines, lost)


@dataclass(slots=True)
class _Reading:
    """What the records of a file were found to be, one after the other.

    `left` are the rows whose record has not come, `lost` the stretches of bytes that are no record, `end` is where the
    last record ended, `lines` are hashes of the lines that belong into the file's index. `frames` counts the gzip
    headers, and `odd` are the first records with each.
    """

    job: Job
    out: Examined
    left: dict[int, Row]
    end: int = 0
    written_as: str = ""
    flaws: list[Flaw] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    lines: Counter[int] = field(default_factory=Counter)
    frames: Counter[bytes] = field(default_factory=Counter)
    odd: list[Proved] = field(default_factory=list)

    def take(self, record: Proved) -> None:
        self.out.records += 1
        if record.offset != self.end:
            self.lost.append((self.end, record.offset))
        self.end = record.offset + record.length
        self.written_as = self.written_as or record.written_as
        self.frames[record.frame] += 1
        if self.frames[record.frame] <= _MOST and len(self.frames) <= _MOST_FRAMES:
            self.odd.append(record)
        if record.capture is not None:
            with suppress(ValueError):  # a record of another program may be of an address that is none
                self.lines[_told(cdxj_line(record.capture))] += 1
        self._compare(record, self.left.pop(record.offset, None))

    def _compare(self, record: Proved, row: Row | None) -> None:
        name = self.job.warc_file
        wrong = record.wrong or (_unlike(row, record) if row else "")
        if wrong:
            self.flaws.append(_damaged(self.job, row, wrong) if row else Flaw(
                "record-damaged", f"{name} at {record.offset}",
                f"The record at byte {record.offset:,} of {name} is damaged: {wrong}", _BACK))
        elif row is None and record.capture is not None and record.capture.status == 200:
            self.out.unknown.append((record.capture.url, record.offset))

    @property
    def is_another_file(self) -> bool:
        """Whether it was written under another name, and most rows do not fit it."""
        wrong = sum(1 for flaw in self.flaws if flaw.captures) + len(self.left)
        return bool(self.written_as) and self.written_as != self.job.file.name and bool(self.job.rows) and (
            wrong > len(self.job.rows) / 2)

    def altered_frames(self) -> list[Flaw]:
        """Records whose gzip header is another than that of most."""
        name, usual = self.job.warc_file, self.frames.most_common(1)[0][0] if self.frames else b""
        if len(self.frames) > _MOST_FRAMES:
            return []
        return [Flaw("frame-altered", f"{name} at {record.offset}", f"The gzip header of the record at byte "
                     f"{record.offset:,} of {name} was altered; what it holds is whole", _BACK)
                for record in self.odd if record.frame != usual]


def _twice(job: Job) -> list[Flaw]:
    """Rows that point to a record of which another row is."""
    rows = {row.offset: row for row in job.rows}
    return [Flaw("capture-twice", f"capture {row.id}", f"Captures {rows[row.offset].id} and {row.id} point to "
                 "one record", "Another program wrote it: take one of the rows out.", (row.id,))
            for row in job.rows if rows[row.offset] is not row]


def _unlike(row: Row, record: Proved) -> str:
    """What a record says otherwise than its row, a phrase."""
    capture = record.capture
    if capture is None:
        return f"it is a {record.kind or 'nameless'} record"
    pairs = (("address", capture.url, row.url), ("time", stamp(capture.captured_at), row.captured_at),
             ("status", capture.status, row.status), ("payload digest", capture.digest, row.digest),
             ("length", capture.warc_length, row.length), ("type", capture.record_type, row.record_type))
    differing = [f"its {name} is {there!s:.100}, and {said!s:.100} in 'captures'"
                 for name, there, said in pairs if there != said]
    return "; ".join(differing)


def _damaged(job: Job, row: Row, wrong: str) -> Flaw:
    return Flaw("capture-damaged", f"{job.warc_file} at {row.offset}",
                f"The capture of {row.url} at byte {row.offset:,} of {job.warc_file} is not proved: {wrong}", _AGAIN,
                (row.id,))


def _gap(job: Job, start: int, stop: int, inside: Sequence[Row]) -> Flaw:
    what = f"the capture of {inside[0].url}" if len(inside) == 1 else counted(len(inside), "capture")
    return Flaw("file-damaged", f"{job.warc_file} at {start}",
                f"{job.warc_file} is damaged at byte {start:,}: the {stop - start:,} bytes there are no record"
                f"{f'; {what} cannot be read' if inside else ''}", _AGAIN if inside else _BACK,
                tuple(row.id for row in inside))


def _end(job: Job, end: int, size: int, left: dict[int, Row], out: Examined) -> bool:
    """What lies behind the last whole record, and rows that point behind it. Returns whether there is any."""
    behind = [left.pop(offset) for offset in sorted(left) if offset >= end]
    torn = bool(behind or (size > end and not job.written))
    if torn:
        lost = f"; {counted(len(behind), 'capture')} lay there" if behind else ""
        what = (f"its last {size - end:,} bytes are no whole record" if size > end else "it is cut off")
        out.flaws.append(Flaw("file-torn", f"{job.warc_file} at {end}",
                              f"{job.warc_file} ends at byte {end:,}: {what}{lost}",
                              _AGAIN if behind else "The next crawl of its site cuts them off.",
                              tuple(row.id for row in behind)))
    return torn


def _index(job: Job, lines: Counter[int], lost: Sequence[tuple[int, int]]) -> Iterator[Flaw]:
    """NAME.cdxj against the records: lines that are missing, strange, or out of order. `lines` are hashes of those that
    the records make, `lost` the places of which it is told that nothing can be read there."""
    if job.written:
        return
    index = index_of(job.file)
    name = f"{Path(job.warc_file).parent}/{index.name}"
    try:
        with index.open("rb") as handle:
            strange, before, ordered = 0, b"", True
            for line in handle:
                ordered, before = ordered and before <= line, line
                if lines[_told(line)]:
                    lines[_told(line)] -= 1
                elif not any(start <= _offset(line) < end for start, end in lost):
                    strange += 1
    except FileNotFoundError:
        yield Flaw("file-unfinished", job.warc_file, f"{job.warc_file} has no index: its crawl died, or another "
                   "program removed it", "Crawl the site again, or run 'archiver verify --repair'.", mend="index")
        return
    except OSError as error:
        yield Flaw("file-unreadable", name, f"{name} cannot be read ({error.strerror or error})", _INDEX, mend="index")
        return
    lacks = lines.total()
    if lacks or strange or not ordered:
        told = [f"lacks {counted(lacks, 'record')}" if lacks else "",
                f"has {counted(strange, 'line')} of no record" if strange else "", "" if ordered else "is not sorted"]
        yield Flaw("cdxj-differs", name, f"{name} {', '.join(filter(None, told))}", _INDEX, mend="index")


def _told(line: bytes) -> int:
    """A line as compared: its key aside, which other programs make in other ways."""
    return hash(line.partition(b" ")[2])


def _offset(line: bytes) -> int:
    try:
        return int(json.loads(line.split(b" ", 2)[2])["offset"])
    except (ValueError, KeyError, TypeError, IndexError):
        return -1


def index_lines(file: Path, warc_file: str) -> list[bytes]:
    """The lines of a file's index, as its whole records make them. Raises OSError."""
    with file.open("rb") as handle:
        captures: Iterator[Capture | None] = (record.capture for record in prove_all(handle, warc_file))
        return [cdxj_line(capture) for capture in captures if capture is not None]
