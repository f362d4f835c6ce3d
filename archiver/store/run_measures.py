"""What a run measures of its site, for the runs after it to be judged by."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from archiver.fields import MEASURED
from archiver.items import Article, Outcome, PageKind, Source, Visit
from archiver.store.shapes import mapping

AGAIN = " again"
"""Stands behind the outcome of pages that had the same before, of those that are no success."""
_BAD = (Outcome.FAILED, Outcome.REFUSED)
_READ = (Outcome.ARCHIVED, Outcome.UNCHANGED)
_AT_NONE = ("articles", "fields", "listed")
"""What is told where it is 0, too."""
_NO_SIGN = ("undated", "empty")
"""Rules of pages that nothing says of what they are."""
_NOTHING = (*_BAD, Outcome.GONE, Outcome.NOT_ARTICLE)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run measured; all of it may be missing of a run that ended before it measured anything.

    `articles` posts were read whole, `fields` of them have a field, `length` is their median number of characters;
    `outcomes` counts pages ("failed again": those that failed when they were asked for last, too), `statuses` answers
    (by HTTP status); seconds to an answer at the median and for 95 of 100;
    `listed` is how many posts the site's largest feed showed, None where none was read; `sources` counts the feeds,
    sitemaps and APIs that answered when they were asked last; of the posts that these told of, `told` were asked for
    anew, and `got` of them were stored. Of new pages of which nothing had been told, `met` are posts or show no sign of
    what they are, and `posts` of them are posts.
    """

    articles: int = 0
    fields: Mapping[str, int] = field(default_factory=dict)
    length: float | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    latency: float | None = None
    latency_95: float | None = None
    listed: int | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    told: int = 0
    got: int = 0
    met: int = 0
    posts: int = 0

    @classmethod
    def from_json(cls, text: str | None) -> Measured:
        """Of the column `runs.statistics`; a key that this version does not know is passed over."""
        known = mapping(text)
        return cls(**{name: known[name] for name in cls.__slots__ if known.get(name) is not None})

    def as_dict(self) -> dict[str, Any]:
        return {name: dict(value) if isinstance(value, Mapping) else value for name in self.__slots__
                if (value := getattr(self, name)) or (name in _AT_NONE and value is not None)}

    @property
    def settled(self) -> int:
        """Pages that were not visited for having failed before."""
        return sum(number for outcome, number in self.outcomes.items() if not outcome.endswith(AGAIN))

    def coverage(self) -> dict[str, float]:
        """The share of the articles that have each field; empty where none was read."""
        return {name: self.fields.get(name, 0) / self.articles for name in MEASURED} if self.articles else {}


def together(runs: Sequence[Measured]) -> Measured:
    """What some runs measured, the newest first, as if they were one; sizes and times are the median of theirs."""
    def added(name: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for run in runs:
            total.update(getattr(run, name))
        return dict(total)

    def middle(name: str) -> float | None:
        found = [value for run in runs if (value := getattr(run, name)) is not None]
        return median(found) if found else None

    counts = {name: sum(getattr(run, name) for run in runs) for name in ("articles", "told", "got", "met", "posts")}
    listed = [run.listed for run in runs if run.listed is not None]
    return Measured(fields=added("fields"), length=middle("length"), outcomes=added("outcomes"),
                    statuses=added("statuses"), latency=middle("latency"), latency_95=middle("latency_95"),
                    listed=max(listed, default=None), sources=runs[0].sources, **counts)


class Measuring:
    """Collects it while a run goes on."""

    def __init__(self) -> None:
        self._articles = 0
        self._fields: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._lengths = array("L")
        self._latencies = array("f")
        self._told = self._got = self._met = self._posts = 0
        self._listed: int | None = None
        self._as_before = False

    def answered(self, status: int, seconds: float | None) -> None:
        """An answer of the server, whatever was asked for."""
        self._statuses[str(status)] += 1
        if seconds is not None:
            self._latencies.append(seconds)

    def visited(self, visit: Visit, outcome: Outcome, before: str, kind: str = "") -> None:
        """A visit as it was written; `before` is the page's outcome until then, `kind` what it was taken for.

        A page that fails at each run is counted by itself: it is asked for again while others are not.
        """
        self._outcomes[f"{outcome}{AGAIN}" if outcome in _BAD and outcome == before else str(outcome)] += 1
        if visit.kind is PageKind.FEED:
            self._feed(visit, outcome)
        self._promise(visit, outcome, before, kind)
        if visit.article and outcome in _READ and visit.status == 200:
            self._read(visit.article)

    def _feed(self, visit: Visit, outcome: Outcome) -> None:
        self._as_before |= visit.status == 304
        if visit.status == 200 and outcome is Outcome.NOT_ARTICLE:
            self._listed = max(self._listed or 0, sum(t.source is Source.FEED for t in visit.targets))

    def _promise(self, visit: Visit, outcome: Outcome, before: str, kind: str) -> None:
        """Count whether a page was what its sources said of it (`told`, `got`), or where they said nothing, whether it
        was a post (`met`, `posts`)."""
        archived, new, promised = outcome is Outcome.ARCHIVED, before == Outcome.DUE, kind == PageKind.POST
        if archived and before not in _READ and (promised or not new):
            self._told, self._got = self._told + 1, self._got + 1  # one that failed at first may be got later
        elif outcome in _NOTHING and new and promised:
            self._told += 1
        elif new and (archived or (outcome is Outcome.NOT_ARTICLE and visit.rule in _NO_SIGN)):
            self._met, self._posts = self._met + 1, self._posts + archived

    def measured(self, sources: Mapping[str, int]) -> Measured:
        tail = quantiles(self._latencies, n=20)[-1] if len(self._latencies) > 1 else None
        return Measured(
            self._articles, dict(self._fields), median(self._lengths) if self._lengths else None,
            dict(self._outcomes), dict(self._statuses),
            round(median(self._latencies), 4) if self._latencies else None, round(tail, 4) if tail else None,
            # That one feed is empty says nothing where another is as it was.
            None if self._as_before and not self._listed else self._listed, sources,
            self._told, self._got, self._met, self._posts)

    def as_json(self, sources: Mapping[str, int]) -> str:
        """`sources` as in `Measured`."""
        return json.dumps(self.measured(sources).as_dict(), ensure_ascii=False)

    def _read(self, article: Article) -> None:
        self._articles += 1
        self._fields.update(name for name in MEASURED if getattr(article, name))
        self._lengths.append(len(article.body))
