"""Saved searches: new results reported once, feeds and exit codes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree
from sqlite_utils import Database

from archiver.search.search_feeds import ATOM
from archiver.storage.database import open_archive
from tests.cli.conftest import Run
from tests.runner import fault
from tests.search.writing import beside, edit, write


@pytest.fixture
def db(own_archive: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Iterator[Database]:
    """The archive that `run` uses, open for writing."""
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(own_archive))
    with closing(open_archive(own_archive)) as opened:
        yield opened


def entries(feed: bytes) -> list[str]:
    return [entry.findtext(f"{{{ATOM}}}title") or "" for entry in etree.fromstring(feed).findall(f"{{{ATOM}}}entry")]


def test_a_search_is_saved_listed_run_and_forgotten(db: Database, own_archive: Path, run: Run) -> None:
    saved = run("search", "tide", "--site", "harbour.example", "--save", "Tides 2024")
    assert saved.exit_code == 0
    assert "archiver search --new 'Tides 2024'\n" in saved.stderr
    nothing = run("search", "--new", "tides 2024")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    write(db, 7, "Spring tide", "High.")
    edit(db, 2, title="Fog and tide")
    edit(db, 3, title="Low tide at the light")
    listed = json.loads(run("search", "--saved", "--json").stdout)
    assert [(one["name"], one["total"], one["new"], one["query"]) for one in listed] == [
        ("Tides 2024", 4, 2, "tide --site harbour.example")
    ]
    text = run("search", "--saved").stdout.splitlines()
    assert len(text) == 2
    assert "tide --site" in text[1]
    copy = own_archive.with_name("copy.db")
    assert run("backup", str(copy), "--force").exit_code == 0  # the digests of this archive are made up
    reported = run("search", "--new", "tides 2024")
    assert reported.exit_code == 0
    assert all(title in reported.stdout for title in ("Spring tide", "Low tide at the light"))
    assert run("search", "--new", "tides 2024").exit_code == 1
    found = json.loads(run("search", "--new", "tides 2024", "--archive", str(copy), "--json").stdout)
    assert [(one["id"], one["reason"]) for one in found] == [(7, "new"), (3, "edited")]
    assert run("search", "--forget", "tides 2024").exit_code == 0
    assert json.loads(run("search", "--saved", "--json").stdout) == []


def test_folded_near_duplicates_are_listed_with_the_hit(db: Database, run: Run) -> None:
    for number, site in ((7, "harbour.example"), (8, "notes.example/blog")):
        write(db, number, f"Ferry {number}", "Aground.", site=site)
    with beside(db) as other:
        other.execute("insert into clusters (id, source_id, size, since) values (1, 7, 2, '')")
        other.execute("update articles set cluster_id = 1 where id in (7, 8)")
    shown = run("search", "ferry", "--fold", "cluster").stdout
    assert shown.startswith("1 ")
    assert "notes.example/blog (8)" in shown
    hit = json.loads(run("search", "ferry", "--fold", "cluster", "--json").stdout)[0]
    assert hit["folded"] == [{"id": 8, "site": "notes.example/blog", "title": "Ferry 8", "published": None}]
    assert len(json.loads(run("search", "ferry", "--json").stdout)) == 2
    rows = list(csv.DictReader(io.StringIO(run("search", "ferry", "--fold", "cluster", "--csv").stdout)))
    assert json.loads(rows[0]["folded"])[0]["id"] == 8
    counts = json.loads(run("search", "ferry", "--fold", "cluster", "--facets", "--json").stdout)
    assert counts["site"] == {"harbour.example": 1}
    for words, count in (((), 2), (("--fold", "cluster"), 1), (("--fold",), 2), (("--fold", "none"), 2)):
        assert len(run("export", "ferry", *words).stdout.splitlines()) == count, words


def test_like_works_in_every_command(db: Database, run: Run) -> None:
    write(db, 7, "Tidal tables", "The harbour master printed them, new, for the café quay.")
    assert [json.loads(one)["id"] for one in run("export", "print*").stdout.splitlines()] == [1, 7]
    assert [one["id"] for one in json.loads(run("search", "--like", "1", "--json").stdout)] == [7, 2]
    assert [line for line in run("cite", "--query", "like:1").stdout.splitlines() if line.startswith("@")] == [
        "@misc{a-7,",
        "@misc{berg2024-2,",
    ]


def test_citations_of_several_articles_and_of_a_revision(db: Database, run: Run) -> None:
    keys = [one["id"] for one in json.loads(run("cite", "2", "1", "2", "--style", "csl-json").stdout)]
    assert keys == ["berg2024-2", "kruger2024-1"]
    found = json.loads(run("cite", "2", "--query", "tide", "--style", "csl-json").stdout)
    assert [one["id"] for one in found] == ["berg2024-2", "kruger2024-1"]
    first = run("cite", "1", "--revision", "1").stdout
    assert "@misc{kruger2024-1-r1," in first
    assert "{{Tide tables}}" in first
    assert all(part in first for part in ("2024-05-01T12:00:00Z", "sha1:AAA"))
    nothing = run("cite", "--query", "zebra", "--style", "csl-json")
    assert (nothing.exit_code, nothing.stdout) == (1, "[]\n")


# -- feeds of any query ------------------------------------------------------------------------


def test_a_feed_has_the_format_of_its_file(run: Run, tmp_path: Path) -> None:
    assert run("export", "tide", "-o", str(tmp_path / "tides.xml")).exit_code == 0
    assert entries((tmp_path / "tides.xml").read_bytes())
    assert (
        entries(run("export", "-f", "atom", "--limit", "2").stdout_bytes)
        == (entries(run("export", "-f", "atom").stdout_bytes)[:2])
    )


def test_a_feed_with_a_mistake_writes_nothing(run: Run, tmp_path: Path) -> None:
    assert (
        fault(run("export", "--site", "nowhere.example", "-o", str(tmp_path / "a.xml")))
        == "SiteNotFound nowhere.example"
    )
    assert run("export", "-f", "atom", "-o", str(tmp_path / "a.json")).exit_code == 2
    assert list(tmp_path.iterdir()) == []
