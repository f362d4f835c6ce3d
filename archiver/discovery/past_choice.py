"""Chooses which captures of one address to fetch, and what the list alone says about the others. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from archiver.discovery.cdx import HTML, CdxEntry

GONE = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# A revisit record does not say what it repeats; old indexes write "unk" for a type that is missing.
_PAGE_TYPES = frozenset({"", *HTML, "warc/revisit", "unk"})
_ITSELF = timedelta(minutes=1)


class Do(StrEnum):
    """What to do with a capture: FETCH it, record that a payload was SEEN again, or record that a page was GONE."""

    FETCH = "fetch"
    SEEN = "seen"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Listed:
    """One capture of the list, with what the choice needs. `at` is aware; `digest` is "" if unknown. `asked` is the
    address as captured, with all of its parameters, if that is not `url`."""

    at: datetime
    url: str
    status: int | None = None
    digest: str = ""
    asked: str = ""

    @property
    def is_page(self) -> bool:
        return self.status in (None, 200)

    @property
    def kind(self) -> tuple[object, ...]:
        """Adjacent captures of the same kind are one run."""
        if self.status in GONE:
            return ("gone",)
        return ("page", self.digest) if self.is_page else (self.status, self.digest)


def tells(entry: CdxEntry) -> bool:
    """Whether a capture can say anything about a post."""
    if entry.status in (None, 200):
        return entry.media_type in _PAGE_TYPES
    return entry.status in GONE or entry.status in _REDIRECTS


def choose(captures: Sequence[Listed]) -> Iterator[tuple[Listed, Do]]:
    """What to do with the captures of one address, given in order of time. The others add nothing.

    A payload (by its digest) is fetched once, at its first capture. The first and the last capture of each run of it
    say from when to when it was seen, and those of a run of 404 when the page was gone. A redirect within a minute of
    a page of the same address leads to that page (http to https, to www, to a slash), and is not fetched.
    """
    pages = [c.at for c in captures if c.is_page]
    fetched: set[str] = set()
    for n, one in enumerate(captures):
        first = n == 0 or captures[n - 1].kind != one.kind
        at_edge = first or n == len(captures) - 1 or captures[n + 1].kind != one.kind
        if one.is_page and (not one.digest or one.digest not in fetched):
            fetched.add(one.digest)
            yield one, Do.FETCH
        elif one.is_page or one.status in GONE:
            if at_edge:
                yield one, Do.SEEN if one.is_page else Do.GONE
        elif (first or not one.digest) and not _has_near(pages, one.at):
            yield one, Do.FETCH


def _has_near(times: Sequence[datetime], at: datetime) -> bool:
    """Whether one of some ordered times is within a minute of this one."""
    next_ = bisect_left(times, at - _ITSELF)
    return next_ < len(times) and times[next_] <= at + _ITSELF
