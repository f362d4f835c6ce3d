"""One run of `archiver import`: files one after the other, read on all cores, written by this process in batches."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from archiver import __version__
from archiver.capture.damage import Damage, Problem
from archiver.capture.foreign import Records
from archiver.capture.packed import Place, Unpacked
from archiver.capture.pairing import Pair, Pairing
from archiver.capture.wacz import MemberStream
from archiver.imports.choice import Choice, Wanted
from archiver.imports.inputs import Input, expand, inputs_in
from archiver.imports.opened import Opened, as_json
from archiver.imports.pool import Plan, Pool, Results
from archiver.imports.writing import Source
from archiver.store import imports
from archiver.store.faults import fault_of, is_fault
from archiver.store.fulltext import entered_together
from archiver.store.imports import Tally
from archiver.store.transaction import writing

_PREFIX = "import"
_PAGES, _BYTES, _RECORDS = 48, 4 << 20, 5_000  # of one batch at most
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


@dataclass
class _Batch:
    """What was framed together. `place`: all before it is in this batch or an earlier one."""

    pairs: list[Pair] = field(default_factory=list)
    size: int = 0
    tally: Tally = field(default_factory=Tally)
    problems: list[Problem] = field(default_factory=list)
    place: Place = field(default_factory=Place)
    read: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.pairs) >= _PAGES or self.size >= _BYTES or self.tally.records >= _RECORDS


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
        self._pool: Pool[_Batch] | None = None

    def run(self, words: Sequence[str]) -> list[FileResult]:
        """Read all files that the words name. Raises a fault of the archive's place; what is written stays."""
        try:
            self._open.mend()
            for path in expand(words):
                for one in inputs_in(path):
                    if isinstance(one, Problem):
                        result = FileResult(f"{path.name}#{one.offset}" if one.offset else str(path), "unreadable")
                        result.tally.damaged += 1
                        result.tell(one)
                        self.results.append(result)
                    else:
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

    def _file(self, one: Input) -> None:
        result = FileResult(one.name)
        self.results.append(result)
        try:
            handle = one.open()
        except OSError as error:
            self._unreadable(result, error)
            return
        with handle:
            try:
                self._stream(one, handle, result)
            except OSError as error:
                if getattr(error, "filename", None) or is_fault(error):
                    raise
                self._unreadable(result, error)

    def _unreadable(self, result: FileResult, error: OSError) -> None:
        result.outcome = "unreadable"
        result.tally.damaged += 1
        result.tell(Problem(Damage.UNREADABLE, "", detail=(error.strerror or str(error))[:200]))

    def _stream(self, one: Input, handle: BinaryIO, result: FileResult) -> None:
        options, digest = self._choice.key, one.digest(handle)
        row = imports.begun(self._db, digest, options)
        if row is not None and row["outcome"] == "finished" and not self._again and not one.is_pipe:
            result.outcome, result.tally = "known", Tally(**json.loads(row["counts"]))
            return
        place = Place()
        if row is None or row["outcome"] == "finished":
            with writing(self._db):
                import_id = imports.begin(self._db, one.name, digest, one.size, options, self._now)
        else:
            import_id, place = row["id"], Place(row["member"], row["inner"])
            result.tally = Tally(**json.loads(row["counts"]))
            result.kinds = Counter(p["kind"] for p in json.loads(row["problems"]))
        source = Source(import_id, one.name)
        pool = self._open_pool(one.size)
        unpacked = Unpacked(handle, place, one.size)
        wanted = Wanted(self._choice, lambda url: self._writer.sites.of(url) is not None)
        pairing = Pairing(Records(unpacked, wanted))
        batch, dispatched, limited = _Batch(), 0, False
        for group in pairing:
            for item in group:
                self._sort(item, batch, wanted)
            limited = 0 < self._limit <= dispatched + len(batch.pairs)
            if batch.is_full or limited:
                dispatched += len(batch.pairs)
                batch.place, batch.read = pairing.place, unpacked.read
                pool.put(batch, batch.pairs, batch.size)
                batch = _Batch()
                if limited:
                    break
            while pool.is_full:
                self._commit(*pool.take(), source, result, one.size)
        if not limited:
            batch.place, batch.read = pairing.place, unpacked.read
            pool.put(batch, batch.pairs, batch.size)
        while len(pool):
            self._commit(*pool.take(), source, result, one.size)
        self._end(one, handle, source, result, "limited" if limited else "finished")

    def _open_pool(self, size: int) -> Pool[_Batch]:
        """Processes are started once for all files, when there is enough to read."""
        many = self._workers > 1 and (not size or size > _SMALL)
        if self._pool is not None and many and self._pool.reads_here:
            self._pool.close()
            self._pool = None
        if self._pool is None:
            plan = Plan(self._archive, __version__, self._now, self._choice.all_captures)
            self._pool = Pool(plan, self._workers if many else 1)
        return self._pool

    @staticmethod
    def _sort(item: Pair | Problem, batch: _Batch, wanted: Wanted) -> None:
        """Count what needs no reading, and put by what does."""
        tally = batch.tally
        if isinstance(item, Problem):
            batch.problems.append(item)
            tally.records += 1
            tally.damaged += 1
            return
        tally.records += 1
        record = item.record
        if not item.is_answer:
            tally.about += 1
        elif record.block is not None:
            batch.pairs.append(item)
            batch.size += len(record.block)
        elif (why := wanted.why(record.fields)) == "skipped":
            tally.skipped += 1
        elif why:
            tally.about += 1
        else:
            tally.not_html += 1

    def _commit(self, batch: _Batch, results: Results, source: Source, result: FileResult, size: int) -> None:
        """Write a batch in one transaction: the captures, what they came to, and how far the file is read."""
        problems = list(batch.problems)
        with writing(self._db), entered_together(self._db):
            total = self._open.enter(results, source, batch.tally, problems, result.tally,
                                     (batch.place.member, batch.place.inner))
        result.tally = total
        for problem in problems:
            result.tell(problem)
        self._told(result, batch.read, size)

    def _end(self, one: Input, handle: BinaryIO, source: Source, result: FileResult, outcome: str) -> None:
        assert source.import_id is not None
        tally, problems = Tally(), []
        if outcome == "finished" and (wrong := _file_digest(one, handle)):
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


def _file_digest(one: Input, handle: BinaryIO) -> Problem | None:
    """A member of a package that has another digest than its package says, though it could be read to its end."""
    raw = getattr(handle, "raw", None)
    if one.member is None or not one.member.sha256 or not isinstance(raw, MemberStream):
        return None
    found = raw.sha256()
    return Problem(Damage.FILE_DIGEST, "", detail=f"sha256:{found[:16]}...") if found and (
        found != one.member.sha256) else None
