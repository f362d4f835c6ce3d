"""`search`, `show`, `diff`, `cite` and `export`: output and errors."""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
import shlex
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pytest

from archiver.model.errors import ExtraMissing
from archiver.model.fields import FIELDS
from archiver.model.items import Evidence
from archiver.search.export_formats import EXPORT_FORMATS
from archiver.storage.database import open_archive
from archiver.storage.field_evidence import pack_evidence
from tests.cli.conftest import Run
from tests.runner import failure, fault

KEYS = [field.name for field in FIELDS]


# -- search -----------------------------------------------------------------------------------


def test_search_prints_text(run: Run) -> None:
    result = run("search", "harbour", "master")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "1 article"
    assert lines[2].split() == ["1", "Tide", "tables", "for", "the", "café", "quay"]
    assert [part.strip() for part in lines[3].split(" · ")] == [
        "2024-03-05 09:30+01:00",
        "Zoë Krüger",
        "harbour.example",
    ]
    assert lines[5].strip() == "https://harbour.example/2024/03/tide-tables"
    assert "\x1b" not in result.stdout


def test_search_shows_dates_with_the_precision_of_the_page(run: Run) -> None:
    assert "2024-04-11 · Ada Berg" in run("search", "fog").stdout
    assert "       2022 · 王小明" in run("search", "学习").stdout
    [undated] = json.loads(run("search", "untimely", "--json").stdout)
    assert undated["published"] is None
    assert not re.search(r"\d{4}", run("search", "untimely").stdout.splitlines()[3])


def test_control_characters_do_not_reach_the_terminal(run: Run) -> None:
    for args in (("search", "untimely"), ("show", "6")):
        assert "\x1b" not in run(*args).stdout


def test_search_is_the_same_as_json_and_csv(run: Run) -> None:
    as_json = json.loads(run("search", "tide", "--json").stdout)
    as_rows = list(csv.DictReader(io.StringIO(run("search", "tide", "--csv").stdout)))
    assert [r["id"] for r in as_json] == [1, 2]
    assert [row["title"] for row in as_rows] == [r["title"] for r in as_json]
    assert json.loads(as_rows[1]["authors"]) == ["Ada Berg", "Zoë Krüger"]


def test_search_words_may_begin_with_a_minus(run: Run) -> None:
    assert [r["id"] for r in json.loads(run("search", "tide", "-fog", "--json").stdout)] == [1]
    assert [r["id"] for r in json.loads(run("search", "tide", "-house", "--json").stdout)] == [1, 2]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--author", "zoe kruger", "--sort", "added"], [1, 2]),
        (["--category", "Harbour", "--all", "--sort", "date"], [3, 1, 4]),
        (["--site", "notes.example/blog"], [5, 6]),
        (["--tag", "fog"], [2]),
        (["--language", "en", "--until", "2023"], [3]),
        (["--since", "2024-04", "--until", "2024-04"], [2]),
        (["--near", "48.85,2.35", "--within", "5"], [1]),
        (["--near", "-16.8,-179.9"], [2]),
        (["--bbox", "179,-20,-179,-10"], [2]),
        (["--limit", "1", "--offset", "1"], [1]),
        (["--sort", "-date", "--limit", "2"], [2, 1]),
        (["lamp", "--all", "--sort", "added"], [3, 4]),
    ],
)
def test_options_of_search_filter_and_sort(run: Run, args: list[str], expected: list[int]) -> None:
    result = run("search", *args, "--json")
    assert result.exit_code == 0, result.stderr
    assert [r["id"] for r in json.loads(result.stdout)] == expected


def test_a_search_without_results_exits_with_1(run: Run) -> None:
    result = run("search", "zebra")
    assert (result.exit_code, result.stdout) == (1, "")
    assert run("search", "zebra", "--facets").exit_code == 1
    as_json = run("search", "zebra", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (1, [])
    beyond = run("search", "tide", "--offset", "9")
    assert (beyond.exit_code, beyond.stdout) == (0, "")
    assert " 9" in beyond.stderr
    assert run("search", "tide", "--limit", "0").exit_code == 0


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("lighthuse",), "archiver search lighthouse"),
        (("auther:Ada",), "archiver search author:Ada"),
        (("--category", "Habour"), "archiver search --category Harbour"),
        (("fog", "--since", "2030"), "archiver search fog"),
    ],
)
def test_a_search_without_results_offers_one_with_results(run: Run, words: tuple[str, ...], command: str) -> None:
    offered = [line.split("  # ")[0].strip() for line in run("search", *words).stderr.splitlines() if "  # " in line]
    assert [line.split(" --archive ")[0] for line in offered] == [command]
    assert run(*shlex.split(offered[0])[1:]).exit_code == 0


@pytest.mark.parametrize(
    ("query", "assumed"),
    [
        ('"tide tables', "quotation mark"),
        ("(tide OR", "parenthesis"),
        ("tide OR", "No word follows OR"),
        ("tide)", "parenthesis"),
        ("title: tide", "title: has no value"),
    ],
)
def test_a_search_says_how_it_reads_a_mistake(run: Run, query: str, assumed: str) -> None:
    assert assumed in run("search", query).stderr


def test_author_takes_words_of_a_name_like_author_in_a_query(run: Run) -> None:
    found = [json.loads(run("search", *words, "--json").stdout) for words in (["--author", "Ada"], ["author:Ada"])]
    assert [[hit["id"] for hit in hits] for hits in found] == [[2], [2]]


@pytest.mark.parametrize("command", ["search", "export"])
@pytest.mark.parametrize("words", [["-x"], ["tide", "-n", "3"], ["-q", "tide"]])
def test_an_unknown_option_of_one_letter_is_refused(run: Run, command: str, words: list[str]) -> None:
    result = run(command, *words)
    option = next(word for word in words if word.startswith("-"))
    assert (result.exit_code, result.stdout, fault(result)) == (2, "", f"NoSuchOption {option}")
    assert f"NOT {option[1]}" in result.stderr


def test_a_word_of_one_letter_can_be_left_out(run: Run) -> None:
    for words in (["tide", "NOT", "c"], ["tide", "--", "-c"]):
        assert [hit["id"] for hit in json.loads(run("search", "--json", *words).stdout)] == [1, 2]


@pytest.mark.parametrize("words", [["search", "tide", "-h"], ["export", "-h", "tide"], ["search", "--", "-h"]])
def test_h_prints_help_everywhere(run: Run, words: list[str]) -> None:
    assert run(*words).stdout.startswith("Usage: ") == ("--" not in words)


def test_facets_are_printed(run: Run) -> None:
    counts = json.loads(run("search", "tide", "--facets", "--json").stdout)
    assert counts["author"] == {"Zoë Krüger": 2, "Ada Berg": 1}
    rows = run("search", "tide", "--facets", "--csv").stdout
    assert rows.startswith("facet,value,articles\nsite,harbour.example,2\n")
    assert "Zoë Krüger" in run("search", "tide", "--facets").stdout


# -- show, diff, cite -------------------------------------------------------------------------


def test_show_as_json_is_the_record(run: Run) -> None:
    record = json.loads(run("show", "1", "--json").stdout)
    assert list(record) == KEYS
    assert json.loads(run("show", "harbour.example/?p=7", "--json").stdout) == record
    assert json.loads(run("show", "1", "--revision", "1", "--json").stdout)["title"] == "Tide tables"


def test_show_explains_each_field(own_archive: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    db = open_archive(own_archive)
    kept = [
        Evidence("title", "Tide tables for the café quay", "heading", "h1", 0.85),
        Evidence("title", "Tide tables for the café quay", "meta", "og:title", 0.72),
        Evidence("authors", "admin", "platform", "a.author", 0.9),
        Evidence("authors", "Zoë Krüger", "byline", ".byline", 0.8),
    ]
    db["articles"].update(1, {"evidence": pack_evidence(asdict(e) for e in kept)})
    views = (
        db.execute("select count(*) from evidence").fetchone()[0],
        [tuple(r) for r in db.execute("select article_id, field, answers, sources from source_disagreements")],
    )
    db.close()
    assert views == (4, [(1, "authors", 2, "platform,byline")])
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(own_archive))
    evidence = json.loads(run("show", "1", "--evidence", "--json").stdout)["evidence"]
    assert evidence["title"]["why"], "a reason that two declarations agree on"
    assert evidence["authors"]["why"] not in ("", evidence["title"]["why"])
    assert [c["won"] for c in evidence["authors"]["candidates"]] == [False, True]
    text = run("show", "1", "--evidence").stdout
    assert f"authors  Zoë Krüger\n  {evidence['authors']['why']}\n" in text
    unexplained = json.loads(run("show", "2", "--evidence", "--json").stdout)["evidence"]
    assert all(not field["candidates"] for field in unexplained.values())
    assert "evidence" not in json.loads(run("show", "1", "--json").stdout)


def test_show_prints_the_article(run: Run) -> None:
    shown = run("show", "1").stdout
    assert "The harbour master printed new tide tables.\n\nO'Brien of AT&T" in shown
    assert "Paris, FR-75 (48.8566,2.3522)" in shown
    assert "2024-06-01" in run("show", "3").stdout, "since when it is gone"


def test_diff_prints_the_changes(run: Run) -> None:
    plain = run("diff", "1")
    assert plain.exit_code == 0
    assert "tags: tides -> tides, maths" in plain.stdout
    assert "+O'Brien of AT&T" in plain.stdout
    found = json.loads(run("diff", "1", "2", "1", "--json").stdout)
    assert (found["from"], found["to"]) == (2, 1)
    assert found["changed"]["title"] == {"before": "Tide tables for the café quay", "after": "Tide tables"}
    for args in (("2",), ("1", "1", "1")):
        same = run("diff", *args)
        assert (same.exit_code, same.stdout, same.stderr.count("\n")) == (0, "", 1)


def test_cite_bibtex_has_the_precision_of_the_page(run: Run) -> None:
    assert "month = mar,\n  day = {5},\n" in run("cite", "1").stdout
    only_year = run("cite", "5").stdout
    assert "year = {2022}" in only_year
    assert "month" not in only_year
    assert "author = {{王小明}}" in only_year
    assert "author" not in run("cite", "6").stdout
    assert "year" not in run("cite", "6").stdout


def test_cite_ris_and_csl(run: Run) -> None:
    ris = run("cite", "2", "5", "--style", "ris").stdout_bytes.decode()
    assert ris.count("TY  - ELEC\r\n") == 2
    assert ris.endswith("ER  - \r\n")
    assert "AU  - Ada Berg\r\nAU  - Zoë Krüger\r\n" in ris
    assert "DA  - 2022///\r\n" in ris
    items = json.loads(run("cite", "2", "5", "--style", "csl-json").stdout)
    assert items[0]["issued"] == {"date-parts": [[2024, 4, 11]]}
    assert items[1]["issued"] == {"date-parts": [[2022]]}
    assert items[0]["author"][0] == {"family": "Berg", "given": "Ada"}


# -- export -----------------------------------------------------------------------------------


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(row) for row in text.splitlines()]


def test_export_is_the_whole_archive_as_records(run: Run) -> None:
    records = lines(run("export").stdout)
    assert [r["id"] for r in records] == [1, 2, 3, 4, 5, 6]
    assert all(list(r) == KEYS for r in records)
    assert records[0] == json.loads(run("show", "1", "--json").stdout)


def test_export_accepts_the_options_of_search(run: Run) -> None:
    assert [r["id"] for r in lines(run("export", "lamp", "--fold").stdout)] == [3]
    newest_first = lines(run("export", "--site", "harbour.example", "--sort", "-date").stdout)
    assert [r["id"] for r in newest_first] == [4, 2, 1, 3]
    assert run("export", "zebra").stdout == ""


def test_every_format_has_the_same_records(run: Run, tmp_path: Path) -> None:
    expected = lines(run("export").stdout)
    rows = list(csv.DictReader(io.StringIO(run("export", "-f", "csv").stdout)))
    assert list(rows[0]) == KEYS
    assert [row["body"] for row in rows] == [r["body"] for r in expected]
    assert [json.loads(row["geotags"]) for row in rows] == [r["geotags"] for r in expected]
    placed = json.loads(run("export", "-f", "geojson").stdout)
    assert placed["type"] == "FeatureCollection"
    assert [f["id"] for f in placed["features"]] == [1, 2]
    assert placed["features"][1]["geometry"] == {"type": "Point", "coordinates": [-179.9, -16.8]}
    assert placed["features"][0]["properties"] == expected[0]
    nothing = run("export", "zebra", "-f", "geojson")
    assert (nothing.exit_code, json.loads(nothing.stdout)["features"]) == (1, [])
    parquet = importlib.import_module("pyarrow.parquet")  # a package of the checks: no reason to skip
    result = run("export", "-f", "parquet", "-o", str(tmp_path / "all.parquet"))
    assert result.exit_code == 0, result.stderr
    table = parquet.read_table(tmp_path / "all.parquet")
    rows = table.drop_columns(["published_at", "modified_at"]).to_pylist()
    assert rows == [with_times(record) for record in expected]
    assert {str(table.schema.field(name).type) for name in ("published_at", "first_seen")} == {"timestamp[us, tz=UTC]"}


def with_times(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the archive's own times as datetimes, as they are in Parquet."""
    times = {
        name: record[name] and datetime.fromisoformat(record[name]) for name in ("first_seen", "last_seen", "gone_at")
    }
    capture = record["capture"] and {
        **record["capture"],
        "captured_at": datetime.fromisoformat(record["capture"]["captured_at"]),
    }
    return {**record, **times, "capture": capture}


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_export_twice_gives_the_same_bytes(run: Run, tmp_path: Path, form: str) -> None:
    files = [tmp_path / name for name in ("one", "two")]
    for file in files:
        assert run("export", "-f", form, "-o", str(file)).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes() != b""


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("x.csv", "csv"),
        ("X.CSV", "csv"),
        ("x.json", "json"),
        ("x.ndjson", "jsonl"),
        ("x.geojson", "geojson"),
        ("x.parquet", "parquet"),
        ("x", "jsonl"),
    ],
)
def test_the_format_of_an_export_follows_the_extension(run: Run, tmp_path: Path, name: str, form: str) -> None:
    file, expected = tmp_path / name, tmp_path / "expected"
    assert run("export", "-o", str(file)).exit_code == 0
    assert run("export", "-f", form, "-o", str(expected)).exit_code == 0
    assert file.read_bytes()[:200] == expected.read_bytes()[:200]


@pytest.mark.parametrize(
    "words",
    [
        ("export", "-f", "csv", "-o", "x.json"),
        ("export", "-f", "jsonl", "-o", "x.parquet"),
        ("export", "-f", "markdown", "-o", "x.csv"),
        ("export", "-f", "wacz", "-o", "x.csv"),
        ("export", "-o", "x.xlsx"),
        ("export", "-o", "x/"),
        ("sites", "export", "-f", "csv", "-o", "x.opml"),
        ("sites", "export", "-o", "x.xlsx"),
    ],
)
def test_a_name_that_does_not_match_the_format_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert (result.exit_code, type(failure(result))) == (2, click.UsageError)
    assert words[-1] in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_its_library_says_how_to_install_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("export", "-f", "parquet", "-o", str(tmp_path / "x.parquet"))
    assert result.exit_code == 1
    assert isinstance(failure(result), ExtraMissing)
    assert "'archiver[parquet]'" in result.stderr
    assert not list(tmp_path.iterdir())


def test_export_leaves_no_incomplete_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    result = run("export", "-o", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("6 ")
    assert len(lines(file.read_text(encoding="utf-8"))) == 6
    assert [f.name for f in tmp_path.iterdir()] == ["out.jsonl"]
    assert run("export", "()", "-o", str(tmp_path / "no.jsonl")).exit_code == 2
    assert not (tmp_path / "no.jsonl").exists()
    for bad in (tmp_path / "none" / "x.jsonl", tmp_path):
        result = run("export", "-o", str(bad))
        assert (result.exit_code, fault(result)) == (1, f"OutputNotWritable {bad}")


# -- wrong input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "code", "error"),
    [
        (["search", "()"], 2, "BadQuery ()"),
        (["search", "--bogus", "x"], 2, "NoSuchOption --bogus"),
        (["search", "--near", "here"], 2, "BadQuery here"),
        (["search", "--bbox", "1,2,3"], 2, "BadQuery 1,2,3"),
        (["search", "--within", "5"], 2, "BadQuery"),
        (["search", "--since", "soon"], 2, "BadParameter --since"),
        (["search", "--until", "2024-13"], 2, "BadParameter --until"),
        (["publish", "none", "--version", "2"], 2, "UsageError --version"),
        (["crawl", "https://x.example/", "--contact", "me"], 2, "BadContact me"),
        (["search", "--sort", "luck"], 2, "BadQuery"),
        (["search", "--limit", "-1"], 2, "BadParameter --limit"),
        (["search", "--limit", "x"], 2, "BadParameter --limit"),
        (["search", "--site", "nowhere.example"], 1, "SiteNotFound nowhere.example"),
        (["show"], 2, "MissingParameter ID|URL"),
        (["show", "99"], 1, "ArticleNotFound 99"),
        (["show", "https://x.example/"], 1, "ArticleNotFound https://x.example/"),
        (["show", "1", "--revision", "9"], 1, "RevisionNotFound 1"),
        (["show", "1", "--revision", "0"], 2, "BadParameter --revision"),
        (["diff"], 2, "MissingParameter ID|URL"),
        (["diff", "1", "1", "9"], 1, "RevisionNotFound 1"),
        (["diff", "99"], 1, "ArticleNotFound 99"),
        (["diff", "1", "x"], 2, "BadParameter [A]"),
        (["cite", "99"], 1, "ArticleNotFound 99"),
        (["cite", "1", "--style", "turabian"], 2, "BadParameter --style"),
        (["cite"], 2, "UsageError --query"),
        (["cite", "1", "2", "--revision", "1"], 2, "UsageError --revision"),
        (["cite", "1", "--revision", "9"], 1, "RevisionNotFound 1"),
        (["cite", "--query", "()"], 2, "BadQuery ()"),
        (["search", "--fold", "words"], 2, "BadParameter --fold"),
        (["search", "--all", "--fold", "text"], 2, "UsageError --all --fold"),
        (["search", "--like", "99"], 1, "ArticleNotFound 99"),
        (["search", "--new", "x"], 1, "SavedSearchNotFound x"),
        (["search", "--forget", "x"], 1, "SavedSearchNotFound x"),
        (["search", "x", "--save", "a/b"], 2, "BadSearchName a/b"),
        (["export", "-f", "xml"], 2, "BadParameter -f"),
        (["export", "--bogus"], 2, "NoSuchOption --bogus"),
        (["export", "--site", "nowhere.example"], 1, "SiteNotFound nowhere.example"),
    ],
)
def test_wrong_input_is_an_error(run: Run, args: list[str], code: int, error: str) -> None:
    result = run(*args)
    assert result.exit_code == code
    assert fault(result).startswith(error)
    assert result.stdout == ""
    assert result.stderr.count("Error: ") == 1


@pytest.mark.parametrize(
    "args",
    [
        ["search", "x"],
        ["show", "1"],
        ["diff", "1"],
        ["cite", "1"],
        ["export"],
        ["status"],
        ["why", "https://a.example/"],
        ["sites", "list"],
        ["sites", "show", "a"],
        ["sites", "set", "a", "delay=1"],
        ["sites", "remove", "a"],
    ],
    ids=" ".join,
)
def test_without_an_archive_each_command_names_the_path(run: Run, tmp_path: Path, args: list[str]) -> None:
    missing = tmp_path / "none" / "archive.db"
    result = run(*args, "--archive", str(missing))
    assert (result.exit_code, fault(result)) == (1, f"ArchiveNotFound {missing}")
    assert not missing.parent.exists()
    (tmp_path / "text").write_text("hello")
    result = run(*args, "--archive", str(tmp_path / "text"))
    assert (result.exit_code, fault(result)) == (1, f"NotAnArchive {tmp_path / 'text'}")


@pytest.mark.parametrize(
    "words",
    [
        ["sites"],
        ["sites", "list"],
        ["runs"],
        ["search", "--saved"],
        ["status"],
        ["schedule", "--list"],
        ["search", "tide"],
    ],
    ids=" ".join,
)
def test_each_list_is_printed_as_json_and_csv(run: Run, words: list[str]) -> None:
    as_json = json.loads(run(*words, "--json").stdout)
    as_rows = list(csv.DictReader(io.StringIO(run(*words, "--csv").stdout)))
    assert len(as_rows) == len(as_json)


def test_why_and_show_take_several_articles(run: Run) -> None:
    assert [
        one["id"] for one in json.loads(run("show", "1", "https://harbour.example/2024/04/fog", "--json").stdout)
    ] == [1, 2]
    assert [one["id"] for one in json.loads(run("show", "2", "1", "--json").stdout)] == [2, 1]
    assert run("show", "1", "2", "--markdown").stdout.count("title:") == 2
    assert [one["article"]["id"] for one in json.loads(run("why", "1", "2", "--json").stdout)] == [1, 2]


def test_diff_says_what_it_compares(run: Run) -> None:
    before, after = run("diff", "1").stdout.splitlines()[:2]
    assert before.startswith("--- article 1, revision 1, seen 2024-05-01")
    assert after.startswith("+++ article 1, revision 2, seen 2024-06-01")


def test_sites_alone_lists_the_sites(run: Run) -> None:
    assert run("sites").stdout == run("sites", "list").stdout != ""
