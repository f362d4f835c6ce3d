"""Marks over a plain text: what they mean, how they are stored, and what of them is left if the text changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.datasets.snapshot_tables import without_texts
from archiver.markup.text_marks import (
    KINDS,
    captions_of,
    carry_marks,
    images_of,
    is_safe_url,
    join_marks,
    links_of,
    meaning_of_marks,
    pack_marks,
    unpack_marks,
)
from archiver.model.items import Image, Link, Mark, MarkedText

BODY = "One link here.\n\nA second paragraph.\n\nThe end of it."
LINK = Mark(4, 4, "a", "https://other.example/page")
SECOND = Mark(16, 8, "strong")
LAST = Mark(41, 7, "em")
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
marks = st.builds(
    Mark, st.integers(0, 10**7), st.integers(0, 10**5), st.sampled_from(sorted(KINDS)), texts, texts, texts, texts
)


@given(st.lists(marks))
def test_packed_marks_are_the_same_again(some: list[Mark]) -> None:
    assert unpack_marks(pack_marks(some)) == tuple(some)


def test_packed_marks_have_no_empty_ends() -> None:
    assert pack_marks([LINK, SECOND]) == [[4, 4, "a", "https://other.example/page"], [16, 8, "strong"]]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        {"a": 1},
        [[1, 2]],
        [[1, 2, "script"]],
        [[-1, 2, "a"]],
        [["1", 2, "a"]],
        [[1, 2, "a", 3]],
        [[True, 1, "a"]],
    ],
)
def test_what_is_no_mark_is_left_out(value: object) -> None:
    assert unpack_marks(value) == ()


def test_marks_outside_of_the_body_are_left_out() -> None:
    assert unpack_marks(pack_marks([LINK, LAST]), 20) == (LINK,)


def test_marks_of_an_equal_text_stay() -> None:
    assert carry_marks(BODY, (LINK, LAST), BODY) == (LINK, LAST)


def test_marks_move_with_their_line() -> None:
    shorter = BODY.split("\n\n", 1)[1]
    assert carry_marks(BODY, (LINK, SECOND, LAST), shorter) == (Mark(0, 8, "strong"), Mark(25, 7, "em"))


def test_a_mark_over_lines_of_which_one_is_gone_keeps_the_rest() -> None:
    quote = Mark(0, len(BODY), "blockquote")
    shorter = "One link here.\n\nThe end of it."
    assert carry_marks(BODY, (quote,), shorter) == (Mark(0, len(shorter), "blockquote"),)


@given(st.lists(st.sampled_from(["a", "bb", "a b", "ccc"]), max_size=8), st.data())
def test_carried_marks_cover_the_same_text(lines: list[str], data: st.DataObject) -> None:
    old = "\n\n".join(lines)
    kept = [line for line in lines if data.draw(st.booleans())]
    new = "\n\n".join(kept)
    at = 0
    inside = []
    for line in lines:
        inside.append(Mark(at, len(line), "em"))
        at += len(line) + 2
    for mark in carry_marks(old, inside, new):
        assert new[mark.offset : mark.end] in kept


def test_joined_texts_have_the_marks_of_each() -> None:
    one, two = MarkedText("same\n\nfirst", (Mark(0, 4, "em"),)), MarkedText("same\n\nsecond", (Mark(0, 4, "strong"),))
    joined = join_marks([one, two], "same\n\nfirst\n\nsame\n\nsecond")
    assert joined == (Mark(0, 4, "em"), Mark(13, 4, "strong"))


def test_links_and_images_are_in_reading_order() -> None:
    some = (
        Mark(0, 0, "figure", "https://a.example/1.jpg", "one", "First"),
        LINK,
        Mark(9, 4, "a", "#note"),
        Mark(20, 0, "img", "https://a.example/2.jpg"),
    )
    assert links_of(BODY, some) == (Link("https://other.example/page", "link"),)
    assert images_of(some) == (Image("https://a.example/1.jpg", "one", "First"), Image("https://a.example/2.jpg"))
    assert captions_of(some) == ("First", "one")


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://a.example/", True),
        ("mailto:ann@a.example", True),
        ("#note", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("vbscript:x", False),
        ("/relative", False),
        ('#"onclick="x', False),
        ("", False),
    ],
)
def test_only_harmless_links_are_kept(url: str, is_safe: bool) -> None:
    assert is_safe_url(url) is is_safe


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a.example/x", "https://www.a.example/x/"),
        ("https://a.example/x?session=1", "https://a.example/x?session=2"),
        ("https://a.example/x#top", "https://a.example/x"),
    ],
)
def test_forms_of_one_link_mean_the_same(one: str, other: str) -> None:
    assert meaning_of_marks([Mark(0, 1, "a", one)]) == meaning_of_marks([Mark(5, 2, "a", other)])


def test_an_image_of_another_host_or_size_means_the_same() -> None:
    one = Mark(0, 0, "figure", "https://a.example/up/cat-300x200.jpg")
    other = Mark(0, 0, "figure", "https://cdn.example/x/cat.jpg?w=900")
    assert meaning_of_marks([one]) == meaning_of_marks([other])


def test_headings_and_emphasis_have_no_meaning_of_their_own() -> None:
    assert meaning_of_marks([Mark(0, 3, "h2"), Mark(5, 3, "em"), Mark(5, 0, "id", "x")]) == []


def test_the_link_of_an_image_is_a_link_of_the_text() -> None:
    linked = Mark(0, 0, "figure", "https://a.example/1.jpg", "one", link="https://shop.example/x")
    assert links_of(BODY, [linked]) == (Link("https://shop.example/x", "one"),)
    assert images_of([linked])[0].link == "https://shop.example/x"


def test_another_link_of_an_image_is_a_change_of_meaning() -> None:
    one = Mark(0, 0, "figure", "https://a.example/1.jpg", link="https://shop.example/x")
    assert meaning_of_marks([one]) != meaning_of_marks([replace(one, link="https://shop.example/y")])


@pytest.mark.parametrize(
    ("mark", "rest"),
    [
        (Mark(0, 3, "abbr", "Ann Lee"), Mark(0, 3, "abbr")),
        (Mark(0, 3, "ruby", "Ann"), Mark(0, 3, "ruby")),
        (
            Mark(0, 0, "figure", "https://a.example/1.jpg", "Ann", "Lee"),
            Mark(0, 0, "figure", "https://a.example/1.jpg"),
        ),
        (Mark(0, 0, "img", "https://a.example/1.jpg", link="tel:123"), Mark(0, 0, "img", "https://a.example/1.jpg")),
        (LINK, LINK),
    ],
)
def test_a_mark_without_texts_has_no_words_of_its_own(mark: Mark, rest: Mark) -> None:
    assert without_texts(mark) == rest
