"""Similar articles."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archiver.archive import make_query
from archiver.model.errors import ArticleNotFound, BadQuery
from archiver.search.search_hits import count_facets, run_query
from archiver.storage.database import open_archive
from tests.archive_fixture import make_archive
from tests.search.writing import beside, write

FERRY = (
    "The ferry {0} ran aground on the sandbank near the mole; its captain blamed the missing buoy and the pilots "
    "of the harbour. Salvage tugs came with the {1} tide."
)
STORIES: dict[int, tuple[str, str]] = {
    7: ("Ferry aground on the sandbank", FERRY.format("Aurora", "evening")),
    8: ("Salvage of the ferry", "Tugs pulled the ferry from the sandbank. The captain and the pilots were heard."),
    9: ("Buoy back in its place", "The buoy that the pilots missed, and the captain of the ferry looked for, is back."),
    10: ("Potatoes", "How to plant potatoes in a garden, in rows, before the rain of spring."),
    11: ("Garden in spring", "Rows of potatoes, the garden, the rain: what spring asks of who plants."),
    12: ("渡轮搁浅", "渡轮在沙洲搁浅，船长责怪浮标失踪，拖船在晚潮到来。"),
    13: ("打捞渡轮", "拖船把搁浅的渡轮从沙洲拖走，船长作证。"),
    14: ("عبّارة جانحة", "جنحت العبّارة على الرمال قرب الميناء وألقى القبطان اللوم على العوّامة."),
    15: ("إنقاذ العبّارة", "سحبت القاطرات العبّارة من الرمال واستُمع إلى القبطان في الميناء."),
    16: ("Ferry aground on the sandbank", FERRY.format("Aurora", "evening")),
    17: ("Ferry aground, a report", FERRY.format("Borealis", "morning")),
    18: ("", ""),
}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory, archive_file: Path) -> Iterator[Database]:
    file = Path(shutil.copy(archive_file, tmp_path_factory.mktemp("like") / "archive.db"))
    with closing(open_archive(file)) as opened:
        for number, (title, body) in STORIES.items():
            write(
                opened,
                number,
                title,
                body,
                published=f"2024-01-{number:02}T00:00:00+00:00",
                site="harbour.example" if number % 2 else "notes.example/blog",
            )
        with beside(opened) as other:
            other.execute("update articles set duplicate_of = 7 where id = 16")
            other.execute("insert into clusters (id, source_id, size, since) values (1, 7, 2, '')")
            other.execute("update articles set cluster_id = 1 where id in (7, 17)")
        yield opened


def ids(db: Database, text: str = "", **more: Any) -> list[int]:
    return [hit.id for hit in run_query(db, make_query(text, **more)).hits]


@pytest.mark.parametrize(("number", "expected"), [(7, {8, 9}), (10, {11}), (12, {13}), (14, {15}), (18, set())])
def test_similar_articles_in_every_script(db: Database, number: int, expected: set[int]) -> None:
    assert set(ids(db, like=number)) == expected


def test_the_most_similar_article_is_first(db: Database) -> None:
    hits = run_query(db, make_query(like=7)).hits
    assert [hit.id for hit in hits] == [8, 9]
    assert hits[0].score > hits[1].score > 0  # type: ignore[operator]
    assert {"ferry", "sandbank", "pilots"} <= {hits[0].snippet[a:b] for a, b in hits[0].marks}


def test_copies_are_not_similar_articles_unless_unfolded(db: Database) -> None:
    assert set(ids(db, like=16)) == {8, 9, 17}  # it is in no cluster; 7 has its text
    assert set(ids(db, like=7, fold="none")) == {8, 9, 16, 17}
    assert set(ids(db, like=7, duplicates=True)) == {8, 9, 16, 17}


def test_like_combines_with_other_terms(db: Database) -> None:
    assert ids(db, like=7, site="notes.example/blog") == [8]
    assert ids(db, like=7, since="2024-01-09") == [9]
    assert ids(db, "buoy", like=7) == [9] == ids(db, "like:7 buoy")
    assert ids(db, "like:7 -salvage") == [9]
    assert set(ids(db, "ferry -like:7", fold="none")) >= {7}
    assert ids(db, like="https://harbour.example/post-7") == [8, 9]
    assert dict(count_facets(db, make_query(like=7))["site"]) == {"harbour.example": 1, "notes.example/blog": 1}


def test_similarity_to_an_unknown_article_is_an_error(db: Database) -> None:
    with pytest.raises(ArticleNotFound):
        ids(db, like=99)
    with pytest.raises(ArticleNotFound):
        ids(db, "like:99")
    with pytest.raises(BadQuery, match="like:this"):
        ids(db, "like:this")


def test_only_words_that_show_the_topic_are_marked(tmp_path: Path) -> None:
    with closing(open_archive(make_archive(tmp_path / "archive.db"))) as db:
        for number in range(10, 50):
            write(db, number, f"Post {number}", "Nothing of note.")
        body = "He said that the old weir, over and over, broke the weir gate. The mill race ran dry."
        for number in (7, 8):
            write(db, number, "The weir", f"{body} {number}")
        (hit,) = run_query(db, make_query(like=7)).hits
        marked = {hit.snippet[a:b].lower() for a, b in hit.marks}
    assert "weir" in marked
    assert not marked & {"he", "the", "old", "said", "and", "that"}
