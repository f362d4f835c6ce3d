"""`archiver serve`: the archive in a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from archiver.cli.options import archive_option


@click.command(short_help="Show the archive in a browser.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="Listen at this address; only this machine reaches the default.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8001,
    show_default=True,
    metavar="PORT",
    help="Listen at this port; 0 is any that is free.",
)
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    help="The address under which readers reach it through a proxy, path and all.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open it in your browser.")
@archive_option
def serve(archive: str, host: str, port: int, public_url: str, open_browser: bool) -> None:
    """Show the archive in a browser: search, read, compare, collect, cite.

    The archive is only read, also while a crawl writes it. There is no login: whoever reaches the address
    reads everything that is archived, so it listens on this machine alone unless --host says otherwise. docs/search.md
    tells how to put it behind a proxy that asks who somebody is.

    \b
    Examples:
      archiver serve
      archiver serve --archive news.db --port 8080 --open
      archiver serve --public-url https://archive.example.org/news/
    """
    from archiver.cli.commands.index import after_writing
    from archiver.errors import ExtraMissing

    try:
        from archiver.web.server import is_loopback
        from archiver.web.server import serve as run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("archiver"):
            raise
        raise ExtraMissing("The archive in a browser", "web") from error
    if _can_write(archive):
        after_writing(archive, quiet=False)

    def told(address: str) -> None:
        if not is_loopback(host):
            click.echo(
                f"Whoever reaches {host} can read the whole archive: there is no login. docs/search.md tells how "
                "to put one before it.",
                err=True,
            )
        reached = f", for readers at {public_url}" if public_url else ""
        click.echo(f"The archive is at {address}{reached} (Ctrl-C ends it).")
        if open_browser:
            webbrowser.open(address)

    run(Path(archive), host, port, public_url, told)


def _can_write(archive: str) -> bool:
    """Whether the index beside the archive can be brought up to date."""
    from archiver.search import index_searcher
    from archiver.storage.connection import is_writable, opened

    with opened(archive, read_only=True) as db:
        return index_searcher.is_migrated(db) and is_writable(Path(archive)) and is_writable(Path(archive).parent)
