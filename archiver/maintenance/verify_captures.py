"""Checks the WARC files and their CDXJ indexes against the rows of `captures`, one file at a time.

Each problem is a `WARCFlaw` with the captures that it concerns; `make_findings` adds the articles that depend on them.
A file that a crawl is still writing is checked up to the end of what has been written.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from archiver.maintenance.verify_database import VerifyFinding, counted_noun
from archiver.model.items import Capture
from archiver.storage import Database
from archiver.storage.captures import pending_takedowns
from archiver.storage.pages import stamp
from archiver.storage.requisites import requisite_captures
from archiver.warc.warc_file_maintenance import CheckedRecord, check_record_at, check_records
from archiver.warc.warc_writer import index_of, make_cdxj_line, open_index_of

_AGAIN = (
    "Restore the file from a backup, or capture the page again with 'archiver crawl SITE --full' if it is still online."
)
_BACK = "Restore the file from a backup."
_INDEX = "Run 'archiver verify --repair': it rebuilds the index from the records."
_MOST = 50
_MOST_FRAMES = 4
"""Gzip headers are not compared if the records of a file have more than this many different ones: the program that
wrote the file then puts times into the headers."""


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """A row of the table `captures`, with the columns that are compared with its WARC record."""

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
    """A problem found in a WARC file, with the IDs of the captures that it concerns. The other attributes are those of
    a `VerifyFinding`.
    """

    kind: str
    subject: str
    sentence: str
    remedy: str
    captures: tuple[int, ...] = ()
    mend: str = ""


@dataclass(frozen=True, slots=True)
class WARCJob:
    """A WARC file to check against its rows of `captures`.

    - `folder`, `warc_file`: the archive's folder, and the file's path relative to it.
    - `rows`: the rows of `captures` for this file.
    - `written`: True if a crawl is writing the file, or may have started writing it since the rows were read.
    - `whole`: True if all records are checked; False if only records with a row in `rows` are checked.
    """

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
    """The result of checking a WARC file: its flaws, and the number of records read. `unknown` holds the URL and offset
    of each record with status 200 but without a row in `captures`.
    """

    warc_file: str
    flaws: list[WARCFlaw] = field(default_factory=list)
    unknown: list[tuple[str, int]] = field(default_factory=list)
    records: int = 0


def is_being_written(file: Path) -> bool:
    """Returns True if a process is writing this WARC file: it holds the file's lock, or has just created the file.

    The writer takes the lock before it writes the first byte. This function therefore does not try to lock an empty
    file, which could disturb a writer that is starting.
    """
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
    """Reads a WARC file and checks it against its rows of `captures` and its index. Returns all problems in the result,
    and raises none.

    If a crawl begins to append to the file during the check, the file is read a second time without its index.
    """
    before = _state_of(job.file)
    out = _examine(job)
    if out.flaws and not job.written and (is_being_written(job.file) or _state_of(job.file) != before):
        return _examine(replace(job, written=True))
    return out


def _state_of(file: Path) -> tuple[int, int]:
    """Returns the size of a WARC file in bytes and the inode of its index (-1 for a file that does not exist). If these
    change during a check, a crawl is writing the file.
    """
    try:
        return file.stat().st_size, index_of(file).stat().st_ino
    except OSError:
        return -1, -1


def _examine(job: WARCJob) -> ExaminedWARC:
    out = ExaminedWARC(job.warc_file)
    name, captures = job.warc_file, tuple(row.id for row in job.rows)
    if Path(name).is_absolute() or ".." in Path(name).parts:
        out.flaws.append(
            WARCFlaw(
                "path-strange",
                name,
                f"{counted_noun(len(captures), 'capture')} point to {name}, outside the archive's folder",
                "Another program wrote it: restore the right file name.",
                captures,
            )
        )
        return out
    try:
        with job.file.open("rb") as handle:
            if job.whole:
                _check_all(job, handle, out)
            else:
                _check_rows(job, handle, out)
    except FileNotFoundError:
        out.flaws.append(WARCFlaw("file-missing", name, f"{name} is missing", _BACK, captures))
    except OSError as error:
        out.flaws.append(
            WARCFlaw(
                "file-unreadable",
                name,
                f"{name} cannot be read ({error.strerror or error})",
                "Give yourself read access to it, or restore it from a backup.",
                captures,
            )
        )
    return out


def _check_rows(job: WARCJob, handle: BinaryIO, out: ExaminedWARC) -> None:
    """Checks only those records of a WARC file that have a row in `captures`."""
    for row in job.rows:
        record = check_record_at(handle, row.offset, job.warc_file)
        out.records += 1
        wrong = (
            "no complete record begins there" if record is None else record.wrong or _describe_differences(row, record)
        )
        if wrong:
            out.flaws.append(_damaged_capture(job, row, wrong))


def _check_all(job: WARCJob, handle: BinaryIO, out: ExaminedWARC) -> None:
    """Checks all records of a file against all its rows, and the file's index."""
    reading = _FileCheck(job, out, {row.offset: row for row in job.rows})
    for record in check_records(handle, job.warc_file):
        reading.take(record)
    out.flaws += reading.flaws
    left, lost = reading.left, reading.lost
    for start, stop in lost:
        inside = [left.pop(offset) for offset in sorted(left) if start <= offset < stop]
        out.flaws.append(_damaged_range(job, start, stop, inside))
    if _check_end(job, reading.end, os.fstat(handle.fileno()).st_size, left, out):
        lost.append((reading.end, 1 << 62))
    out.flaws += [_damaged_capture(job, row, "no record begins there") for row in left.values()]
    out.flaws += _find_duplicate_rows(job)
    out.flaws += reading.find_altered_frames()
    out.flaws += _check_index(job, reading.lines, lost)


@dataclass(slots=True)
class _FileCheck:
    """The progress of checking one WARC file. The records are passed to `take` in the order of the file.

    - `left`: by offset, the rows of `captures` whose record has not been read yet.
    - `lost`: byte ranges that are not records.
    - `end`: the offset after the last record.
    - `lines`: hashes of the lines that the file's index must have.
    - `frames`: the number of times that each gzip header occurs.
    - `odd`: the first records with each gzip header.
    """

    job: WARCJob
    out: ExaminedWARC
    left: dict[int, CaptureRow]
    end: int = 0
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
        self.frames[record.frame] += 1
        if self.frames[record.frame] <= _MOST and len(self.frames) <= _MOST_FRAMES:
            self.odd.append(record)
        if record.capture is not None:
            with suppress(ValueError):  # a record of another program may have an invalid URL
                self.lines[_line_hash(make_cdxj_line(record.capture))] += 1
        self._compare(record, self.left.pop(record.offset, None))

    def _compare(self, record: CheckedRecord, row: CaptureRow | None) -> None:
        name = self.job.warc_file
        wrong = record.wrong or (_describe_differences(row, record) if row else "")
        if wrong:
            self.flaws.append(
                _damaged_capture(self.job, row, wrong)
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

    def find_altered_frames(self) -> list[WARCFlaw]:
        """Returns a flaw for each record whose gzip header differs from the gzip header of most records in the file."""
        name, usual = self.job.warc_file, self.frames.most_common(1)[0][0] if self.frames else b""
        if len(self.frames) > _MOST_FRAMES:
            return []
        return [
            WARCFlaw(
                "frame-altered",
                f"{name} at {record.offset}",
                f"The gzip header of the record at byte {record.offset:,} of {name} was altered; its content is intact",
                _BACK,
            )
            for record in self.odd
            if record.frame != usual
        ]


def _find_duplicate_rows(job: WARCJob) -> list[WARCFlaw]:
    """Returns a flaw for each row that points to the same record as an earlier row."""
    rows = {row.offset: row for row in job.rows}
    return [
        WARCFlaw(
            "capture-twice",
            f"capture {row.id}",
            f"Captures {rows[row.offset].id} and {row.id} point to the same record",
            "Another program wrote one of the rows: delete that row.",
            (row.id,),
        )
        for row in job.rows
        if rows[row.offset] is not row
    ]


def _describe_differences(row: CaptureRow, record: CheckedRecord) -> str:
    """Returns a phrase that describes the differences between a record and its row of `captures`; "" if they match."""
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
        f"its {name} is {actual!s:.100}, but {stored!s:.100} in 'captures'"
        for name, actual, stored in pairs
        if actual != stored
    ]
    return "; ".join(differing)


def _damaged_capture(job: WARCJob, row: CaptureRow, wrong: str) -> WARCFlaw:
    return WARCFlaw(
        "capture-damaged",
        f"{job.warc_file} at {row.offset}",
        f"The capture of {row.url} at byte {row.offset:,} of {job.warc_file} is invalid: {wrong}",
        _AGAIN,
        (row.id,),
    )


def _damaged_range(job: WARCJob, start: int, stop: int, inside: Sequence[CaptureRow]) -> WARCFlaw:
    what = f"the capture of {inside[0].url}" if len(inside) == 1 else counted_noun(len(inside), "capture")
    return WARCFlaw(
        "file-damaged",
        f"{job.warc_file} at {start}",
        f"{job.warc_file} is damaged at byte {start:,}: the {stop - start:,} bytes there are not a record"
        f"{f'; {what} cannot be read' if inside else ''}",
        _AGAIN if inside else _BACK,
        tuple(row.id for row in inside),
    )


def _check_end(job: WARCJob, end: int, size: int, left: dict[int, CaptureRow], out: ExaminedWARC) -> bool:
    """Checks what follows the last complete record of a file, at the offset `end`. Removes rows that point to this part
    of the file from `left`, and adds a flaw to `out`. Returns True if the file ends with an incomplete record or
    rows point beyond its end.
    """
    behind = [left.pop(offset) for offset in sorted(left) if offset >= end]
    torn = bool(behind or (size > end and not job.written))
    if torn:
        lost = f"; {counted_noun(len(behind), 'capture')} were there" if behind else ""
        what = f"its last {size - end:,} bytes are not a complete record" if size > end else "it is cut off"
        out.flaws.append(
            WARCFlaw(
                "file-torn",
                f"{job.warc_file} at {end}",
                f"{job.warc_file} ends at byte {end:,}: {what}{lost}",
                _AGAIN if behind else "The next crawl of its site truncates the file.",
                tuple(row.id for row in behind),
            )
        )
    return torn


def _check_index(job: WARCJob, lines: Counter[int], lost: Sequence[tuple[int, int]]) -> Iterator[WARCFlaw]:
    """Checks the file's CDXJ index for missing, unknown and unsorted lines. `lines` holds the hashes of the lines that
    the records require; `lost` holds unreadable byte ranges, whose index lines are not reported again.
    """
    if job.written:
        return
    index = index_of(job.file)
    name = f"{Path(job.warc_file).parent}/{index.name}"
    try:
        with index.open("rb") as handle:
            unknown, before, ordered = 0, b"", True
            for line in handle:
                ordered, before = ordered and before <= line, line
                if lines[_line_hash(line)]:
                    lines[_line_hash(line)] -= 1
                elif not any(start <= _offset(line) < end for start, end in lost):
                    unknown += 1
    except FileNotFoundError:
        yield WARCFlaw(
            "file-unfinished",
            job.warc_file,
            f"{job.warc_file} has no index: its crawl was killed, or another program deleted it",
            "Crawl the site again, or run 'archiver verify --repair'.",
            mend="index",
        )
        return
    except OSError as error:
        yield WARCFlaw(
            "file-unreadable", name, f"{name} cannot be read ({error.strerror or error})", _INDEX, mend="index"
        )
        return
    missing = lines.total()
    if missing or unknown or not ordered:
        problems = [
            f"lacks {counted_noun(missing, 'record')}" if missing else "",
            f"has {counted_noun(unknown, 'line')} without a record" if unknown else "",
            "" if ordered else "is not sorted",
        ]
        yield WARCFlaw("cdxj-differs", name, f"{name} {', '.join(filter(None, problems))}", _INDEX, mend="index")


def _line_hash(line: bytes) -> int:
    """Hashes an index line without its SURT key, because other programs build the key differently."""
    return hash(line.partition(b" ")[2])


def _offset(line: bytes) -> int:
    try:
        return int(json.loads(line.split(b" ", 2)[2])["offset"])
    except (ValueError, KeyError, TypeError, IndexError):
        return -1


def make_index_lines(file: Path, warc_file: str) -> list[bytes]:
    """Returns the CDXJ lines for all complete records of a WARC file. Raises OSError."""
    with file.open("rb") as handle:
        captures: Iterator[Capture | None] = (record.capture for record in check_records(handle, warc_file))
        return [make_cdxj_line(capture) for capture in captures if capture is not None]


# Jobs, one per WARC file, and the findings of their results.

_MOST_NAMED = 5


def find_warc_files(folder: Path) -> dict[str, bool]:
    """Returns the WARC files below folder/warc: a dict from the path of each file, relative to `folder`, to True if the
    file is finished. A file is finished if it has an index, or if no process holds its lock.

    This must be called before the rows of `captures` are read; otherwise rows of a file that is finished meanwhile
    could be missing.
    """
    return {
        f"warc/{file.relative_to(folder / 'warc')}": index_of(file).exists() or not is_being_written(file)
        for file in sorted((folder / "warc").rglob("*.warc.gz"))
    }


def make_capture_jobs(
    db: Database, folder: Path, files: dict[str, bool], names: Sequence[str] | None = None
) -> Iterator[WARCJob]:
    """Yields a job for each of the WARC files `names`; None means each WARC file that exists, or that rows of
    `captures` point to. `files` is the result of `find_warc_files`, from before the rows of `captures` were read.
    """
    seen = set()
    rows = db.execute(
        "select warc_file, id, url, captured_at, status, digest, warc_offset, warc_length, record_type from captures "
        "where warc_file is not null and (:names = 'null' or warc_file in (select value from json_each(:names))) "
        "order by warc_file",
        {"names": json.dumps(names)},
    )
    for name, group in groupby(rows, key=lambda row: str(row[0])):
        seen.add(name)
        yield WARCJob(
            folder,
            name,
            tuple(CaptureRow(*row[1:]) for row in group if all(isinstance(row[i], int) for i in (6, 7))),
            written=not files.get(name, False),
        )
    for name in sorted(set(files if names is None else names) - seen):
        yield WARCJob(folder, name, (), written=not files.get(name, False))


def find_flaws_of_records(folder: Path, files: dict[str, bool]) -> Iterator[VerifyFinding]:
    """Yields a finding for each flaw that WARC files have whatever the rows of `captures` say, which cannot be trusted
    if this table is damaged. `files` is the result of `find_warc_files`.
    """
    for name, finished in files.items():
        for flaw in examine_warc(WARCJob(folder, name, (), written=not finished)).flaws:
            yield VerifyFinding(flaw.kind, flaw.subject, flaw.sentence, flaw.remedy, flaw.mend, name)


def find_flaws(db: Database, folder: Path, name: str, *, may_be_earlier: bool = False) -> list[WARCFlaw]:
    """Returns the flaws of a WARC file below `folder` and of its rows in `db`, except flaws of its index. If
    `may_be_earlier` is True, the file may end before records that later runs have added.
    """
    (job,) = make_capture_jobs(db, folder, find_warc_file(folder, name), [name])
    if may_be_earlier and job.file.exists():
        size = job.file.stat().st_size
        job = replace(job, rows=tuple(row for row in job.rows if row.offset < size))
    return [flaw for flaw in examine_warc(job).flaws if flaw.kind not in _INDEX_FLAWS]


_INDEX_FLAWS = ("cdxj-differs", "file-unfinished")
"""Flaws of a file's index, which can be rebuilt from the records."""


def find_warc_file(folder: Path, name: str) -> dict[str, bool]:
    """Returns the same as `find_warc_files`, for one file."""
    file = folder / name
    return {name: index_of(file).exists() or not is_being_written(file)} if file.exists() else {}


def make_capture_jobs_of_articles(db: Database, folder: Path, ids: Sequence[int]) -> Iterator[WARCJob]:
    """Yields a job for each WARC file with captures of these articles, their revisions or their requisites, or with the
    responses that these repeat; only those captures are checked.
    """
    rows = db.execute(
        "with own (id) as (select capture_id from articles where id in (select value from json_each(?)) union "
        "select capture_id from revisions where article_id in (select value from json_each(?)) union "
        "select value from json_each(?)) "
        "select warc_file, id, url, captured_at, status, digest, warc_offset, warc_length, record_type from captures "
        "where id in (select id from own) or (record_type = 'response' and digest in (select digest from captures join "
        "own using (id) where record_type = 'revisit')) order by warc_file, warc_offset",
        [json.dumps(ids), json.dumps(ids), json.dumps(requisite_captures(db, ids))],
    )
    for name, group in groupby(rows, key=lambda row: str(row[0])):
        yield WARCJob(folder, name, tuple(CaptureRow(*row[1:]) for row in group), whole=False)


def find_lost_originals(db: Database, ids: Sequence[int] | None = None) -> Iterator[VerifyFinding]:
    """Yields a finding for each page with revisit records whose original is not in the archive, so that they cannot be
    shown. With `ids`, only the revisit records of these articles are checked.
    """
    if pending_takedowns(db):
        return  # the original is removed, and the takedown will remove the revisit records too
    for url, first, count in db.execute(
        "select url, min(captured_at), count(*) from captures r where record_type = 'revisit' and (:ids = 'null' or id "
        "in (select capture_id from articles where id in (select value from json_each(:ids)) union select capture_id "
        "from revisions where article_id in (select value from json_each(:ids)))) and not exists "
        "(select 1 from captures o where o.digest = r.digest and o.record_type = 'response') group by url order by url",
        {"ids": json.dumps(ids)},
    ):
        yield VerifyFinding(
            "original-missing",
            url,
            f"{counted_noun(count, 'capture')} of {url} (the first of {first:.19}) cannot be shown: a revisit record "
            "repeats a response that is not in the archive",
            "Restore a backup, or import the WARC file with the response ('archiver import FILE --all-captures'). If "
            "'archiver remove' of version 0.3.0 deleted it, 'archiver remove --finish' removes the revisit records, "
            "too.",
        )


def _find_dependents(db: Database, lost: Sequence[int]) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Returns the articles that depend on each of these captures, and the number of revisit records that cannot be
    read without it.
    """
    dependents: dict[int, list[int]] = {}
    numbers = json.dumps(lost)
    revisits: dict[int, list[int]] = {}
    for capture, revisit in db.execute(
        "select o.id, r.id from captures o join captures r on r.digest = o.digest and r.record_type = 'revisit' where "
        "o.record_type = 'response' and o.id in (select value from json_each(:lost)) and r.id not in "
        "(select value from json_each(:lost)) and not exists (select 1 from captures w where w.digest = o.digest and "
        "w.record_type = 'response' and w.id not in (select value from json_each(:lost)))",
        {"lost": numbers},
    ):
        revisits.setdefault(capture, []).append(revisit)
    originals = {revisit: capture for capture, found in revisits.items() for revisit in found}
    for table, column in (("articles", "id"), ("revisions", "article_id")):
        for capture, article in db.execute(
            f"select capture_id, {column} from {table} where capture_id in (select value from json_each(?)) order by 2",
            [json.dumps([*lost, *originals])],
        ):
            dependents.setdefault(originals.get(capture, capture), []).append(article)
    return dependents, {capture: len(found) for capture, found in revisits.items()}


def make_findings(db: Database, examined: Iterable[ExaminedWARC]) -> Iterator[VerifyFinding]:
    """Yields a finding for each flaw in the checked files, which names the articles whose text or revisions depend on
    the flawed record, directly or through a revisit record. Also yields one for each record that should have a row in
    `captures` and has none.
    """
    done = list(examined)
    lost = sorted({number for one in done for flaw in one.flaws for number in flaw.captures})
    dependents, revisits = _find_dependents(db, lost) if lost else ({}, {})
    for one in done:
        for flaw in one.flaws:
            yield VerifyFinding(
                flaw.kind,
                flaw.subject,
                flaw.sentence + _describe_dependents(flaw, dependents, revisits),
                flaw.remedy,
                flaw.mend,
                one.warc_file,
            )
        for url, offset in one.unknown:
            if _should_have_row(db, url):
                yield VerifyFinding(
                    "record-unknown",
                    f"{one.warc_file} at {offset}",
                    f"The record of {url} at byte {offset:,} of {one.warc_file} has no row in 'captures', "
                    "nor has any other record of this page",
                    "Another program deleted the row: restore it from a backup, or crawl the site again.",
                )


def _describe_dependents(flaw: WARCFlaw, dependents: dict[int, list[int]], revisits: dict[int, int]) -> str:
    articles = sorted({number for capture in flaw.captures for number in dependents.get(capture, ())})
    repeated = sum(revisits.get(capture, 0) for capture in flaw.captures)
    more = f"; {counted_noun(repeated, 'revisit record')} cannot be read without it" if repeated else ""
    return more + _describe_articles(articles)


def _describe_articles(articles: Sequence[int]) -> str:
    if not articles:
        return ""
    if len(articles) > _MOST_NAMED:
        return (
            f"; {counted_noun(len(articles), 'article')} depend on it, the first are {_listed(articles[:_MOST_NAMED])}"
        )
    if len(articles) == 1:
        return f"; article {articles[0]} depends on it"
    return f"; articles {_listed(articles)} depend on it"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _should_have_row(db: Database, url: str) -> bool:
    """Returns True if a record with this URL should have a row in `captures`: the URL is in the pages table as fetched,
    but no row of `captures` has it. Other records may lack a row: those of robots.txt and similar files, of probes, and
    of pages that were being stored when a crawl was killed.
    """
    return bool(
        db.execute(
            "select 1 from pages where url = ? and fetched_at is not null and rule is not 'not-stored' "
            "and not exists (select 1 from captures where url = ?)",
            [url, url],
        ).fetchone()
    )
