"""Re-extraction and imports as jobs of a fleet: the same archive as on one machine, with one writer per shard."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archiver.cli.main import cli
from archiver.fleet.enrolment import enter_sites, make_fleet_site, read_fleet_status
from archiver.fleet.fleet_tasks import (
    FAILED,
    FINISHED,
    IMPORT,
    REEXTRACT,
    SCAN,
    TRIES,
    NewTask,
    NoSuchSite,
    Task,
    TaskEnd,
    end_run,
    end_scan,
    enter_tasks,
    find_import_files,
    find_open_task,
    select_shards,
    select_sites,
)
from archiver.fleet.job_queue import create_queue_tables, enqueue_due_jobs, make_queue
from archiver.fleet.leases import SiteLease, commit_manifest, take_lease
from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import ShardStorage, mark_storage, read_manifest
from archiver.fleet.shard_transfer import ARCHIVE, checkpoint, restore
from archiver.fleet.task_process import make_available_locally
from archiver.fleet.task_runs import do_task
from archiver.fleet.worker_job import WorkerContext, crawl_site
from archiver.importers.import_inputs import RecordFilter
from archiver.model.errors import UnreadableInput
from archiver.storage.database import open_archive
from archiver.storage.sites import add_site
from tests.fleet.postgres import PACKAGE
from tests.importers.files import Rec, http, listing, page, post, sha1, wacz, warc, whole
from tests.importers.importing import rows, run, state

pytestmark = pytest.mark.needs(PACKAGE)
POSTS = 30
SITES = tuple(f"blog-{n}.example" for n in range(3))
NOTES = "blog-0.example/notes"
OPTIONS = {"only": [], "new_sites": False, "all_captures": False, "again": False, "since": "", "until": ""}
IMPORTS = {name: value for name, value in OPTIONS.items() if name not in ("only", "new_sites")}
FIELDS = {"fields": [], "since": "", "until": ""}


@pytest.fixture
def board(jobs: str, tmp_path: Path) -> Iterator[QueueDatabase]:
    made = QueueDatabase(jobs)
    create_queue_tables(made)
    made.make(str(tmp_path / "storage"), 30.0, 300.0)
    enter_sites(made, [make_fleet_site(f"http://{site}/", {}) for site in (*SITES, NOTES)])
    yield made
    made.close()


@pytest.fixture
def place(board: QueueDatabase, tmp_path: Path) -> WorkerContext:
    storage = ShardStorage(str(tmp_path / "storage"))
    mark_storage(storage, "ours")
    return WorkerContext(board, storage, tmp_path / "work" / "shards", "w", None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes posts of four sites, two of them on one host, with revisions in several files; repetitions, listings,
    damage, a WACZ file, a copy of a file, and another host."""
    made = tmp_path_factory.mktemp("files")
    parts: list[list[Rec]] = [[], [], []]
    for n in range(POSTS):
        url = f"http://{(*SITES, NOTES)[n % 4]}/{n}/"
        parts[n % 3].append(post(url, "2010-05-02T10:00:00Z", title=f"Boats {n}", extra="x" * 500))
        parts[(n + 1) % 3].append(
            post(url, "2014-05-02T10:00:00Z", title=f"Boats {n}", text="It was added later." if n % 2 else "")
        )
        parts[(n + 2) % 3].append(Rec(http(listing(n % 20)), f"http://{SITES[n % 3]}/list/{n}/"))
        if n % 10 == 0:
            parts[n % 3].append(Rec(http(page(), length=99_999), url))
    parts[0].append(post("http://other.example/1/", title="Elsewhere"))
    warc(made / "a.warc.gz", *parts[0])
    (made / "b.warc.gz").write_bytes(whole(parts[1]))
    (made / "b2.warc.gz").write_bytes((made / "b.warc.gz").read_bytes())
    cut = warc(made / "c.warc.gz", *parts[2])
    cut.write_bytes(cut.read_bytes()[:-40])
    repeated = [
        Rec(
            b"",
            f"http://{(*SITES, NOTES)[n % 4]}/{n}/",
            "2016-05-02T10:00:00Z",
            "revisit",
            fields={"WARC-Payload-Digest": sha1(page(title=f"Boats {n}", extra="x" * 500))},
        )
        for n in range(POSTS)
    ]
    wacz(made / "e.wacz", {"archive/e.warc.gz": b"".join(one.packed() for one in repeated)})
    return made


def due_tasks(board: QueueDatabase, kind: str) -> list[int]:
    return [
        row["id"]
        for row in board.all(
            "select id from fleet_tasks where kind = %s and ended_at is null and due_at <= now() order by id", [kind]
        )
    ]


def import_files(place: WorkerContext, *files: Path | str, **options: Any) -> None:
    """Scans and imports files, one job at a time."""
    enter_tasks(place.board, (NewTask(SCAN, file=str(file), options={**OPTIONS, **options}) for file in files))
    for kind in (SCAN, IMPORT):
        for number in due_tasks(place.board, kind):
            assert do_task(place, number) == 0.0


def shard(place: WorkerContext, site: str, into: Path) -> Path:
    return shard_at(place.board, place.storage, site, into)


def shard_at(board: QueueDatabase, storage: ShardStorage, site: str, into: Path) -> Path:
    """Restores a shard into its own folder."""
    row = board.one("select manifest from fleet_sites where name = %s", [site])
    data = storage.read(row["manifest"]) if row and row["manifest"] else None
    assert data is not None
    restore(storage, into, read_manifest(data))
    return into / ARCHIVE


def store_shard(board: QueueDatabase, storage: ShardStorage, folder: Path, site: str) -> None:
    """Stores the archive in a folder as the state of a shard."""
    board.do("update fleet_sites set due_at = now() where name = %s", [site])
    held = take_lease(board, site, "before", 0.0)
    assert isinstance(held, SiteLease)
    checkpoint(storage, folder, site, held.token, 1, None, lambda manifest: commit_manifest(board, held, manifest))
    board.do("update fleet_hosts set lease_until = now(), site = null, token = null, worker = null")
    board.do("delete from fleet_runs")
    board.do("update fleet_sites set due_at = now() + interval '1 day' where name = %s", [site])


def single_machine_archive(archive: Path, site: str, *files: Path, choice: RecordFilter) -> Path:
    """Return the archive that a single machine creates from the same files."""
    open_archive(archive, create=True).close()
    db = open_archive(archive)
    add_site(db, f"http://{site}/", datetime.now(UTC))
    db.close()
    run(archive, *files, choice=choice)
    return archive


def task_of(board: QueueDatabase, kind: str) -> dict[str, Any]:
    row = board.one("select * from fleet_tasks where kind = %s order by id limit 1", [kind])
    assert row is not None
    return row


def test_an_import_creates_the_same_shards_as_one_machine(place: WorkerContext, folder: Path, tmp_path: Path) -> None:
    files = sorted(folder.iterdir())
    import_files(place, *files)
    for number, site in enumerate((*SITES, NOTES)):
        apart = (NOTES,) if number == 0 else ()
        expected = single_machine_archive(
            tmp_path / f"alone-{number}" / ARCHIVE, site, *files, choice=RecordFilter(known_sites=True, apart=apart)
        )
        found = shard(place, site, tmp_path / f"shard-{number}")
        assert state(found) == state(expected)
        assert len(state(found)["captures"]) > POSTS / 4
        query = "select name, options, outcome, counts from imports order by name"
        assert rows(found, query) == rows(expected, query)
    tasks = read_fleet_status(place.board)["tasks"]
    assert (tasks["scan"]["finished"], tasks["scan"]["failed"]) == (5, 0)
    assert (tasks["import"]["finished"], tasks["import"]["entered"]) == (20, 20)
    assert tasks["import"]["problems"] > 0
    assert not place.board.all("select 1 from fleet_hosts where lease_until > now()")


def test_a_file_that_is_imported_twice_changes_nothing(place: WorkerContext, folder: Path, tmp_path: Path) -> None:
    import_files(place, folder / "a.warc.gz")
    before = state(shard(place, SITES[1], tmp_path / "before"))
    import_files(place, folder / "a.warc.gz")
    assert state(shard(place, SITES[1], tmp_path / "after")) == before
    assert read_fleet_status(place.board)["tasks"]["import"]["entered"] == 4
    assert rows(tmp_path / "after" / ARCHIVE, "select count(*) from imports") == [(1,)]


def test_only_some_sites_are_imported(place: WorkerContext, folder: Path) -> None:
    import_files(place, folder / "a.warc.gz", only=[NOTES])
    assert [row["site"] for row in place.board.all("select site from fleet_tasks where kind = 'import'")] == [NOTES]


def test_hosts_without_a_site_are_counted(place: WorkerContext, folder: Path) -> None:
    import_files(place, folder / "a.warc.gz")
    assert task_of(place.board, SCAN)["result"] == {"sites": 4, "other_hosts": 1, "listed": ["other.example"]}


def test_a_new_site_gets_a_shard_and_is_not_crawled(place: WorkerContext, folder: Path, tmp_path: Path) -> None:
    import_files(place, folder / "a.warc.gz", new_sites=True)
    found = shard(place, "other.example", tmp_path / "other")
    assert rows(found, "select name, json_extract(settings, '$.crawl') from sites") == [("other.example", 0)]
    assert rows(found, "select title from articles") == [("Elsewhere",)]
    assert crawl_site(place, "other.example", {}, "http://other.example/") == 0.0
    assert not place.board.all("select 1 from fleet_runs where site = 'other.example' and task is null")


def test_a_file_in_the_storage_of_the_fleet(place: WorkerContext, folder: Path, tmp_path: Path) -> None:
    data = (folder / "a.warc.gz").read_bytes()
    place.storage.put("dumps/a.warc.gz", io.BytesIO(data), len(data))
    import_files(place, "dumps/a.warc.gz", only=[SITES[1]])
    found = shard(place, SITES[1], tmp_path / "shard")
    assert rows(found, "select name from imports") == [("a.warc.gz",)]


def test_a_remote_file_is_copied_only_while_it_is_read(tmp_path: Path) -> None:
    far = ShardStorage("memory://dumps")
    far.put("2009/a.warc.gz", io.BytesIO(b"records"), 7)
    far.put("2009/readme.txt", io.BytesIO(b"no records"), 10)
    assert find_import_files(far, ["memory://dumps/2009/"]) == ["memory://dumps/2009/a.warc.gz"]
    with make_available_locally(
        ShardStorage(str(tmp_path)), "memory://dumps/2009/a.warc.gz", tmp_path / "here"
    ) as path:
        assert (path.name, path.read_bytes()) == ("a.warc.gz", b"records")
    assert not (tmp_path / "here").exists()


def test_files_are_found_by_name_and_folder(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ShardStorage(str(tmp_path / "storage"))
    storage.put("dumps/b.warc.gz", io.BytesIO(b"records"), 7)
    monkeypatch.chdir(folder)
    assert find_import_files(storage, ["dumps", "a.warc.gz", "dumps/b.warc.gz"]) == [
        "dumps/b.warc.gz",
        str(folder / "a.warc.gz"),
    ]
    assert find_import_files(storage, [str(folder)]) == [str(file) for file in sorted(folder.iterdir())]
    with pytest.raises(UnreadableInput, match=r"gone\.warc\.gz cannot be read"):
        find_import_files(storage, ["gone.warc.gz"])


@pytest.mark.parametrize("file", ["gone.warc.gz", "/nowhere/gone.warc.gz"])
def test_a_missing_file_is_named(place: WorkerContext, file: str) -> None:
    import_files(place, file)
    (failed,) = read_fleet_status(place.board)["failed_tasks"]
    assert (failed["kind"], failed["file"], failed["given_up"]) == (SCAN, file, False)
    assert f"{file} cannot be read" in failed["reason"]


def test_a_file_without_records_is_named(place: WorkerContext, tmp_path: Path) -> None:
    file = tmp_path / "d.warc.gz"
    file.write_bytes(b"no archive at all")
    import_files(place, file)
    (failed,) = read_fleet_status(place.board)["failed_tasks"]
    assert failed["file"] == str(file)
    assert failed["reason"].startswith("d.warc.gz cannot be read")


def test_a_shard_that_cannot_be_read_is_named(place: WorkerContext, tmp_path: Path, folder: Path) -> None:
    import_files(place, folder / "a.warc.gz", only=[SITES[1]])
    key = next(key for key in place.storage.keys("shards") if key.endswith("archive.db.gz"))
    (tmp_path / "storage" / key).write_bytes(b"torn")
    for found in (place.folder).iterdir():
        (found / "shard.json").unlink()
    enter_tasks(place.board, [NewTask(REEXTRACT, SITES[1], options=FIELDS)])
    assert do_task(place, *due_tasks(place.board, REEXTRACT)) == 0.0
    (failed,) = read_fleet_status(place.board)["failed_tasks"]
    assert (failed["kind"], failed["site"]) == (REEXTRACT, SITES[1])
    assert key in failed["reason"]


def test_a_failing_task_is_retried_and_given_up(place: WorkerContext) -> None:
    import_files(place, "gone.warc.gz")
    (number,) = (task_of(place.board, SCAN)["id"],)
    assert not due_tasks(place.board, SCAN), "it is not due at once"
    for _ in range(TRIES - 1):
        place.board.do("update fleet_tasks set due_at = now()")
        do_task(place, number)
    (failed,) = read_fleet_status(place.board)["failed_tasks"]
    assert (failed["failures"], failed["given_up"], failed["due_at"]) == (TRIES, True, None)
    assert enter_tasks(place.board, [NewTask(SCAN, file="gone.warc.gz", options=OPTIONS)]) == 1
    assert due_tasks(place.board, SCAN) == [number]


def spoil(archive: Path) -> Path:
    """Returns an archive with articles that an earlier extraction has read wrongly."""
    db = open_archive(archive)
    with db.atomic():
        db.execute("update articles set title = 'Wrong ' || id, authors = '[]'")
    db.close()
    return archive


def test_a_shard_is_re_extracted_as_on_one_machine(place: WorkerContext, folder: Path, tmp_path: Path) -> None:
    one = single_machine_archive(
        tmp_path / "alone" / ARCHIVE, SITES[1], folder / "a.warc.gz", choice=RecordFilter(known_sites=True)
    )
    store_shard(place.board, place.storage, spoil(one).parent, SITES[1])
    done = CliRunner().invoke(cli, ["reextract", "--archive", str(one), "--quiet"])
    assert done.exit_code == 0, done.output
    enter_tasks(place.board, [NewTask(REEXTRACT, SITES[1], options=FIELDS)])
    assert do_task(place, *due_tasks(place.board, REEXTRACT)) == 0.0
    found = shard(place, SITES[1], tmp_path / "shard")
    assert state(found) == state(one)
    assert not rows(found, "select 1 from articles where title like 'Wrong%'")
    result = task_of(place.board, REEXTRACT)["result"]
    assert result["articles"] == result["changed"] == rows(found, "select count(*) from articles")[0][0]


def test_only_the_named_fields_are_re_extracted(place: WorkerContext, folder: Path, tmp_path: Path) -> None:
    one = single_machine_archive(
        tmp_path / "alone" / ARCHIVE, SITES[1], folder / "a.warc.gz", choice=RecordFilter(known_sites=True)
    )
    store_shard(place.board, place.storage, spoil(one).parent, SITES[1])
    enter_tasks(place.board, [NewTask(REEXTRACT, SITES[1], options={**FIELDS, "fields": ["authors"]})])
    do_task(place, *due_tasks(place.board, REEXTRACT))
    found = shard(place, SITES[1], tmp_path / "shard")
    assert not rows(found, "select 1 from articles where title not like 'Wrong%' or authors = '[]'")


@pytest.mark.parametrize("options", [(), ("--forget-page-objects",)])
def test_values_of_page_objects_are_replaced_if_the_command_says_so(
    place: WorkerContext, folder: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    import_files(place, folder / "a.warc.gz", only=[SITES[1]])
    done = CliRunner().invoke(cli, ["fleet", "reextract", SITES[1], *options, "--jobs", place.board.jobs])
    assert done.exit_code == 0, done.output
    do_task(place, *due_tasks(place.board, REEXTRACT))
    found = shard(place, SITES[1], tmp_path / "shard")
    ((request,),) = rows(found, "select request from reextractions where finished_at is not null")
    assert json.loads(request).get("forget_page_objects", False) is bool(options)


def test_a_shard_has_one_writer(place: WorkerContext, folder: Path) -> None:
    import_files(place, folder / "a.warc.gz", only=[SITES[1]])
    enter_tasks(place.board, [NewTask(REEXTRACT, SITES[1], options=FIELDS)])
    assert isinstance(take_lease(place.board, SITES[1], "crawler", 0.0), SiteLease)
    assert 25 < do_task(place, *due_tasks(place.board, REEXTRACT)) <= 32.0
    assert task_of(place.board, REEXTRACT)["outcome"] is None


def test_the_result_of_a_stale_worker_is_not_accepted(board: QueueDatabase) -> None:
    enter_tasks(board, [NewTask(REEXTRACT, SITES[1], options=FIELDS)])
    (number,) = due_tasks(board, REEXTRACT)
    task = find_open_task(board, number)
    slow = take_lease(board, SITES[1], "w1", 0.0, number)
    board.do("update fleet_hosts set lease_until = now()")
    quick = take_lease(board, SITES[1], "w2", 0.0, number)
    assert isinstance(task, Task)
    assert isinstance(slow, SiteLease)
    assert isinstance(quick, SiteLease)
    assert not end_run(board, slow, task, TaskEnd(FINISHED, result={"articles": 1}))
    assert task_of(board, REEXTRACT)["ended_at"] is None
    assert end_run(board, quick, task, TaskEnd(FINISHED, result={"articles": 2}))
    assert task_of(board, REEXTRACT)["result"] == {"articles": 2}
    outcomes = board.all("select token, outcome from fleet_runs where task = %s order by token", [number])
    assert outcomes == [{"token": 1, "outcome": "lost"}, {"token": 2, "outcome": FINISHED}]


def test_a_scan_counts_once(board: QueueDatabase) -> None:
    enter_tasks(board, [NewTask(SCAN, file="a.warc.gz", options=OPTIONS)])
    task = find_open_task(board, *due_tasks(board, SCAN))
    assert task is not None
    task = Task(**{**{name: getattr(task, name) for name in ("kind", "site", "file", "id")}, "options": IMPORTS})
    assert end_scan(board, task, TaskEnd(FINISHED), SITES) == 3
    board.do("update fleet_tasks set ended_at = now(), outcome = 'finished' where kind = 'import'")
    assert end_scan(board, task, TaskEnd(FAILED, "late"), SITES) == 0
    assert not due_tasks(board, IMPORT)
    assert task_of(board, SCAN)["outcome"] == FINISHED


def test_an_open_task_is_not_entered_twice(board: QueueDatabase) -> None:
    tasks = [NewTask(REEXTRACT, site, options=FIELDS) for site in SITES]
    assert enter_tasks(board, tasks) == 3
    assert enter_tasks(board, [*tasks, NewTask(REEXTRACT, SITES[0], options={**FIELDS, "fields": ["title"]})]) == 1


def test_sites_are_selected_by_name(board: QueueDatabase, place: WorkerContext, folder: Path) -> None:
    assert select_sites(board, []) == sorted([*SITES, NOTES])
    with pytest.raises(NoSuchSite, match=r"no site nowhere\.example"):
        select_sites(board, ["nowhere.example"])
    import_files(place, folder / "a.warc.gz", only=[NOTES])
    assert select_shards(board, []) == [NOTES]


def test_the_status_is_valid_json(place: WorkerContext, folder: Path) -> None:
    import_files(place, folder / "c.warc.gz", "gone.warc.gz")
    found = json.loads(json.dumps(read_fleet_status(place.board)))
    assert [row["file"] for row in found["failed_tasks"]] == ["gone.warc.gz"]
    assert {row["file"] for row in found["tasks_with_problems"]} == {str(folder / "c.warc.gz")}


def fleet(board: QueueDatabase, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["fleet", *words, "--jobs", board.jobs])
    return done.exit_code, done.output


def test_status_exits_with_1_if_a_task_failed(place: WorkerContext, folder: Path) -> None:
    place.board.do("update fleet_sites set due_at = now() + interval '1 day'")
    import_files(place, folder / "a.warc.gz", only=[SITES[1]])
    assert fleet(place.board, "status")[0] == 0
    import_files(place, "gone.warc.gz")
    code, text = fleet(place.board, "status")
    assert code == 1
    assert "scan gone.warc.gz failed 1 time: gone.warc.gz cannot be read" in text


def test_status_exits_with_1_if_tasks_wait_without_a_worker(place: WorkerContext) -> None:
    place.board.do("update fleet_sites set due_at = now() + interval '1 day'")
    enter_tasks(place.board, [NewTask(SCAN, file="a.warc.gz", options=OPTIONS)])
    assert fleet(place.board, "status")[0] == 1


def test_invalid_arguments_are_named(place: WorkerContext, folder: Path) -> None:
    for words, subject in (
        (("import", "gone.warc.gz"), "gone.warc.gz"),
        (("import", str(folder), "--only", "nowhere.example"), "nowhere.example"),
        (("reextract", "nowhere.example"), "nowhere.example"),
    ):
        done = CliRunner().invoke(cli, ["fleet", *words, "--jobs", place.board.jobs])
        assert done.exit_code == 1
        assert subject in done.output
    assert not place.board.all("select 1 from fleet_tasks")


def test_tasks_wait_behind_crawls_and_keep_one_job_a_host(board: QueueDatabase) -> None:
    enter_tasks(board, [NewTask(REEXTRACT, SITES[1], options=FIELDS), NewTask(SCAN, file="a.warc.gz", options=OPTIONS)])

    async def defer() -> tuple[int, int]:
        app = make_queue(board)
        async with app.open_async():
            return await enqueue_due_jobs(app, board), await enqueue_due_jobs(app, board)

    assert asyncio.run(defer()) == (6, 0)
    found = board.all(
        "select task_name, lock, priority from procrastinate_jobs where task_name = 'do-task' or lock = %s order by id",
        [SITES[1]],
    )
    assert [tuple(row.values()) for row in found] == [
        ("crawl-site", SITES[1], 0),
        ("do-task", SITES[1], -1),
        ("do-task", None, -1),
    ]
