"""The manual page archiver(1), made from the commands in the macros of man(7).

python docs/manpage.py FILE        writes it to FILE, which is not part of the repository
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import click

from archiver import __version__
from archiver.cli.main import COMMANDS, cli

FILES = (
    ("output/archive.db", "The archive, an SQLite file; another one by --archive or ARCHIVER_ARCHIVE."),
    ("output/warc/", "The responses, as WARC/1.1, with CDXJ indexes."),
    ("output/log/", "What Scrapy has to say of the last crawls."),
    ("archiver.toml", "Settings of sites, of groups and of notices, in the folder that archiver is called in."),
)
EXITS = (
    ("0", "It is done."),
    ("1", "It is done in part, or something was found that you should look at."),
    ("2", "The command was not understood, or cannot run as given."),
    ("130", "Stopped by Ctrl-C."),
    ("143", "Stopped by SIGTERM."),
)


def page() -> str:
    """archiver(1), with a section for each command and its subcommands."""
    return "\n".join(
        [
            r".\" Made by docs/manpage.py from the commands; do not edit.",
            f'.TH ARCHIVER 1 "" {_word(f"archiver {__version__}")}',
            ".SH NAME",
            rf"archiver \- {_text('the complete, searchable and citable archive of news sites and blogs')}",
            ".SH SYNOPSIS",
            r".B archiver",
            r"[\fB\-\-version\fR] \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
            ".SH DESCRIPTION",
            *_prose(cli.help or ""),
            ".SH COMMANDS",
            *_commands(),
            ".SH ENVIRONMENT",
            *_list(sorted(_environment().items())),
            ".SH FILES",
            *_list(FILES),
            ".SH EXIT STATUS",
            *_list(EXITS),
            "",
        ]
    )


def _every() -> Iterator[tuple[click.Context, click.Command]]:
    root = click.Context(cli, info_name="archiver")
    for entry in COMMANDS:
        yield from _below(entry.load(), entry.name, root)


def _below(command: click.Command, name: str, parent: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    context = click.Context(command, info_name=name, parent=parent)
    yield context, command
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from _below(found, sub, context)


def _commands() -> Iterator[str]:
    for context, command in _every():
        yield f".SS {_word(' '.join([context.command_path, *command.collect_usage_pieces(context)]))}"
        yield from _prose(command.help or "")
        records = (p.get_help_record(context) for p in command.params)
        yield from _list([record for record in records if record and record[1]])


def _environment() -> dict[str, str]:
    """Variables that options read, each with the help of the first option that does."""
    out: dict[str, str] = {}
    for _, command in _every():
        for option in command.params:
            if isinstance(option, click.Option) and isinstance(option.envvar, str):
                out.setdefault(option.envvar, f"{max(option.opts, key=len)}: {option.help}")
    return out


def _prose(text: str) -> Iterator[str]:
    """Paragraphs as click has them: of one that begins with a backspace, examples keep their lines."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", cleandoc(text))):
        if number:
            yield ".PP"
        lines = paragraph.removeprefix("\b\n").splitlines()
        if any(line.startswith(" ") for line in lines):
            yield from (".nf", *map(_text, lines), ".fi")
        else:
            yield _text(" ".join(lines))


def _list(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, what in rows:
        yield ".TP"
        yield rf"\fB{_text(term)}\fR"
        yield _text(" ".join(what.split()))


def _text(text: str) -> str:
    """Escaped as groff_man(7) asks: a hyphen that is meant, no request at the beginning of a line."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("`", r"\(ga").replace("^", r"\(ha")
    escaped = escaped.replace("~", r"\(ti").replace("'", r"\(aq").replace('"', r"\(dq")
    return r"\&" + escaped if escaped.startswith(".") else escaped


def _word(text: str) -> str:
    return f'"{_text(text)}"'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
