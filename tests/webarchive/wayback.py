"""A web archive on loopback: pywb with WARC files written by tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

SHIMS = Path(__file__).parent / "shims"
COLLECTION = "old"


@contextmanager
def serving_warcs(folder: Path, warcs: Iterable[Path]) -> Iterator[str]:
    """Serve these files with pywb. Yields its address ("http://127.0.0.1:1234/old/"). pywb's own files are in
    `folder`.
    """
    _pywb("manager.manager", "main", folder, "init", COLLECTION)
    _pywb("manager.manager", "main", folder, "add", COLLECTION, *map(str, warcs))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "pywb.log").open("wb") as log:
        server = subprocess.Popen(
            _command("apps.cli", "wayback", "-p", str(port), "-b", "127.0.0.1"),
            cwd=folder,
            env=_environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}/{COLLECTION}/"
        _wait(f"{address}cdx?url=http://127.0.0.1/", server, folder / "pywb.log")
        yield address
    finally:
        server.terminate()
        server.wait(10)


def _pywb(module: str, function: str, folder: Path, *words: str) -> None:
    done = subprocess.run(
        _command(module, function, *words),
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _command(module: str, function: str, *words: str) -> list[str]:
    code = f"import sys; from pywb.{module} import {function}; sys.argv[0] = 'pywb'; {function}()"
    return [sys.executable, "-c", code, *words]


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")} | {"PYTHONPATH": str(SHIMS)}


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            opener.open(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
