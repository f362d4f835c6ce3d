"""Keyword in context: the positions of words in every script and order."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.archive import Archive
from archiver.errors import BadQuery
from archiver.search import concordance as module
from archiver.search.concordance import ConcordanceLine
from archiver.storage.archive_opening import open_archive
from tests.archive_fixture import make_archive

ARABIC = "قال الوزير إن الميناء مغلق، ثم فتح الميناء."
HINDI = "नदी का पानी बढ़ गया।"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small archive with the undated post rewritten in Arabic and Hindi."""
    file = make_archive(tmp_path_factory.mktemp("scripts") / "archive.db")
    db = open_archive(file)
    db.execute("update articles set title = ?, body = ? where id = 6", [HINDI, f"{ARABIC}\n\nCafe\u0301 del mar"])
    db.conn.commit()
    db.close()
    return file


def parts(lines: tuple[ConcordanceLine, ...]) -> list[tuple[int, str, str, str]]:
    return [(line.id, line.before, line.keyword, line.after) for line in lines]


def test_each_occurrence_has_a_line_newest_first(archive: Archive) -> None:
    found = archive.concordance("tide", width=12)
    assert parts(found.lines)[0] == (2, "days. The ", "tide", " came and"), "context ends at words"
    assert [(line.id, line.field, line.before[-4:], line.keyword) for line in found.lines] == [
        (2, "body", "The ", "tide"),
        (1, "title", "", "Tide"),
        (1, "body", "new ", "tide"),
    ]
    assert all(len(line.before) <= 12 and len(line.after) <= 12 for line in found.lines)
    assert (found.articles, found.read, found.more) == (2, 2, False)


@pytest.mark.parametrize(("width", "before", "after"), [(4, "The ", " cam"), (5, "The ", " came"), (0, "", "")])
def test_context_is_cut_within_a_word_only_if_nothing_else_is_left(
    archive: Archive, width: int, before: str, after: str
) -> None:
    line = archive.concordance("tide", width=width).lines[0]
    assert (line.before, line.after) == (before, after)


def test_lines_are_sorted_by_context(archive: Archive) -> None:
    right = archive.concordance("lamp OR tide", sort="right").lines
    assert [line.after.split()[:2] for line in right] == [
        [",", "and"],
        ["came", "and"],
        ["stayed", "dark."],
        ["tables", "for"],
        ["tables.", "O'Brien"],
    ]
    assert archive.concordance("lamp OR tide", sort="-right").lines == right[::-1]
    left = archive.concordance("lamp OR tide", sort="left").lines
    assert [line.before.split()[-2:] for line in left] == [
        [],
        ["printed", "new"],
        ["and", "the"],
        ["days.", "The"],
        ["lit", "the"],
    ]


def test_limit_and_offset_are_of_lines(archive: Archive) -> None:
    every = archive.concordance("lamp OR tide").lines
    assert len(every) == 5
    for sort in ("", "left"):
        all_of = archive.concordance("lamp OR tide", sort=sort).lines
        found = archive.concordance("lamp OR tide", sort=sort, limit=2, offset=2)
        assert found.lines == all_of[2:4]
        assert found.more
        assert not archive.concordance("lamp OR tide", sort=sort, limit=2, offset=3).more


def test_only_the_newest_of_too_many_articles_are_sorted(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_READ", 1)
    found = archive.concordance("tide", sort="left")
    assert {line.id for line in found.lines} == {2}
    assert (found.read, found.articles) == (1, 2)


def test_only_the_fields_of_the_query_are_shown(archive: Archive) -> None:
    assert {line.field for line in archive.concordance("title:tide").lines} == {"title"}
    assert archive.concordance("author:ada tide").lines[0].keyword == "tide"
    with pytest.raises(BadQuery, match="needs a word"):
        archive.concordance("author:ada")
    with pytest.raises(BadQuery, match="needs a word"):
        archive.concordance("")
    with pytest.raises(BadQuery, match="0 to 500"):
        archive.concordance("tide", width=501)


def test_every_script_is_set_in_its_direction(scripts: Path) -> None:
    with Archive(scripts) as archive:
        found = archive.concordance("الميناء").lines
        assert [line.direction for line in found] == ["rtl", "rtl"]
        assert (found[0].before.endswith("إن "), found[0].after.startswith(" مغلق")) == (True, True)
        assert parts(archive.concordance("學习 OR 学习", limit=1).lines) == [(5, "深度", "学习", "笔记")]
        assert archive.concordance("café").lines[-1].keyword == "Café"
        line = archive.concordance("पानी", width=2).lines[0]
        assert (line.before, line.keyword, line.after) == (" ", "पानी", " ब"), "a combining mark belongs to its letter"
