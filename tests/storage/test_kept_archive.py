"""Archives of earlier versions (tests/storage/archives, from keep_archive.py) are read and migrated without loss."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archiver.archive import Archive
from archiver.cli.main import cli
from archiver.maintenance.verification import verify
from archiver.storage.database import open_archive
from archiver.storage.schema import migrations
from tests.runner import Runner, fault
from tests.storage.later_step import NAME, NEW_COLUMN, NEW_VIEW, add_step
from tests.storage.test_connect import without_write_access

KEPT = sorted((Path(__file__).parent / "archives").glob("*.tar.xz"))
WORDS = ("soup", "the", "lighthouse OR bridge")
READ = (
    ("sites", "rules", "{name}"),
    ("sites", "show", "{name}"),
    ("sites", "list"),
    ("status", "--missing"),
    ("why", "{start_url}"),
    ("search", "soup"),
    ("show", "1"),
    ("search", "--saved"),
)


@pytest.fixture(params=KEPT, ids=lambda path: path.name.partition(".")[0])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(request.param) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / "archive.db"


def test_an_archive_of_an_earlier_version_exists() -> None:
    assert KEPT


def test_the_records_equal_the_export_of_the_earlier_version(archive: Path) -> None:
    exported = [
        json.loads(line) for line in archive.with_name("records.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    open_archive(archive).close()  # a step that adds a column must be applied before the archive can be read
    now = {record["id"]: record for record in export_of(archive)["records"]}
    assert len(exported) == len(now) > 20
    for record in exported:
        assert {name: now[record["id"]][name] for name in record} == record


def test_the_migrated_archive_has_its_revisions_evidence_and_words(archive: Path) -> None:
    db = open_archive(archive)
    assert not migrations().pending(db)
    db.close()
    after = export_of(archive)
    assert len(after["found"]["the"]) > 5
    assert after["edits"]
    assert all(after["evidence"])


def test_the_migrated_schema_equals_that_of_a_new_archive(archive: Path) -> None:
    open_archive(archive).close()
    assert [finding.sentence for finding in verify(archive).findings] == []


@pytest.mark.parametrize("words", READ, ids=lambda words: " ".join(words[:2]))
def test_reading_an_archive_of_an_earlier_version_does_not_write(
    archive: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_step(monkeypatch)
    before = archive.read_bytes()
    with closing(sqlite3.connect(archive)) as db:
        name, start_url = db.execute("select name, start_url from sites").fetchone()
    command = [word.format(name=name, start_url=start_url) for word in words]
    run = CliRunner().invoke(cli, [*command, "--archive", str(archive)])
    assert run.exception is None or isinstance(run.exception, SystemExit), run.output
    assert run.exit_code in (0, 1)
    assert archive.read_bytes() == before


@pytest.mark.parametrize("change", [NEW_COLUMN, NEW_VIEW])
@pytest.mark.parametrize("words", [("show", "1"), ("search", "soup"), ("status",), ("verify",)], ids=lambda w: w[0])
def test_an_archive_without_a_new_column_or_view_is_refused_until_it_is_migrated(
    archive: Path, words: tuple[str, ...], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_step(monkeypatch, change)
    before = archive.read_bytes()
    refused = Runner().invoke(cli, [*words, "--archive", str(archive)])
    assert (refused.exit_code, fault(refused)) == (1, f"ArchiveTooOld {archive}")
    assert f"archiver index --archive {archive}" in refused.stderr
    assert archive.read_bytes() == before
    assert CliRunner().invoke(cli, ["index", "--archive", str(archive)]).exit_code == 0
    assert CliRunner().invoke(cli, [*words, "--archive", str(archive)]).exit_code == 0


def test_an_archive_of_an_earlier_version_in_a_read_only_folder_is_copied_and_migrated(
    archive: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_step(monkeypatch, NEW_COLUMN)
    copy = tmp_path_factory.mktemp("copy") / "archive.db"
    copy.parent.chmod(0o777)
    copy.parent.parent.chmod(0o755)
    with without_write_access(archive.parent):
        refused = Runner().invoke(cli, ["show", "1", "--archive", str(archive)])
        assert fault(refused) == f"ArchiveTooOld {archive}"
        assert "archiver backup COPY" in refused.stderr
        assert CliRunner().invoke(cli, ["backup", str(copy), "--archive", str(archive)]).exit_code == 0
    assert CliRunner().invoke(cli, ["index", "--archive", str(copy)]).exit_code == 0
    assert CliRunner().invoke(cli, ["show", "1", "--archive", str(copy)]).exit_code == 0


def test_a_later_migration_loses_nothing(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_archive(archive).close()
    before = export_of(archive)
    add_step(monkeypatch, NEW_COLUMN)
    db = open_archive(archive)
    assert [step.name for step in migrations().applied(db)][-1] == NAME
    assert db.table("later").exists()
    db.close()
    assert export_of(archive) == before


def export_of(archive: Path) -> dict[str, Any]:
    """Return what today's program exports from an archive, without writing to it."""
    with Archive(archive) as opened:
        ids = [record["id"] for record in opened.articles()]
        versions = {number: [v["revision"] for v in opened.revisions(number)] for number in ids}
        return {
            "records": list(opened.articles()),
            "versions": {number: opened.revisions(number) for number in ids},
            "texts": [opened.article(number, n) for number in ids for n in versions[number]],
            "evidence": [opened.explain(number) for number in ids],
            "headlines": opened.headlines(),
            "found": {words: sorted(hit["id"] for hit in opened.search(words, limit=100)) for words in WORDS},
            "edits": [
                CliRunner().invoke(cli, ["diff", str(number), "--json", "--archive", str(archive)]).stdout
                for number in ids
                if len(versions[number]) > 1
            ],
        }
