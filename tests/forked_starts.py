"""Starts multiprocessing's own processes (fork server and resource tracker) as forks of the process that needs them.

A normal start is a new interpreter, and a fork server that then imports the whole program takes most of a second. A
fork has everything imported. It is a child of the same process, has its own PID, and ends for the same reasons.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from multiprocessing import forkserver, process, resource_tracker, util  # type: ignore[attr-defined]
from typing import Any
from unittest import mock

_start_normally: Any = util.spawnv_passfds
_kept: list[object] = []
"""What a fork must not finalise: it belongs to the process that was forked."""


def forked_starts() -> AbstractContextManager[object]:
    """Replace the start of an interpreter by a fork, in the context."""
    return mock.patch.object(util, "spawnv_passfds", _start)


def _start(path: object, args: Sequence[str], passfds: Sequence[int]) -> int:
    words = [os.fsdecode(word) for word in args]
    if "-c" not in words or not words[-1].startswith(("from multiprocessing.forkserver", "from multiprocessing.reso")):
        started: int = _start_normally(path, args, passfds)
        return started
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _forget_parent(set(passfds))
            sys.argv = ["-c"]
            exec(words[-1], {"__name__": "__main__"})
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        except BaseException:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            os._exit(code)
    return pid


def _forget_parent(passed: set[int]) -> None:
    """Put this process into the state of a new interpreter: no signal handlers, no open files except the standard ones
    and those passed to it, no unwritten output, no child processes, no event loop.
    """
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for before, fd in pairwise(sorted({0, 1, 2, *passed, os.sysconf("SC_OPEN_MAX")})):
        os.closerange(before + 1, fd)
    gc.freeze()
    _kept.extend(
        (
            sys.stdin,
            sys.stdout,
            sys.stderr,
            sys.__stdin__,
            sys.__stdout__,
            sys.__stderr__,
            *logging.root.handlers,
            *process._children,
        )
    )
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        stream = os.fdopen(fd, "w" if fd else "r")
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    logging.root.handlers.clear()
    process._children.clear()
    asyncio._set_running_loop(None)
    asyncio.set_event_loop_policy(None)
    for state in (forkserver._forkserver, resource_tracker._resource_tracker):
        state.__init__()
