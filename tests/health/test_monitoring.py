"""The alert rules that ship with the program, and the metrics that they read."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from archiver.storage.database import open_archive
from archiver.storage.transactions import lock_schedule
from tests.archive_fixture import make_archive
from tests.runner import in_process

MONITORING = Path(str(files("archiver.health"))) / "monitoring"
RULES = MONITORING / "archiver.rules.yml"
TESTED = Path(__file__).with_name("archiver.rules.test.yml")
NAME = re.compile(r"\barchiver_[a-z_]+\b")
AT = "2024-05-01T12:00:00.000000+00:00"


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> str:
    archive = make_archive(tmp_path_factory.mktemp("metrics") / "archive.db")
    db = open_archive(archive)
    with db.conn:
        db.execute("update runs set outcome = 'finished', finished_at = ?", [AT])
    db.close()
    lock_schedule(archive).close()
    out = archive.with_name("metrics.prom")
    assert in_process("status", "--prometheus", str(out), "--archive", str(archive)).exit_code == 0
    return out.read_text(encoding="utf-8")


def test_rules_only_use_metrics_that_exist(metrics: str) -> None:
    written = {line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE ")}
    rules = {name for name in NAME.findall(RULES.read_text(encoding="utf-8")) if name != "archiver_rules"}
    assert rules
    assert rules - written == set()


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


def test_the_rules_are_printed() -> None:
    assert in_process("schedule", "--print", "alerts").stdout == RULES.read_text(encoding="utf-8")
