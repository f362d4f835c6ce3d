"""Decides the language of a post. It is the declared language, unless the text is recognized to be in another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pycld2

from archiver.model.lazy_regex import lazy_regex

Declared = tuple[str, str, str]
"""A BCP 47 tag, the source that declares it, and the locator of the tag in that source."""


class Language(NamedTuple):
    """The language of a post (BCP 47), the source and locator of the tag, and how certain it is (0 to 1). All are empty
    if the page declares none and the text is too short to recognize one.
    """

    tag: str
    source: str
    locator: str
    confidence: float


_UNKNOWN = Language("", "", "", 0.0)
_AGREED, _UNTESTED = 0.95, 0.6
"""The confidence in a declared language that is recognized in the text, and in one that cannot be tested on it."""
_SAMPLE = 4_000
"""At most this many characters of a text are examined."""
_FEWEST_LETTERS, _LETTERS_OF_OTHER_SCRIPT, _MANY_OF_OTHER_SCRIPT = 24, 8, 3
"""The language of a text with fewer letters is not recognized; a letter of another script than Latin counts as
`_LETTERS_OF_OTHER_SCRIPT` letters. Of many such letters, there is at least one for `_MANY_OF_OTHER_SCRIPT` Latin
ones."""
_LEAST_SCORE, _LEAST_KNOWN, _WEIGHT_OF_ENGLISH = 250, 20, 0.5
"""The recognizer's score (per 1,024 bytes) of a text that is in no language, or transliterated, is lower; the per cent
of a text that must be in known languages."""
_LATIN_WORD = lazy_regex("[A-Za-z\u00c0-\u024f]+")
_LEAST_SHARE, _LEAST_BESIDE_ENGLISH = 0.4, 0.05
"""A declared language must be that of at least this share of the text; `_LEAST_BESIDE_ENGLISH` if the text is mainly
English, since names, quotations and program code are English in texts of all languages."""

_SAME_LANGUAGE = {
    "cmn": "zh", "fil": "tl", "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "nb": "no", "nn": "no",
    **dict.fromkeys(("bs", "cnr", "hr", "sh", "sr"), "hbs"),
    **dict.fromkeys(("id", "ms", "zsm"), "ms"),
}  # fmt: skip
"""Other tags for a language, and languages that short texts do not distinguish, with the tag that stands for all of
them in a comparison."""
_TAGS = {"iw": "he", "jw": "jv", "zh-Hant": "zh", "sr-ME": "sr", "nn": "no"}
"""The tag of a recognized language, where the recognizer uses another one."""
_UNHINTED = frozenset({"zh", "ja"})
"""A hint at simplified Chinese makes the recognizer take traditional Chinese for Japanese."""
_RECOGNIZED = frozenset(tag.partition("-")[0] for _, tag in pycld2.LANGUAGES)

# Addresses, and characters for which the recognizer refuses a whole text: control characters, surrogates and
# noncharacters.
_REFUSED = lazy_regex(
    r"\w+://\S+|[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
_LAST_LATIN = "\u024f"


def choose_language(declared: Sequence[Declared], text: str) -> Language:
    """Returns the language of a post: the first declared language that its text does not contradict, or else the
    language of the text.

    `declared` contains the declared languages, most trusted first; `text` is the title and body.
    """
    sample = _sample(text)
    for tag, source, locator in declared:
        if confidence := _confidence_in(tag, sample):
            return Language(tag, source, locator, confidence)
    own, share = next(iter(_shares(sample).items()), ("", 0.0))
    return Language(own, "text", "recognized", share) if own else _UNKNOWN


def recognize_language(text: str) -> tuple[str, float]:
    """Returns the main language of a text and its share of the text (0 to 1); ("", 0) if the text is too short, or in
    no language that can be recognized.
    """
    return next(iter(_shares(_sample(text)).items()), ("", 0.0))


def _sample(text: str) -> str:
    return _REFUSED.sub("", text[:_SAMPLE])


def _shares(sample: str, expected: str = "") -> dict[str, float]:
    """Returns the languages in which a text is written, at most three, each with its share of the text, the largest
    first. `expected` is preferred to languages that are close to it.

    English counts half, and words in Latin letters do not count in a text with many letters of another script: names,
    quotations and program code are so written in texts of all languages.
    """
    latin, others = _count_letters(sample)
    if latin + _LETTERS_OF_OTHER_SCRIPT * others < _FEWEST_LETTERS:
        return {}
    if _MANY_OF_OTHER_SCRIPT * others >= latin:
        sample = _LATIN_WORD.sub(" ", sample)
    hint = None if expected in _UNHINTED else expected or None
    _, _, found = pycld2.detect(sample.encode(), bestEffort=True, hintLanguage=hint)
    parts = [
        (_TAGS.get(tag, tag), percent) for _, tag, percent, score in found if tag != "un" and score >= _LEAST_SCORE
    ]
    if sum(percent for _, percent in parts) < _LEAST_KNOWN:
        return {}
    weights = Counter[str]()
    for tag, percent in parts:
        weights[tag] += percent * (_WEIGHT_OF_ENGLISH if tag == "en" else 1)
    whole = sum(weights.values())
    return {tag: weight / whole for tag, weight in weights.most_common()}


def _count_letters(text: str) -> tuple[int, int]:
    """Returns the numbers of Latin and of other letters in a text."""
    others = sum(char.isalpha() for char in text if char > _LAST_LATIN)
    return sum(map(str.isalpha, text)) - others, others


def _confidence_in(tag: str, sample: str) -> float:
    """Returns the confidence in the declared BCP 47 tag `tag`, 0 if the text contradicts it. A tag with a script
    ("sr-Latn"), or of a language that is never recognized, cannot be tested.
    """
    primary, *rest = tag.lower().split("-")
    if primary not in _RECOGNIZED or any(len(part) == 4 and part.isalpha() for part in rest):
        return _UNTESTED
    shares = _shares(sample, primary)
    if not shares:
        return _UNTESTED
    own = sum(share for other, share in shares.items() if compared_language(other) == compared_language(primary))
    return _AGREED if own >= (_LEAST_BESIDE_ENGLISH if next(iter(shares)) == "en" else _LEAST_SHARE) else 0.0


def compared_language(tag: str) -> str:
    """Returns the language of a tag (BCP 47) without region and script, in the form in which languages are compared."""
    name = tag.partition("-")[0].lower()
    return _SAME_LANGUAGE.get(name, name)
