"""What a search that finds nothing may have meant: words of the index, other fields; and how loose ends are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlite_utils import Database

from archiver.search.query_corrections_and_advice import correct_fields, correct_spelling, nearest_words, similar_field
from archiver.search.query_parser import list_repairs, list_unknown_fields
from archiver.search.query_with_filters_and_sort import Query
from archiver.storage.archive_opening import open_archive
from tests.archive_fixture import make_archive
from tests.search.writing import write


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = make_archive(tmp_path_factory.mktemp("corrections") / "archive.db")
    with closing(open_archive(file)) as db:
        write(db, 10, "В гавани", "Паром вернулся в гавань, и шторм утих.", language="ru")
        write(db, 11, "في الميناء", "ضربت عاصفة قوية الميناء القديم.", language="ar")
        write(db, 12, "Bâllista", "A Bâllista was shown. The recieved view is another.")
        for number in range(13, 70):
            write(db, number, f"Post {number}", "We received a letter.")
        yield db


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("harbuor", "harbour"),  # two letters swapped
        ("arbour", "harbour"),  # the first letter is missing
        ("ligthuose", "lighthouse"),  # two mistakes
        ("author:krügr", "author:Krüger"),
        ('"new tdie tables"', '"new tide tables"'),
        ("tdie OR harbuor", "tide OR harbour"),
        ("balista", "Bâllista"),  # as it is spelled in the article
        ("гавнь", "гавань"),
        ("عاصقة", "عاصفة"),
        ("(tdie) -fog", "(tide) -fog"),
        ("recieved", "received"),  # known, but another word is in far more articles
    ],
)
def test_an_unknown_word_is_replaced_by_the_nearest_of_the_index(db: Database, text: str, corrected: str) -> None:
    assert correct_spelling(db, Query(text))[0].text == corrected


@pytest.mark.parametrize("text", ["", "tide", "xyzzyqq", "tide -harbuor", "深度学可", "harbuo*", "is:gone", "7777"])
def test_nothing_is_suggested_for_known_words_nor_for_words_unlike_all_others(db: Database, text: str) -> None:
    assert correct_spelling(db, Query(text)) == ()


def test_long_queries_and_long_words_are_not_corrected(db: Database) -> None:
    five = "tdie OR harbuor OR ligthuose OR mastr OR prnted"
    assert correct_spelling(db, Query(five)) != ()
    assert correct_spelling(db, Query(f"{five} OR tabels")) == ()
    assert correct_spelling(db, Query(" ".join(["tdie", *(f"tide{n}" for n in range(20))]))) == ()
    assert correct_spelling(db, Query("x" * 60)) == ()


def test_a_correction_says_how_many_articles_it_finds_with_the_filters(db: Database) -> None:
    assert correct_spelling(db, Query("tdie"))[0].total == 2
    assert correct_spelling(db, Query("tdie", since="2024-04"))[0].total == 1
    assert correct_spelling(db, Query("tdie", since="2025")) == ()


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("in", "2023", "date"),
        ("in", "2023-04..2023-06", "date"),
        ("autor", "Berg", "author"),
        ("By", "Berg", "author"),
        ("catgory", "Harbour", "category"),
        ("domain", "harbour.example", "site"),
        ("note", "x", ""),
    ],
)
def test_the_field_that_an_unknown_name_stands_for(name: str, value: str, field: str) -> None:
    assert similar_field(name, value) == field


def test_unknown_fields_are_corrected_in_the_query(db: Database) -> None:
    (found,) = correct_fields(db, Query("autor:Berg fog"))
    assert (found.field, found.text, found.total) == ("author", "author:Berg fog", 1)
    (found,) = correct_fields(db, Query('fog before:2025 "x:y"'))
    assert found.text == 'fog date:..2025 "x:y"'
    (found,) = correct_fields(db, Query("domian:3"))
    assert (found.name, found.field) == ("domian", "")
    (found,) = correct_fields(db, Query("clster:many"))  # the value is none of the field cluster
    assert found.field == ""


@pytest.mark.parametrize("text", ["https://harbour.example/x", "10:30", "title:fog", "Re: fog", "stem:fog", '"a:b"'])
def test_ordinary_colons_are_not_taken_for_fields(text: str) -> None:
    assert list_unknown_fields(text) == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(fog OR tide", ["("]),
        ('title:"fog', ['title:"fog']),
        ("fog NEAR", ["NEAR"]),
        ("fog NEAR/3", ["NEAR/3"]),
        ("fog) tide", [")"]),
        ("OR fog", ["OR"]),
        ("(fog OR) tide", ["OR"]),
        ('OR (fog "tide', ["OR", '"tide', "("]),
    ],
)
def test_loose_ends_are_reported(text: str, parts: list[str]) -> None:
    assert [one.part for one in list_repairs(text)] == parts


@pytest.mark.parametrize(
    "text", ["", "(fog OR tide) -lamp", '"fog" NEAR/3 tide', "NEAR(fog tide, 3)", "AT&T | or", "NOT fog"]
)
def test_sound_queries_need_no_repair(text: str) -> None:
    assert list_repairs(text) == ()


COMMANDS = ("crawl", "search", "serve", "sites", "export")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("crwal", ("crawl",)), ("SERACH", ("search",)), ("site", ("sites",)), ("xyzzy", ()), ("cl", ())],
)
def test_the_nearest_of_known_words(typed: str, expected: tuple[str, ...]) -> None:
    assert nearest_words(typed, COMMANDS) == expected


def test_of_equally_near_words_the_most_frequent_comes_first() -> None:
    counts = {"ballast": 90, "ballista": 3, "balist": 2, "palisto": 70, "balista": 1}
    assert nearest_words("balista", counts) == ("ballista", "balist", "palisto")
    assert nearest_words("balista", {"balisto": 1, "balisti": 8}, most=1) == ("balisti",)
