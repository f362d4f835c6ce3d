"""A candidate for a field: its value and its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from archiver.items import Evidence, Lead

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """`visible`: a reader of the page sees it in the post's own lines."""

    value: T
    source: str
    locator: str
    confidence: float
    visible: bool = False

    def evidence(self, field: str) -> Evidence:
        value = ", ".join(self.value) if isinstance(self.value, tuple) else str(self.value)
        return Evidence(field, value[:300], self.source, self.locator[:120], round(self.confidence, 2))


def from_api(lead: Lead | None) -> bool:
    """Whether a lead comes from a platform's own interface, which knows what it says."""
    return lead is not None and lead.from_api
