"""Phrases of common words: found through an index of word pairs, with the same result as without it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.archive import Archive, make_query
from archiver.search import index_refresh_searcher_and_check as index_refresh
from archiver.search import tantivy_index_damage_and_state as tantivy_index
from archiver.search.index_refresh_searcher_and_check import common_words, needs_new_common_words, refresh_index
from archiver.search.search_hits_facets_and_similar_articles import run
from archiver.storage.archive_opening import open_archive
from archiver.storage.full_text_index_and_saved_searches import index_folder
from tests.archive_fixture import make_archive
from tests.search.writing import write

WORDS = ("of", "the", "tide", "学习", "quay", "rare")
PHRASES = (
    '"of the"',
    '"the of the"',
    '"of the tide"',
    '"the tide"',
    '"quay of"',
    '"tide the quay of"',
    '"rare of the"',
    '"学习 of"',
    'body:"of the"',
    'title:"of the"',
    'description:"the of"',
    '"of the" -"the tide"',
    '"of the" NEAR "tide quay"',
    '"of the"*',
    '"the rare"',
    '"of of of"',
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of three hundred texts of six words, one of which is not common."""
    choice = random.Random(9)
    file = make_archive(tmp_path_factory.mktemp("common") / "archive.db")
    with closing(open_archive(file)) as db:
        for number in range(7, 307):
            words = choice.choices(WORDS, cum_weights=(30, 60, 75, 85, 99, 100), k=12)
            write(db, number, " ".join(words[:4]), " ".join(words[4:10]), description=" ".join(words[10:]))
    return file


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(index_refresh, "MIN_ARTICLES", 10)
    monkeypatch.setattr(index_refresh, "SHARE", 0.3)
    yield


def answers(db: Database) -> dict[str, list[tuple[int, str]]]:
    return {
        text: [(hit.id, hit.snippet) for hit in run(db, make_query(text, limit=None, sort="added")).hits]
        for text in PHRASES
    }


def test_the_hits_are_the_same_with_and_without_word_pairs(
    file: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Archive(file) as archive, monkeypatch.context() as patched:
        patched.setattr(index_refresh, "MIN_ARTICLES", 10**6)
        expected = answers(archive.db)
        assert tantivy_index.index_state(index_folder(file))["common"] == []
    with closing(open_archive(file)) as db:
        refresh_index(db, file, rebuild=True)
    assert tantivy_index.index_state(index_folder(file))["common"] == ["of", "quay", "the", "tide", "习", "学习"]
    with Archive(file) as archive:
        assert answers(archive.db) == expected
        assert len(expected['"of the"']) > 30
        assert expected['"of the tide"']
        assert expected['"学习 of"']
        # With either, articles with more occurrences come first.
        assert run(archive.db, make_query('body:"of the"')).hits[0].snippet.count("of the") >= 2


def test_later_articles_have_their_word_pairs(file: Path, few: None) -> None:
    with closing(open_archive(file)) as db:
        refresh_index(db, file, rebuild=True)
        write(db, 1_000, "Later", "said of the harbour")
        with Archive(file) as archive:
            found = [hit.id for hit in run(archive.db, make_query('"of the"', limit=1, sort="-added")).hits]
        assert found == [1_000]
        assert "the" in tantivy_index.index_state(index_folder(file))["common"]
        with db.atomic():
            for table, column in (("revisions", "article_id"), ("article_urls", "article_id"), ("articles", "id")):
                db.execute(f"delete from {table} where {column} = 1000")


def test_few_articles_have_no_common_words(file: Path) -> None:
    with closing(open_archive(file)) as db:
        assert common_words(db, range(1, 307)) == frozenset()


@pytest.mark.parametrize(
    ("articles", "found_in", "changed", "expected"),
    [
        (999, 0, 999, False),
        (1_000, 0, 5, True),
        (9_999, 1_000, 5, False),
        (10_000, 1_000, 5, True),
        (200_000, 1_000, 5, False),
        (200_000, 1_000, 150_000, True),
        (200_000, 30_000, 190_000, False),
    ],
)
def test_an_index_of_few_articles_is_outgrown(articles: int, found_in: int, changed: int, expected: bool) -> None:
    assert needs_new_common_words(articles, found_in, changed) is expected


def test_an_outgrown_index_is_rebuilt(file: Path, few: None) -> None:
    with closing(open_archive(file)) as db:
        refresh_index(db, file, rebuild=True)
        said = tantivy_index.index_state(index_folder(file))
        tantivy_index.write_state(index_folder(file), said["token"], [], 20)
        assert not refresh_index(db, file).rebuilt
        with db.atomic():
            db.execute("update articles set title = title || '.' where id = 7")
        assert refresh_index(db, file).rebuilt
        assert tantivy_index.index_state(index_folder(file))["common"]
