"""`search --histogram`: output and errors, also those of options that no longer exist."""

from __future__ import annotations

import csv
import io
import json

import click
import pytest

from archiver.model.errors import BadQuery
from tests.cli.conftest import Run
from tests.runner import failure

# -- histogram --------------------------------------------------------------------------------


def test_a_histogram_is_the_same_in_every_format(run: Run) -> None:
    asked = ("search", "tide", "--site", "harbour.example", "--histogram", "month")
    as_json = json.loads(run(*asked, "--json").stdout)
    assert {k: v for k, v in as_json.items() if k != "periods"} == {
        "unit": "month",
        "total": 2,
        "undated": 0,
        "looked_until": "2024-06-01",
    }
    assert as_json["periods"][0] == {"period": "2023-12", "articles": 0, "archived": 1, "state": "none"}
    rows = list(csv.DictReader(io.StringIO(run(*asked, "--csv").stdout)))
    assert rows == [{k: str(v) for k, v in period.items()} for period in as_json["periods"]]
    plain = run(*asked).stdout.splitlines()
    assert plain[0].split() == ["period", "articles", "archived", "state"]
    assert plain[2].split() == ["2024-01", "0", "0", "unarchived"]


@pytest.mark.parametrize(
    "args",
    [
        ("tide", "--histogram", "year", "--facets"),
        ("tide", "--recent", "0"),
        ("tide", "--recent", "9", "--sort", "date"),
        ("tide", "--sort", "left"),
    ],
    ids=str,
)
def test_incompatible_options_are_refused(run: Run, args: tuple[str, ...]) -> None:
    result = run("search", *args)
    assert result.exit_code == 2
    assert isinstance(failure(result), BadQuery | click.UsageError)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--trend", "a", "--by", "year"), "articles / archived"),
        (("tide", "--histogram", "year", "--plot=a.svg"), "'archiver serve' draws a histogram"),
        (("tide", "--concordance"), "export QUERY"),
        (("tide", "--recent"), "--sort -date"),
    ],
)
def test_an_option_that_no_longer_exists_names_the_new_way(run: Run, args: tuple[str, ...], says: str) -> None:
    result = run("search", *args)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("tide", "--limit", "1", "--limit", "2"), "--limit is given twice, but takes one value."),
        (("tide", "--archive", "a.db", "--archive", "b.db"), "'archiver merge' makes one archive of several."),
    ],
)
def test_an_option_with_one_value_is_not_given_twice(run: Run, words: tuple[str, ...], says: str) -> None:
    done = run("search", *words)
    assert (done.exit_code, says in done.stderr) == (2, True)
