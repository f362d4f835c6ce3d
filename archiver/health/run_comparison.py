"""Compares the statistics of runs with those of earlier runs: how unlikely a number is, and which fields or posts have
become rarer. Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from statistics import median

from archiver.fields import MEASURED
from archiver.frontier.edit_sample import chance_of_at_most
from archiver.storage.runs import MeasuredRun

# Statistics: how unlikely a number is, given the past. Exact for counts, robust for sizes.

SURPRISE = 0.001
"""A change is reported if its probability is lower than this."""
_MAD = 1.4826  # scales the median absolute deviation to the standard deviation of a normal distribution
_MAX_TRIALS = 500  # larger samples are scaled down to this, since more trials would not change a verdict


def chance_of_so_few(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """Returns the probability of at most `hits` in `trials`, given the hit rate in the past."""
    if trials > _MAX_TRIALS:
        hits, trials = round(hits * _MAX_TRIALS / trials), _MAX_TRIALS
    share = (past_hits + 1) / (past_trials + 2)
    return chance_of_at_most(hits, trials, share)


def chance_of_so_many(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """Returns the probability of at least `hits` in `trials`, given the hit rate in the past."""
    return chance_of_so_few(trials - hits, trials, past_trials - past_hits, past_trials)


def is_far(value: float, past: Sequence[float], factor: float) -> bool:
    """Returns True if a value differs from the median of past values by more than `factor`, up or down, and by more
    than five scaled median absolute deviations. Computed on logarithms, so all values must be greater than 0.
    """
    middle = median(log(one) for one in past)
    spread = median(abs(log(one) - middle) for one in past) * _MAD
    return abs(log(value) - middle) > max(log(factor), 5 * spread)


# Which fields or posts have become rarer, and since which run.

_PAST = 20
"""Earlier runs must have read at least this many articles before a run is compared with them."""
_PAST_POSTS = 10
"""Earlier runs must have read at least this many posts. It is lower, because many feeds list only ten."""
_LOST = 3  # at least this many lost posts; fewer may be chance
_FALL = 0.2
"""The share of articles with a field must have dropped by at least this much."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop in how many articles have a field, since the run that started at `since`: `hits` of `trials` articles have
    it now, and `past_hits` of `past_trials` had it before. For a drop in posts, `hits` counts the posts that were
    stored.
    """

    since: datetime
    hits: int
    trials: int
    past_hits: int
    past_trials: int


def find_lost_fields(runs: Sequence[tuple[datetime, MeasuredRun]]) -> dict[str, Drop]:
    """Returns each field that pages show less often than before, or that fewer articles have, with its drop. `runs` are
    pairs of start time and statistics, in chronological order.

    A drop in what the pages show takes precedence: while a feed supplies the dates of new posts, articles have a date
    that their pages have lost.
    """
    read = [(at, one) for at, one in runs if one.articles]
    shown = [(at, one.fields if one.shown is None else one.shown, one.articles) for at, one in read]
    found: dict[str, Drop] = {}
    for name in MEASURED:
        fall = _find_drop([(at, fields.get(name, 0), articles) for at, fields, articles in shown]) or _find_drop(
            [(at, one.fields.get(name, 0), one.articles) for at, one in read]
        )
        if fall:
            found[name] = fall
    return found


_TOGETHER = timedelta(days=7)


def group_drops(drops: Mapping[str, Drop]) -> list[dict[str, Drop]]:
    """Groups drops that one change of the site probably caused: those that began within a week, the earliest first.
    Drops of one change may begin in different runs, because one run may be too small to show all of them.
    """
    groups: list[dict[str, Drop]] = []
    for name, fall in sorted(drops.items(), key=lambda item: item[1].since):
        if groups and fall.since - next(iter(groups[-1].values())).since <= _TOGETHER:
            groups[-1][name] = fall
        else:
            groups.append({name: fall})
    return groups


def find_lost_posts(runs: Sequence[tuple[datetime, MeasuredRun]]) -> Drop | None:
    """Returns the drop, if any, in the share of stored posts among those that the site's feeds, sitemaps and APIs list.
    `runs` is as in `find_lost_fields`.
    """
    return _find_lost_share([(at, one.stored, one.reported) for at, one in runs if one.reported])


def find_fewer_posts(runs: Sequence[tuple[datetime, MeasuredRun]]) -> Drop | None:
    """Returns the drop, if any, in the share of posts among new pages that no feed, sitemap or API lists. `runs` is as
    in `find_lost_fields`.
    """
    return _find_lost_share([(at, one.posts, one.unreported) for at, one in runs if one.unreported])


def _find_lost_share(samples: Sequence[tuple[datetime, int, int]]) -> Drop | None:
    fall = _find_drop(samples, _PAST_POSTS)
    return fall if fall and fall.trials - fall.hits >= _LOST else None


def _find_drop(samples: Sequence[tuple[datetime, int, int]], least: int = _PAST) -> Drop | None:
    past_hits = past = 0
    since: datetime | None = None
    hits = trials = 0
    for at, has, read in samples:
        if past >= least and has / read < past_hits / past - _FALL:
            since, hits, trials = since or at, hits + has, trials + read
            continue
        # The figure is normal again, so an earlier drop was chance or is over.
        past_hits, past = past_hits + has, past + read
        if since and chance_of_so_few(hits, trials, past_hits - has, past - read) > SURPRISE:
            past_hits, past = past_hits + hits, past + trials
        since, hits, trials = None, 0, 0
    if since and chance_of_so_few(hits, trials, past_hits, past) <= SURPRISE:
        return Drop(since, hits, trials, past_hits, past)
    return None
