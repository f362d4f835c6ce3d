"""`archiver search` over several archives: the same answers, with the archive that each hit is of."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from typing import Any

from archiver.commands import answers
from archiver.commands.hits import print_facets, print_hits, shown, some
from archiver.commands.screen import count, line
from archiver.search.filters import Query
from archiver.search.run import facets_of
from archiver.search.together import Placed, Shard, placed, together
from archiver.search.values import COLUMNS, as_values
from archiver.store.connect import open_archive

_COLUMNS = ("archive", *COLUMNS, "elsewhere")


@dataclass(frozen=True, slots=True)
class Answer:
    """Which answer was asked for, and in which form."""

    form: str | None
    facets: bool
    histogram: str | None
    trend: tuple[str, ...]
    by: str | None
    plot: str | None


def search_together(archives: list[str], query: Query, answer: Answer) -> None:
    with ExitStack() as stack:
        shards = [Shard(archive, stack.enter_context(closing(open_archive(archive, read_only=True))))
                  for archive in archives]
        asked = stack.enter_context(together(shards, query))
        if answer.facets:
            print_facets(facets_of(asked.plans), answer.form)
        elif answer.histogram:
            answers.histogram(asked.plans, answer.histogram, answer.form, answer.plot)
        elif answer.trend:
            own = [(plan.db, plan.query) for plan in asked.plans]
            answers.trend(own, answer.trend, answer.by, answer.form, answer.plot)
        else:
            found = placed(asked)
            print_hits([_values(one) for one in found], [_lines(one) for one in found], asked.total, answer.form,
                       query.offset, _COLUMNS)


def _values(one: Placed) -> dict[str, Any]:
    return {"archive": one.archive, **as_values(one.hit), "elsewhere": [asdict(copy) for copy in one.elsewhere]}


def _lines(one: Placed) -> list[Any]:
    """As a hit of one archive, and below it where it lies, by the number it has there, with its copies elsewhere."""
    about = [f"{one.archive} {one.hit.id}"]
    if one.elsewhere:
        others = some([f"{copy.archive} {copy.id}" for copy in one.elsewhere])
        about.append(f"{count(len(one.elsewhere), 'copy', 'copies')}: {others}")
    return [*shown(one.hit), line((" · ".join(about), "dim"), indent=7)]
