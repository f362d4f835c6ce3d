"""A removed post does not come back through a crawl or an import, until it is allowed to."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from archiver.demo.demo_blog import Demo
from archiver.importers.import_inputs import RecordFilter
from archiver.maintenance.verification import verify
from archiver.storage.pages import EPOCH
from tests.importers import files, importing
from tests.proved_archive import QUAY, START, Run, make, page
from tests.small_sites import made_paragraph
from tests.spiders.crawling import archiver, crawl
from tests.spiders.site_server import Answer, Pages, home, serving
from tests.spiders.site_server import page as post_page
from tests.takedown.removing import command, holds, remove, rows


def sentence_of(archive: Path, number: int) -> str:
    """Return the longest line of an article, which the blog's pages, its feeds and the archive contain."""
    body = rows(archive, "select body from articles where id = ?", number)[0][0]
    return max(body.split("\n"), key=len)[:60]


def test_a_crawl_does_not_request_a_removed_post(demo: Demo, tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    assert crawl(demo.url, archive=archive).returncode == 0
    number, url = rows(archive, "select id, url from articles where title like '%' order by published desc limit 1")[0]
    sentence = sentence_of(archive, number)
    assert len(holds(archive, sentence)) >= 2
    assert remove(archive, str(number)).exit_code == 0
    assert not holds(archive, sentence)
    assert not verify(archive).findings
    for words in (("--full",), (), ("--missing",)):
        del demo.requests[:]
        assert crawl(demo.url, *words, archive=archive).returncode == 0
        assert url.removeprefix(demo.base) not in {request.target for request in demo.requests}
        assert not holds(archive, sentence)
    assert not verify(archive).findings
    assert archiver("status", archive=archive).returncode == 0
    why = json.loads(archiver("why", url, "--json", archive=archive).stdout)
    assert (why["outcome"], why["rule"]) == ("refused", "removed")
    assert archiver("remove", "--allow", url, archive=archive).returncode == 0
    assert crawl(demo.url, archive=archive).returncode == 0
    assert sentence_of(archive, rows(archive, "select id from articles where url = ?", url)[0][0]) == sentence


def test_the_source_text_beside_a_removed_post_does_not_come_back(tmp_path: Path) -> None:
    archive, paths, dice = tmp_path / "archive.db", [f"/n-{n}/" for n in range(4)], Random(3)
    told = {path: " ".join(made_paragraph(dice) for _ in range(4)) for path in paths}
    pages: Pages = {"/": home(*paths)}
    for path, text in told.items():
        pages[path] = post_page(f"Note {path}", text, tail=f'<a href="{path}index.md">Source</a>')
        pages[f"{path}index.md"] = Answer(text.encode(), headers={"Content-Type": "text/markdown"})
    with serving(pages) as site:
        crawl(site.url, archive=archive)
        assert holds(archive, told["/n-1/"][:80])
        assert remove(archive, f"{site.url}n-1/").exit_code == 0
        site.requests.clear()
        with closing(sqlite3.connect(archive)) as db, db:
            db.execute("update pages set due_at = ? where kind = 'other'", [EPOCH])
        crawl(site.url, archive=archive)
        assert not holds(archive, told["/n-1/"][:80])
        assert "/n-1/index.md" not in site.requests
        assert "/n-2/index.md" in site.requests
    assert not verify(archive).findings


def test_a_removed_post_under_another_address_is_not_stored(tmp_path: Path) -> None:
    archive = make(tmp_path)
    assert remove(archive, "1").exit_code == 0
    with Run(archive, QUAY, START + timedelta(days=9)) as run:
        from tests.proved_archive import text

        run.post(f"{QUAY}one-again", page("Day 1, corrected", [*text(1), "The mate was not on board."], 1))
    assert not rows(archive, "select 1 from articles where url like '%one-again'")
    assert rows(archive, "select outcome, rule from pages where url like '%one-again'") == [("refused", "removed")]
    assert [finding.kind for finding in verify(archive).findings] == ["removal-unfinished"]
    assert holds(archive, "Entry 1.1.")
    assert command(archive, "remove", "--finish").exit_code == 0
    assert not holds(archive, "Entry 1.1.")
    assert not verify(archive).findings


@pytest.mark.parametrize("all_captures", [False, True])
def test_an_import_leaves_a_removed_post_out(tmp_path: Path, all_captures: bool) -> None:
    archive = tmp_path / "mine" / "archive.db"
    source = files.warc(
        tmp_path / "old.warc.gz",
        files.post(),
        files.post(
            "http://blog.example/2009/tar/",
            title="Tar",
            text="Of the tar works nothing is left but a wall and a rusty kettle.",
        ),
    )
    importing.run(archive, source)
    assert len(rows(archive, "select 1 from articles")) == 2
    number = rows(archive, "select id from articles where title = 'Tar'")[0][0]
    assert remove(archive, str(number)).exit_code == 0
    assert not holds(archive, "rusty kettle")
    assert not verify(archive).findings
    elsewhere = files.post(
        "http://blog.example/tar-again/",
        at="2010-01-01T00:00:00Z",
        title="Tar",
        text="Of the tar works nothing is left but a wall and a rusty kettle.",
        extra="other bytes",
    )
    again = files.warc(
        tmp_path / "again.warc.gz",
        files.post(
            "http://blog.example/2009/tar/",
            title="Tar",
            text="Of the tar works nothing is left but a wall and a rusty kettle.",
        ),
        elsewhere,
    )
    choice = RecordFilter(all_captures=all_captures)
    done = [*importing.run(archive, source, again=True, choice=choice), *importing.run(archive, again, choice=choice)]
    assert [one.tally.removed for one in done] == [1, 2]
    assert not holds(archive, "rusty kettle")
    assert len(rows(archive, "select 1 from articles")) == 1
    assert not verify(archive).findings
