"""The last checks: before a connection, what address it is really made to; before each word, whether it may be said.

A name may resolve to a public address when it is looked at and to a private one when it is used (DNS rebinding).
So the check sits in `connectTCP`, which is given the very address that the system connects to. And between a request
and its first byte on the line lies what else the reactor has to do, in which a process may be suspended (`asking`).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from twisted.internet.interfaces import IReactorPluggableNameResolver
from zope.interface import implementer

from archiver.frontier.asking import about_to_ask
from archiver.frontier.reach import Address


@implementer(IReactorPluggableNameResolver)
class GuardedReactor:
    """The reactor for the connections of one request: asks `check` first, which raises where none may be made.

    A host with several addresses is reached at those that pass.
    """

    def __init__(self, reactor: Any, check: Callable[[Address], None]) -> None:
        self._reactor, self._check = reactor, check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        # No ValueError is caught here: what is no address is not connected to.
        self._check(ip_address(host))
        connector = self._reactor.connectTCP(host, port, *args, **kwargs)
        send = connector.transport.writeSomeData

        def look_and_send(data: bytes) -> Any:
            about_to_ask()
            return send(data)

        connector.transport.writeSomeData = look_and_send
        return connector
