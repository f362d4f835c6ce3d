"""What goes wrong with the place the archive lies in, as one sentence for a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from archiver.store.faults import fault_of


class _OfArchive(Protocol):
    archive: Path


P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=_OfArchive)


def guarded(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A method that raises an ArchiverError where the disk or the database refuses (see `store.faults`)."""

    @wraps(method)
    def inner(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            raise fault_of(error, self.archive) from error

    return inner
