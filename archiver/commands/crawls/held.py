"""Starting processes that crawl; to one that is spawned no signal gets before it can end as the signal asks."""

from __future__ import annotations

import signal
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

HELD = {signal.SIGINT, signal.SIGTERM}
"""Signals that end a crawl."""


def start(process: BaseProcess, far: Connection) -> None:
    """Start it with its end of the link, which it alone has from then on: when it is gone, there is an end to be read
    at the other. Raises OSError where there is no room for another process."""
    # Started before signals are held: it lets them through again when it starts.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        far.close()


def start_forked(process: BaseProcess, far: Connection) -> None:
    """The same of a process that a server forks, which has the server's mask of signals and not this one's: one that is
    told to end before it has begun is gone at once, as well it may be."""
    resource_tracker.ensure_running()
    try:
        process.start()
    finally:
        far.close()


def let_through() -> None:
    """Called in the process: from now on it ends as signals ask."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
