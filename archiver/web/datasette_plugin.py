"""Implements Datasette's plugin hooks: routes, menu links, SQL functions, error pages and response headers."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import datasette as package
from datasette import hookimpl
from datasette.app import Datasette
from datasette.utils.asgi import Forbidden, Request, Response

from archiver.search.index_document import fold_name
from archiver.search.query_tree import distance_km
from archiver.web import web_requests
from archiver.web.archive_access import get_served_archive
from archiver.web.dispatch import NAVIGATION, PAGES, make_view, render_error, serve_static_file
from archiver.web.web_requests import Application, guard_application

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
