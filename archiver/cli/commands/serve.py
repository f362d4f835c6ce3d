"""`archiver serve`: serves the web pages of the archive."""

from __future__ import annotations

import webbrowser
from dataclasses import replace
from pathlib import Path

import click

from archiver.cli.index_update import update_search_index
from archiver.cli.shared_options import archive_option
from archiver.model.errors import ExtraMissing
from archiver.search import search_index
from archiver.sites.config import load_config
from archiver.storage.database import is_writable, opened


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
    try:  # an extra, which need not be installed
        from archiver.web.web_server import is_loopback
        from archiver.web.web_server import serve as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("archiver"):
            raise
        raise ExtraMissing("The web interface", "web") from error
    if _can_update_index(archive):
        update_search_index(archive)

    def started(address: str) -> None:
        if not is_loopback(host):
            click.echo(
                f"Warning: there is no login, so everybody who can reach {host} can read the whole archive. "
                "docs/search.md describes how to add one.",
                err=True,
            )
        public = f" (public URL {public_url})" if public_url else ""
        click.echo(f"Serving the archive at {address}{public} (stop with Ctrl-C)")
        if open_browser and not webbrowser.open(address):
            click.echo(f"No browser was found. Open {address} in one.", err=True)

    names = {name: value for name, value in (("title", title), ("description", description)) if value is not None}
    run(Path(archive), host, port, public_url, started, replace(load_config().serve, **names))


def _can_update_index(archive: str) -> bool:
    """Returns True if the search index next to the archive can be updated."""
    with opened(archive, read_only=True) as db:
        return search_index.is_migrated(db) and is_writable(Path(archive)) and is_writable(Path(archive).parent)
