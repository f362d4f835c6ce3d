"""Waits for conditions, and limits CPU time. The limits are far above what a busy machine needs, so that no test is a
race.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

PATIENCE = 120.0
"""Seconds that a test waits for a condition."""
LONGEST_COMMAND = 600.0
"""Seconds after which a command hangs. On a busy machine a crawl of a hundred sites takes more than two minutes."""
POLL = 0.02
"""Seconds between two looks of a test server at whether it is to end. The default of half a second would be most of the
time of many tests."""
MOST_WORK = 30.0
"""Seconds of CPU time of this process. Code of more than linear complexity would take many times as long."""


def until(happened: Callable[[], object], every: float = 0.02) -> None:
    """Wait until the function returns a true value; fail the test if it does not in time."""
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            pytest.fail(f"It did not happen in {PATIENCE:.0f} seconds.")
        time.sleep(every)


@contextmanager
def bounded_work(seconds: float = MOST_WORK) -> Iterator[None]:
    """Fail the test if the code in the context uses more than this many seconds of CPU time."""

    def stop(*_: object) -> None:
        pytest.fail(f"It used more than {seconds:.0f} seconds of CPU time.")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
