"""An archive as an application, and its server."""

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

from archiver.errors import AddressInUse, BadPublicURL
from archiver.storage.connection import is_still, open_archive
from archiver.web.archive_access import DATABASE, ArchivePool, PerThread, ServedArchive, attach_served_archive

# The archive as Datasette reads it, for its tables and the SQL that people write.

LONGEST = 64_000_000
"""So many bytes a text may have that SQL makes: the time limit of a query does not see into a function, and
randomblob(1e9) takes half a minute and a gigabyte. An archived page is smaller (docs/security.md)."""


class ArchiveTables(Database):  # type: ignore[misc]  # Datasette has no types
    """A database of Datasette that reads what lies at the archive's place, also where a file was put there anew."""

    def __init__(self, datasette: Datasette, archive: Path) -> None:
        super().__init__(datasette, path=str(archive.resolve()), is_mutable=not is_still(archive))
        self._each = PerThread(archive, self._opened, self._closed)

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, lambda: fn(self._each.get()))

    def _opened(self) -> sqlite3.Connection:
        conn: sqlite3.Connection = self.connect()
        conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        self.ds._prepare_connection(conn, self.name)
        return conn

    def _closed(self, conn: sqlite3.Connection) -> None:
        self._all_file_connections.remove(conn)
        conn.close()


_SETTINGS = {
    "allow_download": False,  # `archiver backup` copies a database that is being written; a download of it does not
    "suggest_facets": False,  # of wide tables it takes longer than the page
    "default_cache_ttl": 0,
    "truncate_cells_html": 100,
    "default_page_size": 25,
    "max_csv_mb": 0,
    "sql_time_limit_ms": 2_000,
    "facet_time_limit_ms": 500,
}
_OWN_TABLES = (
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
)
"""Tables for the program alone, of which views say the same for people: they stand below the others."""
_ANOTHER_HOST = "name an address of this machine with --host: 127.0.0.1 is reached from it alone, 0.0.0.0 is all it has"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def application(
    archive: Path,
    *,
    base: str = "/",
    hosts: frozenset[str] = frozenset(),
    origin: str = "",
    seconds: float | None = None,
) -> Datasette:
    """The pages of an archive, as a Datasette whose `app()` is an ASGI application. Raises what `open_archive` does."""
    from archiver.web import dispatch, plugin

    open_archive(archive, read_only=True).close()
    if not pm.is_registered(plugin):
        pm.register(plugin, "archiver")
        pm.unregister(name=dispatch.OWN)
    made = Datasette([], settings={**_SETTINGS, "base_url": base}, memory=False, metadata=_metadata(archive))
    made.add_database(ArchiveTables(made, archive), name=DATABASE)
    made.remove_database("_memory")  # an empty one, which Datasette adds where it is given no file
    attach_served_archive(
        made,
        ServedArchive(ArchivePool(archive) if seconds is None else ArchivePool(archive, seconds), base, hosts, origin),
    )
    return made


def _metadata(archive: Path) -> dict[str, object]:
    tables = {
        "articles": {"label_column": "title", "sort_desc": "id"},
        "revisions": {"label_column": "title"},
        "sites": {"label_column": "name"},
        "pages": {"label_column": "url"},
        "captures": {"label_column": "url"},
        **{name: {"hidden": True} for name in _OWN_TABLES},
    }
    return {
        "title": "archiver",
        "databases": {DATABASE: {"description": f"The archive {archive.name}", "tables": tables}},
    }


def serve(archive: Path, host: str, port: int, public_url: str, told: Callable[[str], None]) -> None:
    """Serve until the process is told to end (SIGINT, SIGTERM); `told` is called with the address once it listens.

    A `public_url` is where a proxy before it is reached. Raises AddressInUse, BadPublicURL and what `open_archive`
    does.
    """
    seen = _public(public_url)
    base = "/" + f"{seen.path.strip('/')}/".lstrip("/")
    names = _LOOPBACK | {_bracketed(host)} | ({_bracketed(seen.hostname)} if seen.hostname else set())
    made = application(
        archive,
        base=base,
        hosts=frozenset() if _is_any(host) and not public_url else names,
        origin=f"{seen.scheme}://{seen.netloc}" if public_url else "",
    )
    listening = _listen(host, port)
    told(f"http://{_bracketed(host)}:{listening.getsockname()[1]}{base}")
    config = uvicorn.Config(
        made.app(),
        log_level="warning",
        server_header=False,
        date_header=True,
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _public(url: str) -> SplitResult:
    """The parts of a public address, all empty where it is "". Raises BadPublicURL."""
    try:
        seen = urlsplit(url)
        _ = seen.port  # it is read here, and raises ValueError
    except ValueError as error:
        raise BadPublicURL(url, str(error)[:1].lower() + str(error)[1:]) from error
    if url and (seen.scheme not in ("http", "https") or not seen.hostname):
        raise BadPublicURL(url, "it begins with http:// or https:// and has a host")
    if "@" in seen.netloc or seen.query or seen.fragment:
        raise BadPublicURL(url, "it has a path at most, and no user name, question mark or # in it")
    return seen


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server at this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any(host: str) -> bool:
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
    except (OSError, UnicodeError) as error:  # the latter of a name that DNS cannot have
        raise AddressInUse(f"{_bracketed(host)}:{port}", *_why_not(error)) from error
    return made


def _why_not(error: OSError | UnicodeError) -> tuple[str, str]:
    """Why a server cannot listen, and what else to say."""
    if isinstance(error, UnicodeError):
        return "that is no name of a host", _ANOTHER_HOST
    if isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL):
        return f"{error.strerror or error}", _ANOTHER_HOST
    return f"{error.strerror or error}", "name another --port, or 0 for any that is free"
