"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

DEFAULT_ARCHIVE = "output/archive.db"
F = TypeVar("F", bound=Callable[..., Any])


def archive_option(function: F) -> F:
    """`--archive PATH`, also ARCHIVER_ARCHIVE in the environment."""
    return click.option(
        "--archive", metavar="PATH", default=DEFAULT_ARCHIVE, envvar="ARCHIVER_ARCHIVE", show_default=True,
        show_envvar=True, help="The archive's SQLite file.",
    )(function)


def json_option(function: F) -> F:
    """`--json`: one JSON value instead of text for people."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)
