"""Crawls in several processes: output and archive are the same as from one process, even if processes die."""

from __future__ import annotations

import json
import os
import pickle
import pty
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from archiver.model.errors import ArchiveInUse, BadSetting
from archiver.scheduling import crawl_pool
from archiver.scheduling.crawl_plans import CommonOptions, CrawlPlan, count_cores, group_by_host
from archiver.storage.transactions import lock_site
from tests import processes
from tests.faults.sound import flaws
from tests.processes import Running, is_alive
from tests.spiders.crawling import rows
from tests.spiders.site_server import Answer, Pages, SiteServer, home, page, serving
from tests.waiting import until

several = pytest.mark.skipif(
    count_cores() < 2 or not Path("/proc/self/fd").is_dir(), reason="takes two cores, and /proc to see who does what"
)


def blog(name: str, posts: int, seconds: float = 0.0) -> Pages:
    """Return a site whose posts are served after this many seconds each."""

    def post(number: int) -> Callable[[], Answer]:
        def answer() -> Answer:
            time.sleep(seconds)
            return page(f"{name} {number}", f"What {name} has to tell about number {number}. " * 9)

        return answer

    names = [f"/post-{n}/" for n in range(posts)]
    return {"/": home(*names), **{path: post(n) for n, path in enumerate(names)}}


Serve = Callable[..., SiteServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda *words, **more: stack.enter_context(serving(blog(*words, **more)))


def begin(archive: Path, *sites: SiteServer, words: tuple[str, ...] = (), **options: Any) -> Running:
    environment = processes.without_proxies() | {"NO_COLOR": "1"}
    named = (*(site.url for site in sites), "--archive", str(archive), *words)
    return Running("archiver", "crawl", *named, environment=environment, **options)


def have_served(*sites: SiteServer, posts: int = 5) -> Callable[[], bool]:
    return lambda: all(sum(r.startswith("/post-") for r in site.requests) >= posts for site in sites)


def processes_of(parent: int) -> list[int]:
    """Return the PIDs of a process's workers, which its fork server started."""
    return [pid for server in children(parent) for pid in children(server)]


def children(parent: int) -> list[int]:
    return [*map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]


def writer_of(process: Running, site: SiteServer) -> int:
    """Return the PID of the worker that writes this site's WARC file."""
    name = f"-{name_of(site).rpartition(':')[2]}-"
    return next(
        pid
        for pid in processes_of(process.pid)
        for fd in Path(f"/proc/{pid}/fd").iterdir()
        if fd.readlink().suffix == ".gz" and name in fd.readlink().name
    )


def name_of(site: SiteServer) -> str:
    return site.url.split("/")[2]


def articles_per_site(archive: Path, *sites: SiteServer) -> list[int]:
    """Return the number of stored articles of each site."""
    counts = dict(rows(archive, "select site, count(*) from articles group by site"))
    return [counts.get(name_of(site), 0) for site in sites]


@several
def test_a_killed_process_fails_only_its_own_site(serve: Serve, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    long, none = serve("Long", 400, seconds=0.2), serve("None", 0)
    other, later = serve("Other", 20, seconds=0.2), serve("Later", 5)
    none.pages["/"] = Answer(b"", 404)
    process = begin(archive, long, none, other, later, words=("--json", "--workers", "2"))
    until(have_served(long, other))
    until(have_served(long, posts=40))  # two more seconds, because a process reports its progress once a second
    os.kill(writer_of(process, long), signal.SIGKILL)
    done = process.end()
    results = json.loads(done.stdout)
    assert done.returncode == 1
    assert [r["url"] for r in results] == [site.url for site in (long, none, other, later)]
    assert [r["outcome"] for r in results] == ["failed", "failed", "finished", "finished"]
    assert 0 < results[0]["requests"] < 400
    assert [r["new"] for r in results[1:]] == [0, 20, 5]
    killed, missing = done.stderr.splitlines()
    assert long.url in killed
    assert "signal 9" in killed
    assert none.url in missing
    assert "404" in missing
    assert articles_per_site(archive, other, later) == [20, 5]


@several
@pytest.mark.parametrize("terminal", [False, True], ids=["SIGTERM to the command", "Ctrl-C at a terminal"])
def test_a_signal_ends_all_processes_and_keeps_their_results(serve: Serve, tmp_path: Path, terminal: bool) -> None:
    """A terminal and a service manager send the signal to every process, `kill` only to the command."""
    archive = tmp_path / "a.db"
    sites = [serve(name, 60, seconds=0.2) for name in ("One", "Two", "Three")]
    leader, follower = pty.openpty()
    process = begin(
        archive,
        *sites,
        words=("--workers", "2"),
        new_session=True,
        terminal=Path(os.ttyname(follower)) if terminal else None,
    )
    until(have_served(*sites[:2]))
    workers = processes_of(process.pid)
    assert len(workers) == 2
    assert {lock.read_text() for lock in tmp_path.glob(".*.lock")} == {str(process.pid)}
    if terminal:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send(signal.SIGTERM)
    done = process.end()
    screen = os.read(leader, 65536).decode() if terminal else ""
    os.close(leader)
    os.close(follower)
    assert done.returncode == 128 + (signal.SIGINT if terminal else signal.SIGTERM)

    assert not any(map(is_alive, workers))
    summaries = [line.split(": ")[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert summaries == [name_of(sites[0]), name_of(sites[1]), sites[2].url]
    assert rows(archive, "select outcome from runs") == [("interrupted",), ("interrupted",)]
    stored = articles_per_site(archive, *sites)
    assert all(0 < count < 60 for count in stored[:2])
    assert stored[2] == 0
    assert flaws(archive) == []
    if terminal:
        assert all(f"{name_of(site)} " in screen for site in sites[:2])
        assert "Traceback" not in screen
    else:
        assert sorted(done.stderr.splitlines()) == sorted(f"{name_of(site)}: crawl begins" for site in sites[:2])


@several
def test_workers_stop_with_the_command_and_torn_files_are_repaired(serve: Serve, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    one, two = serve("One", 50, seconds=0.15), serve("Two", 50, seconds=0.15)
    process = begin(archive, one, two)
    until(have_served(one, two))
    workers = processes_of(process.pid)
    process.send(signal.SIGKILL)
    process.end()
    until(lambda: not any(map(is_alive, workers)))
    assert rows(archive, "select outcome from runs") == [("interrupted",), ("interrupted",)]
    assert flaws(archive) == []

    # Now kill all of them while they write. The torn file of one is repaired while another writes.
    asked = len(one.requests), len(two.requests)
    process = begin(archive, one, two, new_session=True)
    until(lambda: len(one.requests) > asked[0] + 8 and len(two.requests) > asked[1] + 8)
    os.killpg(process.pid, signal.SIGKILL)
    process.end()
    files = (archive.parent / "warc").glob("*.warc.gz")
    torn = [file for file in files if not file.with_name(file.name.replace(".warc.gz", ".cdxj")).exists()]
    assert len(torn) == 2
    os.truncate(torn[0], torn[0].stat().st_size - 99)
    for site, name in ((one, "One"), (two, "Two")):
        site.pages |= blog(name, 50)
    last = begin(archive, one, two).end()
    assert last.returncode == 0, last.stderr
    assert f"warc/{torn[0].name}" in last.stderr
    assert articles_per_site(archive, one, two) == [50, 50]
    assert flaws(archive) == []


def test_a_free_process_takes_the_next_host_and_sites_of_a_host_are_sequential(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site that another command is crawling is skipped, and reported at the end."""
    archive = tmp_path / "a.db"
    monkeypatch.setattr(crawl_pool, "count_cores", lambda: 2)
    long, *short = serve("Long", 32, seconds=0.3), *(serve(f"Short {n}", 2) for n in range(3))
    plans = [CrawlPlan(site.url, 0.0, "") for site in (long, *short)]
    plans.insert(1, CrawlPlan(f"{long.url}post-3/", 0.0, ""))
    assert [len(host) for host in group_by_host(plans)] == [2, 1, 1, 1]
    with lock_site(archive, name_of(short[1])):
        results, _ = crawl_pool.run_plans(plans, CommonOptions(archive, quiet=True), workers=2)
    (refused,) = (result for result in results if result.outcome != "finished")
    assert (refused.site, refused.outcome) == (name_of(short[1]), "waiting")
    assert f"process {os.getpid()}" in refused.reason
    runs = {
        url: times
        for url, *times in rows(
            archive, "select start_url, started_at, finished_at from runs join sites on sites.id = site_id"
        )
    }
    assert set(runs) == {plan.url for plan in plans} - {short[1].url}
    assert runs[plans[1].url][0] >= runs[long.url][1]
    assert runs[short[2].url][1] < runs[long.url][1]
    assert articles_per_site(archive, long, *short) == [32, 2, 0, 2]


def test_errors_can_be_pickled() -> None:
    for error in (ArchiveInUse("a.db", "process 7"), BadSetting("delay", "it is negative")):
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), other.subject, str(other)) == (type(error), error.subject, str(error))
