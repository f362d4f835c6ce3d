"""`archiver diff`: output as text and JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archiver.cli.commands.diff import print_edits
from archiver.cli.explanation_output import print_explanations
from archiver.extraction.explanations import FieldExplanation
from archiver.markup.html_writer import text_direction
from archiver.model.items import UNCONFIRMED, Evidence
from tests.cli.conftest import Run

BASE: dict[str, Any] = {
    "url": "https://low.example/a/",
    "canonical_url": None,
    "markup": [],
    "title": "Ferry <sinks>",
    "body": "One.\n\nTwo 4,500.\n\nThree.",
    "authors": ["Ann"],
    "published": None,
    "modified": None,
    "categories": [],
    "tags": ["a", "b"],
    "geotags": [],
    "language": "en",
    "access": None,
    "description": "",
    "image": None,
    "credits": [],
    "revision": 1,
}


def test_edits_in_a_pipe_are_marked(run: Run) -> None:
    shown = run("diff", "1").stdout
    assert "title: Tide tables{+ for the café quay+}\n" in shown
    assert "tags: tides -> tides, maths ({+maths+})" in shown
    assert "{+O'Brien of AT&T said that C++ had computed them.+}" in shown
    assert "(1 " in shown, "the number of unchanged paragraphs"
    assert "\x1b" not in shown


def test_operations_add_up_to_the_texts(run: Run) -> None:
    found = json.loads(run("diff", "1", "--json").stdout)
    title = found["operations"]["title"]
    assert "".join(p["text"] for p in title if p["op"] != "insert") == found["changed"]["title"]["before"]
    assert "".join(p["text"] for p in title if p["op"] != "delete") == found["changed"]["title"]["after"]
    assert found["operations"]["tags"] == {"added": ["maths"], "removed": []}


@pytest.mark.parametrize(
    ("language", "text", "way"),
    [
        ("ar", "", "rtl"),
        ("fa-IR", "", "rtl"),
        ("he", "", "rtl"),
        ("ur", "", "rtl"),
        ("en", "שלום", "ltr"),
        (None, "123 שלום", "rtl"),
        (None, "«كتب» A", "rtl"),
        (None, "A كتب", "ltr"),
        (None, "", "ltr"),
        ("uz-Arab", "", "rtl"),
        ("az", "", "ltr"),
    ],
)
def test_text_has_its_direction(language: str | None, text: str, way: str) -> None:
    assert text_direction(language, text) == way


def test_edits_of_the_body_alone_begin_without_a_blank_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_edits(BASE, {**BASE, "revision": 2, "body": "One.\n\nTwo 4,600.\n\nThree."})
    assert capsys.readouterr().out.splitlines()[0] != ""
    print_edits(BASE, {**BASE, "revision": 2, "language": "de", "body": "One."})
    assert capsys.readouterr().out.splitlines()[1] == ""


def test_a_value_that_its_page_lost_is_explained_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Evidence("authors", "Ann", "byline", "p.by", 0.8)
    lost = Evidence("authors", "2024-05-02T07:30:00+00:00", UNCONFIRMED, "", 0.0)
    print_explanations([FieldExplanation("authors", "Ann", "the only candidate", (shown, lost), (True, False))])
    said = capsys.readouterr().out
    assert "the only candidate; the page has not shown it since 2024-05-02 07:30:00 UTC" in said
    assert "unconfirmed" not in said
