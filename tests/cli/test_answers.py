"""`search --histogram`, `--trend`, `--concordance` and `--recent`: output, charts and errors."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from archiver.cli.search_output import align_keyword, draw_histogram, draw_trend, format_share
from archiver.errors import BadQuery, ExtraMissing
from archiver.search.concordance import ConcordanceLine
from archiver.search.histograms_trends_maps_and_charts import Histogram, Period, Series, Trend, histogram_svg, trend_svg
from tests.cli.conftest import Run
from tests.runner import failure

SVG = "{http://www.w3.org/2000/svg}"
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
COMPARED = Trend(
    "month",
    ("2024-01", "2024-02", "2024-03"),
    (4, 0, 8),
    (Series("flood", (4, 0, 1), (1.0, None, 0.125), 5), Series('"high water"', (0, 0, 4), (0.0, None, 0.5), 4)),
    0,
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
    firsts = [
        json.loads(run("search", "--json", "--recent", *days, "tide").stdout)[0]["id"]
        for days in ((), ("365",), ("5",))
    ]
    assert firsts == [1, 1, 2]


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


# -- trends -----------------------------------------------------------------------------------


def test_a_trend_is_the_same_in_every_format(run: Run) -> None:
    asked = ("search", "--trend", "tide", "--trend", '"the lamp"', "--by", "year")
    as_json = json.loads(run(*asked, "--json").stdout)
    assert as_json["periods"] == ["2022", "2023", "2024"]
    assert as_json["archived"] == [1, 1, 3]
    assert [one["shares"] for one in as_json["series"]] == [[0.0, 0.0, 2 / 3], [0.0, 1.0, 1 / 3]]
    rows = [json.loads(row) for row in run(*asked, "--jsonl").stdout.splitlines()]
    assert rows[2] == {"period": "2024", "term": "tide", "articles": 2, "archived": 3, "share": 2 / 3}
    assert len(list(csv.DictReader(io.StringIO(run(*asked, "--csv").stdout)))) == len(rows) == 6
    assert run(*asked).stdout.splitlines()[3].split() == ["2024", "3", "66.7", "%", "33.3", "%"]
    assert "-" in run("search", "--trend", "tide", "--by", "month").stdout.splitlines()[3].split()


def test_the_axis_of_a_trend_is_broken_where_nothing_is_archived(capsys: pytest.CaptureFixture[str]) -> None:
    draw_trend(COMPARED)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert numbers(lines[0]) == ["12"]
    assert lines[2].split()[:2] == ["flood", "5"]
    assert lines[3] == "  100 % ████"
    assert lines[6] == "        ████    ▄▄▄▄"
    assert lines[7] == "    0 % ────    ────"
    assert lines[11] == "", "both are on one scale"
    assert lines[12].endswith("████"), "both are on one scale"
    assert lines[14] == lines[7]
    assert lines[15].split() == ["2024-01", "2024-03"]
    assert lines[-1], "a note on the gap"
    assert len(lines) > 16


def test_many_periods_share_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    months = tuple(f"{2000 + n // 12}-{n % 12 + 1:02}" for n in range(100))
    archived = tuple(0 if 20 <= n < 22 else 3 if n % 2 else 1 for n in range(100))
    articles = tuple(0 if n % 2 else min(archived[n], 1) for n in range(100))
    draw_trend(Trend("month", months, archived, (Series("x", articles, (), 50),), 0))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert numbers(lines[0]) == ["196", "2"]
    assert lines[3] == " 25.0 % " + "█" * 10 + " " + "█" * 39, "one of four in each pair, and a pair with nothing"
    assert lines[7] == "    0 % " + "─" * 10 + " " + "─" * 39


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (0.0, "0 %"), (1.0, "100 %"), (0.123456, "12.3 %"), (0.0004, "0.04 %"), (0.9999, "100.0 %")],
)
def test_shares_are_printed_as_percent(share: float | None, text: str) -> None:
    assert format_share(share) == text


# -- pictures ---------------------------------------------------------------------------------


@given(term=st.text(max_size=30), shares=st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=40))
def test_a_chart_is_well_formed_for_any_term(term: str, shares: list[float | None]) -> None:
    periods = tuple(str(2000 + n) for n in range(len(shares)))
    ones = (1,) * len(shares)
    archived = tuple(0 if share is None else 1 for share in shares)
    series = (Series(term, ones, tuple(shares), 1),)
    root = ElementTree.fromstring(trend_svg(Trend("year", periods, archived, series, 0)))
    assert root.find(f"{SVG}script") is None
    assert len([e for e in root.iter() if e.tag == f"{SVG}text"]) >= 5
    gaps = sum(1 for n, one in enumerate(shares) if one is None and (n == 0 or shares[n - 1] is not None))
    assert len([e for e in root if e.get("fill") == "url(#nothing)"]) == gaps


def test_a_long_term_stays_within_the_chart() -> None:
    series = tuple(Series(term, (1,), (1.0,), 1) for term in ("tide " * 99, "x" * 999))
    root = ElementTree.fromstring(trend_svg(Trend("year", ("2024",), (1,), series, 0)))
    assert max(len(e.text or "") for e in root.iter(f"{SVG}text")) < 110


@pytest.mark.parametrize("term", ["\u05e1\u05e2\u05e8\u05d4", "\u202etide", "\u05e1 a\x00\u2069"])
def test_a_right_to_left_term_does_not_move_its_count(term: str) -> None:
    """Without isolation, a number after right-to-left text would move to its left (Unicode Standard Annex 9)."""
    root = ElementTree.fromstring(trend_svg(Trend("year", ("2024",), (1,), (Series(term, (1,), (1.0,), 12),), 0)))
    letters = term.translate(dict.fromkeys(map(ord, "\u202e\x00\u2069")))
    said = [e.text or "" for e in root.iter(f"{SVG}text")]
    assert said[-1] == f"\u2068{letters}\u2069 (12)"
    assert said[0].endswith(f" by year: \u2068{letters}\u2069")


def test_a_histogram_chart_has_bars_and_gaps() -> None:
    root = ElementTree.fromstring(histogram_svg(FOUND))
    titles = [re.findall(r"\d[\d-]*", e.text or "") for e in root.iter(f"{SVG}title")]
    assert titles == [
        ["7"],
        ["2024-03", "2024-04"],
        ["2024-06"],
        ["2024-01", "4", "9"],
        ["2024-02"],
        ["2024-05", "1", "1"],
    ]


def test_charts_are_written_to_files(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    svg, png = tmp_path / "t.svg", tmp_path / "t.PNG"
    assert run("search", "--trend", "tide", "--plot", str(svg)).exit_code == 0
    assert ElementTree.parse(svg).getroot().tag == f"{SVG}svg"
    assert run("search", "tide", "--histogram", "--plot", str(png)).exit_code == 0
    assert png.read_bytes().startswith(b"\x89PNG\r\n")
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    without = run("search", "--trend", "tide", "--plot", str(png))
    assert without.exit_code == 1
    assert isinstance(failure(without), ExtraMissing)
    assert "'archiver[plot]'" in without.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("tide", "--plot", "a.svg"),
        ("tide", "--trend", "a", "--facets"),
        ("tide", "--histogram", "--concordance"),
        ("--trend", "a", "--by", "week"),
        ("tide", "--recent", "0"),
        ("tide", "--concordance", "--width", "900"),
        ("--trend", "a", "--plot", "a.pdf"),
        ("--concordance",),
        ("tide", "--recent", "--sort", "date"),
        ("tide", "--sort", "left"),
        ("--trend", ""),
    ],
    ids=str,
)
def test_incompatible_options_are_refused(run: Run, args: tuple[str, ...]) -> None:
    result = run("search", *args)
    assert result.exit_code == 2
    assert isinstance(failure(result), BadQuery | click.UsageError)
    assert result.stdout == ""


# -- concordance ------------------------------------------------------------------------------


def test_a_concordance_is_the_same_in_every_format(run: Run) -> None:
    asked = ("search", "tide", "--concordance", "--width", "9")
    as_json = json.loads(run(*asked, "--json").stdout)
    assert [(row["id"], row["before"], row["keyword"], row["after"]) for row in as_json] == [
        (2, "The ", "tide", " came and"),
        (1, "", "Tide", " tables"),
        (1, "new ", "tide", " tables."),
    ]
    assert [json.loads(row) for row in run(*asked, "--jsonl").stdout.splitlines()] == as_json
    assert [row["field"] for row in csv.DictReader(io.StringIO(run(*asked, "--csv").stdout))] == [
        "body",
        "title",
        "body",
    ]


def test_keywords_are_aligned(run: Run) -> None:
    lines = run("search", "tide OR 学习", "--concordance", "--width", "12").stdout.splitlines()
    assert numbers(lines[0]) == ["6", "3"]
    assert lines[2] == "    2  2024-04-11    days. The  tide  came and"
    assert lines[3] == "    1  2024-03-05               Tide  tables for"
    assert {cell_len(re.split("tide|Tide|学习", text)[0]) for text in lines[2:6]} == {32}
    nothing = run("search", "no-such-word", "--concordance")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert run("search", "author:ada quay", "--concordance").exit_code == 0


def test_right_to_left_text_starts_at_the_right() -> None:
    about = {
        "id": 1,
        "url": "",
        "site": "",
        "title": "",
        "published": None,
        "published_precision": None,
        "field": "body",
    }
    line = ConcordanceLine(**about, before="قال إن ", keyword="الميناء", after=" مغلق\u202e", direction="rtl")
    plain = align_keyword("", line, 8).plain
    isolated = plain.replace("\u2067", "<").replace("\u2069", ">").rstrip()
    assert isolated == "    <مغلق> <الميناء> <قال إن >"
