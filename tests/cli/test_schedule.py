"""`archiver schedule` as a process: crawls what is due, one site per host at a time, and stops on a signal."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from archiver.cli.commands.schedule import _print_result
from archiver.cli.main import cli
from archiver.model.errors import ArchiverError, ContactMissing
from archiver.scheduling import scheduler_loop
from archiver.scheduling.crawl_plans import CommonOptions, CrawlOutcome, CrawlResult
from archiver.scheduling.site_crawl import CrawlProcessHandle, SiteCrawl, begin_crawl
from archiver.sites.config import Config, effective_settings
from archiver.storage.database import open_archive
from archiver.storage.runs import Counts, Damage, record_checked_units
from archiver.storage.scheduled_sites import DueSites, scheduled_sites
from archiver.storage.transactions import last_heartbeat, lock_host, lock_schedule, scheduler_process
from tests.damage import damage_table, warc_files
from tests.processes import Running, run, without_proxies
from tests.proved_archive import make
from tests.runner import Runner, fault
from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, Pages, home, page, serving
from tests.waiting import until


def slow(answer: Answer, seconds: float) -> Callable[[], Answer]:
    def wait() -> Answer:
        time.sleep(seconds)
        return answer

    return wait


def blog(*folders: str, posts: int = 3, seconds: float = 0.0) -> Pages:
    pages: Pages = {"/robots.txt": Answer(b"", 404)}
    for folder in folders or ("",):
        paths = [f"{folder}/post-{n}/" for n in range(posts)]
        pages[f"{folder}/"] = home(*paths)
        for number, path in enumerate(paths):
            answer = page(f"Number {number} of {folder or 'all'}", f"Words of {path} stand here. " * 9)
            pages[path] = slow(answer, seconds)
    return pages


def run_on(archive: Path, *words: str) -> str:
    done = CliRunner().invoke(cli, [*words, "--archive", str(archive)])
    assert done.exit_code == 0, done.output
    return done.stdout


def sites_by_name(archive: Path) -> dict[str, dict[str, object]]:
    return {row["site"]: row for row in json.loads(run_on(archive, "schedule", "--list", "--json"))}


def test_once_crawls_what_is_due_and_sites_of_a_host_sequentially(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog("/a", "/b", seconds=0.2)) as server, serving(blog()) as other:
        for url in (f"{server.url}a/", f"{server.url}b/", other.url, "http://127.0.0.1:9/"):
            run_on(archive, "sites", "add", url)
        run_on(archive, "sites", "set", "127.0.0.1:9", "crawl=no")
        assert {row["why"] for row in sites_by_name(archive).values()} == {"never crawled"}
        assert len(sites_by_name(archive)) == 3
        done = run("archiver", "schedule", "--once", "--json", "--archive", str(archive))
        assert done.returncode == 0, done.stderr
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert sorted((row["outcome"], row["new"]) for row in results) == [("finished", 3)] * 3
        asked = [path[:3] for path in server.requests if path.startswith(("/a/", "/b/"))]
        assert asked == sorted(asked) or asked == sorted(asked, reverse=True)
        spans = rows(
            archive,
            "select started_at, finished_at from runs join sites s on s.id = site_id "
            f"where s.host = '{server.url[7:-1]}' order by 1",
        )
        assert spans[0][1] <= spans[1][0]
        again = run("archiver", "schedule", "--once", "--archive", str(archive))
        assert (again.returncode, again.stdout) == (0, "")
        assert again.stderr.startswith("Nothing is due. Next: 127.0.0.1:")
        assert not any(row["due"] for row in sites_by_name(archive).values())


def test_only_one_daemon_runs_and_it_recovers_from_a_kill(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(posts=400, seconds=0.3)) as server:
        run_on(archive, "sites", "add", server.url)
        first = Running("archiver", "schedule", "--archive", str(archive))

        def posts() -> int:
            return sum(path.startswith("/post-") for path in server.requests)

        until(lambda: posts() > 3)
        second = run("archiver", "schedule", "--archive", str(archive))
        assert second.returncode == 1
        assert f"process {first.pid}" in second.stderr
        assert scheduler_process(archive) == str(first.pid)
        beside = run("archiver", "schedule", "--once", "--archive", str(archive))
        assert beside.returncode == 0
        assert "Another" in beside.stderr
        first.send(signal.SIGKILL)
        first.end()
        # Its crawl stops too, and leaves the site to the next scheduler_loop.
        until(lambda: rows(archive, "select outcome from runs where outcome = 'interrupted'"))
        db = open_archive(archive)
        db.execute("update runs set started_at = '2024-01-01T00:00:00+00:00', outcome = 'failed'")
        with db.atomic():
            damage = Damage("a.warc.gz", "file-damaged", "warc/a.warc.gz", "warc/a.warc.gz is damaged", "Put it back.")
            record_checked_units(db, ["a.warc.gz"], [damage], datetime.now(UTC))
        db.close()
        config, heard = tmp_path / "archiver.toml", tmp_path / "heard"
        config.write_text(f'[notify]\ncommand = ["sh", "-c", "cat > {heard}"]\n')
        third = Running(
            "archiver",
            "schedule",
            "--archive",
            str(archive),
            environment=without_proxies() | {"ARCHIVER_CONFIG": str(config)},
        )
        asked = posts()
        until(lambda: posts() > asked + 3)
        until(lambda: heard.exists() and "a.warc.gz is damaged" in heard.read_text())
        third.send(signal.SIGTERM)
        done = third.end()
        assert done.returncode == 128 + signal.SIGTERM, done.stderr
        assert [row[0] for row in rows(archive, "select outcome from runs order by id")] == ["failed", "interrupted"]
        stored = rows(archive, "select count(*) from articles")[0][0]
        assert 0 < stored == rows(archive, "select count(*) from pages where outcome = 'archived'")[0][0]
        with lock_schedule(archive):
            pass


def test_a_site_that_cannot_be_crawled_does_not_stop_the_others(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog()) as server:
        run_on(archive, "sites", "add", server.url)
        run_on(archive, "sites", "add", "https://nowhere.invalid/")
        run_on(archive, "sites", "add", "https://else.invalid/")
        run_on(archive, "sites", "set", "else.invalid", "contact=a@b.example")
        done = run("archiver", "schedule", "--once", "--archive", str(archive))
        assert done.returncode == 1
        # A host that does not resolve is a failed run, and does not stop the others.
        assert all(f" {name}: " in done.stderr for name in ("nowhere.invalid", "else.invalid"))
        assert str(ContactMissing("nowhere.invalid")) in done.stderr
        by_hand = crawl("--contact", "a@b.example", archive=archive)
        assert by_hand.returncode == 1
    runs = rows(archive, "select name, outcome, new from runs join sites on sites.id = site_id order by runs.id")
    assert sorted(runs[:2]) == [(server.url[7:-1], "finished", 3), ("else.invalid", "failed", 0)]
    assert sorted(runs[2:]) == [
        (server.url[7:-1], "finished", 0),
        ("else.invalid", "failed", 0),
        ("nowhere.invalid", "failed", 0),
    ]


def test_a_crawl_that_dies_before_its_run_is_recorded_is_retried_and_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive.db"
    run_on(archive, "sites", "add", "http://127.0.0.1:9/")
    starts: list[float] = []
    results: list[CrawlOutcome] = []

    def killed(site: SiteCrawl, order: CommonOptions) -> CrawlProcessHandle:
        child = begin_crawl(site, order)
        child.process.kill()
        starts.append(time.monotonic())
        return child

    def retry_later(self: scheduler_loop.Daemon, name: str, result: CrawlOutcome, reason: str) -> None:
        original(self, name, result, reason)
        if len(starts) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    original = scheduler_loop.Daemon._postpone
    monkeypatch.setattr(scheduler_loop.Daemon, "_postpone", retry_later)
    monkeypatch.setattr(scheduler_loop, "begin_crawl", killed)
    monkeypatch.setattr(scheduler_loop, "_CHECK_EVERY", 0.1)
    monkeypatch.setattr(scheduler_loop, "_RETRY_AFTER", 0.6)
    orders = scheduler_loop.DaemonOptions(
        CommonOptions(archive, quiet=True), 1, False, None, None, lambda _, result: results.append(result), print
    )
    assert scheduler_loop.Daemon(orders).run() == signal.SIGTERM
    waits = [later - earlier for earlier, later in pairwise(starts)]
    assert waits[0] >= 0.6
    assert waits[1] >= 1.2
    (result,) = results
    assert isinstance(result, CrawlResult)
    assert (result.outcome, "signal 9" in result.reason) == ("failed", True)


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where a folder is needed")
    child = begin_crawl(
        SiteCrawl("a.example", "http://127.0.0.1:9/", {}, None, None), CommonOptions(tmp_path / "archive.db")
    )
    while not child.receive():
        pass
    assert isinstance(child.result, ArchiverError)
    assert child.result.subject == str(tmp_path / "log")
    assert os.strerror(errno.EEXIST) in str(child.result)


def test_a_full_disk_and_a_broken_config_prevent_crawls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, config = tmp_path / "archive.db", tmp_path / "archiver.toml"
    monkeypatch.setenv("ARCHIVER_CONFIG", str(config))
    config.write_text("")
    run_on(archive, "sites", "add", "http://127.0.0.1:9/")
    monkeypatch.setattr("archiver.scheduling.scheduler_loop.MIN_FREE_BYTES", 1 << 62)
    full = CliRunner().invoke(cli, ["schedule", "--once", "--archive", str(archive)])
    assert full.exit_code == 1
    assert str(tmp_path) in full.stderr
    assert rows(archive, "select count(*) from runs") == [(0,)]
    config.write_text("delay = 3\n")
    broken = CliRunner().invoke(cli, ["schedule", "--once", "--archive", str(archive)])
    assert broken.exit_code == 2
    assert "line 1, column 1" in broken.stderr


def test_pages_are_due_after_a_clock_that_was_years_ahead(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog()) as server:
        crawl(server.url, archive=archive)
        db = open_archive(archive)
        with db.atomic():
            later = "2099-01-01T00:00:00+00:00"
            db.execute("update runs set started_at = ?, finished_at = ?", [later, later])
            db.execute("update pages set fetched_at = ?, due_at = ?", [later, later])
            db.execute("update sites set quiet_until = ?", [later])
        db.close()
        assert [row["due"] for row in sites_by_name(archive).values()] == [True]
        server.requests.clear()
        assert run("archiver", "schedule", "--once", "--archive", str(archive)).returncode == 1  # and says so
        assert {"/post-0/", "/post-1/", "/post-2/"} <= set(server.requests)
        assert rows(archive, "select count(*) from pages where fetched_at > '2098'") == [(0,)]
        assert [row["due"] for row in sites_by_name(archive).values()] == [False]


def test_two_commands_do_not_crawl_a_host_at_the_same_time(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog("/a", "/b")) as server, serving(blog()) as other, lock_host(archive, server.url[7:-1]):
        alone = crawl(f"{server.url}a/", archive=archive)
        assert alone.returncode == 1
        assert f" {server.url[7:-1]} (process {os.getpid()}" in alone.stderr
        both = json.loads(crawl(f"{server.url}a/", other.url, "--json", "--workers", "1", archive=archive).stdout)
        assert [(one["outcome"], one["new"]) for one in both] == [("waiting", 0), ("finished", 3)]
        assert server.requests == []


def test_the_scheduler_sees_changes_of_sites_and_settings(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    for name in ("a.example", "b.example"):
        run_on(archive, "sites", "add", name)
    turns, now = DueSites(), datetime(2026, 3, 1, tzinfo=UTC)

    def due(hours: float) -> list[str]:
        db = open_archive(archive)
        try:
            found = turns.due(db, now + timedelta(hours=hours), effective_settings(db, Config()))
            plain = [
                one
                for one in scheduled_sites(db, now + timedelta(hours=hours), effective_settings(db, Config()))
                if one.turn.at <= now + timedelta(hours=hours)
            ]
            assert [one.site["name"] for one in found] == [one.site["name"] for one in plain]
            return [one.site["name"] for one in found]
        finally:
            db.close()

    def change(statement: str) -> None:
        db = open_archive(archive)
        db.execute(statement)
        db.close()

    assert due(0) == due(0.01) == ["a.example", "b.example"]
    change(
        "insert into runs (site_id, mode, started_at, outcome) values (1, 'full', '2026-03-01T00:00:00+00:00', "
        "'failed')"
    )
    assert due(0.02) == ["b.example"]
    change("""update sites set settings = '{"crawl": false}' where id = 2""")
    assert due(0.03) == []
    assert due(200) == ["a.example"]
    assert due(-10) == ["a.example"]
    change("update runs set outcome = 'interrupted'")
    assert due(0.2) == ["a.example"]
    assert due(0.05) == []


def test_the_adaptive_period_depends_on_the_posts_in_the_feed(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    run_on(archive, "sites", "add", "a.example")
    db = open_archive(archive)
    for day, listed_posts in enumerate((10, 10, 10)):
        db.execute(
            "insert into runs (site_id, mode, started_at, outcome, new, statistics) values (1, 'incremental', "
            "?, "
            "'finished', 5, ?)",
            [f"2026-01-0{day + 1}T00:00:00+00:00", json.dumps({"listed": listed_posts})],
        )
    db.close()
    assert sites_by_name(archive)["a.example"]["period_seconds"] == 3 * 3600


def test_wrong_usage_is_an_error(tmp_path: Path) -> None:
    missing = Runner().invoke(cli, ["schedule", "--archive", str(tmp_path / "none.db")])
    assert (missing.exit_code, fault(missing)) == (1, f"ArchiveNotFound {tmp_path / 'none.db'}")
    (tmp_path / "no.db").write_text("no archive")
    other = Runner().invoke(cli, ["schedule", "--archive", str(tmp_path / "no.db")])
    assert fault(other) == f"NotAnArchive {tmp_path / 'no.db'}"
    assert CliRunner().invoke(cli, ["schedule", "-o", str(tmp_path)]).exit_code == 2
    for two in (("--once", "--print", "systemd"), ("--once", "--list"), ("--list", "--print", "cron")):
        assert CliRunner().invoke(cli, ["schedule", *two]).exit_code == 2
    former = Runner().invoke(cli, ["schedule", "--systemd"])
    assert former.exit_code == 2
    assert "--print systemd" in former.stderr


@pytest.mark.needs("systemd")
def test_units_are_valid_for_systemd(tmp_path: Path) -> None:
    odd = tmp_path / "an archive of 100 %" / "archive.db"
    odd.parent.mkdir()
    unit = tmp_path / "archiver.service"
    unit.write_text(run_on(odd, "schedule", "--print", "systemd"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", unit], capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_user_without_a_name_is_given_by_the_user_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54_321)  # as in a container
    assert "services:" in run_on(tmp_path / "a.db", "schedule", "--print", "docker")
    assert "User=54321\n" in run_on(tmp_path / "a.db", "schedule", "--print", "systemd")


def test_a_crontab_and_a_compose_file_run_the_scheduler(tmp_path: Path) -> None:
    import yaml

    root = Path(__file__).parents[2]
    line = run_on(tmp_path / "a % b.db", "schedule", "--print", "cron").splitlines()[-1]
    assert line.startswith("*/10 * * * * cd ")
    assert " schedule --once --quiet --archive " in line
    assert line.endswith(r"a \% b.db'")
    service = yaml.safe_load(run_on(tmp_path / "a.db", "schedule", "--print", "docker"))["services"]["archiver"]
    assert service["command"] == ["schedule"]
    assert service["stop_grace_period"] == "30s"
    copied = [
        word
        for line in (root / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--" not in line
        for word in line.split()[1:-1]
    ]
    assert copied
    assert all((root / word).exists() for word in copied)


@pytest.mark.parametrize("words", [("schedule",), ("schedule", "--once", "--quiet")])
def test_the_archive_is_checked_at_night(tmp_path: Path, words: tuple[str, ...]) -> None:
    archive = make(tmp_path)
    warc_files(archive)[0].unlink()
    db = open_archive(archive)
    db.execute("update _sqlite_migrations set applied_at = '2024-01-01T00:00:00+00:00'")
    for name in ("quay.example", "hill.example"):
        db.execute("update sites set settings = '{\"crawl\": false}' where name = ?", [name])
    db.close()
    daemon_process = Running("archiver", *words, "--archive", str(archive))
    until(lambda: rows(archive, "select 1 from integrity_checks where kind = 'verify' and finished_at is not null"))
    if "--once" not in words:
        daemon_process.send(signal.SIGTERM)
    done = daemon_process.end()
    assert done.returncode == (0 if "--once" in words else 128 + signal.SIGTERM), done.stderr
    assert [row[0] for row in rows(archive, "select kind from damages")] == ["file-missing"]
    run("archiver", "schedule", "--once", "--archive", str(archive))
    assert rows(archive, "select count(*) from integrity_checks") == [(1,)]


def test_the_nightly_check_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, config = make(tmp_path), tmp_path / "archiver.toml"
    db = open_archive(archive)
    db.execute("update _sqlite_migrations set applied_at = '2024-01-01T00:00:00+00:00'")
    db.close()
    monkeypatch.setenv("ARCHIVER_CONFIG", str(config))
    config.write_text("")
    assert scheduler_loop.check_is_due(archive, datetime.now(UTC))
    config.write_text('[maintenance]\ncheck_at = ""\n')
    assert not scheduler_loop.check_is_due(archive, datetime.now(UTC))


def test_once_fails_if_nobody_could_be_notified_because_of_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, config = make(tmp_path), tmp_path / "archiver.toml"
    config.write_text('[defaults]\ncrawl = false\n[notify]\ncommand = ["true"]\n[maintenance]\ncheck_at = ""\n')
    monkeypatch.setenv("ARCHIVER_CONFIG", str(config))
    words = ("schedule", "--once", "--quiet", "--archive", str(archive))
    assert Runner().invoke(cli, words).exit_code == 0
    damage_table(archive, "faults")
    assert Runner().invoke(cli, words).exit_code == 1


def test_units_limit_memory_and_protect_the_code(tmp_path: Path) -> None:
    lines = run_on(tmp_path / "a.db", "schedule", "--print", "systemd").splitlines()
    service = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert service["MemoryMax"] == "75%"
    assert service["OOMPolicy"] == "continue"
    assert sys.prefix in service["ReadOnlyPaths"].split()
    assert service["ReadWritePaths"] == str(tmp_path)


def test_a_service_manager_hears_that_the_loop_runs(tmp_path: Path) -> None:
    archive, address = tmp_path / "archive.db", tmp_path / "notify"
    open_archive(archive, create=True).close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(60)
        process = Running(
            "archiver",
            "schedule",
            "--archive",
            str(archive),
            environment={**without_proxies(), "NOTIFY_SOCKET": str(address)},
        )
        sent = [manager.recv(4096).decode() for _ in range(2)]
        process.send(signal.SIGTERM)
        while sent[-1] != "STOPPING=1":
            sent.append(manager.recv(4096).decode())
    assert process.end().returncode == 143
    assert sent[0] == "READY=1"
    assert sent[1] == "STATUS=0 crawls running, 0 sites due\nWATCHDOG=1"


def test_the_scheduler_records_when_its_loop_last_ran(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    open_archive(archive, create=True).close()
    assert last_heartbeat(archive) is None
    began = datetime.now(UTC) - timedelta(seconds=1)
    run_on(archive, "schedule", "--once", "--quiet")
    seen = last_heartbeat(archive)
    assert seen is not None
    assert seen > began


def test_containers_are_healthy_while_the_loop_runs(tmp_path: Path) -> None:
    """The health checks look at the file whose time the scheduler sets."""
    import yaml

    archive = tmp_path / "archive.db"
    lock_schedule(archive).close()
    (seen,) = [file.name for file in tmp_path.iterdir()]
    services = yaml.safe_load(run_on(archive, "schedule", "--print", "docker"))["services"]
    check = f"find /archive/{seen} -mmin -3 | grep -q ."
    assert services["archiver"]["healthcheck"]["test"] == ["CMD-SHELL", check]
    assert "/-/health?only=reading" in services["web"]["healthcheck"]["test"][-1]
    assert all(service["mem_limit"] for service in services.values())
    dockerfile = (Path(__file__).parents[2] / "Dockerfile").read_text()
    assert f"CMD {check}\n" in dockerfile
    here = check.replace("/archive/", f"{tmp_path}/")
    assert subprocess.run(["sh", "-c", here]).returncode == 0
    long_ago = time.time() - 600
    os.utime(tmp_path / seen, (long_ago, long_ago))
    assert subprocess.run(["sh", "-c", here]).returncode != 0


def test_held_pages_are_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    done = CrawlResult("a.example", "https://a.example/", "finished", "", 1.0, Counts(requests=42, held=20), ())
    _print_result("a.example", done, quiet=False, as_json=False)
    assert capsys.readouterr().out.endswith("finished: 20 held; 42 requests\n")
