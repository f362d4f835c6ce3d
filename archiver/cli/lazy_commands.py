"""Groups of commands that import the file of a command only when that command is called."""

from __future__ import annotations

import builtins
import gc
import importlib
import keyword
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar

import click


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A row of the table of commands: the name of the command, its section and its line in the help, and its module.

    `module` is relative to `archiver.cli`; "" means `commands.NAME`.
    """

    name: str
    section: str = ""
    summary: str = ""
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


class LazyCommands(click.Group):
    """A click group whose commands are those of a table (`entries`), besides any that are added to it."""

    entries: ClassVar[tuple[CommandEntry, ...]] = ()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *(entry.name for entry in self.entries)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        loaded = (entry.load() for entry in self.entries if entry.name == cmd_name)
        return super().get_command(ctx, cmd_name) or next(loaded, None)
