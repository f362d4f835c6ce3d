"""Chooses random samples of pages that would not be fetched otherwise, and estimates from them how many posts have
changed.

The sample of known posts finds edits that no source announces. The number of sampled posts that had changed shows about
how many of all posts have changed.

Pages of a URL pattern that were set aside are not fetched. A sample of them tests whether this was right.

All functions are pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from heapq import nsmallest
from math import ceil, exp, lgamma, log

DEFAULT_SAMPLE = 10
"""The number of posts that a run samples by default."""
REMEMBERED_SAMPLES = 10
"""At most this many runs, the newest ones, are used for an estimate."""
CONFIDENCE = 0.95
_MOST_EAGER = 10.0
_EAGER_FROM = 2
_SHORTEST_REVISIT = timedelta(days=1)
_UNKNOWN_AGE = timedelta(days=3650)
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Sampled:
    """The samples of the last runs: how many runs took a sample, how many posts were `sampled`, and how many of these
    had changed or were gone.
    """

    runs: int = 0
    sampled: int = 0
    changed: int = 0

    @property
    def eagerness(self) -> float:
        """Returns the factor, from 1 to 10, by which the sample grows and the revisit period shrinks.

        It is 1 if fewer than two sampled posts had changed, since a single one may be chance. Otherwise it is 1 plus
        0.2 for each percent of the sampled posts that had changed.
        """
        if self.changed < _EAGER_FROM:
            return 1.0
        return min(1 + 20 * self.changed / self.sampled, _MOST_EAGER)

    def sample_size(self, setting: int) -> int:
        """Returns how many posts the next run samples if the site's setting is `setting`."""
        return ceil(setting * self.eagerness)

    def revisit_period(self, setting: timedelta) -> timedelta:
        """Returns the longest time between two fetches of a post if the site's setting is `setting`."""
        return min(setting, max(setting / self.eagerness, _SHORTEST_REVISIT))

    @property
    def at_most(self) -> float:
        """Returns the upper limit for the share of posts (0 to 1) that have changed, with a confidence of 95 %; 1 if
        there is no sample.

        It is the upper limit of the Clopper-Pearson interval, which is never too low for its confidence.
        """
        n, k = self.sampled, self.changed
        if k >= n:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(50):
            p = (low + high) / 2
            low, high = (p, high) if chance_of_at_most(k, n, p) > 1 - CONFIDENCE else (low, p)
        return high


def chance_of_at_most(k: int, n: int, p: float) -> float:
    """Returns the probability of at most `k` successes in `n` independent trials that each succeed with the probability
    `p` (binomial distribution).
    """
    ways = (lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) for i in range(k + 1))
    return sum(exp(way + i * log(p) + (n - i) * log(1 - p)) for i, way in enumerate(ways))


@dataclass(frozen=True, slots=True)
class EditEstimate:
    """The number of a site's known posts that its last run did not fetch again (`unseen`), and the samples from which
    the number of edits among these posts is estimated.
    """

    site: str
    unseen: int
    samples: Sampled

    def as_dict(self) -> dict[str, int | float | str | None]:
        """Returns the estimate as JSON values. `share_at_most` and `posts_at_most` are None without a sample."""
        has_sample = self.samples.sampled > 0
        return {
            "unseen": self.unseen,
            "runs": self.samples.runs,
            "sampled": self.samples.sampled,
            "changed": self.samples.changed,
            "confidence": CONFIDENCE,
            "share_at_most": round(self.samples.at_most, 4) if has_sample else None,
            "posts_at_most": ceil(self.unseen * self.samples.at_most) if has_sample else None,
            "sentence": self.sentence,
        }

    @property
    def sentence(self) -> str:
        """Returns the estimate as a sentence, without a full stop."""
        posts = "known post was" if self.unseen == 1 else "known posts were"
        sampled = ""
        if self.samples.sampled:
            since = f" in the last {self.samples.runs} runs" if self.samples.runs > 1 else ""
            sampled = (
                f" of {self.samples.sampled:,} sampled{since}, {self.samples.changed:,} had changed "
                f"(with 95 % confidence, at most {ceil(100 * self.samples.at_most)} of 100 have);"
            )
        return f"{self.unseen:,} {posts} not fetched again;{sampled} 'archiver crawl {self.site} --full' fetches all"


@dataclass(frozen=True, slots=True)
class KnownPost:
    """A post that may be sampled. `published` is an ISO 8601 date; None if unknown."""

    page_id: int
    urlkey: str
    published: str | None


def choose_sample(posts: Iterable[KnownPost], size: int, run_id: int, now: datetime) -> list[int]:
    """Returns the IDs of the pages to sample, at most `size`, without keeping all posts in memory.

    Every post has a chance to be chosen. A one-year-old post has half the chance of a new post, and a ten-year-old post
    an eleventh of it. The choice depends only on the run and on the paths of the posts (weighted sampling by Efraimidis
    and Spirakis).
    """
    chosen = nsmallest(size, ((_lot(one, run_id, now), one.page_id) for one in posts))
    return [page_id for _, page_id in chosen]


def _lot(post: KnownPost, run_id: int, now: datetime) -> float:
    path = post.urlkey.partition(")")[2]
    digest = blake2b(f"{run_id} {path}".encode(), digest_size=8).digest()
    chance = (int.from_bytes(digest) + 1) / (2**64 + 1)
    return -log(chance) * (1 + _age(post.published, now) / _YEAR)


def _age(published: str | None, now: datetime) -> timedelta:
    if not published:
        return _UNKNOWN_AGE
    at = datetime.fromisoformat(published)
    return max(now - (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)), timedelta(0))
