"""Reverts: a post that says again what an earlier version said, once by an editor or in turns forever.

An editor who reverts an edit makes a version like any other, and the history says which one it repeats. A site that
serves two headlines in turn (an A/B test, a rotating teaser, an old copy in a cache) would make one at every visit,
without end. So repeated reverts are counted on the versions that they return to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ALTERNATES = timedelta(days=90)
"""A second revert within this time of the last is not an editor's decision: the post is served in turns."""
MOST_RETURNS = 3
"""Versions of an article that may repeat an earlier one, whatever the time between them."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version in the history of an article. `same_as`: the number of the earlier version that it repeats.

    `seen_again`: how often a reading returned to it without becoming a version; `seen_again_at`: the last time.
    """

    revision: int
    observed_at: datetime
    same_as: int | None = None
    seen_again: int = 0
    seen_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """What to do with a reading that equals version `of`: make a version of its own, or count it."""

    of: int
    counted: bool


def returned(history: Sequence[Version], said: Sequence[int], at: datetime) -> Return | None:
    """What to do with a reading, given the article's versions in order and the numbers of those equal to the reading
    (`said`; the current one differs). None if no version equals it.

    Laws: a history of readings with no more than n different meanings has at most n + MOST_RETURNS versions. What
    was read last is current. A first revert is a version.
    """
    if not said:
        return None
    returns = [v for v in history if v.same_as is not None]
    last = max((t for v in history for t in (v.seen_again_at, v.observed_at if v.same_as else None) if t), default=None)
    alternates = last is not None and at - last <= ALTERNATES
    return Return(max(said), counted=alternates or len(returns) >= MOST_RETURNS)
