"""Writes an archive of generated articles directly into its tables. Word frequencies follow Zipf's law. Some articles
were edited since, and some are gone.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver import __version__
from archiver.model.fields import LINKS, STORED
from archiver.storage.database import open_archive

FREQUENT = "report"
"""A word that occurs in 14 % of the articles."""
NEIGHBOURS = ("harbour", "bridge")
"""Words that occur near each other in 2 % of the articles."""
CJK = "深度学习"
"""Occurs in half of the Chinese articles, which are 5 % of all."""
CITIES = tuple(
    (f"City {n}", random.Random(n).uniform(-55, 65), random.Random(-n - 1).uniform(-179, 179)) for n in range(500)
)
_WORDS = 50_000
_BATCH = 2_000
_SITES = 40
_EDITED, _GONE, _MOVED = 20, 150, 200
"""Each so-many-th article was edited, is gone, or has moved."""
_NOW = "2025-01-01T00:00:00.000000+00:00"
_COLUMNS = (*STORED, "urlkey")


def word(rank: int) -> str:
    """Return the word of a rank, from 0. Each rank has a different word."""
    out = ""
    rank += 26
    while rank:
        rank, letter = divmod(rank, 26)
        out += "aeiourstlnmdcpbgfhvkwyzjxq"[letter]
    return out + "a"


def articles(count: int) -> Iterator[dict[str, Any]]:
    """Yield `count` articles of 3 KB: a fifth has a place, 2 % duplicate an earlier one."""
    choice = random.Random(7)
    names = [word(n) for n in range(_WORDS)]
    weights = list(itertools.accumulate(1 / (n + 3) for n in range(_WORDS)))
    earlier: dict[str, Any] = {}
    for number in range(1, count + 1):
        tokens = choice.choices(names, cum_weights=weights, k=520)
        if choice.random() < 0.14:
            tokens[choice.randrange(500)] = FREQUENT
        if choice.random() < 0.02:
            tokens[100:104] = [NEIGHBOURS[0], tokens[0], tokens[1], NEIGHBOURS[1]]
        chinese = choice.random() < 0.05
        if chinese:
            tokens = [
                "".join(chr(0x4E00 + min(int(choice.expovariate(0.003)), 8000)) for _ in range(100)) for _ in range(10)
            ]
            tokens[3] += CJK * (choice.random() < 0.5)
        body = " ".join(tokens)
        place = CITIES[min(int(choice.expovariate(0.02)), 499)] if choice.random() < 0.2 else None
        copied = earlier if earlier and choice.random() < 0.02 else None
        row: dict[str, Any] = {
            "id": number,
            "site": f"site{number % _SITES}.example",
            "title": " ".join(choice.choices(tokens, k=6))[:120],
            "body": copied["body"] if copied else body,
            "duplicate_of": copied["id"] if copied else None,
            "authors": [f"Author {min(int(choice.expovariate(0.002)), 5000)}"],
            "published": f"{choice.randrange(2005, 2025)}-{choice.randrange(1, 13):02}-{choice.randrange(1, 29):02}",
            "categories": [f"Category {min(int(choice.expovariate(0.1)), 60)}"],
            "tags": list({f"Tag {min(int(choice.expovariate(0.0002)), 60_000)}" for _ in range(3)}),
            "geotags": [
                {
                    "latitude": place[1],
                    "longitude": place[2],
                    "placename": place[0],
                    "region": None,
                    "role": "content",
                    "source": "geo.position",
                }
            ]
            if place
            else [],
            "language": "zh" if chinese else "en",
            "credits": ["Agency"] if choice.random() < 0.1 else [],
        }
        if not copied and number % 50 == 1:
            earlier = row
        yield row


def write(file: Path, count: int) -> None:
    """Write an archive with `count` articles, their authors, categories, tags and places."""
    db = open_archive(file, create=True)
    _write_sites(db)
    known: dict[str, dict[str, int]] = {link.table: {} for link in LINKS}
    marks = ", ".join("?" * len(_COLUMNS))
    made = articles(count)
    while batch := list(itertools.islice(made, _BATCH)):
        with db.atomic():
            db.conn.executemany(f"insert into articles ({', '.join(_COLUMNS)}) values ({marks})", map(_row, batch))
            for link in LINKS:
                ids = known[link.table]
                new = dict.fromkeys(name for row in batch for name in row[link.table] if name not in ids)
                ids |= {name: len(ids) + place for place, name in enumerate(new, start=1)}
                db.conn.executemany(
                    f"insert into {link.table} (id, name, slug) values (?, ?, ?)",
                    ((ids[name], name, name) for name in new),
                )
                db.conn.executemany(
                    f"insert into {link.table_of_links} (article_id, {link.key}, position) values (?, ?, ?)",
                    ((row["id"], ids[name], place) for row in batch for place, name in enumerate(row[link.table])),
                )
            db.conn.executemany(
                "insert into geotags (article_id, latitude, longitude, placename, role, source) values "
                "(?, ?, ?, ?, 'content', 'geo.position')",
                (
                    (row["id"], tag["latitude"], tag["longitude"], tag["placename"])
                    for row in batch
                    for tag in row["geotags"]
                ),
            )
            _write_changes(db, batch)
    db.close()


def _write_sites(db: Database) -> None:
    """Write the sites, each with a run that finished."""
    with db.atomic():
        for number in range(_SITES):
            name = f"site{number}.example"
            db.execute(
                "insert into sites (id, name, start_url, host, path, added_at) values (?, ?, ?, ?, '/', ?)",
                [number + 1, name, f"https://{name}/", name, _NOW],
            )
            db.execute(
                "insert into runs (site_id, mode, started_at, finished_at, outcome, version, health) "
                "values (?, 'full', ?, ?, 'finished', ?, ?)",
                [number + 1, _NOW, _NOW, __version__, '{"findings": []}'],
            )


def _write_changes(db: Database, batch: list[dict[str, Any]]) -> None:
    """Write the earlier revisions of the articles of a batch that were edited, and the former URLs of those that have
    moved.
    """
    for row in batch:
        number = row["id"]
        seen = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00.000000+00:00"
        if number % _EDITED == 0:
            before = {
                "title": row["title"] if number % 3 else f"{word(number % 900)} {row['title']}",
                "body": row["body"].replace(" ", f" {word(number % 700)} ", 1),
            }
            db.conn.executemany(
                "insert into revisions (article_id, revision, observed_at, changed, title, content, previous) values "
                "(?, ?, ?, ?, ?, ?, ?)",
                (
                    (number, 1, _NOW, "[]", before["title"], json.dumps(before), None),
                    (number, 2, seen, json.dumps(["body"] if number % 3 else ["title", "body"]), row["title"], "{}", 1),
                ),
            )
        if number % _MOVED == 0:
            db.conn.executemany(
                "insert into aliases (urlkey, url, article_id, kind, first_seen) values (?, ?, ?, ?, ?)",
                (
                    (f"{_url(row)}/old", f"{_url(row)}/old", number, "moved", _NOW),
                    (_url(row), _url(row), number, "url", seen),
                ),
            )


def _url(row: dict[str, Any]) -> str:
    return f"https://{row['site']}/{row['id']}"


def _row(row: dict[str, Any]) -> list[Any]:
    url, number = _url(row), row["id"]
    whole: dict[str, Any] = dict.fromkeys(_COLUMNS) | {
        "url": url,
        "urlkey": url,
        "published_precision": "day",
        "description": None,
        "revision": 1 if number % _EDITED else 2,
        "gone_at": None if number % _GONE else f"2024-{number % 12 + 1:02}-11T09:00:00.000000+00:00",
        "first_seen": _NOW,
        "last_seen": _NOW,
        **row,
    }
    return [json.dumps(whole[name]) if isinstance(whole[name], list) else whole[name] for name in _COLUMNS]
