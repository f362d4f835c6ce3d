"""`search --histogram`: output and errors, also those of options that no longer exist."""

from __future__ import annotations

import csv
import io
import json
import re

import click
import pytest

from archiver.cli.search_output import draw_histogram
from archiver.model.errors import BadQuery
from archiver.search.histogram import Histogram, Period
from tests.cli.conftest import Run
from tests.runner import failure

FOUND = Histogram(
    "month",
    (
        Period("2024-01", 4, 9, "matched"),
        Period("2024-02", 0, 3, "none"),
        Period("2024-03", 0, 0, "unarchived"),
        Period("2024-04", 0, 0, "unarchived"),
        Period("2024-05", 1, 1, "matched"),
        Period("2024-06", 0, 0, "ahead"),
    ),
    7,
    2,
    "2024-05-30",
)


def numbers(line: str) -> list[str]:
    return re.findall(r"\d+", line)


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
    assert [json.loads(row) for row in run(*asked, "--jsonl").stdout.splitlines()] == as_json["periods"]
    rows = list(csv.DictReader(io.StringIO(run(*asked, "--csv").stdout)))
    assert rows == [{k: str(v) for k, v in period.items()} for period in as_json["periods"]]
    plain = run(*asked).stdout.splitlines()
    assert plain[0].split() == ["period", "articles", "archived", "state"]
    assert plain[2].split() == ["2024-01", "0", "0", "unarchived"]


def test_the_unit_is_optional_before_words(run: Run) -> None:
    before, behind = (run("search", *args, "--json") for args in (("--histogram", "tide"), ("tide", "--histogram")))
    assert before.stdout == behind.stdout
    by_year = json.loads(run("search", "--histogram", "year", "tide", "--json").stdout)
    assert by_year["unit"] == "year"
    assert by_year["total"] == 2


def test_a_histogram_distinguishes_no_match_from_no_archived_article(capsys: pytest.CaptureFixture[str]) -> None:
    draw_histogram(FOUND)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert numbers(lines[0]) == ["7", "2"]
    assert lines[2].split()[:2] == ["2024-01", "4"]
    assert set(lines[2].split()[2]) == {"█"}
    assert lines[3].split() == ["2024-02", "0", "▏"]
    assert re.findall(r"[0-9-]+|░", lines[4]) == ["2024-03", "2024-04", "░"]
    assert lines[5].count("█") == pytest.approx(lines[2].count("█") / 4, abs=1)
    assert re.findall(r"[0-9-]+|░", lines[6]) == ["2024-06", "░"]
    assert lines[6].partition("░")[2] != lines[4].partition("░")[2]


@pytest.mark.parametrize(
    "args",
    [
        ("tide", "--histogram", "--facets"),
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
        (("tide", "--histogram", "--plot=a.svg"), "'archiver serve' draws a histogram"),
        (("tide", "--concordance"), "export QUERY"),
        (("tide", "--recent"), "--sort -date"),
    ],
)
def test_an_option_that_no_longer_exists_names_the_new_way(run: Run, args: tuple[str, ...], says: str) -> None:
    result = run("search", *args)
    assert result.exit_code == 2
    assert says in result.stderr
