"""Finds the site of an archive whose name a mistyped address was probably meant to have. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

_MOST_TYPOS = 2
_LETTERS_PER_TYPO = 4


def find_similar_site(name: str, known: Iterable[str]) -> str:
    """Returns the known site name that differs from `name` in no more than a port or one or two typed letters; "" if
    there is none. The most similar name comes first.
    """
    found = [(distance, other) for other in known if other != name and (distance := _difference(name, other))]
    return min(found, default=(0, ""))[1]


def _difference(name: str, other: str) -> int:
    """Returns how many letters must be changed, inserted or deleted to turn one name into the other, or 3 if the names
    have only different ports; 0 if they are not similar.
    """
    most = min(_MOST_TYPOS, len(name) // _LETTERS_PER_TYPO)
    distance = _count_typos(name, other, most)
    if distance <= most:
        return distance
    return _MOST_TYPOS + 1 if _without_port(name) == _without_port(other) else 0


def _without_port(name: str) -> tuple[str, str]:
    host, _, path = name.partition("/")
    return host.partition(":")[0], path


def _count_typos(one: str, other: str, most: int) -> int:
    """Returns the edit distance of two words, or a number greater than `most` if it is greater."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        above, row = row, [number]
        for place, against in enumerate(other, start=1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (letter != against)))
        if min(row) > most:
            return most + 1
    return row[-1]
