"""When a run should not be believed any more: the server is away, or most of its pages seem to be gone at once.

Pure decisions over what the last requests came to; the spider acts on them.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

FAILURES_IN_A_ROW = 3
"""Pages that fail one after the other before it is asked whether the home page still answers."""
ASKED = 20
"""Known pages that are asked before their answers say anything of the site as a whole."""


class Streak:
    """Counts failures in a row. Each page of them has been tried several times already."""

    def __init__(self, most: int = FAILURES_IN_A_ROW) -> None:
        self._most = most
        self._failed = 0

    def add(self, failed: bool) -> bool:
        """Enter what came of a page; whether the server itself must now be asked. The count then begins anew."""
        self._failed = self._failed + 1 if failed else 0
        if self._failed < self._most:
            return False
        self._failed = 0
        return True


class GoneWatch(Generic[T]):
    """Holds the last `asked` answers for known pages, until it is sure that not most of them are gone at once."""

    def __init__(self, asked: int = ASKED) -> None:
        self._asked = asked
        self._last: deque[T | None] = deque()

    @property
    def alarm(self) -> bool:
        """More than half of the last answers say that a page is gone: the site is ill, not its pages."""
        return len(self._last) == self._asked and sum(item is not None for item in self._last) > self._asked / 2

    def add(self, gone: T | None) -> list[T]:
        """Enter an answer: what is to be held of a page that is gone, else None. Gives back what is sure by now."""
        sure = []
        if len(self._last) == self._asked and (first := self._last.popleft()) is not None:
            sure.append(first)
        self._last.append(gone)
        return sure

    def rest(self) -> list[T]:
        """All that is held, which is held no longer."""
        held = [item for item in self._last if item is not None]
        self._last.clear()
        return held
