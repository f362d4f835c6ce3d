"""A post that says again what an earlier version said: taken back once, or served in turns for ever.

An editor who takes an edit back makes a version like any other, and the history says which one it repeats. A site that
serves two headlines in turn (a test on its readers, a rotating teaser, an old copy in a cache) would make one at every
visit, without end. So a post that keeps returning is counted on the versions it returns to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ALTERNATES = timedelta(days=90)
"""A second return within this time of the last is no decision of an editor: the post is served in turns."""
MOST_RETURNS = 3
"""Versions of an article that may repeat an earlier one, whatever time lies between them."""


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
    """What becomes of a reading that says what version `of` said: a version of its own, or one more time of that."""

    of: int
    counted: bool


def returned(history: Sequence[Version], said: Sequence[int], at: datetime) -> Return | None:
    """What a reading of an article at a time is, given its versions in order and the numbers of those among them that
    say the same as the reading (`said`; the one that stands now says something else). None: it was never said before.

    Laws: a history of readings that say no more than n different things has at most n + MOST_RETURNS versions. What
    was read last is what stands. A first return is a version.
    """
    if not said:
        return None
    returns = [v for v in history if v.same_as is not None]
    last = max((t for v in history for t in (v.seen_again_at, v.observed_at if v.same_as else None) if t), default=None)
    alternates = last is not None and at - last <= ALTERNATES
    return Return(max(said), counted=alternates or len(returns) >= MOST_RETURNS)
