"""Shows the progress of a measurement on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")


def with_progress(things: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the things and count them on the terminal."""
    total = len(things) if total is None and isinstance(things, Sized) else total
    shown = sys.stderr.isatty()
    for number, thing in enumerate(things, start=1):
        if shown:
            print(f"\r\x1b[K{what}: {number}{f' of {total}' if total else ''}", end="", file=sys.stderr, flush=True)
        yield thing
    if shown:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
