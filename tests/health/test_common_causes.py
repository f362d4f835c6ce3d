"""Failures that many sites share since about the same time are one finding of the archive."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.cli.main import cli
from archiver.health.health_rules import CommonCause, find_common_causes, judge_common_causes, read_common_causes
from archiver.health.notification_channels import notify
from archiver.storage.database import open_archive
from archiver.storage.runs import EndedRun, FailedSeries, ended_runs, failed_series
from tests.runner import Runner
from tests.spiders.crawling import archiver, crawl, rows, text
from tests.spiders.site_server import serving

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OK, AWAY = "", "no-connection"
Call = Callable[..., tuple[int, str]]


def runs(*endings: tuple[str, str]) -> list[EndedRun]:
    """Returns runs a minute apart, the last one now: for each its site and its fault."""
    return [
        EndedRun(n + 1, name, NOW - (len(endings) - 1 - n) * MINUTE, fault) for n, (name, fault) in enumerate(endings)
    ]


def series(history: Sequence[EndedRun]) -> list[FailedSeries]:
    found = []
    for name in {run.site for run in history}:
        own = [run for run in history if run.site == name]
        failed: list[EndedRun] = []
        for run in reversed(own):
            if not run.fault:
                break
            failed.append(run)
        if failed:
            found.append(FailedSeries(failed[-1], failed[0]))
    return sorted(found, key=lambda one: one.first.id)


def causes(*endings: tuple[str, str], now: datetime = NOW) -> list[CommonCause]:
    history = runs(*endings)

    def read(first: int, backwards: bool) -> list[EndedRun]:
        if backwards:
            return [run for run in reversed(history) if run.id <= first]
        return [run for run in history if run.id >= first]

    return find_common_causes(series(history), read, now)


def each(names: Iterable[str], fault: str) -> list[tuple[str, str]]:
    return [(name, fault) for name in names]


def test_sites_that_fail_together_are_one_cause() -> None:
    (cause,) = causes(*each("abcde", OK), *each("abcde", AWAY))
    assert (cause.cause, set(cause.sites), cause.failed, cause.ran) == ("network", set("abcde"), 5, 5)
    assert (cause.since, cause.until) == (NOW - 4 * MINUTE, None)


def test_two_sites_or_a_minority_are_no_common_cause() -> None:
    assert causes(*each("ab", AWAY)) == []
    assert causes(("a", AWAY), ("b", OK), ("c", OK), ("d", AWAY), ("e", OK), ("f", OK), ("g", AWAY)) == []


def test_half_of_the_sites_that_ran_are_enough() -> None:
    (cause,) = causes(("a", AWAY), ("b", OK), ("c", AWAY), ("d", OK), ("e", AWAY))
    assert (cause.failed, cause.ran) == (3, 5)


def test_different_causes_are_not_counted_together() -> None:
    assert causes(("a", AWAY), ("b", "http-403"), ("c", "tls"), ("d", AWAY), ("e", "http-403")) == []
    (cause,) = causes(("a", "no-host"), ("b", "timeout"), ("c", AWAY))
    assert cause.cause == "network"


def test_a_site_that_was_dead_before_keeps_its_own_finding() -> None:
    daily = [one for _ in range(5) for one in (("old", AWAY), *each("abcd", OK))]
    (cause,) = causes(*daily, ("old", AWAY), *each("abcd", AWAY))
    assert set(cause.sites) == set("abcd")
    assert cause.failed == cause.ran == 4
    assert cause.since == NOW - 3 * MINUTE


def test_sites_that_were_not_crawled_since_stay_explained_when_the_others_work_again() -> None:
    away = each("abcdefgh", AWAY)
    (cause,) = causes(*away, *each("abcdef", OK))
    assert (set(cause.sites), cause.failed) == (set("gh"), 8)
    assert cause.until is not None
    assert [one.level for one in judge_common_causes([cause])] == ["green"]
    assert causes(*away, *each("abcdefgh", OK)) == []


def test_a_site_that_still_fails_when_the_others_work_again_has_its_own_finding() -> None:
    (cause,) = causes(*each("abcdefgh", AWAY), *each("abcdef", OK), ("g", AWAY))
    assert set(cause.sites) == {"h"}


def test_a_cause_of_long_ago_is_none() -> None:
    assert causes(*each("abc", AWAY), now=NOW + timedelta(days=31)) == []


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from([OK, AWAY, "tls"])), max_size=60))
def test_a_common_cause_has_only_sites_whose_last_run_failed(endings: list[tuple[str, str]]) -> None:
    last = dict(endings)
    for cause in causes(*endings):
        assert all(last[name] for name in cause.sites)
        assert cause.failed >= 3
        assert 2 * cause.failed >= cause.ran


# In an archive.


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    db = open_archive(path, create=True)
    for number, name in enumerate("abcd", 1):
        db.execute(
            "insert into sites (id, name, start_url, host, path, settings, added_at) "
            "values (?, ?, ?, ?, '/', '{}', '')",
            [number, f"{name}.example", f"https://{name}.example/", f"{name}.example"],
        )
    db.close()
    return path


@pytest.fixture
def call(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    config, sent = tmp_path / "archiver.toml", tmp_path / "sent"
    config.write_text(f'[notify]\ncommand = ["sh", "-c", "cat >> {sent}; echo >> {sent}"]\n')
    monkeypatch.setenv("ARCHIVER_CONFIG", str(config))
    monkeypatch.setattr("archiver.health.notification._RUNS_IN_A_ROW", 1)  # one run is enough for a message
    monkeypatch.setattr(
        "archiver.health.health_rules._LONGEST_SERIES", timedelta(days=36_500)
    )  # the tests' time is fixed

    def run(*words: str) -> tuple[int, str]:
        done = Runner().invoke(cli, [*words, "--archive", str(archive)])
        return done.exit_code, done.stdout

    return run


def ran(archive: Path, sites: str, fault: str, minute: int) -> None:
    db = open_archive(archive)
    for n, name in enumerate(sites):
        at = (NOW + minute * MINUTE + n * timedelta(seconds=1)).isoformat()
        outcome = ("failed", f"https://{name}.example/ cannot be crawled: {fault}.") if fault else ("finished", "")
        db.execute(
            "insert into runs (site_id, mode, started_at, finished_at, outcome, reason, statistics) "
            "values ((select id from sites where name = ?), 'full', ?, ?, ?, ?, ?)",
            [f"{name}.example", at, at, *outcome, json.dumps({"fault": fault} if fault else {"articles": 3})],
        )
    db.close()


def sent(tmp_path: Path) -> list[list[tuple[str, str]]]:
    """Returns the messages that were sent: for each change its site and state."""
    file = tmp_path / "sent"
    lines = file.read_text().splitlines() if file.exists() else []
    return [[(one["site"], one["state"]) for one in json.loads(line)["changes"]] for line in lines]


def test_the_failed_runs_of_each_site_are_read(archive: Path) -> None:
    ran(archive, "abcd", OK, 0)
    ran(archive, "ab", AWAY, 10)
    ran(archive, "ac", "tls", 20)
    ran(archive, "c", OK, 30)
    db = open_archive(archive)
    found = [(one.last.site, one.first.id, one.last.id, one.last.fault) for one in failed_series(db)]
    later = [(run.site, run.fault) for run in ended_runs(db, 6)]
    db.close()
    assert found == [("a.example", 5, 7, "tls"), ("b.example", 6, 6, AWAY)]
    assert later == [("b.example", AWAY), ("a.example", "tls"), ("c.example", "tls"), ("c.example", "")]


def test_a_scheduler_that_has_just_started_sends_a_common_cause(archive: Path, call: Call, tmp_path: Path) -> None:
    ran(archive, "abcd", OK, 0)
    ran(archive, "abcd", AWAY, 10)
    assert notify(archive, {"a.example"}, catching_up=True, now=NOW + 20 * MINUTE) == [("command", "")]
    assert next(site for message in sent(tmp_path) for site, _ in message) == ""


def test_runs_that_were_killed_divide_no_common_cause(archive: Path) -> None:
    ran(archive, "abcd", OK, 0)
    ran(archive, "d", AWAY, 10)
    ran(archive, "abc", OK, 11)
    db = open_archive(archive)
    db.execute("update runs set outcome = 'interrupted', finished_at = null, statistics = null where id > 5")
    db.close()
    ran(archive, "abc", AWAY, 40)
    db = open_archive(archive)
    (found,) = read_common_causes(db, NOW + 60 * MINUTE)
    db.close()
    assert (sorted(found.sites), found.failed) == ([f"{name}.example" for name in "abcd"], 4)


def test_one_sentence_takes_the_place_of_the_paragraphs_of_the_sites(archive: Path, call: Call) -> None:
    ran(archive, "abcd", OK, 0)
    ran(archive, "abcd", AWAY, 10)
    code, shown = call("status", "--health")
    assert code == 2
    assert "4 sites (amber)" in shown.splitlines()[0]
    assert not any("cannot be crawled" in line for line in shown.splitlines())
    assert sum("2026-03-02 12:10 UTC" in line for line in shown.splitlines()) == 1
    found = json.loads(call("status", "--health", "--json")[1])
    assert [(one["code"], one["about"], one["level"]) for one in found["archive"]["findings"]][:1] == [
        ("common-cause", "network", "red")
    ]
    assert found["common_causes"][0]["sites"] == [f"{name}.example" for name in "abcd"]
    assert [one["findings"][0]["code"] for one in found["sites"].values()] == ["failed"] * 4
    metrics = call("status", "--prometheus", "-")[1].splitlines()
    assert 'archiver_finding{site="",code="common-cause",about="network"} 2' in metrics
    assert sum(line.startswith("archiver_finding{") and 'code="failed"' in line for line in metrics) == 4
    assert "cannot be crawled" in call("status", "--health", "a.example")[1]


def test_people_are_notified_of_a_common_cause_and_its_end_once(archive: Path, call: Call, tmp_path: Path) -> None:
    ran(archive, "abcd", OK, 0)
    call("status", "--notify")
    before = sent(tmp_path)
    for minute in (10, 20, 30):
        ran(archive, "abcd", AWAY, minute)
        call("status", "--notify")
    ran(archive, "abcd", OK, 40)
    call("status", "--notify")
    call("status", "--notify")
    assert sent(tmp_path)[len(before) :] == [[("", "red")], [("", "green")]]
    assert rows(archive, "select distinct state from site_health") == [("green",)]


def test_a_site_that_was_reported_before_is_not_healthy_by_a_common_cause(
    archive: Path, call: Call, tmp_path: Path
) -> None:
    ran(archive, "abcd", OK, 0)
    ran(archive, "a", AWAY, 10)
    call("status", "--notify")
    ran(archive, "bcd", AWAY, 11)
    call("status", "--notify")
    ran(archive, "abcd", OK, 40)
    call("status", "--notify")
    assert sent(tmp_path) == [[("a.example", "amber")], [("", "red")], [("", "green"), ("a.example", "green")]]


def test_new_sites_that_cannot_be_reached_share_a_cause(tmp_path: Path) -> None:
    """Each is amber at its first failure, and the archive says once what they have in common."""
    archive = tmp_path / "new.db"
    with serving({}) as site:
        port = site.url.rpartition(":")[2]
    sites = [f"http://127.0.0.{n}:{port}" for n in (2, 3, 4)]
    assert [archiver("sites", "add", site, archive=archive).returncode for site in sites] == [0, 0, 0]
    assert crawl(*sites, archive=archive).returncode == 1
    found = json.loads(archiver("status", "--health", "--json", archive=archive).stdout)
    assert [(one["cause"], len(one["sites"])) for one in found["common_causes"]] == [("network", 3)]
    assert [one["state"] for one in found["sites"].values()] == ["amber"] * 3
    shown = archiver("status", "--health", archive=archive).stdout.splitlines()
    assert len([line for line in shown if "127.0.0." in line]) == 1


def test_a_robots_txt_that_cannot_be_read_is_the_fault_of_a_run_that_waits(tmp_path: Path) -> None:
    with serving({"/robots.txt": text("", 502)}) as site:
        crawl(site.url, archive=tmp_path / "new.db")
    found = rows(tmp_path / "new.db", "select outcome, statistics ->> '$.fault' from runs")
    assert found == [("waiting", "http-502")]


def test_a_group_that_is_not_crawled_has_no_findings(archive: Path, call: Call, tmp_path: Path) -> None:
    ran(archive, "ab", AWAY, 0)
    call("sites", "tag", "old", "a.example")
    (tmp_path / "archiver.toml").write_text("[groups.old]\ncrawl = false\n")
    found = json.loads(call("status", "--health", "--json")[1])["sites"]
    assert [(name, one["state"]) for name, one in found.items()][:2] == [("a.example", "green"), ("b.example", "amber")]
