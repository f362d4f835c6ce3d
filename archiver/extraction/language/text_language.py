"""Decides the language of a post. It is the declared language, unless the text is in a script that this language never
uses, or its words clearly belong to another language.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archiver.extraction.language.language_table import (
    HAN,
    KANA,
    LATIN,
    LETTERS_A_CHARACTER,
    ROWS,
    SAME_LANGUAGE,
    SCRIPTS,
    SOLE_LANGUAGE,
    WRITTEN_IN,
    LanguageRow,
)

SAMPLE = 1_500
"""At most this many characters of a text are examined."""
_LETTERS, _LATIN_LETTERS = 8, 40
"""A text can be in a script only if it has at least `_LETTERS` letters of the script, or `_LATIN_LETTERS` if the script
is Latin, since texts in all scripts contain names and code in Latin letters."""
_OTHER_SCRIPT, _OWN_SCRIPT = 0.4, 0.05
"""A language in the Latin script is contradicted if at least `_OTHER_SCRIPT` of the text is in another script. Any
other language is contradicted if at most `_OWN_SCRIPT` of the text is in its own script."""
_KANA = 0.05
"""In a Japanese text, at least this share of the characters is kana."""
_LONG_WITHOUT_KANA = 60
_FOREIGN = 0.01
"""A text may be in a language if at most this share of its letters is missing from that language's alphabet. A text may
have such letters in names of people and places."""
_LEAST_HITS, _LEAST_SHARE, _MARGIN = 2, 0.06, 1.25
_SURE_HITS, _SURE_SHARE, _SURE_MARGIN, _SURE_AGAINST = 8, 0.2, 1.4, 6
"""The words of a text contradict the declared language if another language in the same script is clearly more likely.
At least `_SURE_HITS` words, and at least `_SURE_SHARE` of all words, must be frequent words of that language. There
must be at least `_SURE_MARGIN` times as many of them as of frequent words of the next language, and `_SURE_AGAINST`
times as many as of frequent words of the declared language."""
_MAX_MARKS = 3

Declared = tuple[str, str, str]
"""A BCP 47 tag, the source that declares it, and the locator of the tag in that source."""


class _ScriptOf(dict[int, str | None]):
    """A table for `str.translate` that replaces each letter by the sign of its script and removes all other characters.
    A character is added to the table when it first occurs.
    """

    def __missing__(self, code: int) -> str | None:
        name = unicodedata.name(chr(code), "")
        script = SCRIPTS.get(name.partition(" ")[0], "") if chr(code).isalpha() else ""
        self[code] = found = _SIGNS.get(script)
        return found


_NAMES = tuple(dict.fromkeys(SCRIPTS.values()))
_SIGNS = {name: chr(ord("A") + n) for n, name in enumerate(_NAMES)}
_SCRIPT_OF = _ScriptOf()
_BY_SCRIPT: dict[str, tuple[LanguageRow, ...]] = {
    script: tuple(row for row in ROWS if row.script == script) for script in {row.script for row in ROWS}
}
_LANGUAGES_OF_WORD: dict[str, tuple[str, ...]] = {
    word: tuple(row.tag for row in ROWS if word in row.words.split()) for row in ROWS for word in row.words.split()
}
_WORDS_OF: dict[str, frozenset[str]] = {
    tag: frozenset(word for row in ROWS if row.tag == tag for word in row.words.split())
    for tag in {row.tag for row in ROWS}
}
_ASCII = re.compile(r"[\x00-\x7f]+")
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_PUNCTUATION = ".,;:!?\"'()[]«»“”„‘’–—…-،؛؟।"


@dataclass(frozen=True)
class _Text:
    """The letters and the words of a text."""

    text: str

    @cached_property
    def scripts(self) -> Mapping[str, int]:
        """The number of letters in each script. In a Japanese text, Han characters count as kana; in a Chinese text, a
        few kana count as Han.
        """
        signs = Counter(_ASCII.sub("", self.text).translate(_SCRIPT_OF))
        signs[_SIGNS[LATIN]] += len(self.text.encode("ascii", "ignore").translate(None, delete=_NO_LETTERS))
        found = {name: signs[sign] * LETTERS_A_CHARACTER.get(name, 1) for name, sign in _SIGNS.items() if signs[sign]}
        if KANA in found:
            both = found.pop(KANA) + (han := found.pop(HAN, 0))
            found[KANA if both - han >= _KANA * both else HAN] = both
        return found

    @cached_property
    def length(self) -> int:
        return sum(self.scripts.values())

    @cached_property
    def words(self) -> list[str]:
        return [word for w in self.text.casefold().split() if (word := w.strip(_PUNCTUATION)) and not word.isdigit()]

    @cached_property
    def hits(self) -> Counter[str]:
        """For each language, the number of words in the text that are frequent in this language."""
        known = _LANGUAGES_OF_WORD
        return Counter(tag for word in self.words if word in known for tag in known[word])

    def main_script(self) -> str:
        """The script to which most letters of the text belong; "" if the text has too few letters to decide."""
        name = max(self.scripts, key=self.scripts.__getitem__, default="")
        return name if name and self.scripts[name] >= max(_LETTERS, _OTHER_SCRIPT * self.length) else ""


def choose_language(declared: Sequence[Declared], text: str) -> Declared:
    """Returns the language of a post: the first declared language that its text does not contradict, or else the
    language of the text.

    `declared` has the declared languages, most trusted first; `text` is the title and body. Returns ("", "", "") if the
    text contradicts every declaration and its own language is not certain. Also returns ("", "", "") if nothing is
    declared, since the language is not guessed.
    """
    sample = _Text(text[:SAMPLE])
    fitting = next((one for one in declared if not _is_contradicted(one[0], sample)), None)
    if fitting is not None or not declared:
        return fitting or ("", "", "")
    own = _language_of(sample)
    return (own, "text", "script and words") if own else ("", "", "")


def language_of_text(text: str) -> str:
    """Returns the language of a text by its script and its frequent words; "" if these do not decide it."""
    return _language_of(_Text(text[:SAMPLE]))


def _is_contradicted(tag: str, sample: _Text) -> bool:
    """Returns True if a text cannot be in the language of `tag`. A tag with a script ("sr-Latn") is always believed."""
    primary, *rest = tag.lower().split("-")
    if any(len(part) == 4 and part.isalpha() for part in rest):
        return False
    own = WRITTEN_IN.get(primary)
    if own is None:
        return False
    return _is_in_other_script(primary, own, sample) or _is_in_other_words(SAME_LANGUAGE.get(primary, primary), sample)


def _is_in_other_script(primary: str, own: frozenset[str], sample: _Text) -> bool:
    found = sample.scripts
    if primary == "ja" and KANA not in found and found.get(HAN, 0) >= max(_LONG_WITHOUT_KANA, 0.5 * sample.length):
        return True
    others = {name: n for name, n in found.items() if name not in own}
    if not others:
        return False
    name = max(others, key=others.__getitem__)
    if others[name] < (_LATIN_LETTERS if name == LATIN else _LETTERS):
        return False
    if LATIN in own:
        return others[name] >= _OTHER_SCRIPT * sample.length
    return sample.length - sum(others.values()) <= _OWN_SCRIPT * sample.length


def _is_in_other_words(tag: str, sample: _Text) -> bool:
    """Returns True if the words of a text clearly belong to another language, and hardly any of them to the language of
    `tag`.
    """
    if tag not in _WORDS_OF or _is_plainly_in(tag, sample.text) or len(sample.words) < _SURE_HITS:
        return False
    best = _most_hits(sample.hits)
    if best is None or best[0] == tag:
        return False
    name, hits, second = best
    return (
        hits >= max(_SURE_HITS, _SURE_SHARE * len(sample.words), _SURE_MARGIN * second)
        and hits >= _SURE_AGAINST * sample.hits[tag]
        and _language_of(sample) == name
    )


def _is_plainly_in(tag: str, text: str) -> bool:
    """Returns True if a text has so many frequent words of a language that no other language can have _SURE_AGAINST
    times as many. Words next to punctuation are not counted, which is faster and never makes the result True wrongly.
    """
    words = text.casefold().split()
    return _SURE_AGAINST * sum(map(_WORDS_OF[tag].__contains__, words)) > len(words)


def _most_hits(hits: Mapping[str, float]) -> tuple[str, float, float] | None:
    """Returns the language with the most frequent words in the text, the number of these words, and the number for the
    next language. Returns None if the text has no frequent words.
    """
    if not hits:
        return None
    name = max(hits, key=hits.__getitem__)
    return name, hits[name], max((n for tag, n in hits.items() if tag != name), default=0)


def _language_of(sample: _Text) -> str:
    script = sample.main_script()
    if not script or script in SOLE_LANGUAGE:
        return SOLE_LANGUAGE.get(script, "")
    best = _most_hits(dict(_scores(script, sample)))
    if best is None:
        return ""
    name, score, second = best
    enough = score >= _LEAST_HITS or not second
    return name if enough and score >= max(_LEAST_SHARE * len(sample.words), _MARGIN * second) else ""


def _scores(script: str, sample: _Text) -> Iterator[tuple[str, float]]:
    """Yields the languages of a script in which a text may be, each with its score: the number of its frequent words
    and (at most _MAX_MARKS) distinctive letters in the text.
    """
    letters = Counter(sample.text.casefold())
    for row in _BY_SCRIPT.get(script, ()):
        if sum(letters[c] for c in row.never) <= _FOREIGN * sample.length:
            yield row.tag, sample.hits[row.tag] + min(_MAX_MARKS, sum(letters[c] for c in row.letters))
