"""The command line: a click group that imports the file of a command only when that command is called.

Exit codes: 0 done; 1 findings, a partial failure, or missing data; 2 wrong usage; 130 stopped by Ctrl-C. Every
ArchiverError is printed as one sentence on stderr.
"""

from __future__ import annotations

import builtins
import errno
import gc
import importlib
import keyword
import os
import re
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from types import ModuleType
from typing import Any

import click
from click.shell_completion import CompletionItem

import archiver
from archiver.cli.former_spellings import FORMER, advise_on_former
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


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A row of the table of commands: the name of the command, its section and its line in the help, and its module.

    `module` is relative to `archiver.cli`; "" means `commands.NAME`.
    """

    name: str
    section: str
    summary: str
    module: str = ""

    def load(self) -> click.Command:
        is_taken = keyword.iskeyword(self.name) or hasattr(builtins, self.name)
        name = f"{self.name}_" if is_taken else self.name
        command = getattr(_import_for_good(f"archiver.cli.{self.module or f'commands.{name}'}"), name)
        assert isinstance(command, click.Command)
        return command


def _import_for_good(name: str) -> ModuleType:
    """Returns a module. If it must be imported first, cyclic garbage is not searched meanwhile, nor ever among the
    objects that exist then: imports make hundreds of thousands of objects, of which the process needs nearly all to its
    end.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


# In the order of the data: collect it, check it, read it, share it.
COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry("init", "Set up", "Set up an archive: settings, sites, and how they are crawled."),
    CommandEntry("crawl", "Collect", "Crawl sites into the archive."),
    CommandEntry("add", "Collect", "Archive single pages, without crawling their sites.", "commands.add_single_pages"),
    CommandEntry("schedule", "Collect", "Crawl each site when it is due."),
    CommandEntry("fleet", "Collect", "Crawl on many machines."),
    CommandEntry("import", "Collect", "Import captures from WARC and WACZ files or from a web archive."),
    CommandEntry("merge", "Collect", "Merge other archives into this one."),
    CommandEntry("sites", "Collect", "List and change the sites of the archive."),
    CommandEntry("runs", "Collect", "List the runs of crawls, show or undo one.", "commands.runs"),
    CommandEntry("reextract", "Collect", "Extract stored captures again with the current extraction."),
    CommandEntry("remove", "Collect", "Remove posts and their captures permanently.", "commands.remove_posts"),
    CommandEntry(
        "withdraw",
        "Collect",
        "Remove posts from the archive and from all future dataset builds.",
        "commands.publish",
    ),
    CommandEntry(
        "extract",
        "Collect",
        "Extract an article from one page, without an archive.",
        "commands.extract",
    ),
    CommandEntry("status", "Check", "Show what was found and archived, and what is missing."),
    CommandEntry("why", "Check", "Explain what happened to a URL."),
    CommandEntry(
        "verify",
        "Check",
        "Check every article against its capture, and the archive for damage.",
        "commands.verify",
    ),
    CommandEntry("backup", "Check", "Copy the archive, even during a crawl.", "commands.backup"),
    CommandEntry("restore", "Check", "Put a backup in the place of the archive.", "commands.backup"),
    CommandEntry("search", "Read", "Search the archive.", "commands.search"),
    CommandEntry(
        "searches",
        "Read",
        "List saved searches and show their new results.",
        "commands.search",
    ),
    CommandEntry("index", "Read", "Update or rebuild the search index.", "commands.search"),
    CommandEntry("serve", "Read", "Browse the archive in a web browser.", "commands.serve"),
    CommandEntry("open", "Read", "Open an article in the web browser.", "commands.serve"),
    CommandEntry("show", "Read", "Show articles.", "commands.show"),
    CommandEntry("diff", "Read", "Compare two revisions of an article."),
    CommandEntry(
        "clusters", "Read", "List clusters of near-duplicates, or show one.", "commands.clusters_of_near_duplicates"
    ),
    CommandEntry("cite", "Read", "Print citations of articles.", "commands.show"),
    CommandEntry("export", "Share", "Export articles as JSON Lines, CSV, GeoJSON or Parquet, or captures as WACZ."),
    CommandEntry("feed", "Share", "Write a feed of new and changed articles.", "commands.search"),
    CommandEntry(
        "publish",
        "Share",
        "Publish a versioned dataset that can be cited, checked and rebuilt.",
        "commands.publish",
    ),
    CommandEntry(
        "doctor",
        "Set up",
        "Check the installation: versions, extras, disk, contact, clock, index.",
        "commands.verify",
    ),
    CommandEntry("completion", "Set up", "Print the tab completion script for a shell.", "shell_completion"),
)


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
    "rss": "feed",
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


BELOW_MEANT: dict[str, str] = {
    "create": "add",
    "delete": "remove",
    "edit": "set",
    "info": "show",
    "ls": "list",
    "new": "add",
    "rename": "move",
    "rm": "remove",
}
"""Maps the name of a subcommand in other programs to the subcommand of `archiver sites`, `archiver searches` or
`archiver runs` that does the same."""


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


_RECURSIVE = frozenset({"-m", "-r", "--mirror", "--recursive"})
"""Options that make other programs follow the links of a site."""


_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
"""Characters that word processors and web pages put in place of a hyphen."""


_HARD_SPACES = "\u00a0\u2007\u202f"
"""Non-breaking spaces, at which a shell does not split words."""


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
    (
        r"('(?i:bib|bibtex|ris|csl|csl-json|apa|chicago|mla)' is not one of 'jsonl', .+)\.",
        r"\1; 'archiver cite --query QUERY --style STYLE' writes citations.",
    ),
)


def _in_plain_english(message: str) -> str:
    """Replaces click's terms for numbers in a message about a wrong value ("valid integer", "range x>=1"), and adds how
    to write a number such as 1,5 or 10k.
    """
    for pattern, plain in _PLAIN_ENGLISH:
        message = re.sub(pattern, plain, message)
    number = _GROUPED_OR_ABBREVIATED.match(message)
    if decimal := re.fullmatch(r"'(0,\d+|\d+,\d\d?)' is not a number\.", message):
        message = f"{message.removesuffix('.')}: write {decimal[1].replace(',', '.')}."
    elif number and message.endswith("number."):
        digits = re.sub(r"\D", "", number["digits"]) + {"k": "000", "m": "000000"}.get(number["unit"].lower(), "")
        message = f"{message.removesuffix('.')}: write {digits}."
    return message


_GROUPED_OR_ABBREVIATED = re.compile(
    r"'(?P<digits>\d{1,3}(?:[,. _'\u00a0\u202f]\d{3})+|\d+)(?P<unit>[kKmM]?)' is not a"
)


def _advise_on_option(option: str, command: click.Command) -> str:
    """Returns a sentence that says what to use in place of an option that the command does not have; "" if this is
    unknown.
    """
    own = {name for one in command.params for name in one.opts}
    meant = next((name for name in MEANT_OPTIONS.get(option, ()) if name in own), "")
    if meant:
        return f" Did you mean {meant!r}?"
    if option[1:].isdecimal():
        return " There are no negative IDs." if command.name in ("show", "cite", "diff", "open", "remove") else ""
    if option in _RECURSIVE:
        return " 'archiver crawl URL' finds all posts of a site without an option."
    return ""


def _refuse_miscopied(command: click.Command | None, args: Sequence[str]) -> None:
    """Raises UsageError if an argument is an option of the command that was changed when it was copied from a text: its
    hyphens became dashes, or the space after it became a non-breaking one.
    """
    while isinstance(command, click.Group) and args:
        command, args = command.commands.get(args[0]), args[1:]
    if command is None:
        return
    own = {name for one in command.params for name in one.opts if name.startswith("-")}
    for arg in args:
        if arg == "--":
            return
        word = arg.lstrip(f"-{_DASHES}")
        name = "-" * min(len(word), 2) + re.split(f"[={_HARD_SPACES}]", word, maxsplit=1)[0]
        if arg.removesuffix(word).strip("-") and name in own:
            kind = "An option" if len(word) > 1 else "An option of one letter"
            hyphens = "two hyphens" if len(word) > 1 else "a hyphen"
            raise click.NoSuchOption(arg, f"{arg!r} begins with a dash. {kind} begins with {hyphens}: {name}.")
        if arg.startswith("-") and name in own and re.match(f"[^={_HARD_SPACES}]+[{_HARD_SPACES}]", word):
            raise click.UsageError(f"A non-breaking space follows {name}. Type a space in its place.")


def _advise_below(group: str | None, word: str, commands: list[str]) -> str:
    """Returns a sentence with the command that `word` probably means, which is none of the `commands` of a group; "" if
    this is unknown.
    """
    if group == "sites" and re.search(r"[.:]", word):
        return f" Did you mean 'archiver sites show {word}'?"
    if group == "runs" and word.isdecimal():
        return f" Did you mean 'archiver runs show {word}'?"
    meant = BELOW_MEANT.get(word.lower())
    return f" Did you mean {meant!r}?" if meant in commands else _guess(word, commands)


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
        advice = _advise_on_option(word, context.command)
        if not advice or "Did you mean" in error.message:
            if not error.possibilities:
                return error
            advice = _guess(word, error.possibilities)
        return click.NoSuchOption(word, f"{error.message}{advice}", ctx=context)
    if not isinstance(context.command, click.Group):
        return error
    advice = _advise_below(context.info_name, word, context.command.list_commands(context))
    message = f"There is no command '{context.info_name} {word}'.{advice}"
    return click.exceptions.NoSuchCommand(word, message, ctx=context)


class LazyGroup(click.Group):
    """A click group that takes its commands from a table, and imports the file of a command only when the command is
    called.
    """

    def main(self, *args: Any, **named: Any) -> Any:
        """Runs the command line. If standard output is a closed pipe or on a full disk, ends without a traceback."""
        if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="backslashreplace")  # escapes characters that the terminal's encoding lacks
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # set by `archiver.__main__` while this was imported
            signal.signal(signal.SIGINT, signal.default_int_handler)
        gc.set_threshold(_GARBAGE_THRESHOLD, *gc.get_threshold()[1:])
        if "_ARCHIVER_COMPLETE" in os.environ:
            importlib.import_module("archiver.cli.shell_completion")  # registers the completion of bash
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

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return next((entry.load() for entry in COMMANDS if entry.name == cmd_name), None)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command that `args` begin with. Raises NoSuchCommand, which names the command that was meant."""
        try:
            found = super().resolve_command(ctx, args)
        except click.UsageError as error:
            if ctx.resilient_parsing or args[0].startswith("-"):
                raise
            meant = MEANT.get(args[0].lower())
            if any(one in args[0] for one in _HARD_SPACES):
                advice = " It contains a non-breaking space. Type a space in its place."
            elif former := FORMER.get(args[0]):
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
        if not ctx.resilient_parsing:
            _refuse_miscopied(found[1], found[2])
        return found

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
        for section in dict.fromkeys(entry.section for entry in COMMANDS):
            with formatter.section(section):
                formatter.write_dl([(e.name, e.summary) for e in COMMANDS if e.section == section])

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
