"""Settings of many sites at once; blackout hours and quotas of groups, as the scheduler obeys them and status says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from archiver.cli.main import cli
from archiver.model.errors import BadConfig
from archiver.sites.config import Config, Quota, effective_settings, parse_config
from archiver.sites.run_limits import RunLimits, limit_scheduled_run, read_group_quotas
from archiver.storage.database import open_archive
from archiver.storage.pages import stamp
from archiver.storage.scheduled_sites import DueSites, scheduled_sites
from archiver.storage.sites import add_site, add_tags
from tests.processes import run, without_proxies
from tests.runner import Runner, fault
from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, Pages, home, page, serving

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Call = Callable[..., Result]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "archive.db"
    db = open_archive(path, create=True)
    for name, tag in (("a.example", "news"), ("b.example", "news"), ("c.example", "blogs")):
        row, _ = add_site(db, f"https://{name}", NOON)
        add_tags(db, row["id"], [tag])
    db.conn.commit()
    db.close()
    return path


@pytest.fixture
def call(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("ARCHIVER_CONFIG", str(archive.with_name("archiver.toml")))
    configure(archive, "")
    return lambda *words: Runner().invoke(cli, [*words, "--archive", str(archive)])


def configure(archive: Path, text: str) -> None:
    archive.with_name("archiver.toml").write_text(text)


def settings(archive: Path) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in rows(archive, "select name, settings from sites")}


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["a.example", "delay=2"], {"a.example"}),
        (["--tag", "News", "delay=2"], {"a.example", "b.example"}),
        (["a.example", "https://c.example/", "delay=2"], {"a.example", "c.example"}),
        (["delay=2", "c.example", "--tag", "news"], {"a.example", "b.example", "c.example"}),
    ],
)
def test_settings_of_many_sites_are_changed_at_once(
    archive: Path, call: Call, words: list[str], changed: set[str]
) -> None:
    assert call("sites", "set", *words).exit_code == 0
    assert {name for name, own in settings(archive).items() if own == {"delay": 2}} == changed
    assert call("sites", "set", *(word.replace("=2", "=") for word in words)).exit_code == 0
    assert set(map(str, settings(archive).values())) == {"{}"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a.example", "nowhere.example", "delay=2"], 1, "SiteNotFound nowhere.example"),
        (["--tag", "newz", "delay=2"], 2, "TagNotFound newz"),
        (["a.example", "delay=x"], 2, "BadSetting delay=x"),
        (["a.example"], 2, ""),
        (["delay=2"], 2, ""),
    ],
)
def test_a_mistake_changes_no_site(archive: Path, call: Call, words: list[str], code: int, said: str) -> None:
    done = call("sites", "set", *words)
    assert (done.exit_code, fault(done) if said else "") == (code, said)
    assert set(map(str, settings(archive).values())) == {"{}"}


@pytest.mark.parametrize("words", [["status"], ["sites", "list"], ["sites", "export"], ["crawl"]])
def test_the_nearest_tag_is_named(call: Call, words: list[str]) -> None:
    done = call(*words, "--tag", "newz")
    assert done.exit_code == 2
    assert "'news'" in done.stderr


def test_the_nearest_site_is_named(call: Call) -> None:
    assert "'b.example'" in call("status", "https://b.exmple/").stderr


def scheduled(path: Path, config: Config, now: datetime) -> dict[str, tuple[datetime, str]]:
    db = open_archive(path, read_only=True)
    quotas = read_group_quotas(db, config, now)
    found = [quotas.postpone(one) for one in scheduled_sites(db, now, effective_settings(db, config))]
    db.close()
    return {one.site["name"]: (one.turn.at, one.turn.postponed_by) for one in found}


def test_a_blackout_postpones_the_sites_of_its_group(archive: Path) -> None:
    config = parse_config("[groups.news]\nblackout = '08:00-18:00'\n", "archiver.toml")
    six = NOON + 6 * HOUR
    assert scheduled(archive, config, NOON) == {
        "a.example": (six, "blackout"),
        "b.example": (six, "blackout"),
        "c.example": (NOON, ""),
    }
    assert scheduled(archive, config, six)["a.example"] == (six, "")


@given(st.lists(st.floats(0, 80), min_size=1, max_size=8))
def test_what_is_due_while_nobody_looks_waits_for_the_end_of_the_blackout(
    tmp_path_factory: pytest.TempPathFactory, hours: list[float]
) -> None:
    """The kept schedules of the daemon and the list agree at any time, also after a blackout began again."""
    db = open_archive(tmp_path_factory.mktemp("due") / "archive.db", create=True)
    add_site(db, "https://a.example", NOON)
    db.execute('update sites set settings = \'{"blackout": "08:00-18:00 UTC"}\'')
    turns = DueSites()
    for passed in sorted(hours):
        now = NOON + passed * HOUR
        found = [one.site["name"] for one in turns.due(db, now, effective_settings(db, Config()))]
        listed = scheduled_sites(db, now, effective_settings(db, Config()))
        assert found == [one.site["name"] for one in listed if one.turn.at <= now]
        assert found == ([] if 8 <= (now.hour + now.minute / 60) < 18 else ["a.example"])
    db.close()


def test_a_run_ends_before_the_blackout_begins(archive: Path) -> None:
    db = open_archive(archive, read_only=True)
    at = NOON.replace(hour=7, minute=30)
    limits = limit_scheduled_run(db, 1, {"blackout": "08:00-18:00 UTC"}, Config(), at)
    assert (limits.max_minutes, limits.reached_limit(0, 0, 29 * 60)) == (30, "")
    assert "blackout (08:00-18:00 UTC)" in limits.reached_limit(0, 0, 30 * 60)
    own = limit_scheduled_run(db, 1, {"blackout": "08:00-18:00 UTC", "max_minutes": 5}, Config(), at)
    assert own == RunLimits(max_minutes=5)


def test_a_quota_postpones_its_group_to_the_next_day(archive: Path) -> None:
    db = open_archive(archive)
    for site, hours, requests, size in ((1, 1, 60, 5e6), (2, 2, 39, 3e6), (2, 30, 500, 9e9), (3, 1, 900, 9e9)):
        db.execute(
            "insert into runs (site_id, mode, started_at, finished_at, outcome, requests, bytes) "
            "values (?, 'full', ?, ?, 'interrupted', ?, ?)",
            [site, stamp(NOON - hours * HOUR), stamp(NOON), requests, size],
        )
    db.conn.commit()
    pages, both = (parse_config(f"[groups.news]\n{text}\n", "t") for text in ("requests_a_day = 100", QUOTAS))
    assert scheduled(archive, pages, NOON)["a.example"][1] == ""
    assert read_group_quotas(db, pages, NOON).limit(RunLimits(), 1).max_pages == 1
    assert read_group_quotas(db, both, NOON).limit(RunLimits(max_megabytes=1), 1) == RunLimits(max_megabytes=1)
    less = parse_config("[groups.news]\nrequests_a_day = 99\n", "t")
    midnight = NOON + 12 * HOUR
    assert scheduled(archive, less, NOON)["a.example"] == (midnight, "quota")
    assert scheduled(archive, less, NOON)["c.example"][1] == ""
    assert scheduled(archive, less, midnight)["a.example"][1] == ""
    db.close()


QUOTAS = "megabytes_a_day = 10.5"


def test_groups_are_parsed() -> None:
    config = parse_config(f"[groups.News]\ndelay = 3\n{QUOTAS}\n[groups.b]\nrequests_a_day = 7", "t")
    assert config.quotas == {"news": Quota(0, 10.5), "b": Quota(7)}
    assert config.groups == {"news": {"delay": 3.0}, "b": {}}
    assert config.origin_of("delay", {}, ("news",)) == "group news"
    assert config.origin_of("delay", {"delay": 1}, ("news",)) == config.origin_of("delay", {}, ("b",)) == ""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("requests_a_day = 1.5", "whole number"),
        ("requests_a_day = 0", "greater than 0"),
        ("megabytes_a_day = 'x'", "must be a number"),
        ("blackout = '8-18'", "write hours as"),
        ("pages_per_day = 3", "no setting"),
    ],
)
def test_mistakes_in_groups_name_their_line(line: str, why: str) -> None:
    with pytest.raises(BadConfig, match=f"line 2, column 1: .*{why}"):
        parse_config(f"[groups.x]\n{line}\n", "archiver.toml")


@pytest.mark.parametrize(
    ("text", "place", "known"),
    [
        ("[group.english]\ndelay = 3\n", "line 4, column 1", "groups"),
        ("[defaults]\ncadance = '1d'\n", "line 5, column 1", "cadence"),
        ("[groups.english]\n  dealy = 3\n", "line 5, column 3", "delay"),
        ("[notify.mail]\nhosst = 'mail'\n", "line 5, column 1", "host"),
        ("maintenence = 3\n", "line 4, column 1", "maintenance"),
    ],
)
def test_an_unknown_key_has_its_line_and_the_most_similar_known_key(text: str, place: str, known: str) -> None:
    with pytest.raises(BadConfig, match=f"{place}: .*did you mean {known!r}"):
        parse_config(f"# Who crawls.\ncontact = 'me@kiln.example'\n\n{text}", "archiver.toml")


def test_a_group_without_sites_is_a_finding(archive: Path, call: Call) -> None:
    configure(archive, "[groups.newz]\ndelay = 3\n[groups.blogs]\ndelay = 3\n")
    found = json.loads(call("status", "--health", "--json").stdout)["archive"]["findings"]
    (finding,) = [one for one in found if one["code"] == "group"]
    assert (finding["level"], finding["about"]) == ("amber", "newz")
    assert "'news'" in finding["sentence"]
    assert finding["sentence"] in " ".join(call("status").stdout.split())


def test_a_site_is_shown_with_its_groups(archive: Path, call: Call) -> None:
    configure(archive, "[groups.news]\ndelay = 3\n[groups.other]\ndelay = 5\n")
    shown = json.loads(call("sites", "show", "a.example", "--json").stdout)
    assert (shown["groups"], shown["settings_in_force"]["delay"]) == (["news"], 3)
    assert "3.0 (archiver.toml, group news)" in " ".join(call("sites", "show", "a.example").stdout.split())


def blog() -> Pages:
    paths = [f"/post-{n}/" for n in range(12)]
    posts: Pages = {path: page(f"Number {path}", f"Words of {path} stand here. " * 9) for path in paths}
    return {"/robots.txt": Answer(b"", 404), "/": home(*paths), **posts}


def schedule(archive: Path) -> tuple[str, str]:
    done = run(
        "archiver",
        "schedule",
        "--once",
        "--json",
        "--archive",
        str(archive),
        environment=without_proxies() | {"ARCHIVER_CONFIG": str(archive.with_name("archiver.toml"))},
    )
    return done.stdout, done.stderr


def test_the_scheduler_obeys_blackouts_and_quotas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "archive.db"
    now = datetime.now(UTC)
    hours = f"{now - 2 * HOUR:%H:%M}-{now + 2 * HOUR:%H:%M}"
    monkeypatch.setenv("ARCHIVER_CONFIG", str(tmp_path / "archiver.toml"))
    with serving(blog()) as server:
        Runner().invoke(cli, ["sites", "add", server.url, "--archive", str(archive)])
        name = server.url[7:-1]
        Runner().invoke(cli, ["sites", "tag", "x", name, "--archive", str(archive)])
        configure(archive, f"[groups.x]\nblackout = '{hours}'\n[groups.y]\ndelay = 1\n")
        assert (schedule(archive)[0], server.requests) == ("", [])
        assert "the group 'y'" in Runner().invoke(cli, ["status", "--health", "--archive", str(archive)]).stdout
        (row,) = json.loads(Runner().invoke(cli, ["status", "--json", "--archive", str(archive)]).stdout)
        assert (row["next_run"]["why"], row["next_run"]["postponed_by"]) == ("blackout of group x", "blackout")
        shown = Runner().invoke(cli, ["status", name, "--archive", str(archive)]).stdout
        assert "blackout of group x" in shown

        configure(archive, "[groups.x]\nrequests_a_day = 5\ncadence = '5m'\n")
        (result,) = [json.loads(line) for line in schedule(archive)[0].splitlines()]
        assert (result["outcome"], result["reason"]) == ("finished", "what is left today of the quota of group x")
        assert rows(archive, "select requests >= 5, requests < 12 from runs") == [(1, 1)]
        server.requests.clear()
        assert (schedule(archive)[0], server.requests) == ("", [])
        (turn,) = json.loads(Runner().invoke(cli, ["schedule", "--list", "--json", "--archive", str(archive)]).stdout)
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + 24 * HOUR
        assert turn["due_at"] == midnight.isoformat(timespec="seconds")
        done = json.loads(crawl(name, "--json", archive=archive).stdout)
        assert (done[0]["outcome"], done[0]["reason"]) == ("finished", "")  # a person may crawl at any time
