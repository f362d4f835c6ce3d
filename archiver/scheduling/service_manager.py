"""Tells systemd how the scheduler is: that it is ready, what it does, and that its loop still turns (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

_ADDRESS = "NOTIFY_SOCKET"


class ServiceManager:
    """The service manager that started this process. Without one, nothing is sent.

    `environment` has the variables of the process. NOTIFY_SOCKET is the address of a Unix datagram socket; "@" at its
    beginning stands for the null byte of an abstract address.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get(_ADDRESS, "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""

    def ready(self) -> None:
        """Reports that the service has started."""
        self._send("READY=1")

    def alive(self, status: str) -> None:
        """Resets the watchdog (WatchdogSec), and reports what the service does if that has changed."""
        changed = f"STATUS={status}\n" if status != self._status else ""
        self._status = status
        self._send(f"{changed}WATCHDOG=1")

    def stopping(self) -> None:
        """Reports that the service is ending."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A manager that cannot be reached is no reason to stop crawling: its watchdog ends a service that it misses.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.setblocking(False)
            link.sendto(message.encode(), self._address)
