"""What is looked at before anything is sent to a host: whether this process may still ask at all.

A process that was suspended goes on in the midst of what it did, also where its time is over by then. So it is not
enough that somebody watches the time beside it; the look belongs right before what is sent.
"""

from __future__ import annotations

from collections.abc import Callable

_looks: list[Callable[[], None]] = []


def look_before_asking(look: Callable[[], None]) -> None:
    """From now on this process calls `look` before each word to a host, and it returns where that may be said."""
    _looks.append(look)


def about_to_ask() -> None:
    for look in _looks:
        look()
