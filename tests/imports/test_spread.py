"""Files read by a cluster of Dask, one a task: the archive is the one that this machine alone would make."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archiver import __version__
from archiver.capture.packed import Place
from archiver.commands.dask_workers import cluster
from archiver.commands.main import cli
from archiver.imports import framing, stretch
from archiver.imports.choice import Choice
from archiver.imports.inputs import Input, inputs_in
from archiver.store.connect import open_archive
from tests.imports.files import Rec, http, listing, page, post, sha1, wacz, warc, whole
from tests.imports.importing import kinds, rows, run, state
from tests.imports.test_resume import sound
from tests.processes import Running
from tests.waiting import until

POSTS = 60
dask: Any = pytest.importorskip("dask")
distributed: Any = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Two workers, which are threads here, and read in small steps."""
    with pytest.MonkeyPatch.context() as patch, distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, protocol="tcp",
            dashboard_address="127.0.0.1:0") as workers:
        patch.setattr(framing, "_PAGES", 5)
        patch.setattr(stretch, "_BATCHES", 2)
        yield workers.scheduler_address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts, whose versions lie in several files, repetitions, lists, damage, a package, a file that is none."""
    made = tmp_path_factory.mktemp("files")
    parts: list[list[Rec | bytes]] = [[], [], []]
    for n in range(POSTS):
        url = f"http://blog-{n % 5}.example/{n}/"
        parts[n % 3].append(post(url, "2010-05-02T10:00:00Z", title=f"Boats {n}", extra="x" * 500))
        parts[(n + 1) % 3].append(post(url, "2014-05-02T10:00:00Z", title=f"Boats {n}",
                                       text="It was added later." if n % 2 else ""))
        parts[(n + 2) % 3].append(Rec(http(listing(n % 20)), f"http://blog-{n % 5}.example/list/{n}/"))
        if n % 10 == 0:
            parts[n % 3].append(Rec(http(page(), length=99_999), url))
    warc(made / "a.warc.gz", *parts[0])
    (made / "b.warc.gz").write_bytes(whole(r for r in parts[1] if isinstance(r, Rec)))
    (made / "b2.warc.gz").write_bytes((made / "b.warc.gz").read_bytes())
    cut = warc(made / "c.warc.gz", *parts[2])
    cut.write_bytes(cut.read_bytes()[:-40])
    (made / "d.warc.gz").write_bytes(b"no archive at all")
    repeated = [Rec(b"", f"http://blog-{n % 5}.example/{n}/", "2016-05-02T10:00:00Z", "revisit", fields={
        "WARC-Payload-Digest": sha1(page(title=f"Boats {n}", extra="x" * 500))}) for n in range(POSTS)]
    member = {"archive/e.warc.gz": b"".join(one.packed() for one in repeated)}
    wacz(made / "e.wacz", member, digests={"archive/e.warc.gz": f"sha256:{'0' * 64}"})
    return made


def test_the_same_archive_and_the_same_words(folder: Path, scheduler: str, tmp_path: Path) -> None:
    alone, spread = tmp_path / "alone" / "a.db", tmp_path / "spread" / "a.db"
    expected = run(alone, folder)
    with cluster(scheduler) as workers:
        found = run(spread, folder, cluster=workers)
        assert state(spread) == state(alone)
        sound(spread)
        assert kinds(found) == kinds(expected)
        assert len(kinds(found)) == 5
        assert [(r.name, r.outcome, r.tally.records, r.tally.posts, r.tally.damaged) for r in found if r.outcome != (
            "known")] == [(r.name, r.outcome, r.tally.records, r.tally.posts, r.tally.damaged) for r in expected if (
                r.outcome != "known")]
        assert sum(r.tally.new for r in found) == POSTS
        again = run(spread, folder, cluster=workers)
    assert [r.outcome for r in again] == ["known"] * 4 + ["unreadable", "known"]
    limited = tmp_path / "limited.db"
    with cluster(scheduler) as workers:
        (part,) = run(limited, folder / "a.warc.gz", cluster=workers, limit=23)
        assert (part.outcome, rows(limited, "select outcome from imports")) == ("limited", [("limited",)])
        assert 23 <= part.tally.posts + part.tally.pages + part.tally.damaged < 28
        run(limited, folder / "a.warc.gz", cluster=workers)
    whole_file = tmp_path / "whole.db"
    run(whole_file, folder / "a.warc.gz")
    assert state(limited) == state(whole_file)


def test_an_import_that_was_killed_goes_on(folder: Path, scheduler: str, tmp_path: Path) -> None:
    archive, alone = tmp_path / "a.db", tmp_path / "alone" / "a.db"
    words = ("import", str(folder), "--dask", scheduler, "--archive", str(archive), "--quiet")
    process = Running("archiver", *words)
    until(lambda: not process.lives or copied(archive) >= 9_000, every=0.002)
    process.send(signal.SIGKILL)
    assert process.end().returncode == -signal.SIGKILL
    assert rows(archive, "select 1 from imports where outcome is null")
    done = Running("archiver", *words).end()
    assert done.returncode == 1
    assert done.stderr == ""  # damage was told, and is in the table
    run(alone, folder)
    assert state(archive) == state(alone)
    assert rows(archive, "select name, outcome from imports order by 1") == rows(
        alone, "select name, outcome from imports order by 1")
    sound(archive)


@pytest.mark.parametrize("lacks", ["a.db", "a.warc.gz"])
def test_a_worker_without_the_files_says_nothing_of_them(folder: Path, scheduler: str, tmp_path: Path, lacks: str
                                                         ) -> None:
    archive, file = tmp_path / "a.db", tmp_path / "a.warc.gz"
    open_archive(archive, create=True).close()
    file.write_bytes((folder / "a.warc.gz").read_bytes())
    inputs = [one for one in inputs_in(file) if isinstance(one, Input)]
    task = stretch.Task(archive, __version__, datetime.now(UTC), Choice(), inputs[0], Place())
    (tmp_path / lacks).unlink()
    with cluster(scheduler) as workers:
        workers.put(0, stretch.read_stretch, task)
        with pytest.raises(stretch.NotSeen, match=f"/{lacks}"):
            workers.take()


def copied(archive: Path) -> int:
    return sum(file.stat().st_size for file in archive.parent.glob("warc/*.gz"))


_DEADLY = """
import os
from archiver.imports.reading import Reader
read = Reader.read

def deadly(self, pairs):
    if any("deadly" in pair.record.url for pair in pairs):
        os._exit(11)
    return read(self, pairs)

Reader.read = deadly
"""


def test_a_file_that_ends_each_worker_is_read_by_processes_of_our_own(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(_DEADLY)
    file = warc(tmp_path / "a.warc.gz",
                *(post(f"http://blog.example/{n}/", title=f"Boats {n}") for n in ("a", "deadly", "c")))
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50,
            preload=[str(tmp_path / "deadly.py")]) as workers, cluster(workers.scheduler_address) as readers:
        (found,) = run(tmp_path / "a.db", file, cluster=readers)
    assert (found.outcome, found.tally.new, kinds([found])) == ("finished", 3, {})


def test_what_a_cluster_cannot_read(tmp_path: Path) -> None:
    for words, why in ((("-",), "standard input"), (("a.warc.gz", "--workers", "2"), "--workers")):
        done = CliRunner().invoke(cli, ["import", "--dask", *words, "--archive", str(tmp_path / "a.db")])
        assert done.exit_code == 2
        assert why in done.output
    assert not (tmp_path / "a.db").exists()
