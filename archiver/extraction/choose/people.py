"""Who the authors are."""

from __future__ import annotations

from archiver.extraction.candidates import Candidate
from archiver.extraction.choose.first import Names, best
from archiver.extraction.people.byline_words import WEAK_ACCOUNTS
from archiver.extraction.text import folded

# Sources that repeat one another: what a page declares comes from one field of its editor, whatever forms it takes.
_FAMILY = {"json-ld": "declared", "meta": "declared", "microdata": "declared", "rdfa": "declared", "class": "platform"}
_AGREED = 0.05  # what each other family of sources adds that names one of the same people
_COMPLETES = ("json-ld", "meta", "microdata", "rdfa", "signed", "api", "feed")


def authors(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """The authors: the source most believed, more so where others of another family name one of the same people; one
    that names more people besides the same ones completes it.

    A generic account ("admin") gives way to any source that names a person. The site's own name counts only
    where a byline shows it or a declaration calls it a person.
    """
    usable = [(c, {folded(n) for n in c.value}) for c in found if c.confidence > 0.35]
    if not usable:
        return None

    def support(pair: tuple[Candidate[Names], set[str]]) -> float:
        one, people = pair
        own = _family(one)
        return one.confidence + _AGREED * len({f for c, p in usable if p & people and (f := _family(c)) != own})

    first, have = max(usable, key=support)
    if all(WEAK_ACCOUNTS.match(n) for n in first.value):
        others = [c for c in found if c.confidence >= 0.5 and not any(WEAK_ACCOUNTS.match(n) for n in c.value)]
        first = best(others) or first
        have = {folded(n) for n in first.value}
    fuller = [c for c, more in usable if have < more and len(more) <= 12 and c.confidence >= 0.6]
    fuller = [c for c in fuller if c.source in _COMPLETES]
    return fuller[0] if fuller and first.confidence < 0.95 else first


def _family(one: Candidate[Names]) -> str:
    return _FAMILY.get(one.source, one.source)
