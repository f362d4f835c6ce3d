"""Readers on all cores: batches of records go out, what they came to comes back in the same order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import Generic, TypeVar

from archiver.capture.damage import Damage, Problem
from archiver.capture.pairing import Pair
from archiver.imports.reading import Read, Reader, open_reader

_MOST_BYTES = 96 << 20
_AHEAD = 3  # batches that wait for each process
Results = list[Read | Problem]
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a reader has to know: the archive it reads, the program's version, the latest time of a capture."""

    archive: Path
    version: str
    now: datetime
    all_captures: bool = False


_reader: Reader | None = None


def _start(plan: Plan) -> None:
    """Make a process a reader. It ends with the one that started it, and leaves signals to that."""
    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _reader = open_reader(plan.archive, plan.version, plan.now, all_captures=plan.all_captures)


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _read(pairs: Sequence[Pair]) -> Results:
    assert _reader is not None
    return list(_reader.read(pairs))


class Pool(Generic[B]):
    """Takes batches with what belongs to them, gives them back in order. With one worker this process reads itself.

    A record that ends the process that reads it is named, and the others are read.
    """

    def __init__(self, plan: Plan, workers: int) -> None:
        self._plan, self._workers = plan, workers
        self._own = open_reader(plan.archive, plan.version, plan.now, all_captures=plan.all_captures) if (
            workers < 2) else None
        self._executor = self._processes() if workers > 1 else None
        self._waiting: deque[tuple[B, Sequence[Pair], int, Future[Results] | None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def reads_here(self) -> bool:
        """Whether this process does the reading."""
        return self._own is not None

    @property
    def is_full(self) -> bool:
        """Whether a batch is to be taken before another is put in: memory is bounded so."""
        return len(self._waiting) >= (1 if self._own else _AHEAD * self._workers) or (
            sum(size for _, _, size, _ in self._waiting) > _MOST_BYTES)

    def put(self, batch: B, pairs: Sequence[Pair], size: int) -> None:
        future = self._executor.submit(_read, pairs) if self._executor and pairs else None
        self._waiting.append((batch, pairs, size, future))

    def take(self) -> tuple[B, Results]:
        """The oldest batch, once it is read."""
        batch, pairs, _, future = self._waiting.popleft()
        if self._own is not None or future is None:
            return batch, list(self._own.read(pairs)) if self._own is not None else []
        try:
            return batch, future.result()
        except BrokenProcessPool:
            return batch, self._one_by_one(pairs)

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        if self._own is not None:
            self._own.db.close()

    def _one_by_one(self, pairs: Sequence[Pair]) -> Results:
        """A process has died: read its records each for itself, and hand out once more what else was under way."""
        self._executor = self._processes()
        out: Results = []
        for pair in pairs:
            try:
                out += self._executor.submit(_read, [pair]).result()
            except BrokenProcessPool:
                out.append(Problem(Damage.READER, str(pair.record.place), pair.record.url[:2000],
                                   "reading it ended the process"))
                self._executor = self._processes()
        again = list(self._waiting)
        self._waiting.clear()
        for batch, others, size, _ in again:
            self.put(batch, others, size)
        return out

    def _processes(self) -> ProcessPoolExecutor:
        # Started anew and not forked: a copy of this process would hold its locks and its database.
        return ProcessPoolExecutor(self._workers, multiprocessing.get_context("spawn"), _start, (self._plan,))
