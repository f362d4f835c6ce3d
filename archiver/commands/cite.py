"""`archiver cite`: an article as a reference."""

from __future__ import annotations

import sys

import click

from archiver.commands.options import archive_option

_STYLES = ("bibtex", "ris", "csl-json")


@click.command(short_help="Print an article's citation.")
@click.argument("articles", metavar="ID|URL...", nargs=-1, required=True)
@click.option("--style", type=click.Choice(_STYLES), default="bibtex", show_default=True, help="Form of the reference.")
@archive_option
def cite(articles: tuple[str, ...], style: str, archive: str) -> None:
    """Print the citation of articles, for a reference manager or LaTeX.

    \b
    Examples:
      archiver cite 12
      archiver cite 12 15 --style ris > references.ris
      archiver cite https://blog.example.org/a-post --style csl-json
    """
    import json

    from archiver.archive import Archive
    from archiver.search.citations import STYLES

    with Archive(archive) as opened:
        cited = [STYLES[style](opened.article(article)) for article in articles]
    if style == "csl-json":
        text = json.dumps([json.loads(one)[0] for one in cited], ensure_ascii=False, indent=2) + "\n"
    else:
        text = "\n".join(cited) if style == "bibtex" else "".join(cited)
    sys.stdout.buffer.write(text.encode())
