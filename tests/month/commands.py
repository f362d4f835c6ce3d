"""Runs commands of the program at a time that the test gives, and kills them between two steps of their writing."""

from __future__ import annotations

import gc
import mmap
import multiprocessing
import os
import runpy
import shutil
import signal
import sqlite3
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tests.preload  # noqa: F401 - the clock is held in all modules of the program
from tests.month.clock import dated_modules, hold_clock
from tests.processes import SERVER, without_proxies

_LONGEST = 120.0
dated_modules()


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code (negative: the signal that killed it), its output, and its steps."""

    code: int
    out: str
    err: str
    steps: int

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Running:
    """A running command. See `run_at`."""

    def __init__(
        self, at: datetime, words: tuple[str, ...], folder: Path, environment: Mapping[str, str], kill_at: int | None
    ) -> None:
        self._words = words
        self._outputs = tempfile.TemporaryDirectory(prefix="month-")
        self._files = [Path(self._outputs.name, one) for one in ("out", "err", "steps")]
        for file in self._files:
            file.write_bytes(bytes(8) if file.name == "steps" else b"")
        self._process = SERVER.Process(
            target=_run, args=(at, words, folder, dict(without_proxies() | dict(environment)), self._files, kill_at)
        )
        self._process.start()

    @property
    def _steps(self) -> int:
        return int(struct.unpack("q", self._files[2].read_bytes())[0])

    def terminate_at(self, step: int) -> None:
        """Send SIGTERM once this many steps are done."""
        while self._process.is_alive() and self._steps < step:
            time.sleep(0.005)
        if self._process.is_alive() and self._process.pid:
            os.kill(self._process.pid, signal.SIGTERM)

    def end(self) -> Done:
        self._process.join(_LONGEST)
        if self._process.is_alive():
            assert self._process.pid
            os.killpg(self._process.pid, signal.SIGKILL)
            raise TimeoutError(f"archiver {' '.join(self._words)} did not end: {self._files[1].read_text()[-2000:]}")
        assert self._process.exitcode is not None
        done = Done(self._process.exitcode, self._files[0].read_text(), self._files[1].read_text(), self._steps)
        self._process.close()
        self._outputs.cleanup()
        return done


def start_at(
    at: datetime, *words: str, folder: Path, environment: Mapping[str, str] | None = None, kill_at: int | None = None
) -> Running:
    """Start `archiver words` in a folder at this time. `kill_at`: the step at which the command and all its processes
    are killed; 0 only counts the steps, None does not, which is faster.

    A step is a statement that writes to the database, or a call that writes, syncs, renames or deletes a file.
    """
    return Running(at, words, folder, environment or {}, kill_at)


def run_at(
    at: datetime, *words: str, folder: Path, environment: Mapping[str, str] | None = None, kill_at: int | None = None
) -> Done:
    """Run a command to its end, as `start_at` starts it."""
    return start_at(at, *words, folder=folder, environment=environment, kill_at=kill_at).end()


def _run(
    at: datetime,
    words: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    files: list[Path],
    kill_at: int | None,
) -> None:
    os.setsid()  # so that a kill of this group ends all its processes
    for number, file in enumerate(files[:2], start=1):
        handle = os.open(file, os.O_APPEND | os.O_WRONLY)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    gc.disable()
    _fork_without_server()
    _leave_out_search()
    hold_clock(at)
    if kill_at is not None:
        _Steps(files[2], kill_at).count()
    sys.argv = ["archiver", *words]
    runpy.run_module("archiver", run_name="__main__", alter_sys=True)


def _fork_without_server() -> None:
    """Let the scheduler fork its crawls from its own process, which has imported everything and has the held clock. It
    starts them at once, because half a second between two starts helps nobody here.
    """
    from archiver.scheduling import fork_server, scheduler_loop

    fork_server._SERVER = multiprocessing.get_context("fork")  # type: ignore[assignment]
    fork_server.start_fork_server = lambda: None
    scheduler_loop.start_interval = lambda waiting: 0.0  # type: ignore[attr-defined]


def _leave_out_search() -> None:
    """Leave out the search index, which is made from the archive and takes a quarter of a small run's time."""
    from archiver.search import search_index

    search_index.refresh_after_writing = lambda archive, progress=None: ""


class _Steps:
    """Counts steps over all processes of a command, in a file that they map, and kills them all at one step."""

    def __init__(self, file: Path, kill_at: int) -> None:
        with file.open("r+b") as handle:
            self._count = mmap.mmap(handle.fileno(), 8)
        self._kill_at = kill_at

    def count(self) -> None:
        import archiver.storage.database as connection
        from archiver.warc import warc_writer

        opening = connection._connect

        def connect(*args: Any, **named: Any) -> sqlite3.Connection:
            made: sqlite3.Connection = opening(*args, **named)
            made.set_trace_callback(self._statement)
            return made

        connection._connect = connect
        for holder, name in ((os, "fsync"), (os, "replace"), (os, "rename"), (os, "unlink"), (os, "write")):
            setattr(holder, name, self._counted(getattr(holder, name)))
        assert warc_writer.os is os

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            self._step()
            return real(*args, **named)

        return counted

    def _statement(self, sql: str) -> None:
        if not sql.lstrip().lower().startswith(("select", "pragma", "--", "with", "explain")):
            self._step()

    def _step(self) -> None:
        number = struct.unpack("q", self._count[:8])[0] + 1
        self._count[:8] = struct.pack("q", number)
        if number == self._kill_at:
            os.killpg(0, signal.SIGKILL)


def copy_archive(folder: Path, to: Path) -> None:
    """Copy an archive with everything beside it. No command may be running."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*.lock", "*.turn"))
