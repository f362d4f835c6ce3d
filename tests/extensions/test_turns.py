"""Several crawls that share a host take turns."""

from __future__ import annotations

import time
from pathlib import Path

from archiver.extensions.download_slot_throttle import SharedThrottle


def test_crawls_of_one_folder_take_turns_at_a_host(tmp_path: Path) -> None:
    one, other = SharedThrottle(tmp_path), SharedThrottle(tmp_path)
    waits = [
        one.reserve_turn("web.archive.org", 2.5),
        other.reserve_turn("web.archive.org", 2.5),
        one.reserve_turn("web.archive.org", 2.5),
    ]
    assert waits[0] == 0
    assert 2.0 < waits[1] <= 2.5
    assert 4.5 < waits[2] <= 5
    assert other.reserve_turn("arquivo.pt", 2.5) == 0


def test_a_clock_that_was_set_back_and_an_invalid_turn_file(tmp_path: Path) -> None:
    turns = SharedThrottle(tmp_path)
    turns.reserve_turn("a.example", 1)
    [file] = tmp_path.iterdir()
    file.write_text(str(time.time() + 1_000_000))
    assert turns.reserve_turn("a.example", 1) == 0
    file.write_text("no number")
    assert turns.reserve_turn("a.example", 1) == 0
    assert SharedThrottle(tmp_path / "none").reserve_turn("a.example", 1) == 0
