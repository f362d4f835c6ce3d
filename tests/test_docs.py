"""The hand-written documentation refers to commands, files and names that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from archiver.cli.main import cli

ROOT = Path(__file__).parents[1]


def test_every_command_has_an_example() -> None:
    context = click.Context(cli)
    without = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        if "Example" not in command.get_help(click.Context(command, info_name=name)):
            without.append(name)
    assert not without


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands_shown(page: Path) -> list[str]:
    """Return the command lines of a page without prompts, comments and pipes."""
    text = page.read_text(encoding="utf-8")
    lines = re.findall(r"^(?:    )?(?:\$ )?archiver ([a-z-].*)$", text, re.MULTILINE)
    return [re.split(r"\s{2,}| [|&>]+ ", line)[0] for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_docs_exist_with_their_options(page: Path) -> None:
    for line in commands_shown(page):
        words = shlex.split(line, comments=True)
        command: click.Command = cli
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(click.Context(command), words[0])
            if found is None:  # an argument of a group that is called without a subcommand
                break
            command, words = found, words[1:]
        assert command is not cli or words in (["--version"], []), line
        context = click.Context(command)
        known = {o for p in command.get_params(context) for o in (*p.opts, *p.secondary_opts)}
        assert {w.partition("=")[0] for w in words if re.match(r"--[a-z]|-[a-z]$", w)} <= known, line


def test_the_readme_shows_commands() -> None:
    assert len(commands_shown(ROOT / "README.md")) > 3


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_index_lists_every_page_once() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[[^]]+\]\(([^)]+)\)", index, re.MULTILINE)
    assert sorted(listed) == sorted(p.name for p in (ROOT / "docs").glob("*.md") if p.name != "README.md")


def test_the_readme_leads_to_the_index() -> None:
    assert "(docs/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_pages_that_the_program_names_exist() -> None:
    texts = [p.read_text(encoding="utf-8") for p in (ROOT / "archiver").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"(?<![\w/])docs/[\w.-]+\.md", text)}
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_files_that_the_architecture_names_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9_/]+(?:\.py|/))`", text))
    assert len(named) > 40
    assert [name for name in named if not (ROOT / "archiver" / name).exists() and not (ROOT / name).exists()] == []


def test_one_page_passes_at_most_twenty_files() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    steps = text.partition("## One page")[2].partition("\n## ")[0]
    assert len(set(re.findall(r"`([a-z_/0-9]+\.py)`", steps))) <= 20


def test_every_dependency_is_explained() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    decisions = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    names = [re.match(r"[\w-]+", d)[0] for d in project["dependencies"]]  # type: ignore[index]
    assert not [n for n in names if f"| {n} " not in decisions]


def test_the_rules_shown_in_the_docs_are_rules_and_have_every_key() -> None:
    from dataclasses import fields

    from archiver.extraction.site_rules import Rule, from_toml
    from archiver.model.fields import LEARNABLE

    text = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8").partition("## Rules by hand")[2]
    shown = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    rules = from_toml(shown, "docs/extend.md", by_hand=True)
    assert set(rules.fields) == set(LEARNABLE)
    assert rules.post
    assert rules.places
    assert {f.name for f in fields(Rule)} - {"by_hand"} <= set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
