"""Runs the real `archiver` in a simulated internet with names, routes and limits set by the test.

    python -m tests.hostile.launch crawl URL ...

HOSTILE_WORLD is a JSON object. `names`: the addresses of each host name, one list for each time that it is resolved
(the last one is repeated; an empty one means that the host does not exist). `routes`: maps "address:port" to the
port on loopback that stands in for it. `settings`: Scrapy settings that override the project's. `log`: a file that
gets a line for each connection that is actually opened.

This replaces the system's resolver and connect(2) beneath the program. So the program itself is tested unchanged,
and the log shows what would have been sent on the network.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet._resolver import GAIResolver

from tests.hostile import memory

WORLD: dict[str, Any] = json.loads(os.environ.get("HOSTILE_WORLD", "{}"))
NAMES: dict[str, list[list[str]]] = WORLD.get("names", {})
_connect, _getaddrinfo = socket.socket.connect_ex, socket.getaddrinfo


def resolve(name: str) -> list[str] | None:
    turns = NAMES.get(name)
    if turns is None:
        return None
    return turns.pop(0) if len(turns) > 1 else turns[0]


def gethostbyname(name: str) -> str:
    raise AssertionError(f"{name} is looked up in a way that knows no IPv6")


def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    found = resolve(name) if name else None
    if found is None:
        return _getaddrinfo(host, port, *args, **kwargs)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, f"no {name} in this world any more")
    rows = []
    for address in found:
        six = ":" in address
        rows.append(
            (
                socket.AF_INET6 if six else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port or 0, 0, 0) if six else (address, port or 0),
            )
        )
    return rows


def connect_ex(self: socket.socket, address: Any) -> int:
    host, port = address[0], address[1]
    if self.family in (socket.AF_INET, socket.AF_INET6):
        with Path(WORLD["log"]).open("a", encoding="utf-8") as log:
            log.write(f"{host}:{port}\n")
        route = WORLD.get("routes", {}).get(f"{host}:{port}")
        if route:
            # A server on 127.0.0.1 is reached over IPv6 as well, at the address that is mapped to it.
            six = self.family == socket.AF_INET6
            address = ("::ffff:127.0.0.1", route, 0, 0) if six else ("127.0.0.1", route)
    return _connect(self, address)


def main() -> None:
    if WORLD.get("log"):
        socket.socket.connect_ex = connect_ex  # type: ignore[assignment,method-assign]
    if NAMES:
        socket.gethostbyname, socket.getaddrinfo = gethostbyname, getaddrinfo  # type: ignore[assignment]
        # Twisted keeps the function that it found when it was imported.
        GAIResolver.__init__.__defaults__ = (None, getaddrinfo)  # type: ignore[attr-defined]
    import archiver.scheduling.crawl_pool
    import archiver.settings
    from archiver.cli.main import cli

    # As on one core: all sites are crawled in this process, because only this one is in the simulated world.
    archiver.scheduling.crawl_pool.count_cores = lambda: 1  # type: ignore[attr-defined]

    for name, value in WORLD.get("settings", {}).items():
        setattr(archiver.settings, name, value)
    try:
        cli()
    finally:
        if peak := WORLD.get("peak"):
            Path(peak).write_text(f"{memory.peak()} {time.process_time()}", encoding="utf-8")


if __name__ == "__main__":
    sys.argv[0] = "archiver"
    main()
