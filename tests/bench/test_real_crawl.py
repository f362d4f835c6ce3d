"""What bench/crawl --real makes of its samples and rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from measure_real_crawl import with_summary
from sampled import stage_of

SAMPLED = Path(__file__).parents[2] / "bench" / "sampled.py"


@pytest.mark.parametrize(
    ("stack", "stage"),
    [
        (
            [
                "re/__init__.py compile",
                "archiver/extraction/titles.py <module>",
                "<frozen importlib._bootstrap> _load",
            ],
            "imports",
        ),
        (["archiver/extraction/body.py _render", "scrapy/core/engine.py crawl"], "extraction"),
        (["archiver/extraction/body.py _render", "x/checkpoint.py Learning.checkpoint"], "learning"),
        (["sqlite_utils/db.py Database.execute", "archiver/pipelines.py store"], "storing"),
        (["threading.py wait"], "other"),
    ],
)
def test_the_stage_of_a_stack(stack: list[str], stage: str) -> None:
    assert stage_of(stack) == stage


def test_medians_are_of_the_sites_that_have_a_figure() -> None:
    rows = with_summary({"a": {"cpu_ms": 1, "spider_ms": None}, "b": {"cpu_ms": 3, "spider_ms": 5}, "c": {"cpu_ms": 9}})
    assert rows["median"] == {"cpu_ms": 3, "spider_ms": 5}


def test_a_sampled_command_writes_where_its_time_went(tmp_path: Path) -> None:
    out = tmp_path / "samples.json"
    done = subprocess.run([sys.executable, str(SAMPLED), str(out), "crawl", "--help"], check=True, capture_output=True)
    assert b"Usage: archiver crawl" in done.stdout
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["samples"] == sum(figures["stage"].values())
