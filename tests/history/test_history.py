"""Ten crawls of two simulated blogs: the archive is compared with the blogs' own history, field by field."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.history.live_blog import LiveBlog, Post
from tests.spiders.crawling import archiver, crawl, let_a_day_pass
from tests.spiders.site_server import SiteServer, serving

_CRAWLS = 10
_FIELDS = ("title", "authors", "categories", "tags")


class Lived:
    """The blogs and the archive after the last crawl. `summaries` are those of each crawl, site by site."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.blogs = (LiveBlog("quayside", 3, 14), LiveBlog("uplands", 8, 8))
        self.bases: tuple[str, ...] = ()
        self.summaries: list[list[dict[str, Any]]] = []
        self.copies: list[tuple[Post, Post]] = []
        self.copied: list[tuple[Post, Post]] = []

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.archive)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(query, values)]

    def articles(self, which: int) -> dict[str, dict[str, Any]]:
        """Return the articles of a blog by their current path."""
        base = self.bases[which].rstrip("/")
        rows = self.rows("select * from articles where url like ?", base + "/%")
        return {row["url"].removeprefix(base): row for row in rows}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    lived = Lived(tmp_path_factory.mktemp("history") / "archive.db")
    dice = Random(11)
    with serving({}) as one, serving({}) as two:
        lived.bases = one.url, two.url
        for number in range(_CRAWLS):
            if number:
                _live(lived, number, dice)
            _show(lived, (one, two))
            # The first two crawls use a process for each blog, which takes a second to start.
            done = crawl(*lived.bases, "--json", *(() if number < 2 else ("--workers", "1")), archive=lived.archive)
            summary = json.loads(done.stdout)
            found = {one["code"] for each in summary for one in each["health"]["findings"] if one["level"] == "red"}
            assert done.returncode == int("deletions" in found), done.stderr  # these blogs lose many of their posts
            lived.summaries.append(summary)
            let_a_day_pass(lived.archive, only_held=True)
        yield lived


def _show(lived: Lived, servers: tuple[SiteServer, ...]) -> None:
    for blog, server in zip(lived.blogs, servers, strict=True):
        server.pages.clear()
        server.pages.update(blog.answers(server.url))


def _live(lived: Lived, day: int, dice: Random) -> None:
    """Change the blogs between two crawls. Every kind of change happens on several days."""
    for blog in lived.blogs:
        blog.decorate()
        quiet = [p for p in blog.alive() if p.number < 6]
        blog.publish()
        blog.correct(dice.choice(quiet))
        if day % 2:
            post = dice.choice(quiet)
            blog.edit(post, title=f"{post.now.title}, once more")
        if day % 3 == 0:
            blog.move(dice.choice(quiet))
        if day % 3 == 1:
            post = dice.choice(quiet)
            blog.edit(post, authors=(*post.now.authors[:1], "Vera Sandoval"), tags=post.now.tags[:1])
        if day == 4:
            blog.delete(blog.posts[6])
        if day == 5:
            blog.delete(blog.posts[7])
        if day == 8:
            blog.restore(blog.posts[7])
    one, two = lived.blogs
    if day in (2, 6):
        original = one.posts[day + 6]
        lived.copies.append((original, two.publish(like=original.now)))
    if day in (3, 7):
        original = one.posts[day + 6]
        first, *rest = original.now.paragraphs
        copied = replace(
            original.now,
            title=f"Seen from the hills: {original.now.title}",
            authors=("Ida Brandt",),
            paragraphs=(f"From the coast we hear this. {first}", *rest),
        )
        lived.copied.append((original, two.publish(like=copied)))


@pytest.mark.parametrize("which", [0, 1])
def test_every_post_is_one_article_at_its_current_url(lived: Lived, which: int) -> None:
    assert sorted(lived.articles(which)) == sorted(p.path for p in lived.blogs[which].posts)


@pytest.mark.parametrize("which", [0, 1])
def test_the_current_state_equals_the_blog(lived: Lived, which: int) -> None:
    found = lived.articles(which)
    for post in lived.blogs[which].posts:
        row = found[post.path]
        assert row["body"] == post.now.body, post.path
        assert row["title"] == post.now.title
        for name in ("authors", "categories", "tags"):
            assert set(json.loads(row[name])) == set(getattr(post.now, name)), (post.path, name)
        assert row["published"] == post.published.isoformat()
        assert (row["gone_at"] is not None) == post.gone, post.path


@pytest.mark.parametrize("which", [0, 1])
def test_exactly_the_revisions_of_the_blog_are_stored(lived: Lived, which: int) -> None:
    found = lived.articles(which)
    for post in lived.blogs[which].posts:
        kept = lived.rows(
            "select * from article_revisions where article_id = ? order by revision", found[post.path]["id"]
        )
        assert len(kept) == len(post.shown), post.path
        for version, row in zip(post.shown, kept, strict=True):
            assert row["title"] == version.title, post.path
            assert row["body"] == version.body, post.path
            for name in ("authors", "categories", "tags"):
                assert set(json.loads(row[name])) == set(getattr(version, name)), (post.path, name)


@pytest.mark.parametrize("which", [0, 1])
def test_a_revision_lists_its_changed_fields(lived: Lived, which: int) -> None:
    found = lived.articles(which)
    for post in lived.blogs[which].posts:
        kept = lived.rows(
            "select changed from revisions where article_id = ? order by revision", found[post.path]["id"]
        )
        for (before, after), row in zip(pairwise(post.shown), kept[1:], strict=True):
            changed = {n for n in (*_FIELDS, "body") if getattr(before, n) != getattr(after, n)}
            assert set(json.loads(row["changed"])) == changed, post.path


@pytest.mark.parametrize("which", [0, 1])
def test_former_urls_lead_to_the_post(lived: Lived, which: int) -> None:
    found, base = lived.articles(which), lived.bases[which].rstrip("/")
    for post in lived.blogs[which].posts:
        known = lived.rows("select url, kind from article_urls where article_id = ?", found[post.path]["id"])
        assert {row["url"] for row in known} == {base + path for path in post.paths}
        assert [row["url"] for row in known if row["kind"] == "url"] == [base + post.path]


def test_a_duplicate_is_an_article_that_names_its_original(lived: Lived) -> None:
    assert len(lived.copies) == 2
    for original, copy in lived.copies:
        first, second = lived.articles(0)[original.path], lived.articles(1)[copy.path]
        assert first["id"] != second["id"]
        assert {first["duplicate_of"], second["duplicate_of"]} == {
            None,
            min((first, second), key=lambda row: (row["published"], row["id"]))["id"],
        }


def test_only_copied_posts_form_clusters(lived: Lived) -> None:
    together = {frozenset((lived.articles(0)[a.path]["id"], lived.articles(1)[b.path]["id"])) for a, b in lived.copied}
    found = lived.rows(
        "select cluster_id, group_concat(id) as ids from articles where cluster_id is not null "
        "and duplicate_of is null group by cluster_id having count(*) > 1"
    )
    assert {frozenset(map(int, row["ids"].split(","))) for row in found} == together


def test_every_revision_has_a_capture_of_its_time(lived: Lived) -> None:
    rows = lived.rows(
        "select r.article_id, r.revision, r.observed_at, c.captured_at, c.status from revisions r "
        "left join captures c on c.id = r.capture_id"
    )
    assert rows
    assert all(row["captured_at"] and row["captured_at"] <= row["observed_at"] for row in rows)
    assert {row["status"] for row in rows} == {200}


def test_the_runs_count_what_they_found(lived: Lived) -> None:
    for which, blog in enumerate(lived.blogs):
        runs = [next(r for r in crawl if r["url"] == lived.bases[which]) for crawl in lived.summaries]
        assert sum(run["new"] for run in runs) == len(blog.posts)
        assert sum(run["revised"] for run in runs) == sum(len(p.shown) - 1 for p in blog.posts)
        assert sum(run["failed"] + run["refused"] for run in runs) == 0


def test_the_archive_verifies_and_re_extracts_unchanged_after_ten_crawls(lived: Lived) -> None:
    """Every article is checked against its capture, the search index against every article, and today's extraction
    against both.
    """
    verified = archiver("verify", "--json", archive=lived.archive)
    report = json.loads(verified.stdout)
    assert verified.returncode == 0, verified.stdout
    assert report["findings"] == [], verified.stdout
    assert report["articles"] == len(lived.rows("select id from articles")), verified.stdout
    again = archiver("reextract", "--dry-run", "--json", archive=lived.archive)
    assert json.loads(again.stdout)["changed"] == 0, again.stdout
