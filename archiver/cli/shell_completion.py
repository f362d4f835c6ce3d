"""Tab completion in a shell: `archiver completion` prints the script for bash, zsh or fish, and the completers offer
values from the archive, such as the names of its sites.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from archiver.cli.terminal_output import strip_control_characters
from archiver.model.errors import ArchiverError

_NOTE_LETTERS = 60
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete(*kinds: str) -> Completer:
    """Returns a function that completes values of these kinds (see `values_beginning_with`) from the archive of the
    command, for the argument `shell_complete` of click. It offers nothing if there is no archive.
    """

    def completer(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [
            CompletionItem(value, help=note, is_titled=kind in ("article", "run"))
            for kind in kinds
            for value, note in _known_values(ctx, kind, incomplete)
        ]

    return completer


def _known_values(ctx: click.Context, kind: str, prefix: str) -> list[tuple[str, str]]:
    from archiver.cli.shared_options import DEFAULT_ARCHIVE
    from archiver.storage.columns import values_beginning_with
    from archiver.storage.database import opened

    archive = ctx.params.get("archive") or next(iter(ctx.params.get("archives") or ()), DEFAULT_ARCHIVE)
    try:
        with opened(archive, read_only=True) as db:
            found = values_beginning_with(db, kind, prefix)
    except (ArchiverError, OSError):
        return []
    return [
        (value, " ".join(strip_control_characters(note).split())[:_NOTE_LETTERS])
        for value, note in found
        if value.isprintable()
    ]


_NAMED_IN_QUERY = ("site", "author", "category", "tag", "language")


def complete_query(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes a word of a query: the name of a field or predicate, or its value ("is:go" to "is:gone")."""
    from archiver.model.fields import ACCESS, MEANING
    from archiver.search.query import COLUMN_OF
    from archiver.search.query_tree import HAS, IS, PREDICATES

    fixed = {"is": IS, "has": HAS, "access": ACCESS, "changed": ("any", *MEANING)}
    minus = incomplete[: incomplete.startswith("-")]
    field, colon, value = incomplete.removeprefix("-").partition(":")
    if not colon:
        names = dict.fromkeys((*COLUMN_OF, *PREDICATES))
        return [CompletionItem(f"{minus}{name}:") for name in names if name.startswith(field.lower())]
    if field in fixed:
        return [CompletionItem(f"{minus}{field}:{one}") for one in fixed[field] if one.startswith(value)]
    kind = next((one for one in _NAMED_IN_QUERY if COLUMN_OF.get(one, one) == COLUMN_OF.get(field, field)), "")
    found = _known_values(ctx, kind, value.lstrip('"')) if kind else []
    return [
        CompletionItem(f'{minus}{field}:"{name}"' if " " in name else f"{minus}{field}:{name}", help=note)
        for name, note in found
    ]


def complete_setting(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes an argument of `archiver sites set`: the name of a site or of a setting."""
    from archiver.sites.site_settings import SITE_SETTINGS

    settings = [
        CompletionItem(f"{one.name}=", help=one.doc) for one in SITE_SETTINGS if one.name.startswith(incomplete)
    ]
    return [*settings, *complete("site")(ctx, parameter, incomplete)]


SHELLS = ("bash", "zsh", "fish")


class LineBashComplete(BashComplete):
    """Completion in bash that takes the command line as it was typed. Bash splits words at colons and equal signs,
    such as those of `author:Tom` and of a host with a port, and does not quote what is completed.

    If there are several candidates, bash shows the title of an article after its ID.
    """

    source_template = (
        BashComplete.source_template.replace(
            "env COMP_WORDS=",
            'env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" COMP_TYPE="$COMP_TYPE" '
            "COMP_WORDS=",
        )
        .replace("read type value", "read -r type value")
        .replace("COMPREPLY+=($value)", 'COMPREPLY+=("$value"); [[ $value != *[:=] ]] || compopt -o nospace')
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE", "")
        if not line:
            return super().get_completion_args()
        words = split_arg_string(line)
        incomplete = "" if line[-1].isspace() and not line.endswith("\\ ") else words.pop()
        return words[1:], incomplete

    def complete(self) -> str:
        args, incomplete = self.get_completion_args()
        found = self.get_completions(args, incomplete)
        breaks = [incomplete.rfind(sign) for sign in ":=" if sign in os.environ.get("COMP_BREAKS", "")]
        kept = max(breaks, default=-1) + 1
        is_quoted = _has_open_quote(os.environ.get("COMP_LINE", ""))
        shows_titles = len(found) > 1 and os.environ.get("COMP_TYPE") == str(ord("?"))
        lines = []
        for one in found:
            value = one.value[kept:]
            if one.type == "plain" and not is_quoted:
                value = re.sub(r"([\s\\'\"$`&|;<>()*?!#~\[\]{}])", r"\\\1", value)
            if shows_titles and one.is_titled and one.help:
                value += f"  ({one.help})"
            lines.append(f"{one.type},{value}")
        return "\n".join(lines)


def _has_open_quote(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError as error:
        return "quotation" in str(error)
    return False


add_completion_class(LineBashComplete)


@click.command(short_help="Print the tab completion script for a shell.")
@click.argument("shell", type=click.Choice(SHELLS, case_sensitive=False), metavar="bash|zsh|fish")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the tab completion script for a shell.

    \b
    Examples:
      archiver completion bash > ~/.local/share/bash-completion/completions/archiver
      archiver completion zsh > ~/.zfunc/_archiver
      archiver completion fish > ~/.config/fish/completions/archiver.fish

    Zsh reads that folder if ~/.zshrc has 'fpath+=~/.zfunc' before 'compinit'. For the current shell only:
    eval "$(archiver completion bash)"
    """
    kind = get_completion_class(shell)
    assert kind is not None
    completer = kind(ctx.find_root().command, {}, "archiver", "_ARCHIVER_COMPLETE")
    # Not source(), which for bash starts the installed bash to check its version.
    click.echo(completer.source_template % completer.source_vars())
