"""The command line: a group that loads a command's file only when that command is called.

Exit codes: 0 done; 1 findings, a partial failure, or data that is not there; 2 wrong usage;
130 stopped by Ctrl-C. Every ArchiverError becomes one sentence on stderr.
"""

from __future__ import annotations

import errno
import importlib
import keyword
import sys
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

import archiver
from archiver.errors import (
    ArchiverError,
    BadAddress,
    BadConfig,
    BadName,
    BadPublicURL,
    BadPublishRules,
    BadQuery,
    BadRules,
    BadSetting,
    BadSplits,
    ContactMissing,
)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
USAGE_ERRORS = (
    BadConfig,
    BadQuery,
    BadName,
    BadAddress,
    BadPublicURL,
    BadPublishRules,
    BadRules,
    BadSetting,
    BadSplits,
    ContactMissing,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: its name, its line in the help, and the module that defines a click command of its name.

    `module` is `cli.commands.NAME` unless the command shares a file with another.
    """

    name: str
    section: str
    summary: str
    module: str = ""

    def load(self) -> click.Command:
        name = f"{self.name}_" if keyword.iskeyword(self.name) else self.name
        module = importlib.import_module(f"archiver.cli.{self.module or f'commands.{name}'}")
        command = getattr(module, name)
        assert isinstance(command, click.Command)
        return command


# In the order of the data: what is gathered, whether it is all there, what is read out of it.
COMMANDS: tuple[Entry, ...] = (
    Entry("crawl", "Gather", "Crawl sites into the archive."),
    Entry("schedule", "Gather", "Crawl each site when it is due."),
    Entry("fleet", "Gather", "Crawl, import and re-extract by many machines."),
    Entry("import", "Gather", "Read captures that others made: WARC, ARC and WACZ files, web archives."),
    Entry("merge", "Gather", "Bring other archives into this one."),
    Entry("sites", "Gather", "List and change the sites of the archive."),
    Entry("reextract", "Gather", "Read stored captures again by today's extraction."),
    Entry("remove", "Gather", "Take a post out of the archive, text and captures, for good."),
    Entry("withdraw", "Gather", "Take posts out of the archive and of every dataset that is built from now on.", "commands.publish"),
    Entry("extract", "Gather", "Read one page and print what it says, without an archive."),
    Entry("status", "Trust", "Show what was found, archived, refused, and what is missing."),
    Entry("why", "Trust", "Tell what happened to one address, and why."),
    Entry("verify", "Trust", "Prove every article against its capture, and the archive against itself."),
    Entry("backup", "Trust", "Copy the archive while it is written."),
    Entry("vacuum", "Trust", "Give back the space that the archive does not need."),
    Entry("search", "Read", "Search the archive."),
    Entry("searches", "Read", "List saved searches, and tell what they find anew."),
    Entry("index", "Read", "Bring the search index up to date, or make it anew."),
    Entry("serve", "Read", "Show the archive in a browser."),
    Entry("show", "Read", "Show one article."),
    Entry("diff", "Read", "Compare two versions of an article."),
    Entry("clusters", "Read", "List clusters of near copies, or show one."),
    Entry("cite", "Read", "Print the citation of articles."),
    Entry("export", "Hand on", "Write articles as JSON Lines, CSV, GeoJSON or Parquet, or their captures as WACZ."),
    Entry("publish", "Hand on", "Publish a versioned dataset that can be cited, checked and built again."),
    Entry("completion", "Set up", "Print what a shell needs to complete words with Tab.", "main"),
)


class Refusal(click.ClickException):
    """An ArchiverError on its way to the screen."""

    exit_code = 1


class Misuse(Refusal):
    """One that the caller can avoid by calling differently."""

    exit_code = 2


class LazyGroup(click.Group):
    """Lists commands from the table, imports a command's file when it is called."""

    def main(self, *args: Any, **named: Any) -> Any:
        """As click's, where the standard output takes all that is told: a disk that is full is told in a sentence."""
        if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="backslashreplace")  # signs that the encoding of a terminal does not have
        try:
            try:
                return super().main(*args, **named)
            finally:
                if sys.stdout is not None:  # as where it was closed before
                    sys.stdout.flush()
        except OSError as error:
            if error.filename is not None or error.errno not in (*_FULL, errno.EPIPE):
                raise
            if error.errno in _FULL:
                click.echo(
                    f"Error: What is told cannot be written ({error.strerror}): make room, and call it again.", err=True
                )
            with suppress(OSError):
                sys.stdout.close()  # or what is left in it would be written once more, and told of
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return next((entry.load() for entry in COMMANDS if entry.name == cmd_name), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(entry.section for entry in COMMANDS):
            with formatter.section(section):
                formatter.write_dl([(e.name, e.summary) for e in COMMANDS if e.section == section])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands from the table: loading all of them would take a second at each Tab."""
        if not incomplete.startswith("-"):
            return [CompletionItem(e.name, help=e.summary) for e in COMMANDS if e.name.startswith(incomplete)]
        return super().shell_complete(ctx, incomplete)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ArchiverError as error:
            raise (Misuse if isinstance(error, USAGE_ERRORS) else Refusal)(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            ctx.exit(130)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 findings, a partial failure, or something that is not there; 2 wrong usage; "
    "130 stopped by Ctrl-C.",
)
@click.version_option(archiver.__version__, prog_name="archiver", message="%(prog)s %(version)s")
def cli() -> None:
    """Keep the complete, searchable and citable archive of news sites and blogs.

    \b
    Example:
      archiver crawl https://blog.example.org
      archiver search "climate report" --since 2023
    """


# `archiver completion`: what a shell needs to complete the program's commands, options and values.

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print what a shell needs to complete words with Tab.")
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what a shell needs to complete words with Tab.

    \b
    Examples:
      archiver completion bash > ~/.local/share/bash-completion/completions/archiver
      archiver completion zsh > ~/.zfunc/_archiver
      archiver completion fish > ~/.config/fish/completions/archiver.fish

    Zsh reads that folder when ~/.zshrc has 'fpath+=~/.zfunc' before 'compinit'. For this shell alone:
    eval "$(archiver completion bash)".
    """
    kind = get_completion_class(shell)
    assert kind is not None
    completer = kind(ctx.find_root().command, {}, "archiver", "_ARCHIVER_COMPLETE")
    # Not source(): for bash it starts the bash that is installed here to ask for its version.
    click.echo(completer.source_template % completer.source_vars())
