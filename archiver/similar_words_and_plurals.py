"""Words for messages: finds the known words that are similar to a mistyped one ("did you mean 'news'"), counts typing
errors, and formats a number with its noun in the singular or plural.
"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns a phrase with the most similar of the known words, such as "; did you mean 'news'" (without a question
    mark). Returns "" if no known word is similar.
    """
    found = similar_words(word, known, 1)
    return f"; did you mean {found[0]!r}" if found else ""


def similar_words(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Returns at most `most` of the known words that are similar to a word, most similar first. Case is ignored."""
    from difflib import get_close_matches  # imported late because it is needed only for errors

    by_folded = {one.casefold(): one for one in known}
    return [by_folded[one] for one in get_close_matches(word.casefold(), by_folded, n=most, cutoff=0.7)]


def count_typos(one: str, other: str, most: int) -> int:
    """Returns the edit distance of two words, in which two swapped neighbours count as one edit. If the distance is
    greater than `most`, returns any number greater than `most`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    above = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        row = [number]
        for place, against in enumerate(other, start=1):
            cost = min(above[place] + 1, row[-1] + 1, above[place - 1] + (letter != against))
            if before and place > 1 and letter == other[place - 2] and against == one[number - 2]:
                cost = min(cost, before[place - 2] + 1)
            row.append(cost)
        if min(row) > most and min(above) > most:
            return most + 1
        before, above = above, row
    return above[-1]


def count_noun(number: int, one: str, many: str = "") -> str:
    """Formats a number with its noun for a message: "1 article", "2 articles". `many` is the plural if it is
    irregular.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
