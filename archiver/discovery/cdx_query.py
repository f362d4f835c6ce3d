"""The requests to a web archive for its list of captures.

There are two kinds of servers with parameters of their own: the Internet Archive's (wayback-cdx-server, the README in
internetarchive/wayback) and pywb's (docs/manual/cdxserver_api.rst of webrecorder/pywb).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from archiver.discovery.cdx import HTML
from archiver.discovery.markup import MAX_TARGETS
from archiver.urls import Scope, normalize

SERVICES = {"internet-archive": "https://web.archive.org/cdx/search/cdx"}
"""CDX servers by a short name."""
A_PAGE = 5_000
"""Captures per request. The Internet Archive reads 150,000 lines of its index for one answer and then stops silently,
so an answer with few addresses leaves it room for their many captures."""
UNPAGED = MAX_TARGETS
"""Captures per request to a server without resume keys."""

_FIELDS = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length")
# For a prefix, and collapsed, its server also says when each address was captured last.
_LAST_CAPTURE = ("endtimestamp", "groupcount")
_PAGES = f"({'|'.join(HTML).replace('+', '.')})"
# Captures that say something about a post: pages, redirects, 404 and 410, and revisit records, which have no status or
# type.
_STATUSES = "(200|30[12378]|404|410|-)"
_TYPES = f"({'|'.join((*HTML, 'warc/revisit', 'unk', '-')).replace('+', '.')})"
_ENCODED = re.compile(r"(?:[\w.*+-]|%[0-9A-Fa-f]{2})+", re.ASCII)


def service_address(text: str) -> str:
    """The address of the CDX server given as a short name in SERVICES or as an address.

    Raises ValueError, with the reason, if it is neither.
    """
    address = SERVICES.get(text.lower(), text)
    found = normalize(address)
    if not found or "@" in address or urlsplit(found).query:
        raise ValueError(f"give {', '.join(SERVICES)}, or a CDX server's address without user name and parameters")
    return found


def prefix_of(scope: Scope) -> str:
    """The prefix of all addresses of a site in the form of CDX servers: "blog.example.org/" or "example.org/blog/"."""
    return scope.host + scope.path


@dataclass(frozen=True, slots=True)
class CdxQuery:
    """What a CDX server is asked for.

    `pages_only`: only HTML answered with 200. `collapse`: only the first capture of each address; pywb cannot do this
    and lists all. `fields` are named as the server names them. `since` and `until` are aware, and inclusive.
    """

    pages_only: bool = True
    collapse: bool = True
    fields: Sequence[str] = ()
    limit: int | None = None
    since: datetime | None = None
    until: datetime | None = None


_EACH_PAGE = CdxQuery()


def query_url(service: str, prefix: str, query: CdxQuery = _EACH_PAGE) -> str:
    """The address that lists the captures of all addresses with a prefix ("blog.example.org/")."""
    fields, collapse = query.fields, query.collapse
    more = []
    if speaks_wayback(service):
        pairs = [("url", f"{prefix}*"), ("output", "json"),
                 ("fl", ",".join(fields or (_FIELDS + _LAST_CAPTURE if collapse else _FIELDS)))]
        filters = ["statuscode:200", f"mimetype:{_PAGES}"]
        more = [("collapse", "urlkey")] if collapse else []
    else:
        pairs = [("url", f"http://{prefix}*"), ("output", "json")]
        pairs += [("fl", ",".join(fields))] if fields else []
        filters = ["=status:200", f"~mime:{_PAGES}"]
    pairs += _filters(filters) if query.pages_only else []
    return _address(service, [*pairs, *_period(query.since, query.until), *more], query.limit)


def captures_url(service: str, address: str, since: datetime | None = None, until: datetime | None = None) -> str:
    """The address that lists all captures that say something about posts. `address` ends with "*" if it is a prefix.

    The server is not asked to fold equal neighbours: it would also fold those of two addresses (redirects without a
    body have the same digest), and not say when a page was seen last.
    """
    if speaks_wayback(service):
        pairs = [("url", address), ("output", "json"), ("fl", ",".join(_FIELDS))]
        filters = [f"statuscode:{_STATUSES}", f"mimetype:{_TYPES}"]
    else:
        # An entry without a field is matched as one in which it is empty.
        pairs = [("url", f"http://{address}"), ("output", "json")]
        filters = [f"~status:{_STATUSES}?$", f"~mime:{_TYPES}?$"]
    return _address(service, [*pairs, *_filters(filters), *_period(since, until)], None)


_Pairs = list[tuple[str, str]]


def _filters(expressions: Sequence[str]) -> _Pairs:
    return [("filter", one) for one in expressions]


def _period(since: datetime | None, until: datetime | None) -> _Pairs:
    return [(name, at.astimezone(UTC).strftime("%Y%m%d%H%M%S")) for name, at in (("from", since), ("to", until))
            if at is not None]


def _address(service: str, pairs: _Pairs, limit: int | None) -> str:
    wayback = speaks_wayback(service)
    pairs = [*pairs, ("limit", str(limit or (A_PAGE if wayback else UNPAGED)))]
    pairs += [("showResumeKey", "true")] if wayback else []
    return f"{service}?{urlencode(pairs, quote_via=quote, safe='/*:,')}"


def speaks_wayback(service: str) -> bool:
    """Whether a server has the Internet Archive's parameters; only wayback-cdx-server has this path."""
    return "/cdx/search" in urlsplit(service).path


def limit_of(url: str) -> int:
    """The number of captures that an address of `query_url` asks for."""
    found = re.search(r"[?&]limit=(\d{1,9})", url)
    return int(found[1]) if found else UNPAGED


def resumed(url: str, key: str) -> str:
    """The address of the next part after an answer to `url` that ended with this resume key.

    Servers print the key as it is to be sent, percent-encoded; a key that is not is encoded here.
    """
    return f"{url}&resumeKey={key if _ENCODED.fullmatch(key) else quote(key, safe='')}"
