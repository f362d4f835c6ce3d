"""The WARC files and their indexes against the rows of `captures`, a file at a time.

What a file is found to be is a `Flaw`, which names the captures that it concerns; `checks.captures` tells which
articles rest on them. A file that a crawl is writing is read as far as it goes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from sqlite_utils import Database

from archiver.items import Capture
from archiver.maintenance.verify_database import VerifyFinding, counted_noun
from archiver.storage.pages import stamp
from archiver.storage.requisites import requisite_captures
from archiver.warc.warc_files import CheckedRecord, check_record_at, check_records
from archiver.warc.writer import cdxj_line, index_of, open_index_of

_AGAIN = (
    "The page must be captured again: 'archiver crawl SITE --full' does it where the page still is; or put the "
    "file back from a backup."
)
_BACK = "Put the file back from a backup."
_INDEX = "Run 'archiver verify --repair': it makes the index anew from the records."
_MOST = 50
_MOST_FRAMES = 4
"""Gzip headers in one file: a program that writes the time into them makes more, and none of them is odd."""


@dataclass(frozen=True, slots=True)
class CaptureRow:
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
class WARCFlaw:
    """Something wrong with a file, and the numbers of the captures that it concerns."""

    kind: str
    subject: str
    sentence: str
    remedy: str
    captures: tuple[int, ...] = ()
    mend: str = ""


@dataclass(frozen=True, slots=True)
class WARCJob:
    """One file to be held against its rows. `warc_file` is relative to `folder`; `written`: a crawl is writing it, or
    may have begun to since the rows were read."""

    folder: Path
    warc_file: str
    rows: tuple[CaptureRow, ...]
    written: bool = False
    whole: bool = True

    @property
    def file(self) -> Path:
        return self.folder / self.warc_file


@dataclass(slots=True)
class ExaminedWARC:
    """`unknown` are the records (URL and offset) of pages that were answered with 200 and that no row points to."""

    warc_file: str
    flaws: list[WARCFlaw] = field(default_factory=list)
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


def examine_warc(job: WARCJob) -> ExaminedWARC:
    """Read a file once, and hold it against its rows and its index. Never raises for what it finds."""
    out = ExaminedWARC(job.warc_file)
    name, captures = job.warc_file, tuple(row.id for row in job.rows)
    if Path(name).is_absolute() or ".." in Path(name).parts:
        out.flaws.append(
            WARCFlaw(
                "path-strange",
                name,
                f"{counted_noun(len(captures), 'capture')} point to {name}, outside of the archive's folder",
                "Another program wrote it: write back the file's own name.",
                captures,
            )
        )
        return out
    try:
        with job.file.open("rb") as handle:
            if job.whole:
                _whole(job, handle, out)
            else:
                _places(job, handle, out)
    except FileNotFoundError:
        out.flaws.append(WARCFlaw("file-missing", name, f"{name} is missing", _BACK, captures))
    except OSError as error:
        out.flaws.append(
            WARCFlaw(
                "file-unreadable",
                name,
                f"{name} cannot be read ({error.strerror or error})",
                "Give yourself read access to it, or put it back from a backup.",
                captures,
            )
        )
    return out


def _places(job: WARCJob, handle: BinaryIO, out: ExaminedWARC) -> None:
    """The records of some rows alone."""
    for row in job.rows:
        record = check_record_at(handle, row.offset, job.warc_file)
        out.records += 1
        wrong = "no whole record begins there" if record is None else record.wrong or _unlike(row, record)
        if wrong:
            out.flaws.append(_damaged(job, row, wrong))


def _whole(job: WARCJob, handle: BinaryIO, out: ExaminedWARC) -> None:
    """All records of a file against all its rows."""
    reading = _Reading(job, out, {row.offset: row for row in job.rows})
    for record in check_records(handle, job.warc_file):
        reading.take(record)
    if reading.is_another_file:
        out.flaws.append(
            WARCFlaw(
                "file-exchanged",
                job.warc_file,
                f"{job.warc_file} holds the records of another file: it was written as {reading.written_as}",
                "Give the files their own names back.",
                tuple(row.id for row in job.rows),
            )
        )
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

    job: WARCJob
    out: ExaminedWARC
    left: dict[int, CaptureRow]
    end: int = 0
    written_as: str = ""
    flaws: list[WARCFlaw] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    lines: Counter[int] = field(default_factory=Counter)
    frames: Counter[bytes] = field(default_factory=Counter)
    odd: list[CheckedRecord] = field(default_factory=list)

    def take(self, record: CheckedRecord) -> None:
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

    def _compare(self, record: CheckedRecord, row: CaptureRow | None) -> None:
        name = self.job.warc_file
        wrong = record.wrong or (_unlike(row, record) if row else "")
        if wrong:
            self.flaws.append(
                _damaged(self.job, row, wrong)
                if row
                else WARCFlaw(
                    "record-damaged",
                    f"{name} at {record.offset}",
                    f"The record at byte {record.offset:,} of {name} is damaged: {wrong}",
                    _BACK,
                )
            )
        elif row is None and record.capture is not None and record.capture.status == 200:
            self.out.unknown.append((record.capture.url, record.offset))

    @property
    def is_another_file(self) -> bool:
        """Whether it was written under another name, and most rows do not fit it."""
        wrong = sum(1 for flaw in self.flaws if flaw.captures) + len(self.left)
        return (
            bool(self.written_as)
            and self.written_as != self.job.file.name
            and bool(self.job.rows)
            and (wrong > len(self.job.rows) / 2)
        )

    def altered_frames(self) -> list[WARCFlaw]:
        """Records whose gzip header is another than that of most."""
        name, usual = self.job.warc_file, self.frames.most_common(1)[0][0] if self.frames else b""
        if len(self.frames) > _MOST_FRAMES:
            return []
        return [
            WARCFlaw(
                "frame-altered",
                f"{name} at {record.offset}",
                f"The gzip header of the record at byte "
                f"{record.offset:,} of {name} was altered; what it holds is whole",
                _BACK,
            )
            for record in self.odd
            if record.frame != usual
        ]


def _twice(job: WARCJob) -> list[WARCFlaw]:
    """Rows that point to a record of which another row is."""
    rows = {row.offset: row for row in job.rows}
    return [
        WARCFlaw(
            "capture-twice",
            f"capture {row.id}",
            f"Captures {rows[row.offset].id} and {row.id} point to one record",
            "Another program wrote it: take one of the rows out.",
            (row.id,),
        )
        for row in job.rows
        if rows[row.offset] is not row
    ]


def _unlike(row: CaptureRow, record: CheckedRecord) -> str:
    """What a record says otherwise than its row, a phrase."""
    capture = record.capture
    if capture is None:
        return f"it is a {record.kind or 'nameless'} record"
    pairs = (
        ("address", capture.url, row.url),
        ("time", stamp(capture.captured_at), row.captured_at),
        ("status", capture.status, row.status),
        ("payload digest", capture.digest, row.digest),
        ("length", capture.warc_length, row.length),
        ("type", capture.record_type, row.record_type),
    )
    differing = [
        f"its {name} is {there!s:.100}, and {said!s:.100} in 'captures'" for name, there, said in pairs if there != said
    ]
    return "; ".join(differing)


def _damaged(job: WARCJob, row: CaptureRow, wrong: str) -> WARCFlaw:
    return WARCFlaw(
        "capture-damaged",
        f"{job.warc_file} at {row.offset}",
        f"The capture of {row.url} at byte {row.offset:,} of {job.warc_file} is not proved: {wrong}",
        _AGAIN,
        (row.id,),
    )


def _gap(job: WARCJob, start: int, stop: int, inside: Sequence[CaptureRow]) -> WARCFlaw:
    what = f"the capture of {inside[0].url}" if len(inside) == 1 else counted_noun(len(inside), "capture")
    return WARCFlaw(
        "file-damaged",
        f"{job.warc_file} at {start}",
        f"{job.warc_file} is damaged at byte {start:,}: the {stop - start:,} bytes there are no record"
        f"{f'; {what} cannot be read' if inside else ''}",
        _AGAIN if inside else _BACK,
        tuple(row.id for row in inside),
    )


def _end(job: WARCJob, end: int, size: int, left: dict[int, CaptureRow], out: ExaminedWARC) -> bool:
    """What lies behind the last whole record, and rows that point behind it. Returns whether there is any."""
    behind = [left.pop(offset) for offset in sorted(left) if offset >= end]
    torn = bool(behind or (size > end and not job.written))
    if torn:
        lost = f"; {counted_noun(len(behind), 'capture')} lay there" if behind else ""
        what = f"its last {size - end:,} bytes are no whole record" if size > end else "it is cut off"
        out.flaws.append(
            WARCFlaw(
                "file-torn",
                f"{job.warc_file} at {end}",
                f"{job.warc_file} ends at byte {end:,}: {what}{lost}",
                _AGAIN if behind else "The next crawl of its site cuts them off.",
                tuple(row.id for row in behind),
            )
        )
    return torn


def _index(job: WARCJob, lines: Counter[int], lost: Sequence[tuple[int, int]]) -> Iterator[WARCFlaw]:
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
        yield WARCFlaw(
            "file-unfinished",
            job.warc_file,
            f"{job.warc_file} has no index: its crawl died, or another program removed it",
            "Crawl the site again, or run 'archiver verify --repair'.",
            mend="index",
        )
        return
    except OSError as error:
        yield WARCFlaw(
            "file-unreadable", name, f"{name} cannot be read ({error.strerror or error})", _INDEX, mend="index"
        )
        return
    lacks = lines.total()
    if lacks or strange or not ordered:
        told = [
            f"lacks {counted_noun(lacks, 'record')}" if lacks else "",
            f"has {counted_noun(strange, 'line')} of no record" if strange else "",
            "" if ordered else "is not sorted",
        ]
        yield WARCFlaw("cdxj-differs", name, f"{name} {', '.join(filter(None, told))}", _INDEX, mend="index")


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
        captures: Iterator[Capture | None] = (record.capture for record in check_records(handle, warc_file))
        return [cdxj_line(capture) for capture in captures if capture is not None]


# The captures of an archive as jobs, a WARC file each; and what is found in them, with the articles it concerns.

_MOST_NAMED = 5
_SUFFIXES = (".warc.gz", ".cdxj", ".cdxj.open", ".cdxj.new")


def files_at(folder: Path) -> dict[str, bool]:
    """The WARC files below folder/warc, relative to `folder`, each with whether it is finished: it has an index, and
    nobody holds its lock. To be asked before the rows are read: what is finished then has all of its rows."""
    return {
        f"warc/{file.relative_to(folder / 'warc')}": index_of(file).exists() or not is_written(file)
        for file in sorted((folder / "warc").rglob("*.warc.gz"))
    }


def capture_jobs(db: Database, folder: Path, files: dict[str, bool]) -> Iterator[WARCJob]:
    """Every WARC file that there is or that rows point to, with its rows, one after the other."""
    seen = set()
    rows = db.execute(
        "select warc_file, id, url, captured_at, status, digest, warc_offset, warc_length, record_type "
        "from captures where warc_file is not null order by warc_file"
    )
    for name, group in groupby(rows, key=lambda row: str(row[0])):
        seen.add(name)
        yield WARCJob(
            folder,
            name,
            tuple(CaptureRow(*row[1:]) for row in group if all(isinstance(row[i], int) for i in (6, 7))),
            written=not files.get(name, False),
        )
    for name in sorted(set(files) - seen):
        yield WARCJob(folder, name, (), written=not files[name])


def capture_jobs_of_articles(db: Database, folder: Path, ids: Sequence[int]) -> Iterator[WARCJob]:
    """The captures of some articles, of their versions, and of what their pages need to be shown."""
    rows = db.execute(
        "select warc_file, id, url, captured_at, status, digest, warc_offset, warc_length, record_type from captures "
        "where id in (select capture_id from articles where id in (select value from json_each(?)) union "
        "select capture_id from revisions where article_id in (select value from json_each(?)) union "
        "select value from json_each(?)) order by warc_file, warc_offset",
        [json.dumps(ids), json.dumps(ids), json.dumps(requisite_captures(db, ids))],
    )
    for name, group in groupby(rows, key=lambda row: str(row[0])):
        yield WARCJob(folder, name, tuple(CaptureRow(*row[1:]) for row in group), whole=False)


def findings_in_files(db: Database, examined: Iterable[ExaminedWARC]) -> Iterator[VerifyFinding]:
    """What was found in the files, with the articles whose current text or versions rest on what is lost."""
    done = list(examined)
    lost = sorted({number for one in done for flaw in one.flaws for number in flaw.captures})
    rests: dict[int, list[int]] = {}
    if lost:
        numbers = json.dumps(lost)
        for table, column in (("articles", "id"), ("revisions", "article_id")):
            for capture, article in db.execute(
                f"select capture_id, {column} from {table} where capture_id in (select value from json_each(?)) "
                "order by 2",
                [numbers],
            ):
                rests.setdefault(capture, []).append(article)
    for one in done:
        for flaw in one.flaws:
            yield VerifyFinding(flaw.kind, flaw.subject, flaw.sentence + _resting(flaw, rests), flaw.remedy, flaw.mend)
        for url, offset in one.unknown:
            if _should_have_row(db, url):
                yield VerifyFinding(
                    "record-unknown",
                    f"{one.warc_file} at {offset}",
                    f"The record of {url} at byte {offset:,} of {one.warc_file} has no row in 'captures', "
                    "and no other record of this page has",
                    "Another program deleted it: take it back from a backup, or crawl the site again.",
                )


def _resting(flaw: WARCFlaw, rests: dict[int, list[int]]) -> str:
    articles = sorted({number for capture in flaw.captures for number in rests.get(capture, ())})
    if not articles:
        return ""
    if len(articles) > _MOST_NAMED:
        return f"; {counted_noun(len(articles), 'article')} rest on it, the first are {_listed(articles[:_MOST_NAMED])}"
    if len(articles) == 1:
        return f"; article {articles[0]} rests on it"
    return f"; articles {_listed(articles)} rest on it"


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _should_have_row(db: Database, url: str) -> bool:
    """Files about a host, probes, and batches that a kill has lost have none; a page of the ledger has."""
    return bool(
        db.execute(
            "select 1 from pages where url = ? and fetched_at is not null and rule is not 'not-stored' "
            "and not exists (select 1 from captures where url = ?)",
            [url, url],
        ).fetchone()
    )


def foreign_files(db: Database, folder: Path, files: dict[str, bool]) -> Iterator[VerifyFinding]:
    """Files of other sites than the archive's, and indexes without their file."""
    known = {row[0] for row in db.execute("select distinct warc_file from captures")}
    if not (folder / "warc").is_dir():
        return
    for file in sorted((folder / "warc").rglob("*.cdxj")):
        warc = file.with_name(file.name.removesuffix(".cdxj") + ".warc.gz")
        name = f"warc/{warc.relative_to(folder / 'warc')}"
        if not warc.exists() and name not in known:
            yield VerifyFinding(
                "index-alone",
                f"warc/{file.name}",
                f"warc/{file.name} is the index of a file that is not there",
                "Put the WARC file back, or take the index away.",
            )
    for name, finished in files.items():
        if finished and name not in known and not _of_site(db, Path(name).name):
            yield VerifyFinding(
                "file-unknown",
                name,
                f"{name} is of no site of this archive, and no capture points to it",
                "Move it out of the folder, or enter it with 'archiver import'.",
            )


def _of_site(db: Database, name: str) -> bool:
    from slugify import slugify

    return any(name.startswith(f"{slugify(row[0])}-") for row in db.execute("select name from sites"))
