"""`archiver search` over several archives: the same answers, with the archive that each hit is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from archiver.commands.hits import Page, shown, some
from archiver.commands.screen import count, line
from archiver.search.filters import Query
from archiver.search.plan import Plan
from archiver.search.together import Placed, Shard, Together, placed, together
from archiver.search.values import COLUMNS, as_values
from archiver.store.connect import opened

_COLUMNS = ("archive", *COLUMNS, "elsewhere")


@dataclass(frozen=True, slots=True)
class SeveralArchives:
    """A query over several archives."""

    query: Query
    asked: Together

    def plans(self) -> Sequence[Plan]:
        return self.asked.plans

    def archives(self) -> Sequence[tuple[Database, Query]]:
        return [(plan.db, plan.query) for plan in self.asked.plans]

    def page(self) -> Page:
        return Page(placed(self.asked), self.asked.total, _values, _lines, _COLUMNS)


@contextmanager
def several(archives: list[str], query: Query) -> Iterator[SeveralArchives]:
    """The query over archives, which are open while the block lasts."""
    with ExitStack() as stack:
        shards = [Shard(archive, stack.enter_context(opened(archive, read_only=True)))
                  for archive in archives]
        yield SeveralArchives(query, stack.enter_context(together(shards, query)))


def _values(one: Placed) -> dict[str, Any]:
    return {"archive": one.archive, **as_values(one.hit), "elsewhere": [asdict(copy) for copy in one.elsewhere]}


def _lines(one: Placed) -> list[Any]:
    """Formats a hit, then a line with its archive and its ID there, and its copies in other archives."""
    about = [f"{one.archive} {one.hit.id}"]
    if one.elsewhere:
        others = some([f"{copy.archive} {copy.id}" for copy in one.elsewhere])
        about.append(f"{count(len(one.elsewhere), 'copy', 'copies')}: {others}")
    return [*shown(one.hit), line((" · ".join(about), "dim"), indent=7)]
