"""Reports to systemd that the scheduler is ready, what it is doing, and that its loop is still running
(sd_notify(3)).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

_ADDRESS = "NOTIFY_SOCKET"


class ServiceManager:
    """The service manager that started this process. If there is none, nothing is sent.

    `environment` has the variables of the process. NOTIFY_SOCKET is the address of a Unix datagram socket; a leading
    "@" stands for the null byte of an abstract address.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get(_ADDRESS, "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""

    def ready(self) -> None:
        """Reports that the service has started."""
        self._send("READY=1")

    def alive(self, status: str) -> None:
        """Resets the watchdog (WatchdogSec), and reports `status` if it has changed."""
        changed = f"STATUS={status}\n" if status != self._status else ""
        self._status = status
        self._send(f"{changed}WATCHDOG=1")

    def stopping(self) -> None:
        """Reports that the service is ending."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A failure is ignored: if the manager hears nothing, its watchdog restarts the service anyway.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.setblocking(False)
            link.sendto(message.encode(), self._address)
