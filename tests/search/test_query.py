"""The query language: what queries find, and that no text is ever a syntax error."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.archive import Archive
from archiver.model.errors import BadQuery
from archiver.search.query import MAX_DEPTH, MAX_PATTERNS, MAX_TERMS, MAX_WORDS

FOUND = {
    # words, phrases, operators
    "tide": {1, 2},
    "TIDE": {1, 2},
    "tide quay": {1, 2},
    "tide fog": {2},
    '"harbour master"': {1},
    '"master harbour"': set(),
    "fog OR lamp": {2, 3, 4},
    "fog | lamp": {2, 3, 4},
    "tide -fog": {1},
    "tide NOT fog": {1},
    "(fog OR lamp) -once": {2, 3},
    "lamp -(once OR fog)": {3},
    "light*": {3, 4},
    '"the light"*': {3, 4},
    "fog OR tables quay": {1, 2},
    "-tide": {3, 4, 5, 6},
    "fog OR -tide": {2, 3, 4, 5, 6},
    "tide AND fog": {2},
    # fields
    "title:fog": {2},
    "title:tide": {1},
    "body:tide": {1, 2},
    "author:krüger": {1, 2},
    "authors:Krüger": {1, 2},
    'author:"Zoë Krüger" -author:ada': {1},
    "category:harbour": {1, 3, 4},
    "tag:fog": {2},
    "tag:tid*": {1},
    "description:printed": {1},
    "-title:lighthouse lamp": set(),
    "nofield:tide": set(),
    "title：fog": {2},
    "－title：（fog OR tide） －lamp": {5, 6},
    "＂harbour master＂": {1},
    "date：２０２４－０４": {2},
    "fog ＯＲ lam＊": {2, 3, 4},
    # a field before a group
    "title:(fog OR tide)": {1, 2},
    "-title:(fog OR tide) -lamp": {5, 6},
    "title:(fog body:tide)": {2},
    "author:(ada OR le) -fog": {3, 4},
    'title:("tide tables" quay)': {1},
    "title:NEAR(tide quay)": {1},
    "TITLE:(tide NEAR/1 quay)": set(),
    "site:(harbour.example -notes.example) fog": {2},
    "foo:(fog)": set(),
    "date:(2023 OR 2024-04)": {2, 3},
    "is:(gone OR duplicate)": {3, 4},
    "title:(fog) tide": {2},
    "title:(fog tide": set(),
    # case and diacritics
    "cafe": {1},
    "café": {1},
    "CAFÉ": {1},
    "cafe\u0301": {1},
    "kruger": {1, 2},
    "le author:duc": {3, 4},
    # text that is not syntax
    "O'Brien": {1},
    "AT&T": {1},
    "c++": {1},
    "c#": set(),
    "at-t": {1},
    '"harbour master': {1},
    "harbour)": {1, 3, 4},
    "(harbour": {1, 3, 4},
    "new^2": set(),
    "title:": set(),
    "{tide}": {1, 2},
    "tide +quay": {1, 2},
    "tide , quay": {1, 2},
    "tide NOT": {1, 2},
    "near the quay": set(),
    "is:": {3, 4},
    "“harbour master”": {1},
    "tide*quay": set(),
    "100%": {6},
    "tide\0": {1, 2},
    # scripts without spaces between words, and characters that are not words
    "学习": {5},
    "机器学习": {5},
    "学习 -深度": set(),
    "gpt技术": {5},
    "深度 OR fog": {2, 5},
    "-学习": {1, 2, 3, 4, 6},
    "title:学习": {5},
    "title:模型": set(),
    "author:小明": {5},
    '"今天 学习"': set(),
    "🎉": {6},
    "-🎉": {1, 2, 3, 4, 5},
    "tide -学习": {1, 2},
    "서울": {6},
    "%学习": {5},
    "技_术": set(),
    "学": {5},
    "习": {5},
    "深": {5},
    "울": {6},
    "에서": {6},
    "글": {6},
    "学习 NEAR 机器": {5},
    # proximity
    "fog NEAR quay": {2},
    "fog NEAR/2 quay": set(),
    "fog NEAR/3 quay": {2},
    "NEAR(fog quay)": {2},
    "NEAR(fog quay, 2)": set(),
    "NEAR(fog quay,3)": {2},
    'NEAR("three days" tid* fog, 8)': {2},
    "NEAR(fog)": {2},
    "NEAR(fog quay , 3)": {2},
    "body:harbour NEAR/3 print*": {1},
    "tide NEAR (fog)": {2},
    "NEAR tide": {1, 2},
    "lamp NEAR/3 dark -once": {3},
    "tide -(fog NEAR/3 quay)": {1},
    "lamp NEAR OR fog": {2, 3, 4},
    '"fog lay" NEAR/4 "three days"': {2},
    '"fog lay" NEAR/3 "three days"': set(),
    "NEAR(the tide fog, 7)": {2},
    "NEAR(the tide fog, 6)": set(),
    "NEAR(tide quay came, 4)": {2},
    "NEAR(tide quay came, 3)": set(),
    'NEAR("the tide" quay fog, 6)': {2},
    'NEAR("the tide" quay fog, 5)': set(),
    "NEAR(fog quay day* cam*, 7)": {2},
    "NEAR(fog quay day* cam*, 6)": set(),
    "NEAR(fog day*,6)": {2},
    "NEAR(fog body:quay,3)": {2},
    "lam*, dar*": {3, 4},
    "tide -NEAR(fog quay)": {1},
    "tide -NEAR(fog quay, 2)": {1, 2},
    # filters
    "site:harbour.example": {1, 2, 3, 4},
    "site:notes.example": {5, 6},
    "site:notes.example/blog": {5, 6},
    "site:example": {1, 2, 3, 4, 5, 6},
    "site:https://notes.example/blog/": {5, 6},
    "site:s_.example": set(),
    "-site:harbour.example": {5, 6},
    "language:en": {1, 2, 3, 4},
    "lang:en-gb": {2},
    "language:none": {6},
    "date:2024": {1, 2, 4},
    "date:2024-04": {2},
    "date:2024-03..2024-04": {1, 2},
    "date:..2023": {3, 5},
    "date:2024-04-11..": {2, 4},
    "-date:2024": {3, 5, 6},
    "date:2024-03-05T08:30+00:00..2024-04": {1, 2},
    "date:2024..9999": {1, 2, 4},
    "date:9999": set(),
    "date:9999-12-31": set(),
    "-date:..9999-12": {6},
    "seen:2024-05": {1, 2, 3, 4, 5, 6},
    "gone:2024": {3},
    "modified:2020..": set(),
    "near:48.85,2.35": {1},
    "near:48.85,2.35~1km": {1},
    "near:48.85,2.35~0.1km": set(),
    "near:-16,179~80mi": set(),
    "near:-16.8,179.9~30km": {2},
    "near:-16.8,179.9~20mi": {2},
    "box:179,-20,-179,-10": {2},
    "box:-10,40,10,50": {1},
    "place:paris": {1},
    'place:"PARIS"': {1},
    "place:par": set(),
    "place:fj": {2},
    "-place:paris has:geo": {2},
    "credit:reuters": {6},
    'credit:"dpa infocom"': set(),
    "credit:DPA": {6},
    "has:credit": {6},
    "-credit:dpa tide": {1, 2},
    "access:Paid": {6},
    "-access:paid tide": {1, 2},
    "has:access": {6},
    "changed:title": {1},
    "changed:tag": {1},
    "changed:author": set(),
    "changed:any": {1},
    "is:edited": {1},
    "is:gone": {3},
    "is:duplicate": {4},
    "-is:gone lamp": {4},
    "is:gone OR fog": {2, 3},
    "IS:GONE": {3},
    "is:copy": set(),
    "is:source": set(),
    "has:copy": {3, 4},
    "has:date": {1, 2, 3, 4, 5},
    "-has:date": {6},
    "has:geo": {1, 2},
    "has:place -fog": {1},
    "has:author": {1, 2, 3, 4, 5},
    "has:tag": {1, 2},
    "has:image": set(),
    "has:description": {1},
    "id:5": {5},
    "id:5 OR id:6": {5, 6},
    "cluster:1": set(),
    "url:2024/0": {1, 2, 4},
    "url:?p=7": {1},
    'url:"/2023/"': {3},
    "url:100%": set(),
    "": {1, 2, 3, 4, 5, 6},
    "   ": {1, 2, 3, 4, 5, 6},
}

# Errors in a query, with the position of the character.
WRONG = {
    "tide is:new": 6,
    "tide -has:fun": 7,
    "date:tomorrow": 1,
    "a  date:2023-14": 4,
    "date:2024..2023": 1,
    "date:..": 1,
    "near:950,30 fog": 1,
    "near:50~10km": 1,
    "fog near:50,30~ten": 5,
    "near:50,30~0km": 1,
    "box:1,2,3": 1,
    "changed:url": 1,
    "fog access:secret": 5,
    "id:seven": 1,
    "fog stem:tables": 5,
    "fog title:(stem:(tables quays))": 18,
    "cluster:-1": 1,
    "fog (is:gone NEAR tide)": 6,
    "x title:a NEAR body:b": 3,
    "x lamp NEAR/3 Lamp": 3,
    '"tide tables" NEAR tid*': 1,
    "x NEAR(a b c d e)": 3,
    "x title:(a body:b NEAR c)": 12,
    "date:(2023 OR never)": 15,
    "NEAR(a (b c))": 8,
    "NEAR(a OR b)": 8,
}


@pytest.mark.parametrize(("text", "expected"), FOUND.items(), ids=repr)
def test_a_query_finds_its_articles(archive: Archive, text: str, expected: set[int]) -> None:
    found = archive.results(text, duplicates=True)
    assert {hit.id for hit in found.hits} == expected
    assert found.total == len(expected)


@pytest.mark.parametrize("text", ["()", '""', "---", "OR", "NOT", "* *", "...", "&&", "- -"])
def test_a_query_without_a_word_says_so(archive: Archive, text: str) -> None:
    with pytest.raises(BadQuery) as refused:
        archive.results(text)
    assert (refused.value.subject, refused.value.at) == (text, None)


@pytest.mark.parametrize(("text", "place"), WRONG.items(), ids=repr)
def test_an_error_is_reported_with_its_position(archive: Archive, text: str, place: int) -> None:
    with pytest.raises(BadQuery) as caught:
        archive.results(text)
    assert (caught.value.subject, caught.value.at) == (text, place - 1)
    assert f" {place}, " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_query_is_shown_around_its_error(archive: Archive) -> None:
    with pytest.raises(BadQuery) as caught:
        archive.results("(tide OR " * 25 + "is:wrong " + ")" * 25)
    assert caught.value.at == 225
    assert "is:wrong" in str(caught.value)
    assert len(str(caught.value)) < 250
    with pytest.raises(BadQuery) as caught:
        archive.results("abcdefghi " * 1_000)
    assert caught.value.at == 2000
    assert len(str(caught.value)) < 200
    assert archive.results("x" * 10_000).total == 0


def test_the_size_of_a_query_is_limited(archive: Archive) -> None:
    assert archive.results(" OR ".join(["tide"] * MAX_TERMS)).total == 2
    with pytest.raises(BadQuery, match=str(MAX_TERMS)):
        archive.results("tide " * (MAX_TERMS + 1))
    archive.results("-".join(["a"] * MAX_WORDS))
    with pytest.raises(BadQuery, match=f"at most {MAX_WORDS} words"):
        archive.results("-".join(["a"] * (MAX_WORDS + 1)))
    with pytest.raises(BadQuery, match=f"more than {MAX_TERMS} words"):
        archive.results("tide-fog " * (MAX_TERMS // 2 + 1))
    with pytest.raises(BadQuery, match=f"more than {MAX_PATTERNS} words"):
        archive.results('"a b"* ' * (MAX_PATTERNS // 2 + 1))
    with pytest.raises(BadQuery, match=f"more than {MAX_PATTERNS} pairs"):
        archive.results("NEAR(a* b c d) " * 2)
    with pytest.raises(BadQuery, match="parentheses"):
        archive.results("(" * (MAX_DEPTH + 2) + "tide")
    with pytest.raises(BadQuery, match="parentheses"):
        archive.results("(" * 100_000)
    archive.results("NOT " * 2_000 + "tide")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(
                [
                    '"',
                    "(",
                    ")",
                    "-",
                    "*",
                    ":",
                    "OR",
                    "AND",
                    "NOT",
                    "title:",
                    "tag:",
                    "tide",
                    "学习",
                    "c++",
                    "'",
                    "^",
                    "{",
                    "}",
                    " ",
                    "+",
                    "|",
                    "NEAR",
                    "NEAR/3",
                    "NEAR(",
                    ", 3",
                    "\\",
                    "%",
                    "_",
                    "is:gone",
                    "is:",
                    "date:2024",
                    "date:..",
                    "near:1,2~3km",
                ]
            ),
            max_size=14,
        ).map("".join),
        st.lists(
            st.sampled_from(
                ["(", ")", "-fog", "OR", "NOT", "tide", "深度", "🎉", "title:fog", "NEAR", "NEAR(", "is:gone"]
            ),
            max_size=12,
        ).map(" ".join),
    )
)
def test_any_text_is_a_query_or_a_bad_query(archive: Archive, text: str) -> None:
    with contextlib.suppress(BadQuery):
        archive.results(text)
