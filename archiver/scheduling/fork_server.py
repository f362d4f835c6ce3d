"""Processes that crawl, forked from a server that has imported what a crawl takes.

Imports take longer than a crawl that finds nothing new. They are done once for all crawls of a command. The server is
a process of the command's own (`multiprocessing`, start method "forkserver"), and it ends with it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

from archiver.errors import ArchiverError
from archiver.scheduling.crawl_plan import log_file

HELD = {signal.SIGINT, signal.SIGTERM}
"""Signals that end a crawl."""
_SERVER = get_context("forkserver")
_STARTING = threading.Lock()


def start_fork_server() -> None:
    """Have imported what crawls need before the first one begins. Raises OSError where there is no room for it."""
    # The tracker is started before signals are held: it lets them through again when it starts.
    resource_tracker.ensure_running()
    _SERVER.set_forkserver_preload(["archiver.scheduling.preload"])
    # The server is never to be ended by the signal that ends a crawl, which a terminal and systemd send to each
    # process: it tells how each of them ended.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def fork(name: str, work: Callable[..., None], *words: Any, daemon: bool = False) -> ForkServerProcess:
    """`work(*words)` in a process of its own. `daemon`: it is killed where this one ends before it does.

    Signals in HELD get to it from where it lets them through. Raises OSError where there is no room for another
    process."""
    with _STARTING:
        start_fork_server()
        process = _SERVER.Process(target=_begin, args=(dict(os.environ), work, words), name=name, daemon=daemon)
        process.start()
    return process


def fork_crawl(
    name: str, archive: Path, work: Callable[..., None], *words: Any, daemon: bool = False
) -> tuple[ForkServerProcess, Connection]:
    """`work(link, *words)` as a crawl of this process, and the other end of its link: when the crawl is gone, there is
    an end to be read at it. Nothing of the new process comes to the screen but what it sends: the rest, as the trace of
    a crash, is logged; where nothing can be, it sends the ArchiverError and has failed. Raises OSError as `fork`."""
    link, far = _SERVER.Pipe()
    try:
        process = fork(name, _crawl, archive, os.getpid(), work, far, words, daemon=daemon)
    except OSError:
        link.close()
        raise
    finally:
        far.close()
    return process, link


def let_through() -> None:
    """Called in the process: from now on it ends as signals ask."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def _begin(environment: dict[str, str], work: Callable[..., None], words: tuple[Any, ...]) -> None:
    os.environ.clear()  # what the server has is of the time when it was started
    os.environ.update(environment)
    work(*words)


def _crawl(archive: Path, command: int, work: Callable[..., None], far: Connection, words: tuple[Any, ...]) -> None:
    try:
        with log_file(archive).open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    except ArchiverError as error:
        far.send(error)
        sys.exit(1)
    from archiver.storage.locks import belongs_to

    belongs_to(command)
    work(far, *words)
