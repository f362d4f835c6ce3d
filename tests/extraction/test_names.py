"""Names in bylines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.person_names import given_name_first, is_full_name, split_names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("By Jane Doe", ["Jane Doe"]),
        ("by Jane Doe and John Roe", ["Jane Doe", "John Roe"]),
        ("Jane Doe, John Roe & Ann Poe", ["Jane Doe", "John Roe", "Ann Poe"]),
        ("By Jane Doe, Staff Writer", ["Jane Doe"]),
        ("Jane Doe, MD, PhD", ["Jane Doe"]),
        ("Written by Jane Doe (@jdoe)", ["Jane Doe"]),
        ("Jane Doe (Reuters)", ["Jane Doe"]),
        ("Yumi Sato (Kay)", ["Yumi Sato (Kay)"]),
        ("Martin Luther King, Jr.", ["Martin Luther King Jr."]),
        ("J. K. Rowan", ["J. K. Rowan"]),
        ("pmc", ["pmc"]),
        ("Por Lucía Peña y Juan Gil", ["Lucía Peña", "Juan Gil"]),
        ("von Jörg Hälbich", ["Jörg Hälbich"]),
        ("Ludwig van Veen", ["Ludwig van Veen"]),
        ("作者：张三、李四", ["张三", "李四"]),
        ("بقلم: سلمى الحداد", ["سلمى الحداد"]),
        ("Автор: Вера Лапина", ["Вера Лапина"]),
        ("JANE DOE", ["Jane Doe"]),
        ("张三 李四", ["张三", "李四"]),
        ("山根 由紀", ["山根 由紀"]),
        ("Jane Doe Senior Editor", ["Jane Doe"]),
        ("Jane Doe, Head of Content at Example", ["Jane Doe"]),
        ("By Jane Doe ⋅ Founder and Editor-in-Chief ⋅ Updated May 6, 2025", ["Jane Doe"]),
        ("Text: Jörg Hälbich", ["Jörg Hälbich"]),
        ("Posted by Jane Doe at 10:14 PM", ["Jane Doe"]),
        ("von Jörg Hälbich um 9:05 Uhr", ["Jörg Hälbich"]),
        ("홍길동 기자", ["홍길동"]),
        ("Category: Boats", []),
        ("Text: Jane Doe Photos: John Roe", ["Jane Doe"]),
        ("Jane Doe, Berlin", ["Jane Doe"]),
        ("Jane Doe, Reuters", ["Jane Doe"]),
        (
            "Jane Doe in Leeds, John Roe in Hull and Ann Poe, South Asia editor | Reuters",
            ["Jane Doe", "John Roe", "Ann Poe"],
        ),
        ("Jane Doe and John Roe, h2 Hill and Coast and KTV", ["Jane Doe", "John Roe"]),
        ("Lúcia Prado e João Reis, h2 Serra e Mar e KTV", ["Lúcia Prado", "João Reis"]),
        ("Jane Doe (now) and John Roe (earlier)", ["Jane Doe", "John Roe"]),
        ("রহিমা খাতুন, কুমিল্লা", ["রহিমা খাতুন"]),
        ("Από Ελένη Παππά", ["Ελένη Παππά"]),
        ("Αναρτήθηκε από Ελένη Παππά", ["Ελένη Παππά"]),
        ("இடுகையிட்டது மலர்", ["மலர்"]),
        ("Lähettänyt Aino Korpi", ["Aino Korpi"]),
        ("Upplagd av Anna Lind", ["Anna Lind"]),
        ("מאת: דנה ברק'", ["דנה ברק'"]),
        ("'Jane Doe'", ["Jane Doe"]),
        ("Reuters, Berlin", ["Reuters", "Berlin"]),
        ("Hafenbau GmbH & Co. KG", ["Hafenbau GmbH & Co. KG"]),
        ("Jane Doe, Acme, Inc.", ["Jane Doe"]),
        ("Co. KG", []),
        ("Copyright Jane Doe", []),
        ("Jane Doe on behalf of the board", ["Jane Doe"]),
        ("Kovács Ilona és Nagy Péter", ["Kovács Ilona", "Nagy Péter"]),
        ("Aino Salo ja Ville Laine", ["Aino Salo", "Ville Laine"]),
        ("Jan Novák a Eva Malá", ["Jan Novák", "Eva Malá"]),
        ("Leer más", []),
        ("会員限定", []),
        ("{{ page.author }}", []),
        ("page.head.extra.author", []),
        ("[object Object]", []),
        ("Jane Doe, Professor of European and Global Governance", ["Jane Doe"]),
        ("Jane Doe, head of science and research", ["Jane Doe"]),
        ("Julia Roe (eg)", ["Julia Roe"]),
        ("Mei Tan (May)", ["Mei Tan (May)"]),
        ("Jane Doe Reuters", ["Jane Doe"]),
        ("Michael Bloomberg", ["Michael Bloomberg"]),
        ("Michael R. Bloomberg", ["Michael R. Bloomberg"]),
        ("通讯员 申小明", ["申小明"]),
        ("作者：网络整理", []),
        ("版权声明", []),
        ("Learn more", []),
        ("View all posts by Jane Doe", []),
        ("Written By", []),
        ("admin", []),
        ("https://www.facebook.com/jane", []),
        ("12 March 2020", []),
        ("", []),
    ],
)
def test_bylines_are_split_into_names(text: str, expected: list[str]) -> None:
    assert split_names(text) == expected


@pytest.mark.parametrize("text", ["Biển và Trời", "Science & Health", "Morgan and Sons"])
def test_an_author_with_and_in_the_name_is_not_split(text: str) -> None:
    assert split_names(text, one=True) == [text]


def test_two_people_in_one_author_field_are_two() -> None:
    assert split_names("Jane Doe and John Roe", one=True) == ["Jane Doe", "John Roe"]


def test_a_name_with_the_last_name_first_is_reordered() -> None:
    assert given_name_first("Doe, Jane") == "Jane Doe"
    assert given_name_first("Jane Doe") == "Jane Doe"


@given(st.text(max_size=120))
def test_any_byline_gives_distinct_names_without_an_error(text: str) -> None:
    found = split_names(text)
    assert len({n.casefold() for n in found}) == len(found)


@given(st.text(max_size=120), st.booleans())
def test_a_name_is_not_an_address_or_a_date(text: str, one: bool) -> None:
    for name in split_names(text, one):
        assert "://" not in name
        assert "{" not in name
        assert " " not in name or not any(c.isdigit() for c in name)


_WORD = st.text("abcdefghijklmnopqrstuvwxyzéüñ", min_size=3, max_size=8).map(str.capitalize)
_PERSON = st.tuples(_WORD, _WORD).map(" ".join).filter(lambda n: split_names(n) == [n])


@given(st.lists(_PERSON, min_size=1, max_size=4, unique_by=str.casefold))
def test_names_of_a_list_of_names_are_these(people: list[str]) -> None:
    found = split_names(", ".join(people))
    assert split_names(", ".join(found)) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jane Doe", True),
        ("Ludwig van Veen", True),
        ("Dr. Eva Roe", True),
        ("Nguyễn Thị Lan", True),
        ("山根 由紀", True),
        ("김민수", True),
        ("سلمى الحداد", True),
        ("Jane", False),
        ("Home Security", False),
        ("Learn More", False),
        ("Senior Editor", False),
        ("Date Last Reviewed", False),
        ("more about her", False),
        ("更新日", False),
    ],
)
def test_a_full_name_is_distinguished_from_a_label(text: str, expected: bool) -> None:
    assert is_full_name(text) is expected
