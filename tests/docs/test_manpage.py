"""The manual page passes mandoc's checks, and has every command and option."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from archiver import __version__
from archiver.cli.main import cli
from tests.cli.test_main import every_command

SCRIPT = Path(__file__).parents[2] / "docs" / "manpage.py"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("man") / "archiver.1"
    subprocess.run([sys.executable, SCRIPT, file], check=True)
    return file


@pytest.mark.needs("mandoc")
def test_mandoc_reports_no_problem(page: Path) -> None:
    warnings = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True).stdout
    # It has no date, because that would change with each day on which it is generated.
    assert [line for line in warnings.splitlines() if "missing date" not in line] == []


@pytest.mark.needs("mandoc")
def test_every_command_is_shown_with_its_options_and_examples(page: Path) -> None:
    shown = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=200", page], capture_output=True, text=True, check=True
    )
    text = re.sub(r".\x08", "", shown.stdout)
    for name, command in every_command():
        context = click.Context(command, info_name=name)
        for line in (command.help or "").splitlines():
            assert not line.strip().startswith("archiver ") or line.strip() in text
        for option in command.params:
            if command is not cli and (record := option.get_help_record(context)) and record[1]:
                assert record[0] in text, f"{name}: {record[0]}"


def test_a_program_name_and_its_version_are_in_the_heading(page: Path) -> None:
    heading = next(line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(".TH"))
    assert heading.endswith(f'"archiver {__version__}"')
