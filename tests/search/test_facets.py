"""The count of a facet value is the number of hits that remain when it is selected, however its articles spell it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from archiver.archive import Archive, make_query
from archiver.search.search_hits import count_facets, run_query
from archiver.storage.database import open_archive
from tests.archive_fixture import make_archive
from tests.search.writing import write

TAGS = [
    *([["Ferry"]] * 9),
    ["ferry", "Ferry"],
    ["FERRY"],
    ["férry"],
    *([["Boat"]] * 8),
    ["boat"],
    ["BOAT"],
    *([["Quay"]] * 6),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = make_archive(tmp_path_factory.mktemp("facets") / "archive.db")
    with closing(open_archive(file)) as db:
        for number, tags in enumerate(TAGS, start=7):
            write(db, number, "mooring", "", tags=tags, authors=[["PMC", "pmc"][number % 2]], credits=["DPA", "dpa"])
        write(db, 99, "quayside", "", tags=["FERRY", "Slip way"], authors=["Pmc"])
    return file


@pytest.mark.parametrize("most", [1, 2, 10])
def test_a_facet_count_equals_the_results_of_its_filter(file: Path, most: int) -> None:
    with Archive(file) as archive:
        found = count_facets(archive.db, make_query("mooring", fold="none"), most)
        assert found["tag"] == [("Ferry", 12), ("Boat", 10), ("Quay", 6)][:most]
        assert found["author"] == [("PMC", len(TAGS))]
        assert found["credit"] == [("DPA", len(TAGS))]
        for name in ("tag", "author"):
            for value, number in found[name]:
                assert run_query(archive.db, make_query("mooring", fold="none", **{name: (value,)})).total == number


def test_a_facet_value_has_its_most_frequent_spelling(file: Path) -> None:
    with Archive(file) as archive:
        found = archive.facets("quayside")
    assert found["tag"] == [("Ferry", 1), ("Slip way", 1)]
    assert found["author"] == [("PMC", 1)]
