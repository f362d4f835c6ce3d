"""An archive as an application, and its server."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from datasette.app import Datasette
from datasette.database import Database
from datasette.plugins import pm

from archiver.errors import AddressInUse, BadAddress
from archiver.store.connect import is_still, open_archive
from archiver.web.opened import Archive
from archiver.web.site import DATABASE, Site, tell

_SETTINGS = {
    "allow_download": False,  # `archiver backup` copies a database that is being written; a download of it does not
    "suggest_facets": False,  # of wide tables it takes longer than the page
    "default_cache_ttl": 0, "truncate_cells_html": 100, "default_page_size": 25, "max_csv_mb": 0,
    "sql_time_limit_ms": 2_000, "facet_time_limit_ms": 500,
}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def application(archive: Path, *, base: str = "/", hosts: frozenset[str] = frozenset(), origin: str = "",
                seconds: float | None = None) -> Datasette:
    """The pages of an archive, as a Datasette whose `app()` is an ASGI application. Raises what `open_archive` does."""
    from archiver.web import plugin

    open_archive(archive, read_only=True).close()
    if not pm.is_registered(plugin):
        pm.register(plugin, "archiver")
    made = Datasette([], settings={**_SETTINGS, "base_url": base}, memory=False, metadata=_metadata(archive))
    made.add_database(Database(made, path=str(archive.resolve()), is_mutable=not is_still(archive)), name=DATABASE)
    tell(made, Site(Archive(archive) if seconds is None else Archive(archive, seconds), base, hosts, origin))
    return made


def _metadata(archive: Path) -> dict[str, object]:
    tables = {"articles": {"label_column": "title", "sort_desc": "id"}, "revisions": {"label_column": "title"},
              "sites": {"label_column": "name"}, "pages": {"label_column": "url"}, "captures": {"label_column": "url"}}
    return {"title": "archiver", "databases": {DATABASE: {"description": f"The archive {archive.name}",
                                                          "tables": tables}}}


def serve(archive: Path, host: str, port: int, public_url: str, told: Callable[[str], None]) -> None:
    """Serve until the process is told to end (SIGINT, SIGTERM); `told` is called with the address once it listens.

    A `public_url` is where a proxy before it is reached. Raises AddressInUse, BadAddress and what `open_archive` does.
    """
    seen = urlsplit(public_url)
    if public_url and (seen.scheme not in ("http", "https") or not seen.hostname):
        raise BadAddress(public_url, "it begins with http:// or https:// and has a host")
    base = "/" + f"{seen.path.strip('/')}/".lstrip("/")
    names = _LOOPBACK | {_bracketed(host)} | ({_bracketed(seen.hostname)} if seen.hostname else set())
    made = application(archive, base=base, hosts=frozenset() if _is_any(host) and not public_url else names,
                       origin=f"{seen.scheme}://{seen.netloc}" if public_url else "")
    listening = _listen(host, port)
    told(f"http://{_bracketed(host)}:{listening.getsockname()[1]}{base}")
    config = uvicorn.Config(made.app(), log_level="warning", server_header=False, date_header=True, access_log=False,
                            timeout_graceful_shutdown=3)
    uvicorn.Server(config).run(sockets=[listening])


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
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM,
                                                              flags=socket.AI_PASSIVE)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
        made.listen(128)
    except OSError as error:
        raise AddressInUse(f"{host}:{port}", error.strerror or str(error)) from error
    return made
