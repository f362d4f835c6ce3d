"""`bench/selectors` on a few pages: it detects a wrong index, and the causes of differences to Scrapy's response."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import measure_selectors
import pytest

from archiver.platforms.selector_index import Index

PLAIN = b"<html><head><title>A</title></head><body class=wp-singular><h1 class=entry-title>A</h1><p>x</p></body></html>"
SCRIPT = Path(measure_selectors.__file__).with_name("selectors")


def measured(tmp_path: Path, *sources: bytes) -> measure_selectors.Figures:
    for number, source in enumerate(sources):
        (tmp_path / f"{number}.html").write_bytes(source)
    return measure_selectors.measure(measure_selectors.pages(tmp_path))


def test_index_that_agrees_with_parsel_is_sound(tmp_path: Path) -> None:
    figures = measured(tmp_path, PLAIN, PLAIN)
    assert figures.is_sound
    assert (figures.pages, sum(figures.other.values())) == (2, 0)
    assert figures.answers > 2
    assert figures.selectors > 500


def test_index_that_misses_an_element_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    select = Index.select
    monkeypatch.setattr(Index, "select", lambda self, selector, within=None: select(self, selector, within)[1:])
    figures = measured(tmp_path, PLAIN)
    assert not figures.is_sound
    assert "0.html: h1.entry-title" in figures.differing


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        (b"<h1>A <!-- x -->title</h1>", "a comment within a text (one text here, two there)"),
        (b"<body class=wp-singular><p>x</p>\n", "white space at the end of a page that does not close its tags"),
        (
            "<h1>Un été à la plage : le café reste fermé</h1><p>L’hôtel, déjà complet, a été vendu.".encode("cp1252"),
            "another encoding",
        ),
    ],
)
def test_cause_of_differences_to_scrapys_response(tmp_path: Path, source: bytes, cause: str) -> None:
    [(said, pages)] = measured(tmp_path, source).other.items()
    assert said.startswith(cause)
    assert pages == 1


def test_the_script_prints_figures(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(PLAIN)
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "--json"], capture_output=True, text=True)
    assert done.returncode == 0
    figures = json.loads(done.stdout)
    assert (figures["pages"], figures["differing"]) == (1, [])


def test_a_folder_without_pages_is_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True)
    assert (done.returncode, "there are no HTML files" in done.stderr) == (2, True)
