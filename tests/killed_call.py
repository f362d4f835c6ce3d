"""Processes that kill themselves before or after the nth call of a function of archiver/maintenance."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.processes import SERVER


@dataclass(frozen=True)
class KilledCall:
    """The call at which a process dies: the nth of `archiver.maintenance.{module}.{name}`, before or after it ran."""

    module: str
    name: str
    nth: int
    after: bool

    def __str__(self) -> str:
        return f"{self.name}-{self.nth}-{'after' if self.after else 'before'}"


def assert_killed(call: KilledCall, run: Callable[..., object], *args: object) -> None:
    """Run `run(*args)` in a process of its own that dies at this call, and check that it died there."""
    process = SERVER.Process(target=_run_until_killed, args=(call, run, args))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def _run_until_killed(call: KilledCall, run: Callable[..., object], args: tuple[object, ...]) -> None:
    module = importlib.import_module(f"archiver.maintenance.{call.module}")
    real, calls = getattr(module, call.name), 0

    def killed(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call.nth and not call.after:
            os.kill(os.getpid(), signal.SIGKILL)
        out = real(*args, **options)
        if calls == call.nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return out

    setattr(module, call.name, killed)
    run(*args)
