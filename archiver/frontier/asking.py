"""What is looked at before each request is written: whether this process may still ask at all.

A process that was suspended goes on in the midst of what it did, also where its time is over by then. So it is not
enough that somebody watches the time beside it; the look belongs right before the request.
"""

from __future__ import annotations

from collections.abc import Callable

_looks: list[Callable[[], None]] = []


def look_before_asking(look: Callable[[], None]) -> None:
    """From now on this process calls `look` before each request; one that may not be made does not come back from it.
    """
    _looks.append(look)


def about_to_ask() -> None:
    for look in _looks:
        look()
