"""The Datasette application for an archive: builds it, implements Datasette's plugin hooks (routes, menu links, SQL
functions, error pages and response headers), and runs its web server.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import datasette as package
import uvicorn
from datasette import hookimpl
from datasette.app import Datasette
from datasette.database import Database
from datasette.plugins import pm
from datasette.utils.asgi import Forbidden, Request, Response

from archiver.errors import BadPublicURL, CannotListen
from archiver.search.index_schema_and_documents import fold_name
from archiver.search.query_tree import distance_km
from archiver.storage.connection import must_open_immutable, open_archive
from archiver.web import web_requests
from archiver.web.archive_access import (
    DATABASE,
    ArchivePool,
    PerThread,
    ServedArchive,
    attach_served_archive,
    get_served_archive,
)
from archiver.web.dispatch import NAVIGATION, OWN, PAGES, make_view, render_error, serve_static_file
from archiver.web.web_requests import Application, guard_application

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
    """Builds a Datasette instance for an archive; its `app()` is the ASGI application. `base`, `hosts` and `origin` are
    as in ServedArchive. `seconds` is the time limit of a page; None means the default. Raises the errors of
    `open_archive`.
    """
    open_archive(archive, read_only=True).close()
    hooks = sys.modules[__name__]
    if not pm.is_registered(hooks):
        pm.register(hooks, "archiver")
        pm.unregister(name=OWN)
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


POLICIES = web_requests.build_policies(Path(package.__file__).parent / "templates")


@hookimpl
def register_routes() -> list[tuple[str, Callable[..., Any]]]:
    return [
        *((page.address, make_view(page)) for page in PAGES),
        (r"/-/archiver/(?P<name>[\w.-]+)$", serve_static_file),
    ]


@hookimpl
def asgi_wrapper(datasette: Datasette) -> Callable[[Application], Application]:
    return lambda application: guard_application(application, lambda: get_served_archive(datasette), POLICIES)


@hookimpl
def handle_exception(datasette: Datasette, request: Request, exception: Exception) -> Callable[[], Awaitable[Response]]:
    return lambda: render_error(request, datasette, exception)


@hookimpl
def forbidden(datasette: Datasette, request: Request, message: str) -> Callable[[], Awaitable[Response]]:
    return lambda: render_error(request, datasette, Forbidden(message))


@hookimpl
def menu_links(datasette: Datasette) -> list[dict[str, str]]:
    return [{"href": datasette.urls.path(path), "label": label} for label, path in NAVIGATION]


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    """Registers the archive's SQL functions (`folded`, `distance_km`), for use in queries on Datasette's SQL page."""
    conn.create_function("folded", 1, fold_name, deterministic=True)
    conn.create_function("distance_km", 4, distance_km, deterministic=True)
