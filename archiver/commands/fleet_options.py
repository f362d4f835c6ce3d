"""Options of `archiver fleet` that its commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from archiver.fleet.board import Board

F = TypeVar("F", bound=Callable[..., Any])


def jobs_option(function: F) -> F:
    """`--jobs URL`, also ARCHIVER_JOBS in the environment, where a password is seen by nobody else."""
    return click.option("--jobs", metavar="postgresql://...", envvar="ARCHIVER_JOBS", show_envvar=True, required=True,
                        help="The queue: a database of PostgreSQL 13 or newer.")(function)


def storage_option(text: str, *, required: bool = False) -> Callable[[F], F]:
    """`--storage URL`, also ARCHIVER_STORAGE; a folder by its whole path, for it is read elsewhere than here."""
    def absolute(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise click.BadParameter("it is empty: name a folder or a URL.")
        return value if value is None or "://" in value else str(Path(value).resolve())

    return click.option("--storage", metavar="URL", envvar="ARCHIVER_STORAGE", show_envvar=True, required=required,
                        callback=absolute, help=text)


def open_board(jobs: str, size: int = 4) -> Board:
    from archiver.fleet.board import Board

    return Board(jobs, size)
