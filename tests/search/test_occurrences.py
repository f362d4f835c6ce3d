"""Positions of words: found without tokenizing the whole text, exactly where the tokenizer would find them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archiver.search import snippets
from archiver.search.snippets import Place, SearchTerm, find_occurrences, occurrences_among_words
from archiver.search.word_splitting import MAX_WORD, normalized_text, split_into_words

PIECES = (
    "tide",
    "Tide",
    "fog",
    "t",
    "café",
    "cafe\u0301",
    "Đức",
    "ß",
    "æ",
    "½",
    "…",
    "深度学习",
    "学",
    "서울에서",
    "\u1112\u1161\u11ab",
    "\u3131\u314f",
    "नदी",
    "اَلميناء",
    "c++",
    "C#",
    "++",
    "#",
    "🙂",
    "O'Brien",
    "AT&T",
    "\u200b",
    "\ue0fd",
    "\ue0fe",
    "x" * (MAX_WORD + 5),
    "\ufb01sh",
    "\uff21",
    "°C",
    "\u00b4",
    "-",
    ".",
    ",",
)
TEXTS = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from((" ", " ", "", "-", ", "))), max_size=40).map(
    lambda parts: " ".join(unicodedata.normalize("NFC", "".join(a + b for a, b in parts)).split())
)


def by_tokenizing(text: str, rows: list[SearchTerm]) -> list[Place]:
    kept: list[Place] = []
    for one in sorted(occurrences_among_words(text, rows), key=lambda place: (place[0], -place[1])):
        if not kept or one[0] >= kept[-1][1]:
            kept.append(one)
    return kept


@settings(max_examples=300, deadline=None)
@given(
    TEXTS,
    st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 3), st.booleans()), min_size=1, max_size=3),
    st.integers(1, 12),
)
@example("c++ c", [("c++", 1, False)], 5)
@example("\ue0fd c++", [("c++", 1, False)], 5)
def test_occurrences_equal_those_of_splitting(text: str, asked: list[tuple[str, int, bool]], stretch: int) -> None:
    rows = [
        (tuple(tokens[:count]), begun)
        for word, count, begun in asked
        for tokens in (split_into_words(word) + split_into_words(text)[3:5],)
        if tokens
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(snippets, "_PIECE", stretch)
        assert find_occurrences(text, rows) == by_tokenizing(text, rows)


@settings(max_examples=200, deadline=None)
@given(TEXTS | st.text(max_size=60))
def test_a_normalized_text_has_the_words_at_their_positions(text: str) -> None:
    even = normalized_text(text)
    if even is not None:
        assert len(even) == len(text)
        assert [word[:MAX_WORD] for word in even.split()] == split_into_words(text)


def test_most_texts_with_accents_can_be_normalized() -> None:
    assert normalized_text("“Été” – l’Ötztal, Đà Nẵng: 25 %…") == " ete    l otztal  da nang  25   "
