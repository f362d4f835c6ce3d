"""Builds a site, crawls it from its home page, changes it, crawls it twice again, and compares each time."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from plain_crawl import plain_crawl
from process import archiver, crawl, export
from table import Column, rate, tenths

from archiver.markup.markdown_writer import to_markdown
from archiver.markup.text_marks import unpack_marks
from built_sites.blog import Blog, Change, changed, load
from built_sites.builder import Builder, RunningSite, Shown
from built_sites.installation import BuildError, NotInstalledError
from built_sites.score import matched, score, words

READABLE = (
    Column("posts", "posts"),
    Column("recall", "recall", 1, form=rate),
    Column("precision", "precision", 1, form=rate),
    Column("title", "title"),
    Column("day", "day"),
    Column("time", "time"),
    Column("author", "author"),
    Column("category", "category"),
    Column("tag", "tag"),
    Column("language", "language"),
    Column("whole", "whole"),
    Column("clean", "clean"),
    Column("code", "code"),
    Column("code_lines", "code lines", 0.99, form=rate),
    Column("languages", "languages", 0.99, form=rate),
    Column("list_items", "list items", 0.99, form=rate),
    Column("table_cells", "table cells", 0.99, form=rate),
    Column("requests", "requests"),
    Column("plain", "plain"),
    Column("per_post", "a post", form=tenths),
)
RECRAWL = (
    Column("edit", "edit"),
    Column("new", "new"),
    Column("deleted", "deleted"),
    Column("revised", "others revised"),
    Column("requests_after", "requests"),
    Column("full_edit", "--full: edit"),
    Column("full_deleted", "deleted"),
    Column("full_revised", "others revised"),
    Column("full_false", "false"),
    Column("full_requests", "requests"),
)
NEEDS_BROWSER = (
    Column("articles", "articles"),
    Column("exit_code", "exit code", 1, 1),
    Column("red", "red", 1, 1),
    Column("named", "names JavaScript", 1, 1),
    Column("requests", "requests"),
    Column("requests_after", "second crawl"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A site that was crawled twice. `figures` are those of all columns, `shown` says which fields its pages have, and
    `mistakes` say what is wrong."""

    version: str
    figures: Mapping[str, Any]
    shown: Shown
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A site that could not be built, and why."""

    reason: str


def measure(builder: Builder, work: Path) -> Measured | Failed:
    """Measures one site. `work` is a new folder for its sources, its pages and its archive."""
    try:
        version = builder.install()
    except NotInstalledError as error:
        return Failed(f"cannot be installed: {error}")
    blog, change = load()
    work.mkdir(parents=True)
    try:
        with builder.running(work / "site") as site:
            _publish(builder, site, blog)
            if builder.needs_browser:
                return Measured(version, _empty_pages(builder, site, blog, change, work), builder.shown)
            first, mistakes = _first(builder, site, blog, work)
            second = _second(builder, site, blog, change, work)
    except (BuildError, RuntimeError, subprocess.SubprocessError) as error:  # RuntimeError: WordPress, MariaDB
        return Failed(f"cannot be built with {version}: {error}")
    except SystemExit as error:  # of a crawl that printed no summary, or an archive that cannot be exported
        return Failed(f"cannot be crawled: {error}")
    return Measured(version, first | second, builder.shown, mistakes)


def _publish(builder: Builder, site: RunningSite, blog: Blog) -> None:
    """Publishes the blog, and makes sure that each post has its page and a draft has none: a wrong path would look like
    a fault of the crawl."""
    site.publish(blog)
    statuses = {post.slug: _status(site.base + builder.path(post)) for post in (*blog.posts, *blog.drafts)}
    drafts = {post.slug for post in blog.drafts}
    if not builder.shell and (
        wrong := [slug for slug, status in statuses.items() if (status == HTTPStatus.OK) == (slug in drafts)]
    ):
        raise BuildError(f"posts without a page, or drafts with one: {', '.join(wrong)}")


def _status(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(quote(url, safe=":/?=%"), timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _first(builder: Builder, site: RunningSite, blog: Blog, work: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    archive = work / "archive.db"
    before = site.requests()
    crawl(f"{site.base}/", archive)
    requests = site.requests() - before
    found = score(blog, _articles(archive, work / "first.jsonl"), builder)
    row = {column.key: getattr(found, column.key) for column in READABLE if hasattr(found, column.key)}
    plain = plain_crawl(f"{site.base}/").requests
    return row | {"requests": requests, "plain": plain, "per_post": requests / len(blog.posts)}, found.mistakes


def _second(builder: Builder, site: RunningSite, blog: Blog, change: Change, work: Path) -> dict[str, Any]:
    """Changes the blog and crawls again, first what is due, then every page."""
    _publish(builder, site, changed(blog, change))
    row: dict[str, Any] = {}
    for prefix, options in (("", ()), ("full_", ("--full",))):
        archive, before = work / "archive.db", site.requests()
        crawl(f"{site.base}/", archive, *options)
        requests = site.requests() - before
        seen = after_change(blog, change, _articles(archive, work / f"{prefix}second.jsonl"), builder)
        row |= {f"{prefix}{name}": value for name, value in seen.items()}
        row[f"{prefix}requests" if prefix else "requests_after"] = requests
    return row


def after_change(blog: Blog, change: Change, articles: Sequence[Mapping[str, Any]], builder: Builder) -> dict[str, Any]:
    """Returns whether the edit, the new post and the deletion are in the archive, how many other articles have a
    revision, and how many articles are no post."""
    ever = {post.slug: post for post in (*blog.posts, change.new)}
    both = Blog(**{name: getattr(blog, name) for name in blog.__slots__} | {"posts": tuple(ever.values())})
    found, false = matched(both, articles, builder)
    edited, deleted = found.get(change.edited), found.get(change.deleted)
    revised = [slug for slug, article in found.items() if article["revision"] > 1 and slug != change.edited]
    return {
        "edit": _yes(edited and not words(change.added) - words(edited["body"] or "")),
        "new": _yes(change.new.slug in found),
        "deleted": _yes(deleted["gone_at"]) if deleted else "never had it",
        "revised": len(revised),
        "false": len(false),
    }


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _empty_pages(builder: Builder, site: RunningSite, blog: Blog, change: Change, work: Path) -> dict[str, Any]:
    """Crawls a site whose pages are empty without JavaScript: it must fail, and say why."""
    archive = work / "archive.db"
    before = site.requests()
    _, ran = crawl(f"{site.base}/", archive)
    first = site.requests() - before
    health = json.loads(archiver("status", "--json", "--archive", str(archive)).out)[0]["health"]
    articles = _articles(archive, work / "first.jsonl")
    _publish(builder, site, changed(blog, change))
    before = site.requests()
    crawl(f"{site.base}/", archive)
    return {
        "articles": len(articles),
        "exit_code": ran.code,
        "red": int(health["state"] == "red"),
        "named": int("javascript" in json.dumps(health["findings"]).casefold()),
        "requests": first,
        "requests_after": site.requests() - before,
    }


def _articles(archive: Path, to: Path) -> list[dict[str, Any]]:
    records = map(json.loads, export(archive, to).read_text(encoding="utf-8").splitlines())
    return [
        record | {"markdown": to_markdown(record["body"] or "", unpack_marks(record["markup"]))} for record in records
    ]
