"""Helpers for tests of datasets: archives to publish, written by the page writer, and readers of dataset folders."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from click.testing import Result

from archiver.cli.main import cli
from archiver.datasets.snapshot_tables import TABLES
from archiver.datasets.withheld_text import runs
from archiver.datasets.word_counts import words_of_text
from archiver.model.items import (
    ORGANIZATIONS,
    Article,
    Capture,
    DiscoveredURL,
    DiscoverySource,
    Evidence,
    GeoTag,
    Mark,
    Outcome,
    PageKind,
    PageResult,
    UsageStatement,
)
from archiver.storage.database import open_archive
from archiver.storage.page_writer import PageWriter, StoringRun
from archiver.storage.runs import begin_run
from archiver.storage.sites import ensure_site
from tests.runner import Runner

BEGAN = datetime(2024, 5, 1, 12, tzinfo=UTC)
_WORDS = [
    a + b + c
    for a in ("har", "kee", "la", "ti", "qua", "fer", "sto", "bri", "mar", "to")
    for b in ("bo", "per", "mi", "de", "ly", "ra", "su", "ni", "go", "ta")
    for c in ("ur", "s", "ne", "l", "ck", "m", "st", "nd")
]


def text(number: int, sentences: int = 8) -> str:
    """Return a text that shares no eight words in a row with the text of another number."""
    choose = random.Random(number).choice
    lines = [f"{' '.join(choose(_WORDS) for _ in range(14)).capitalize()}." for _ in range(sentences)]
    return "\n\n".join(" ".join(lines[n : n + 2]) for n in range(0, len(lines), 2))


@dataclass(frozen=True)
class Post:
    """A post at `site`/`number`, as read `day` days after the first day."""

    number: int
    site: str = "https://harbour.example/"
    day: float = 0.0
    title: str = ""
    body: str = ""
    description: str = ""
    authors: tuple[str, ...] = ("Ada Berg",)
    organizations: tuple[str, ...] = ()
    published: str = ""
    language: str = "en"
    geotags: tuple[GeoTag, ...] = ()
    rights: tuple[UsageStatement, ...] = ()
    tags: tuple[str, ...] = ("tides",)
    gone: bool = False
    digest: str = ""
    markup: tuple[Mark, ...] = ()
    access: str = ""

    @property
    def url(self) -> str:
        return f"{self.site}{self.number}"

    @property
    def text(self) -> str:
        return self.body or text(self.number)


def make(archive: Path, posts: Sequence[Post], missing: Iterable[str] = ()) -> Path:
    """Make an archive of these posts, stored in this order. An edit is the same post on a later day. `missing` are URLs
    on the first post's site whose fetch failed."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    db = open_archive(archive, create=True)
    for site in dict.fromkeys(post.site for post in posts):
        row = ensure_site(db, site, BEGAN)
        run_id = begin_run(db, row["id"], "full", "0.3.0", BEGAN)
        writer = PageWriter(StoringRun(db, row, run_id, BEGAN, version="0.3.0"))
        for post in posts:
            if post.site == site:
                # A post is gone once two runs on different days have found it gone.
                for day in (post.day - 1, post.day) if post.gone else ():
                    writer.flush()
                    db.execute("update runs set outcome = 'finished', finished_at = started_at")
                    began = BEGAN + timedelta(days=day)
                    run_id = begin_run(db, row["id"], "incremental", "0.3.0", began)
                    writer = PageWriter(StoringRun(db, row, run_id, began, version="0.3.0"))
                    writer.add(_page_result(replace(post, day=day)))
                if not post.gone:
                    writer.add(_page_result(post))
        for url in missing if site == posts[0].site else ():
            writer.add(
                PageResult(
                    url,
                    url,
                    BEGAN,
                    Outcome.FAILED,
                    PageKind.POST,
                    "HTTP 503",
                    status=503,
                    targets=(DiscoveredURL(url, DiscoverySource.SITEMAP, PageKind.POST),),
                )
            )
        writer.flush()
    db.close()
    return archive


def _page_result(post: Post) -> PageResult:
    at = BEGAN + timedelta(days=post.day, seconds=post.number)
    capture = Capture(
        post.url,
        at,
        410 if post.gone else 200,
        "text/html",
        post.digest or f"sha1:{post.number:026}{post.day:06.1f}",
        "warc/a.warc.gz",
        post.number * 1000,
        900,
    )
    if post.gone:
        page = DiscoveredURL(post.url, DiscoverySource.LINK, PageKind.POST)
        return PageResult(
            post.url, post.url, at, Outcome.GONE, PageKind.POST, status=410, capture=capture, targets=(page,)
        )
    published = datetime.fromisoformat(post.published or f"2024-03-{1 + post.number % 28:02}T09:00:00+01:00")
    article = Article(
        post.url,
        post.title or f"Day {post.number}",
        post.text,
        post.authors,
        published,
        "second",
        tags=post.tags,
        geotags=post.geotags,
        language=post.language,
        description=post.description,
        markup=post.markup,
        access=post.access,
        evidence=tuple(Evidence(ORGANIZATIONS, name, "json-ld", "author @type", 0.9) for name in post.organizations),
    )
    return PageResult(
        post.url,
        post.url,
        at,
        Outcome.ARCHIVED,
        PageKind.POST,
        status=200,
        capture=capture,
        article=article,
        usage_statements=post.rights,
    )


NEAR = "\n\nA line that this copy alone has, and some more words of its own."
LIGHT = GeoTag(50.1, -5.5, "Lighthouse", "GB-CON", "content", "geo.position", 0.1)
CC_BY = UsageStatement("link", "license", "https://creativecommons.org/licenses/by/4.0/")
POSTS: tuple[Post, ...] = (
    Post(1, rights=(CC_BY,), geotags=(LIGHT,), description="What the keeper did."),
    Post(2, rights=(CC_BY,), authors=("Zoë Krüger", "Ada Berg"), published="2023-12-24T18:00:00+00:00"),
    Post(3, rights=(CC_BY, UsageStatement("header", "robots", "noarchive")), description=text(3)[:150]),
    Post(4, rights=(UsageStatement("file", "tdm-reservation", "1"),), title=text(4).split(".")[0], geotags=(LIGHT,)),
    Post(5, title=text(5).split(".")[0], description=text(5)[20:150]),
    Post(6, body=text(1) + NEAR, site="https://notes.example/blog/"),
    Post(7, body=text(2), site="https://notes.example/blog/"),
    Post(
        8,
        body="深度学习笔记今天我们学习机器学习的基础知识模型使用技术。" * 4,
        title="今天我们学习机器学习的基础知识",
        language="zh-Hans",
        site="https://notes.example/blog/",
    ),
    Post(1, day=3, rights=(CC_BY,), geotags=(LIGHT,), title="Day 1, corrected", body=text(1) + "\n\nCorrected since."),
    Post(5, day=4, title="Another headline", body=text(50)),
    Post(9, day=5, rights=(CC_BY,)),
    Post(2, day=6, gone=True),
)
FREE = '[[rule]]\nsite = "*"\ntier = "full"\n'
"""Rules that permit every text, unless its page forbids it."""


def publish(archive: Path | Sequence[Path], *args: str) -> Result:
    """Run `archiver publish` in this process."""
    archives = [archive] if isinstance(archive, Path) else archive
    return Runner().invoke(cli, ["publish", *args, *(w for one in archives for w in ("--archive", str(one)))])


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    found = next(t for t in TABLES if t.name == table)
    whole = folder / "data" / f"{found.name}.parquet"
    files = [whole] if whole.exists() else sorted((folder / "data" / found.name).glob("*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


_URL = re.compile(r"https?:[^\s\"'<>]+")


def all_words(folder: Path) -> str:
    """Return all values of the tables and all texts of the files in a folder, one per line, without URLs."""
    out = []
    for name, data in contents(folder).items():
        if name.endswith(".parquet"):
            out += [
                str(v)
                for row in pq.ParquetFile(folder / name).read().to_pylist()
                for value in row.values()
                for v in (value if isinstance(value, list) else [value])
            ]
            # Parquet also stores statistics and dictionaries.
            data = str(pq.ParquetFile(folder / name).metadata.to_dict()).encode()
        out.append((gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8", "replace"))
    return "\n".join(_URL.sub(" ", one) for one in out)


def leaked(body: str, output: str, excerpt: str | None = None) -> list[str]:
    """Return the passages (eight words) of a text that occur in the output, without those of its excerpt."""
    plain, allowed = f" {' '.join(words_of_text(output))} ", {*runs(words_of_text(excerpt or ""))}
    return [run for run in runs(words_of_text(body)) if run not in allowed and f" {run} " in plain]


def edited(post: Post, **changes: Any) -> Post:
    return replace(post, **changes)
