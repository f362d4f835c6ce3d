"""Where to ask a web archive for its list of captures, and in which words.

Two kinds of servers are asked, each in its own words: the Internet Archive's (wayback-cdx-server, the README in
internetarchive/wayback) and pywb's (docs/manual/cdxserver_api.rst of webrecorder/pywb).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from archiver.discovery.cdx import HTML
from archiver.discovery.markup import MAX_TARGETS
from archiver.urls import Scope, normalize

SERVICES = {"internet-archive": "https://web.archive.org/cdx/search/cdx"}
"""CDX servers by a short name."""
A_PAGE = 5_000
"""Captures asked for at a time. The Internet Archive reads 150,000 lines of its index for one answer and then stops
without a word: few addresses an answer leave it room for their many captures."""
UNPAGED = MAX_TARGETS
"""Captures asked for at once where a server has no resume key."""

_FIELDS = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length")
# Asked for by a prefix and collapsed, its server also tells when each address was captured last.
_LAST_CAPTURE = ("endtimestamp", "groupcount")
_PAGES = f"({'|'.join(HTML).replace('+', '.')})"
# What says something of a post: pages, redirects, that it is gone, and revisit records, which have no status or type.
_STATUSES = "(200|30[12378]|404|410|-)"
_TYPES = f"({'|'.join((*HTML, 'warc/revisit', 'unk', '-')).replace('+', '.')})"
_ENCODED = re.compile(r"(?:[\w.*+-]|%[0-9A-Fa-f]{2})+", re.ASCII)


def service_address(text: str) -> str:
    """The address of the CDX server that a person means: a short name of SERVICES, or an address.

    Raises ValueError with the reason where it is neither.
    """
    address = SERVICES.get(text.lower(), text)
    found = normalize(address)
    if not found or "@" in address or urlsplit(found).query:
        raise ValueError(f"give {', '.join(SERVICES)}, or a CDX server's address without user name and parameters")
    return found


def prefix_of(scope: Scope) -> str:
    """What all addresses of a site begin with, as CDX servers want it: "blog.example.org/" or "example.org/blog/"."""
    return scope.host + scope.path


def query_url(service: str, prefix: str, *, pages_only: bool = True, collapse: bool = True,
              fields: Sequence[str] = (), limit: int | None = None, since: datetime | None = None,
              until: datetime | None = None) -> str:
    """The address that lists the captures of all that begins with `prefix` ("blog.example.org/").

    `pages_only`: HTML that was answered with 200. `collapse`: the first capture of each address alone; pywb has no such
    thing and tells all. `fields` are named as the server names them. `since` and `until` are aware, both inclusive.
    """
    if speaks_wayback(service):
        pairs = [("url", f"{prefix}*"), ("output", "json"),
                 ("fl", ",".join(fields or (_FIELDS + _LAST_CAPTURE if collapse else _FIELDS)))]
        filters = ["statuscode:200", f"mimetype:{_PAGES}"]
        more = [("collapse", "urlkey")] if collapse else []
    else:
        pairs = [("url", f"http://{prefix}*"), ("output", "json")]
        pairs += [("fl", ",".join(fields))] if fields else []
        filters, more = ["=status:200", f"~mime:{_PAGES}"], []
    return _asking(service, pairs, filters if pages_only else [], since, until, more, limit)


def captures_url(service: str, address: str, since: datetime | None = None, until: datetime | None = None) -> str:
    """The address that lists all captures that say something of posts. `address` ends with "*" where it is a prefix.

    Equal neighbours are not folded by the server: it would fold those of two addresses, too (redirects without a body
    have one digest), and not tell when a page was seen last.
    """
    if speaks_wayback(service):
        pairs = [("url", address), ("output", "json"), ("fl", ",".join(_FIELDS))]
        filters = [f"statuscode:{_STATUSES}", f"mimetype:{_TYPES}"]
    else:
        # An entry without a field is matched as one in which it is empty.
        pairs = [("url", f"http://{address}"), ("output", "json")]
        filters = [f"~status:{_STATUSES}?$", f"~mime:{_TYPES}?$"]
    return _asking(service, pairs, filters, since, until, [], None)


def _asking(service: str, pairs: list[tuple[str, str]], filters: Sequence[str], since: datetime | None,
            until: datetime | None, more: list[tuple[str, str]], limit: int | None) -> str:
    pairs = [*pairs, *(("filter", words) for words in filters)]
    pairs += [(name, at.astimezone(UTC).strftime("%Y%m%d%H%M%S")) for name, at in (("from", since), ("to", until))
              if at is not None]
    wayback = speaks_wayback(service)
    more = [*more, ("limit", str(limit or (A_PAGE if wayback else UNPAGED)))]
    more += [("showResumeKey", "true")] if wayback else []
    return f"{service}?{urlencode([*pairs, *more], quote_via=quote, safe='/*:,')}"


def speaks_wayback(service: str) -> bool:
    """Whether a server speaks as the Internet Archive's: told by its path, which wayback-cdx-server has of its own."""
    return "/cdx/search" in urlsplit(service).path


def limit_of(url: str) -> int:
    """How many captures an address of `query_url` asks for."""
    found = re.search(r"[?&]limit=(\d{1,9})", url)
    return int(found[1]) if found else UNPAGED


def resumed(url: str, key: str) -> str:
    """The address of what follows an answer to `url` that ended with this resume key.

    The key is printed as it is to be sent, percent-encoded; one that is not is encoded here.
    """
    return f"{url}&resumeKey={key if _ENCODED.fullmatch(key) else quote(key, safe='')}"
