"""Finds the known words that a mistyped word may stand for.

The distance of two words is the number of letters that must be inserted, left out, replaced or swapped with their
neighbour to turn one into the other (the optimal string alignment distance).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter

_LETTERS_A_MISTAKE = 3
"""One mistake is assumed for each so many letters of a word."""
MAX_MISTAKES = 2


def allowed_mistakes(word: str) -> int:
    """Returns how many mistakes may be assumed in a word: none in a word of one or two letters, one in a word of up to
    five letters, and two in a longer one.
    """
    return min(len(word) // _LETTERS_A_MISTAKE, MAX_MISTAKES)


def edit_distance(one: str, other: str, most: int = MAX_MISTAKES) -> int:
    """Returns the distance of two words (see the module), or `most` + 1 if it is greater than `most`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    earlier: list[int] = []
    row: list[int] = [*range(len(other) + 1)]
    for n, letter in enumerate(one, start=1):
        above, row = row, [n, *[0] * len(other)]
        for m, opposite in enumerate(other, start=1):
            row[m] = min(above[m] + 1, row[m - 1] + 1, above[m - 1] + (letter != opposite))
            if n > 1 and m > 1 and letter == other[m - 2] and one[n - 2] == opposite:
                row[m] = min(row[m], earlier[m - 2] + 1)
        if min(row) > most:
            return most + 1
        earlier = above
    return row[-1] if row[-1] <= most else most + 1


def nearest_words(word: str, known: Iterable[str] | Mapping[str, int], most: int = 3) -> tuple[str, ...]:
    """Returns the known words that `word` may stand for, the nearest first and at most `most` of them, without `word`
    itself. Upper and lower case count as equal.

    Of equally near words, those with the same first letter come first, since it is rarely mistyped. After that, if
    `known` maps words to how often they occur, the most frequent ones come first; otherwise, the order of `known`
    decides.
    """
    folded, allowed = word.casefold(), allowed_mistakes(word)
    counts = known if isinstance(known, Mapping) else dict.fromkeys(known, 0)
    rated = [
        (distance, other[:1].casefold() != folded[:1], -count, place, other)
        for place, (other, count) in enumerate(counts.items())
        if other != word and (distance := edit_distance(folded, other.casefold(), allowed)) <= allowed
    ]
    return tuple(other for *_, other in sorted(rated, key=itemgetter(0, 1, 2, 3))[:most])
