"""Articles read once more by a cluster of Dask: one WARC file a task. One process, this one, writes.

A task that was lost with its worker is given to another one. Every worker sees the archive and its WARC files at the
same path, in a folder that they share, and has the same version of the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from archiver.commands.workers import cores
from archiver.errors import ArchiverError, ExtraMissing
from archiver.store.anew.outcome import Outcome
from archiver.store.anew.reading import Reader
from archiver.store.anew.request import Request
from archiver.store.connect import open_archive

LOCAL = "local"
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


def read_by_dask(scheduler: str, archive: Path, version: str, at: str, request: Request, ids: list[int]
                 ) -> Iterator[list[Outcome]]:
    """Every article of `ids` read once more, in no certain order. `scheduler`: tcp://HOST:PORT, or "local" for a
    cluster of this machine's cores that lives as long as it takes. Raises ClusterAway."""
    try:
        import dask
        import distributed as loaded
    except ImportError as error:
        raise ExtraMissing("A cluster", "dask") from error
    distributed: Any = loaded  # it has no types
    with dask.config.set({"distributed.comm.timeouts.connect": _CONNECT,
                          "distributed.scheduler.allowed-failures": _RETRIES}):
        cluster = distributed.LocalCluster(n_workers=cores(), threads_per_worker=1, dashboard_address=None,
                               silence_logs=50) if scheduler == LOCAL else None
        try:
            with _client(distributed, cluster, scheduler) as client:
                slots = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
                tasks = _tasks(archive, ids)
                submit = _submitter(client, archive.resolve(), version, at, request)
                waiting = distributed.as_completed([submit(one) for one in islice(tasks, _AHEAD * slots)])
                for future in waiting:
                    yield future.result()
                    for one in islice(tasks, 1):
                        waiting.add(submit(one))
        except (OSError, TimeoutError) as error:
            raise ClusterAway(scheduler, str(error) or type(error).__name__) from error
        except Exception as error:
            if type(error).__module__.startswith("distributed"):
                raise ClusterAway(scheduler, str(error).splitlines()[0]) from error
            raise
        finally:
            if cluster is not None:
                cluster.close()


def _client(distributed: Any, cluster: Any, scheduler: str) -> Any:
    """Raises ClusterAway also for an address that is none, which Dask says in errors of many kinds."""
    try:
        return distributed.Client(cluster or scheduler)
    except (TypeError, ValueError, OSError) as error:
        raise ClusterAway(scheduler, str(error).partition("\n")[0]) from error


def _submitter(client: Any, archive: Path, version: str, at: str, request: Request) -> Any:
    def submit(ids: tuple[int, ...]) -> Any:
        return client.submit(read_file, str(archive), version, at, request, ids, pure=False, retries=_RETRIES)

    return submit


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
    """A task, on any machine: articles whose captures lie in one file."""
    path = Path(archive)
    db = open_archive(path, read_only=True)
    try:
        reader = Reader(db, path.parent, version, at, request)
        return [reader.read(number) for number in ids]
    finally:
        db.close()
