"""A clock that the test holds: processes of the program begin at a given time, and time goes on from there."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from functools import cache
from types import ModuleType
from typing import Any

_real = datetime


class _Kind(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _real)


class HeldDatetime(datetime, metaclass=_Kind):
    """`datetime` with another `now`. All its constructors return plain datetimes, so that no value is of this class."""

    _now = _real.now()
    _begun = time.monotonic()

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return _real(*args, **named)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        at = cls._now + timedelta(seconds=time.monotonic() - cls._begun)
        return at.astimezone(tz) if tz else at.astimezone().replace(tzinfo=None)


@cache
def dated_modules() -> list[ModuleType]:
    """Return the modules of the program that ask for the time. Call it once in a process that has imported the whole
    program: to look for them in each process that it forks takes longer than all else that is done for its clock.
    """
    modules = [module for name, module in sys.modules.items() if name.startswith("archiver.")]
    return [module for module in modules if vars(module).get("datetime") is _real]


def hold_clock(at: datetime) -> None:
    """Make it this time (aware) for all modules of the program in this process and the processes that it forks."""
    HeldDatetime._now, HeldDatetime._begun = at, time.monotonic()
    real_time = time.time
    ahead = at.timestamp() - real_time()
    for module in dated_modules():
        module.datetime = HeldDatetime  # type: ignore[attr-defined]
    time.time = lambda: real_time() + ahead
