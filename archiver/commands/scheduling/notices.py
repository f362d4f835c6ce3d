"""When the scheduler has people told: after crawls, but not after each; and once an hour of what time alone changes."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic

from archiver.commands.scheduling.child import note

_EVERY = 60.0
"""Seconds that changes wait for others, so that many are one message."""
_ALL_EVERY = 3600.0
_LONGEST = 180.0
_CATCHING_UP = 600.0
"""Seconds after the start in which nobody is told of missed turns: those of an outage are made up for."""


class Notices:
    """Keeps one process at a time; one that hangs is killed, and what it had to tell is told by the next."""

    def __init__(self, archive: Path, say: Callable[[str], None]) -> None:
        self._archive = archive
        self._say = say
        self._sites: set[str] = set()
        self._process: ForkServerProcess | None = None
        self._next = self._next_all = 0.0
        self._caught_up = monotonic() + _CATCHING_UP
        self._began = 0.0

    def ended(self, site: str) -> None:
        """A run of this site is over."""
        self._sites.add(site)

    def turn(self) -> None:
        """Do what is due; called every now and then."""
        now = monotonic()
        if self._process is not None:
            if self._process.is_alive():
                if now - self._began > _LONGEST:
                    self._process.kill()
                return
            self._process.close()
            self._process = None
        everything, place = now >= self._next_all, now >= self._caught_up
        if not everything and (not self._sites or now < self._next):
            return
        try:
            self._process = note(self._archive, None if everything else tuple(self._sites), place=place)
        except OSError as error:
            self._say(f"Nobody is told now of what may have changed ({error.strerror}): it is tried again.")
        else:
            self._sites.clear()
            if everything:
                self._next_all = now + _ALL_EVERY if place else self._caught_up
        self._began, self._next = now, now + _EVERY

    def close(self) -> None:
        """Leave a message that is under way half a second; it is sent again where that is not enough."""
        if self._process is not None:
            self._process.join(0.5)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join()
