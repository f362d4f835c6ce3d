"""The command line: a click group that imports the file of a command only when that command is called.

Exit codes: 0 done; 1 findings, a partial failure, or missing data; 2 wrong usage; 130 stopped by Ctrl-C. Every
ArchiverError is printed as one sentence on stderr.
"""

from __future__ import annotations

import errno
import gc
import os
import re
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

import click
from click.shell_completion import CompletionItem

import archiver
from archiver.cli.former_spellings import FORMER, advise_on_former
from archiver.cli.lazy_commands import CommandEntry, LazyCommands
from archiver.model.errors import (
    ArchiverError,
    BadAddress,
    BadConfig,
    BadContact,
    BadPageObject,
    BadPublicURL,
    BadPublishRules,
    BadQuery,
    BadRules,
    BadSearchName,
    BadSetting,
    BadSplits,
    ContactMissing,
    LooksLikePost,
    TagNotFound,
)
from archiver.model.words import count_typos

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
USAGE_ERRORS = (
    BadConfig,
    BadQuery,
    BadSearchName,
    BadAddress,
    BadContact,
    BadPageObject,
    BadPublicURL,
    BadPublishRules,
    BadRules,
    BadSetting,
    BadSplits,
    ContactMissing,
    LooksLikePost,
    TagNotFound,
)


COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry("init", "First", "Set up an archive: settings and sites."),
    CommandEntry("crawl", "First", "Crawl sites into the archive."),
    CommandEntry("add", "First", "Archive single pages, without crawling their sites.", "commands.add_single_pages"),
    CommandEntry("search", "First", "Search the archive."),
    CommandEntry("show", "First", "Show articles."),
    CommandEntry("cite", "First", "Print citations of articles.", "commands.show"),
    CommandEntry("status", "First", "Show what was found and archived, and what is missing."),
    CommandEntry("serve", "First", "Browse the archive in a web browser."),
    CommandEntry("export", "First", "Export articles, captures (WACZ) or a feed for other programs."),
    CommandEntry("backup", "First", "Copy the archive, even during a crawl."),
    CommandEntry("sites", "More", "List and change the sites of the archive."),
    CommandEntry("schedule", "More", "Crawl each site when it is due."),
    CommandEntry("runs", "More", "List the runs of crawls, show or undo one."),
    CommandEntry("why", "More", "Explain what happened to a URL."),
    CommandEntry("diff", "More", "Compare two revisions of an article."),
    CommandEntry("import", "More", "Import captures from WARC and WACZ files or from a web archive."),
    CommandEntry("extract", "More", "Extract an article from one page, without an archive."),
    CommandEntry("reextract", "More", "Extract stored captures again with the current extraction."),
    CommandEntry("verify", "More", "Check every article against its capture, and the archive for damage."),
    CommandEntry("publish", "More", "Publish a versioned dataset that can be cited, checked and rebuilt."),
    CommandEntry("fleet", "", "Crawl on many machines."),
    CommandEntry("index", "", "Update or rebuild the search index.", "commands.search"),
    CommandEntry("merge", "", "Merge other archives into this one."),
    CommandEntry("remove", "", "Remove posts and their captures permanently.", "commands.remove_posts"),
    CommandEntry("restore", "", "Put a backup in the place of the archive.", "commands.backup"),
    CommandEntry(
        "withdraw", "", "Remove posts from the archive and from all future dataset builds.", "commands.remove_posts"
    ),
)
"""The commands in the order of the help. Those without a section are only named at its end."""


MEANT: dict[str, str] = {
    "browse": "serve",
    "check": "verify",
    "compare": "diff",
    "config": "sites set",
    "curl": "add",
    "delete": "remove",
    "download": "add",
    "dump": "export",
    "fetch": "add",
    "find": "search",
    "get": "add",
    "grep": "search",
    "help": "--help",
    "history": "runs",
    "info": "status",
    "list": "sites list",
    "log": "runs",
    "ls": "sites list",
    "mirror": "crawl",
    "read": "show",
    "rss": "export",
    "rm": "remove",
    "run": "crawl",
    "save": "backup",
    "setup": "init",
    "start": "crawl",
    "stats": "status",
    "sync": "crawl",
    "update": "crawl",
    "upgrade": "reextract",
    "version": "--version",
    "view": "show",
    "web": "serve",
    "wget": "add",
}
"""Maps the name of a command in other programs to the command here that does the same."""


MEANT_OPTIONS: dict[str, tuple[str, ...]] = {
    "-O": ("--output",),
    "-a": ("--archive",),
    "-f": ("--format", "--style"),
    "-l": ("--limit",),
    "-n": ("--limit", "--dry-run"),
    "-o": ("--output",),
    "-q": ("--quiet",),
    "-w": ("--delay", "--workers"),
    "-y": ("--yes",),
    "--file": ("--output",),
    "--force": ("--again", "--full"),
    "--format": ("--style",),
    "--from": ("--since",),
    "--input-file": ("--from",),
    "--out": ("--output",),
    "--output-document": ("--output",),
    "--output-file": ("--output",),
    "--page-requisites": ("--requisites",),
    "--silent": ("--quiet",),
    "--to": ("--until",),
    "--wait": ("--delay",),
}
"""Maps an option of other programs, or an option of one letter, to the options here that may be meant. Each command has
at most one of these."""


class CommandError(click.ClickException):
    """An ArchiverError in the form that click prints, with exit code 1."""

    exit_code = 1


class WrongUsage(CommandError):
    """A CommandError for a command that was called in a wrong way. Its exit code is 2."""

    exit_code = 2


_PLAIN_ENGLISH = (
    (r"(.+) is not in the range x>=(\S+)\.", r"\1 is too small: the least is \2."),
    (r"(.+) is not in the range (\S+)<=x<=(\S+)\.", r"\1 is not between \2 and \3."),
    (r"(.+) is not a valid integer(?: range)?\.", r"\1 is not a whole number."),
    (r"(.+) is not a valid float(?: range)?\.", r"\1 is not a number."),
)


def _in_plain_english(message: str) -> str:
    """Replaces click's terms for numbers in a message about a wrong value ("valid integer", "range x>=1")."""
    for pattern, plain in _PLAIN_ENGLISH:
        message = re.sub(pattern, plain, message)
    return message


def _guess(word: str, known: Iterable[str]) -> str:
    """Returns a question for the known word that is most similar to a mistyped word; "" if none is similar."""
    found = min(known, key=lambda one: count_typos(word.lower(), one, len(word)), default="")
    is_similar = count_typos(word.lower(), found, len(word)) <= max(2, len(word) // 3)
    return f" Did you mean {found!r}?" if is_similar or found.startswith(word.lower()) else ""


_CLOSED_PIPE = 128 + signal.SIGPIPE
"""The exit code if the program that reads the output has ended, as `head` does. Shells report the same code for cat,
grep and sort."""


def _discard_output() -> None:
    """Redirects the rest of the output to the null device. Otherwise Python would flush it at exit, and report the
    error again.
    """
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_GARBAGE_THRESHOLD = 20_000
"""Python looks for cyclic garbage each time this many new objects exist (default: 700). Imports make hundreds of
thousands of objects and hardly any garbage; examining them took an eighth of the time that a crawl needs to start.
"""


def _with_advice(error: click.NoSuchOption | click.exceptions.NoSuchCommand, top: click.Context) -> click.UsageError:
    """Returns an error about an unknown option or subcommand that says what to use in its place, if this is known.
    `top` is the context of `archiver` itself.
    """
    context = error.ctx
    if context is None or context is top:
        return error
    word = error.option_name if isinstance(error, click.NoSuchOption) else error.command_name
    if former := advise_on_former(context.command_path.partition(" ")[2], word):
        return click.UsageError(former, ctx=context)
    if isinstance(error, click.NoSuchOption):
        own = {name for one in context.command.params for name in one.opts}
        meant = next((name for name in MEANT_OPTIONS.get(word, ()) if name in own), "")
        advice = f" Did you mean {meant!r}?" if meant else _guess(word, error.possibilities or ())
        message = error.message.partition(" Did you mean")[0]
        return click.NoSuchOption(word, f"{message}{advice}", ctx=context) if advice else error
    if not isinstance(context.command, click.Group):
        return error
    advice = _guess(word, context.command.list_commands(context))
    message = f"There is no command '{context.info_name} {word}'.{advice}"
    return click.exceptions.NoSuchCommand(word, message, ctx=context)


class LazyGroup(LazyCommands):
    """The command `archiver`."""

    entries = COMMANDS

    def main(self, *args: Any, **named: Any) -> Any:
        """Runs the command line. If standard output is a closed pipe or on a full disk, ends without a traceback."""
        if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="backslashreplace")  # escapes characters that the terminal's encoding lacks
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # set by `archiver.__main__` while this was imported
            signal.signal(signal.SIGINT, signal.default_int_handler)
        gc.set_threshold(_GARBAGE_THRESHOLD, *gc.get_threshold()[1:])
        try:
            try:
                return super().main(*args, **named)
            finally:
                if sys.stdout is not None:  # it is None if standard output was closed before the start
                    sys.stdout.flush()
        except OSError as error:
            if error.filename is not None or error.errno not in (*_FULL, errno.EPIPE):
                raise
            _discard_output()
            if error.errno == errno.EPIPE:
                sys.exit(_CLOSED_PIPE)
            click.echo(
                f"Error: The output cannot be written ({error.strerror}). Free some space and try again.", err=True
            )
            sys.exit(1)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command that `args` begin with. Raises NoSuchCommand, which names the command that was meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if ctx.resilient_parsing or args[0].startswith("-"):
                raise
            meant = MEANT.get(args[0].lower())
            if former := FORMER.get(args[0]):
                advice = f" {former}"
            elif meant:
                advice = f" Did you mean 'archiver {meant}'?"
            elif "://" in args[0] or args[0].startswith("www."):
                advice = " Write 'archiver crawl URL' for a site, or 'archiver add URL' for one page."
            else:
                advice = _guess(args[0], self.list_commands(ctx))
            raise click.exceptions.NoSuchCommand(
                args[0], f"There is no command {args[0]!r}.{advice}", ctx=ctx
            ) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the options before the command. Raises NoSuchOption, whose message says that the options of a command
        follow its name.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name in ("-v", "-V"):
                message = f"No such option {error.option_name!r}. Did you mean '--version'?"
                raise click.NoSuchOption(error.option_name, message, ctx=ctx) from None
            own = [name for one in self.get_params(ctx) for name in one.opts if name.startswith("--")]
            if any(count_typos(error.option_name, name, 2) <= 2 for name in own):
                raise
            named = next((arg for arg in args if arg in self.list_commands(ctx)), "COMMAND")
            raise click.NoSuchOption(
                error.option_name,
                f"No such option {error.option_name!r}. The options of a command follow it: 'archiver {named} "
                f"{error.option_name}'.",
                ctx=ctx,
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in ("First", "More"):
            with formatter.section(f"{section} commands"):
                formatter.write_dl([(e.name, e.summary) for e in COMMANDS if e.section == section])
        others = ", ".join(entry.name for entry in COMMANDS if not entry.section)
        with formatter.section("Other commands"):
            formatter.write_text(f"{others}: 'archiver COMMAND --help' describes each.")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes command names from the table of commands, because importing all commands would take a second at
        each Tab.
        """
        if not incomplete.startswith("-"):
            return [CompletionItem(e.name, help=e.summary) for e in COMMANDS if e.name.startswith(incomplete)]
        return super().shell_complete(ctx, incomplete)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ArchiverError as error:
            raise (WrongUsage if isinstance(error, USAGE_ERRORS) else CommandError)(str(error)) from error
        except (click.NoSuchOption, click.exceptions.NoSuchCommand) as error:
            raise _with_advice(error, ctx) from None
        except click.BadParameter as error:
            plain = _in_plain_english(error.message)
            if plain == error.message:
                raise
            raise click.BadParameter(plain, error.ctx, error.param, error.param_hint) from None
        except (KeyboardInterrupt, click.Abort):  # Ctrl-C; click.Abort: at a question
            click.echo("Stopped.", err=True)
            ctx.exit(130)
        except BrokenPipeError:
            _discard_output()
            ctx.exit(_CLOSED_PIPE)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 findings, a partial failure, or missing data; 2 wrong usage; 130 stopped by Ctrl-C.",
)
@click.version_option(archiver.__version__, prog_name="archiver", message="%(prog)s %(version)s")
def cli() -> None:
    """Keep the complete, searchable and citable archive of news sites and blogs.

    \b
    Example:
      archiver crawl https://blog.example.org
      archiver search "climate report" --since 2023
    """
