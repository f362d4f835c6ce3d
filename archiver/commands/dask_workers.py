"""A cluster of Dask, and articles read once more by it: one WARC file a task. One process, this one, writes.

A task that was lost with its worker is given to another one. Every worker sees the archive and its WARC files at the
same path, in a folder that they share, and has the same version of the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from archiver.commands.dask_option import LOCAL
from archiver.commands.workers import cores
from archiver.errors import ArchiverError, ExtraMissing
from archiver.store.anew.outcome import Outcome
from archiver.store.anew.reading import Reader
from archiver.store.anew.request import Request
from archiver.store.connect import open_archive

_MOST = 500
"""Articles of a task: what a worker is sent away with is held here until it is written."""
_AHEAD = 3
_RETRIES = 5
_CONNECT = "20s"


class ClusterAway(ArchiverError):
    def __init__(self, scheduler: str, why: str) -> None:
        super().__init__(scheduler, f"The Dask scheduler {scheduler} cannot be used ({why}): start it with 'dask "
                                    "scheduler', or give --dask local. What was written stays, and the same command "
                                    "goes on.")


class Cluster:
    """The workers of a cluster: tasks go in with a number, results come out as they are there. Raises ClusterAway."""

    def __init__(self, distributed: Any, client: Any, scheduler: str) -> None:
        self.slots = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        self._client, self._scheduler = client, scheduler
        self._killed: type[Exception] = distributed.scheduler.KilledWorker
        self._done = distributed.as_completed(loop=client.loop)
        self._numbers: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def put(self, number: int, function: Callable[..., Any], *values: Any) -> None:
        with _told(self._scheduler):
            future = self._client.submit(function, *values, pure=False, retries=_RETRIES)
            self._numbers[future] = number
            self._done.add(future)

    def take(self) -> tuple[int, Any]:
        """The number of a task and its result; None where all workers that tried it died of it."""
        with _told(self._scheduler):
            future = next(self._done)
            number = self._numbers.pop(future)
            try:
                return number, future.result()
            except self._killed:
                return number, None


@contextmanager
def cluster(scheduler: str) -> Iterator[Cluster]:
    """`scheduler`: tcp://HOST:PORT, or "local" for a cluster of this machine's cores that lives as long as the block.
    Raises ClusterAway, ExtraMissing."""
    try:
        import dask
        import distributed as loaded
    except ImportError as error:
        raise ExtraMissing("A cluster", "dask") from error
    distributed: Any = loaded  # it has no types
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.comm.timeouts.connect": _CONNECT,
                                             "distributed.scheduler.allowed-failures": _RETRIES}))
        where: Any = scheduler
        if scheduler == LOCAL:
            where = stack.enter_context(distributed.LocalCluster(
                n_workers=cores(), threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50))
        try:
            if where is scheduler:
                _proved(distributed.comm, scheduler)
            client = stack.enter_context(distributed.Client(where))
        except (TypeError, ValueError, OSError) as error:  # an address that is none has errors of many kinds
            raise ClusterAway(scheduler, str(error).partition("\n")[0]) from error
        yield Cluster(distributed, client, scheduler)


def _proved(comm: Any, address: str) -> None:
    """Raises ValueError where Dask cannot connect to such an address. Asked before a client is made: one that fails
    over its address is left half open, with a thread that disturbs whatever connects after it."""
    scheme, _ = comm.addressing.parse_address(address, strict=True)
    comm.registry.get_backend(scheme)
    comm.addressing.parse_host_port(address)


@contextmanager
def _told(scheduler: str) -> Iterator[None]:
    """What keeps a cluster from working as one sentence; what a task itself raised as it is."""
    try:
        yield
    except (OSError, TimeoutError) as error:
        raise ClusterAway(scheduler, str(error) or type(error).__name__) from error
    except Exception as error:
        if type(error).__module__.startswith("distributed"):
            raise ClusterAway(scheduler, str(error).splitlines()[0]) from error
        raise


def read_by_dask(scheduler: str, archive: Path, version: str, at: str, request: Request, ids: list[int]
                 ) -> Iterator[list[Outcome]]:
    """Every article of `ids` read once more, in no certain order. Raises what `cluster` and its workers do."""
    with cluster(scheduler) as workers:
        tasks = enumerate(_tasks(archive, ids))

        def put(most: int) -> None:
            for number, one in islice(tasks, most):
                workers.put(number, read_file, str(archive.resolve()), version, at, request, one)

        put(_AHEAD * workers.slots)
        while len(workers):
            _, came = workers.take()
            if came is None:
                raise ClusterAway(scheduler, "all workers that tried to read one file died of it")
            yield came
            put(1)


def _tasks(archive: Path, ids: list[int]) -> Iterator[tuple[int, ...]]:
    """The articles by the WARC file that their current capture lies in."""
    db = open_archive(archive, read_only=True)
    try:
        files = dict(db.execute("select a.id, coalesce(c.warc_file, '') from articles a "
                                "left join captures c on c.id = a.capture_id").fetchall())
    finally:
        db.close()
    for _, group in groupby(sorted(ids, key=lambda number: (files.get(number, ""), number)),
                            key=lambda number: files.get(number, "")):
        while some := tuple(islice(group, _MOST)):
            yield some


def read_file(archive: str, version: str, at: str, request: Request, ids: tuple[int, ...]) -> list[Outcome]:
    """A task, on any machine: articles whose captures lie in one file. Raises NotSeen, and what opening does."""
    from archiver.imports.stretch import see  # what imports need is not loaded to read again on this machine

    path = Path(archive)
    see(path)
    db = open_archive(path, read_only=True)
    try:
        reader = Reader(db, path.parent, version, at, request)
        return [reader.read(number) for number in ids]
    finally:
        db.close()
