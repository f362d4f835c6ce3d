"""A private PostgreSQL server on loopback, from Debian's programs, which can be restarted."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "postgresql"
_PROGRAMS = Path("/usr/lib/postgresql")
_OPTIONS = (
    "-c",
    "fsync=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "max_connections=200",
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "unix_socket_directories=",
    "-c",
    "dynamic_shared_memory_type=mmap",  # in its folder; an immediate stop leaves POSIX memory behind
)


class Postgres:
    """A cluster; `url(database)` returns an address with its password."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, _free_port()
        self._who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        if self._who:  # it refuses to run as root
            found = pwd.getpwnam("postgres")
            os.chown(folder, found.pw_uid, found.pw_gid)
        secret = folder / "secret"
        secret.write_text("s3cret")
        secret.chmod(0o644)
        self._run(
            "initdb",
            "-D",
            str(folder / "data"),
            "-U",
            "archiver",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(secret),
            "-N",
            "-E",
            "UTF8",
            "--locale=C",
        )
        self.begin()

    def begin(self) -> None:
        self._run(
            "pg_ctl",
            "-D",
            str(self._folder / "data"),
            "-w",
            "-l",
            str(self._folder / "log"),
            "-o",
            " ".join(f"'{word}'" if "=" in word else word for word in (*_OPTIONS, "-p", str(self.port))),
            "start",
        )

    def end(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "immediate", "stop")

    def url(self, database: str, password: str = "s3cret") -> str:
        return f"postgresql://archiver:{password}@127.0.0.1:{self.port}/{database}"

    def database(self, name: str) -> str:
        """Creates a database; returns its address."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(f"create database {name}")
        return self.url(name)

    def _run(self, program: str, *words: str) -> None:
        path = max(_PROGRAMS.glob(f"*/bin/{program}"), key=lambda p: int(p.parts[-3]))
        done = subprocess.run(
            [str(path), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            timeout=300,
            **self._who,
        )  # type: ignore[call-overload]
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr[-500:]}")


@contextmanager
def running() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        server = Postgres(folder)
        try:
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def wait_until(true: object, seconds: float = 120.0, every: float = 0.1) -> None:
    """Waits until a function returns true. Raises TimeoutError."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(every)
