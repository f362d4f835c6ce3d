"""A worker of a fleet: runs several jobs at a time until it is stopped, and sends heartbeats."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from procrastinate import App
from procrastinate.exceptions import ConnectorException

from archiver import __version__
from archiver.errors import ArchiverError, QueueUnavailable, QueueVersionMismatch
from archiver.fleet.job_queue import CARE, SITES, make_queue
from archiver.fleet.run_crawl_job import WorkerContext
from archiver.scheduling.fork_server import start_fork_server

_log = logging.getLogger(__name__)
_BEAT = 2.0
_POLL = 1.0


@dataclass(eq=False)
class Worker:
    """A fleet worker with `slots` jobs at a time. `run` returns the number of the signal that ended it, or 0 if the
    fleet was drained. It raises QueueVersionMismatch if the fleet was meanwhile upgraded to another version.
    """

    place: WorkerContext
    slots: int
    say: Callable[[str], None]
    signum: int = 0
    _refused: ArchiverError | None = None

    def run(self) -> int:
        start_fork_server()
        asyncio.run(self._main())
        with suppress(QueueUnavailable):
            self.place.board.do(
                "update fleet_workers set ended_at = now(), running = 0 where name = %s", [self.place.name]
            )
        if self._refused:
            raise self._refused
        return self.signum

    async def _main(self) -> None:
        loop, ending = asyncio.get_running_loop(), asyncio.Event()

        def stop(signum: int) -> None:
            self.signum = self.signum or signum
            self.place.stopping.set()
            ending.set()

        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, stop, signum)
        self._register()
        over = threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(self.slots + 8))  # each crawl occupies one thread
        beat = threading.Thread(
            target=self._send_heartbeats, daemon=True, args=(over, lambda: loop.call_soon_threadsafe(ending.set))
        )
        beat.start()
        try:
            app = make_queue(self.place.board, self.place, size=self.slots + 4)
            async with app.open_async():
                while not ending.is_set():
                    await self._run_jobs(app, ending)
        finally:
            over.set()
            beat.join()

    async def _run_jobs(self, app: App, ending: asyncio.Event) -> None:
        """Runs jobs until `ending` is set, or until Procrastinate gives up because PostgreSQL was unreachable for too
        long.
        """
        try:
            lease = self.place.board.fleet().lease
        except QueueUnavailable as error:
            _log.warning("%s", error)
            await asyncio.sleep(_BEAT)
            return
        both = [
            asyncio.create_task(
                app.run_worker_async(
                    queues=[queue],
                    concurrency=slots,
                    name=self.place.name,
                    fetch_job_polling_interval=_POLL,
                    install_signal_handlers=False,
                    listen_notify=False,
                    delete_jobs="always",
                    update_heartbeat_interval=lease / 6,
                    stalled_worker_timeout=lease * 4,
                )
            )
            for queue, slots in ((SITES, self.slots), (CARE, 1))
        ]
        waiting = asyncio.create_task(ending.wait())
        await asyncio.wait([*both, waiting], return_when=asyncio.FIRST_COMPLETED)
        # If one of the two queues has given up, the other is ended, too. It would compete with the workers that are
        # started next.
        for task in (*both, waiting):
            task.cancel()
        for result in await asyncio.gather(*both, return_exceptions=True):
            if isinstance(result, ConnectorException | QueueUnavailable):
                _log.warning("the queue was unreachable: %s", result)
                await asyncio.sleep(2)
            elif isinstance(result, Exception):
                raise result

    def _register(self) -> None:
        self.place.board.do(
            "insert into fleet_workers (name, version, slots) values (%s, %s, %s) on conflict (name) do update set "
            "version = excluded.version, slots = excluded.slots, began_at = now(), seen_at = now(), ended_at = null",
            [self.place.name, __version__, self.slots],
        )

    def _send_heartbeats(self, over: threading.Event, end: Callable[[], object]) -> None:
        """Sends heartbeats in a loop, and ends the worker when the fleet is drained or has another version."""
        board = self.place.board
        while not over.wait(_BEAT):
            try:
                board.do(
                    "update fleet_workers set seen_at = now(), running = "
                    "(select count(*) from fleet_hosts where worker = %s and lease_until > now()) where name = %s",
                    [self.place.name, self.place.name],
                )
                if board.fleet().draining:
                    end()
            except QueueVersionMismatch as error:
                self._refused = error
                end()
            except ArchiverError as error:
                _log.warning("%s", error)
