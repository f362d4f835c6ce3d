"""Files read by many workers at a time, a file by one of them: their stretches come in any order and are written by
this process. A file's own stretches follow one another, and files end in the order in which they were named."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from archiver.capture.damage import Problem
from archiver.imports.framing import Batch
from archiver.imports.pool import Results
from archiver.imports.stretch import Stretch, Task, read_stretch

_AHEAD = 2  # files that wait for each worker
G = TypeVar("G")


class Cluster(Protocol):
    """Workers that take tasks. `take` waits for any of those put and gives its number and what came of it, None where
    each worker that tried has died of it."""

    @property
    def slots(self) -> int: ...

    def put(self, number: int, function: Callable[..., Any], *values: Any) -> None: ...

    def take(self) -> tuple[int, Any]: ...


@dataclass
class Underway(Generic[G]):
    """A file with the task that reads it on; `over` is its last stretch."""

    what: G
    task: Task
    over: Stretch | None = None


def spread(files: Iterator[Underway[G]], cluster: Cluster, write: Callable[[G, Batch, Results], None],
           end: Callable[[G, str, Problem | None, str], None]) -> None:
    """Read `files` to their ends. `write` is called for each batch, `end` for each file with how it ended, what is
    wrong with all of it, and why it could not be read on ("": it could).

    Ends come in order, so that what an earlier file says of another's captures is known by then.
    """
    under_way: dict[int, Underway[G]] = {}
    in_order: deque[Underway[G]] = deque()
    begun = 0
    while True:
        for one in islice(files, max(0, _AHEAD * cluster.slots - len(under_way))):
            under_way[begun] = one
            in_order.append(one)
            cluster.put(begun, read_stretch, one.task)
            begun += 1
        if not under_way:
            return
        number, came = cluster.take()
        one = under_way[number]
        # A record that ends the process that reads it is found, and named, by processes of our own.
        stretch: Stretch = came or read_stretch(one.task, workers=2)
        if stretch.end:
            del under_way[number]
        else:
            left = one.task.limit - stretch.pages if one.task.limit else 0
            one.task = replace(one.task, place=stretch.place, limit=left)
            cluster.put(number, read_stretch, one.task)
        for batch, results in stretch.batches:
            write(one.what, batch, results)
        one.over = replace(stretch, batches=()) if stretch.end else None
        while in_order and (last := in_order[0].over):
            end(in_order.popleft().what, last.end, last.wrong, last.unreadable)
