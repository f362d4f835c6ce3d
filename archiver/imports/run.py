"""One run of `archiver import`: files one after the other, read on all cores, written by this process in batches."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from archiver import __version__
from archiver.capture.damage import Damage, Problem
from archiver.capture.packed import Place, Unpacked
from archiver.imports.choice import Choice, Wanted
from archiver.imports.framing import Batch, batches
from archiver.imports.inputs import Input, digest_problem, expand, inputs_in
from archiver.imports.opened import Opened, as_json
from archiver.imports.pool import Plan, Pool, Results
from archiver.imports.writing import Source
from archiver.store import imports
from archiver.store.faults import fault_of, is_fault
from archiver.store.fulltext import entered_together
from archiver.store.imports import Tally
from archiver.store.transaction import writing

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
        if len(self.problems) < imports.MOST_PROBLEMS:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class Going:
    """A file under way; it is read from `place` on."""

    input: Input
    source: Source
    place: Place
    result: FileResult


Told = Callable[[FileResult, int, int], None]
"""Told of progress: the file so far, bytes of it that were read, its size (0 where that is not known)."""


class ImportRun:
    """Opens the archive (it is made where there is none) for one import at a time. Raises what `open_archive` raises,
    and ArchiveInUse where another import is running."""

    def __init__(self, archive: Path, choice: Choice, *, workers: int = 1, limit: int = 0, again: bool = False,
                 told: Told = lambda result, read, size: None) -> None:
        self._archive, self._choice, self._limit, self._again, self._told = archive, choice, limit, again, told
        self._workers = workers
        self.results: list[FileResult] = []
        self._now = datetime.now(UTC)
        self._open = Opened(archive, _PREFIX, "Captures that were made by others, copied from their files", self._now,
                            known_sites=choice.known_sites)
        self._db, self._warc, self._writer = self._open.db, self._open.warc, self._open.writer
        self._pool: Pool[Batch] | None = None

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

    def _inputs(self, words: Sequence[str]) -> Iterator[Input]:
        for path in expand(words):
            for one in inputs_in(path):
                if isinstance(one, Problem):
                    result = FileResult(f"{path.name}#{one.offset}" if one.offset else str(path), "unreadable")
                    result.tally.damaged += 1
                    result.tell(one)
                    self.results.append(result)
                else:
                    yield one

    def _file(self, one: Input) -> None:
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
        result.tell(Problem(Damage.UNREADABLE, "", detail=why[:200]))

    def _stream(self, one: Input, handle: BinaryIO, result: FileResult) -> None:
        going = self._begin(one, handle, result)
        if going is None:
            return
        pool = self._open_pool(one.size)
        unpacked = Unpacked(handle, going.place, one.size)
        wanted = Wanted(self._choice, lambda url: self._writer.sites.of(url) is not None)
        end = ""
        for batch in batches(unpacked, wanted, limit=self._limit, begun=going.place != Place()):
            pool.put(batch, batch.pairs, batch.size)
            end = batch.end
            while pool.is_full:
                self._commit(going, *pool.take())
        while len(pool):
            self._commit(going, *pool.take())
        self._end(going, end, digest_problem(one, handle) if end == "finished" else None)

    def _begin(self, one: Input, handle: BinaryIO, result: FileResult) -> Going | None:
        """Enter a file, or find the place that was reached before; None where it was imported."""
        options, digest = self._choice.key, one.digest(handle)
        row = imports.begun(self._db, digest, options)
        if row is not None and row["outcome"] == "finished" and not self._again and not one.is_pipe:
            result.outcome, result.tally = "known", Tally(**json.loads(row["counts"]))
            return None
        place = Place()
        if row is None or row["outcome"] == "finished":
            with writing(self._db):
                import_id = imports.begin(self._db, one.name, digest, one.size, options, self._now)
        else:
            import_id, place = row["id"], Place(row["member_offset"], row["inner_offset"])
            result.tally = Tally(**json.loads(row["counts"]))
            result.kinds = Counter(p["kind"] for p in json.loads(row["problems"]))
        return Going(one, Source(import_id, one.name), place, result)

    def _open_pool(self, size: int) -> Pool[Batch]:
        """Processes are started once for all files, when there is enough to read."""
        many = self._workers > 1 and (not size or size > _SMALL)
        if self._pool is not None and many and self._pool.reads_here:
            self._pool.close()
            self._pool = None
        if self._pool is None:
            plan = Plan(self._archive, __version__, self._now, self._choice.all_captures)
            self._pool = Pool(plan, self._workers if many else 1)
        return self._pool

    def _commit(self, going: Going, batch: Batch, results: Results) -> None:
        """Write a batch in one transaction: the captures, what they came to, and how far the file is read."""
        problems, result = list(batch.problems), going.result
        with writing(self._db), entered_together(self._db):
            total = self._open.enter(results, going.source, batch.tally, problems, result.tally,
                                     (batch.place.member, batch.place.inner))
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
            if result.kinds[Damage.NOT_AN_ARCHIVE]:
                outcome = "unreadable"
            imports.add_problems(self._db, source.import_id, map(as_json, problems))
            imports.reach(self._db, source.import_id, None, result.tally, (), self._warc.end)
            imports.finish(self._db, source.import_id, outcome, result.tally, datetime.now(UTC))
            self._warc.sync()
        result.outcome = outcome
        for problem in problems:
            result.tell(problem)
