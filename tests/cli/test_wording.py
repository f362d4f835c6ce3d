"""The few messages whose wording is tested, because they say what to do next. Other tests check data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import click
import pytest

from archiver.cli.main import cli
from archiver.health.health_report import judge_archive
from archiver.model.errors import ArchiveNotFound, DiskFull, ExtraMissing, SiteNotEmpty
from archiver.model.fields import BY_NAME
from archiver.model.words import count_noun
from archiver.sites.run_limits import RunLimits
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("search", "tide", "--offset", "9"), "none after the first 9"),
        (("diff", "2"), "only one revision"),
        (("sites", "rules", "harbour.example"), "25 posts"),
        (("search", "--saved"), "no saved searches"),
    ],
)
def test_an_empty_result_is_explained(run: Run, words: tuple[str, ...], says: str) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (0, "")
    assert says in done.stderr


def test_status_marks_a_site_that_was_never_crawled(run: Run) -> None:
    assert "never crawled" in run("status", "quiet.example").stdout


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ArchiveNotFound("a.db"), "--archive"),
        (ExtraMissing("Parquet", "parquet"), "pip install 'archiver[parquet]'"),
        (SiteNotEmpty("a.example", 3), "--with-articles"),
        (DiskFull("output", 9), "run the command again"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, advice: str) -> None:
    assert advice in str(error)


def test_one_is_in_the_singular() -> None:
    assert [count_noun(number, "page") for number in (0, 1, 2, 1_000)] == [
        "0 pages",
        "1 page",
        "2 pages",
        "1,000 pages",
    ]
    (disk,) = judge_archive("a.db", 10**9, 10**9, [], None, datetime.now(UTC)).findings
    assert "full in 1 day:" in disk.sentence
    budget = RunLimits(max_pages=1).reached_limit(1, 0, 0.0)
    assert "of 1 page (" in budget


def test_help_has_no_name_of_a_function() -> None:
    """A word with an underscore in a help text is a name of data or of another program."""
    data = {*BY_NAME, "revisit_days", "max_pages", "max_minutes", "node_exporter", "articles_fts"}
    found = {
        (path, word)
        for path, command in _commands(cli, ())
        for text in (command.help or "", *(getattr(option, "help", "") or "" for option in command.params))
        for word in re.findall(r"(?<![\w.'/-])[a-z]+(?:_[a-z]+)+(?![\w./=])", text)
        if word not in data
    }
    assert found == set()


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            assert one is not None
            yield from _commands(one, (*path, name))
