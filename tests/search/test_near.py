"""Words near one another: the hits are those of reading every text word by word, however rare the words are."""

from __future__ import annotations

import random
from contextlib import closing
from itertools import pairwise, product
from pathlib import Path

import pytest

from archiver.archive import Archive
from archiver.model.errors import BadQuery
from archiver.storage.database import open_archive
from tests.archive_fixture import make_archive
from tests.search.writing import write

# Each is half as frequent as the one before it.
WORDS = ("a", "b", "c", "d", "e", "f")
QUERIES = (
    ("a", "b"),
    ("f", "a"),
    ("a", "c", "e"),
    ("e", "b", "d"),
    ("f", "a", "d"),
    ("c", "d", "e", "f"),
    ("a b", "d c"),
    ("d a", "f b"),
    ("a e", "c"),
    ("b a", "d", "f"),
)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, list[str]]]:
    choice = random.Random(6)
    file = make_archive(tmp_path_factory.mktemp("near") / "archive.db")
    texts = {number: choice.choices(("x", *WORDS), weights=(40, 32, 16, 8, 4, 2, 1), k=40) for number in range(7, 127)}
    with closing(open_archive(file)) as db:
        for number, text in texts.items():
            write(db, number, "", " ".join(text))
    return file, texts


def are_near(text: list[str], terms: tuple[str, ...], distance: int) -> bool:
    rows = [term.split() for term in terms]
    places = [[at for at in range(len(text)) if text[at : at + len(row)] == row] for row in rows]
    for starts in product(*places):
        spans = sorted((start, start + len(row)) for start, row in zip(starts, rows, strict=True))
        between = [after - before for (_, before), (after, _) in pairwise(spans)]
        if min(between) >= 0 and sum(between) <= distance:
            return True
    return False


@pytest.mark.parametrize("terms", QUERIES, ids=" NEAR ".join)
def test_near_finds_nearby_words(texts: tuple[Path, dict[int, list[str]]], terms: tuple[str, ...]) -> None:
    file, all_texts = texts
    with Archive(file) as archive:
        for distance in (0, 2, 5, 9):
            query = " ".join(f'"{term}"' for term in terms)
            found = {hit["id"] for hit in archive.search(f"NEAR({query}, {distance})", fold="none", limit=None)}
            expected = {number for number, text in all_texts.items() if are_near(text, terms, distance)}
            assert found >= expected
            # Its occurrences are counted only if they decide the order.
            assert found == {
                hit["id"] for hit in archive.search(f"NEAR({query}, {distance})", fold="none", limit=None, sort="date")
            }
            # Of three words or more, each pair may be near one another in a different place.
            assert len(found - expected) <= (len(terms) > 2 or " " in query) * len(all_texts) // 8


def test_frequent_prefixes_within_phrases_are_refused(
    texts: tuple[Path, dict[int, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.search.query_compiler._MAX_PREFIX_MATCHES", 100)
    with Archive(texts[0]) as archive:
        for query in ("a* NEAR b", '"b a"*', "NEAR(c b a*)"):
            with pytest.raises(BadQuery):
                archive.results(query)
            with pytest.raises(BadQuery):
                archive.histogram(query)
        assert archive.results("a*").total > 100
        assert archive.results("b NEAR f*").total
