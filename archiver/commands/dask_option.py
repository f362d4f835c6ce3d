"""`--dask`, for commands whose reading a cluster of Dask can do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import click

from archiver.commands.optional import OptionalValues, Takes

LOCAL = "local"
_ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://.*")
F = TypeVar("F", bound=Callable[..., Any])


class WithDask(OptionalValues):
    optional: ClassVar[dict[str, Takes]] = {
        "--dask": (lambda value: value == LOCAL or bool(_ADDRESS.fullmatch(value)), LOCAL)}


def dask_option(function: F) -> F:
    return click.option("--dask", metavar="[tcp://HOST:8786]", help=(
        "Read by a cluster of Dask, one WARC file a task; its workers see the files and the archive at the same paths. "
        "Without an address, or with local, a cluster of this machine's cores."))(function)
