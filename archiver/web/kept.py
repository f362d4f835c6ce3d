"""What was counted once for an archive as it is: turning a page or changing the order counts nothing anew."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlite_utils import Database

from archiver.search.filters import Query

T = TypeVar("T")
_MOST = 64
_KEPT: WeakKeyDictionary[Database, tuple[int, OrderedDict[Hashable, Any]]] = WeakKeyDictionary()


def kept(db: Database, name: str, of: Hashable, make: Callable[[], T]) -> T:
    """What `make` answers, as long as nobody has written to the archive since (SQLite's data_version, which also tells
    of a new index). What it raises is not kept."""
    version = int(db.execute("pragma data_version").fetchone()[0])
    known, answers = _KEPT.get(db, (None, OrderedDict()))
    if known != version:
        answers = OrderedDict()
        _KEPT[db] = version, answers
    key = name, of
    if key not in answers:
        answers[key] = make()
        if len(answers) > _MOST:
            answers.popitem(last=False)
    answers.move_to_end(key)
    found: T = answers[key]
    return found


def counted(query: Query) -> Query:
    """A query without what its counts do not depend on."""
    return replace(query, sort="", limit=None, offset=0, recent=None)
