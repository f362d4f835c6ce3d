"""English words in all their forms: those of the index that have one stem.

The stem is that of the Snowball stemmer for English, as tantivy has it. A second index of stems would be as large as
the first; instead the words of the index that begin like the stem are looked through, of which there are some hundreds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from functools import cache

import tantivy

from archiver.search.index.searcher import Searcher
from archiver.search.terms import Form

MOST_FORMS = 60
_SHORTEST = 3


def stem(word: str) -> str:
    return _stems([word])[0]


def forms(searcher: Searcher, word: str, columns: Collection[str]) -> tuple[Form, ...]:
    """The words of these columns that have the stem of this one, the word itself always among them, the most frequent
    first. All count as one word would that stands wherever one of them does: a rare form is no better sign of what was
    meant. A word in another script, or of one or two letters, has no other forms.
    """
    if not _is_english(word):
        return (Form(word),)
    own = stem(word)
    found: Counter[str] = Counter({word: 0})
    for column in columns:
        for beginning in beginnings(own):
            told = [(term, count) for one in searcher.all for term, count in one.terms_with_prefix(column, beginning)
                    if _is_english(term)]
            for (term, count), other in zip(told, _stems([term for term, _ in told]), strict=True):
                if other == own:
                    found[term] += count
    best = dict(found.most_common(MOST_FORMS)) | {word: found[word]}
    every = sum(one.num_docs for one in searcher.all)
    whole = rarity(min(sum(best.values()), every), every)
    return tuple(Form(term, min(1.0, whole / rarity(count, every))) for term, count in best.items())


def _is_english(word: str) -> bool:
    return len(word) >= _SHORTEST and word.isascii() and word.isalpha()


def beginnings(own: str) -> tuple[str, ...]:
    """What the forms of a stem begin with: happi has happy, us- using where the stem is use, dy- dying where it is die.
    """
    if len(own) > _SHORTEST:
        return (own[:-1],)
    if own[1:] == "ie":
        return own[:2], f"{own[0]}y"
    return (own[:2],) if own[-1:] in ("e", "i", "y") else (own,)


def rarity(count: int, every: int) -> float:
    """The inverse document frequency of BM25."""
    return math.log(1 + (every - count + 0.5) / (count + 0.5)) if every > count else math.log(1 + 0.5 / (count + 0.5))


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(
        tantivy.Filter.stemmer("english")).build()


def _stems(words: list[str]) -> list[str]:
    return list(_analyzer().analyze(" ".join(words)))
