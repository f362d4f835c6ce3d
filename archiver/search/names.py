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


def counted_as(names: Iterable[str]) -> list[str]:
    """Names of an article as they are counted: each once, however often and in which ways it is written, by its form as
    compared and how it is written (first)."""
    entries: dict[str, str] = {}
    for name in names:
        form = folded(name)
        entries.setdefault(form, beginning(form) + name)
    return list(entries.values())


def beginning(form: str) -> str:
    """What all entries of a name begin with, which is compared as this form: one of these has no tab in it."""
    return form + _BEHIND


def written(entry: str) -> tuple[str, str]:
    """An entry's form as compared, and how the name is written."""
    form, _, name = entry.partition(_BEHIND)
    return form, name
