"""The few messages whose wording is tested, because they say what to do next. Other tests check data."""

from __future__ import annotations

import pytest

from archiver.errors import ArchiveNotFound, ExtraMissing, SiteNotEmpty
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("search", "zebra"), "Nothing found."),
        (("search", "tide", "--offset", "9"), "none after the first 9"),
        (("diff", "2"), "only one revision"),
        (("sites", "rules", "harbour.example"), "25 posts"),
        (("searches",), "no saved searches"),
    ],
)
def test_an_empty_result_is_explained(run: Run, words: tuple[str, ...], says: str) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (0, "")
    assert says in done.stderr


def test_a_limited_concordance_says_that_there_is_more(run: Run) -> None:
    assert "more" in run("search", "tide", "--concordance", "--limit", "1").stdout.splitlines()[0]


def test_status_marks_a_site_that_was_never_crawled(run: Run) -> None:
    assert "never crawled" in run("status", "quiet.example").stdout


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ArchiveNotFound("a.db"), "--archive"),
        (ExtraMissing("Parquet", "parquet"), "pip install 'archiver[parquet]'"),
        (SiteNotEmpty("a.example", 3), "--with-articles"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, advice: str) -> None:
    assert advice in str(error)
