"""One dataset from several archives: equal texts in two archives get the IDs, tiers and splits that they have in one
archive.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archiver.errors import SnapshotRefused
from archiver.items import UsageStatement
from tests.datasets.published import CC_BY, FREE, NEAR, Post, all_words, contents, leaked, make, publish, rows, text
from tests.runner import failure, fault

NOTES = "https://notes.example/blog/"
RESERVED = (UsageStatement("file", "tdm-reservation", "1"),)
POSTS = (
    Post(1, rights=RESERVED),
    Post(2),
    Post(3, published="2024-01-01T09:00:00+01:00"),
    Post(4, rights=(CC_BY,)),
    Post(11, site=NOTES, body=text(1)),
    Post(12, site=NOTES, body=text(2), published="2020-01-01T09:00:00+01:00"),
    Post(13, site=NOTES, body=text(3), day=1),
    Post(14, site=NOTES, body=text(3) + NEAR, day=2),
    Post(15, site=NOTES),
)
ASKED = ("--version", "1.0.0", "--splits", "train=50,test=50", "--ngrams", "2")
NAMED = ("id", "tier", "duplicate_of", "cluster_id", "split")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("archives")
    (place / "rules.toml").write_text(FREE)
    return [
        make(place / name / "archive.db", [post for post in POSTS if (post.site == NOTES) is bool(number)])
        for number, name in enumerate(("harbour", "notes"))
    ]


def test_equal_texts_are_treated_as_in_one_archive(archives: list[Path], tmp_path: Path) -> None:
    whole = make(tmp_path / "whole" / "archive.db", POSTS)
    rules = ("--rules", str(archives[0].parents[1] / "rules.toml"))
    for name, source in (("one", [whole]), ("two", archives), ("swapped", archives[::-1])):
        done = publish(source, str(tmp_path / name), *ASKED, *rules)
        assert done.exit_code == 0, done.output
    found = {
        name: [[row[column] for column in NAMED] for row in rows(tmp_path / name, "articles")]
        for name in ("one", "two", "swapped")
    }
    assert found["one"] == found["two"] == found["swapped"]
    assert [row[1] for row in found["one"]].count("reference") == 2
    assert leaked(text(1), all_words(tmp_path / "two")) == []
    assert rows(tmp_path / "one", "ngrams") == rows(tmp_path / "two", "ngrams")
    card = (tmp_path / "two" / "README.md").read_text()
    assert [
        row
        for row in card.splitlines()
        if row.startswith("| reference | ") and "harbour.example" in row and row.endswith(" | 1 |")
    ]
    assert card == (tmp_path / "one" / "README.md").read_text()


def test_copy_outside_the_query_limits_the_tier(archives: list[Path], tmp_path: Path) -> None:
    rules = ("--rules", str(archives[0].parents[1] / "rules.toml"))
    done = publish(archives, str(tmp_path / "d"), *ASKED, *rules, "--site", "notes.example/blog")
    assert done.exit_code == 0, done.output
    found = {row["url"].rsplit("/", 1)[1]: row for row in rows(tmp_path / "d", "articles")}
    assert {name: row["tier"] for name, row in found.items()} == {
        "11": "reference",
        "12": "full",
        "13": "full",
        "14": "full",
        "15": "full",
    }
    assert all(row["duplicate_of"] is None for row in found.values()), "these are of the dataset alone"
    assert found["13"]["cluster_id"] == found["14"]["cluster_id"] not in (found["13"]["id"], None)
    assert found["13"]["split"] == found["14"]["split"]


def test_explain_agrees_with_publish(archives: list[Path]) -> None:
    rules = ("--rules", str(archives[0].parents[1] / "rules.toml"))
    both = json.loads(publish(archives, "--explain", f"{NOTES}11", *rules, "--json").stdout)
    assert both["tier"] == "reference"
    assert any("harbour.example" in one["why"] for one in both["reasons"])
    assert json.loads(publish(archives[1], "--explain", f"{NOTES}11", *rules, "--json").stdout)["tier"] == "full"
    assert fault(publish(archives, "--explain", "x")) == "ArticleNotFound x"


def test_folding_keeps_one_of_equal_texts(archives: list[Path], tmp_path: Path) -> None:
    done = publish(archives, str(tmp_path / "d"), *ASKED, "--fold", "text")
    assert done.exit_code == 0, done.output
    assert sorted(row["url"].rsplit("/", 1)[1] for row in rows(tmp_path / "d", "articles")) == [
        "1",
        "12",
        "14",
        "15",
        "3",
        "4",
    ]


def test_query_for_an_author_of_one_archive(archives: list[Path], tmp_path: Path) -> None:
    for words, error in (
        (["--site", "nowhere.example"], "SiteNotFound nowhere.example"),
        (["--like", "1"], "BadQuery"),
    ):
        done = publish(archives, str(tmp_path / "d"), *ASKED, *words)
        assert fault(done).startswith(error)


def test_rebuild_without_an_archive_keeps_the_old_snapshot(archives: list[Path], tmp_path: Path) -> None:
    assert publish(archives, str(tmp_path / "d"), *ASKED).exit_code == 0
    before = contents(tmp_path / "d")
    less = publish(archives[0], str(tmp_path / "d"), "--rebuild")
    assert less.exit_code == 1
    assert isinstance(failure(less), SnapshotRefused)
    assert "notes.example/blog" in less.output
    assert contents(tmp_path / "d") == before
    assert publish(archives[::-1], str(tmp_path / "d"), "--rebuild").exit_code == 0
    assert contents(tmp_path / "d") == before
    assert publish(archives[0], str(tmp_path / "d"), "--rebuild", "--replace").exit_code == 0
    assert len(rows(tmp_path / "d", "articles")) == 4


def test_post_in_two_archives_is_refused(archives: list[Path], tmp_path: Path) -> None:
    other = make(tmp_path / "other" / "archive.db", [Post(1, site="https://harbour.example/blog/")])
    again = make(tmp_path / "again" / "archive.db", [Post(1, site="https://harbour.example/blog/")])
    from archiver.storage.connection import open_archive

    db = open_archive(again)
    db.execute("update articles set site = 'harbour.example'")
    db.conn.commit()
    db.close()
    done = publish([other, again], str(tmp_path / "d"), "--version", "1.0.0")
    assert done.exit_code == 1
    assert "https://harbour.example/blog/1 is in" in done.output
