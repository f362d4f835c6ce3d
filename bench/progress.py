"""How far a measurement has come, on the standard error of a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")


def told(things: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """The things, counted on the screen as they are taken."""
    total = len(things) if total is None and isinstance(things, Sized) else total
    shown = sys.stderr.isatty()
    for number, thing in enumerate(things, start=1):
        if shown:
            print(f"\r\x1b[K{what}: {number}{f' of {total}' if total else ''}", end="", file=sys.stderr, flush=True)
        yield thing
    if shown:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
