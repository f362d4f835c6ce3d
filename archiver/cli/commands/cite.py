"""`archiver cite`: prints articles as bibliographic references."""

from __future__ import annotations

import sys

import click

from archiver.cli.options import archive_option

_STYLES = ("bibtex", "ris", "csl-json")


@click.command(short_help="Print citations of articles.")
@click.argument("articles", metavar="[ID|URL]...", nargs=-1)
@click.option("--query", metavar="QUERY", help="Also cite all results of this search, best first.")
@click.option(
    "--style", type=click.Choice(_STYLES), default="bibtex", show_default=True, help="Format of the references."
)
@click.option(
    "--revision",
    type=click.IntRange(min=1),
    metavar="N",
    help="Cite revision N of an article  [default: the current one]",
)
@archive_option
def cite(articles: tuple[str, ...], query: str | None, style: str, revision: int | None, archive: str) -> None:
    """Print citations of articles for a reference manager or LaTeX.

    A citation includes the URL of the post, the time of the capture (UTC), the digest of its payload, and the
    revision.

    \b
    Examples:
      archiver cite 12
      archiver cite 12 --revision 1
      archiver cite 12 15 --style ris > references.ris
      archiver cite --query 'flood site:blog.example.org date:2024' --style csl-json > references.json
    """
    from archiver.archive import Archive
    from archiver.search.citations import STYLES, build_citation
    from archiver.storage.article_tables.records import find_article

    if not articles and query is None:
        raise click.UsageError("Give IDs or URLs of articles, or --query.")
    if revision and (len(articles) != 1 or query is not None):
        raise click.UsageError("--revision needs exactly one article.")
    with Archive(archive) as opened:
        ids = [find_article(opened.db, one) for one in articles]
        found = [hit["id"] for hit in opened.articles(query, sort="", duplicates=False)] if query is not None else []
        references = [
            build_citation(opened.article(number, revision), version=revision is not None)
            for number in dict.fromkeys((*ids, *found))
        ]
    if not references:
        click.echo("Nothing found.", err=True)
    sys.stdout.buffer.write(STYLES[style](references).encode())
