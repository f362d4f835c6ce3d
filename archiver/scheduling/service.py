"""The files that run the scheduler as a service (systemd, cron or Docker) or watch it (alert rules for Prometheus), and
the scheduler's reports to systemd: that it is ready, what it is doing, and that its loop is still running
(sd_notify(3)).
"""

from __future__ import annotations

import getpass
import os
import shlex
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from string import Template

FILES = {
    "systemd": "scheduling/services/archiver.service",
    "cron": "scheduling/services/archiver.cron",
    "docker": "scheduling/services/compose.yaml",
    "alerts": "health/monitoring/archiver.rules.yml",
}
"""The file of the package for each kind of service. `${...}` stands for the paths of an installation."""


def service_file(kind: str, archive: str) -> str:
    """Returns the file of one of the kinds in FILES, with the paths of this archive and this installation."""
    text = (files("archiver") / FILES[kind]).read_text(encoding="utf-8")
    if kind not in ("systemd", "cron"):
        return text
    quote = _for_systemd if kind == "systemd" else _for_cron
    script, path = Path(sys.executable).with_name("archiver"), Path(archive).resolve()
    command = [str(script)] if script.exists() else [sys.executable, "-m", "archiver"]
    values = {
        "folder": str(Path.cwd()),
        "user": _user(),
        "archive": str(path),
        "data": str(path.parent),
        "environment": str(Path(sys.prefix).resolve()),
    }
    return Template(text).substitute(
        {name: quote(value) for name, value in values.items()}, command=" ".join(map(quote, command))
    )


def _user() -> str:
    """Returns the name of the current user, or the user ID if there is no name, as in a container. systemd accepts
    both.
    """
    try:
        return getpass.getuser()
    except KeyError:  # the user ID has no name
        return str(os.getuid())


def _for_cron(word: str) -> str:
    return shlex.quote(word).replace("%", r"\%")


def _for_systemd(word: str) -> str:
    """Escapes a word for a systemd unit file (systemd.syntax(7)): escapes percent and quotation marks, and puts quotes
    around a word with spaces.
    """
    escaped = word.replace("\\", "\\\\").replace("%", "%%")
    return '"' + escaped.replace('"', '\\"') + '"' if any(c in word for c in " \"';") else escaped


class ServiceManager:
    """Sends reports to the service manager that started this process; without a service manager, does nothing.

    `environment` contains the environment variables of the process. NOTIFY_SOCKET is the address of a Unix datagram
    socket; a leading "@" stands for the null byte of an abstract address.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""

    def alive(self, status: str) -> None:
        """Resets the watchdog (WatchdogSec), and reports `status` if it has changed."""
        changed = f"STATUS={status}\n" if status != self._status else ""
        self._status = status
        self.send(f"{changed}WATCHDOG=1")

    def send(self, message: str) -> None:
        if not self._address:
            return
        # A failure is ignored: if the manager hears nothing, its watchdog restarts the service anyway.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.setblocking(False)
            link.sendto(message.encode(), self._address)
