"""Differences between revisions, word by word."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.word_diff import DiffOp, Piece, is_equal, set_diff, split_words, word_diff
from tests.waiting import bounded_work

_TEXTS = st.text(max_size=120) | st.lists(
    st.sampled_from(["the", "ferry", " ", "\n\n", "4,500", "don't", "港", "เรือ", ".", "«"]), max_size=80
).map("".join)


def marked_diff(old: str, new: str) -> str:
    signs = {DiffOp.EQUAL: "{}", DiffOp.DELETE: "[-{}-]", DiffOp.INSERT: "{{+{}+}}"}
    return "".join(signs[piece.op].format(piece.text) for piece in word_diff(old, new))


@given(_TEXTS, _TEXTS)
def test_the_pieces_add_up_to_the_two_texts(old: str, new: str) -> None:
    pieces = word_diff(old, new)
    assert "".join(p.text for p in pieces if p.op is not DiffOp.INSERT) == old
    assert "".join(p.text for p in pieces if p.op is not DiffOp.DELETE) == new
    assert all(p.text for p in pieces)
    assert all(a.op is not b.op for a, b in pairwise(pieces))
    assert is_equal(pieces) == (old == new)


@given(st.text(max_size=200))
def test_words_add_up_to_the_whole_text(text: str) -> None:
    assert "".join(split_words(text)) == text


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("It cost 4,500 crowns.", "It cost 4,600 crowns.", "It cost [-4,500-]{+4,600+} crowns."),
        ("Ada Berg said it.", "Ada Borg said it.", "Ada [-Berg-]{+Borg+} said it."),
        ("A b.\n\nC d.", "A b.\n\nCorrection: no.\n\nC d.", "A b.\n\n{+Correction: no.\n\n+}C d."),
        ("我们今天学习机器学习。", "我们昨天学习机器学习。", "我们[-今-]{+昨+}天学习机器学习。"),
        ("เรือออกเที่ยง", "เรือออกเย็น", "เรือออกเ[-ที่ยง-]{+ย็น+}"),
        ("كتب أحمد الرسالة", "كتب محمد الرسالة", "كتب [-أحمد-]{+محمد+} الرسالة"),
        ("one two three", "four five six", "[-one two three-]{+four five six+}"),
        ("", "new", "{+new+}"),
        ("old", "", "[-old-]"),
        ("same", "same", "same"),
        ("", "", ""),
    ],
)
def test_texts_have_readable_diffs(old: str, new: str, shown: str) -> None:
    assert marked_diff(old, new) == shown


def test_a_sentence_that_moves_stays_whole() -> None:
    one, two, three = "The quay was built in May.", "Nobody paid for the lamp.", "A gull sat upon it all day."
    pieces = word_diff(f"{one}\n\n{two}\n\n{three}", f"{one}\n\n{three}\n\n{two}")
    assert sum(p.op is not DiffOp.EQUAL for p in pieces) == 2


def _text(dice: random.Random, count: int, of: int) -> str:
    return " ".join(f"w{int(of * dice.random() ** 3)}" for _ in range(count))


@pytest.mark.parametrize("kind", ["edited", "rewritten", "one word", "unspaced", "shuffled"])
def test_long_texts_are_compared_in_bounded_time(kind: str) -> None:
    dice = random.Random(5)
    old = _text(dice, 10_000, 3_000)
    new = " ".join(w if dice.random() > 0.05 else "edit" for w in old.split())
    if kind == "rewritten":
        new = _text(dice, 10_000, 3_000)
    elif kind == "one word":
        old, new = "the " * 10_000, "the a " * 5_000
    elif kind == "unspaced":
        old = "".join(chr(0x4E00 + int(2_000 * dice.random() ** 3)) for _ in range(20_000))
        new = "".join(c if dice.random() > 0.05 else "港" for c in old)
    elif kind == "shuffled":
        mixed = old.split()
        dice.shuffle(mixed)
        new = " ".join(mixed)
    with bounded_work():
        pieces = word_diff(old, new)
    assert "".join(p.text for p in pieces if p.op is not DiffOp.INSERT) == old
    if kind in ("edited", "unspaced"):
        assert sum(len(p.text) for p in pieces if p.op is DiffOp.EQUAL) > 0.9 * len(old)


def test_added_and_removed_names() -> None:
    assert set_diff(("a", "b"), ("b", "c", "d")) == (("c", "d"), ("a",))
    assert set_diff((), ()) == ((), ())


def test_pieces_are_plain_values() -> None:
    assert word_diff("a", "b") == (Piece(DiffOp.DELETE, "a"), Piece(DiffOp.INSERT, "b"))
