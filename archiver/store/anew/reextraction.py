"""One re-extraction: articles are read, by whichever processes, and written in batches by this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from sqlite_utils import Database

from archiver.store.anew.outcome import Outcome
from archiver.store.anew.writing import Begun, Tally, finish, write

_BATCH = 200
Read = Callable[[list[int]], Iterable[list[Outcome]]]
"""Reads these articles once more, and yields the outcomes in any order."""


def reextract(db: Database, begun: Begun | None, ids: list[int], read: Read,
              take: Callable[[Outcome], None] = lambda outcome: None) -> Tally:
    """Read the articles `ids` and write what differs; without `begun` nothing is written. `take` gets each outcome once
    it is settled. An article that a crawl has written since it was read is read again."""
    tally, waiting = Tally(), list[Outcome]()

    def settle() -> list[int]:
        stale = write(db, waiting, begun) if begun else []
        for outcome in waiting:
            if outcome not in stale:
                tally.add(outcome)
                take(outcome)
        waiting.clear()
        return [outcome.article_id for outcome in stale]

    todo = ids
    while todo:
        again: list[int] = []
        for outcomes in read(todo):
            waiting += outcomes
            if len(waiting) >= _BATCH:
                again += settle()
        todo = again + settle()
    if begun:
        finish(db, begun.id, tally, datetime.now(UTC))
    return tally
