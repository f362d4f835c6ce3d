"""End to end over real HTTP: the demonstration blog is archived, and a second crawl updates the archive."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from archiver.archive import Archive
from archiver.demo.demo_blog import Demo, serve
from archiver.markup.text_marks import images_of, unpack_marks
from tests.processes import run, without_proxies
from tests.spiders import crawling


def archiver(*words: str) -> subprocess.CompletedProcess[str]:
    return run("archiver", *words, environment=without_proxies() | {"NO_COLOR": "1"})


def crawl(url: str, archive: Path) -> dict[str, Any]:
    done = archiver("crawl", url, "--archive", str(archive), "--json")
    assert done.returncode == 0, done.stderr
    [summary] = json.loads(done.stdout)
    return dict(summary)


def records(archive: Path) -> dict[str, dict[str, Any]]:
    done = crawling.archiver("export", "-f", "jsonl", archive=archive)
    assert done.returncode == 0, done.stderr
    return {r["url"]: r for r in map(json.loads, done.stdout.splitlines())}


def rows(archive: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(archive)) as db:
        return db.execute(query).fetchall()


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Path]]:
    """Crawl the blog's first edition once. The tests only read the archive, except the last one, which crawls again."""
    archive = tmp_path_factory.mktemp("demo") / "archive.db"
    with serve(0) as demo:
        crawl(demo.url, archive)
        yield demo, archive


def test_every_public_post_and_nothing_else_is_an_article(crawled: tuple[Demo, Path]) -> None:
    demo, archive = crawled
    assert records(archive).keys() == {demo.blog.url(p) for p in demo.blog.posts if p.has_public_text}


def test_every_answered_page_counts_as_fetched(crawled: tuple[Demo, Path]) -> None:
    answered = rows(crawled[1], "select count(*) from pages where status is not null")
    assert rows(crawled[1], "select fetched from runs") == answered
    assert answered[0][0] > 30


def test_the_fields_are_those_of_the_posts(crawled: tuple[Demo, Path]) -> None:
    demo, archive = crawled
    found = records(archive)
    for post in (p for p in demo.blog.posts if p.has_public_text):
        record = found[demo.blog.url(post)]
        assert record["title"] == post.title
        assert record["authors"] == [post.author], post.slug
        assert record["published"] == post.published.isoformat(), post.slug
        assert set(record["categories"]) == set(post.categories), post.slug
        assert set(record["tags"]) == set(post.tags), post.slug
        places = {(round(g["latitude"], 3), round(g["longitude"], 3)) for g in record["geotags"]}
        assert places == {(round(p.latitude, 3), round(p.longitude, 3)) for p in post.places}, post.slug
        assert record["language"].split("-")[0] == post.language.split("-")[0], post.slug
        lines = [line.lstrip("#-> ") for line in post.text.strip().splitlines() if line]
        assert [line for line in record["body"].splitlines() if line] == lines, post.slug
        assert record["capture"]["warc_file"]
        pictures = [(one.url, one.alt, one.caption) for one in images_of(unpack_marks(record["markup"]))]
        shown = [(f"{demo.base}{post.image}", post.picture, post.caption)] if post.image else []
        assert pictures == shown, post.slug


def test_the_seed_article(crawled: tuple[Demo, Path]) -> None:
    demo, archive = crawled
    [post] = [p for p in demo.blog.posts if p.byline]
    record = records(archive)[demo.blog.url(post)]
    assert record["authors"] == ["Huyền Lê"]
    assert record["credits"] == ["Reuters", "CNN"]
    assert record["categories"] == ["Uncategorized"]
    assert record["body"].startswith("The US intelligence has made allegations")
    assert record["body"].endswith("since the eruption of the conflict in Ukraine in February 2022.")
    assert "\n\nConcerns and Previous Statements\n\n" in record["body"]


def test_the_archive_tells_where_each_value_comes_from(crawled: tuple[Demo, Path]) -> None:
    with Archive(crawled[1]) as archive:
        for record in archive.articles():
            explained = archive.explain(record["id"])
            assert {e.field for e in explained if e.chosen} == {e.field for e in explained if any(e.won)}
            encoding = next(e for e in explained if e.field == "encoding")
            assert (
                encoding.why == "the bytes are valid UTF-8"
            )  # also for pages that were stored first and extracted later


def test_the_repeated_text_is_marked(crawled: tuple[Demo, Path]) -> None:
    _, archive = crawled
    [(copy, first)] = rows(archive, "select a.url, b.url from articles a join articles b on a.duplicate_of = b.id")
    assert (copy.endswith("/winter-timetable-2/"), first.endswith("/winter-timetable/")) == (True, True)


def test_robots_are_obeyed_and_the_password_is_respected(crawled: tuple[Demo, Path]) -> None:
    demo, archive = crawled
    assert not [r for r in demo.requests if r.target.startswith(("/private/", "/wp-admin/", "/wp-login"))]
    assert rows(archive, "select outcome from pages where url like '%minutes-of-the-committee/'") == [("refused",)]


def test_a_second_crawl_shows_what_changed_and_asks_for_little(crawled: tuple[Demo, Path]) -> None:
    demo, archive = crawled
    demo.show(2)
    start = len(demo.requests)
    summary = crawl(demo.url, archive)
    asked = demo.requests[start:]
    assert (summary["new"], summary["revised"], summary["gone"]) == (1, 2, 0)
    found = records(archive)
    [moved] = [p for p in demo.blog.posts if p.moved_from]
    assert found[demo.blog.url(moved)]["aliases"] == [demo.base + moved.path(moved.moved_from)]
    assert not [url for url, record in found.items() if record["gone_at"]]  # another day must confirm it
    assert {u for u, r in found.items() if r["revision"] == 2} == {demo.blog.url(demo.blog.post(n)) for n in (63, 96)}
    changed = {p.path() for p in demo.blog.every_post if p.gone or p.moved_from or p.id in (63, 96, 105)}
    changed.add(moved.path(moved.moved_from))
    assert len([r for r in asked if r.target not in changed]) <= 25
    state, *findings = archiver("status", "--health", "--archive", str(archive)).stdout.splitlines()
    assert (state, len(findings)) == ("green: 1 site (green)", 1)
    assert all(demo.blog.url(post) in findings[0] for post in demo.blog.every_post if post.gone)
    shown = json.loads(archiver("runs", "show", "2", "--json", "--archive", str(archive)).stdout)
    [gone] = [p for p in demo.blog.every_post if p.gone]
    assert [(one["change"], one["url"]) for one in shown] == [
        ("new", demo.blog.url(demo.blog.post(105))),
        *[("revised", url) for url, record in found.items() if record["revision"] == 2],
        ("alias", demo.blog.url(moved)),
        ("unconfirmed", demo.blog.url(gone)),
    ]
    details = [one["details"] for one in shown]
    assert details == [
        "",
        "title, body",
        "body, markup",
        "new address",
        "it is gone; a fetch on another day must confirm it",
    ]


def test_a_run_shows_the_articles_that_it_stored(crawled: tuple[Demo, Path]) -> None:
    _, archive = crawled
    shown = json.loads(archiver("runs", "show", "1", "--json", "--archive", str(archive)).stdout)
    assert len(shown) == rows(archive, "select count(*) from revisions where run_id = 1 and revision = 1")[0][0]
    assert {one["change"] for one in shown} == {"new"}
