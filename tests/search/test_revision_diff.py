"""Comparisons of two versions as HTML: spaces between edits, and paragraphs side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.word_diff import DiffOp, Piece, word_diff
from archiver.search.revision_diff_as_data_or_html import pieces_as_html
from archiver.web.revision_pages import DiffRow, paragraph_rows

TEXTS = st.text("ab \n", max_size=40)


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("west than it", "west is back it", "west than is back it"),
        ("one", "two", "one two"),
        ("one ", "two ", "one two "),
        ("a b", "a", "a b"),
    ],
)
def test_a_space_is_between_what_went_and_what_came(old: str, new: str, shown: str) -> None:
    text = pieces_as_html(word_diff(old, new))
    for tag in ("del", "ins"):
        text = text.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    for label in ("removed: ", "added: "):
        text = text.replace(f'<span class="visually-hidden" lang="en">{label}</span>', "")
    assert " ".join(text.split()) == " ".join(shown.split())


def texts(rows: list[DiffRow]) -> tuple[str, str]:
    old, new = (
        "\n\n".join("".join(piece.text for piece in row.side(op)) for row in rows)
        for op in (DiffOp.DELETE, DiffOp.INSERT)
    )
    return old, new


def test_rows_end_at_blank_lines_that_both_texts_have() -> None:
    rows = paragraph_rows(word_diff("one\n\ntwo\n\nthree", "one\n\n2\n\nmore\n\nthree"))
    assert [row.is_changed for row in rows] == [False, True, False]
    assert texts(rows) == ("one\n\ntwo\n\nthree", "one\n\n2\n\nmore\n\nthree")


@given(TEXTS, TEXTS)
def test_rows_contain_both_texts(old: str, new: str) -> None:
    found = texts(paragraph_rows(word_diff(old, new)))
    assert tuple("".join(text.split()) for text in found) == ("".join(old.split()), "".join(new.split()))


def test_equal_texts_have_no_changed_row() -> None:
    assert not any(row.is_changed for row in paragraph_rows([Piece(DiffOp.EQUAL, "one\n\ntwo")]))
