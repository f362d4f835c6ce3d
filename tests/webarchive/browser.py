"""Controls Chromium through its WebDriver (W3C; JSON over HTTP).

The browser can only reach this machine: every other host name is unknown to it.
"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes import without_proxies

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--window-size=1000,700",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    """A session of Chromium."""

    def __init__(self, session: str) -> None:
        self._session = session

    def open(self, url: str) -> None:
        """Load the URL, and wait until the page and its resources are loaded."""
        _ask("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str) -> Any:
        """Run the body of a function in the page and return its result."""
        return _ask("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def picture(self, file: Path) -> None:
        """Save a screenshot as PNG."""
        file.write_bytes(base64.b64decode(_ask("GET", f"{self._session}/screenshot")))


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Run a browser with its profile in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=without_proxies() | {"HOME": str(folder)},
    )
    try:
        base = f"http://127.0.0.1:{port}/session"
        options = {"args": [*_ARGUMENTS, f"--user-data-dir={folder / 'profile'}"]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        session = f"{base}/{_begun(base, wanted)['sessionId']}"
        yield Browser(session)
        _ask("DELETE", session)
    finally:
        driver.terminate()
        driver.wait(20)


def _begun(base: str, wanted: dict[str, Any]) -> Any:
    deadline = time.monotonic() + 60
    while True:
        try:
            return _ask("POST", base, wanted)
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _ask(method: str, url: str, value: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        url,
        json.dumps(value).encode() if value is not None else None,
        method=method,
        headers={"Content-Type": "application/json"},
    )
    with _OPENER.open(request, timeout=120) as answer:
        return json.loads(answer.read())["value"]
