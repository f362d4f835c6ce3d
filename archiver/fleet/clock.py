"""A clock for leases: it goes on while the machine sleeps, and nobody can set it."""

from __future__ import annotations

import time


def ticks() -> float:
    """Seconds since the machine was started, the same in all of its processes."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
