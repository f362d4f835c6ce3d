"""Compares a site with its own past: the statistics of its runs, and how often it publishes.

Determines how unlikely a number is, which fields or posts have become rarer, and where the posts show bursts or long
silences. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import log
from statistics import median

from archiver.fields import MEASURED
from archiver.frontier.edit_estimates import chance_of_at_most
from archiver.storage.columns import stored_time
from archiver.storage.runs import MeasuredRun
from archiver.storage.site_statistics_for_health import PostDay

# Statistics: how unlikely a number is, given the past. Exact for counts, robust for sizes.

SURPRISE = 0.001
"""A change is reported if its probability is lower than this."""
_MAD = 1.4826  # scales the median absolute deviation to the standard deviation of a normal distribution
_MAX_TRIALS = 500  # larger samples are scaled down to this, since more trials would not change a verdict


def chance_of_so_few(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """Returns the probability of at most `hits` hits in `trials` trials, if the hit rate is as in the past (`past_hits`
    of `past_trials`).
    """
    if trials > _MAX_TRIALS:
        hits, trials = round(hits * _MAX_TRIALS / trials), _MAX_TRIALS
    share = (past_hits + 1) / (past_trials + 2)
    return chance_of_at_most(hits, trials, share)


def chance_of_so_many(hits: int, trials: int, past_hits: int, past_trials: int) -> float:
    """Returns the probability of at least `hits` hits in `trials` trials, if the hit rate is as in the past
    (`past_hits` of `past_trials`).
    """
    return chance_of_so_few(trials - hits, trials, past_trials - past_hits, past_trials)


def is_far(value: float, past: Sequence[float], factor: float) -> bool:
    """Returns True if a value is far from the median of past values: more than `factor` times higher or lower, and by
    more than five scaled median absolute deviations. The logarithms of the values are compared, so all values must be
    greater than 0.
    """
    middle = median(log(one) for one in past)
    spread = median(abs(log(one) - middle) for one in past) * _MAD
    return abs(log(value) - middle) > max(log(factor), 5 * spread)


# Which fields or posts have become rarer, and since which run.

_LEAST_PAST_ARTICLES = 20
"""Runs are compared only if the earlier runs have read at least this many articles together."""
_LEAST_PAST_POSTS = 10
"""When the shares of stored posts are compared, the earlier runs must have fetched at least this many posts together.
The number is lower than for articles, because many feeds list only ten posts."""
_LEAST_LOST_POSTS = 3  # at least this many lost posts; fewer may be chance
_LEAST_DROP = 0.2
"""The share of articles with a field must have dropped by at least this much to be reported."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop in the share of articles that have a certain field, or in the share of posts that were stored.

    - `since`: the start of the first run with the lower share.
    - `hits`, `trials`: since then, `hits` of `trials` articles have the field (or posts were stored).
    - `past_hits`, `past_trials`: the same numbers for the runs before.
    """

    since: datetime
    hits: int
    trials: int
    past_hits: int
    past_trials: int


def find_lost_fields(runs: Sequence[tuple[datetime, MeasuredRun]]) -> dict[str, Drop]:
    """Returns the drop of each field that has become rarer, by field. This is the drop in the share of pages that show
    the field or, if there is no such drop, in the share of articles that have it. `runs` are pairs of start time and
    statistics, in chronological order.

    The pages come first because a feed may still supply values that the pages no longer show.
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
    """Groups drops that began within a week of one another, since one change of the site probably caused them. The
    earliest group comes first. Drops with one cause may begin in different runs, because one run may be too small to
    show all of them.
    """
    groups: list[dict[str, Drop]] = []
    for name, fall in sorted(drops.items(), key=lambda item: item[1].since):
        if groups and fall.since - next(iter(groups[-1].values())).since <= _TOGETHER:
            groups[-1][name] = fall
        else:
            groups.append({name: fall})
    return groups


def find_lost_posts(runs: Sequence[tuple[datetime, MeasuredRun]]) -> Drop | None:
    """Returns the drop in the share of listed posts that were stored; None if there is no drop. Listed means listed by
    the site's feeds, sitemaps and APIs. `runs` has the form that `find_lost_fields` takes.
    """
    return _find_lost_share([(at, one.stored, one.reported) for at, one in runs if one.reported])


def find_fewer_posts(runs: Sequence[tuple[datetime, MeasuredRun]]) -> Drop | None:
    """Returns the drop in the share of posts among new pages that no feed, sitemap or API lists; None if there is no
    drop. `runs` has the form that `find_lost_fields` takes.
    """
    return _find_lost_share([(at, one.posts, one.unreported) for at, one in runs if one.unreported])


def _find_lost_share(samples: Sequence[tuple[datetime, int, int]]) -> Drop | None:
    fall = _find_drop(samples, _LEAST_PAST_POSTS)
    return fall if fall and fall.trials - fall.hits >= _LEAST_LOST_POSTS else None


def _find_drop(samples: Sequence[tuple[datetime, int, int]], least: int = _LEAST_PAST_ARTICLES) -> Drop | None:
    past_hits = past = 0
    since: datetime | None = None
    hits = trials = 0
    for at, has, read in samples:
        if past >= least and has / read < past_hits / past - _LEAST_DROP:
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


_LEAST_DAYS = 10
"""A site must have at least this many days with posts before its rhythm is compared."""
_LEAST_POSTS = 20
_TIMES_USUAL = 5
_TIMES_MOST = 2
_REPORTED = timedelta(days=7)
_QUIET_AT_LEAST = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Burst:
    """A day with far more new posts than the site usually publishes.

    - `usual`: the median number of posts of the earlier days with posts.
    - `most`: the number of posts on the second-largest earlier day.
    - `example`: the URL of one of the posts.
    - `since`: the first of the consecutive days with a burst.
    """

    day: str
    posts: int
    usual: float
    most: int
    example: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """A period without posts that is longer than one would expect from the site's past. `longest` is the longest gap
    between two earlier days with posts; `since` is the time of the last post.
    """

    lasts: timedelta
    longest: timedelta
    since: datetime


def find_burst(days: Sequence[PostDay], now: datetime) -> Burst | None:
    """Returns the newest burst of the last seven days; None if there is none. `days` are the site's last days with
    posts, newest first.

    A day has a burst if it has at least 20 new posts, five times as many as usual, and twice as many as the
    second-largest earlier day. The largest one is ignored because the site may have imported its old posts on that day.
    """
    first, last = f"{now - _REPORTED:%Y-%m-%d}", f"{now + timedelta(days=1):%Y-%m-%d}"
    found: Burst | None = None
    for n, one in enumerate(days):
        if not first <= one.day <= last:
            continue
        burst = _judge_day(one, days[n + 1 :])
        if burst is None and found:
            break
        if burst:
            found = (
                Burst(found.day, found.posts, burst.usual, burst.most, found.example, burst.since) if found else burst
            )
    return found


def _judge_day(one: PostDay, before: Sequence[PostDay]) -> Burst | None:
    past = sorted(other.posts for other in before if other.posts)
    since = stored_time(one.day)
    if len(past) < _LEAST_DAYS or since is None:
        return None
    usual, most = median(past), past[-2]
    if one.new < max(_LEAST_POSTS, _TIMES_USUAL * usual, _TIMES_MOST * most):
        return None
    return Burst(one.day, one.new, usual, most, one.example, since)


def find_silence(days: Sequence[PostDay], first: datetime | None, looked_at: datetime, now: datetime) -> Silence | None:
    """Returns the silence of a site if it is much longer than every gap between its last days with posts; otherwise
    None. `days` has the form that `find_burst` takes. `first` and `looked_at` are the times of the first and the latest
    crawl. A site that was already silent at its first crawl is not reported.

    Gaps are measured between days, not between posts, because the posts of a burst follow one another within minutes.
    """
    times = [one.last for one in days if one.posts and one.last <= now]
    if len(times) < _LEAST_DAYS:
        return None
    gaps = sorted(later - earlier for later, earlier in pairwise(times))
    usual, longest = gaps[len(gaps) // 2], gaps[-1]
    lasts, limit = min(now, looked_at) - times[0], max(1.5 * longest, 4 * usual, _QUIET_AT_LEAST)
    if lasts <= limit or (first or looked_at) - times[0] > limit:
        return None
    return Silence(lasts, longest, times[0])
