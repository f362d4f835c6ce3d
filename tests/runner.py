"""Runs a command in this process, and returns its exit code with the error that caused it, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import click
from click.testing import CliRunner, Result

from archiver.cli.main import cli
from archiver.model.errors import ArchiverError


class Runner(CliRunner):
    """click's runner, which also keeps the error that the command printed, for `failure` and `fault`."""

    def invoke(self, *args: Any, **named: Any) -> Result:
        with _errors_shown() as shown:
            result = super().invoke(*args, **named)
        if shown and result.exception is not None:
            result.exception.__context__ = shown[-1]
        return result


def in_process(*words: str) -> Result:
    return Runner().invoke(cli, words)


def failure(result: Result) -> BaseException:
    """Return the error that ended a command: one of this program, or one of click."""
    assert isinstance(result.exception, SystemExit), (result.exc_info, result.output)
    error = result.exception.__context__
    assert error is not None, f"The command printed no error: {result.output}"
    return error.__cause__ if isinstance(error.__cause__, ArchiverError) else error


def fault(result: Result) -> str:
    """Return the class of that error and its subject: `SiteNotFound nowhere.example`, `BadParameter --near`. For
    mutually exclusive options: the options in alphabetical order.
    """
    error = failure(result)
    return f"{type(error).__name__} {_about(error)}".strip()


def _about(error: BaseException) -> str:
    if isinstance(error, ArchiverError):
        return error.subject
    if isinstance(error, click.NoSuchOption):
        return error.option_name
    if isinstance(error, click.BadParameter):
        hint = error.param_hint or (error.param.get_error_hint(error.ctx) if error.param and error.ctx else "")
        return (hint if isinstance(hint, str) else " ".join(hint)).replace("'", "").split(" / ")[0]
    if type(error) is click.UsageError:
        return " ".join(sorted(set(re.findall(r"--[a-z-]+", error.message))))
    return ""


@contextmanager
def _errors_shown() -> Iterator[list[click.ClickException]]:
    shown: list[click.ClickException] = []

    def keeping(kind: type[click.ClickException]) -> Any:
        show = kind.show

        def keep(error: click.ClickException, file: Any = None) -> None:
            shown.append(error)
            show(error, file)

        return mock.patch.object(kind, "show", keep)

    with keeping(click.ClickException), keeping(click.UsageError):
        yield shown
