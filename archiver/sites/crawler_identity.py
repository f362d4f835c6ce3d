"""Determines how a crawl identifies itself: the User-Agent, and the contact of the person who is responsible for the
crawl. Also determines the delay between requests.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import click

from archiver import __version__
from archiver.model.errors import BadContact, ContactMissing, HostNotFound
from archiver.sites.config import load_config

POLITE_DELAY = 0.5
"""The number of seconds between two requests, unless another delay is set."""


def user_agent(contact: str) -> str:
    """Returns the User-Agent header (RFC 9110, section 10.1.5), which contains the contact in a comment."""
    return f"archiver/{__version__} (+{contact})" if contact else f"archiver/{__version__}"


def names_contact(agent: str) -> bool:
    """Returns True if a User-Agent contains an e-mail address or a URL."""
    return "@" in agent or "://" in agent


def delay_for(url: str, delay: float | None) -> float:
    """Returns the seconds between two requests: `delay` if given, 0 for a server on this machine, otherwise
    POLITE_DELAY.
    """
    if delay is not None:
        return delay
    return 0.0 if _is_loopback(urlsplit(url).hostname or "") else POLITE_DELAY


def needs_contact(url: str) -> bool:
    """Returns True if the server at this URL is not on this machine, even if a proxy in front of it is."""
    return not _is_loopback(urlsplit(url).hostname or "")


def contact_of(url: str, contact: str | None, *, known: bool = False) -> str:
    """Returns the contact for a crawl of this URL: `contact` if given, otherwise the contact in archiver.toml,
    otherwise the user's answer to a prompt. A server on loopback needs no contact.

    The host is looked up unless the site is already `known`. Raises HostNotFound if the host does not exist, BadContact
    if the contact is invalid, and ContactMissing if there is no contact and no terminal on which to ask.
    """
    host = urlsplit(url).hostname or ""
    given = contact or load_config().contact
    if given and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+\.\S+|mailto:\S+@\S+", given):
        raise BadContact(given)
    if not needs_contact(url):
        return given
    if not known and not _proxy(url):
        _resolve(host)
    if given:
        return given
    if sys.stdin.isatty() and sys.stderr.isatty():
        click.echo(
            f"{host} belongs to somebody else. Its owner should be able to reach you if this crawl causes trouble.",
            err=True,
        )
        answer = str(click.prompt("Your e-mail address or web page", err=True)).strip()
        return contact_of(url, answer, known=known)
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
