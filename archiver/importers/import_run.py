"""Runs `archiver import`: reads one file at a time on all cores and writes the results in batches from this process."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from archiver import __version__
from archiver.api.database import environment_error, is_environment_error, writing
from archiver.importers import import_rows
from archiver.importers.foreign_reader import ByteStream, StreamPosition
from archiver.importers.import_inputs import (
    ImportInput,
    RecordFilter,
    RecordSelector,
    check_member_digest,
    expand_inputs,
    is_own_file,
    open_inputs,
)
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.importers.import_rows import ImportCounts
from archiver.importers.import_writer import ImportSource, ImportTarget, problem_as_json
from archiver.importers.record_batches import ReaderPlan, ReaderPool, RecordBatch, RecordKind, Results, record_batches

_PREFIX = "import"
_SMALL = 24 << 20
"""Files smaller than this many bytes are read in this process, because starting other processes would take longer."""


@dataclass
class FileResult:
    """The result of importing one file.

    - `outcome`: finished, known (the file was imported before), limited (the requested number of pages was reached),
      interrupted or unreadable.
    - `kinds`: the number of its problems by kind.
    - `problems`: the first of its problems, with details.
    """

    name: str
    outcome: str = "interrupted"
    tally: ImportCounts = field(default_factory=ImportCounts)
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, problem: Problem) -> None:
        """Counts a problem. Also keeps its details, unless enough problems are kept already."""
        self.kinds[problem.kind.value] += 1
        if len(self.problems) < import_rows.MOST_PROBLEMS:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """The file that is being imported. `place` is the position at which reading started; it is not 0 if this run
    continues an interrupted import.
    """

    input: ImportInput
    source: ImportSource
    place: StreamPosition
    result: FileResult


ProgressCallback = Callable[[FileResult, int, int], None]
"""A function that is called with the result of the file so far, the number of its bytes that were read, and its size (0
if unknown).
"""


class ImportRun:
    """Imports files into an archive, which is created if it does not exist.

    `on_progress` is called whenever a part of a file has been written (see ProgressCallback). Raises the errors of
    `open_archive`, and ArchiveInUse if another import is running.
    """

    def __init__(
        self,
        archive: Path,
        choice: RecordFilter,
        *,
        workers: int = 1,
        limit: int = 0,
        again: bool = False,
        on_progress: ProgressCallback = lambda result, read, size: None,
    ) -> None:
        self._archive, self._choice, self._limit, self._again, self._on_progress = (
            archive,
            choice,
            limit,
            again,
            on_progress,
        )
        self._workers = workers
        self.results: list[FileResult] = []
        self._now = datetime.now(UTC)
        self._open = ImportTarget(
            archive,
            _PREFIX,
            "Captures that were made by others, copied from their files",
            self._now,
            known_sites=choice.known_sites,
        )
        self._db, self._warc, self._writer = self._open.db, self._open.warc, self._open.writer
        self._pool: ReaderPool[RecordBatch] | None = None
        self._finished: list[tuple[ImportSource, FileResult]] = []

    def run(self, words: Sequence[str]) -> list[FileResult]:
        """Imports all files that the arguments name, and returns a result for each. Raises an ArchiverError if the
        archive cannot be written; what was written before is kept.
        """
        try:
            self._open.repair()
            for one in self._inputs(words):
                self._import_file(one)
            self._report_unresolved()
            self._open.seal()
        except (sqlite3.Error, OSError) as error:
            if is_environment_error(error):
                raise environment_error(error, self._archive) from error
            raise
        return self.results

    def close(self) -> None:
        """Stops the reader processes and closes the archive. Records that were read but not written are read again by
        the next run.
        """
        if self._pool is not None:
            self._pool.close()
        self._open.close()

    def _inputs(self, words: Sequence[str]) -> Iterator[ImportInput]:
        for path in expand_inputs(words):
            for one in open_inputs(path):
                if isinstance(one, Problem):
                    result = FileResult(f"{path.name}#{one.offset}" if one.offset else str(path), "unreadable")
                    result.tally.damaged += 1
                    result.add_problem(one)
                    self.results.append(result)
                else:
                    yield one

    def _import_file(self, one: ImportInput) -> None:
        """Imports one file. If it cannot be read, its outcome is "unreadable"."""
        result = FileResult(one.name)
        self.results.append(result)
        try:
            handle = one.open()
        except OSError as error:
            self._mark_unreadable(result, error.strerror or str(error))
            return
        with handle:
            try:
                self._import_stream(one, handle, result)
            except OSError as error:
                if getattr(error, "filename", None) or is_environment_error(error):
                    raise
                self._mark_unreadable(result, error.strerror or str(error))

    def _mark_unreadable(self, result: FileResult, why: str) -> None:
        result.outcome = "unreadable"
        result.tally.damaged += 1
        result.add_problem(Problem(ProblemKind.UNREADABLE, "", detail=why[:200]))

    def _import_stream(self, one: ImportInput, handle: BinaryIO, result: FileResult) -> None:
        current = self._begin_file(one, handle, result)
        if current is None:
            return
        choice = replace(self._choice, all_captures=current.source.all_captures)
        pool = self._open_pool(one.size, choice.all_captures)
        unpacked = ByteStream(handle, current.place, one.size)
        selector = RecordSelector(choice, lambda url: self._writer.sites.of(url) is not None)
        end = ""
        for batch in record_batches(unpacked, selector, limit=self._limit, begun=current.place != StreamPosition()):
            pool.put(batch, batch.pairs, batch.size)
            end = batch.end
            while pool.is_full:
                self._commit(current, *pool.take())
        while len(pool):
            self._commit(current, *pool.take())
        self._finish_file(current, end, check_member_digest(one, handle) if end == "finished" else None)

    def _begin_file(self, one: ImportInput, handle: BinaryIO, result: FileResult) -> OpenFile | None:
        """Registers a new import of a file, or finds the position that an earlier run reached in the same import.
        Returns None if the file was already imported completely.
        """
        options, digest = self._choice.key, one.digest(handle)
        is_here = one.path.resolve().parent == (self._archive.parent / "warc").resolve()
        is_own = not (one.is_pipe or is_here) and is_own_file(handle)
        all_captures = self._choice.all_captures or is_own
        row = import_rows.last_import(self._db, digest, options)
        if row is not None and row["outcome"] == "finished" and not self._again and not one.is_pipe:
            result.outcome, result.tally = "known", ImportCounts(**json.loads(row["counts"]))
            return None
        place = StreamPosition()
        if row is None or row["outcome"] == "finished":
            with writing(self._db):
                import_id = import_rows.begin_import(self._db, one.name, digest, one.size, options, self._now)
        else:
            import_id, place = row["id"], StreamPosition(row["member_offset"], row["inner_offset"])
            result.tally = ImportCounts(**json.loads(row["counts"]))
            result.kinds = Counter(p["kind"] for p in json.loads(row["problems"]))
        return OpenFile(one, ImportSource(import_id, one.name, all_captures, is_own), place, result)

    def _open_pool(self, size: int, all_captures: bool) -> ReaderPool[RecordBatch]:
        """Returns the pool of reader processes for a file of `size` bytes. The processes are started once for all
        files that are read in the same way, when the first file of sufficient size is read.
        """
        many = self._workers > 1 and (not size or size > _SMALL)
        plan = ReaderPlan(self._archive, __version__, self._now, all_captures)
        if self._pool is not None and (self._pool.plan != plan or (many and self._pool.reads_here)):
            self._pool.close()
            self._pool = None
        if self._pool is None:
            self._pool = ReaderPool(plan, self._workers if many else 1)
        return self._pool

    def _commit(self, current: OpenFile, batch: RecordBatch, results: Results) -> None:
        """Writes a batch in one transaction: its captures, what was extracted from them, and the position in the
        file.
        """
        problems, result = list(batch.problems), current.result
        with writing(self._db):
            for url, digest in batch.not_html:
                import_rows.store_page_kind(self._db, url, digest, RecordKind.NOT_HTML)
            total = self._open.enter(
                results, current.source, batch.tally, problems, result.tally, (batch.place.member, batch.place.inner)
            )
        result.tally = total
        for problem in problems:
            result.add_problem(problem)
        self._on_progress(result, batch.read, current.input.size)

    def _finish_file(self, current: OpenFile, outcome: str, wrong: Problem | None) -> None:
        """Finishes a file and records its outcome. `wrong` is a problem of the file as a whole, or None."""
        source, result = current.source, current.result
        assert source.import_id is not None
        tally, problems = ImportCounts(), []
        if wrong:
            problems.append(wrong)
            tally.mended += 1
        with writing(self._db):
            self._writer.resolve(source, tally, more=True)
            result.tally.add(tally)
            if result.kinds[ProblemKind.NOT_AN_ARCHIVE]:
                outcome = "unreadable"
            import_rows.add_problems(self._db, source.import_id, map(problem_as_json, problems))
            import_rows.record_progress(self._db, source.import_id, None, result.tally, (), self._warc.end)
            import_rows.end_import(self._db, source.import_id, outcome, result.tally, datetime.now(UTC))
            self._warc.sync()
        result.outcome = outcome
        for problem in problems:
            result.add_problem(problem)
        self._finished.append((source, result))

    def _report_unresolved(self) -> None:
        """Adds a problem to the result of each file with a revisit record that repeats a record which none of the files
        contains.
        """
        for source, result in self._finished:
            assert source.import_id is not None
            with writing(self._db):
                problems = self._writer.resolve(source, result.tally)
                import_rows.add_problems(self._db, source.import_id, map(problem_as_json, problems))
                import_rows.record_progress(self._db, source.import_id, None, result.tally, (), self._warc.end)
                self._warc.sync()
            for problem in problems:
                result.add_problem(problem)


# Progress: a bar by bytes on a terminal, otherwise a plain line every few seconds.

_LINE_SECONDS = 15.0


class ImportProgress:
    """Shows on stderr how much of the current file has been read. The object must be closed."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._task: Any = None
        self._name = ""
        self._begun = self._last = time.monotonic()
        self._before = 0

    def __call__(self, result: FileResult, read: int, size: int) -> None:
        if result.name != self._name:
            self.close()
            self._name, self._begun, self._before = result.name, time.monotonic(), 0
            self._before = result.tally.records
        line = progress_line(result.tally, result.tally.records - self._before, time.monotonic() - self._begun)
        if self._console.is_terminal:
            if self._bar is None:
                self._bar = Progress(
                    TextColumn("{task.description}", markup=False),
                    BarColumn(bar_width=24),
                    DownloadColumn(),
                    TextColumn("{task.fields[line]}"),
                    TimeRemainingColumn(compact=True),
                    console=self._console,
                    transient=True,
                )
                self._task = self._bar.add_task(self._name[-40:], line="", total=None)
                self._bar.start()
            self._bar.update(self._task, total=size or None, completed=read, line=line)
        elif time.monotonic() - self._last >= _LINE_SECONDS:
            self._last = time.monotonic()
            of = f" of {size / 1e6:,.0f}" if size else ""
            self._console.print(f"{self._name}: {read / 1e6:,.0f}{of} MB  {line}", highlight=False, soft_wrap=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def progress_line(tally: ImportCounts, records: int, seconds: float) -> str:
    """Returns a progress line such as "records 1,200  posts 310  damaged 2  95/s". The rate at the end of the line is
    `records` (the number of records that this run has read) divided by `seconds`.
    """
    rate = records / seconds if seconds > 0 else 0.0
    return f"records {tally.records:,}  posts {tally.posts:,}  damaged {tally.damaged:,}  {rate:,.0f}/s"
