"""Which fields articles have lost, or whether posts themselves are, and since when: pure.

Runs are walked from the oldest on. What they read is the past, until what comes after has a field so seldom that chance
does not explain it; from there on nothing is added to the past before the field is back. One new post a run is enough:
runs in a row in which it is missing count together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from archiver.fields import MEASURED
from archiver.store.health.likely import SURPRISE, chance_of_so_few
from archiver.store.run_measures import Measured

_PAST = 20
"""Articles that must have been read before a run is judged by them."""
_PAST_POSTS = 10
"""Posts that there must have been before: no more stand in many a feed."""
_LOST = 3  # posts that are lost, before that is more than chance
_FALL = 0.2
"""Part of the articles by which a field must have become rarer."""


@dataclass(frozen=True, slots=True)
class Fall:
    """`hits` of `trials` articles have the field since a run, `past_hits` of `past_trials` had it before; or of posts,
    how many were got."""

    since: datetime
    hits: int
    trials: int
    past_hits: int
    past_trials: int


def fallen(runs: Sequence[tuple[datetime, Measured]]) -> dict[str, Fall]:
    """The fields that are rarer by the last runs, and how. `runs` are in the order in which they began."""
    read = [(at, measured) for at, measured in runs if measured.articles]
    found = {name: _fall([(at, m.fields.get(name, 0), m.articles) for at, m in read]) for name in MEASURED}
    return {name: fall for name, fall in found.items() if fall}


def lost(runs: Sequence[tuple[datetime, Measured]]) -> Fall | None:
    """How posts that the site's sources tell of are stored more seldom by the last runs; `runs` as in `fallen`."""
    return _lost([(at, one.got, one.told) for at, one in runs if one.told])


def unlike(runs: Sequence[tuple[datetime, Measured]]) -> Fall | None:
    """How new pages that nothing told of are posts more seldom."""
    return _lost([(at, one.posts, one.met) for at, one in runs if one.met])


def _lost(told: Sequence[tuple[datetime, int, int]]) -> Fall | None:
    fall = _fall(told, _PAST_POSTS)
    return fall if fall and fall.trials - fall.hits >= _LOST else None


def _fall(told: Sequence[tuple[datetime, int, int]], least: int = _PAST) -> Fall | None:
    past_hits = past = 0
    since: datetime | None = None
    hits = trials = 0
    for at, has, read in told:
        if past >= least and has / read < past_hits / past - _FALL:
            since, hits, trials = since or at, hits + has, trials + read
            continue
        # It is as it was: what came between was chance, or has passed.
        past_hits, past = past_hits + has, past + read
        if since and chance_of_so_few(hits, trials, past_hits - has, past - read) > SURPRISE:
            past_hits, past = past_hits + hits, past + trials
        since, hits, trials = None, 0, 0
    if since and chance_of_so_few(hits, trials, past_hits, past) <= SURPRISE:
        return Fall(since, hits, trials, past_hits, past)
    return None
