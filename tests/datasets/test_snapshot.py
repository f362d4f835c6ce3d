"""Snapshots: reproducible bytes, atomic replacement of the folder, and checks."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import resource
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest

from archiver.datasets import snapshot_tables
from archiver.datasets.dataset_metadata_files import DatasetFile
from archiver.datasets.snapshot_builder import write_descriptions
from archiver.model.errors import SnapshotRefused
from archiver.storage.database import open_archive
from tests.datasets.published import FREE, POSTS, Post, contents, make, publish, rows, text
from tests.runner import failure, fault

ROOT = Path(__file__).parents[2]
MISSING = ("https://harbour.example/lost", "https://harbour.example/lost-too")
ALL = ("--formats", "csv,jsonl,geojson", "--splits", "train=80,validation=10,test=10")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("archive") / "archive.db", POSTS, MISSING)


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("rules") / "rules.toml"
    file.write_text(FREE)
    return str(file)


@pytest.fixture(scope="module")
def built(archive: Path, free: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets") / "one"
    done = publish(archive, str(folder), "--version", "1.0.0", "--rules", free, *ALL)
    assert done.exit_code == 0, done.output
    return folder


def other_order() -> list[Post]:
    """Return the same posts in another order within each day."""
    days: dict[float, list[Post]] = {}
    for post in POSTS:
        days.setdefault(post.day, []).append(post)
    for number, posts in enumerate(days.values()):
        random.Random(number).shuffle(posts)
    return [post for day in sorted(days) for post in days[day]]


def test_builds_are_reproducible(built: Path, free: str, tmp_path: Path) -> None:
    other = make(tmp_path / "other" / "archive.db", other_order(), reversed(MISSING))
    code = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from archiver.cli.main import cli; cli(sys.argv[1:])"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "publish",
            str(tmp_path / "two"),
            "--version",
            "1.0.0",
            "--rules",
            free,
            *ALL,
            "--archive",
            str(other),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    one, two = contents(built), contents(tmp_path / "two")
    assert list(one) == list(two)
    assert [name for name in one if one[name] != two[name]] == []


def test_snapshot_has_the_archived_data(built: Path) -> None:
    articles = {row["url"]: row for row in rows(built, "articles")}
    first, gone = articles["https://harbour.example/1"], articles["https://harbour.example/2"]
    assert first["title"] == "Day 1, corrected"
    assert first["revision"] == 2
    assert first["body"].endswith("Corrected since.")
    assert gone["gone_at"].date() == date(2024, 5, 7)
    in_order = [(row["split"], row["site"], row["published"], row["id"]) for row in rows(built, "articles")]
    assert in_order == sorted(in_order)
    assert articles["https://notes.example/blog/7"]["duplicate_of"] == gone["id"]
    assert articles["https://notes.example/blog/6"]["cluster_id"] == first["cluster_id"] == first["id"]
    versions = [row for row in rows(built, "revisions") if row["id"] == first["id"]]
    assert [(row["revision"], row["title"], bool(row["body"])) for row in versions] == [
        (1, "Day 1", True),
        (2, "Day 1, corrected", False),
    ]
    assert len([row for row in rows(built, "captures") if row["id"] == first["id"]]) == 2
    assert [row["url"] for row in rows(built, "missing")] == sorted(MISSING)
    assert [(row["id"], row["placename"]) for row in rows(built, "places")] == [(first["id"], "Lighthouse")]
    [feature] = json.loads((built / "data" / "places.geojson").read_text())["features"]
    assert feature["id"] == first["id"]
    assert feature["geometry"]["coordinates"] == [-5.5, 50.1]


def test_authors_that_are_organizations_have_a_column(free: str, tmp_path: Path) -> None:
    archive = make(
        tmp_path / "archive" / "archive.db",
        [
            Post(1, authors=("Ada Berg", "Quay"), organizations=("Quay",)),
            Post(2, authors=("Ada Berg",)),
            Post(3, authors=("Ada Berg", "Reuters"), body=text(3)),
            Post(3, authors=("Quay",), body=text(4), day=2, organizations=("Quay",)),
        ],
    )
    for name, cut in (("now", ()), ("then", ("--cutoff", "2024-05-02"))):
        done = publish(archive, str(tmp_path / name), "--version", "1.0.0", "--rules", free, *cut)
        assert done.exit_code == 0, done.output
    found = {row["url"][-1]: row["author_organizations"] for row in rows(tmp_path / "now", "articles")}
    assert found == {"1": ["Quay"], "2": [], "3": ["Quay"]}
    before = {row["url"][-1]: row["author_organizations"] for row in rows(tmp_path / "then", "articles")}
    assert before["3"] == ["Reuters"], "an author of an older revision is judged by the name"


def test_earlier_cut_off_restores_the_earlier_state(archive: Path, free: str, tmp_path: Path) -> None:
    early = make(tmp_path / "early" / "archive.db", [post for post in POSTS if post.day < 3], MISSING)
    for name, source in (("then", early), ("now", archive)):
        done = publish(source, str(tmp_path / name), "--version", "1.0.0", "--rules", free, "--cutoff", "2024-05-03")
        assert done.exit_code == 0, done.output
    then, now = contents(tmp_path / "then"), contents(tmp_path / "now")
    assert [name for name in then if then[name] != now.get(name)] == []


def test_snapshot_is_rebuilt_from_its_rebuild_json(archive: Path, built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    for name, data in contents(built).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    before = contents(folder)
    (folder / "data" / "articles.parquet").write_bytes(b"PAR1")
    done = publish(archive, str(folder), "--rebuild")
    assert done.exit_code == 0, done.output
    assert contents(folder) == before


def test_query_and_options_select_articles(archive: Path, tmp_path: Path) -> None:
    done = publish(archive, str(tmp_path / "d"), "day", "--site", "notes.example/blog", "--version", "0.1.0")
    assert done.exit_code == 0, done.output
    assert {row["site"] for row in rows(tmp_path / "d", "articles")} == {"notes.example/blog"}
    assert json.loads((tmp_path / "d" / "rebuild.json").read_text())["request"]["query"] == {
        "text": "day",
        "site": ["notes.example/blog"],
    }


def test_splits_have_the_same_rows(archive: Path, built: Path, free: str, tmp_path: Path) -> None:
    done = publish(
        archive,
        str(tmp_path / "d"),
        "--version",
        "1.0.0",
        "--rules",
        free,
        "--splits",
        "train=80,validation=10,test=10",
    )
    assert done.exit_code == 0, done.output
    names = sorted(p.name for p in (tmp_path / "d/data/articles").iterdir())
    assert names == ["test.parquet", "train.parquet", "validation.parquet"]

    def without_split(folder: Path) -> list[str]:
        return sorted(str({**row, "split": None}) for row in rows(folder, "articles"))

    assert without_split(tmp_path / "d") == without_split(built)
    assert publish(archive, "--check", str(tmp_path / "d")).exit_code == 0


def test_partition_is_no_longer_an_option(archive: Path, tmp_path: Path) -> None:
    done = publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--partition", "year")
    assert done.exit_code == 2
    assert "one file for each split" in done.output


def test_check_reports_all_changes(archive: Path, built: Path, tmp_path: Path) -> None:
    assert publish(archive, "--check", str(built)).exit_code == 0
    folder = tmp_path / "d"
    for name, data in contents(built).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "data" / "places.parquet").write_bytes((folder / "data" / "captures.parquet").read_bytes())
    (folder / "data" / "missing.csv.gz").unlink()
    (folder / "extra.txt").write_text("x")
    found = publish(archive, "--check", str(folder), "--json")
    assert found.exit_code == 1
    findings = json.loads(found.stdout)["findings"]
    named = {name: [one for one in findings if name in one] for name in ("missing.csv.gz", "extra.txt", "places")}
    assert [len(named[name]) for name in ("missing.csv.gz", "extra.txt")] == [1, 1]
    assert len(named["places"]) >= 2, "its digest and its columns"


@pytest.mark.parametrize(
    ("args", "code", "error"),
    [
        (["{}/d", "--version", "1.0"], 2, "UsageError --version"),
        (["{}/d", "--version", "1.0.0-01..x"], 2, "UsageError --version"),
        (["{}/d", "nowhereword", "--version", "1.0.0"], 1, "NothingToPublish"),
        (["{}/d", "--version", "1.0.0", "--cutoff", "1999"], 1, "NothingToPublish"),
        (["{}/d", "--version", "1.0.0", "--formats", "xlsx"], 2, "UsageError"),
        (["{}/d", "--version", "1.0.0", "--splits", "train=80"], 2, "BadSplits"),
        (["{}/file/d", "--version", "1.0.0"], 1, "SnapshotRefused {}/file/d"),
        (["{}/file", "--version", "1.0.0"], 1, "SnapshotRefused {}/file"),
        (["{}/other", "--version", "1.0.0"], 1, "SnapshotRefused {}/other"),
        (["{}/d", "--version", "1.0.0", "--rules", "{}/file"], 2, "BadPublishRules {}/file"),
        (["--check", "{}/other"], 1, "NotASnapshot {}/other"),
        (["--check", "{}/other", "--version", "1.0.0"], 2, "UsageError --check --version"),
        (["--check", "--rebuild", "{}/other"], 2, "UsageError --check --rebuild"),
        (["{}/d", "--explain", "1"], 2, "UsageError --explain"),
        (["{}/d", "--chek"], 2, "NoSuchOption --chek"),
    ],
)
def test_bad_input_is_an_error_and_leaves_nothing_behind(
    archive: Path, tmp_path: Path, args: list[str], code: int, error: str
) -> None:
    (tmp_path / "file").write_text("what = is = this")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    done = publish(archive, *(arg.format(tmp_path) for arg in args))
    assert done.exit_code == code, done.output
    assert fault(done).startswith(error.format(tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "other"]


def test_folder_of_another_version_or_content_is_unchanged(
    archive: Path, built: Path, free: str, tmp_path: Path
) -> None:
    before = contents(built)
    other = publish(archive, str(built), "--version", "1.1.0")
    assert other.exit_code == 1
    assert isinstance(failure(other), SnapshotRefused)
    assert "1.0.0" in other.output
    less = publish(archive, str(built), "--version", "1.0.0")
    assert less.exit_code == 1
    assert isinstance(failure(less), SnapshotRefused)
    assert publish(archive, str(built), "--version", "1.0.0", "--rules", free, *ALL).exit_code == 0
    assert contents(built) == before
    assert [p.name for p in built.parent.iterdir()] == [built.name]


def test_leftovers_of_a_killed_build_are_removed(archive: Path, tmp_path: Path) -> None:
    (tmp_path / ".d.unfinished" / "data").mkdir(parents=True)
    (tmp_path / ".d.unfinished" / "data" / "articles.parquet").write_bytes(b"PAR1")
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
    assert publish(archive, "--check", str(tmp_path / "d")).exit_code == 0


def test_concurrent_build_is_refused(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []

    def meanwhile(*args: Any) -> list[DatasetFile]:
        for _ in range(2):
            done = publish(archive, str(tmp_path / "d"), "--version", "1.0.0")
            assert done.exit_code == 1, done.output
            refused.append(done.output)
        return write_descriptions(*args)

    monkeypatch.setattr("archiver.datasets.snapshot_builder.write_descriptions", meanwhile)
    first = publish(archive, str(tmp_path / "d"), "--version", "1.0.0")
    assert first.exit_code == 0, first.output
    assert len(refused) == 2
    assert all(refused)
    assert publish(archive, "--check", str(tmp_path / "d")).exit_code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rules", "{}/strict.toml"], "--rules"),
        (["--version", "1.0.0"], "--version"),
        (["--drop-contacts"], "--drop-contacts"),
        (["day"], ""),
        (["--site", "harbour.example"], "--site"),
    ],
)
def test_options_that_a_rebuild_ignores_are_refused(
    archive: Path, built: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "strict.toml").write_text('[[rule]]\nsite = "*"\ntier = "reference"\n')
    before = contents(built)
    done = publish(archive, str(built), "--rebuild", *(word.format(tmp_path) for word in words))
    assert done.exit_code == 2
    assert isinstance(failure(done), click.UsageError)
    assert message in done.output
    assert contents(built) == before


@pytest.mark.parametrize(
    "asked",
    [
        {"cutoff": 5},
        {"cutoff": "today"},
        {"version": None},
        {"formats": "parquet"},
        {"drop_contacts": 1},
        {"splits": [["train", 80]]},
        {"query": {"site": 5}},
        {"query": {"near": [1]}},
        {"rules": 3},
    ],
)
def test_invalid_rebuild_json_is_an_error(archive: Path, built: Path, tmp_path: Path, asked: dict[str, Any]) -> None:
    request = json.loads((built / "rebuild.json").read_text())
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "rebuild.json").write_text(json.dumps({**request, "request": {**request["request"], **asked}}))
    done = publish(archive, str(tmp_path / "d"), "--rebuild")
    assert (done.exit_code, fault(done)) == (1, f"NotASnapshot {tmp_path / 'd'}")
    assert "rebuild.json" in done.output


def test_full_disk_keeps_the_old_snapshot(free: str, tmp_path: Path) -> None:
    noise = " ".join(random.Random(7).choices([f"{n:x}" for n in range(10_000)], k=40_000))
    large = make(tmp_path / "archive" / "archive.db", [Post(1, body=noise)])
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
        "from archiver.cli.main import cli; cli(sys.argv[1:])"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "publish",
            str(tmp_path / "d"),
            "--version",
            "1.0.0",
            "--rules",
            free,
            "--archive",
            str(large),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert str(tmp_path / "d") in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["archive"]


def test_times_are_typed(tmp_path: Path) -> None:
    """A site that gives only midnight has dates with the precision of a day."""
    midnight = "https://notes.example/blog/"
    posts = [Post(1, published="2024-03-01T00:30:00+01:00")]
    posts += [Post(n, site=midnight, published=f"2024-03-{n}T00:00:00+09:00") for n in range(10, 15)]
    archive = make(tmp_path / "archive" / "archive.db", posts)
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--formats", "csv").exit_code == 0
    schema = pq.read_schema(tmp_path / "d" / "data" / "articles.parquet")
    assert {str(schema.field(name).type) for name in ("published_at", "modified_at", "first_seen", "captured_at")} == {
        "timestamp[us, tz=UTC]"
    }
    assert str(schema.field("published_date").type) == "date32[day]"
    found = {row["url"].rsplit("/", 1)[1]: row for row in rows(tmp_path / "d", "articles")}
    assert found["1"]["published_at"] == datetime(2024, 2, 29, 23, 30, tzinfo=UTC)
    assert found["1"]["published_date"] == date(2024, 3, 1)
    assert found["1"]["published_precision"] == "second"
    assert found["10"]["published_precision"] == "day"
    lines = list(
        csv.DictReader(io.StringIO(gzip.decompress((tmp_path / "d/data/articles.csv.gz").read_bytes()).decode()))
    )
    assert lines[0]["published_at"] == "2024-02-29T23:30:00Z"


@pytest.mark.parametrize(
    ("times", "precision"),
    [
        ("2024-01-09T19:00:00-05:00 2024-07-10T20:00:00-04:00", "day"),  # midnight in UTC, by the clock of New York
        ("2024-01-10T05:30:00+05:30 2024-01-11T00:00:00+00:00", "day"),
        ("2024-01-10T00:00:00+02:00 2024-07-10T00:00:00+03:00", "day"),
        ("2024-01-10T00:00:00Z 2024-07-10T00:00:00+00:00", "day"),
        ("2024-01-10T09:00:00+02:00 2024-07-10T09:00:00+03:00", "second"),  # a post a day, at nine
        ("2024-01-10T00:00:00+02:00 2024-07-10T02:00:00+02:00", "second"),  # each is midnight by another clock
        ("2024-01-10T00:00:00+02:00 2024-07-10T00:00:01+03:00", "second"),
    ],
)
def test_times_that_are_midnight_on_a_whole_site_stand_for_dates(tmp_path: Path, times: str, precision: str) -> None:
    posts = [Post(n, published=time) for n, time in enumerate(times.split() * 3, start=1)]
    archive = make(tmp_path / "archive" / "archive.db", posts)
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--formats", "csv").exit_code == 0
    assert {row["published_precision"] for row in rows(tmp_path / "d", "articles")} == {precision}


def test_an_article_whose_page_differs_from_the_posts_of_its_site_is_flagged(tmp_path: Path) -> None:
    posts = [Post(1), Post(2), Post(3), Post(4, "https://ferry.example/")]
    archive = make(tmp_path / "archive" / "archive.db", posts)
    with closing(open_archive(archive)) as db, db.conn:
        first, second = (site for (site,) in db.execute("select id from sites order by id"))
        kinds = ((1, first, "post"), (2, first, "page"), (3, first, None), (4, second, None))
        db.conn.executemany("insert into forms (id, site_id, address, tokens, kind) values (?, ?, '', x'', ?)", kinds)
        db.execute(
            "insert into pages (id, site_id, url, urlkey, kind, outcome, article_id, found_at) "
            "select a.id, s.id, url, url, 'post', 'archived', a.id, first_seen "
            "from articles a join sites s on s.name = a.site"
        )
        db.execute("insert into page_forms (page_id, form_id, signs) select id, id, '[]' from articles")
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    flags = {row["url"].rsplit("/", 1)[-1]: row["flags"] for row in rows(tmp_path / "d", "articles")}
    assert flags == {"1": [], "2": ["other-form"], "3": ["other-form"], "4": []}


@pytest.mark.parametrize(
    ("body", "words", "unit", "characters", "sentences", "flags"),
    [
        ("One. Two, three! Four?", 4, "words", 22, 3, ["short"]),
        ("今天我们学习。明天休息！", 10, "characters", 12, 2, ["short"]),
        ("No end", 2, "words", 6, 1, ["short"]),
        ('Wait . . . what? He said: ("No!") Yes.', 6, "words", 38, 4, ["short"]),
        ("Über 3,5 Kilo… „Nein!“ Punkt", 6, "words", 28, 2, ["short"]),
        (text(3), 112, "words", len(text(3)), 8, []),
    ],
)
def test_lengths_have_units(
    tmp_path: Path, body: str, words: int, unit: str, characters: int, sentences: int, flags: list[str]
) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [Post(1, body=body)])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    [row] = rows(tmp_path / "d", "articles")
    assert [row[name] for name in ("words", "word_unit", "characters", "sentences", "flags")] == [
        words,
        unit,
        characters,
        sentences,
        flags,
    ]


@pytest.mark.parametrize(("rows_at_a_time", "average"), [(1, 4_000), (1_000, 0)])
def test_bytes_do_not_depend_on_how_many_articles_are_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_a_time: int, average: int
) -> None:
    archive = make(tmp_path / "archive" / "archive.db", POSTS)
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    before = contents(tmp_path / "d")
    monkeypatch.setattr(snapshot_tables, "_CHUNK_ROWS", rows_at_a_time)
    monkeypatch.setattr(snapshot_tables, "_AVERAGE", average)
    assert publish(archive, str(tmp_path / "e"), "--version", "1.0.0").exit_code == 0
    assert contents(tmp_path / "e") == before


def test_coverage_counts_each_site_by_month(tmp_path: Path) -> None:
    """The hole of the first site is not filled by the posts of the second."""
    other = "https://notes.example/blog/"
    posts = [Post(n, published=f"2024-{month}-05T09:00:00+00:00") for n, month in ((1, "01"), (2, "01"), (3, "04"))]
    posts += [Post(10 + n, site=other, published=f"2024-{n:02}-05T09:00:00+00:00") for n in range(1, 5)]
    missing = ["https://harbour.example/2024/03/lost", "https://harbour.example/lost"]
    archive = make(tmp_path / "archive" / "archive.db", posts, missing)
    (tmp_path / "rules.toml").write_text(
        '[dataset]\nsites = [{ site = "harbour.example", why = "The only paper", country = "NL" }]\n'
    )
    asked = ("--version", "1.0.0", "--rules", str(tmp_path / "rules.toml"))
    assert publish(archive, str(tmp_path / "d"), *asked).exit_code == 0
    found = [row for row in rows(tmp_path / "d", "coverage") if row["site"] == "harbour.example"]
    assert [(row["month"], row["archived"], row["known"], row["missing"], row["visits"]) for row in found] == [
        ("2024-01", 2, 2, 0, 0),
        ("2024-02", 0, 0, 0, 0),
        ("2024-03", 0, 1, 1, 0),
        ("2024-04", 1, 1, 0, 0),
        ("2024-05", 0, 0, 0, 1),
        ("undated", 0, 1, 1, 0),
    ]
    [first, second] = rows(tmp_path / "d", "sites")
    assert (first["site"], first["articles"], first["missing"], first["visits"]) == ("harbour.example", 3, 2, 1)
    assert (first["why"], first["country"], second["why"]) == ("The only paper", "NL", None)
    assert first["from_sitemap"] == 2
    card = (tmp_path / "d" / "README.md").read_text()
    assert "| harbour.example | 4 | 2 | 2024-02 to 2024-03 |" in card
    assert "| notes.example/blog | 4 | 0 |  |" in card


def test_aliases_are_a_list_of_urls(tmp_path: Path) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [Post(1), Post(2)])
    db = open_archive(archive)
    db.table("aliases").insert(
        {
            "urlkey": "example,harbour)/old",
            "url": "https://harbour.example/old",
            "article_id": 1,
            "kind": "redirect",
            "first_seen": "2024-05-01T12:00:00+00:00",
        }
    )
    db.close()
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    found = {row["url"][-1]: row["aliases"] for row in rows(tmp_path / "d", "articles")}
    assert found == {"1": ["https://harbour.example/old"], "2": []}


@pytest.mark.parametrize(
    ("body", "declared", "found"),
    [
        ("Der Hafen wurde am Montag nach langer Arbeit wieder geöffnet, und alle Schiffe fuhren aus.", "en", "de"),
        ("Le port a été rouvert lundi après de longs travaux, et tous les bateaux sont partis en mer.", "fr-FR", "fr"),
        ("Гавань снова открыта в понедельник после долгих работ, и все корабли вышли в море.", "ru", "ru"),
        ("港は月曜日に長い工事の後で再び開かれ、すべての船が海に出ました。町の人々は喜んでいます。", "ja", "ja"),
        ("404", "en", None),
    ],
)
def test_language_is_recognized_from_the_text(tmp_path: Path, body: str, declared: str, found: str | None) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [Post(1, body=body, language=declared)])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    [row] = rows(tmp_path / "d", "articles")
    assert row["language_detected"] == found
    assert (row["language_score"] is None) is (found is None)
