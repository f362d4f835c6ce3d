"""The parts of a post are joined to one body without repetitions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.model.items import Article, Evidence
from archiver.storage.articles import is_further_part, join_parts, repeats_part
from tests.waiting import bounded_work

WORDS = st.text("abcdefghij ", min_size=12, max_size=30).filter(lambda t: len(t.split()) > 1 and t.strip() == t)


def text(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs)


def test_repeated_introductions_and_footers_are_kept_once() -> None:
    pages = [text("Intro", "One", "Foot"), text("Intro", "Two", "Foot"), text("Intro", "Three", "Foot")]
    assert join_parts(pages) == text("Intro", "One", "Two", "Three", "Foot")


def test_a_paragraph_repeated_across_pages_is_kept_once() -> None:
    assert join_parts([text("One", "Two"), text("Two", "Three")]) == text("One", "Two", "Three")
    assert join_parts([text("A", "B", "C"), text("B", "C", "D"), text("E")]) == text("A", "B", "C", "D", "E")


@pytest.mark.parametrize(
    "pager",
    [
        "Pages: 1 2 3",
        "1 | 2 | 3",
        "« Previous 1 2 Next »",
        "Page 2 of 4",
        "第1页 共3页 下一页",
        "Continued on next page",
        "次のページへ",
        "Seite 2 von 3",
        "View as a single page",
        "Trang 1 2 3",
        "1/3ページ",
    ],
)
def test_page_links_are_not_text(pager: str) -> None:
    assert join_parts([text("One", pager), text(pager, "Two", pager)]) == text("One", "Two")


def test_a_pages_own_text_is_kept() -> None:
    assert join_parts([text("One", "Next morning we left."), text("2024", "Two")]) == text(
        "One", "Next morning we left.", "2024", "Two"
    )
    assert join_parts(["One\n\nOne", ""]) == text("One", "One")
    assert join_parts([]) == ""


@given(st.lists(WORDS, min_size=2, max_size=12, unique_by=lambda t: "".join(t.split())), st.data())
def test_a_text_split_anywhere_is_joined_again(paragraphs: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(paragraphs) - 1))
    assert join_parts([text(*paragraphs[:at]), text(*paragraphs[at:])]) == text(*paragraphs)


@given(st.lists(st.text(max_size=60), max_size=6))
def test_no_word_is_invented(pages: list[str]) -> None:
    assert set(join_parts(pages).split()) <= {word for page in pages for word in page.split()}


def test_many_numbers_are_read_in_bounded_time() -> None:
    with bounded_work():
        join_parts([text("One", "page 1 " * 27 + "x"), text("of 2 von 3 / " * 19 + "x")])


DAY = datetime(2024, 5, 1, 8, tzinfo=UTC)
FIRST = Article("https://example.org/a", "Tides", "The sea came in.", published=DAY, post_id="wordpress:3")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Article("", "Tides"), True),
        (Article("", "TIDES – Page 2 of 3"), True),
        (Article("", "Tides (2)"), True),
        (Article("", "Tides（2）"), True),
        (Article("", "Tides | Seite 2"), True),
        (Article("", "Tides 第2页"), True),
        (Article("", "Tides, the sequel"), False),
        (Article("", "Storms"), False),
        (Article("", "", "And went."), True),
        (Article("", "The ebb", evidence=(Evidence("title", "Tides", "meta"),)), True),
        (Article("", "Tides", published=DAY.replace(day=9)), False),
        (Article("", "Tides", post_id="wordpress:4"), False),
    ],
)
def test_a_page_is_matched_by_number_day_and_title(part: Article, expected: bool) -> None:
    assert is_further_part(FIRST, part) is expected


def test_numbered_chapters_are_separate_posts() -> None:
    assert not is_further_part(Article("", "Tides (1)"), Article("", "Tides (2)"))


def test_a_repeated_page_is_recognised() -> None:
    assert repeats_part("The sea  came in!", ["The ebb.", "The sea came in."])
    assert not repeats_part("", [""])
