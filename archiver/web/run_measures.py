"""The counts of the last runs of a site, each compared with the usual count, as its page charts them."""

from __future__ import annotations

from dataclasses import dataclass

from archiver.api.health import HistoricalRun

_FAR = 4

LABELS = {
    "articles": "articles",
    "new": "new",
    "revised": "edits",
    "gone": "gone",
    "held": "held",
    "failed": "failures",
}
"""The displayed name of each count of a run, by the name of its column in `runs`."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a site, with its value in each run, oldest run first."""

    name: str
    label: str
    values: tuple[float | None, ...]

    @property
    def last(self) -> float | None:
        return next((value for value in reversed(self.values) if value is not None), None)

    @property
    def most(self) -> float:
        return max((value for value in self.values if value is not None), default=0)

    @property
    def least(self) -> float:
        return min((value for value in self.values if value is not None), default=0)

    def levels(self, steps: int) -> list[int | None]:
        """Returns the height of each value as a bar of a chart, from 0 to `steps`; None for an unknown value. Only the
        value 0 gets height 0. The scale for the number of articles begins at its lowest value, since it hardly changes
        from run to run. A highest value far above all others, such as the new articles of the first run, is cut off.
        """
        base = max(self.least - 1, 0) if self.name == "articles" else 0
        above = sorted(value - base for value in self.values if value is not None and value > base)
        top = above[-2] if len(above) > 1 and above[-1] > _FAR * above[-2] else above[-1] if above else 0
        return [
            None if value is None else 0 if value <= base else min(steps, max(1, round((value - base) / top * steps)))
            for value in self.values
        ]


def measures_of(runs: list[HistoricalRun]) -> list[Measure]:
    """Returns the measures of these runs: articles, new, edits, gone, held, failures and duration."""
    named = [*LABELS.items(), ("seconds", "time")]
    return [Measure(name, label, tuple(getattr(run, name) for run in runs)) for name, label in named]
