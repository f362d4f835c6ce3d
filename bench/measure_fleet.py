"""measure_fleet.py [OPTIONS]: measure the speed of a fleet's queue, and the pages per second of 1, 2 and 4 workers.

Queue: empty jobs are put into PostgreSQL, fetched, leased and finished as those of crawls, by several threads of one
worker. Pages: generated sites on loopback without delay; each worker crawls one site at a time. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from archiver.fleet.enrolment import enter_sites, make_fleet_site  # noqa: E402
from archiver.fleet.job_queue import PatientConnector, enqueue_due_jobs, make_queue  # noqa: E402
from archiver.fleet.leases import EndedRun, SiteLease, release_lease, take_lease  # noqa: E402
from archiver.fleet.postgres import QueueDatabase  # noqa: E402
from archiver.storage.runs import Counts  # noqa: E402
from tests.fleet import hosts, postgres  # noqa: E402
from tests.fleet.fleets import Fleet  # noqa: E402


def queue(server: postgres.Postgres, jobs: int, threads: int) -> dict[str, Any]:
    """Measure the jobs per second through deferring, fetching, leasing and finishing."""
    address = server.database("speed")
    board = QueueDatabase(address, threads + 4)
    app = make_queue(board, size=threads + 4)
    with app.open():
        app.schema_manager.apply_schema()
    board.make("nowhere", None, None)
    enter_sites(board, [make_fleet_site(f"https://site-{n}.example/", {}) for n in range(jobs)])

    async def run() -> tuple[float, float, float]:
        made = make_queue(board, size=threads + 4)
        fast = type(made)(connector=PatientConnector(conninfo=address, min_size=threads, max_size=threads + 4))

        @fast.task(name="crawl-site", queue="sites")
        def crawl(site: str, url: str, settings: dict[str, Any]) -> None:
            held = take_lease(board, site, "w", 0.0)
            assert isinstance(held, SiteLease)
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            release_lease(board, held, EndedRun("finished", "", Counts(), tomorrow, 86400.0, "", None, 0.0))

        async with fast.open_async():
            begun = time.monotonic()
            while await enqueue_due_jobs(fast, board):
                pass
            deferred = time.monotonic() - begun
            begun, cpu = time.monotonic(), time.process_time()
            await fast.run_worker_async(
                queues=["sites"],
                wait=False,
                concurrency=threads,
                delete_jobs="always",
                install_signal_handlers=False,
                listen_notify=False,
            )
            return deferred, time.monotonic() - begun, time.process_time() - cpu

    deferred, done, worked = asyncio.run(run())
    board.close()
    return {
        "jobs": jobs,
        "deferred_per_second": round(jobs / deferred, 1),
        "done_per_second": round(jobs / done, 1),
        "worker_cpu_ms_per_job": round(worked / jobs * 1000, 2),
    }


def pages(server: postgres.Postgres, workers: int, sites: int, posts: int) -> dict[str, Any]:
    """Measure the pages per second from the first request to the last."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder, hosts.serving(sites, posts, 76) as served:
        fleet = Fleet(server.database(f"pages{workers}"), Path(folder))
        try:
            made = fleet.do("init", "--storage", fleet.storage, *served.urls)
            assert made.returncode == 0, made.stderr
            for number in range(workers):
                fleet.worker(f"w{number}", 1)
            fleet.wait(1800)
        finally:
            fleet.end()
        seconds = max(a.ended for a in served.log) - min(a.began for a in served.log)
        return {
            "workers": workers,
            "sites": sites,
            "posts": posts,
            "pages_per_second": round(len(served.log) / seconds, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--sites", type=int, default=8)
    parser.add_argument("--posts", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    words = parser.parse_args()
    with postgres.running() as server:
        print(json.dumps(queue(server, words.jobs, words.threads)), flush=True)
        for number in words.workers:
            print(json.dumps(pages(server, number, words.sites, words.posts)), flush=True)


if __name__ == "__main__":
    main()
