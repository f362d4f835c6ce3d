"""Between candidates of which one is simply believed more."""

from __future__ import annotations

from typing import TypeVar

from archiver.extraction.candidates import Candidate

T = TypeVar("T")
Names = tuple[str, ...]


def best(found: list[Candidate[T]]) -> Candidate[T] | None:
    """The most trusted; among equals the first."""
    return max(found, key=lambda c: c.confidence) if found else None


def terms(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """Categories or tags: the most trusted source; a feed's list or bare keywords only where the page is silent."""
    return best(found)
