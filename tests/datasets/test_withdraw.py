"""A withdrawal applies to the archive and to all versions of a dataset that are built afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from archiver.cli.main import cli
from tests.datasets.published import FREE, POSTS, all_words, contents, leaked, make, publish, rows, text
from tests.runner import Runner, fault
from tests.takedown.removing import holds

REASON = "its author asked for it"


def withdraw(archive: Path, *words: str) -> Result:
    return Runner().invoke(cli, ["withdraw", *words, "--reason", REASON, "--yes", "--archive", str(archive)])


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Path, Path]:
    """An archive and two versions of its dataset."""
    archive = make(tmp_path / "archive" / "archive.db", POSTS)
    (tmp_path / "rules.toml").write_text(FREE)
    old, new = tmp_path / "1.0.0", tmp_path / "1.1.0"
    for folder, more in ((old, ["--cutoff", "2024-05-03"]), (new, ["--previous", str(old)])):
        done = publish(
            archive,
            str(folder),
            "--version",
            folder.name,
            "--rules",
            str(tmp_path / "rules.toml"),
            "--formats",
            "csv,jsonl,geojson",
            *more,
        )
        assert done.exit_code == 0, done.output
    return archive, old, new


def test_withdrawn_post_is_in_no_rebuilt_version(published: tuple[Path, Path, Path]) -> None:
    archive, old, new = published
    url = "https://harbour.example/5"
    lost = next(row["id"] for row in rows(new, "articles") if row["url"] == url)
    before = {folder: {row["id"]: row for row in rows(folder, "articles")} for folder in (old, new)}
    assert leaked(text(5), all_words(old))
    assert leaked(text(50), all_words(new))
    assert withdraw(archive, url).exit_code == 0
    assert holds(archive, text(50)[:40]) == []
    assert holds(archive, text(5)[:40]) == []
    for folder in (old, new):
        done = publish(archive, str(folder), "--rebuild")
        assert done.exit_code == 0, done.output
        assert leaked(text(5), all_words(folder)) == leaked(text(50), all_words(folder)) == []
        assert [name for name, data in contents(folder).items() if url.encode() in data] == []
        assert rows(folder, "withdrawn") == [{"id": lost, "reason": REASON}]
        assert {row["id"]: row for row in rows(folder, "articles")} == {
            name: row for name, row in before[folder].items() if name != lost
        }
        assert not any(row["id"] == lost for name in ("revisions", "captures", "places") for row in rows(folder, name))
        assert not any(row["url"] == url for row in rows(folder, "missing"))
        assert publish(archive, "--check", str(folder)).exit_code == 0


def test_next_version_lists_withdrawals_with_reasons(published: tuple[Path, Path, Path], tmp_path: Path) -> None:
    archive, _, new = published
    lost = next(row["id"] for row in rows(new, "articles") if row["url"].endswith("/9"))
    assert withdraw(archive, lost).exit_code == 0
    done = publish(
        archive,
        str(tmp_path / "1.2.0"),
        "--version",
        "1.2.0",
        "--previous",
        str(new),
        "--rules",
        str(tmp_path / "rules.toml"),
    )
    assert done.exit_code == 0, done.output
    assert f"### Withdrawn: 1\n\n- {lost}: {REASON}\n" in (tmp_path / "1.2.0" / "CHANGES.md").read_text()


def test_rebuilt_version_lists_the_same_changes(
    published: tuple[Path, Path, Path],
) -> None:
    archive, old, new = published
    before = contents(new)
    alone = publish(archive, str(new), "--rebuild")
    assert alone.exit_code == 0, alone.output
    assert contents(new) == before
    both = publish(archive, str(new), "--rebuild", "--previous", str(old))
    assert both.exit_code == 0, both.output
    assert contents(new) == before


def test_dataset_without_remaining_posts_is_to_be_removed(published: tuple[Path, Path, Path]) -> None:
    archive, old, _ = published
    for site in ("harbour.example", "notes.example/blog"):
        assert withdraw(archive, f"site:{site}").exit_code == 0
    done = publish(archive, str(old), "--rebuild")
    assert (done.exit_code, fault(done).split()[0]) == (1, "NothingToPublish")


def test_query_withdraws_all_its_posts(published: tuple[Path, Path, Path]) -> None:
    archive, _, _ = published
    tried = withdraw(archive, "site:notes.example/blog", "day", "--dry-run", "--json")
    assert tried.exit_code == 0, tried.output
    assert len(json.loads(tried.stdout)["posts"]) == 2
    assert withdraw(archive, "site:notes.example/blog", "day").exit_code == 0
    left = Runner().invoke(cli, ["export", "--archive", str(archive)])
    assert [json.loads(line)["title"] for line in left.stdout.splitlines() if "notes.example" in line] == [
        "今天我们学习机器学习的基础知识"
    ]


@pytest.mark.parametrize(
    ("word", "code", "error"),
    [
        ("nothinglikethis", 1, "NothingFound"),
        ("0123456789abcdef0123", 1, "ArticleNotFound"),
        ("999", 1, "ArticleNotFound"),
        ("near:x", 2, "BadQuery"),
    ],
)
def test_withdrawing_an_unknown_post_is_an_error(
    published: tuple[Path, Path, Path], word: str, code: int, error: str
) -> None:
    done = withdraw(published[0], word)
    assert (done.exit_code, fault(done)) == (code, f"{error} {word}")


def test_rebuild_without_a_withdrawn_article_keeps_the_other_changes(published: tuple[Path, Path, Path]) -> None:
    archive, _, new = published
    before = rows(new, "changes")
    lost = next(row["id"] for row in rows(new, "articles") if row["url"] == "https://harbour.example/5")
    assert withdraw(archive, lost).exit_code == 0
    assert publish(archive, str(new), "--rebuild").exit_code == 0
    left_out = {"from": None, "reason": "the value before is left out"}
    kept = [{**row, **left_out} if row["what"] == "headline" else row for row in before if row["id"] != lost]
    assert rows(new, "changes") == kept
    assert "### Text changed: 1" in (new / "CHANGES.md").read_text()
