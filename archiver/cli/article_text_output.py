"""Prints an article in a format that keeps the structure of its text: Markdown, HTML or TEI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from archiver.items import Article

TEXT_FORMATS = ("text", "markdown", "html", "tei")


def print_article_file(record: dict[str, Any], form: str) -> None:
    """Prints a record as the file that `archiver export -f` would write for it. `form` is markdown, html or tei."""
    from archiver.datasets.article_files import FILE_FORMATS

    click.echo(FILE_FORMATS[form].write(record), nl=False)


def article_record(article: Article) -> dict[str, Any]:
    """Returns an extracted article in the form of a record. Fields that only an archive knows are empty."""
    from archiver.fields import FIELDS
    from archiver.storage.article_tables.revisions import article_row
    from archiver.storage.column_values import SHAPED

    row = {**article_row(article), "site": urlsplit(article.url).netloc}
    return {f.name: SHAPED[f.shape](row.get(f.name)) if f.shape in SHAPED else None for f in FIELDS}
