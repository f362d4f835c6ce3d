"""Union-find over linked pairs: disjoint sets as trees (Galler and Fischer, 1964)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Joined(Generic[K]):
    """The sets that links form; an element without links is a set of its own."""

    __slots__ = ("_above",)

    def __init__(self, links: Iterable[tuple[K, K]] = ()) -> None:
        self._above: dict[K, K] = {}
        for one, other in links:
            self.join(one, other)

    def join(self, one: K, other: K) -> None:
        self._above[self.top(one)] = self.top(other)

    def top(self, one: K) -> K:
        """The representative of the set that an element is in."""
        above = self._above
        while above.setdefault(one, one) != one:
            above[one] = one = above[above[one]]
        return one

    def groups(self, each: Iterable[K]) -> list[list[K]]:
        """The given elements by set: in the given order, sets by their first element."""
        found: dict[K, list[K]] = {}
        for one in each:
            found.setdefault(self.top(one), []).append(one)
        return list(found.values())
