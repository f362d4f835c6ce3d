"""Floors and bars of the benchmarks, with made-up figures."""

from __future__ import annotations

from pathlib import Path

import floors
import pytest
from table import Column, Slack, missed

COLUMNS = (
    Column("pages", "pages"),
    Column("title", "title", 91, slack=Slack(0.3)),
    Column("false", "false", at_most=8, slack=Slack(0.3, less=True)),
    Column("ratio", "ratio", 3, slack=Slack(0.2, relative=True)),
)
MEASURED = {"pages": 10, "title": 92.0, "false": 7.0, "ratio": 5.0}


def test_floor_is_slightly_below_the_measurement() -> None:
    assert floors.pinned(COLUMNS, MEASURED) == {"title": 91.7, "false": 7.3, "ratio": 4.0}
    assert floors.pinned(COLUMNS, {"title": 90.12349, "false": 0.37921}) == {"title": 89.8234, "false": 0.6793}
    assert Slack(0, less=True).floor(0.37921) == 0.3793  # a measured figure is never below its own floor
    assert floors.pinned(COLUMNS, {"title": None, "ratio": 5}) == {"ratio": 4.0}


@pytest.mark.parametrize(
    ("change", "below"),
    [
        ({}, []),
        ({"title": 91.7, "false": 7.3, "ratio": 4.0}, []),
        ({"pages": 1}, []),
        ({"title": 99.0, "false": 0}, []),
        ({"title": 91.69}, ["ours: title 91.69, floor 91.7"]),
        ({"false": 7.4}, ["ours: false 7.4, floor 7.3"]),
        ({"ratio": 3.9}, ["ours: ratio 3.9, floor 4.0"]),
        ({"title": None}, ["ours: title -, floor 91.7"]),
    ],
)
def test_figures_below_their_floor_are_reported(change: dict[str, float], below: list[str]) -> None:
    part = floors.part_of(COLUMNS, {"ours": MEASURED}, "sha256:1")
    assert floors.check(part, COLUMNS, {"ours": MEASURED | change}, "sha256:1") == below


def test_missing_row_fails_and_new_row_passes() -> None:
    part = floors.part_of(COLUMNS, {"ours": MEASURED}, "sha256:1")
    assert floors.check(part, COLUMNS, {"new": {"title": 0}}, "sha256:1") == ["ours: was not measured"]


def test_floors_apply_only_to_their_corpus(tmp_path: Path) -> None:
    part = floors.part_of(COLUMNS, {"ours": MEASURED}, "sha256:1")
    for pinned in (part, {}):
        with pytest.raises(floors.OtherCorpus):
            floors.check(pinned, COLUMNS, {"ours": MEASURED}, "sha256:2")
    (tmp_path / "pages").write_text("a")
    one = floors.digest([tmp_path / "pages"])
    assert one == floors.digest([tmp_path / "pages"])
    (tmp_path / "pages").write_text("b")
    assert one != floors.digest([tmp_path / "pages"])


def test_floors_survive_writing_and_reading(tmp_path: Path) -> None:
    file = tmp_path / "floors.toml"
    assert floors.read(file) == {}
    parts = {"corpus": floors.part_of(COLUMNS, {"ours": MEASURED}, "sha256:1")}
    floors.write(file, parts)
    assert floors.read(file) == parts
    assert file.read_text().startswith("# The lowest figures")


def test_pinned_floors_match_measured_figures() -> None:
    from measure_corpus import CORPUS
    from measure_learning import TABLES

    pinned = floors.read(Path(floors.__file__).with_name("extraction-floors.toml"))
    assert set(pinned) == {"corpus", *TABLES}
    for name, part in pinned.items():
        known = {c.key for c in {"corpus": CORPUS, **TABLES}[name] if c.slack}
        assert part["digest"].startswith("sha256:")
        assert all(set(row) <= known for row in part["floors"].values())


def test_reference_rows_have_no_bars() -> None:
    rows = {"ours": {"title": 90.0, "false": 8.0}, "theirs": {"title": 55.0}}
    assert missed(COLUMNS, rows, reference=("theirs",)) == ["ours: title 90.0, bar >=91"]
