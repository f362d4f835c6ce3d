"""Manners before the first request: who answers for this crawl, and how fast it may go."""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import click

from archiver import __version__
from archiver.errors import BadAddress, ContactMissing, HostNotFound
from archiver.sites.config import load_config

POLITE_DELAY = 0.5


def user_agent(contact: str) -> str:
    """The User-Agent (RFC 9110, section 10.1.5), with the contact as a comment."""
    return f"archiver/{__version__} (+{contact})" if contact else f"archiver/{__version__}"


def names_contact(agent: str) -> bool:
    """Whether a User-Agent tells how to reach whoever sends it."""
    return "@" in agent or "://" in agent


def delay_for(url: str, delay: float | None) -> float:
    """Seconds between two requests: as asked for, else polite; a server on this machine needs no manners."""
    if delay is not None:
        return delay
    return 0.0 if _is_loopback(urlsplit(url).hostname or "") else POLITE_DELAY


def needs_contact(url: str) -> bool:
    """Whether whoever answers at this address is somebody else, as far as can be known."""
    proxy = _proxy(url)
    return not any(_is_loopback(urlsplit(at).hostname or "") for at in (url, proxy) if at)


def contact_of(url: str, contact: str | None, *, known: bool = False) -> str:
    """The contact for a crawl of this address: the option or environment, else archiver.toml, else a question.

    None is needed on loopback, also where a proxy on loopback stands between. Raises HostNotFound, but for
    an address that is `known`, and ContactMissing where there is no contact and nobody to ask.
    """
    host = urlsplit(url).hostname or ""
    given = contact or load_config().contact
    if given and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+\.\S+|mailto:\S+@\S+", given):
        raise BadAddress(given, "a contact is a mail address or the address of a web page")
    proxy = _proxy(url)
    if _is_loopback(host) or (proxy and _is_loopback(urlsplit(proxy).hostname or "")):
        return given
    if not proxy and not known:
        _resolve(host)
    if given:
        return given
    if sys.stdin.isatty() and sys.stderr.isatty():
        click.echo(
            f"{host} is somebody else's server. Its owner should be able to reach you if this crawl disturbs.", err=True
        )
        asked = str(click.prompt("Your mail address or web page", err=True)).strip()
        return contact_of(url, asked, known=known)
    raise ContactMissing(host)


def _proxy(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return ""
    return getproxies().get(parts.scheme, "")


def _resolve(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except (socket.gaierror, UnicodeError) as error:
        raise HostNotFound(host) from error


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
