"""What a snapshot is, in figures: gathered while it is written, told by its cards, plots and `rebuild.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archiver.publish.snapshot.request import Request

_GRID = 1.0
"""Degrees: places are counted by such squares, so that their number stays bounded."""


@dataclass(slots=True)
class Facts:
    """`rows` and `files` are by table (files relative to the folder); `months` counts articles by "2024-05" ("" without
    a date); `tiers` by tier, `reasons` by tier and why; `squares` places by the middle of a square degree (latitude,
    longitude); `spans` has the first and last day of publication of each site; `words` those of published bodies.
    """

    request: Request
    cutoff: str
    dataset: Mapping[str, Any]
    rows: Counter[str] = field(default_factory=Counter)
    files: dict[str, list[str]] = field(default_factory=dict)
    months: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    spans: dict[str, tuple[str, str]] = field(default_factory=dict)
    tiers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)
    squares: Counter[tuple[float, float]] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    revised: int = 0
    duplicates: int = 0
    words: int = 0
    digest: str = ""

    def article(self, record: Mapping[str, Any]) -> None:
        day = (record["published"] or "")[:10]
        self.months[day[:7]] += 1
        self.languages[record["language"] or ""] += 1
        site = record["site"]
        self.sites[site] += 1
        if day:
            first, last = self.spans.get(site, (day, day))
            self.spans[site] = (min(first, day), max(last, day))
        self.tiers[record["tier"]] += 1
        self.licences[record["licence"] or ""] += 1
        if record["split"]:
            self.splits[record["split"]] += 1
        self.gone += record["gone_at"] is not None
        self.revised += record["revision"] > 1
        self.duplicates += record["duplicate_of"] is not None
        self.words += record["words"] if record["body"] else 0

    def place(self, row: Mapping[str, Any]) -> None:
        if row["latitude"] is not None and row["longitude"] is not None:
            square = tuple((degrees // _GRID + 0.5) * _GRID for degrees in (row["latitude"], row["longitude"]))
            self.squares[square[0], square[1]] += 1

    @property
    def day(self) -> str:
        """The day of the snapshot: that of its cut-off, which no clock has a say in."""
        return self.cutoff[:10]
