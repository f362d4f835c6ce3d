"""The query language: what it finds, and that no text is ever a syntax error."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.archive import Archive
from archiver.errors import BadQuery
from archiver.search.query import MAX_DEPTH, MAX_TERMS, compile_query

FOUND = {
    # words, phrases, operators
    "tide": {1, 2}, "TIDE": {1, 2}, "tide quay": {1, 2}, "tide fog": {2}, '"harbour master"': {1},
    '"master harbour"': set(),
    "fog OR lamp": {2, 3, 4}, "fog | lamp": {2, 3, 4}, "tide -fog": {1}, "tide NOT fog": {1},
    "(fog OR lamp) -once": {2, 3}, "lamp -(once OR fog)": {3}, "light*": {3, 4}, '"the light"*': {3, 4},
    "fog OR tables quay": {1, 2}, "-tide": {3, 4, 5, 6}, "fog OR -tide": {2, 3, 4, 5, 6}, "tide AND fog": {2},
    # fields
    "title:fog": {2}, "title:tide": {1}, "body:tide": {1, 2}, "author:krüger": {1, 2}, "authors:Krüger": {1, 2},
    'author:"Zoë Krüger" -author:ada': {1}, "category:harbour": {1, 3, 4}, "tag:fog": {2}, "tag:tid*": {1},
    "description:printed": {1}, "-title:lighthouse lamp": set(), "nofield:tide": set(),
    # case and diacritics
    "cafe": {1}, "café": {1}, "CAFÉ": {1}, "cafe\u0301": {1}, "kruger": {1, 2}, "le author:duc": set(),
    # text that is no syntax
    "O'Brien": {1}, "AT&T": {1}, "c++": {1}, "c#": set(), "at-t": {1}, '"harbour master': {1}, "harbour)": {1, 3, 4},
    "(harbour": {1, 3, 4}, "new^2": set(), "title:": set(), "{tide}": {1, 2}, "tide +quay": {1, 2},
    "tide , quay": {1, 2},
    "“harbour master”": {1}, "NEAR(tide quay)": set(), "tide*quay": set(), "100%": {6}, "tide\0": {1, 2},
    # scripts without spaces between words, and signs that are no word
    "学习": {5}, "机器学习": {5}, "学习 -深度": set(), "gpt技术": {5}, "深度 OR fog": {2, 5}, "-学习": {1, 2, 3, 4, 6},
    "title:学习": {5}, "title:模型": set(), "author:小明": {5}, '"今天 学习"': set(), "🎉": {6}, "-🎉": {1, 2, 3, 4, 5},
    "tide -学习": {1, 2},
    "서울": {6}, "%学习": set(), "技_术": set(),
    "": {1, 2, 3, 4, 5, 6}, "   ": {1, 2, 3, 4, 5, 6},
}


@pytest.mark.parametrize(("text", "expected"), FOUND.items(), ids=repr)
def test_a_query_finds(archive: Archive, text: str, expected: set[int]) -> None:
    found = archive.results(text, duplicates=True)
    assert {hit.id for hit in found.hits} == expected
    assert found.total == len(expected)


@pytest.mark.parametrize("text", ["()", '""', "---", "OR", "NOT", "* *", "...", "&&", "- -"])
def test_a_query_without_a_word_says_so(archive: Archive, text: str) -> None:
    with pytest.raises(BadQuery, match="no word in it"):
        archive.results(text)


def test_a_query_has_bounds(archive: Archive) -> None:
    assert archive.results(" OR ".join(["tide"] * MAX_TERMS)).total == 2
    with pytest.raises(BadQuery, match="more than 200 words"):
        archive.results("tide " * (MAX_TERMS + 1))
    with pytest.raises(BadQuery, match="parentheses"):
        archive.results("(" * (MAX_DEPTH + 2) + "tide")
    with pytest.raises(BadQuery, match="parentheses"):
        archive.results("(" * 100_000)
    archive.results("NOT " * 2_000 + "tide")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(['"', "(", ")", "-", "*", ":", "OR", "AND", "NOT", "title:", "tag:", "tide", "学习", "c++",
                              "'", "^", "{", "}", " ", "+", "|", "NEAR", "\\", "%", "_"]), max_size=14).map("".join),
    st.lists(st.sampled_from(["(", ")", "-fog", "OR", "NOT", "tide", "深度", "🎉", "title:fog"]), max_size=12)
    .map(" ".join),
))
def test_any_text_is_a_query_or_a_bad_query(archive: Archive, text: str) -> None:
    with contextlib.suppress(BadQuery):
        archive.results(text)


def test_what_the_index_can_answer_is_one_match_that_ranks() -> None:
    assert compile_query('storm "big wind" title:sea*').match == '"storm" AND "big wind" AND title : "sea"*'
    assert compile_query("storm -rain -snow").match == '("storm") NOT ("rain" OR "snow")'
    mixed = compile_query("storm 学习")
    assert mixed.match == '"storm"' and "like" in mixed.where and mixed.substrings == ("学习",)


def test_the_index_is_the_one_the_archive_has(archive_file: Path) -> None:
    """A MATCH that the module under test writes by hand means what SQLite says it means."""
    conn = sqlite3.connect(archive_file)
    rows = conn.execute("select rowid from articles_fts where articles_fts match ?", [compile_query("tide -fog").match])
    assert [row[0] for row in rows] == [1]
    conn.close()
