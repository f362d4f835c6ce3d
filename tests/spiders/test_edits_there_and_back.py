"""A post that is edited, restored and edited again: each observed state is one revision, everywhere."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes import run
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import home, page, serving
from tests.web.conftest import serving as serving_web

A = "The ferry leaves at seven from the lower quay, and nobody is in a hurry. " * 6
B = "The ferry leaves at nine from the upper quay, since the lower one is flooded. " * 6


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive whose first post showed A, B, A and B."""
    archive = tmp_path_factory.mktemp("edits") / "a.db"
    with serving({"/": home("/one/", "/two/"), "/one/": page("Ferry", A), "/two/": page("Quay")}) as site:
        crawl(site.url, archive=archive)
        for text in (B, A, B):
            with closing(sqlite3.connect(archive)) as db, db:  # a text of the same day would be held at first
                db.execute("update articles set first_seen = '2026-01-01T00:00:00+00:00'")
            site.pages["/one/"] = page("Ferry", text)
            crawl(site.url, "--full", archive=archive)
    return archive


@pytest.fixture(scope="module")
def ferry(edited: Path) -> int:
    """The article that was edited: the pages arrive in either order."""
    return int(rows(edited, "select id from articles where title = 'Ferry'")[0][0])


def test_each_observed_state_is_a_revision_and_the_newest_is_shown(edited: Path, ferry: int) -> None:
    states = rows(edited, f"select revision, same_as from revisions where article_id = {ferry} order by revision")
    assert states == [(1, None), (2, None), (3, 1), (4, 2)]
    assert rows(edited, f"select revision, instr(body, 'upper') > 0 from articles where id = {ferry}") == [(4, 1)]
    assert rows(edited, "select revised from runs order by id") == [(0,), (1,), (1,), (1,)]


def test_why_and_diff_list_all_of_them_in_order(edited: Path, ferry: int) -> None:
    url = rows(edited, f"select url from articles where id = {ferry}")[0][0]
    (found,) = [json.loads(archiver("why", url, "--json", archive=edited).stdout)]
    assert [(one["revision"], one["same_as"]) for one in found["article"]["revisions"]] == [
        (1, None),
        (2, None),
        (3, 1),
        (4, 2),
    ]
    said = archiver("why", url, archive=edited).stdout
    assert [line.split()[1].rstrip(",") for line in said.splitlines() if line.split()[:1] == ["revision"]] == [
        "2",
        "3",
        "4",
    ]
    words = run("archiver", "diff", str(ferry), "--json", "--archive", str(edited)).stdout
    assert (json.loads(words)["from"], json.loads(words)["to"]) == (3, 4)


def test_the_web_pages_and_feeds_show_each_of_them(edited: Path, ferry: int) -> None:
    with serving_web(edited) as served:
        changed = json.loads(served.get("/changes.json").text)
        edits = [one for one in changed["changes"] if one["article"]["id"] == ferry]
        assert len(edits) == 3
        assert json.loads(served.get(f"/article/{ferry}/versions.json").text)[-1]["revision"] == 4
        for path in (
            f"/article/{ferry}/versions",
            "/search?q=ferry",
            "/site/" + rows(edited, "select name from sites")[0][0],
        ):
            assert "4 versions" in served.get(path).text
