"""Notifications about a real archive: a mail server, a webhook and a command receive what is due, by a clock
that the test holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from archiver.cli.main import cli
from archiver.health import notification_channels
from archiver.health.notification_channels import compose_message, notify
from archiver.model.errors import BadConfig
from archiver.sites.config import parse_config
from archiver.storage.database import open_archive
from archiver.storage.pages import stamp
from archiver.storage.runs import Damage, record_checked_units
from tests.archive_fixture import make_archive
from tests.damage import damage_table
from tests.health.receivers import Hook, Postmaster, serving
from tests.runner import Runner, failure
from tests.spiders.crawling import rows

NOTES, HARBOUR = "notes.example/blog", "harbour.example"
IDS = {HARBOUR: 1, NOTES: 2}
MAINTENANCE = '\n[maintenance]\nbackup_days = 0\nverify_days = 0\ncheck_at = ""\n'


class House:
    """An archive with two sites that run once a day, those who are notified of them, and the clock."""

    def __init__(self, folder: Path, hook: Hook, post: Postmaster) -> None:
        self.archive = make_archive(folder / "archive.db")
        self.heard = folder / "heard"
        self.heard.mkdir()
        self.config = folder / "archiver.toml"
        self.hook, self.post = hook, post
        self.now = datetime(2031, 1, 5, 6, tzinfo=UTC)
        self.execute("update runs set outcome = 'finished'")

    @property
    def webhook(self) -> str:
        return f'webhook = "http://127.0.0.1:{self.hook.server_address[1]}/"\n'

    @property
    def command(self) -> str:
        script = 'f=$(mktemp "$0/XXXXXX"); cat > "$f"'
        return f"command = {json.dumps(['sh', '-c', script, str(self.heard)])}\n"

    @property
    def mail(self) -> str:
        return (
            '[notify.mail]\nto = "ann@example.org"\nfrom = "archive@example.org"\nhost = "127.0.0.1"\n'
            f"port = {self.post.server_address[1]}\n"
        )

    def configure(self, toml: str) -> None:
        self.config.write_text(f"[notify]\n{toml}{MAINTENANCE}")

    def execute(self, sql: str, values: Any = ()) -> None:
        db = open_archive(self.archive)
        with db.atomic():
            db.execute(sql, values)
        db.close()

    def run(self, *failed: str, after: timedelta = timedelta(days=1)) -> list[tuple[str, str]]:
        """Lets all sites run, of which those in `failed` fail, and notifies; returns what was sent."""
        self.now += after
        for name, number in IDS.items():
            outcome, reason = ("failed", "The connection was refused.") if name in failed else ("finished", "")
            self.execute(
                "insert into runs (site_id, mode, started_at, finished_at, outcome, reason) values "
                "(?, 'incremental', ?, ?, ?, ?)",
                [number, stamp(self.now), stamp(self.now + timedelta(minutes=1)), outcome, reason],
            )
        return self.notify()

    def notify(self) -> list[tuple[str, str]]:
        return notify(self.archive, now=self.now + timedelta(minutes=5))

    def call(self, *words: str) -> Result:
        return Runner().invoke(cli, [*words, "--archive", str(self.archive)])

    @property
    def posted(self) -> list[dict[str, Any]]:
        return [data for data, _ in self.hook.posted]

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """What the webhook received: site, state and event of each change."""
        return [(one["site"], one["state"], one["event"]) for data in self.posted for one in data["changes"]]

    @property
    def letters(self) -> list[EmailMessage]:
        return [message_from_string(text, policy=policy.default) for text in self.post.letters]

    @property
    def commanded(self) -> list[dict[str, Any]]:
        return [
            json.loads(file.read_text()) for file in sorted(self.heard.iterdir(), key=lambda one: one.stat().st_mtime)
        ]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("ARCHIVER_CONFIG", str(tmp_path / "archiver.toml"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("ARCHIVER_WEBHOOK", raising=False)
    with serving(Hook()) as hook, serving(Postmaster()) as post:
        yield House(tmp_path, hook, post)


def test_a_fault_is_one_message_through_each_channel_and_its_end_another(house: House) -> None:
    house.configure(house.webhook + house.command + house.mail)
    assert house.run() == house.run(NOTES) == []
    assert sorted(house.run(NOTES)) == [("command", ""), ("mail", ""), ("webhook", "")]
    assert house.run(NOTES) == house.run() == []
    assert len(house.run()) == 3
    assert house.run() == []
    assert house.changes == [(NOTES, "red", "begins"), (NOTES, "green", "ends")]
    assert house.commanded == house.posted
    assert [letter["Subject"] for letter in house.letters] == [
        f"archiver: red: {NOTES}",
        f"archiver: over: {NOTES}",
    ]


def test_one_refused_connection_is_not_sent(house: House) -> None:
    house.configure(house.webhook)
    for failed in ((), (NOTES,), (), (), ()):
        house.run(*failed)
    assert house.posted == []


def test_six_days_of_flapping_are_two_messages(house: House) -> None:
    house.configure(house.webhook)
    for _ in range(6):
        house.run(NOTES)
        house.run()
    for _ in range(8):
        house.run()
    assert house.changes == [(NOTES, "amber", "begins"), (NOTES, "green", "ends")]


def test_notifying_again_changes_nothing_without_a_run(house: House) -> None:
    house.configure(house.webhook)
    house.run(NOTES)
    assert [house.notify() for _ in range(5)] == [[]] * 5


def damage(house: House, unit: str) -> None:
    db = open_archive(house.archive)
    with db.atomic():
        found = Damage(unit, "file-damaged", f"warc/{unit}", f"warc/{unit} is damaged", "Put it back.")
        record_checked_units(db, [unit], [found], house.now)
    db.close()


def test_new_damage_of_an_amber_archive_is_sent(house: House) -> None:
    house.configure(house.webhook)
    house.run()
    for unit in ("a.warc.gz", "b.warc.gz"):
        damage(house, unit)
        house.run()
        house.run()
    assert [(one["about"], one["before"], one["state"]) for data in house.posted for one in data["changes"]] == [
        ("file-damaged: warc/a.warc.gz", "green", "amber"),
        ("file-damaged: warc/b.warc.gz", "amber", "amber"),
    ]


def test_damage_of_tables_that_the_health_is_judged_by_is_sent_once(house: House) -> None:
    house.configure(house.command)
    assert house.run() == []
    damage_table(house.archive, "articles")
    assert house.run() == [("command", "")]
    assert [(one["code"], one["level"]) for one in house.commanded[0]["changes"]] == [("damage", "red")]
    assert house.notify() == []
    assert notification_channels.notify_after_runs(house.archive, None, pytest.fail)


def test_a_muted_site_is_shown_and_not_sent_until_the_mute_ends(house: House) -> None:
    house.configure(house.webhook)
    muted = house.call("sites", "mute", NOTES, "--until", "2031-01-08T12:00", "--why", "its owner moves it", "--json")
    wanted = {"until": "2031-01-08T12:00:00+00:00", "why": "its owner moves it"}
    assert json.loads(muted.stdout) == [{"site": NOTES, "muted": wanted}]
    for _ in range(3):
        house.run(NOTES, HARBOUR)
    assert house.changes == [(HARBOUR, "red", "begins")]
    assert json.loads(house.call("status", "--health", "--json").stdout)["sites"][NOTES]["muted"] == wanted
    shown = {one["site"]: one["health"].get("muted") for one in json.loads(house.call("status", "--json").stdout)}
    assert shown == {NOTES: wanted, HARBOUR: None, "quiet.example": None}
    for words in (("status", NOTES), ("status", "--health"), ("sites", "show", NOTES)):
        assert wanted["why"] in house.call(*words).stdout
    house.now = datetime(2031, 1, 8, 12, 30, tzinfo=UTC)
    assert house.notify() == [("webhook", "")]
    assert house.changes[1:] == [(NOTES, "red", "begins")]


def test_a_mute_can_end_early_and_be_for_a_tag(house: House) -> None:
    house.configure(house.webhook)
    house.call("sites", "tag", "news", NOTES, HARBOUR)
    house.call("sites", "mute", "--tag", "news", "--until", "2031-02-01", "--why", "a move")
    house.run(NOTES, HARBOUR)
    house.run(NOTES, HARBOUR)
    assert house.changes == []
    assert house.call("sites", "mute", HARBOUR, "--off").exit_code == 0
    house.notify()
    assert house.changes == [(HARBOUR, "red", "begins")]


@pytest.mark.parametrize(
    "words",
    [
        (NOTES, "--until", "tomorrow", "--why", "x"),
        (NOTES, "--until", "2031-02-30", "--why", "x"),
        (NOTES, "--until", "2020-01-01", "--why", "x"),
        (NOTES, "--until", "2031-02-01"),
        (NOTES, "--why", "x"),
        (NOTES, "--until", "2031-02-01", "--why", " "),
        (NOTES, "--off", "--why", "x"),
        ("--until", "2031-02-01", "--why", "x"),
        ("--tag", "none", "--until", "2031-02-01", "--why", "x"),
        (NOTES,),
    ],
)
def test_a_mute_that_says_too_little_is_refused(house: House, words: tuple[str, ...]) -> None:
    done = house.call("sites", "mute", *words)
    assert done.exit_code == 2
    assert rows(house.archive, "select count(*) from sites where muted_until is not null") == [(0,)]


def test_an_unknown_site_cannot_be_muted(house: House) -> None:
    done = house.call("sites", "mute", NOTES, "none.example", "--until", "2031-02-01", "--why", "x")
    assert type(failure(done)).__name__ == "SiteNotFound"
    assert rows(house.archive, "select count(*) from sites where muted_until is not null") == [(0,)]


def forbid(house: House, pages: int) -> None:
    """Lets robots.txt forbid this many posts of a site."""
    house.execute("update pages set outcome = 'archived', rule = null where site_id = 2 and rule = 'robots'")
    house.execute(
        "update pages set outcome = 'refused', rule = 'robots' where id in (select id from pages where site_id = 2 and "
        "article_id is not null order by id limit ?)",
        [pages],
    )


def test_an_accepted_finding_comes_back_when_its_figure_is_twice_as_large(house: House) -> None:
    house.configure(house.webhook)
    forbid(house, 1)
    house.run()
    house.run()
    assert house.changes == [(NOTES, "amber", "begins")]
    assert house.call("status", NOTES, "--accept").exit_code == 0
    house.run()
    found = json.loads(house.call("status", "--health", "--json").stdout)["sites"][NOTES]["findings"]
    assert {one["code"] for one in found} <= {"clock"}  # the command has the real clock, the runs that of the house
    forbid(house, 2)
    house.run()
    assert house.changes[1:] == [(NOTES, "amber", "begins")]
    found = json.loads(house.call("status", "--health", "--json").stdout)["sites"][NOTES]["findings"]
    assert "robots" in {one["code"] for one in found}
    forbid(house, 0)
    house.run()
    house.run()
    assert house.changes[2:] == [(NOTES, "green", "ends")]
    forbid(house, 1)
    house.run()
    found = json.loads(house.call("status", "--health", "--json").stdout)["sites"][NOTES]["findings"]
    assert "robots" in {one["code"] for one in found}


def test_a_site_that_is_not_crawled_any_more_is_over(house: House) -> None:
    house.configure(house.webhook)
    house.run(NOTES)
    house.run(NOTES)
    house.call("sites", "set", NOTES, "crawl=no")
    house.notify()
    assert house.changes == [(NOTES, "red", "begins"), (NOTES, "green", "ends")]
    house.notify()
    assert rows(house.archive, "select count(*) from faults") == [(0,)]


def test_a_message_that_could_not_be_sent_is_sent_later_and_once(house: House) -> None:
    house.configure(house.webhook)
    house.hook.status = 500
    house.run(NOTES)
    house.run(NOTES)
    house.hook.status = 200
    house.run(NOTES)
    house.run(NOTES)
    assert rows(house.archive, "select outcome, attempts from notifications") == [("sent", 2)]


def test_a_channel_that_works_again_is_not_reported(house: House) -> None:
    house.configure(house.webhook + house.command)
    house.hook.status = 500
    house.run(NOTES)
    house.run(NOTES)
    house.hook.status = 200
    house.run(NOTES)
    house.run(NOTES)
    assert [[one["code"] for one in data["changes"]] for data in house.commanded] == [["failed"]]


def test_a_message_is_not_lost_if_the_process_dies_before_it_is_sent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.configure(house.webhook)
    house.run(NOTES)
    with monkeypatch.context() as patched:
        patched.setattr(notification_channels, "compose_message", lambda *words: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            house.run(NOTES)
    assert house.notify() == [("webhook", "")]
    assert house.notify() == []
    assert house.changes == [(NOTES, "red", "begins")]


@pytest.mark.parametrize(
    "line", ["level = 'yellow'", "after_runs = 2", "quiet_hours = '22:00-07:00'", "digest = '07:00'", "policy = []"]
)
def test_a_mistake_and_a_former_key_are_reported_with_their_line(line: str) -> None:
    with pytest.raises(BadConfig, match=r"line 2, column 1:"):
        parse_config(f"[notify]\n{line}\n", "archiver.toml")


def test_a_failing_channel_is_named_to_the_others(house: House) -> None:
    house.configure(house.webhook + 'command = ["/none/such"]\n')
    for _ in range(4):
        house.run(NOTES)
    assert [one["about"] for data in house.posted for one in data["changes"]] == ["", "command"]
    (told,) = rows(house.archive, "select count(*) from notifications where channel = 'command'")
    assert told == (1,)


def test_each_line_says_what_happened() -> None:
    """The site is red, and of one of its findings the end is sent."""
    change = {"site": NOTES, "before": "red", "state": "red", "sentence": "It has a finding.", "about": ""}
    events = {
        "over": ("ends", "red"),
        "noted": ("noted", "green"),
        "amber": ("begins", "amber"),
        "worse, red": ("worse", "red"),
    }
    for label, (event, level) in events.items():
        changes = [{**change, "event": event, "level": level, "code": "held"}]
        assert compose_message("archive.db", changes).text.partition(":")[0] == label


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ([("ends", "red")], "over"),
        ([("ends", "red"), ("noted", "green")], "noted"),
        ([("ends", "red"), ("begins", "amber")], "amber"),
        ([("begins", "amber"), ("begins", "red")], "red"),
    ],
)
def test_the_subject_says_the_most_urgent_change(events: list[tuple[str, str]], word: str) -> None:
    changes = [
        {"site": NOTES, "before": "red", "state": "red", "sentence": "-", "event": event, "level": level}
        for event, level in events
    ]
    assert compose_message("archive.db", changes).subject == f"archiver: {word}: {NOTES}"


def test_a_crawl_also_sends_the_findings_of_the_archive(house: House) -> None:
    house.configure(house.webhook)
    damage(house, "a.warc.gz")
    assert notify(house.archive, {NOTES}, now=house.now) == [("webhook", "")]
    assert [(one["site"], one["code"]) for one in house.posted[0]["changes"]] == [("", "damage")]
