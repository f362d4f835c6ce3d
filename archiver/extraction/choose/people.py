"""Chooses the authors."""

from __future__ import annotations

from archiver.extraction.candidates import Candidate
from archiver.extraction.choose.first import Names, best
from archiver.extraction.people.byline_words import WEAK_ACCOUNTS
from archiver.extraction.text import folded

# Sources that repeat one another: all that a page declares comes from one field in the editor.
_FAMILY = {"json-ld": "declared", "meta": "declared", "microdata": "declared", "rdfa": "declared", "class": "platform"}
_AGREED = 0.05  # added for each other family of sources with one of the same people
_COMPLETES = ("json-ld", "meta", "microdata", "rdfa", "signed", "api", "feed")


def authors(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """The authors: the most trusted source, more so if others of another family have one of the same people.

    Another source that has the same people and more replaces it. A generic account ("admin") gives way to any source
    with a person. The site's own name counts only if a byline shows it or a declaration calls it a person.
    """
    usable = [(c, _people(c)) for c in found if c.confidence > 0.35]
    if not usable:
        return None

    def support(pair: tuple[Candidate[Names], set[str]]) -> float:
        one, people = pair
        families = {_family(c) for c, others in usable if people & others} - {_family(one)}
        return one.confidence + _AGREED * len(families)

    first, _ = max(usable, key=support)
    if all(WEAK_ACCOUNTS.match(n) for n in first.value):
        persons = [c for c in found if c.confidence >= 0.5 and not any(WEAK_ACCOUNTS.match(n) for n in c.value)]
        first = best(persons) or first
    if first.confidence >= 0.95:
        return first
    have = _people(first)
    return next((c for c, more in usable if have < more and _completes(c, more)), first)


def _people(one: Candidate[Names]) -> set[str]:
    return {folded(n) for n in one.value}


def _completes(one: Candidate[Names], people: set[str]) -> bool:
    """Whether a source may add people: it names authors in full, and is no list of a staff."""
    return one.source in _COMPLETES and one.confidence >= 0.6 and len(people) <= 12


def _family(one: Candidate[Names]) -> str:
    return _FAMILY.get(one.source, one.source)
