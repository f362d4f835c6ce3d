"""Which of many periods are shown: a page that says it is of the year 9998 does not make a line of all others."""

from __future__ import annotations

from collections.abc import Sequence


def densest(found: Sequence[int], archived: Sequence[int], most: int) -> tuple[int, int]:
    """Where to begin and to end, of so many periods in a row at `most`: where most is found, of these where most is
    archived, of these the last; without empty ones at their ends. All, where there are no more."""
    if len(archived) <= most:
        return 0, len(archived)
    sums = [sum(values[:most]) for values in (found, archived)]
    best, at = (sums[0], sums[1], 0), 0
    for start in range(1, len(archived) - most + 1):
        for n, values in enumerate((found, archived)):
            sums[n] += values[start + most - 1] - values[start - 1]
        if (sums[0], sums[1], start) > best:
            best, at = (sums[0], sums[1], start), start
    filled = [n for n in range(at, at + most) if archived[n] or found[n]]
    return (filled[0], filled[-1] + 1) if filled else (at, at + most)
