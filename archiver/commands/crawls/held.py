"""Starting a process to which no signal gets before it can end as the signal asks."""

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


def let_through() -> None:
    """Called in the process: from now on it ends as signals ask."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
