"""Which title it is."""

from __future__ import annotations

import re

from archiver.extraction.candidates import Candidate
from archiver.extraction.likeness import in_address, likeness
from archiver.extraction.text import folded

_RELATED, _FAR_RELATED, _SENTENCE = 0.34, 0.28, 5
"""From this likeness on a heading speaks of what the page declares, if in other words; of a long one less is enough."""
_PLAINLY = 0.15
_OF_ARTICLE = frozenset({"json-ld", "microdata", "rdfa"})
_CUT_OR_MORE = re.compile(r"\s\|\s|(?:\.\.\.|…)$")
_LONGEST = 200
"""Of more letters than these a heading is a paragraph; declarations tell the title."""


def title(found: list[Candidate[str]], site: set[str], path: str = "") -> Candidate[str] | None:
    """The title: the heading that readers see, where it bears out what the page declares; else what most agree on.

    What the platform shows is believed unless it is the site's own name; a heading found by its looks alone is,
    where it is like a title that the page declares: declarations are written for search engines and cut, the
    heading is the author's. Where the name in the address (`path`) was plainly made from the declared one, it was
    the title first, and two witnesses stand against the heading. A heading that has nothing of them (a logo, a
    section, "Comments") is one vote among others. Where there is no heading, the headline that the article declares
    of itself is believed before the titles that are made for browsers and for sharing. A post whose title place is
    there but empty has no title: "" is chosen, never the site's name.
    """
    shown = next((c for c in found if c.visible and c.source in ("platform", "api")), None)
    if shown is not None and (not shown.value or folded(shown.value) not in site):
        return shown
    usable = [c for c in found if c.value and folded(c.value) not in site]
    if not usable:
        return None
    declared = [c.value for c in usable if not c.visible]
    headings = [c for c in usable if c.visible]
    for one in headings:
        least = _RELATED if len(one.value.split()) < _SENTENCE else _FAR_RELATED
        if len(one.value) <= _LONGEST and any(likeness(one.value, text) >= least for text in declared):
            return _first_written(one, usable, path)
    if not headings:
        own = [c for c in usable if c.source in _OF_ARTICLE and not _CUT_OR_MORE.search(c.value)]
        if own:
            return max(own, key=lambda c: c.confidence)
    texts = [(c, folded(c.value)) for c in usable]

    def support(one: Candidate[str], text: str) -> float:
        votes = {
            c.source: 1.0 if t == text else 0.6
            for c, t in texts
            if c is not one and text and (t == text or (len(text) > 8 and (text in t or t in text)))
        }
        return one.confidence + 0.12 * sum(votes.values())

    return max(texts, key=lambda p: support(*p))[0]


def _first_written(heading: Candidate[str], found: list[Candidate[str]], path: str) -> Candidate[str]:
    """The heading, unless the declared title is another one that the address was plainly made from.

    What is cut, or has something behind a bar, was not the title.
    """
    others = [c for c in found if not c.visible]
    whole = [c for c in others if not _CUT_OR_MORE.search(c.value)]
    if not whole or any(folded(c.value) == folded(heading.value) for c in others):
        return heading
    declared = max(whole, key=lambda c: c.confidence)
    plainly = in_address(declared.value, path) > in_address(heading.value, path) + _PLAINLY
    return declared if plainly else heading
