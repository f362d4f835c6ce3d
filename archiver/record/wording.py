"""A text in the form in which near-duplicates are compared: its words in order, and short sequences of them (shingles).

In scripts without spaces between words, letters take their place, and a shingle has more of them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache

_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3105-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff" \
       "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
_THAI = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9fe\uaa60-\uaadf"  # Thai, Lao, Burmese, Khmer
# \w does not match vowel signs, without which no word of these scripts is whole.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0971-\u0dff\u0f71-\u0fbc\u200c\u200d"
_WORDS = re.compile(r"\w+")
_NOT_SIMPLE = re.compile(f"[{_HAN}{_THAI}{_MARKS}]")
_UNSPACED = re.compile(f"[{_HAN}{_THAI}]")
_PIECES = re.compile(rf"[{_HAN}{_THAI}]|(?:(?![{_HAN}{_THAI}])[\w{_MARKS}])+")
_IS_HAN = re.compile(f"[{_HAN}]")
_LEAST_LINES = 8
_MOST_LETTERS = 120_000  # of a book, the beginning is enough
_ASCII_SIGNS = bytes(n if chr(n).isalnum() else 32 for n in range(256))


@dataclass(frozen=True, slots=True)
class Script:
    """How texts of a kind of script are compared, in words: `shingle` of them make a shingle; a shorter text than
    `least` is not compared, and copies share at least `shared`; shared passages with at most `gap` between them are
    one passage; a line of at most `line` is an entry of a list; posts of one site that share less than `habits` of
    their words (0 to 1) need not be copies."""

    name: str
    shingle: int
    least: int
    shared: int
    gap: int
    line: int
    habits: float


SPACED = Script("words", 3, 30, 20, 8, 6, 0.6)
HAN = Script("han", 4, 60, 40, 10, 12, 0.5)
THAI = Script("thai", 9, 150, 100, 24, 30, 0.5)


@dataclass(frozen=True)
class Wording:
    """The words of a text, its shingles in order (the n-th begins at the n-th word), and whether it is a list, i.e.
    mostly short lines. What only comparisons need is computed when they need it."""

    script: Script
    words: tuple[str, ...]
    shingles: tuple[str, ...]
    is_list: bool

    @cached_property
    def unique(self) -> frozenset[str]:
        return frozenset(self.shingles)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        return tuple([word for word in self.words if word[0].isdigit()])

    @property
    def is_short(self) -> bool:
        """Whether the text is too short to recognise a copy."""
        return len(self.words) < self.script.least


@lru_cache(maxsize=64)  # a text is compared when it arrives, and again with those that arrive soon after it
def wording(body: str) -> Wording:
    """The wording of a post's text, regardless of case, signs and the width of letters (NFKC)."""
    script, words = _words(body[:_MOST_LETTERS])
    width = script.shingle
    shingles = tuple(map(" ".join, zip(*(words[n:] for n in range(width)), strict=False)))
    lines = [line for line in body.split("\n") if line.strip()]
    short = len(lines) >= _LEAST_LINES and len(words) <= script.line * len(lines)
    return Wording(script, tuple(words), shingles, short)


def _words(body: str) -> tuple[Script, list[str]]:
    if body.isascii():
        return SPACED, body.lower().encode("ascii").translate(_ASCII_SIGNS).decode("ascii").split()
    text = unicodedata.normalize("NFKC", body).casefold().replace("_", " ")
    if not _NOT_SIMPLE.search(text):  # the same, several times as fast
        return SPACED, _WORDS.findall(text)
    unspaced, words = _UNSPACED.findall(text), _PIECES.findall(text)
    if len(unspaced) * 2 < len(words):
        return SPACED, words
    han = sum(map(len, _IS_HAN.findall(text)))
    return (HAN if han * 2 >= len(unspaced) else THAI), words
