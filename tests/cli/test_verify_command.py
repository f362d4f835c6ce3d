"""`archiver verify` on the command line."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archiver.cli.main import cli
from tests.proved_archive import make


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path)


def verify(archive: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["verify", *words, "--archive", str(archive)])


def change(archive: Path, statement: str) -> None:
    with closing(sqlite3.connect(archive)) as db:
        db.execute(statement)
        db.commit()


def test_a_valid_archive_has_no_findings(archive: Path) -> None:
    done = verify(archive)
    assert (done.exit_code, re.findall(r"\d+", done.output)) == (0, ["9", "61", "4"])
    found = json.loads(verify(archive, "--json").stdout)
    assert (found["articles"], found["records"], found["files"], found["findings"]) == (9, 61, 4, [])


def test_a_finding_is_printed_with_its_remedy(archive: Path) -> None:
    change(archive, "update articles set body = 'Other.' where id = 7")
    done = verify(archive)
    assert done.exit_code == 1
    [finding] = json.loads(verify(archive, "--json").stdout)["findings"]
    assert (finding["kind"], finding["subject"]) == ("article-altered", "article 7")
    assert "https://quay.example/7" in finding["sentence"]
    assert "'archiver show 7 --revision 1'" in finding["remedy"]
    assert all(" ".join(finding[part].split()) in " ".join(done.stdout.split()) for part in ("sentence", "remedy"))


def test_only_the_named_articles_are_verified(archive: Path) -> None:
    change(archive, "update articles set body = 'Other.' where id = 7")
    next((archive.parent / "warc").glob("quay-example-20240501*.warc.gz")).unlink()
    assert verify(archive, "hill.example").exit_code == 0
    done = verify(archive, "https://quay.example/5", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [f["kind"] for f in found["findings"]] == ["file-missing"]
    assert "article 5" in found["findings"][0]["sentence"]
    assert verify(archive, "nobody.example").exit_code == 1


def test_quick_reads_no_warc_file(archive: Path) -> None:
    next((archive.parent / "warc").glob("*.warc.gz")).unlink()
    assert verify(archive, "--quick").exit_code == 0
    assert verify(archive).exit_code == 1


def test_repairs_are_listed(archive: Path) -> None:
    change(archive, "drop trigger articles_clusters_ad")
    assert verify(archive).exit_code == 1
    done = verify(archive, "--repair", "--json")
    assert done.exit_code == 0, done.output
    assert any("articles_clusters_ad" in repaired for repaired in json.loads(done.stdout)["repaired"])
    assert verify(archive, "--repair", "hill.example").exit_code == 2


def test_a_deleted_option_names_the_new_way(archive: Path) -> None:
    done = verify(archive, "--reread")
    assert done.exit_code == 2
    assert "archiver reextract --dry-run" in done.stderr


def test_a_file_that_is_not_an_archive_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all, but long enough to be read as one" * 50)
    done = verify(tmp_path / "x.db")
    assert done.exit_code == 1
    assert done.output.count("\n") == 1
