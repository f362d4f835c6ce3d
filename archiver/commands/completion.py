"""`archiver completion`: what a shell needs to complete the program's commands, options and values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

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
