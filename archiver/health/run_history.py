"""Reads the history of a site: what each of its last runs did and found, as one series of values per measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from archiver.storage.column_values import stored_time

HISTORY_RUNS = 30
_FAR = 4
_COUNTS = ("articles", "new", "revised", "gone", "held", "failed")
LABELS = {
    "articles": "articles",
    "new": "new",
    "revised": "edits",
    "gone": "gone",
    "held": "held",
    "failed": "failures",
}
"""The displayed name of each measure of a run, by the name of its column. The measure `seconds` comes after them."""


@dataclass(frozen=True, slots=True)
class HistoricalRun:
    """One run of a site. `articles` is how many the site had when the run ended; `seconds` is how long the run took.
    Either is None if it is unknown, because the run is in progress or was killed.
    """

    run: int
    started_at: str
    outcome: str
    articles: int | None
    new: int
    revised: int
    gone: int
    held: int
    failed: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure, with its value in each run, oldest first."""

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
        """Returns the bar height of each value, from 0 to `steps`; only the value 0 has height 0. The scale for the
        number of articles begins at its lowest value, since it hardly changes from run to run. If the highest value is
        far above all others, such as the new articles of the first run, it is cut off.
        """
        base = max(self.least - 1, 0) if self.name == "articles" else 0
        above = sorted(value - base for value in self.values if value is not None and value > base)
        top = above[-2] if len(above) > 1 and above[-1] > _FAR * above[-2] else above[-1] if above else 0
        return [
            None if value is None else 0 if value <= base else min(steps, max(1, round((value - base) / top * steps)))
            for value in self.values
        ]


def read_history(db: Database, site_id: int, runs: int = HISTORY_RUNS) -> list[HistoricalRun]:
    """Returns the last runs of a site, oldest first."""
    rows = db.query(
        f"select id, started_at, finished_at, outcome, {', '.join(_COUNTS)} from runs where site_id = ? "
        "order by id desc limit ?",
        [site_id, runs],
    )
    return [_historical_run(row) for row in reversed(list(rows))]


def _historical_run(row: dict[str, Any]) -> HistoricalRun:
    began, ended = stored_time(row["started_at"]), stored_time(row["finished_at"])
    return HistoricalRun(
        row["id"],
        row["started_at"],
        row["outcome"] or "",
        row["articles"],
        row["new"] or 0,
        row["revised"] or 0,
        row["gone"] or 0,
        row["held"] or 0,
        row["failed"] or 0,
        round((ended - began).total_seconds(), 1) if began and ended else None,
    )


def measures_of(runs: list[HistoricalRun]) -> list[Measure]:
    """Returns the measures of these runs: articles, new, edits, gone, held, failures and time."""
    named = [*LABELS.items(), ("seconds", "time")]
    return [Measure(name, label, tuple(getattr(run, name) for run in runs)) for name, label in named]
