"""An archive with one site and one run, and a post to store in it: for tests of the article tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from archiver.model.items import Article
from archiver.storage.articles import Observation, Stored, store_article
from archiver.storage.database import open_archive

SITE = "low.example"
AT = datetime(2024, 5, 1, tzinfo=UTC)
TEXT = "A text of some length, so that it can be told from any other text there is. " * 3
POST = Article(
    url=f"https://{SITE}/a/",
    title="A post",
    body=TEXT,
    authors=("Nora Lindqvist",),
    published=AT,
    published_precision="second",
    categories=("Coast",),
)


@contextmanager
def archive_of_one_site(folder: Path, host: str = SITE) -> Iterator[Database]:
    """Create an archive in the folder with the site `host` (ID 1) and a run of it (ID 1) that began at `AT`."""
    db = open_archive(folder / "a.db", create=True)
    db.table("sites").insert(
        {
            "id": 1,
            "name": host,
            "start_url": f"https://{host}/",
            "host": host,
            "path": "/",
            "settings": "{}",
            "added_at": AT.isoformat(),
        }
    )
    db.table("runs").insert({"id": 1, "site_id": 1, "mode": "full", "started_at": AT.isoformat()})
    yield db
    db.close()


def store(db: Database, article: Article, extractor: str | None, old: Sequence[Article] = (), days: int = 0) -> Stored:
    """Store the article as observed `days` days after `AT`; `old` are the re-extractions of its previous capture."""
    article = replace(article, read_by=(extractor or "").partition(" ")[2])
    with db.atomic():
        return store_article(
            db,
            SITE,
            article,
            Observation(AT + timedelta(days=days), AT, run_id=1, extractor=extractor),
            reread=lambda row: old,
        )
