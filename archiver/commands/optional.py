"""Options whose value may be left out, in front of words, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import click

Takes = tuple[Callable[[str], bool], str]


class OptionalValues(click.Command):
    """A command of which some options (`optional`) take the next argument only where it can be their value, and else a
    value of their own: `--recent 30 flood`, and `--recent flood`."""

    optional: ClassVar[dict[str, Takes]] = {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(self._whole(args)))

    def _whole(self, args: list[str]) -> Iterator[str]:
        for place, arg in enumerate(args):
            if arg == "--":
                yield from args[place:]
                return
            takes = self.optional.get(arg)
            following = args[place + 1] if place + 1 < len(args) else ""
            yield f"{arg}={takes[1]}" if takes and not takes[0](following) else arg
