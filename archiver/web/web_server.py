"""The Datasette application for an archive: builds it, implements Datasette's plugin hooks (routes, template values,
SQL functions, error pages and response headers), refuses unsafe requests, and runs its web server.

Every response has security headers. A web page could read an archive on the reader's machine through a host name that
resolves to 127.0.0.1 (DNS rebinding), so only known host names are answered. It could also make the reader's browser
send slow requests by embedding them as images or frames; the Fetch Metadata Request Headers (W3C) distinguish these
from links that a reader follows.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import re
import socket
import sqlite3
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import uvicorn
from datasette import hookimpl
from datasette.app import Datasette
from datasette.database import Database
from datasette.filters import FilterArguments
from datasette.plugins import pm
from datasette.utils.asgi import Forbidden, Request, Response
from jinja2 import ChoiceLoader, FileSystemLoader

from archiver.api.database import must_open_immutable, open_archive
from archiver.api.exports import harmless_text
from archiver.api.search import distance_km, fold_name
from archiver.api.sites import Serve
from archiver.model.errors import BadPublicURL, CannotListen
from archiver.web.archive_connections import (
    DATABASE,
    ArchivePool,
    PerThread,
    ServedArchive,
    attach_served_archive,
    get_served_archive,
)
from archiver.web.web_requests import EVERYWHERE, OWN_POLICY, build_url
from archiver.web.web_routes import (
    NAVIGATION,
    OWN,
    PAGES,
    ROOT_FILES,
    find_articles,
    make_view,
    render_error,
    serve_root_file,
    serve_static_file,
    static_url,
)

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
        conn.set_authorizer(_hide_machine)
        return conn

    async def attached_databases(self) -> list[Any]:
        """Returns no databases. (Datasette finds attached databases by the pragma that shows the archive's path.)"""
        return []

    def _closed(self, conn: sqlite3.Connection) -> None:
        self._all_file_connections.remove(conn)
        conn.close()


_MACHINE = frozenset(
    {
        ("backups", "path"),
        ("backups", "failure"),
        ("damages", "subject"),
        ("damages", "sentence"),
        ("damages", "remedy"),
        ("imports", "name"),
        ("imports", "problems"),
        ("integrity_checks", "findings"),
        ("notifications", "reason"),
        ("reextractions", "request"),
    }
)
"""The columns that may contain paths or addresses of the machine. Readers see them empty."""


def _hide_machine(action: int, name: str | None, column: str | None, *_: object) -> int:
    """Decides what visitors' SQL may read, as an authorizer of SQLite: it learns neither the path of the archive's file
    nor the content of the columns `_MACHINE`.
    """
    if action == sqlite3.SQLITE_PRAGMA and name == "database_list":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_IGNORE if action == sqlite3.SQLITE_READ and (name, column) in _MACHINE else sqlite3.SQLITE_OK


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
_PREFERRED_COLUMNS = {
    "articles": ("site", "title", "published", "authors", "revision", "gone_at", "url"),
    "captures": ("url", "captured_at", "status", "media_type", "record_type", "article_id"),
    "pages": ("url", "kind", "outcome", "reason", "found_at", "fetched_at"),
    "revisions": ("article_id", "revision", "observed_at", "changed", "title"),
}
"""The columns that the list of tables links to, for tables with many columns."""
_MAIN_TABLES = ("articles", "article_revisions", "headlines", "captures", "pages", "sites", "runs")
"""The tables and views that the list of tables starts with."""
EXAMPLES: tuple[tuple[str, str, str], ...] = (
    (
        "articles-a-year",
        "Articles of each site by year",
        """
        select site, substr(published, 1, 4) as year, count(*) as articles
        from articles
        group by site, year
        order by site, year
        """,
    ),
    (
        "changed-headlines",
        "Headlines that were changed",
        """
        select site, observed_at, before, title as after, article_id
        from (
          select *, lag(title) over (partition by article_id order by revision) as before
          from headlines
        )
        where before <> title
        order by observed_at desc
        """,
    ),
    (
        "most-edited",
        "Articles that were edited most often",
        """
        select site, title, (select count(*) from revisions r where r.article_id = articles.id) as versions,
               first_seen, last_seen, url
        from articles
        where revision > 1
        order by versions desc
        """,
    ),
    (
        "deleted",
        "Articles that their sites deleted",
        """
        select site, gone_at, title, published, url
        from articles
        where gone_at is not null
        order by gone_at desc
        """,
    ),
    (
        "authors",
        "Authors with their number of articles",
        """
        select authors.name, count(*) as articles, min(published) as first, max(published) as last
        from authors
        join article_authors on author_id = authors.id
        join articles on articles.id = article_id
        group by authors.id
        order by articles desc
        """,
    ),
    (
        "near-a-place",
        "Articles near a place, such as Lisbon",
        """
        select site, title, placename, latitude, longitude,
          round(distance_km(latitude, longitude, coalesce(nullif(:near_latitude, ''), 38.72) + 0,
            coalesce(nullif(:near_longitude, ''), -9.14) + 0), 1) as km
        from geotags
        join articles on articles.id = article_id
        where km <= coalesce(nullif(:kilometres, ''), 50) + 0
        order by km
        """,
    ),
    (
        "disagreements",
        "Where the sources of a page disagree",
        """
        select source_disagreements.site, title, field, answers, sources, article_id
        from source_disagreements
        join articles on articles.id = article_id
        order by answers desc
        """,
    ),
    (
        "not-archived",
        "Why addresses are not archived",
        """
        select sites.name as site, outcome, reason, count(*) as addresses, min(url) as example
        from pages
        join sites on sites.id = site_id
        where outcome <> 'archived'
        group by site, outcome, reason
        order by addresses desc
        """,
    ),
    (
        "captures-by-type",
        "Captures by type and status",
        """
        select media_type, status, count(*) as captures, sum(warc_length) as bytes
        from captures
        group by media_type, status
        order by captures desc
        """,
    ),
)
"""Queries to start with, as (name in the URL, title, SQL)."""
_ANOTHER_HOST = "set --host to an address of this machine: 127.0.0.1 for local access only, 0.0.0.0 for all addresses"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def application(
    archive: Path,
    *,
    base: str = "/",
    hosts: frozenset[str] = frozenset(),
    origin: str = "",
    names: Serve | None = None,
    seconds: float | None = None,
) -> Datasette:
    """Builds a Datasette instance for an archive; its `app()` is the ASGI application. `base`, `hosts` and `origin` are
    as in ServedArchive. `names` is how the pages name the archive; without a title, the archive's file name is used.
    `seconds` is the time limit of a page; None means the default. Raises the errors of `open_archive`.
    """
    open_archive(archive, read_only=True).close()
    hooks = sys.modules[__name__]
    if not pm.is_registered(hooks):
        pm.register(hooks, "archiver")
        pm.unregister(name=OWN)
    title = (names.title if names else "") or default_title(archive)
    made = Datasette([], settings={**_SETTINGS, "base_url": base}, memory=False, metadata=_build_metadata(title))
    own = Path(str(files("archiver.web") / "templates"))
    made.jinja_env.loader = ChoiceLoader([FileSystemLoader([own / "tables", own]), made.jinja_env.loader])
    made.add_database(ArchiveTables(made, archive), name=DATABASE)
    made.remove_database("_memory")  # Datasette adds this empty database if it is given no file
    attach_served_archive(
        made,
        ServedArchive(
            ArchivePool(archive) if seconds is None else ArchivePool(archive, seconds),
            base,
            hosts,
            origin,
            title,
            names.description if names else "",
        ),
    )
    return made


def default_title(archive: Path) -> str:
    """Returns the name under which the pages show an archive that has no title: "Web archive" for archive.db, otherwise
    the stem of its file name.
    """
    return "Web archive" if archive.stem == "archive" else archive.stem


def _build_metadata(title: str) -> dict[str, object]:
    tables = {
        "articles": {"label_column": "title", "sort_desc": "id"},
        "revisions": {"label_column": "title"},
        "sites": {"label_column": "name"},
        "pages": {"label_column": "url"},
        "captures": {"label_column": "url"},
        **{name: {"hidden": True} for name in _INTERNAL_TABLES},
    }
    queries = {name: {"title": title, "sql": dedent(sql).strip()} for name, title, sql in EXAMPLES}
    return {"title": title, "databases": {DATABASE: {"tables": tables, "queries": queries}}}


def serve(
    archive: Path,
    host: str,
    port: int,
    public_url: str,
    on_listening: Callable[[str], None],
    named: Serve | None = None,
) -> None:
    """Serves an archive until SIGINT or SIGTERM. Calls `on_listening` with the URL once the server listens.

    `public_url` is the URL of a proxy in front of the server, "" if there is none; `named` is how the pages name the
    archive. Raises CannotListen, BadPublicURL and the errors of `open_archive`.
    """
    seen = _parse_public_url(public_url)
    base = "/" + f"{seen.path.strip('/')}/".lstrip("/")
    names = _LOOPBACK | {_bracketed(host)} | ({_bracketed(seen.hostname)} if seen.hostname else set())
    made = application(
        archive,
        base=base,
        hosts=frozenset() if _is_any_address(host) and not public_url else names,
        origin=f"{seen.scheme}://{seen.netloc}" if public_url else "",
        names=named,
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


@hookimpl
def register_routes() -> list[tuple[str, Callable[..., Any]]]:
    return [
        *((page.address, make_view(page)) for page in PAGES),
        (r"/-/archiver/(?P<name>[\w.-]+)$", serve_static_file),
        (rf"/(?P<name>{ROOT_FILES})$", serve_root_file),
    ]


@hookimpl
def asgi_wrapper(datasette: Datasette) -> Callable[[Application], Application]:
    return lambda application: guard_application(application, lambda: get_served_archive(datasette))


@hookimpl
def handle_exception(datasette: Datasette, request: Request, exception: Exception) -> Callable[[], Awaitable[Response]]:
    return lambda: render_error(request, datasette, exception)


@hookimpl
def forbidden(datasette: Datasette, request: Request, message: str) -> Callable[[], Awaitable[Response]]:
    return lambda: render_error(request, datasette, Forbidden(message))


@hookimpl
def extra_template_vars(datasette: Datasette) -> dict[str, object]:
    """Returns what our templates of Datasette's pages need beside Datasette's own values."""
    site = get_served_archive(datasette)
    return {
        "archive_title": site.title,
        "navigation": NAVIGATION,
        "here": f"/{DATABASE}",
        "sought": "",
        "link": partial(build_url, site.base),
        "static": partial(static_url, site.base),
        "preferred_columns": _link_columns,
        "main_tables": _MAIN_TABLES,
    }


@hookimpl(trylast=True)  # after Datasette's own hook, which says that a table without FTS5 cannot be searched
def filters_from_request(
    request: Request, table: str, datasette: Datasette
) -> Callable[[], Awaitable[FilterArguments | None]]:
    """Answers searches in the table `articles` by the search index. If somebody made an FTS5 table of it, Datasette
    answers them.
    """

    async def found() -> FilterArguments | None:
        if table != "articles" or await datasette.get_database(DATABASE).fts_table(table):
            return None
        words = {
            name.removeprefix("_search").removeprefix("_"): request.args[name].strip()
            for name in request.args
            if name.startswith("_search") and name != "_searchmode"
        }
        text = " ".join(f"{column}:({said})" if column else said for column, said in words.items() if said)
        about: dict[str, object] = {"supports_search": True, "search": text}
        if not text:
            return FilterArguments([], extra_context=about)
        ids = json.dumps(await find_articles(get_served_archive(datasette), text))
        return FilterArguments(
            ["id in (select value from json_each(:found))"], {"found": ids}, [f'search matches "{text}"'], about
        )

    return found


def _link_columns(table: str) -> str:
    """Returns the query string that shows the preferred columns of a table; "" for all of them."""
    names = _PREFERRED_COLUMNS.get(table, ())
    return f"?{urlencode([('_col', name) for name in names])}" if names else ""


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    """Registers the archive's SQL functions (`folded`, `distance_km`), for use in queries on Datasette's SQL page."""
    conn.create_function("folded", 1, fold_name, deterministic=True)
    conn.create_function("distance_km", 4, distance_km, deterministic=True)


# The guard.

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS = ("GET", "HEAD")
_REFUSED = re.compile(rb"(?:^|&)(_timelimit|_trace)=")
"""Arguments of Datasette for developers. (An invalid time limit would be an internal error; a trace, an HTML page.)"""
_INTERNAL = ("/-/archiver/", "/-/metrics", "/-/health")
"""The allowed paths below /-/: our static files, metrics and health. Datasette's pages there show settings and file
paths, and our templates need none of its scripts and styles.
"""


def guard_application(application: Application, site: Callable[[], ServedArchive]) -> Application:
    """Wraps an ASGI application so that unsafe requests are rejected and security headers are added. `site` is called
    for each request and returns the served archive.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return

        is_csv = scope["path"].endswith(".csv")

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(_add_default_headers(message.get("headers", [])))}
            elif is_csv and message.get("body"):
                message = {**message, "body": _make_row_harmless(message["body"])}
            await send(message)

        if refusal := _check_request(scope, site()):
            await _send_refusal(sent, *refusal)
        else:
            await application(scope, receive, sent)

    return answer


_CELL = re.compile(rb'(^|,)(?:"((?:[^"]|"")*+)"|([^,"\r\n]*+))')


def _make_row_harmless(row: bytes) -> bytes:
    """Returns a row of Datasette's CSV in which no cell is a formula to a spreadsheet. Datasette sends one row at a
    time.
    """

    def clean(cell: re.Match[bytes]) -> bytes:
        comma, quoted, bare = cell.groups()
        if quoted is None:
            return bytes(comma + harmless_text(bare.decode()).encode())
        return bytes(comma + b'"' + harmless_text(quoted.decode()).encode() + b'"')

    cleaned: bytes = _CELL.sub(clean, row)
    return cleaned


def _check_request(scope: Scope, site: ServedArchive) -> tuple[int, str] | None:
    sent = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = sent.get(b"host", "")
    if site.hosts and _normalize_host(host) not in site.hosts:
        return 421, (
            "This server only answers requests for " + ", ".join(sorted(site.hosts)) + ". If it has another public "
            "name, set --public-url.\n"
        )
    if sent.get(b"sec-fetch-site") == "cross-site" and sent.get(b"sec-fetch-dest", "document") != "document":
        return 403, "A page of another site requested this. Open it directly instead.\n"
    if scope["method"] not in _METHODS:
        return 405, "The archive is read-only; use GET or HEAD.\n"
    path = scope["path"]
    if site.base != "/" and path.startswith(site.base):
        path = "/" + path[len(site.base) :]
    if refused := _REFUSED.search(scope["query_string"]):
        return 400, f"This server has no argument {refused[1].decode()}.\n"
    # Datasette redirects a path with trailing slashes to the rest of it, which could be another host ("//host/"; to a
    # browser, "/\\host/" is the same).
    if path.startswith(("//", "/\\")) or (path.startswith("/-/") and not path.startswith(_INTERNAL)):
        return 404, "There is no such page.\n"
    return None


def _normalize_host(host: str) -> str:
    """Returns the host name of "name:port" in normalised form; an IPv6 address keeps its brackets."""
    return (host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]).lower().rstrip(".")


def _add_default_headers(sent: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in sent}
    defaults = {"content-security-policy": OWN_POLICY, **EVERYWHERE}
    return [
        *sent,
        *((name.encode(), value.encode()) for name, value in defaults.items() if name.encode() not in present),
    ]


async def _send_refusal(send: Send, status: int, sentence: str) -> None:
    allow = [(b"allow", b"GET, HEAD")] if status == 405 else []
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), *allow],
        }
    )
    await send({"type": "http.response.body", "body": sentence.encode()})
