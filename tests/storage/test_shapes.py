"""Invalid values written by another program: all other values are still read, shown and exported."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver import __version__
from archiver.health.health_report import format_metrics, judge_all
from archiver.search.citations import CITATION_STYLES, build_citation
from archiver.search.export_formats import EXPORT_FORMATS
from archiver.sites.config import effective_settings
from archiver.storage.article_records import records, revision_record, revisions
from archiver.storage.completeness import site_completeness
from archiver.storage.database import open_archive
from archiver.storage.sites import list_sites
from tests.archive_fixture import make_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_archive(tmp_path_factory.mktemp("shapes") / "small.db")


@pytest.fixture
def db(archive: Path) -> Iterator[Database]:
    """Open the archive, and roll back what the test writes."""
    db = open_archive(archive)
    db.execute("begin")
    yield db
    db.conn.rollback()
    db.close()


@pytest.mark.parametrize(
    ("column", "value", "read"),
    [
        ("authors", "Ada", []),
        ("authors", '{"a": 1}', []),
        ("authors", '[1, null, "Ada", {"b": 2}]', ["Ada"]),
        ("tags", 7, []),
        ("credits", "[", []),
        ("title", b"Fog \xff", "Fog \ufffd"),
        ("published", "2024-13-45", None),
        ("published", "2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
        ("modified", b"x", None),
        ("cluster_id", "x", None),
        ("geotags", "x", []),
        (
            "geotags",
            '["x", {"latitude": "x", "longitude": 1, "placename": 5}]',
            [
                {
                    "latitude": None,
                    "longitude": 1,
                    "placename": "5",
                    "region": None,
                    "role": None,
                    "source": None,
                    "precision": None,
                }
            ],
        ),
    ],
)
def test_an_invalid_value_is_empty_and_all_others_are_exported(
    db: Database, column: str, value: object, read: object
) -> None:
    db.execute(f"update articles set {column} = ? where id = 1", [value])
    found = list(records(db))
    assert len(found) == 6
    assert found[0][column] == read
    for name in ("jsonl", "csv", "geojson", "parquet"):
        EXPORT_FORMATS[name].write(records(db), io.BytesIO())
    for style in CITATION_STYLES.values():
        assert style([build_citation(one) for one in found])


def test_an_invalid_capture_time_is_empty_in_a_citation(db: Database) -> None:
    db.execute("update captures set captured_at = 'yesterday'")
    (one,) = records(db, [1])
    assert one["capture"]["captured_at"] is None
    assert one["capture"]["digest"]
    assert "sha" in build_citation(one).note


def test_a_damaged_revision_is_read_as_far_as_possible(db: Database) -> None:
    db.execute("update revisions set changed = 'x', previous = 'x', content = '[' where article_id = 1")
    assert next((one["changed"], one["previous"]) for one in revisions(db, 1)) == ([], None)
    assert revision_record(db, 1, 1)["id"] == 1


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("sites", "settings", "x"),
        ("sites", "settings", "[]"),
        ("sites", "quiet_until", "x"),
        ("sites", "untrusted", "x"),
        ("runs", "started_at", "x"),
        ("runs", "started_at", "2024-05-01"),
        ("runs", "statistics", "x"),
        ("runs", "statistics", "[1]"),
    ],
)
def test_an_invalid_value_of_a_site_hides_no_other_site(db: Database, table: str, column: str, value: str) -> None:
    db.execute(f"update {table} set {column} = ? where id = 1", [value])
    sites = list_sites(db)
    found = judge_all(db, Path("archive.db").absolute(), None, datetime.now(UTC), effective_settings(db))
    exposition = format_metrics(db, found, __version__)
    if column == "settings":  # the invalid settings may have excluded the site from crawls
        assert effective_settings(db)({"id": 1, column: value})["crawl"] is False is sites[0][column]["crawl"]
    assert all(f'"{site["name"]}"' in exposition for site in sites)
    assert json.dumps(found.as_json())
    assert [site_completeness(db, site)["site"] for site in sites] == [site["name"] for site in sites]
