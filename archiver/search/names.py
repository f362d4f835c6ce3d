"""Names as they are compared: how somebody types a name decides nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Letters that are letters of their own and not a base letter with a mark, as people type them without one.
_PLAIN = str.maketrans({"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ı": "i", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe",
                        "þ": "th", "’": "'", "`": "'"})


_BEHIND = "\t"


def folded(name: str) -> str:
    """A name as compared: no case, no diacritics, single spaces."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).translate(_PLAIN).split())


def counted_as(names: Iterable[str]) -> dict[str, str]:
    """Names of an article as they are counted: each once, however often and in which ways it is written, by its form as
    compared; with how it is written (first)."""
    ways: dict[str, str] = {}
    for name in names:
        ways.setdefault(folded(name), name)
    return ways


def way(field: str, form: str, name: str = "") -> str:
    """The entry of a name that is compared as this form; without it what all entries of the form begin with."""
    return _BEHIND.join((field, form, name))


def written(entry: str) -> str:
    """How the name of an entry is written: a form as compared has no tab in it."""
    return entry.split(_BEHIND, 2)[2]
