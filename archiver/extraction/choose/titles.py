"""Chooses the title."""

from __future__ import annotations

import re

from archiver.extraction.candidates import Candidate
from archiver.extraction.likeness import in_address, likeness
from archiver.extraction.text import folded

_RELATED, _FAR_RELATED, _SENTENCE = 0.34, 0.28, 5
"""From this likeness on, a heading says what the page declares, in other words; for a long one less is enough."""
_PLAINLY = 0.15
_OF_ARTICLE = frozenset({"json-ld", "microdata", "rdfa"})
_CUT_OR_MORE = re.compile(r"\s\|\s|(?:\.\.\.|…)$")
_LONGEST = 200
"""A longer heading is a paragraph, and the title is a declared one."""
_VOTE, _VOTE_IF_PART, _PER_VOTE = 1.0, 0.6, 0.12


def title(found: list[Candidate[str]], site: set[str], path: str = "") -> Candidate[str] | None:
    """The title: the heading that readers see, if it confirms what the page declares; else what most sources agree on.

    The platform's own heading is believed unless it is the site's name. A heading found by its look is believed if
    it is like a title that the page declares, since declarations are written for search engines and cut, and the
    heading is the author's. If the address (`path`) was plainly made from the declared title, that one was written
    first. A heading unlike all of them (a logo, a section, "Comments") is one vote among others. Without a heading,
    the headline that the article declares of itself comes before titles made for browsers and for sharing. A post
    whose title's place is there but empty has no title: "" is chosen, never the site's name.
    """
    shown = next((c for c in found if c.visible and c.source in ("platform", "api")), None)
    if shown is not None and (not shown.value or folded(shown.value) not in site):
        return shown
    usable = [c for c in found if c.value and folded(c.value) not in site]
    if not usable:
        return None
    headings = [c for c in usable if c.visible]
    if heading := _confirmed(headings, [c.value for c in usable if not c.visible]):
        return _first_written(heading, usable, path)
    own = [c for c in usable if c.source in _OF_ARTICLE and not _CUT_OR_MORE.search(c.value)]
    if own and not headings:
        return max(own, key=lambda c: c.confidence)
    return _most_agreed(usable)


def _confirmed(headings: list[Candidate[str]], declared: list[str]) -> Candidate[str] | None:
    """The first heading that is like a declared title."""
    for one in headings:
        least = _RELATED if len(one.value.split()) < _SENTENCE else _FAR_RELATED
        if len(one.value) <= _LONGEST and any(likeness(one.value, text) >= least for text in declared):
            return one
    return None


def _most_agreed(usable: list[Candidate[str]]) -> Candidate[str]:
    """The candidate with the most confidence, its own and that of the other sources with the same or a longer text."""
    texts = [(c, folded(c.value)) for c in usable]

    def support(one: Candidate[str], text: str) -> float:
        votes = {c.source: _vote(text, other) for c, other in texts if c is not one and _vote(text, other)}
        return one.confidence + _PER_VOTE * sum(votes.values())

    return max(texts, key=lambda p: support(*p))[0]


def _vote(text: str, other: str) -> float:
    """How much one folded title supports another: fully if equal, less if one is part of the other."""
    if not text:
        return 0.0
    if other == text:
        return _VOTE
    return _VOTE_IF_PART if len(text) > 8 and (text in other or other in text) else 0.0


def _first_written(heading: Candidate[str], found: list[Candidate[str]], path: str) -> Candidate[str]:
    """The heading, unless the declared title is another and the address was plainly made from that one.

    A title that is cut, or has a part after a bar, is not the original.
    """
    others = [c for c in found if not c.visible]
    whole = [c for c in others if not _CUT_OR_MORE.search(c.value)]
    if not whole or any(folded(c.value) == folded(heading.value) for c in others):
        return heading
    declared = max(whole, key=lambda c: c.confidence)
    plainly = in_address(declared.value, path) > in_address(heading.value, path) + _PLAINLY
    return declared if plainly else heading
