"""A small archive with one example of everything that readers can meet, written row by row into a real SQLite file."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.model.urls import urlkey
from archiver.storage.database import open_archive
from tests.article_columns import CONTENT_COLUMNS

NOW = "2024-06-01T12:00:00.000000+00:00"
EARLIER = "2024-05-01T12:00:00.000000+00:00"
_LINKS = (
    ("authors", "article_authors", "author_id"),
    ("categories", "article_categories", "category_id"),
    ("tags", "article_tags", "tag_id"),
)
PARIS = {
    "latitude": 48.8566,
    "longitude": 2.3522,
    "placename": "Paris",
    "region": "FR-75",
    "role": "content",
    "source": "geo.position",
}
FIJI = {
    "latitude": -16.8,
    "longitude": -179.9,
    "placename": "Taveuni",
    "region": "FJ",
    "role": "dateline",
    "source": "ICBM",
}

ARTICLES: tuple[dict[str, Any], ...] = (
    {
        "url": "https://harbour.example/2024/03/tide-tables",
        "title": "Tide tables for the café quay",
        "body": "The harbour master printed new tide tables.\n\nO'Brien of AT&T said that C++ had computed them.",
        "authors": ["Zoë Krüger"],
        "published": "2024-03-05T09:30:00+01:00",
        "published_precision": "minute",
        "categories": ["Harbour"],
        "tags": ["tides", "maths"],
        "geotags": [PARIS],
        "language": "en",
        "revision": 2,
        "description": "Tables, newly printed.",
    },
    {
        "url": "https://harbour.example/2024/04/fog",
        "title": "Fog",
        "body": "Fog lay on the quay for three days. The tide came and went unseen.",
        "authors": ["Ada Berg", "Zoë Krüger"],
        "published": "2024-04-11T00:00:00+02:00",
        "published_precision": "day",
        "categories": ["Weather"],
        "tags": ["fog"],
        "geotags": [FIJI],
        "language": "en-GB",
    },
    {
        "url": "https://harbour.example/2023/12/light",
        "title": "The lighthouse is dark",
        "body": "Nobody lit the lamp, and the lamp stayed dark. A keeper is sought.",
        "authors": ["Lê Đức"],
        "published": "2023-12-24T18:00:00+00:00",
        "published_precision": "hour",
        "categories": ["Harbour"],
        "tags": [],
        "language": "en",
        "gone_at": NOW,
    },
    {
        "url": "https://harbour.example/2024/05/light-again",
        "title": "The lighthouse is dark, once more",
        "body": "Nobody lit the lamp, and the lamp stayed dark. A keeper is sought.",
        "authors": ["Lê Đức"],
        "published": "2024-05-02T18:00:00+00:00",
        "published_precision": "second",
        "categories": ["Harbour"],
        "tags": [],
        "language": "en",
        "duplicate_of": 3,
    },
    {
        "url": "https://notes.example/blog/shendu",
        "site": "notes.example/blog",
        "title": "深度学习笔记",
        "body": "我们今天学习机器学习的基础知识。模型使用GPT技术。",
        "authors": ["王小明"],
        "published": "2022-01-01T00:00:00+08:00",
        "published_precision": "year",
        "categories": ["技术"],
        "tags": [],
        "language": "zh-Hans",
    },
    {
        "url": "https://notes.example/blog/untimely",
        "site": "notes.example/blog",
        "title": 'Untimely \x1b[31m"quoted"',
        "body": "A post without date or author. 서울에서 쓴 글. 100% 🎉",
        "authors": [],
        "categories": [],
        "tags": [],
        "credits": ["dpa", "Reuters"],
        "access": "paid",
    },
)


def make_archive(path: Path) -> Path:
    """Create the archive: six articles on two sites, two revisions of the first, and pages with every outcome."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_made(), path)
    return path


@cache
def _made() -> Path:
    """Return the archive that all others are copied from. It is created once per test process."""
    folder = tempfile.TemporaryDirectory(prefix="archive-")
    atexit.register(folder.cleanup)
    path = Path(folder.name, "archive.db")
    db = open_archive(path, create=True)
    with db.atomic():
        _sites(db)
        for number, article in enumerate(ARTICLES, start=1):
            _article(db, number, article)
        _revisions(db)
        _pages(db)
    db.close()
    return path


def _sites(db: Database) -> None:
    db["sites"].insert_all(
        [
            {
                "id": 1,
                "name": "harbour.example",
                "start_url": "https://harbour.example/",
                "host": "harbour.example",
                "path": "/",
                "platform": "wordpress",
                "settings": '{"delay": 2.0}',
                "added_at": EARLIER,
            },
            {
                "id": 2,
                "name": "notes.example/blog",
                "start_url": "https://notes.example/blog/",
                "host": "notes.example",
                "path": "/blog/",
                "platform": "hexo",
                "settings": "{}",
                "added_at": EARLIER,
            },
            {
                "id": 3,
                "name": "quiet.example",
                "start_url": "https://quiet.example/",
                "host": "quiet.example",
                "path": "/",
                "platform": None,
                "settings": "{}",
                "added_at": NOW,
            },
        ]
    )
    counts = {
        "requests": 9,
        "bytes": 40_000,
        "found": 8,
        "fetched": 6,
        "new": 4,
        "revised": 0,
        "unchanged": 0,
        "aliased": 1,
        "duplicate": 1,
        "gone": 0,
        "refused": 1,
        "failed": 1,
    }
    db["runs"].insert_all(
        [
            {
                "id": 1,
                "site_id": 1,
                "mode": "full",
                "started_at": EARLIER,
                "finished_at": "2024-05-01T12:01:20+00:00",
                "outcome": "finished",
                "reason": "",
                "version": "0.1.0",
                **counts,
            },
            {
                "id": 2,
                "site_id": 1,
                "mode": "incremental",
                "started_at": NOW,
                "finished_at": "2024-06-01T12:00:09+00:00",
                "outcome": "interrupted",
                "reason": "stopped by Ctrl-C",
                "version": "0.1.0",
                **counts,
                "new": 0,
                "revised": 1,
            },
            {
                "id": 3,
                "site_id": 2,
                "mode": "full",
                "started_at": NOW,
                "finished_at": "2024-06-01T12:00:02+00:00",
                "outcome": "finished",
                "reason": "",
                "version": "0.1.0",
                **counts,
                "refused": 0,
                "failed": 0,
                "new": 2,
            },
        ]
    )


def _article(db: Database, number: int, given: dict[str, Any]) -> None:
    article = {"site": "harbour.example", "revision": 1, **given}
    key = urlkey(article["url"])
    db["captures"].insert(
        {
            "id": number,
            "run_id": 1,
            "url": article["url"],
            "captured_at": EARLIER,
            "status": 200,
            "media_type": "text/html",
            "digest": f"sha1:{'A' * 31}{number}",
            "warc_file": "warc/harbour-1.warc.gz",
            "warc_offset": 1000 * number,
            "warc_length": 900,
            "record_type": "response",
        }
    )
    row = {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in article.items()}
    db["articles"].insert(
        {
            "geotags": "[]",
            "credits": "[]",
            **row,
            "id": number,
            "first_seen": EARLIER,
            "last_seen": NOW,
            "urlkey": key,
            "canonical_url": article["url"],
            "capture_id": number,
            "content_digest": f"d{article.get('duplicate_of', number)}",
        }
    )
    aliases = [("redirect", "https://harbour.example/?p=7"), ("moved", "https://harbour.example/2024/03/tides")]
    for kind, url in aliases if number == 1 else ():
        db["aliases"].insert(
            {"urlkey": urlkey(url), "url": url, "article_id": number, "kind": kind, "first_seen": EARLIER}
        )
    for table, link, column in _LINKS:
        for position, name in enumerate(article[table]):
            db[table].insert({"name": name, "slug": name}, ignore=True)
            pk = db.execute(f"select id from {table} where name = ?", [name]).fetchone()[0]
            db[link].insert({"article_id": number, column: pk, "position": position})
    db["geotags"].insert_all([{"article_id": number, **tag} for tag in article.get("geotags", [])])
    _revision(db, number, article["revision"], article, [], number)


def _revision(
    db: Database, number: int, revision: int, article: dict[str, Any], changed: list[str], capture_id: int
) -> None:
    article = {"canonical_url": article["url"], **article}
    content = {column: article.get(column) for column in CONTENT_COLUMNS}
    db["revisions"].insert(
        {
            "article_id": number,
            "revision": revision,
            "observed_at": EARLIER if revision == 1 else NOW,
            "run_id": 1,
            "capture_id": capture_id,
            "changed": json.dumps(changed),
            "title": article["title"],
            "content": json.dumps(content, ensure_ascii=False),
            "meaning_digest": f"m{number}.{revision}",
        }
    )


def _revisions(db: Database) -> None:
    first = {
        **ARTICLES[0],
        "title": "Tide tables",
        "body": "The harbour master printed new tide tables.",
        "tags": ["tides"],
    }
    _revision(db, 1, 1, first, [], 1)
    db.execute("update revisions set changed = ? where article_id = 1 and revision = 2", ['["title", "body", "tags"]'])


def _pages(db: Database) -> None:
    def page(site: int, url: str, outcome: str, sources: str, kind: str = "post", **more: Any) -> None:
        pk = (
            db["pages"]
            .insert(
                {
                    "site_id": site,
                    "url": url,
                    "urlkey": urlkey(url),
                    "kind": kind,
                    "outcome": outcome,
                    "reason": "",
                    "rule": "",
                    "found_at": EARLIER,
                    "fetched_at": None if outcome == "due" else NOW,
                    "due_at": NOW,
                    **more,
                }
            )
            .last_pk
        )
        for source in sources.split():
            db["page_discoveries"].insert(
                {
                    "page_id": pk,
                    "source": source,
                    "found_on": f"https://harbour.example/{source}",
                    "first_seen": EARLIER,
                    "last_seen": NOW,
                }
            )

    for number, article in enumerate(ARTICLES, start=1):
        page(
            1 if number < 5 else 2,
            article["url"],
            "gone" if number == 3 else "duplicate" if number == 4 else "archived",
            "feed sitemap" if number < 3 else "sitemap",
            article_id=number,
            capture_id=number,
            status=404 if number == 3 else 200,
            rule="og:type article",
        )
    db["source_hints"].insert({"page_id": 1, "hint": '{"title": "Tide tables"}', "digests": '{"feed": "x"}'})
    base = "https://harbour.example"
    page(1, f"{base}/2024/05/broken", "failed", "sitemap api", status=503, reason="HTTP 503", attempts=2)
    page(1, f"{base}/2024/05/new", "due", "feed")
    page(1, f"{base}/private", "refused", "link", status=None, reason="robots.txt forbids it", rule="robots.txt")
    page(1, f"{base}/about", "not-article", "link", kind="page", status=200, rule="no date, no author")
    page(1, f"{base}/feed", "archived", "seed", kind="feed", status=200)
