"""Judges how often a site publishes by comparison with its own past: finds bursts of posts and periods without posts.
Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from archiver.storage.article_tables.post_days import PostDay
from archiver.storage.column_values import stored_time

_LEAST_DAYS = 10
"""A site needs at least this many days with posts to show a rhythm."""
_LEAST_POSTS = 20
_TIMES_USUAL = 5
_TIMES_MOST = 2
_REPORTED = timedelta(days=7)
_QUIET_AT_LEAST = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Burst:
    """A day with far more new posts than the site usually publishes. `usual` is the median of the earlier days with
    posts; `most` is their second-highest number of posts; `since` is the first of the consecutive days with a burst.
    """

    day: str
    posts: int
    usual: float
    most: int
    example: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """A period without posts that is longer than the site's past explains. `longest` is the longest gap between two
    earlier days with posts; `since` is the time of the last post.
    """

    lasts: timedelta
    longest: timedelta
    since: datetime


def find_burst(days: Sequence[PostDay], now: datetime) -> Burst | None:
    """Returns the newest burst of the last seven days, if any. `days` are the site's last days with posts, newest
    first.

    A day has a burst if it has at least 20 new posts, five times as many as usual, and twice as many as any earlier day
    except the largest. The largest is excepted because the site may have imported its past on that day.
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
    """Returns the silence of a site, if it lasts much longer than any gap between its last days with posts. `days` is
    as in `find_burst`; `looked_at`: when the site was last crawled. A site that was already silent at its first crawl
    (`first`) is not reported.

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
