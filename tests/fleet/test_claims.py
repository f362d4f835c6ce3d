"""Two workers both assume that they hold the lease of a site: only one write is accepted, and only one crawl
continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.fleet.enrolment import enter_sites, make_fleet_site
from archiver.fleet.job_queue import Worker, create_queue_tables, make_queue
from archiver.fleet.leases import (
    LeaseWait,
    SiteLease,
    begin_leased_crawl,
    commit_manifest,
    monotonic_seconds,
    renew_lease,
    take_lease,
)
from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import Manifest, ShardStorage, mark_storage, read_manifest
from archiver.fleet.shard_transfer import ARCHIVE, checkpoint, delete_old_objects, mark_clean, read_manifests, restore
from archiver.fleet.worker_job import WorkerContext, crawl_site
from archiver.model.errors import Fenced, QueueUnavailable, ShardDamaged, StorageRefused
from archiver.storage.database import open_archive
from tests.fleet import hosts
from tests.fleet.postgres import PACKAGE
from tests.processes import run, without_proxies
from tests.waiting import until

pytestmark = pytest.mark.needs(PACKAGE)
SITE = "blog.example.org"


@pytest.fixture
def board(jobs: str) -> Iterator[QueueDatabase]:
    made = QueueDatabase(jobs)
    made.make("memory", 30.0, 300.0)
    enter_sites(made, [make_fleet_site(f"https://{SITE}/", {}), make_fleet_site(f"https://{SITE}/notes/", {})])
    yield made
    made.close()


@pytest.fixture
def storage(tmp_path: Path) -> ShardStorage:
    made = ShardStorage(str(tmp_path / "storage"))
    mark_storage(made, "memory")
    return made


def take(board: QueueDatabase, worker: str, site: str = SITE) -> SiteLease:
    held = take_lease(board, site, worker, 0.5)
    assert isinstance(held, SiteLease)
    return held


def shard(folder: Path) -> Path:
    open_archive(folder / ARCHIVE, create=True).close()
    return folder


def test_a_process_suspended_in_a_transaction_blocks_no_row(
    board: QueueDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.fleet.postgres._IDLE", 0.3)
    sleeper = QueueDatabase(board.jobs, 1)
    with pytest.raises(QueueUnavailable), sleeper.transaction() as conn:
        conn.execute("update fleet_hosts set token = 1")
        assert board.do("update fleet_hosts set token = 2") == 1
        conn.execute("select 1")
    assert sleeper.one("select token from fleet_hosts") == {"token": 2}
    sleeper.close()


def test_a_host_belongs_to_one_worker_for_all_its_sites(board: QueueDatabase) -> None:
    held = take(board, "w1")
    for site in (SITE, f"{SITE}/notes"):
        other = take_lease(board, site, "w2", 0.5)
        assert isinstance(other, LeaseWait)
        assert 0 < other.seconds <= 32.5
    assert renew_lease(board, held, 0.5)


def test_a_write_with_an_older_token_is_refused(board: QueueDatabase, storage: ShardStorage, tmp_path: Path) -> None:
    slow = take(board, "w1")
    board.do("update fleet_hosts set lease_until = now()")  # as if it had not renewed its lease in time
    quick = take(board, "w2")
    assert quick.token == slow.token + 1
    assert renew_lease(board, slow, 0.5) is None
    new = checkpoint(
        storage, shard(tmp_path / "w2"), SITE, quick.token, 1, None, lambda m: commit_manifest(board, quick, m)
    )
    with pytest.raises(Fenced):
        checkpoint(
            storage, shard(tmp_path / "w1"), SITE, slow.token, 7, None, lambda m: commit_manifest(board, slow, m)
        )
    assert set(storage.keys("shards")) == new.keys
    assert list(read_manifests(storage)) == [new]
    row = board.one("select manifest from fleet_sites where name = %s", [SITE])
    assert row
    assert row["manifest"] == new.key


def test_a_commit_whose_reply_is_lost_stays(board: QueueDatabase, storage: ShardStorage, tmp_path: Path) -> None:
    held = take(board, "w1")
    before = checkpoint(
        storage, shard(tmp_path / "w1"), SITE, held.token, 1, None, lambda m: commit_manifest(board, held, m)
    )

    def lost(manifest: Manifest) -> bool:
        assert commit_manifest(board, held, manifest)
        raise QueueUnavailable(board.where, "the connection was cut off")

    with pytest.raises(QueueUnavailable):
        checkpoint(storage, tmp_path / "w1", SITE, held.token, 2, before, lost)
    row = board.one("select manifest from fleet_sites where name = %s", [SITE])
    data = storage.read(row["manifest"]) if row else None
    assert data is not None
    state = read_manifest(data)
    assert state.checkpoint == 2
    restore(storage, tmp_path / "next", state)
    assert (tmp_path / "next" / ARCHIVE).exists()


def test_a_crawl_ends_with_its_lease(tmp_path: Path) -> None:
    posts = 1_000  # more than any machine fetches in three seconds
    with hosts.serving(1, posts, answer_after=0.05) as slow:
        (url,) = slow.urls
        crawl = begin_leased_crawl(shard(tmp_path) / ARCHIVE, "slow", url, {}, None)
        crawl.extend(monotonic_seconds() + 60.0)
        until(lambda: len(slow.log) > 5)
        crawl.extend(monotonic_seconds() + 1.0)
        until(lambda: crawl.has_ended(1.0))
        assert 5 < len(slow.log) < posts
    assert "signal 9" in str(crawl.result)


def crawled(folder: Path, url: str, *words: str) -> None:
    done = run(
        "archiver", "crawl", url, "--archive", str(folder / ARCHIVE), "--quiet", *words, environment=without_proxies()
    )
    assert done.returncode == 0, done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("warc/*"))}


def round_trip(storage: ShardStorage, tmp_path: Path) -> None:
    """Stores a shard in two checkpoints and restores it; unchanged data is not sent again."""
    here, there = tmp_path / "here", tmp_path / "there"

    def save(number: int, before: Manifest | None) -> Manifest:
        return checkpoint(storage, here, SITE, 1, number, before, lambda manifest: True)

    with hosts.serving(1, 8) as served:
        (url,) = served.urls
        crawled(here, url, "--limit", "3")
        one = save(1, None)
        crawled(here, url)
        two, three = save(2, one), None
    three = save(3, two)
    (before,), (after,) = (
        [f for f in one.files if f.name.endswith(".gz")],
        [f for f in two.files if f.name.endswith(".gz")],
    )
    assert after.parts[:-1] == before.parts  # of a file that has grown, only the new bytes are sent
    assert after.name == before.name
    assert {p.key for f in three.files if not f.packed for p in f.parts} <= two.keys
    restore(storage, there, three)
    assert contents(there) == contents(here)
    assert contents(here)
    db = open_archive(there / ARCHIVE, read_only=True)
    assert db.table("articles").count == 8 == three.articles
    db.close()
    mark_clean(there, three)
    storage.delete([three.files[0].parts[0].key])
    restore(storage, there, three)  # files on the disk are not fetched
    restore(storage, there, two)
    delete_old_objects(storage, three, two)
    assert set(storage.keys("shards")) == (three.keys | two.keys) - {three.files[0].parts[0].key}


def test_a_shard_survives_a_round_trip_through_a_folder(storage: ShardStorage, tmp_path: Path) -> None:
    round_trip(storage, tmp_path)


def test_a_missing_storage_is_not_created_again(board: QueueDatabase, storage: ShardStorage, tmp_path: Path) -> None:
    here = shard(tmp_path / "a")
    state = checkpoint(storage, here, SITE, 1, 1, None, lambda manifest: True)
    (tmp_path / "storage").rename(tmp_path / "unmounted")
    (tmp_path / "storage").mkdir()  # the folder it was mounted on
    with pytest.raises(StorageRefused, match=r"fleet\.json"):
        checkpoint(storage, here, SITE, 1, 2, state, lambda manifest: True)
    place = WorkerContext(board, storage, tmp_path / "work", "w", "w@example.org")
    assert crawl_site(place, SITE, {}, f"https://{SITE}/") == 0.0
    row = board.one("select outcome, reason from fleet_sites where name = %s", [SITE])
    assert row
    assert row["outcome"] == "failed"
    assert "fleet.json" in row["reason"]
    assert not list((tmp_path / "storage").iterdir())


def test_a_damaged_object_is_named(storage: ShardStorage, tmp_path: Path) -> None:
    state = checkpoint(storage, shard(tmp_path / "a"), SITE, 1, 1, None, lambda manifest: True)
    key = state.files[0].parts[0].key
    file = tmp_path / "storage" / key
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ShardDamaged, match=key):
        restore(storage, tmp_path / "b", state)


def test_if_one_queue_of_a_worker_gives_up_the_other_ends_too(
    board: QueueDatabase, storage: ShardStorage, tmp_path: Path
) -> None:
    create_queue_tables(board)
    place = WorkerContext(board, storage, tmp_path, "w", None)

    async def left() -> list[str]:
        app = make_queue(board, place)
        async with app.open_async():
            with pytest.raises(ValueError, match="Semaphore"):
                await Worker(place, -1, print)._run_jobs(app, asyncio.Event())
            return [name for task in asyncio.all_tasks() if "App." in (name := repr(task.get_coro()))]

    assert asyncio.run(left()) == []
