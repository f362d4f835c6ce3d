"""Builds the Datasette application for an archive, and runs its web server."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import uvicorn
from datasette.app import Datasette
from datasette.database import Database
from datasette.plugins import pm

from archiver.errors import BadPublicURL, CannotListen
from archiver.storage.connection import must_open_immutable, open_archive
from archiver.web.archive_access import DATABASE, ArchivePool, PerThread, ServedArchive, attach_served_archive

# The archive as a Datasette database, for its tables and custom SQL.

MAX_VALUE_BYTES = 64_000_000
"""The largest value, in bytes, that a visitor's SQL may create. The time limit of a query does not interrupt a single
function call, and randomblob(1e9) would take half a minute and a gigabyte. Archived pages are smaller than this limit
(docs/security.md)."""


class ArchiveTables(Database):  # type: ignore[misc]  # Datasette has no types
    """The archive as a Datasette database, which is reopened when the archive's file is replaced."""

    def __init__(self, datasette: Datasette, archive: Path) -> None:
        super().__init__(datasette, path=str(archive.resolve()), is_mutable=not must_open_immutable(archive))
        self._each = PerThread(archive, self._opened, self._closed)

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, lambda: fn(self._each.get()))

    def _opened(self) -> sqlite3.Connection:
        conn: sqlite3.Connection = self.connect()
        conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        self.ds._prepare_connection(conn, self.name)
        return conn

    def _closed(self, conn: sqlite3.Connection) -> None:
        self._all_file_connections.remove(conn)
        conn.close()


_SETTINGS = {
    "allow_download": False,  # a download of a database in use may be inconsistent, unlike a copy by `archiver backup`
    "suggest_facets": False,  # on wide tables, suggesting facets takes longer than the page itself
    "default_cache_ttl": 0,
    "truncate_cells_html": 100,
    "default_page_size": 25,
    "max_csv_mb": 0,
    "sql_time_limit_ms": 2_000,
    "facet_time_limit_ms": 500,
}
_INTERNAL_TABLES = (
    "_sqlite_migrations",
    "aliases",
    "page_discoveries",
    "page_counts",
    "fts_pending",
    "search_index_pending",
    "search_index_state",
    "lsh_bands",
    "minhash_signatures",
    "articles_fts",
    "backups",
    "integrity_checks",
    "checked_units",
    "damages",
)
"""Internal tables. They are hidden because views show the same data, or because only the operator needs them."""
_ANOTHER_HOST = "set --host to an address of this machine: 127.0.0.1 for local access only, 0.0.0.0 for all addresses"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def application(
    archive: Path,
    *,
    base: str = "/",
    hosts: frozenset[str] = frozenset(),
    origin: str = "",
    seconds: float | None = None,
) -> Datasette:
    """Builds a Datasette instance for an archive; its `app()` is the ASGI application. `seconds` is the time limit of a
    page. Raises the errors of `open_archive`.
    """
    from archiver.web import datasette_plugin, dispatch

    open_archive(archive, read_only=True).close()
    if not pm.is_registered(datasette_plugin):
        pm.register(datasette_plugin, "archiver")
        pm.unregister(name=dispatch.OWN)
    made = Datasette([], settings={**_SETTINGS, "base_url": base}, memory=False, metadata=_build_metadata(archive))
    made.add_database(ArchiveTables(made, archive), name=DATABASE)
    made.remove_database("_memory")  # Datasette adds this empty database if it is given no file
    attach_served_archive(
        made,
        ServedArchive(ArchivePool(archive) if seconds is None else ArchivePool(archive, seconds), base, hosts, origin),
    )
    return made


def _build_metadata(archive: Path) -> dict[str, object]:
    tables = {
        "articles": {"label_column": "title", "sort_desc": "id"},
        "revisions": {"label_column": "title"},
        "sites": {"label_column": "name"},
        "pages": {"label_column": "url"},
        "captures": {"label_column": "url"},
        **{name: {"hidden": True} for name in _INTERNAL_TABLES},
    }
    return {
        "title": "archiver",
        "databases": {DATABASE: {"description": f"The archive {archive.name}", "tables": tables}},
    }


def serve(archive: Path, host: str, port: int, public_url: str, on_listening: Callable[[str], None]) -> None:
    """Serves an archive until SIGINT or SIGTERM. Calls `on_listening` with the URL once the server listens.

    `public_url` is the URL of a proxy in front of the server, "" if there is none. Raises CannotListen, BadPublicURL
    and the errors of `open_archive`.
    """
    seen = _parse_public_url(public_url)
    base = "/" + f"{seen.path.strip('/')}/".lstrip("/")
    names = _LOOPBACK | {_bracketed(host)} | ({_bracketed(seen.hostname)} if seen.hostname else set())
    made = application(
        archive,
        base=base,
        hosts=frozenset() if _is_any_address(host) and not public_url else names,
        origin=f"{seen.scheme}://{seen.netloc}" if public_url else "",
    )
    listening = _listen(host, port)
    on_listening(f"http://{_bracketed(host)}:{listening.getsockname()[1]}{base}")
    config = uvicorn.Config(
        made.app(),
        log_level="warning",
        server_header=False,
        date_header=True,
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _parse_public_url(url: str) -> SplitResult:
    """Splits the value of --public-url into its parts, which are all empty for "". Raises BadPublicURL."""
    try:
        seen = urlsplit(url)
        _ = seen.port  # accessing it raises ValueError for an invalid port
    except ValueError as error:
        raise BadPublicURL(url, str(error)[:1].lower() + str(error)[1:]) from error
    if url and (seen.scheme not in ("http", "https") or not seen.hostname):
        raise BadPublicURL(url, "it must start with http:// or https:// and have a host")
    if "@" in seen.netloc or seen.query or seen.fragment:
        raise BadPublicURL(url, "it may have a path but no user name, ? or #")
    return seen


def is_loopback(host: str) -> bool:
    """Returns True if only this machine can reach a server that listens at this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
        made.listen(128)
    except (OSError, UnicodeError) as error:  # UnicodeError is for names that are invalid in DNS
        raise CannotListen(f"{_bracketed(host)}:{port}", *_reason_and_remedy(error)) from error
    return made


def _reason_and_remedy(error: OSError | UnicodeError) -> tuple[str, str]:
    """Returns why the server cannot listen at its address, and what to do about it."""
    if isinstance(error, UnicodeError):
        return "it is not a valid host name", _ANOTHER_HOST
    if isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL):
        return f"{error.strerror or error}", _ANOTHER_HOST
    return f"{error.strerror or error}", "set another --port, or 0 for any free port"
