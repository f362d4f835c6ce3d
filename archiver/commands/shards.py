"""Which archives a command reads: one, several that are named, or all in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from archiver.commands.options import DEFAULT_ARCHIVE, telling_faults

MOST = 250
"""Archives that are open at a time: each takes some of the files that a process may have open."""
F = TypeVar("F", bound=Callable[..., Any])


class _Whole(click.Path):
    def split_envvar_value(self, rv: str) -> Sequence[str]:
        return [rv]


def archives_option(function: F) -> F:
    """`--archive PATH`, which may be given several times, and `--shards DIR|GLOB`: the command gets `archives`, each of
    which is there once."""
    @wraps(function)
    def resolved(*args: Any, archives: tuple[str, ...], shards: str | None, **named: Any) -> Any:
        return telling_faults(function)(*args, archives=archives_of(archives, shards), **named)

    one = click.option("--archive", "archives", metavar="PATH", type=_Whole(), multiple=True,
                       default=(DEFAULT_ARCHIVE,), envvar="ARCHIVER_ARCHIVE", show_default=True, show_envvar=True,
                       help="The archive's SQLite file. Given several times, all are searched as one.")
    many = click.option("--shards", metavar="DIR|GLOB", help="Search all archives that the pattern names, or each "
                        "archive.db below the folder, as one.")
    return one(many(cast(F, resolved)))


def archives_of(archives: tuple[str, ...], shards: str | None) -> list[str]:
    """The paths that were asked for, each once, those of --shards in the order of their names."""
    if not shards:
        return _each("--archive", archives)
    if click.get_current_context().get_parameter_source("archives") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--archive names archives, --shards finds them: leave out one of them.")
    path = Path(shards)
    found = sorted(str(file) for file in (
        path.rglob("archive.db") if path.is_dir() else Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))
    ) if file.is_file())
    if not found:
        raise click.UsageError(f"--shards {shards} names no archive: give a folder that has some below it, or a "
                               "pattern in quotation marks.")
    return _each(f"--shards {shards}", found)


def _each(asked: str, named: Sequence[str]) -> list[str]:
    """Each file once, by the first of its names."""
    each: dict[Path, str] = {}
    for name in named:
        each.setdefault(Path(name).resolve(), name)
    found = list(each.values())
    if len(found) > MOST:
        raise click.UsageError(f"{asked} names {len(found):,} archives, and {MOST} can be asked together: "
                               "name fewer, or merge some ('archiver merge').")
    return found
