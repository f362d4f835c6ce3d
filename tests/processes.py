"""Runs commands of the program in processes that start with all modules imported.

A crawl of a few pages takes a third of a second, and the imports before it three times as long. Therefore a fork
server that has imported everything forks a process for each command. Such a process is as separate as one that was
started normally, and can be killed like one.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import re
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType

from tests.forked_starts import forked_starts
from tests.waiting import LONGEST_COMMAND

ROOT = Path(__file__).parents[1]
SERVER = multiprocessing.get_context("forkserver")
"""Forks processes that have imported the whole program."""
_APPEND = os.O_CREAT | os.O_WRONLY | os.O_APPEND


def warm(*modules: str) -> None:
    """Start the fork server with all imports and these modules, before any other code starts it with fewer."""
    SERVER.set_forkserver_preload(["tests.preload", *modules])
    forkserver.ensure_running()


def warm_by_fork() -> None:
    """Import the whole program here, where the tests need it too, and start the fork server as a fork."""
    importlib.import_module("tests.preload")
    with forked_starts():
        warm()


def without_proxies() -> dict[str, str]:
    """Return the environment of this process without its proxy settings: the tested servers are on this machine."""
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


class Running:
    """A running `python -m module words`, or `python -c code words` if the module is "-c". `environment` replaces that
    of this process; the default is `without_proxies()`.

    `stdin` is read by the process. `terminal` gets what it writes to stderr. It leads a session of its own if
    `new_session` is set.
    """

    def __init__(
        self,
        module: str,
        *words: str,
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
        stdin: Path | None = None,
        terminal: Path | None = None,
        new_session: bool = False,
    ) -> None:
        self._words = ["python", module, *words] if module == "-c" else ["python", "-m", module, *words]
        self._folder = tempfile.TemporaryDirectory(prefix="process-")
        self._out, self._err = (Path(self._folder.name, name) for name in ("out", "err"))
        self._out.touch()
        self._err.touch()
        kept = dict(without_proxies() if environment is None else environment)
        files = (stdin, self._out, terminal or self._err)
        self._process = SERVER.Process(target=_main, args=(module, words, kept, folder, files, new_session))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def err(self) -> str:
        """What the process has written to stderr so far."""
        return self._err.read_text(encoding="utf-8")

    def says(self, pattern: str, seconds: float = LONGEST_COMMAND) -> re.Match[str] | None:
        """Wait until stdout matches the pattern and return the match; None if the process ended or `seconds` passed."""
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, self._out.read_text(encoding="utf-8"))):
            if not self.lives or time.monotonic() > until:
                return None
            time.sleep(0.02)
        return found

    @property
    def lives(self) -> bool:
        return self._process.is_alive()

    def send(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def end(self, timeout: float = LONGEST_COMMAND) -> subprocess.CompletedProcess[str]:
        """Wait for the process to end. After `timeout` seconds it is killed, and TimeoutExpired is raised, as by
        subprocess.run.
        """
        self._process.join(timeout)
        late = self._process.is_alive()
        if late:
            self._process.kill()
            self._process.join()
        code = self._process.exitcode
        assert code is not None
        done = subprocess.CompletedProcess(self._words, code, self._out.read_text(encoding="utf-8"), self.err)
        self._process.close()
        self._folder.cleanup()
        if late:
            raise subprocess.TimeoutExpired(self._words, timeout, done.stdout, done.stderr)
        return done


def run(
    module: str,
    *words: str,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    stdin: Path | None = None,
    timeout: float = LONGEST_COMMAND,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module words`, or `python -c code words`, to its end."""
    return Running(module, *words, environment=environment, folder=folder, stdin=stdin).end(timeout)


def descendants(pid: int) -> set[int]:
    """Return the PIDs of the children of a process, and of their children, and so on."""
    try:
        listed = [Path(task, "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:  # the process has ended
        return set()
    found = {int(child) for line in listed for child in line.split()}
    return found.union(*map(descendants, found))


def is_alive(pid: int) -> bool:
    """Return True if the process runs; a zombie (Z) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _main(
    module: str,
    words: Sequence[str],
    environment: dict[str, str],
    folder: Path,
    files: tuple[Path | None, Path, Path],
    new_session: bool,
) -> None:
    """Run the module or code in the new process, with its own arguments, environment, folder and standard files."""
    if new_session:
        os.setsid()
    for number, (file, mode) in enumerate(zip(files, (os.O_RDONLY, _APPEND, _APPEND), strict=True)):
        if file:
            handle = os.open(file, mode)
            os.dup2(handle, number)
            os.close(handle)
    if files[0]:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # TMPDIR may be another
    os.chdir(folder)
    with forked_starts():
        if module == "-c":
            sys.argv = [module, *words[1:]]
            sys.modules["__main__"] = ModuleType("__main__")
            exec(compile(words[0], "<string>", "exec"), vars(sys.modules["__main__"]))
        else:
            sys.argv = [module, *words]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
