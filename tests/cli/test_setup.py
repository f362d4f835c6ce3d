"""`archiver init`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.runner import fault, in_process
from tests.spiders.crawling import rows


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ARCHIVER_CONTACT", "ARCHIVER_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)


def test_init_writes_the_settings_and_adds_the_sites() -> None:
    done = in_process("init", "https://a.example", "--contact", "me@example.org", "--archive", "news/a.db")
    assert done.exit_code == 0, done.output
    assert tomllib.loads(Path("archiver.toml").read_text()) == {
        "contact": "me@example.org",
        "defaults": {"cadence": "adaptive"},
    }
    assert rows(Path("news/a.db"), "select start_url from sites") == [("https://a.example/",)]
    assert "ARCHIVER_ARCHIVE=news/a.db" in done.output


def test_init_alone_writes_settings_and_no_archive() -> None:
    assert in_process("init").exit_code == 0
    assert tomllib.loads(Path("archiver.toml").read_text()) == {"defaults": {"cadence": "adaptive"}}
    assert [file.name for file in Path().iterdir()] == ["archiver.toml"]


@pytest.mark.parametrize(
    ("words", "expected"), [(("--contact", "nobody"), "BadContact nobody"), (("nohost",), "BadAddress nohost")]
)
def test_init_writes_nothing_if_a_value_is_wrong(words: tuple[str, ...], expected: str) -> None:
    done = in_process("init", *words)
    assert (done.exit_code, fault(done)) == (2, expected)
    assert list(Path().iterdir()) == []


def test_init_overwrites_no_settings() -> None:
    Path("archiver.toml").write_text("# mine\n")
    assert in_process("init").exit_code == 2
    assert Path("archiver.toml").read_text() == "# mine\n"
