"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def lazy_regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Returns a regular expression that is compiled when it is first used. Modules define their patterns with it,
    because compiling all of them at the start would take longer than many commands do.

    The result has the methods and attributes of a compiled pattern, but the functions of `re` do not accept it.
    """
    lazy = _LazyRegex(pattern, flags)
    _lazy_regexes.append(lazy)
    return cast(re.Pattern[AnyStr], lazy)


def compile_lazy_regexes() -> None:
    """Compiles all patterns made by `lazy_regex` so far. A process calls this before it is forked, so that its children
    need not compile them again.
    """
    for lazy in _lazy_regexes:
        lazy.compile()


class _LazyRegex:
    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._source = pattern, flags
        self._compiled: re.Pattern[Any] | None = None

    def compile(self) -> re.Pattern[Any]:
        if self._compiled is None:
            pattern, flags = self._source
            self._compiled = re.compile(pattern, flags)
        return self._compiled

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.compile(), name)
        setattr(self, name, value)  # from now on, Python finds it without calling this method
        return value


_lazy_regexes: list[_LazyRegex] = []
