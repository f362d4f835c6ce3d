"""Tokenization of texts and queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.search.snippets import SNIPPET_LENGTH, snippet
from archiver.search.word_splitting import lookup_words, split_into_words, words_with_places

CASES = {
    "O'Brien of AT&T": ["o", "brien", "of", "at", "t"],
    "": [],
    " .,;": [],
    "x" * 100: ["x" * 80],
    "C++ and c#, #tag a++b": ["c++", "and", "c#", "tag", "a", "b"],
    "Lê Đức, Ærøskøbing, straße ﬁn": ["le", "duc", "aeroskobing", "strasse", "fin"],
    "cafe\u0301": ["cafe"],
    "مُحَمَّد أحمد": ["محمد", "احمد"],
    "שָׁלוֹם": ["שלום"],
    "мой ёлка": ["мой", "елка"],
    "हिन्दी में": ["हिन्दी", "में"],
    "10:30 a_b ½": ["10", "30", "a", "b", "1", "2"],
    "深度学习": ["深度", "度学", "学习", "习"],
    "用GPT技术。": ["用", "gpt", "技术", "术"],
    "がｶﾞ": ["がガ", "ガ"],
    "葛\U000e0100城": ["葛城", "城"],
    "foot\u2060ball": ["football"],  # a variation selector, a word joiner
    "서울에서 글": ["서울", "울에", "에서", "서", "글"],
    "🎉€5": ["🎉", "€", "5"],
    "❤️": ["❤"],
}


@pytest.mark.parametrize(("text", "expected"), CASES.items(), ids=lambda v: repr(v)[:30])
def test_texts_are_split_into_words(text: str, expected: list[str]) -> None:
    assert split_into_words(text) == expected


LOOKED_UP = {
    "学": (["学"], True),
    "学习": (["学习"], False),
    "深度学": (["深度", "度学"], False),
    "tide": (["tide"], False),
    "gpt技": (["gpt", "技"], True),
    "今天 学习": (["今天", "天", "学习"], False),
    "": ([], False),
    "学习 tide": (["学习", "习", "tide"], False),
}


@pytest.mark.parametrize(("text", "expected"), LOOKED_UP.items(), ids=repr)
def test_a_search_term_may_be_part_of_a_run(text: str, expected: tuple[list[str], bool]) -> None:
    assert lookup_words(text) == expected


def is_in_a_row(tokens: list[str], text: list[str], *, begun: bool) -> bool:
    last = len(tokens) - 1
    return any(
        text[i : i + last] == tokens[:last] and "".join(text[i + last : i + last + 1]).startswith(tokens[last])
        if begun
        else text[i : i + len(tokens)] == tokens
        for i in range(len(text))
    )


RUNS = st.text(alphabet="学习深度天", min_size=1, max_size=8)


@given(RUNS, RUNS, RUNS)
def test_a_part_of_a_run_is_found_and_nothing_else(before: str, part: str, other: str) -> None:
    tokens, begun = lookup_words(part)
    for text in (before + part, part + before, f"{other} {before}{part}{other} x", other, f"{other} {before}"):
        assert is_in_a_row(tokens, split_into_words(text), begun=begun) == any(part in run for run in text.split())


@given(st.text(max_size=60))
def test_words_of_each_chunk_have_their_places(text: str) -> None:
    there = words_with_places(text)
    assert there.words == split_into_words(text)
    for number in range(len(there.words)):
        start, end = there.place(number)
        assert 0 <= start < end <= len(text)


@given(st.lists(st.sampled_from(["tide", "Fog,", "c++", "学习深度", "(Café)", "🎉", "O'Brien"]), max_size=20))
def test_a_word_is_at_its_reported_place(parts: list[str]) -> None:
    text = " ".join(parts)
    there = words_with_places(text)
    for number, word in enumerate(there.words):
        start, end = there.place(number)
        shown = text[start:end]
        assert split_into_words(shown)[0] == word, (word, shown)


SNIPPETS = [
    ("The tide came in.", "tide", "The [tide] came in."),
    ("Café au lait", "CAFE", "[Café] au lait"),
    ("我们今天学习机器。", "学习", "我们今天[学习]机器。"),
    ("今天学习机器。", "学", "今天[学]习机器。"),
    ("We had C++, no C.", "c++", "We had [C++], no C."),
    ("a b a c", '"a c"', "a b [a c]"),
    ("the light in lighthouses", "light*", "the [light] in [lighthouses]"),
    ("no such word", "tide", "no such word"),
    ("Party 🎉 time", "🎉", "Party [🎉] time"),
    ("O'Brien said", "o'brien", "[O'Brien] said"),
]


@pytest.mark.parametrize(("text", "query", "expected"), SNIPPETS, ids=lambda v: v[:20])
def test_a_snippet_marks_the_search_terms(text: str, query: str, expected: str) -> None:
    from archiver.search.query import parse_query
    from archiver.search.snippets import highlight_terms

    shown, marks = snippet(text, highlight_terms(parse_query(query)))
    for start, end in reversed(marks):
        shown = f"{shown[:start]}[{shown[start:end]}]{shown[end:]}"
    assert shown == expected


@given(st.text(max_size=900), st.sampled_from(["tide", "学"]), st.integers(0, 900))
def test_a_snippet_is_short_and_its_marks_are_right(text: str, word: str, at: int) -> None:
    whole = f"{text[:at]} {word} {text[at:]}"
    shown, marks = snippet(whole, (((word,), word == "学"),))
    assert len(shown) <= SNIPPET_LENGTH + len(word) + 42
    assert marks
    assert all(shown[start:end].casefold() == word for start, end in marks)
