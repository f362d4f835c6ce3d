"""A stretch of one file, framed and read wherever the file and the archive can be seen: what a task of a cluster is.

It begins at a place and ends after so many batches; the next one of its file begins where it ended. So nothing has to
be remembered between them, memory is bounded whatever the file's size, and one that is lost is read again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from socket import gethostname
from typing import BinaryIO

from archiver import __version__
from archiver.capture.damage import Damage, Problem
from archiver.capture.packed import Place, Unpacked
from archiver.capture.wacz import MemberStream
from archiver.errors import ArchiverError
from archiver.imports.choice import Choice, Wanted
from archiver.imports.framing import Batch, batches
from archiver.imports.inputs import Input
from archiver.imports.pool import Plan, Pool, Results
from archiver.store.connect import open_archive
from archiver.store.scopes import Sites

_BATCHES = 16
_CHUNK = 1 << 20


class OtherProgram(ArchiverError):
    def __init__(self, theirs: str, ours: str) -> None:
        super().__init__("worker", f"A worker of the cluster has archiver {theirs}, and this is {ours}: install the "
                                   "same one there. What was written stays, and the same command goes on.")


class NotSeen(ArchiverError):
    def __init__(self, path: str) -> None:
        super().__init__(path, f"A worker of the cluster ({gethostname()}) cannot read {path}: give each of its "
                               "machines the folder at this path. What was written stays, and the same command goes "
                               "on.")


def see(*paths: Path) -> None:
    """Raises NotSeen where one of these, which the cluster's owner has, cannot be read by this process: that says
    nothing of the file."""
    for path in paths:
        if not os.access(path, os.R_OK):
            raise NotSeen(str(path))


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be read: from `place` on, `limit` pages at most (0: all). `archive` and the input's path are whole
    paths, the same on each machine."""

    archive: Path
    version: str
    now: datetime
    choice: Choice
    input: Input
    place: Place
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What came of a task. `end` is "" where the file goes on at `place`, else finished or limited; `unreadable` is why
    nothing more can be read of it. `wrong`: the file has another digest than its package says."""

    batches: tuple[tuple[Batch, Results], ...]
    end: str
    place: Place
    pages: int
    wrong: Problem | None = None
    unreadable: str = ""


def read_stretch(task: Task, workers: int = 1) -> Stretch:
    """Read it, by this process, or (2 and more) by processes of its own, of which one may die by a record. Raises
    OtherProgram, NotSeen, and what opening the archive raises."""
    if task.version != __version__:
        raise OtherProgram(__version__, task.version)
    see(task.archive, task.input.path)
    pool: Pool[Batch] = Pool(Plan(task.archive, task.version, task.now, task.choice.all_captures), workers)
    out: list[tuple[Batch, Results]] = []
    pages = 0
    begun = task.place != Place()
    try:
        with task.input.open() as handle, _wanted(task) as wanted:
            framed = batches(Unpacked(handle, task.place, task.input.size), wanted, limit=task.limit, begun=begun)
            for batch in islice(framed, _BATCHES):
                pool.put(batch, batch.pairs, batch.size)
                pages += len(batch.pairs)
                batch.pairs = []  # they need not travel
                out.append(pool.take())
            last = out[-1][0]
            wrong = digest_problem(task.input, handle, again=begun) if last.end == "finished" else None
    except OSError as error:
        place = out[-1][0].place if out else task.place
        return Stretch(tuple(out), "unreadable", place, pages, unreadable=(error.strerror or str(error))[:200])
    finally:
        pool.close()
    return Stretch(tuple(out), last.end, last.place, pages, wrong)


@contextmanager
def _wanted(task: Task) -> Iterator[Wanted]:
    db = open_archive(task.archive, read_only=True)
    try:
        sites = Sites(db)
        yield Wanted(task.choice, lambda url: sites.of(url) is not None)
    finally:
        db.close()


def digest_problem(one: Input, handle: BinaryIO, *, again: bool = False) -> Problem | None:
    """A member of a package that has another digest than its package says, though it could be read to its end. `handle`
    is the stream that it was read by; `again`: that began in its midst, and all is gone through once more."""
    stream = getattr(handle, "raw", None)
    if one.member is None or not one.member.sha256 or not isinstance(stream, MemberStream):
        return None
    found = _digest(one) if again else stream.sha256()
    return Problem(Damage.FILE_DIGEST, "", detail=f"sha256:{found[:16]}...") if found and (
        found != one.member.sha256) else None


def _digest(one: Input) -> str:
    assert one.member is not None
    with one.path.open("rb") as package, MemberStream(package, one.member.name) as stream:
        while stream.read(_CHUNK):
            pass
        return stream.sha256()
