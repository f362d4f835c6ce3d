"""The manual page is sound by mandoc, and has every command and option."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest

from archiver.cli.main import cli
from tests.cli.test_main import every_command

PAGE = Path(__file__).parents[2] / "docs" / "archiver.1"


@pytest.mark.needs("mandoc")
def test_mandoc_has_nothing_against_it() -> None:
    told = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGE], capture_output=True, text=True).stdout
    # It has no date: it would change with each day on which it is written.
    assert [line for line in told.splitlines() if "missing date" not in line] == []


@pytest.mark.needs("mandoc")
def test_it_shows_every_command_with_its_options_and_examples() -> None:
    shown = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=200", PAGE], capture_output=True, text=True, check=True
    )
    text = re.sub(r".\x08", "", shown.stdout)
    for name, command in every_command():
        context = click.Context(command, info_name=name)
        for line in (command.help or "").splitlines():
            assert not line.strip().startswith("archiver ") or line.strip() in text
        for option in command.params:
            if command is not cli and (record := option.get_help_record(context)) and record[1]:
                assert record[0] in text, f"{name}: {record[0]}"
