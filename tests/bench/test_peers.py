"""`bench/peers`: which articles count as stored, and that its table matches the runner and the pinned versions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import measure_peers
import run_peer

TEXT = "A text that is long enough to be one."


def test_runner_has_every_way_of_the_table() -> None:
    assert [p.way for p in measure_peers.PEERS] == list(run_peer.WAYS)


def test_peers_are_pinned_by_name_and_version() -> None:
    lines = measure_peers.LOCK.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!-]+", line)] == []
    pinned = {line.partition("==")[0] for line in lines}
    assert {package for p in measure_peers.PEERS for package in p.packages} <= pinned


def test_posts_with_title_and_text_count_regardless_of_url_spelling(tmp_path: Path) -> None:
    site, file = "http://news.example.org", tmp_path / "articles.jsonl"
    posts = [f"{site}/1/", f"{site}/2/", f"{site}/3/", f"{site}/h%C3%A9/"]
    stored = [
        {"url": f"{site}/1", "title": "One", "text": TEXT},
        {"url": f"{site}/1/", "title": "One again", "text": TEXT},
        {"url": f"{site}/2/", "title": "Two", "text": None},
        {"url": f"{site}/3/", "title": "", "text": TEXT},
        {"url": f"{site}/hé/", "title": "Four", "body": TEXT},
        {"url": f"{site}/page/2/", "title": "List", "text": TEXT},
    ]
    file.write_text("\n".join(map(json.dumps, stored)), encoding="utf-8")
    assert measure_peers._stored(file, posts) == {"/1", "/hé"}
