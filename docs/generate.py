"""Writes the parts of docs/ that the code knows better: the commands' help and the table of fields."""

from __future__ import annotations

from pathlib import Path

import click

from archiver.commands.main import cli
from archiver.fields import FIELDS

HERE = Path(__file__).parent
_NOTICE = "<!-- Written by docs/generate.py (make docs); do not edit. -->\n"


def commands() -> str:
    """Every command with its whole help, in the order of the program's own help."""
    context = click.Context(cli, info_name="archiver", max_content_width=100, terminal_width=100)
    parts = ["# Commands\n", _NOTICE, _block(cli.get_help(context))]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            parts += _command(command, context, f"archiver {name}")
    return "\n".join(parts)


def _command(command: click.Command, parent: click.Context, title: str) -> list[str]:
    context = click.Context(command, info_name=title.rsplit(" ", 1)[1], parent=parent, terminal_width=100)
    parts = [f"## {title}\n", _block(command.get_help(context))]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                parts += _command(inner, context, f"{title} {name}")
    return parts


def _block(text: str) -> str:
    lines = "\n".join(f"    {line}".rstrip() for line in text.splitlines())
    return f"{lines}\n"


def fields() -> str:
    """The record's fields in its order."""
    rows = [f"| `{f.name}` | {f.shape} | {f.doc} | {'yes' if f.weight else ''} | {'yes' if f.meaning else ''} | "
            f"{f.schema_org} | {f.dublin_core} |" for f in FIELDS]
    return "\n".join([
        "# Fields of a record\n", _NOTICE,
        "As `archiver show --json` and `archiver export` print it, and as `articles` stores it. Times are ISO 8601 with "
        "a zone; lists and objects are stored as JSON. \"Revision\": a change of this field makes a new revision.\n",
        "| field | shape | meaning | searched | revision | schema.org | Dublin Core |", "|---|---|---|---|---|---|---|",
        *rows, ""])


PAGES = {"commands.md": commands, "fields.md": fields}


def main() -> None:
    for name, write in PAGES.items():
        (HERE / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
