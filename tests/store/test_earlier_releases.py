"""Archives as earlier releases wrote them (tests/store/archives, made by keep_release.py) are read, and brought up to
date, without a loss."""

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
from archiver.commands.main import cli
from archiver.store.checks.run import verify
from archiver.store.connect import open_archive
from archiver.store.migrations import migrations

KEPT = sorted((Path(__file__).parent / "archives").glob("*.tar.xz"))
_WORDS = ("soup", "the", "lighthouse OR bridge")


@pytest.fixture(params=KEPT, ids=lambda path: path.name.partition(".")[0])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(request.param) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / "archive.db"


READ = (("sites", "rules", "{name}"), ("sites", "show", "{name}"), ("why", "{start_url}"))


def read(archive: Path) -> None:
    """Commands that only read do so, whatever tables later releases have added."""
    before = archive.read_bytes()
    with closing(sqlite3.connect(archive)) as db:
        name, start_url = db.execute("select name, start_url from sites").fetchone()
    for words in READ:
        command = [word.format(name=name, start_url=start_url) for word in words]
        run = CliRunner().invoke(cli, [*command, "--archive", str(archive)])
        assert (run.exit_code, run.exception) == (0, None), (command, run.output)
    assert archive.read_bytes() == before


def said(archive: Path) -> dict[str, Any]:
    """What today's program says of an archive, without writing to it."""
    with Archive(archive) as opened:
        ids = [record["id"] for record in opened.articles()]
        versions = {number: [v["revision"] for v in opened.revisions(number)] for number in ids}
        return {
            "records": list(opened.articles()),
            "versions": {number: opened.revisions(number) for number in ids},
            "texts": [opened.article(number, n) for number in ids for n in versions[number]],
            "evidence": [opened.explain(number) for number in ids],
            "headlines": opened.headlines(),
            "found": {words: sorted(hit["id"] for hit in opened.search(words, limit=100)) for words in _WORDS},
            "edits": [CliRunner().invoke(cli, ["diff", str(number), "--json", "--archive", str(archive)]).stdout
                      for number in ids if len(versions[number]) > 1],
        }


def test_an_archive_of_an_earlier_release_says_what_it_said(archive: Path) -> None:
    told = [json.loads(line) for line in archive.with_name("records.jsonl").read_text(encoding="utf-8").splitlines()]
    with closing(sqlite3.connect(archive)) as db:
        contents = [json.loads(row[0]) for row in db.execute(
            "select content from revisions order by article_id, revision")]
    read(archive)
    before = said(archive)
    by_id = {record["id"]: record for record in before["records"]}
    assert len(told) == len(by_id) > 20
    assert len(contents) > len(told)
    assert before["edits"]
    for record in told:
        now = by_id[record["id"]]
        places = [{name: place[name] for name in then} for place, then in
                  zip(now["geotags"], record["geotags"], strict=True)]  # 0.1.0 had no precision of positions at first
        assert {**{name: now[name] for name in record}, "geotags": places} == record
    for then, content in zip(before["texts"], contents, strict=True):
        for name in {"title", "body", "tags"} & set(content):  # what stands is in the records
            assert then[name] == content[name]
    assert len(before["found"]["the"]) > 5
    assert all(before["evidence"])

    db = open_archive(archive)
    assert not migrations.pending(db)
    db.close()
    after = said(archive)
    for name in before:
        assert after[name] == before[name], name
    assert [finding.sentence for finding in verify(archive).findings] == []


def test_they_are_there() -> None:
    assert len(KEPT) > 5
