"""English words are found in all their forms."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from archiver.archive import make_query
from archiver.search.query_compiler import stem, stem_prefixes
from archiver.search.search_hits import run_query
from archiver.storage.database import open_archive
from tests.search.writing import write

BODIES = {
    7: "He reported it at once.",
    8: "Reporting is a craft.",
    9: "Two reports came.",
    10: "The reporter was late.",
    11: "Using nets they lay dying.",
    12: "She used a net and it died.",
    13: "Happily, the skies were clear.",
    14: "A happy city hall; one city.",
    15: "Cities have halls.",
    16: "Wir reisten.",
    17: "Él reportó.",
    18: "The report's end.",
}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory, archive_file: Path) -> Iterator[Database]:
    file = Path(shutil.copy(archive_file, tmp_path_factory.mktemp("stems") / "archive.db"))
    with closing(open_archive(file)) as opened:
        for number, body in BODIES.items():
            write(opened, number, f"No. {number}", body)
        yield opened


def ids(db: Database, text: str, **more: Any) -> list[int]:
    return [hit.id for hit in run_query(db, make_query(text, sort="added", limit=None, **more)).hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stem:reporting", [7, 8, 9, 10, 18]),
        ("stem:Reports", [7, 8, 9, 10, 18]),
        ("report", [18]),
        ("stem:use", [11, 12]),
        ("stem:died", [11, 12]),
        ("stem:sky", [13]),
        ("stem:happy", [14]),
        ("stem:happily", [13]),
        ("stem:city", [14, 15]),
        ('stem:"city halls"', [14]),
        ('"city halls"', []),
        ("stem:cities NEAR/3 stem:hall", [14, 15]),
        ("stem:reports -craft", [7, 9, 10, 18]),
        ("stem:学习", [5]),
        ("-stem:report stem:net", [11, 12]),
        ("stem:nobodysword", []),
        ("stem:at", [1, 7]),
        ("stem:repor*", [7, 8, 9, 10, 17, 18]),
        ("stem:O'Brien", [1]),
    ],
)
def test_a_word_is_found_in_its_forms(db: Database, text: str, expected: list[int]) -> None:
    assert ids(db, text) == expected


def test_with_stem_every_word_outside_quotation_marks_is_stemmed(db: Database) -> None:
    assert ids(db, "reports", stem=True) == [7, 8, 9, 10, 18]
    assert ids(db, '"reports"', stem=True) == [9]
    assert ids(db, "body:reports OR title:reports", stem=True) == [7, 8, 9, 10, 18]
    assert ids(db, "reports") == [9]


def test_the_forms_that_were_found_are_marked(db: Database) -> None:
    marked = {
        hit.id: [hit.snippet[a:b] for a, b in hit.marks] for hit in run_query(db, make_query("report", stem=True)).hits
    }
    assert marked == {7: ["reported"], 8: ["Reporting"], 9: ["reports"], 10: ["reporter"], 18: ["report"]}
    hit = run_query(db, make_query('stem:"cities hall"')).hits[0]
    assert [hit.snippet[a:b] for a, b in hit.marks] == ["city hall"]


def test_a_rare_form_does_not_rank_higher_than_a_frequent_one(db: Database) -> None:
    scores = {hit.id: hit.score for hit in run_query(db, make_query("stem:report")).hits}
    assert max(scores.values()) < 1.5 * min(scores.values())  # type: ignore[operator,type-var]


ENDINGS = (
    "",
    "s",
    "es",
    "ed",
    "ing",
    "er",
    "ers",
    "est",
    "ly",
    "ness",
    "ation",
    "ations",
    "ational",
    "izer",
    "ization",
    "ity",
    "ities",
    "ive",
    "ives",
    "ful",
    "fulness",
    "ousness",
    "al",
    "ally",
    "ance",
    "ible",
    "ibility",
    "able",
    "ability",
    "ies",
    "y",
    "ied",
    "ying",
    "e",
    "ement",
    "ment",
    "ic",
    "ical",
    "icate",
    "ize",
    "ized",
)


@given(st.text("abcdefghiklmnoprstuvwyz", min_size=2, max_size=8), st.sampled_from(ENDINGS))
def test_all_forms_of_a_stem_share_a_prefix(root: str, ending: str) -> None:
    word = root + ending
    assert len(word) < 3 or word.startswith(stem_prefixes(stem(word))), (word, stem(word))
