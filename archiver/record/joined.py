"""What belongs together, by links of two: disjoint sets as trees (Galler and Fischer, 1964)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Joined(Generic[K]):
    """What links hold together; what has none is by itself."""

    __slots__ = ("_above",)

    def __init__(self, links: Iterable[tuple[K, K]] = ()) -> None:
        self._above: dict[K, K] = {}
        for one, other in links:
            self.join(one, other)

    def join(self, one: K, other: K) -> None:
        self._above[self.top(one)] = self.top(other)

    def top(self, one: K) -> K:
        """The one that stands for all that it is together with."""
        above = self._above
        while above.setdefault(one, one) != one:
            above[one] = one = above[above[one]]
        return one

    def groups(self, each: Iterable[K]) -> list[list[K]]:
        """These, those that are together in one group: in the order in which they come, groups by their first."""
        found: dict[K, list[K]] = {}
        for one in each:
            found.setdefault(self.top(one), []).append(one)
        return list(found.values())
