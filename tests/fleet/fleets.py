"""A fleet for tests: its commands, workers and state."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.processes import Running, run, without_proxies


class Fleet:
    """A fleet with its queue at `jobs` and its files below `folder`."""

    def __init__(self, jobs: str, folder: Path, storage: str = "", **environment: str) -> None:
        self.jobs, self.folder, self.storage = jobs, folder, storage or str(folder / "storage")
        self.environment = {**without_proxies(), "ARCHIVER_JOBS": jobs, **environment}
        self.workers: dict[str, Running] = {}

    def do(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run("archiver", "fleet", *words, environment=self.environment)

    def worker(self, name: str, slots: int = 2, *, work: bool = True) -> Running:
        """Starts a worker. Its requests name it: the contact is NAME@example.org."""
        begun = Running(
            "archiver",
            "fleet",
            "worker",
            "--name",
            name,
            "--slots",
            str(slots),
            "--contact",
            f"{name}@example.org",
            *(("--work", str(self.folder / name)) if work else ()),
            environment=self.environment,
        )
        self.workers[name] = begun
        return begun

    def status(self) -> dict[str, Any]:
        """Returns the status; waits if PostgreSQL is unreachable for a while."""
        for _ in range(20):
            done = self.do("status", "--json")
            if done.stdout:
                return dict(json.loads(done.stdout))
            time.sleep(0.5)
        raise AssertionError(done.stderr)

    def wait(self, seconds: float = 180.0) -> dict[str, Any]:
        """Waits until no site is due or running; returns the status."""
        from archiver.fleet.postgres import QueueDatabase
        from archiver.model.errors import QueueUnavailable

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                board = QueueDatabase(self.jobs, 2)
                try:
                    row = board.one(
                        "select count(*) as n from fleet_sites s join fleet_hosts h using (host) where "
                        "s.due_at <= now() or (h.site = s.name and h.lease_until > now())"
                    )
                finally:
                    board.close()
                if row and not row["n"]:
                    return self.status()
            except QueueUnavailable:
                pass
            time.sleep(0.25)
        raise TimeoutError([worker.err[-2000:] for worker in self.workers.values() if worker.lives])

    def end(self) -> None:
        """Ends the remaining workers."""
        for worker in self.workers.values():
            with suppress(ValueError):  # its test ended it
                if worker.lives:
                    worker.send(9)
                worker.end()
        self.workers.clear()
