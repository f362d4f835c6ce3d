"""Splits text into words, in the same way for the index and for queries.

A word is a sequence of letters, digits and their marks (Unicode categories L, N, M), folded: without case and accents,
and NFKC-normalized (UAX #15). Marks that are vowels or tones (Devanagari, Thai) are kept, and so are marks that make a
different letter in Cyrillic (й) and in kana. A symbol (an emoji, €) is a word of its own; `c++` and `c#` are words.

In scripts without spaces between words, and in Korean, where particles are attached to words, a sequence of letters is
called a run. It is split into overlapping pairs, followed by its last letter: 深度学习 becomes 深度 度学 学习 习.
Any part of a run is then found as a phrase of its pairs (`lookup_words`), and a single letter as the prefix of a pair.
"""

from __future__ import annotations

import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import add

from archiver.model.lazy_regex import lazy_regex

# Marks each letter of a run in a translated text, so that one split yields words and runs.
_IN_RUN = "\x01"
_RUN_PARTS = lazy_regex(f"((?:{_IN_RUN}[^{_IN_RUN}])+)")
# The first letter of each range of letters that belong to runs, and the first letter after it.
_RUN_BOUNDS = (
    "\u0e00\u10a0\u1780\u1800\u3005\u3008\u3040\u3130\u31f0\u3200\u3400\u4dc0\u4e00\ua4d0"
    "\uac00\ud7a4\uf900\ufb00\uff66\uffa0\U00020000\U00040000"
)
# Accents and vowel points that are optional in writing.
_ACCENTS = lazy_regex(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e8\u06ea-\u06ed\u0640\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    "\ufe00-\ufe0f\ufe20-\ufe2f\u200b-\u200f\u00ad\u2060\ufeff\U000e0100-\U000e01ef]"
)
# Letters without a Unicode decomposition, and the letters that people also type in their place.
_PLAIN = {"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ı": "i", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
_KEPT = {"й": "й", "ї": "ї", "ў": "ў"}
_SUFFIXED = lazy_regex(r"(?<=\w)(?:\+\+|#)(?!\w)")
_PLUS, _SHARP = "\ue0fe", "\ue0ff"
_SIGNS = {"++": _PLUS, "#": _SHARP}
_EVEN_PLUS = "\ue0fd"
_EVEN_SIGNS = {"++": _EVEN_PLUS * 2, "#": _SHARP}
_PRIVATE = (_PLUS, _SHARP, _EVEN_PLUS)
MAX_WORD = 80


def _fold_character(letter: str) -> str:
    """Returns the indexed form of a character: folded, or a space if the character separates words. The result begins
    with a marker if the character belongs to a script whose words are indexed in pairs of letters.
    """
    lower = letter.casefold()
    if lower in _KEPT:
        return _KEPT[lower]
    plain = "".join(_PLAIN.get(c, c) for c in _ACCENTS.sub("", unicodedata.normalize("NFKD", lower)))
    out = unicodedata.normalize("NFC", plain)
    kind = unicodedata.category(letter)
    if is_run_letter(letter):
        return "".join(_IN_RUN + c for c in out) if kind[0] in "LNM" else " "
    if kind[0] in "LN" or kind == "Co":
        return out.replace(" ", "")
    if kind[0] == "M" or _ACCENTS.match(letter):
        return out
    return f" {out} " if kind in ("So", "Sc") and out.strip() else " "


class _Table(dict[int, str]):
    """A table for `str.translate` that folds each character as the index does, and caches the result."""

    def __missing__(self, code: int) -> str:
        value = self[code] = sys.intern(_fold_character(chr(code)))
        return value


_TABLE = _Table({ord(_PLUS): "++", ord(_SHARP): "#"})


_ODD = "\x02"


class _Even(dict[int, str]):
    """A table for `str.translate` that replaces each character by exactly one folded character, so that positions do
    not change (`normalized_text`).
    """

    def __missing__(self, code: int) -> str:
        value = self[code] = sys.intern(_even(chr(code)))
        return value


def _even(letter: str) -> str:
    if is_run_letter(letter):
        return _ODD
    whole = unicodedata.normalize("NFKC", letter)
    if any(unicodedata.category(c)[0] == "M" or "\u1100" <= c <= "\u11ff" for c in letter + whole.lstrip()):
        return _ODD  # such a letter may combine with the preceding one
    folded = whole.translate(_TABLE)
    return folded if len(folded) == 1 else " " if folded and not folded.strip() else _ODD


_EVEN = _Even({ord(_EVEN_PLUS): "+", ord(_SHARP): "#"})


def _words_and_runs(folded: str) -> list[str]:
    """Returns the words of a folded text that contains runs (see the module): the ordinary words, and for each run its
    pairs of letters and its last letter.
    """
    words: list[str] = []
    for number, part in enumerate(_RUN_PARTS.split(folded)):
        if number % 2:  # a run
            run = part.replace(_IN_RUN, "")
            words += map(add, run, run[1:])
            words.append(run[-1])
        else:
            words += part.split()
    return words


def split_into_words(text: str) -> list[str]:
    """Returns the folded words of a text in order, each cut at 80 characters (MAX_WORD)."""
    if ("+" in text or "#" in text) and _SUFFIXED.search(text):
        text = _SUFFIXED.sub(lambda found: _SIGNS[found[0]], text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    folded = text.translate(_TABLE)
    words = _words_and_runs(folded) if _IN_RUN in folded else folded.split()
    return [word[:MAX_WORD] for word in words] if max(map(len, words), default=0) > MAX_WORD else words


def normalized_text(text: str) -> str | None:
    """Folds a text character by character, with words separated by spaces, so that positions in the result equal those
    in the text.

    Returns None if the text contains characters that cannot be folded to exactly one character, such as letters of a
    run or combining accents.
    """
    if not text.isascii() and any(sign in text for sign in _PRIVATE):
        return None
    if ("+" in text or "#" in text) and _SUFFIXED.search(text):
        text = _SUFFIXED.sub(lambda found: _EVEN_SIGNS[found[0]], text)
    even = text.translate(_EVEN)
    return None if _ODD in even else even


def searchable_text(text: str) -> str:
    """Returns a folded text that contains every indexed word of the text (and possibly others), for a quick test of
    which words may occur in it.
    """
    signed = _SUFFIXED.sub(lambda found: _SIGNS[found[0]], text)
    return unicodedata.normalize("NFKC", signed).translate(_TABLE).replace(_IN_RUN, "")


def is_run_letter(letter: str) -> bool:
    """Returns True if a letter belongs to a script whose words are indexed as overlapping pairs of letters, such as
    Chinese, Thai or Korean.
    """
    return bisect_right(_RUN_BOUNDS, letter) % 2 == 1


def lookup_words(text: str) -> tuple[list[str], bool]:
    """Returns the words by which a search term is looked up in the index, and True if the last of them is a prefix.

    If a term in such a script has several letters, only its pairs are looked up. The index also contains the last
    letter of each run as a word, but in a text the term may be followed by further letters.
    """
    tokens = split_into_words(text)
    if not tokens or len(tokens[-1]) > 1 or not is_run_letter(tokens[-1]):
        return tokens, False
    if len(tokens) > 1 and len(tokens[-2]) == 2 and tokens[-2][1] == tokens[-1] and is_run_letter(tokens[-2][0]):
        return tokens[:-1], False
    return tokens, True


@dataclass(frozen=True, slots=True)
class PositionedWords:
    """The words of a text with their positions. A chunk is the text between two spaces. `chunks` gives, for each word,
    the start of its chunk, the chunk itself, and the index of the word within the chunk.
    """

    words: list[str]
    chunks: list[tuple[int, str, int]]

    def place(self, number: int) -> tuple[int, int]:
        """Returns the (start, end) of word `number` in the text, in characters."""
        start, chunk, index = self.chunks[number]
        places = _word_positions(chunk)
        first, last = places[min(index, len(places) - 1)]
        return start + first, start + last


def words_with_places(text: str) -> PositionedWords:
    """Splits a text into words and keeps track of the position of each word."""
    found: list[str] = []
    chunks: list[tuple[int, str, int]] = []
    for match in _CHUNK.finditer(text):
        tokens = _words_of(match[0])
        found += tokens
        chunks += [(match.start(), match[0], index) for index in range(len(tokens))]
    return PositionedWords(found, chunks)


_CHUNK = lazy_regex(r"\S+")


@lru_cache(maxsize=20_000)
def _words_of(chunk: str) -> tuple[str, ...]:
    return tuple(split_into_words(chunk))


@lru_cache(maxsize=1_000)
def _word_positions(chunk: str) -> list[tuple[int, int]]:
    """Returns the (start, end) of each word in a chunk without spaces, in the order of `split_into_words`.

    Splits in the same way as that function, but also records from which characters of the chunk each letter comes. A
    mark that is dropped belongs to the letter before it.
    """
    out: list[tuple[int, int]] = []
    run: list[tuple[int, int]] = []
    word: tuple[int, int] | None = None
    marked = False
    for letter, first, last in _folded_letters(chunk):
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
            out += _run_positions(run)
            run = []
        if word and (marked or letter == " "):
            out.append(word)
            word = None
        if marked:
            run.append((first, last))
        elif letter != " ":
            word = (word[0] if word else first, last)
        marked = False
    return out or [(0, len(chunk))]


def _run_positions(run: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yields the (start, end) of each pair and of the last letter of a run, given the (start, end) of its letters."""
    return ((first, run[i + 1][1] if i + 1 < len(run) else last) for i, (first, last) in enumerate(run))


def _folded_letters(chunk: str) -> Iterator[tuple[str, int, int]]:
    """Yields each folded letter of a chunk with the (start, end) of the characters that it comes from; "" stands for a
    dropped character. The last item is a space.
    """
    signs = {match.start(): match.end() for match in _SUFFIXED.finditer(chunk)}
    first = 0
    while first < len(chunk):
        if last := signs.get(first, 0):
            whole = _SIGNS[chunk[first:last]]
        else:
            last = first + 1
            while last < len(chunk) and last not in signs and _combines_with(chunk[first:last], chunk[last]):
                last += 1
            whole = unicodedata.normalize("NFKC", chunk[first:last])
        for letter in whole.translate(_TABLE) or ("",):
            yield letter, first, last
        first = last
    yield " ", first, first


def _combines_with(before: str, letter: str) -> bool:
    """Returns True if Unicode normalization combines a letter with the characters before it (UAX #15)."""
    return not letter.isascii() and (
        unicodedata.combining(letter) > 0
        or unicodedata.normalize("NFKC", before + letter)
        != unicodedata.normalize("NFKC", before) + unicodedata.normalize("NFKC", letter)
    )
