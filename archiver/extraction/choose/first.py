"""Chooses the candidate with the most confidence."""

from __future__ import annotations

from typing import TypeVar

from archiver.extraction.candidates import Candidate
from archiver.extraction.text import folded

T = TypeVar("T")
Names = tuple[str, ...]


def best(found: list[Candidate[T]]) -> Candidate[T] | None:
    """The candidate with the most confidence; among equals the first."""
    return max(found, key=lambda c: c.confidence) if found else None


def terms(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """Categories or tags: the most trusted source; a feed's list or bare keywords only if the page has none.

    If links found by their look differ from what the page declares, the declared terms are chosen if they are all of
    them and more (a theme shows some), or several and a part of them (the others belong to other posts).
    """
    first = best(found)
    if first is None or first.source not in ("class", "link", "label") or not first.visible:
        return first
    shown = {folded(n) for n in first.value}
    for c in sorted((c for c in found if c.source in ("json-ld", "meta")), key=lambda c: -c.confidence):
        said = {folded(n) for n in c.value}
        if c.confidence >= 0.6 and (shown < said or (len(said) > 1 and said < shown)):
            return c
    return first
