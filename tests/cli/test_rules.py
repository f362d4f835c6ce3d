"""`archiver sites rules`: learned rules and rules written by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archiver.cli.main import cli
from archiver.extraction.site_rules import Rule, SiteRules, from_toml
from archiver.storage.database import open_archive
from archiver.storage.stored_rules import store_learned_rules

SITE = "harbour.example"
HAND = '[title]\nselect = ["h1.mine"]\n'


def run_on(archive: Path, *args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["sites", "rules", SITE, *args, "--archive", str(archive)], input=stdin)


@pytest.fixture
def trained(own_archive: Path) -> Path:
    db = open_archive(own_archive)
    rules = SiteRules(
        {"title": Rule(("h1.entry-title",)), "body": Rule(("div.entry-content",), agreement=0.98)},
        "wordpress",
        ("body.single",),
        25,
        "feed",
    )
    with db.atomic():
        store_learned_rules(db, 1, rules, datetime(2024, 5, 1, tzinfo=UTC))
    db.close()
    return own_archive


def test_a_site_without_rules_has_none_to_show(own_archive: Path) -> None:
    result = run_on(own_archive)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "25 posts" in result.stderr
    printed = json.loads(run_on(own_archive, "--json").stdout)
    assert printed == {"site": SITE, "rules": None, "versions": [], "rules_without_match": []}


def test_printed_rules_can_be_edited_and_set(trained: Path, tmp_path: Path) -> None:
    shown = run_on(trained)
    assert shown.exit_code == 0
    assert from_toml(shown.stdout, "test").fields["body"] == Rule(("div.entry-content",), agreement=0.98)
    file = tmp_path / "rules.toml"
    file.write_text(shown.stdout.replace("h1.entry-title", "h1.mine"), encoding="utf-8")
    assert run_on(trained, "--set", str(file)).exit_code == 0
    assert from_toml(run_on(trained).stdout, "test").fields["title"].select == ("h1.mine",)
    versions = json.loads(run_on(trained, "--json").stdout)["versions"]
    assert [version["by_hand"] for version in versions] == [1, 0]
    assert " 25 " in CliRunner().invoke(cli, ["sites", "show", SITE, "--archive", str(trained)]).stdout
    assert run_on(trained, "--forget").exit_code == 0
    assert run_on(trained).stdout == shown.stdout


def test_manual_rules_are_read_from_standard_input(trained: Path) -> None:
    result = run_on(trained, "--set", "-", "--json", stdin=HAND)
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert "h1.mine" in printed["rules"]
    assert "div.entry-content" in printed["rules"]
    assert [v["by_hand"] for v in printed["versions"]] == [1, 0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[title\n", "line 1"),
        ("[headline]\nselect = 'h1'\n", "[headline]"),
        ("[title]\n", "[title]"),
        ("\x00", "line 1"),
    ],
)
def test_bad_rules_are_refused_in_one_sentence(trained: Path, text: str, says: str) -> None:
    assert run_on(trained, "--set", "-", stdin=HAND).exit_code == 0
    result = run_on(trained, "--set", "-", stdin=text)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1
    assert "h1.mine" in run_on(trained).stdout


def test_the_error_for_a_bad_selector_has_site_file_field_line_and_reason(trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("[title]\nselect = 'h1.mine'\n[tags]\nselect = [\n  '.tags a',\n  'a[href*=/tag/]',\n]\n")
    result = run_on(trained, "--set", str(file))
    assert result.exit_code == 2
    for part in (SITE, str(file), "[tags] select", "(line 6)", "'a[href*=/tag/]'", "Expected string or ident"):
        assert part in result.stderr
    assert "h1.mine" not in run_on(trained).stdout


def test_wrong_usage_is_an_error(trained: Path) -> None:
    assert run_on(trained, "--forget", "--learn").exit_code == 2
    assert run_on(trained, "--set", "nowhere.toml").exit_code in (1, 2)
    learned = run_on(trained, "--learn")  # the captures of the fixture have no files
    assert learned.exit_code == 1
    assert SITE in learned.stderr
    assert learned.stderr.count("\n") == 1


def test_rules_are_removed_with_their_site(trained: Path) -> None:
    result = CliRunner().invoke(cli, ["sites", "remove", SITE, "--with-articles", "--yes", "--archive", str(trained)])
    assert result.exit_code == 0
    db = open_archive(trained, read_only=True)
    assert db.execute("select count(*) from site_rules").fetchone() == (0,)
    db.close()
