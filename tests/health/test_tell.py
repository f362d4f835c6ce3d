"""Notifications through each channel, errors in archiver.toml, and the metrics for Prometheus."""

from __future__ import annotations

import errno
import json
import os
import socketserver
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from email import message_from_string
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from archiver.cli.main import cli
from archiver.health import notification, notification_channels
from archiver.health.notification_channels import HealthMessage, make_channels, notify
from archiver.sites.config import Mail, Notify
from archiver.storage.database import open_archive
from archiver.storage.transactions import lock_schedule
from tests.archive_fixture import make_archive
from tests.health.receivers import Hook, Postmaster, serving
from tests.runner import Runner, fault
from tests.spiders.crawling import rows

Call = Callable[..., Result]


class Trickle(socketserver.ThreadingTCPServer):
    """A server that sends its response byte by byte for two seconds, with short pauses."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, *words: bytes) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    for word in chain(words, repeat(b"x", 100)):
                        self.wfile.write(word)
                        time.sleep(0.02)

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make_archive(tmp_path / "archive.db")


@pytest.fixture
def call(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command on the archive, with the given archiver.toml. One run is enough for a message."""
    monkeypatch.setattr(notification, "_RUNS_IN_A_ROW", 1)
    monkeypatch.setenv("ARCHIVER_CONFIG", str(tmp_path / "archiver.toml"))
    monkeypatch.setenv("ARCHIVER_WEBHOOK_TOKEN", "s3cret")
    monkeypatch.setenv("no_proxy", "*")

    def run(*words: str, toml: str = "") -> Result:
        if toml or not (tmp_path / "archiver.toml").exists():
            (tmp_path / "archiver.toml").write_text(toml)
        return Runner().invoke(cli, [*words, "--archive", str(archive)])

    return run


def fail(archive: Path, site: int = 2) -> None:
    db = open_archive(archive)
    with db.atomic():
        db.execute(
            "insert into runs (site_id, mode, started_at, finished_at, outcome, reason) values "
            "(?, 'full', '2024-06-02T00:00:00+00:00', '2024-06-02T00:00:01+00:00', 'failed', 'It fell over.')",
            [site],
        )
    db.close()


def at_once(hook: Hook) -> str:
    """Return an archiver.toml that sends everything to a webhook."""
    return f'[notify]\nwebhook = "http://127.0.0.1:{hook.server_address[1]}/"\n'


def test_a_change_and_its_end_are_sent_once_through_each_channel(archive: Path, call: Call, tmp_path: Path) -> None:
    output = tmp_path / "output.json"
    script = (
        "import os, pathlib, sys\n"
        f"pathlib.Path({str(output)!r}).write_text(os.environ['ARCHIVER_STATE'] + sys.stdin.read())"
    )
    with serving(Hook()) as hook, serving(Postmaster()) as post:
        toml = f"""[notify]
command = {json.dumps([sys.executable, "-c", script])}
webhook = "http://127.0.0.1:{hook.server_address[1]}/hook"
[notify.mail]
to = "ann@example.org"
from = "archive@example.org"
host = "127.0.0.1"
port = {post.server_address[1]}
"""
        first = call("status", "--notify", toml=toml)
        assert (first.exit_code, output.exists(), hook.posted, post.letters) == (0, False, [], [])
        fail(archive)
        assert call("status", "--notify").exit_code == 0
        sent = [("command", "sent"), ("mail", "sent"), ("webhook", "sent")]
        assert rows(archive, "select channel, outcome from notifications order by 1") == sent
        assert call("status", "--notify").stdout == first.stdout
        assert (len(hook.posted), len(post.letters)) == (1, 1)
        posted, token = hook.posted[0]
        assert token == "Bearer s3cret"
        assert posted["state"] == "amber"
        assert "It fell over." in posted["text"]
        (change,) = posted["changes"]
        assert (change["site"], change["before"], change["state"]) == ("notes.example/blog", "green", "amber")
        assert json.loads(output.read_text().removeprefix("amber")) == posted
        letter = message_from_string(post.letters[0])
        assert letter["Subject"] == "archiver: amber: notes.example/blog"
        assert letter["To"] == "ann@example.org"
        assert "It fell over." in letter.get_payload()
        rows_ = rows(archive, "select state, json_extract(findings, '$[0].code') from site_health where site_id = 2")
        assert rows_ == [("amber", "failed")]
        db = open_archive(archive)
        db.execute("update runs set outcome = 'finished', reason = '' where outcome = 'failed'")
        db.close()
        call("status", "--notify")
        assert hook.posted[1][0]["changes"][0]["state"] == "green"
        assert len(post.letters) == 2
        assert call("status", "--try-notify").exit_code == 0
        assert "test" in message_from_string(post.letters[2])["Subject"]


def test_a_channel_returns_why_it_failed() -> None:
    message = HealthMessage("archiver: test", "A test.", "green", {"text": "A test."})

    def send(**named: Any) -> str:
        (channel,) = make_channels(Notify(**named)).values()
        return channel(message)

    assert send(command=("sh", "-c", "sleep 40 & exit 0")) == ""
    error = send(command=("sh", "-c", "echo no >&2; exit 3"))
    assert all(part in error for part in ("sh ", "3", ": no"))
    with serving(Hook()) as hook:
        address = f"http://127.0.0.1:{hook.server_address[1]}/d\u00e9p\u00eache"
        assert send(webhook=address) == ""
        hook.status = 301
        assert "301" in send(webhook=address)
    assert len(hook.posted) == 2


@pytest.mark.parametrize("letter", ["x", "\u0416", "\u6f6e"])
def test_a_command_gets_a_long_text_on_its_input(letter: str, tmp_path: Path) -> None:
    text = f"{letter * 90}\n" * 5_000
    message = HealthMessage("archiver: test", text, "red", {"text": text})
    got = tmp_path / "got"
    command = ("sh", "-c", 'cat > "$0"; printf %s "$ARCHIVER_TEXT" > "$0.text"', str(got))
    (channel,) = make_channels(Notify(command=command)).values()
    assert channel(message) == ""
    assert json.loads(got.read_text(encoding="utf-8"))["text"] == text
    shown = Path(f"{got}.text").read_text(encoding="utf-8")
    assert text.startswith(shown.rpartition("\n")[0])
    assert "standard input" in shown.rpartition("\n")[2]


def test_a_channel_that_cannot_send_is_a_finding(archive: Path, call: Call) -> None:
    call("status", "--notify", toml='[notify]\ncommand = ["/none/such"]\n')
    fail(archive)
    call("status", "--notify")
    found = json.loads(call("status", "--health", "--json").stdout)["archive"]["findings"]
    assert [(one["level"], one["about"]) for one in found if one["code"] == "notify"] == [("amber", "command")]
    assert 'code="notify",about="command"} 1' in call("status", "--prometheus", "-").stdout


def test_a_channel_that_is_no_longer_configured_does_not_fail(archive: Path, call: Call) -> None:
    call("status", "--notify", toml='[notify]\ncommand = ["/none/such"]\n')
    fail(archive)
    call("status", "--notify")
    shown = call("status", "--health", "--json", toml='[notify]\ncommand = ["cat"]\n').stdout
    assert [one["about"] for one in json.loads(shown)["archive"]["findings"] if one["code"] == "notify"] == ["command"]
    shown = call("status", "--health", "--json", toml='[notify]\nwebhook = "http://127.0.0.1:9/"\n').stdout
    assert [one for one in json.loads(shown)["archive"]["findings"] if one["code"] == "notify"] == []


def test_a_site_that_is_not_crawled_any_more_has_no_findings(archive: Path, call: Call) -> None:
    fail(archive)
    before = json.loads(call("status", "--health", "--json").stdout)["sites"]
    (name,) = [site for site, health in before.items() if health["findings"]]
    call("sites", "set", name, "crawl=no")
    assert json.loads(call("status", "--health", "--json").stdout)["sites"][name] == {"state": "green", "findings": []}


def test_a_server_that_trickles_bytes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification_channels, "_SECONDS", 0.2)
    monkeypatch.setenv("no_proxy", "*")
    message = HealthMessage("archiver: test", "A test.", "green", {"text": "A test."})
    with serving(Trickle(b"HTTP/1.1 200 OK\r\n")) as hook, serving(Trickle(b"220-here\r\n")) as post:
        mail = Mail(("a@b.example",), "127.0.0.1", post.server_address[1])
        found = make_channels(Notify(webhook=f"http://127.0.0.1:{hook.server_address[1]}/", mail=mail))
        assert ["0.2 seconds" in channel(message) for channel in found.values()] == [True, True]


def test_a_failed_notification_is_retried_and_given_up(archive: Path, call: Call) -> None:
    with serving(Hook()) as hook:
        hook.status = 500
        address = f"http://127.0.0.1:{hook.server_address[1]}/"
        toml = f'[notify]\nwebhook = "{address}"\ncommand = ["/none/such"]\n'
        call("status", "--notify", toml=toml)
        fail(archive)
        done = call("status", "--notify")
        errors = dict(line.split(": ", 1) for line in done.stderr.splitlines())
        assert (done.exit_code, set(errors)) == (1, {"webhook", "command"})
        assert "500" in errors["webhook"]
        assert "/none/such" in errors["command"]
        assert os.strerror(errno.ENOENT) in errors["command"]
        assert rows(archive, "select channel, outcome, attempts from notifications order by 1") == [
            ("command", "failed", 1),
            ("webhook", "failed", 1),
        ]
        hook.status = 200
        call("status", "--notify")
        first = "select outcome, attempts from notifications where channel = '{}' order by id limit 1"
        assert rows(archive, first.format("webhook")) == [("sent", 2)]
        for _ in range(6):
            call("status", "--notify")
        assert rows(archive, first.format("command")) == [("failed", 5)]
        sent = rows(archive, "select changes from notifications where channel = 'webhook' and outcome = 'sent'")
        assert "/none/such" in sent[-1][0]  # the channel that works says which one does not
    call(
        "status",
        "--notify",
        toml='[notify]\n[notify.mail]\nto = ["a@b.example"]\nhost = "127.0.0.1"\nport = 9\n',
    )
    fail(archive)
    assert "127.0.0.1:9" in call("status", "--notify").stderr


def test_a_new_finding_at_the_same_level_is_sent(archive: Path, call: Call) -> None:
    with serving(Hook()) as hook:
        fail(archive)
        call("status", "--notify", toml=at_once(hook))
        db = open_archive(archive)
        db.execute("update runs set outcome = 'finished' where outcome = 'failed'")
        db.execute("update pages set outcome = 'refused', rule = 'robots' where article_id is not null and site_id = 2")
        db.close()
        for _ in range(2):
            call("status", "--notify")
        first, second = (posted["changes"][0] for posted, _ in hook.posted)
    assert (first["before"], first["state"], second["before"], second["state"]) == ("green", *["amber"] * 3)
    assert "It fell over." in first["sentence"]
    assert "robots.txt" in second["sentence"]


def test_the_scheduler_leaves_out_missed_crawls_after_an_outage(archive: Path, call: Call) -> None:
    with lock_schedule(archive), serving(Hook()) as hook:
        call("status", toml=at_once(hook))
        assert notify(archive, catching_up=True) == [] == hook.posted
        assert notify(archive) == [("webhook", "")]
        (change,) = hook.posted[0][0]["changes"]
    assert change["site"] == ""
    assert change["state"] == "amber"
    assert change["sentence"].startswith("3 "), "how many sites are late"


def test_notify_without_a_channel_fails(archive: Path, call: Call) -> None:
    assert call("status", "--notify").exit_code == 1
    assert rows(archive, "select count(*) from notifications") == [(0,)]


def test_metrics_are_valid_prometheus_text(archive: Path, call: Call, tmp_path: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    fail(archive)
    db = open_archive(archive)
    db.execute("""update sites set name = 'odd "\\ name' where id = 3""")
    db.close()
    file = tmp_path / "archiver.prom"
    assert call("status", "--prometheus", str(file)).exit_code == 0
    values = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
    }
    site = ("site", "notes.example/blog")
    assert values["archiver_site_articles", (site,)] == 2
    assert values["archiver_site_health", (site,)] == 1
    assert values["archiver_site_health", (("site", 'odd "\\ name'),)] == 3
    assert values["archiver_finding", (("about", ""), ("code", "failed"), site)] == 1
    assert values["archiver_site_run_timestamp_seconds", (("outcome", "failed"), site)] == 1717286401
    assert values["archiver_disk_free_bytes", ()] > 0
    assert call("status", "--prometheus", str(tmp_path / "no" / "such")).exit_code == 1
    assert call("status", "--prometheus", "-", "--health").exit_code == 2


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[notify]\nwebhok = 1\n", "line 2, column 1"),
        ("contact = 'a@b.example'\n[notify.mail]\nto = 'a@b.example'\n  password = 'x'\n", "line 4, column 3"),
        ("[notify]\ncommand = 'beep'\n", "line 2, column 1"),
        ("[notify]\nwebhook = 'https://me:pw@x.example/'\n", "line 2, column 1"),
        ("[notify.mail]\nto = 'a@b.example'\nsecurity = 'ssl'\n", "line 3, column 1"),
        ("[notify.mail]\nto = 'a@b.example'\nhost = ''\n", "line 3, column 1"),
        ("[notify.mail]\nport = 25\n", "line 1, column 1"),
        ("[groups.news]\ncadence = '6h'\n[groups.'slow ones']\ndelay = 'often'\n", "line 4, column 1"),
        ("[defaults]\ndelay = [1]\n", "line 2, column 1"),
        ("[notify]\nwebhook = 'http://['\n", "line 2, column 1"),
        ("[notify]\nwebhook = 'http://x.example:99999/'\n", "line 2, column 1"),
        ("[notify.mail]\nto = 'a@b.example'\nfrom = \"x@y.example\\n\"\n", "line 3, column 1"),
        ('[notify.mail]\nto = ["a@b.example\\r"]\n', "line 2, column 1"),
        ("[groups.News]\ndelay = 1\n[groups.news]\ndelay = 2\n", "line 3, column 1"),
        ("[groups.'a,b']\ndelay = 1\n", "line 1, column 1"),
        ("contact = 'me'\n", "line 1, column 1"),
        ("contact = 'a@b.example\n", "line 1, column 23"),
        ("groups = 3\n", "line 1, column 1"),
        ("\ufeffcontact = 'me'\n", "line 1, column 1"),
        (b"contact = 'a@b.example'\n# caf\xe9\n", "line 2, column 6"),
        ("colour = 'red'\n", "line 1, column 1"),
    ],
)
def test_an_error_in_archiver_toml_is_reported_with_line_and_column(
    call: Call, tmp_path: Path, toml: str | bytes, says: str
) -> None:
    (tmp_path / "archiver.toml").write_bytes(toml.encode() if isinstance(toml, str) else toml)
    done = call("status", "--notify")
    assert (done.exit_code, fault(done)) == (2, f"BadConfig {tmp_path / 'archiver.toml'}")
    assert says in done.stderr
