"""Turns at a host that several crawls ask, those of other processes too: a web archive is one for all sites."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path

from slugify import slugify

_FARTHEST = 3600.0
"""A turn that lies farther ahead was written by a clock that has been set back since."""


class Turns:
    """Of the crawls into archives of one folder. The next turn of a host is kept in a small file there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, host: str, seconds: float) -> float:
        """Seconds until the next turn at this host, which is taken; the one after it comes `seconds` later.

        Where no file can be written there are no turns, and no wait.
        """
        try:
            with (self._folder / f".{slugify(host)}.turn").open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                now = time.time()
                file.seek(0)
                turn = _read(file.read(40), now)
                file.truncate(0)
                file.write(str(turn + seconds))
        except OSError:
            return 0.0
        return turn - now


def _read(text: str, now: float) -> float:
    try:
        turn = float(text)
    except ValueError:
        return now
    return turn if now < turn < now + _FARTHEST else now
