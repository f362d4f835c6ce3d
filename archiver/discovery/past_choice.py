"""Which captures of one address are worth fetching, and what the list alone tells of the others. Pure."""

from __future__ import annotations

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
    """What is done with a capture: FETCH it; enter that a payload was SEEN once more; enter that a page was GONE."""

    FETCH = "fetch"
    SEEN = "seen"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Listed:
    """One capture of the list, as far as it decides. `at` is aware, `digest` "" where none is told. `asked` is the
    address as it was captured, with all of its parameters, where that is not `url`."""

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
        """Neighbours of one kind are one run."""
        if self.status in GONE:
            return ("gone",)
        return ("page", self.digest) if self.is_page else (self.status, self.digest)


def tells(entry: CdxEntry) -> bool:
    """Whether a capture can say anything of a post."""
    if entry.status in (None, 200):
        return entry.media_type in _PAGE_TYPES
    return entry.status in GONE or entry.status in _REDIRECTS


def choose(captures: Sequence[Listed]) -> Iterator[tuple[Listed, Do]]:
    """What to do with the captures of one address, which are in the order of time. The others tell nothing more.

    A payload (by its digest) is fetched once, where it was captured first; of each run of it the first and the last
    capture say from when to when it was seen, and of a run of 404 when the page was gone. A redirect in the same minute
    as a page of the same address leads to that (from http to https, to www, to a slash), and is not asked for.
    """
    pages = [c.at for c in captures if c.is_page]
    fetched: set[str] = set()
    near = 0
    for n, one in enumerate(captures):
        first = n == 0 or captures[n - 1].kind != one.kind
        last = n == len(captures) - 1 or captures[n + 1].kind != one.kind
        if one.status in GONE:
            if first or last:
                yield one, Do.GONE
        elif one.is_page:
            if not one.digest or one.digest not in fetched:
                fetched.add(one.digest)
                yield one, Do.FETCH
            elif first or last:
                yield one, Do.SEEN
        elif first or not one.digest:
            while near < len(pages) and pages[near] < one.at - _ITSELF:
                near += 1
            if near == len(pages) or pages[near] > one.at + _ITSELF:
                yield one, Do.FETCH
