"""The frequent words of languages, which say nothing about the topic of a text."""

from __future__ import annotations

import pytest

from archiver.search.frequent_words import FREQUENT_WORDS, frequent_words


def test_frequent_words_say_nothing_about_a_topic() -> None:
    assert {"the", "which", "would"} <= frequent_words("en-GB")
    assert "nicht" in frequent_words("de")
    assert "nicht" not in frequent_words("en")
    assert {"de", "el"} <= frequent_words("es"), "short words that many languages share"
    assert "ferry" not in frequent_words(None)


@pytest.mark.parametrize("language", FREQUENT_WORDS)
def test_each_word_stands_once(language: str) -> None:
    words = FREQUENT_WORDS[language].split()
    assert len(words) == len(set(words))
