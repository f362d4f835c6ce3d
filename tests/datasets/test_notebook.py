"""The notebook of the documentation runs on a newly published dataset and answers its three questions."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from archiver.model.items import GeoTag
from tests.datasets.published import LIGHT, POSTS, Post, make, publish, rows
from tests.datasets.test_validators import MADE, ROOT, VALIDATORS


def test_notebook_answers_its_questions(tmp_path: Path) -> None:
    if not MADE.exists():
        pytest.skip("needs the validators of tests/datasets/validators.lock (make test installs them)")
    places = (LIGHT, GeoTag(-16.8, -179.9, "Taveuni", role="dateline"), GeoTag(1.0, 1.0, "Office", role="publisher"))
    posts = [
        *POSTS,
        Post(40, title="The Harbour is closed", published="2024-06-01T10:00:00+00:00"),
        Post(41, title="Harbours elsewhere", published="2024-06-02T10:00:00+00:00", geotags=places),
    ]
    archive = make(tmp_path / "archive" / "archive.db", posts, ["https://harbour.example/lost"])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.2.3", "--splits", "time:2024").exit_code == 0
    done = subprocess.run(
        [VALIDATORS, ROOT / "tests/datasets/run_notebook.py", ROOT / "docs/datasets.ipynb"],
        text=True,
        capture_output=True,
        cwd=tmp_path,
        env={
            "PATH": f"{VALIDATORS.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "DATASET": str(tmp_path / "d"),
            "TOPIC": "harbour",
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads(done.stdout.splitlines()[-1])
    said = [json.dumps(cell, ensure_ascii=False) for cell in cells]
    assert "1.2.3" in said[0]
    assert "features" in said[0]
    assert "harbour: 1 of 10" in said[1]
    assert "failed" in said[2]
    assert "harbour.example" in said[2]
    # Another article was changed as well: its first title repeats its text and is withheld.
    assert len([row for row in rows(tmp_path / "d", "revisions") if row["revision"] == 2]) == 2
    assert "Day 1, corrected" in said[3]
    assert said[4].count("<circle") == 2
    assert "Taveuni" in said[5]
    assert "Office" not in said[5]
