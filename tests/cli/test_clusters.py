"""Near-duplicates in `show`, `search` and `export`, and `archiver index --clusters`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlite_utils import Database

from archiver.cli.main import cli
from archiver.model.items import Article
from archiver.storage.articles import Observation, store_article
from archiver.storage.database import open_archive
from tests.runner import Runner

AT = datetime(2024, 5, 1, 9, tzinfo=UTC)
COLOURS = ("red", "white", "blue", "green", "yellow", "grey", "black", "brown", "silver", "golden")
STORY = " ".join(
    f"On day {n} the harbour master counted the {w} boats and noted the tide at {n} past {w}."
    for n, w in enumerate(COLOURS, 11)
)
INTRO = "Our reporter writes from the quay that this is what the agency said about it earlier today, as far as we know."
POSTS = (("agency.example", STORY, 0), ("daily.example", f"{INTRO}\n\n{STORY}", 1), ("other.example", STORY[::-1], 2))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An agency story, a copy of it with another introduction, and an unrelated post."""
    path = tmp_path / "a.db"
    db = open_archive(path, create=True)
    for number, (site, body, days) in enumerate(POSTS, 1):
        db.table("sites").insert(
            {
                "id": number,
                "name": site,
                "start_url": f"https://{site}/",
                "host": site,
                "path": "/",
                "settings": "{}",
                "added_at": AT.isoformat(),
            }
        )
        db.table("runs").insert({"id": number, "site_id": number, "mode": "full", "started_at": AT.isoformat()})
        with db.atomic():
            store_article(
                db,
                site,
                Article(
                    url=f"https://{site}/boats",
                    title=f"Boats of {site}",
                    body=body,
                    published=AT + timedelta(days=days),
                    published_precision="minute",
                ),
                Observation(AT + timedelta(days=9), AT, run_id=number),
            )
    db.close()
    return path


def run(archive: Path, *args: str) -> Result:
    return Runner().invoke(cli, [*args, "--archive", str(archive)])


def test_show_search_and_export_include_the_cluster(archive: Path) -> None:
    copy, source, lone = (run(archive, "show", number).stdout for number in "213")
    assert copy.count("https://agency.example/boats") == 2, (
        "the article that it is a copy of, and the source of the cluster"
    )
    assert "2 (daily.example, 9" in source
    assert "cluster" not in lone
    assert [json.loads(line)["cluster_id"] for line in run(archive, "export").stdout.splitlines()] == [1, 1, None]
    assert {hit["id"]: hit["cluster_id"] for hit in json.loads(run(archive, "search", "boats", "--json").stdout)} == {
        1: 1,
        2: 1,
        3: None,
    }


def test_all_articles_are_compared_again(archive: Path) -> None:
    db = Database(archive)
    for table in ("near_duplicates", "lsh_bands", "minhash_signatures", "clusters"):
        db.execute(f"delete from {table}")
    db.execute("update articles set cluster_id = null")
    db.close()
    assert run(archive, "index", "--clusters", "--json").exit_code == 0
    found = [json.loads(line)["cluster_id"] for line in run(archive, "export").stdout.splitlines()]
    assert found[0] == found[1] is not None
    assert found[2] is None
