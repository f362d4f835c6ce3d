"""Serves the demonstration blog until Ctrl-C: `python -m archiver.demo`."""

from __future__ import annotations

import threading

import click

from archiver.demo.demo_blog import PORT, serve
from archiver.model.errors import ArchiverError


@click.command()
@click.option("--port", default=PORT, show_default=True, help="Port to listen on; 0 for any free port.")
@click.option(
    "--edition",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help="2 is the blog some days later: two posts edited, one new, one moved, one deleted.",
)
def main(port: int, edition: int) -> None:
    """Serve the demonstration blog on loopback.

    Example: python -m archiver.demo --edition 2
    """
    try:
        with serve(port, edition=edition) as demo:
            click.echo(f"Serving edition {edition} of the demonstration blog at {demo.url}; stop it with Ctrl-C.")
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    except ArchiverError as error:
        raise click.ClickException(str(error)) from error


main()
