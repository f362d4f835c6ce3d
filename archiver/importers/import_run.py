"""One run of `archiver import`: files one after the other, read on all cores, written by this process in batches."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from archiver import __version__
from archiver.importers.import_inputs import (
    ImportInput,
    RecordFilter,
    RecordSelector,
    digest_problem,
    expand_inputs,
    inputs_in,
)
from archiver.importers.import_writer import ImportSource, ImportTarget, problem_as_json
from archiver.importers.record_batches import ReaderPlan, ReaderPool, RecordBatch, Results, record_batches
from archiver.storage.article_tables import historical_captures
from archiver.storage.article_tables.historical_captures import Tally
from archiver.storage.connection import fault_of, is_fault, writing
from archiver.storage.full_text import entered_together
from archiver.warc.byte_stream import ByteStream, StreamPosition
from archiver.warc.problems import Problem, ProblemKind

_PREFIX = "import"
_SMALL = 24 << 20
"""Bytes of which reading takes less time than starting processes to read them."""


@dataclass
class FileResult:
    """What came of one file. `outcome`: finished, known (it was imported before), limited, interrupted, unreadable."""

    name: str
    outcome: str = "interrupted"
    tally: Tally = field(default_factory=Tally)
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, problem: Problem) -> None:
        self.kinds[problem.kind.value] += 1
        if len(self.problems) < historical_captures.MOST_PROBLEMS:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class Going:
    """A file under way; it is read from `place` on."""

    input: ImportInput
    source: ImportSource
    place: StreamPosition
    result: FileResult


Told = Callable[[FileResult, int, int], None]
"""Told of progress: the file so far, bytes of it that were read, its size (0 where that is not known)."""


class ImportRun:
    """Opens the archive (it is made where there is none) for one import at a time. Raises what `open_archive` raises,
    and ArchiveInUse where another import is running."""

    def __init__(
        self,
        archive: Path,
        choice: RecordFilter,
        *,
        workers: int = 1,
        limit: int = 0,
        again: bool = False,
        told: Told = lambda result, read, size: None,
    ) -> None:
        self._archive, self._choice, self._limit, self._again, self._told = archive, choice, limit, again, told
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

    def run(self, words: Sequence[str]) -> list[FileResult]:
        """Read all files that the words name. Raises a fault of the archive's place; what is written stays."""
        try:
            self._open.mend()
            for one in self._inputs(words):
                self._file(one)
            self._open.seal()
        except (sqlite3.Error, OSError) as error:
            if is_fault(error):
                raise fault_of(error, self._archive) from error
            raise
        return self.results

    def close(self) -> None:
        """Let go of all. What was not written is read again by the next run."""
        if self._pool is not None:
            self._pool.close()
        self._open.close()

    def _inputs(self, words: Sequence[str]) -> Iterator[ImportInput]:
        for path in expand_inputs(words):
            for one in inputs_in(path):
                if isinstance(one, Problem):
                    result = FileResult(f"{path.name}#{one.offset}" if one.offset else str(path), "unreadable")
                    result.tally.damaged += 1
                    result.tell(one)
                    self.results.append(result)
                else:
                    yield one

    def _file(self, one: ImportInput) -> None:
        """Read a file; where it cannot be read its result says so."""
        result = FileResult(one.name)
        self.results.append(result)
        try:
            handle = one.open()
        except OSError as error:
            self._unreadable(result, error.strerror or str(error))
            return
        with handle:
            try:
                self._stream(one, handle, result)
            except OSError as error:
                if getattr(error, "filename", None) or is_fault(error):
                    raise
                self._unreadable(result, error.strerror or str(error))

    def _unreadable(self, result: FileResult, why: str) -> None:
        result.outcome = "unreadable"
        result.tally.damaged += 1
        result.tell(Problem(ProblemKind.UNREADABLE, "", detail=why[:200]))

    def _stream(self, one: ImportInput, handle: BinaryIO, result: FileResult) -> None:
        going = self._begin(one, handle, result)
        if going is None:
            return
        pool = self._open_pool(one.size)
        unpacked = ByteStream(handle, going.place, one.size)
        wanted = RecordSelector(self._choice, lambda url: self._writer.sites.of(url) is not None)
        end = ""
        for batch in record_batches(unpacked, wanted, limit=self._limit, begun=going.place != StreamPosition()):
            pool.put(batch, batch.pairs, batch.size)
            end = batch.end
            while pool.is_full:
                self._commit(going, *pool.take())
        while len(pool):
            self._commit(going, *pool.take())
        self._end(going, end, digest_problem(one, handle) if end == "finished" else None)

    def _begin(self, one: ImportInput, handle: BinaryIO, result: FileResult) -> Going | None:
        """Enter a file, or find the place that was reached before; None where it was imported."""
        options, digest = self._choice.key, one.digest(handle)
        row = historical_captures.begun(self._db, digest, options)
        if row is not None and row["outcome"] == "finished" and not self._again and not one.is_pipe:
            result.outcome, result.tally = "known", Tally(**json.loads(row["counts"]))
            return None
        place = StreamPosition()
        if row is None or row["outcome"] == "finished":
            with writing(self._db):
                import_id = historical_captures.begin(self._db, one.name, digest, one.size, options, self._now)
        else:
            import_id, place = row["id"], StreamPosition(row["member_offset"], row["inner_offset"])
            result.tally = Tally(**json.loads(row["counts"]))
            result.kinds = Counter(p["kind"] for p in json.loads(row["problems"]))
        return Going(one, ImportSource(import_id, one.name), place, result)

    def _open_pool(self, size: int) -> ReaderPool[RecordBatch]:
        """Processes are started once for all files, when there is enough to read."""
        many = self._workers > 1 and (not size or size > _SMALL)
        if self._pool is not None and many and self._pool.reads_here:
            self._pool.close()
            self._pool = None
        if self._pool is None:
            plan = ReaderPlan(self._archive, __version__, self._now, self._choice.all_captures)
            self._pool = ReaderPool(plan, self._workers if many else 1)
        return self._pool

    def _commit(self, going: Going, batch: RecordBatch, results: Results) -> None:
        """Write a batch in one transaction: the captures, what they came to, and how far the file is read."""
        problems, result = list(batch.problems), going.result
        with writing(self._db), entered_together(self._db):
            total = self._open.enter(
                results, going.source, batch.tally, problems, result.tally, (batch.place.member, batch.place.inner)
            )
        result.tally = total
        for problem in problems:
            result.tell(problem)
        self._told(result, batch.read, going.input.size)

    def _end(self, going: Going, outcome: str, wrong: Problem | None) -> None:
        """A file is over. `wrong` of all of it."""
        source, result = going.source, going.result
        assert source.import_id is not None
        tally, problems = Tally(), []
        if wrong:
            problems.append(wrong)
            tally.mended += 1
        with writing(self._db):
            problems += self._writer.resolve(source, tally)
            result.tally.add(tally)
            if result.kinds[ProblemKind.NOT_AN_ARCHIVE]:
                outcome = "unreadable"
            historical_captures.add_problems(self._db, source.import_id, map(problem_as_json, problems))
            historical_captures.reach(self._db, source.import_id, None, result.tally, (), self._warc.end)
            historical_captures.finish(self._db, source.import_id, outcome, result.tally, datetime.now(UTC))
            self._warc.sync()
        result.outcome = outcome
        for problem in problems:
            result.tell(problem)


# Progress of an import: a bar by bytes where the output is a terminal, a plain line now and then where it is not.

_LINE_SECONDS = 15.0


class ImportProgress:
    """Shows how far the file under way is read, on stderr. To be closed."""

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


def progress_line(tally: Tally, records: int, seconds: float) -> str:
    """ "records 1,200  posts 310  damaged 2  95/s"; the rate is that of this run."""
    rate = records / seconds if seconds > 0 else 0.0
    return f"records {tally.records:,}  posts {tally.posts:,}  damaged {tally.damaged:,}  {rate:,.0f}/s"
