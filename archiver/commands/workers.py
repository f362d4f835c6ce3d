"""Articles read once more by several processes: each opens the archive for itself and reads; one process writes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

from archiver.store.anew.outcome import Outcome
from archiver.store.anew.reading import Reader
from archiver.store.anew.request import Request
from archiver.store.connect import open_archive

_CHUNK = 40
"""Articles that go to a process at a time: captures that lie beside one another."""
_FEW = 4 * _CHUNK
"""Articles that are read before other processes have started."""
_reader: Reader | None = None


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_all(archive: Path, version: str, at: str, request: Request, ids: list[int], workers: int
             ) -> Iterator[list[Outcome]]:
    """Every article of `ids` read once more, in chunks, in no certain order."""
    if workers <= 1 or len(ids) <= _FEW:
        _open(archive, version, at, request)
        yield from map(_read, _chunks(ids))
        _close()
        return
    # A forked process would share the open database, which SQLite forbids (howtocorrupt, section 2.6).
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (archive, version, at, request, list(sys.path)))
    chunks = _chunks(ids)
    try:
        waiting: set[Future[list[Outcome]]] = {pool.submit(_read, one) for one in islice(chunks, 3 * workers)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(_read, one) for one in islice(chunks, len(done))}
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _chunks(ids: list[int]) -> Iterator[tuple[int, ...]]:
    return (tuple(ids[n:n + _CHUNK]) for n in range(0, len(ids), _CHUNK))


def _begin(archive: Path, version: str, at: str, request: Request, path: list[str]) -> None:
    """In a process of its own: Ctrl-C is for the one that writes, and a killed parent is not outlived."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (connection.wait([parent.sentinel]), os._exit(1)), daemon=True).start()
    sys.path[:] = path
    _open(archive, version, at, request)


def _open(archive: Path, version: str, at: str, request: Request) -> None:
    global _reader
    _reader = Reader(open_archive(archive, read_only=True), archive.parent, version, at, request)


def _close() -> None:
    global _reader
    if _reader is not None:
        _reader.db.close()
    _reader = None


def _read(ids: tuple[int, ...]) -> list[Outcome]:
    assert _reader is not None
    return [_reader.read(number) for number in ids]
