"""The words of a text, as the index has them and as they are looked up: one way of cutting for both.

Words are runs of letters, digits and their marks (Unicode's classes L, N, M), folded: no case, no accents,
compatibility forms as their plain ones (NFKC; UAX #15). Marks that are vowels or tones (Devanagari, Thai) stay, as do
the points that make another letter in Cyrillic (й) and in kana. A symbol (an emoji, €) is a word of its own; `c++` and
`c#` are words.

Scripts that put no spaces between words, and Korean, whose particles are joined to them, are cut into overlapping pairs
of letters and, at the end of a run, its last letter: 深度学习 is 深度 度学 学习 习. So any part of a run is found by
its own pairs, in a row (`lookup`), and any single letter as the beginning of a pair.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

# The letters of a run stand behind this mark in a translated text, so that one split finds words and runs.
_IN_RUN = "\x01"
_RUNS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
# Accents and points without which a word is written as well.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e8\u06ea-\u06ed\u0640\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    "\ufe00-\ufe0f\ufe20-\ufe2f\u200b-\u200f\u00ad\u2060\ufeff\U000e0100-\U000e01ef]"
)
# Letters of their own that people also type as these.
_PLAIN = {"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ı": "i", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
_KEPT = {"й": "й", "ї": "ї", "ў": "ў"}
_SIGNED = re.compile(r"(?<=\w)(?:\+\+|#)(?!\w)")
_PLUS, _SHARP = "\ue0fe", "\ue0ff"
_SIGNS = {"++": _PLUS, "#": _SHARP}
_EVEN_PLUS = "\ue0fd"
_EVEN_SIGNS = {"++": _EVEN_PLUS * 2, "#": _SHARP}
_PRIVATE = (_PLUS, _SHARP, _EVEN_PLUS)
MAX_WORD = 80


def _folded(letter: str) -> str:
    """One character as the index has it: folded, a blank where it parts words, marked where it stands in a run."""
    lower = letter.casefold()
    if lower in _KEPT:
        return _KEPT[lower]
    plain = "".join(_PLAIN.get(c, c) for c in _ACCENTS.sub("", unicodedata.normalize("NFKD", lower)))
    out = unicodedata.normalize("NFC", plain)
    kind = unicodedata.category(letter)
    if _RUNS.match(letter):
        return "".join(_IN_RUN + c for c in out) if kind[0] in "LNM" else " "
    if kind[0] in "LN" or kind == "Co":
        return out.replace(" ", "")
    if kind[0] == "M" or _ACCENTS.match(letter):
        return out
    return f" {out} " if kind in ("So", "Sc") and out.strip() else " "


class _Table(dict[int, str]):
    """What `str.translate` asks for each character of a text; each is worked out once."""

    def __missing__(self, code: int) -> str:
        value = self[code] = sys.intern(_folded(chr(code)))
        return value


_TABLE = _Table({ord(_PLUS): "++", ord(_SHARP): "#"})


_ODD = "\x02"


class _Even(dict[int, str]):
    """The letters for `evened`: one for each."""

    def __missing__(self, code: int) -> str:
        value = self[code] = sys.intern(_even(chr(code)))
        return value


def _even(letter: str) -> str:
    if _RUNS.match(letter):
        return _ODD
    whole = unicodedata.normalize("NFKC", letter)
    if any(unicodedata.category(c)[0] == "M" or "\u1100" <= c <= "\u11ff" for c in letter + whole.lstrip()):
        return _ODD  # such letters may be joined with the one before them
    told = whole.translate(_TABLE)
    return told if len(told) == 1 else " " if told and not told.strip() else _ODD


_EVEN = _Even({ord(_EVEN_PLUS): "+", ord(_SHARP): "#"})


def _pairs(token: str) -> Iterator[str]:
    """A token with runs in it: its words, and the pairs of its runs with their last letters."""
    for part in re.split(f"((?:{_IN_RUN}[^{_IN_RUN}])+)", token):
        if part.startswith(_IN_RUN):
            run = part.replace(_IN_RUN, "")
            yield from (run[i : i + 2] for i in range(len(run)))
        elif part:
            yield part


def split_into_words(text: str) -> list[str]:
    """The words of a text in their order; those of more than 80 letters are cut there."""
    if ("+" in text or "#" in text) and _SIGNED.search(text):
        text = _SIGNED.sub(lambda found: _SIGNS[found[0]], text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    tokens = text.translate(_TABLE).split()
    if _IN_RUN in "".join(tokens):
        tokens = [piece for token in tokens for piece in (_pairs(token) if _IN_RUN in token else (token,))]
    return [token[:MAX_WORD] for token in tokens] if any(len(t) > MAX_WORD for t in tokens) else tokens


def normalized_text(text: str) -> str | None:
    """A text letter by letter as the index has it, with a blank wherever words are parted: so that a place in it is the
    place in the text. None where there is a letter that has no such one, as those of a run or a combining accent."""
    if not text.isascii() and any(sign in text for sign in _PRIVATE):
        return None
    if ("+" in text or "#" in text) and _SIGNED.search(text):
        text = _SIGNED.sub(lambda found: _EVEN_SIGNS[found[0]], text)
    even = text.translate(_EVEN)
    return None if _ODD in even else even


def spotted(text: str) -> str:
    """A text in which each of its words stands as the index has it, somewhere, and others may: to see quickly which
    cannot be in it."""
    signed = _SIGNED.sub(lambda found: _SIGNS[found[0]], text)
    return unicodedata.normalize("NFKC", signed).translate(_TABLE).replace(_IN_RUN, "")


def is_run(letter: str) -> bool:
    """Whether a letter is of a script whose words are cut into pairs."""
    return bool(_RUNS.match(letter))


def lookup(text: str) -> tuple[list[str], bool]:
    """The words of a text to be looked for in a row, and whether the last of them is only the beginning of one.

    What is looked for may be a part of a run: the last letter of a run, which says that it ends there, is left out.
    """
    tokens = split_into_words(text)
    if not tokens or len(tokens[-1]) > 1 or not _RUNS.match(tokens[-1]):
        return tokens, False
    if len(tokens) > 1 and len(tokens[-2]) == 2 and tokens[-2][1] == tokens[-1] and _RUNS.match(tokens[-2]):
        return tokens[:-1], False
    return tokens, True


@dataclass(frozen=True, slots=True)
class Placed:
    """The words of a text, and for each the stretch between blanks that it is of: its start in the text, itself, and
    the number of the word in it."""

    words: list[str]
    stretches: list[tuple[int, str, int]]

    def place(self, number: int) -> tuple[int, int]:
        """Where a word of the text stands, in characters: (start, end)."""
        start, stretch, index = self.stretches[number]
        places = _places(stretch)
        first, last = places[min(index, len(places) - 1)]
        return start + first, start + last


def words_with_places(text: str) -> Placed:
    found: list[str] = []
    stretches: list[tuple[int, str, int]] = []
    for match in _STRETCH.finditer(text):
        tokens = _words_of(match[0])
        found += tokens
        stretches += [(match.start(), match[0], index) for index in range(len(tokens))]
    return Placed(found, stretches)


_STRETCH = re.compile(r"\S+")


@lru_cache(maxsize=20_000)
def _words_of(stretch: str) -> tuple[str, ...]:
    return tuple(split_into_words(stretch))


@lru_cache(maxsize=1_000)
def _places(stretch: str) -> list[tuple[int, int]]:
    """The places of the words of a stretch without blanks, in the order of `words`: it is cut as there, with each
    letter knowing which letters of the stretch it was made of. A mark that is left out belongs to the one before it."""
    out: list[tuple[int, int]] = []
    run: list[tuple[int, int]] = []
    word: tuple[int, int] | None = None
    marked = False
    for letter, first, last in _told(stretch):
        if letter == _IN_RUN:
            marked = True
            continue
        if letter == "":
            if run and not word:
                run[-1] = (run[-1][0], max(last, run[-1][1]))
            elif word:
                word = (word[0], max(last, word[1]))
            continue
        if run and not marked:
            out += _of_run(run)
            run = []
        if word and (marked or letter == " "):
            out.append(word)
            word = None
        if marked:
            run.append((first, last))
        elif letter != " ":
            word = (word[0] if word else first, last)
        marked = False
    return out or [(0, len(stretch))]


def _of_run(run: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The places of its pairs and of its last letter."""
    return ((first, run[i + 1][1] if i + 1 < len(run) else last) for i, (first, last) in enumerate(run))


def _told(stretch: str) -> Iterator[tuple[str, int, int]]:
    """Each letter of a stretch as it is cut into words, with the place of what it was made of; "" for what is left out,
    and a blank at the end."""
    signs = {match.start(): match.end() for match in _SIGNED.finditer(stretch)}
    first = 0
    while first < len(stretch):
        if last := signs.get(first, 0):
            whole = _SIGNS[stretch[first:last]]
        else:
            last = first + 1
            while last < len(stretch) and last not in signs and _joins(stretch[first:last], stretch[last]):
                last += 1
            whole = unicodedata.normalize("NFKC", stretch[first:last])
        for letter in whole.translate(_TABLE) or ("",):
            yield letter, first, last
        first = last
    yield " ", first, first


def _joins(before: str, letter: str) -> bool:
    """Whether a letter is normalised together with those before it (UAX #15)."""
    return not letter.isascii() and (
        unicodedata.combining(letter) > 0
        or unicodedata.normalize("NFKC", before + letter)
        != unicodedata.normalize("NFKC", before) + unicodedata.normalize("NFKC", letter)
    )
