"""A takedown: what goes, what stays, and that it does not come back."""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archiver.commands.main import cli
from archiver.spiders.lock import lock_site
from archiver.store.checks.run import verify
from archiver.store.connect import open_archive
from tests.imports import files, importing
from tests.proved_archive import HILL, QUAY, Run, make, page, text

SENTENCE = "Entry 7.3."
"""Of article 7 alone, and of its copy, article 9."""


def command(archive: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--archive", str(archive)])


def remove(archive: Path, *words: str) -> Result:
    return command(archive, "remove", *words, "--reason", "its author asked for it", "--yes")


def holds(archive: Path, sentence: str) -> list[str]:
    """The files of the archive's folder that have a sentence somewhere in them."""
    needle, found = sentence.encode(), []
    for file in sorted(archive.parent.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            data = gzip.decompress(data) if file.name.endswith(".gz") else data
            if needle in data:
                found.append(file.name)
    return found


def rows(archive: Path, query: str) -> list[tuple]:
    db = sqlite3.connect(archive)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_nothing_of_a_removed_post_is_left_and_all_else_is_proved(archive: Path, number: int) -> None:
    before = {n: rows(archive, f"select body from articles where id = {n}") for n in range(1, 10) if n != number}
    sentence = f"Entry {number}.1."
    assert holds(archive, sentence)
    done = remove(archive, str(number))
    assert done.exit_code == 0, done.output
    assert not holds(archive, sentence)
    assert not holds(archive, f"Day {number}<") and not verify(archive).findings
    assert all(rows(archive, f"select body from articles where id = {n}") == body for n, body in before.items())
    told = rows(archive, "select article_id, reason, erased_at is not null from removals")
    assert told == [(number, "its author asked for it", 1)]


def test_what_other_articles_rest_on_stays(archive: Path) -> None:
    assert "article 9 stays" in command(archive, "remove", "7", "--dry-run").output
    assert remove(archive, "7").exit_code == 0
    assert rows(archive, "select id, duplicate_of from articles where id in (7, 9)") == [(9, None)]
    assert not verify(archive, reread=True).findings


def test_words_of_a_removed_post_are_in_no_index(archive: Path) -> None:
    with Run(archive, QUAY, files_time()) as run:
        run.post(f"{QUAY}rare", page("Zyzzyva", ["A xenodochial beetle walked over the long wall of the harbour."]))
    number = rows(archive, "select id from articles where url like '%rare'")[0][0]
    assert remove(archive, str(number)).exit_code == 0
    assert not holds(archive, "xenodochial") and not holds(archive, "enodochial") and not holds(archive, "Zyzzyva")
    assert not rows(archive, "select 1 from articles_fts where articles_fts match 'xenodochial'")


def files_time():
    from datetime import timedelta

    from tests.proved_archive import START
    return START + timedelta(days=5)
