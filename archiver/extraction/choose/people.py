"""Who the authors are."""

from __future__ import annotations

from archiver.extraction.byline_words import WEAK_ACCOUNTS
from archiver.extraction.candidates import Candidate
from archiver.extraction.choose.first import Names, best
from archiver.extraction.text import folded


def authors(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """The authors: the most trusted source; one that names more people besides the same ones completes it.

    A generic account ("admin") gives way to any source that names a person. The site's own name counts only
    where a byline shows it or a declaration calls it a person.
    """
    first = best([c for c in found if c.confidence > 0.35])
    if first is None:
        return None
    if all(WEAK_ACCOUNTS.match(n) for n in first.value):
        others = [c for c in found if c.confidence >= 0.5 and not any(WEAK_ACCOUNTS.match(n) for n in c.value)]
        first = best(others) or first
    have = {folded(n) for n in first.value}
    for c in found:
        more = {folded(n) for n in c.value}
        if first.confidence < 0.95 and c.confidence >= 0.6 and have < more and len(more) <= 12:
            return c
    return first
