"""The alert rules and the dashboard that ship with the program, and the metrics that they read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.storage.archive_opening import open_archive
from archiver.storage.locks import lock_schedule
from tests.archive_fixture import make_archive
from tests.runner import in_process

MONITORING = Path(str(files("archiver.health"))) / "monitoring"
RULES, DASHBOARD = MONITORING / "archiver.rules.yml", MONITORING / "archiver-dashboard.json"
TESTED = Path(__file__).with_name("archiver.rules.test.yml")
NAME = re.compile(r"\barchiver_[a-z_]+\b")
AT = "2024-05-01T12:00:00.000000+00:00"


def fill(db: Database) -> None:
    """Write rows from which every metric has a value."""
    db.execute(
        "insert into notifications (at, channel, changes, outcome, attempts) values (?, 'mail', '[]', 'failed', 5), "
        "(?, 'webhook', '[]', 'failed', 1)",
        [AT, AT],
    )
    db.execute(
        "insert into backups (path, made_at, articles, bytes, captures) values ('/media/archive.db', ?, 1, 1, 1)", [AT]
    )
    db.execute("insert into response_counts values ('200', 40), ('404', 2)")
    db.execute(
        "insert into integrity_checks (kind, started_at, finished_at, covers_since) values ('verify', ?, ?, ?)",
        [AT, AT, AT],
    )
    db.execute(
        "update runs set outcome = 'finished', finished_at = ?, statistics = ?",
        [AT, json.dumps({"articles": 4, "fields": {"authors": 3}, "latency": 0.1, "latency_95": 0.4})],
    )


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> str:
    archive = make_archive(tmp_path_factory.mktemp("metrics") / "archive.db")
    db = open_archive(archive)
    with db.conn:
        fill(db)
    db.close()
    (archive.parent / "warc").mkdir(exist_ok=True)
    (archive.parent / "warc" / "a-20240501120000-00001.warc.gz").write_bytes(b"0123456789")
    lock_schedule(archive).close()
    out = archive.with_name("metrics.prom")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARCHIVER_WEBHOOK", "http://127.0.0.1:9/")
        assert in_process("status", "--prometheus", str(out), "--archive", str(archive)).exit_code == 0
    return out.read_text(encoding="utf-8")


def value_of(metrics: str, name: str) -> float:
    (line,) = [line for line in metrics.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[-1])


def test_rules_and_dashboard_only_use_metrics_that_exist(metrics: str) -> None:
    written = {line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE ")}
    rules = {name for name in NAME.findall(RULES.read_text(encoding="utf-8")) if name != "archiver_rules"}
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    shown = {name for panel in panels for target in panel["targets"] for name in NAME.findall(target["expr"])}
    assert rules
    assert shown
    assert rules - written == set()
    assert shown - written == set()


def test_counters_and_sizes_are_written(metrics: str) -> None:
    assert value_of(metrics, 'archiver_responses_total{status="404"}') == 2
    assert value_of(metrics, 'archiver_notification_failures_total{channel="mail"}') == 5
    assert value_of(metrics, 'archiver_bytes{part="database"}') > 100_000
    assert value_of(metrics, 'archiver_files{part="warc"}') == 1
    assert value_of(metrics, 'archiver_bytes{part="warc"}') == 10
    assert value_of(metrics, "archiver_scheduler_heartbeat_timestamp_seconds") > 1.7e9


@pytest.mark.needs("prometheus")
def test_promtool_accepts_the_metrics(metrics: str) -> None:
    checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.needs("prometheus")
def test_the_alert_rules_are_valid_and_fire_when_they_should(tmp_path: Path) -> None:
    for file in (RULES, TESTED):
        shutil.copy(file, tmp_path)
    for words in (("check", "rules", "--lint=all", RULES.name), ("test", "rules", TESTED.name)):
        done = subprocess.run(["promtool", *words], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_every_alert_has_a_case() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8")))
    tested = TESTED.read_text(encoding="utf-8")
    assert {name for name in alerts if name not in tested.replace("eval_time: 10h, alertname", "")} == set()


def test_the_files_are_written_for_an_installation(tmp_path: Path) -> None:
    assert in_process("schedule", "--monitoring", "-o", str(tmp_path / "new" / "folder")).exit_code == 0
    assert {file.name for file in (tmp_path / "new" / "folder").iterdir()} == {RULES.name, DASHBOARD.name}
