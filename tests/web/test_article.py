"""The pages of an article: they show what the commands show, and nothing of removed articles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import html

from archiver.cli.main import cli
from archiver.storage.connection import open_archive
from tests.archive_fixture import make_archive
from tests.web.conftest import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the small archive, in which one article was removed and another removal is unfinished."""
    archive = make_archive(tmp_path_factory.mktemp("article") / "small.db")
    db = open_archive(archive)
    with db.atomic():
        for number, url, done in (
            (40, "https://harbour.example/2024/gone-for-good", "2024-06-02T00:00:00+00:00"),
            (6, "https://notes.example/blog/untimely", None),
        ):
            db["tombstones"].insert(
                {
                    "article_id": number,
                    "site": "harbour.example",
                    "url": url,
                    "erased_at": done,
                    "reason": "its author asked <b>for it</b>",
                    "removed_at": "2024-06-02T00:00:00",
                }
            )
        db.execute("update articles set language = 'ar', title = 'موسم الهجرة' where id = 5")
    db.close()
    with serving(archive) as running:
        yield running


def command(served: Served, *words: str) -> Any:
    return json.loads(output(served, *words))


def output(served: Served, *words: str) -> bytes:
    run = CliRunner().invoke(cli, [*words, "--archive", str(served.archive)])
    assert run.exit_code == 0, run.output
    return run.stdout_bytes


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/article/1.json", ("show", "1", "--json")),
        ("/article/1.json?revision=1", ("show", "1", "--revision", "1", "--json")),
        ("/article/3/evidence.json", ("show", "3", "--evidence", "--json")),
        ("/article/1/diff.json", ("diff", "1", "--json")),
        ("/article/1/diff.json?from=2&to=1", ("diff", "1", "2", "1", "--json")),
    ],
)
def test_twins_are_what_the_commands_print(served: Served, path: str, words: tuple[str, ...]) -> None:
    assert served.get(path).json == command(served, *words)


def test_an_article_is_shown_whole(served: Served) -> None:
    page = served.get("/article/1").text
    for said in (
        "Tide tables for the café quay",
        "O'Brien of AT&amp;T said that C++ had computed them.",
        "Zoë Krüger",
        "48.8566, 2.3522",
        "harbour.example/?p=7",
        "2024-03-05 09:30+01:00",
        "geo.position",
        "/article/1/cite/ris",
        '<html lang="en">',
        'lang="en" dir="ltr"',
        "Tables, newly printed.",
    ):
        assert said in page, said
    then = served.get("/article/1?revision=1").text
    assert "O'Brien" not in then
    assert '/article/1"' in then, "a link to the current revision"


def test_gone_articles_and_copies_are_shown(served: Served) -> None:
    assert "<strong>Gone.</strong>" in served.get("/article/3").text
    copies = html.document_fromstring(served.get("/article/3").body).xpath(
        "//section[@aria-labelledby='copies']//a/@href"
    )
    assert "/article/4" in copies
    assert 'dir="rtl"' in served.get("/article/5").text


def test_revisions_are_compared_word_by_word(served: Served) -> None:
    page = served.get("/article/1/diff?from=1&to=2").text
    assert '<ins><span class="visually-hidden" lang="en">added: </span> for the café quay</ins>' in page
    assert '<th scope="row">tags</th>' in page
    assert "maths" in page
    alone = served.get("/article/2/diff")
    assert (alone.status, "<ins>" in alone.text) == (200, False)
    assert served.get("/article/1/versions").status == 200


@pytest.mark.parametrize(
    ("style", "kind", "beginning"),
    [
        ("bibtex", "application/x-bibtex", "@misc{"),
        ("ris", "application/x-research-info-systems", "TY  - ELEC\r\n"),
        ("csl-json", "application/vnd.citationstyles.csl+json", "[\n"),
    ],
)
def test_citations_are_downloaded(served: Served, style: str, kind: str, beginning: str) -> None:
    got = served.get(f"/article/1/cite/{style}?revision=1")
    assert got.body == output(served, "cite", "1", "--revision", "1", "--style", style)
    assert got.text.startswith(beginning)
    assert got.headers["content-type"].startswith(kind)
    assert "attachment" in got.headers["content-disposition"]


@pytest.mark.parametrize(
    ("path", "status", "names"),
    [
        ("/article/1?revision=9", 404, "9"),
        ("/article/1?revision=x", 400, "revision=x"),
        ("/article/1/cite/mla", 400, "bibtex"),
        ("/article/1/diff?from=7", 404, "7"),
        ("/article/1/image", 404, "1"),
    ],
)
def test_missing_objects_are_errors(served: Served, path: str, status: int, names: str) -> None:
    got = served.get(path)
    assert (got.status, names in got.text) == (status, True)


@pytest.mark.parametrize("number", [40, 6])
@pytest.mark.parametrize("what", ["", "/evidence", "/versions", "/diff", "/captures", "/cite/ris", "/image", ".json"])
def test_only_the_tombstone_of_a_removed_article_is_shown(served: Served, number: int, what: str) -> None:
    got = served.get(f"/article/{number}{what}")
    assert got.status == 410
    assert "2024-06-02" in got.text
    assert ("<b>" in got.text) == (what == ".json")
    assert "Untimely" not in got.text
    assert "without date" not in got.text
