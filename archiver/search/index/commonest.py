"""The common words of an archive: of a phrase of them each place of each in almost all articles would be looked at.

They are found by a sample when an index is made, and hold until it is made anew: they make phrases fast and change
nothing of what is found. An index that was made of few articles is made anew once there are ten times as many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlite_utils import Database

from archiver.search.index.document import rows
from archiver.search.words import words

SAMPLE = 2_000
MOST = 500
SHARE = 0.05
"""A word is common that stands in so many of the articles."""
FEWEST = 1_000
"""In fewer articles all phrases are fast."""
_GROWN, _QUICKLY = 10, 50_000


def common_words(db: Database, ids: Sequence[int]) -> frozenset[str]:
    """The most common words of texts, by a sample of the articles of these numbers."""
    if len(ids) < FEWEST:
        return frozenset()
    sample = ids[::max(1, len(ids) // SAMPLE)][:SAMPLE]
    counts: Counter[str] = Counter()
    for row in rows(db, sample):
        counts.update(set(words(row["body"] or "")))
    return frozenset(word for word, count in counts.most_common(MOST) if count >= SHARE * len(sample))


def has_outgrown(articles: int, found_in: int, changed: int) -> bool:
    """Whether the common words of an index are to be found anew, of so many articles: there are ten times as many as
    they were found in, and to make the index anew takes some seconds, or hardly longer than what is to be done anyway.
    """
    return articles >= max(FEWEST, _GROWN * found_in) and (articles <= _QUICKLY or 2 * changed >= articles)
