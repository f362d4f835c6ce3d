"""Properties of any query: it has hits, no hits or a one-sentence error, and every way of counting its hits gives the
same number.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from archiver.archive import Archive, make_query
from archiver.cli.main import cli
from archiver.model.errors import BadQuery
from archiver.search.search_hits import list_matches, matching_ids

EDGES = (
    "O'Brien",
    "AT&T",
    "c++",
    '"tide',
    'tide"',
    "🙂",
    "NOT",
    "-",
    "AND",
    "OR",
    "NEAR",
    "NEAR(",
    "NEAR/3",
    "()",
    "*",
    "title:",
    "title:*",
    ":",
    "(" * 31,
    "(" * 29 + "tide" + ")" * 29,
    "tide)",
    "\x00tide\x1b[31m",
    "\ud800",
    "tide\udfff",
    "x" * 10_000,
    "tide " * 201,
    "%",
    "';--",
    "near:",
    "near:91,0",
    "box:1,2",
    "date:2023-14",
    "is:",
    "is:no",
    "like:0",
    "like:" + "9" * 18,
    "id:" + "9" * 18,
    "stem:",
    "a" * 300 + "*",
    "\u202etide",
    "\ufdfa",
    "\ufeff",
    "{",
    "[",
    "^",
    "~",
    "\\",
)
PARTS = st.sampled_from(
    (
        *EDGES[:30],
        "tide",
        "lamp",
        '"tide tables"',
        "学习",
        "author:berg",
        "is:gone",
        "date:2024",
        "has:geo",
        "-tide",
        "tid*",
        "near:54,10~900km",
        "site:harbour.example",
        "tide OR lamp",
    )
)
QUERIES = st.lists(PARTS | st.text(max_size=6), max_size=5).map(" ".join)


@pytest.mark.parametrize("text", EDGES, ids=lambda text: repr(text)[:20])
def test_an_edge_case_is_a_query_or_a_clear_error(archive_file: Path, text: str) -> None:
    done = CliRunner().invoke(cli, ["search", "--archive", str(archive_file), "--", text])
    assert done.exit_code in (0, 1, 2), done
    assert done.exception is None or isinstance(done.exception, SystemExit), done
    assert "Traceback" not in done.output
    assert "sqlite" not in done.output.lower()
    if done.exit_code:
        assert len(done.stderr.strip().splitlines()) <= 3, done.stderr


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUERIES)
@example("".join(EDGES))
def test_any_text_has_results_or_an_error_with_its_position(archive: Archive, text: str) -> None:
    try:
        found = archive.results(text, limit=None)
    except BadQuery as error:
        assert len(str(error).splitlines()) == 1
        assert str(error).endswith(".")
        return
    assert found.total == len(found.hits) == len({hit.id for hit in found.hits})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUERIES, st.sampled_from(("text", "cluster", "none")))
def test_every_count_is_the_same(archive: Archive, text: str, fold: str) -> None:
    asked = make_query(text, fold=fold, limit=None)
    try:
        total = archive.results(text, fold=fold).total
    except BadQuery:
        return
    ids = list(matching_ids(archive.db, asked))
    assert total == len(ids) == len(set(ids))
    assert [hit.id for hit in archive.results(text, fold=fold, limit=None).hits] == ids
    assert sum(count for _, count in archive.facets(text, fold=fold)["site"]) == total
    bars = archive.histogram(text, fold=fold)
    assert bars.total == total == sum(period.articles for period in bars.periods) + bars.undated
    assert set(list_matches(archive.db, asked).beneath) == set(ids)
    assert [record["id"] for record in archive.articles(text, fold=fold, duplicates=fold == "none")] == sorted(ids)


@pytest.mark.parametrize("text", ["tide", "tide OR lamp", "-is:gone", "", "学习", '"tide tables"', "near:54,10~900km"])
def test_the_commands_agree(archive_file: Path, text: str) -> None:
    def output_of(*words: str) -> str:
        done = CliRunner().invoke(cli, [*words, "--archive", str(archive_file), "--", *([text] if text else [])])
        assert done.exit_code == 0, done.output
        return done.stdout

    total = len(json.loads(output_of("search", "--json", "--limit", "1000")))
    assert len(list(csv.DictReader(io.StringIO(output_of("search", "--csv", "--limit", "1000"))))) == total
    assert sum(json.loads(output_of("search", "--facets", "--json"))["site"].values()) == total
    histogram = json.loads(output_of("search", "--histogram", "year", "--json"))
    assert sum(period["articles"] for period in histogram["periods"]) + histogram["undated"] == total
    assert len(output_of("export", "-f", "jsonl", "--fold", "text").splitlines()) == total
