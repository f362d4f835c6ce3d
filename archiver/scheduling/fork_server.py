"""Starts processes for crawls by forking a server process that has already imported everything that a crawl needs.

The imports take longer than a crawl that finds nothing new, so they are done once for all crawls of a command. The
server is a child process of the command (`multiprocessing`, start method "forkserver") and ends with it.
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

from archiver.extensions.crawl_log import prepare_log_file
from archiver.model.errors import ArchiverError

END_SIGNALS = {signal.SIGINT, signal.SIGTERM}
"""Signals that end a crawl. They are blocked in a new process until it calls `unblock_end_signals`."""
_SERVER = get_context("forkserver")
_STARTING = threading.Lock()


def start_fork_server() -> None:
    """Starts the server unless it is running. The server then begins its imports. Raises OSError if no process can be
    started.
    """
    # Start the tracker before signals are blocked, because its start unblocks them.
    resource_tracker.ensure_running()
    _SERVER.set_forkserver_preload(["archiver.scheduling.fork_server_preload"])
    # A terminal and systemd signal every process. The server must survive that, because it reports how each crawl
    # process ended.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
    try:
        ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def fork(name: str, work: Callable[..., None], *words: Any, daemon: bool = False) -> ForkServerProcess:
    """Runs `work(*words)` in a new process, and returns the process. With `daemon`, the process is killed if this
    process ends first.

    END_SIGNALS are blocked in the new process until it calls `unblock_end_signals`. Raises OSError if no process can be
    started.
    """
    with _STARTING:
        start_fork_server()
        process = _SERVER.Process(target=_begin, args=(dict(os.environ), work, words), name=name, daemon=daemon)
        process.start()
    return process


def fork_crawl(
    name: str, archive: Path, work: Callable[..., None], *words: Any, daemon: bool = False
) -> tuple[ForkServerProcess, Connection]:
    """Runs `work(link, *words)` as a crawl in a new process. Returns the process and this process's end of the link.
    With `daemon`, the process is killed if this process ends first.

    The link is a pipe connection that reports end of file when the process has ended. What the process prints, such as
    a traceback, goes to the archive's log. If the log cannot be opened, the process sends the ArchiverError over the
    link and exits. Raises OSError if no process can be started.
    """
    link, remote = _SERVER.Pipe()
    try:
        process = fork(name, _crawl, archive, os.getpid(), work, remote, words, daemon=daemon)
    except OSError:
        link.close()
        raise
    finally:
        remote.close()
    return process, link


def unblock_end_signals() -> None:
    """Unblocks END_SIGNALS. A process that `fork` or `fork_crawl` started calls this when it can handle them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, END_SIGNALS)


def _begin(environment: dict[str, str], work: Callable[..., None], words: tuple[Any, ...]) -> None:
    os.environ.clear()  # the inherited environment is that of the server's start
    os.environ.update(environment)
    work(*words)


def _crawl(
    archive: Path, command_pid: int, work: Callable[..., None], remote: Connection, words: tuple[Any, ...]
) -> None:
    try:
        with prepare_log_file(archive).open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    except ArchiverError as error:
        remote.send(error)
        sys.exit(1)
    from archiver.storage.transactions import set_lock_holder

    set_lock_holder(command_pid)
    work(remote, *words)
