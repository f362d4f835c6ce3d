"""`archiver serve`: serves the web pages of the archive. `archiver open` opens an article in the browser."""

from __future__ import annotations

import json
import socket
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import click

from archiver.cli.shared_options import archive_option
from archiver.cli.shell_completion import complete


@click.command(short_help="Browse the archive in a web browser.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="Address to listen on; the default is reachable only from this machine.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8001,
    show_default=True,
    metavar="PORT",
    help="Port to listen on; 0 for any free port.",
)
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    help="The public URL behind a proxy, including its path.",
)
@click.option("--title", metavar="TEXT", help="The name of the archive on its web pages.")
@click.option("--description", metavar="TEXT", help="One line about the archive, for its front page.")
@click.option("--open", "open_browser", is_flag=True, help="Open the archive in your browser.")
@archive_option
def serve(
    archive: str,
    host: str,
    port: int,
    public_url: str,
    title: str | None,
    description: str | None,
    open_browser: bool,
) -> None:
    """Browse the archive in a web browser: search, read, compare, collect, cite.

    The server only reads the archive, and can run during a crawl. There is no login: everybody who can reach the
    address can read the whole archive, so by default the server listens only on this machine. docs/search.md describes
    how to run it behind a proxy with authentication. The title and description can also be set under [serve] in
    archiver.toml.

    \b
    Examples:
      archiver serve
      archiver serve --archive news.db --port 8080 --open
      archiver serve --public-url https://archive.example.org/news/ --title "The Quay Archive"
    """
    names = {name: value for name, value in (("title", title), ("description", description)) if value is not None}
    _serve(Path(archive), host, port, public_url, "" if open_browser else None, names)


def _serve(
    archive: Path, host: str, port: int, public_url: str, page: str | None, names: Mapping[str, str] | None = None
) -> None:
    """Serves the archive until Ctrl-C. `page` is the path of the page to open in the browser, without the first slash;
    None to open none. `names` replace the title and the description that archiver.toml gives the archive.
    """
    from archiver.cli.commands.search import update_search_index
    from archiver.model.errors import ExtraMissing
    from archiver.sites.config import load_config

    try:
        from archiver.web.web_server import is_loopback
        from archiver.web.web_server import serve as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("archiver"):
            raise
        raise ExtraMissing("The web interface", "web") from error
    if _can_update_index(str(archive)):
        update_search_index(str(archive), quiet=False)

    def started(address: str) -> None:
        if not is_loopback(host):
            click.echo(
                f"Warning: there is no login, so everybody who can reach {host} can read the whole archive. "
                "docs/search.md describes how to add one.",
                err=True,
            )
        public = f" (public URL {public_url})" if public_url else ""
        click.echo(f"Serving the archive at {address}{public} (stop with Ctrl-C)")
        if page is not None:
            _open_browser(address + page)

    run(archive, host, port, public_url, started, replace(load_config().serve, **(names or {})))


def _open_browser(address: str) -> None:
    if not webbrowser.open(address):
        click.echo(f"No browser was found. Open {address} in one.", err=True)


def _can_update_index(archive: str) -> bool:
    """Returns True if the search index next to the archive can be updated."""
    from archiver.search import search_index
    from archiver.storage.database import is_writable, opened

    with opened(archive, read_only=True) as db:
        return search_index.is_migrated(db) and is_writable(Path(archive)) and is_writable(Path(archive).parent)


# `archiver open`.

_SECONDS = 2.0


@click.command("open", short_help="Open an article in the web browser.")
@click.argument("id_or_url", metavar="ID|URL", shell_complete=complete("article"))
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8001,
    show_default=True,
    metavar="PORT",
    help="The port of 'archiver serve' on this machine.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the address of the article instead of opening it.")
@archive_option
def open_(id_or_url: str, archive: str, port: int, only_print: bool) -> None:
    """Open an article in the web browser. If 'archiver serve' serves this archive on this machine, its page there is
    opened. Otherwise the archive is served until Ctrl-C.

    \b
    Examples:
      archiver open 7
      archiver open https://blog.example.org/2024/05/a-post
    """
    from archiver.storage.article_records import find_article, record
    from archiver.storage.database import opened

    with opened(archive, read_only=True) as db:
        article = record(db, find_article(db, id_or_url))
    page = f"article/{article['id']}"
    running = f"http://127.0.0.1:{port}/"
    serves_it = _served_article(f"{running}{page}.json") == article["url"]
    if serves_it or only_print:
        click.echo(running + page)
        if not only_print:
            _open_browser(running + page)
        return
    _serve(Path(archive), "127.0.0.1", port if _is_free(port) else 0, "", page)


def _served_article(address: str) -> str:
    """Returns the URL of the article that a server on this machine shows at this address; "" if no server of an archive
    answers there.
    """
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(address, timeout=_SECONDS) as response:
            found = json.load(response)
    except (OSError, ValueError, HTTPException):
        return ""
    return str(found.get("url", "")) if isinstance(found, dict) else ""


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
