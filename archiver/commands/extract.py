"""`archiver extract`: one page to its fields, without an archive."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from archiver.commands.options import read_bytes
from archiver.commands.screen import line, published, say, write_json
from archiver.fields import FIELDS


@click.command(short_help="Read one page and print what it says, without an archive.")
@click.argument("file", metavar="FILE|-")
@click.option("--url", required=True, metavar="URL", help="The address the page was served at.")
@click.option("--json", "form", flag_value="json", default="json", help="Print JSON (the default).")
@click.option("--text", "form", flag_value="text", help="Print title, date, authors and text for reading.")
@click.option("--evidence", is_flag=True, help="Add every candidate of every field to the JSON.")
def extract(file: str, url: str, form: str, evidence: bool) -> None:
    """Read one page from FILE (- is the standard input) and print what it says. Nothing is fetched or stored.

    \b
    Examples:
      archiver extract page.html --url https://blog.example.org/a-post
      curl -s https://blog.example.org/a-post | archiver extract - --url https://blog.example.org/a-post --text
    """
    from archiver.extraction import extract as read_page
    from archiver.urls import start_address

    article = asdict(read_page(read_bytes(file), start_address(url)))
    if form == "text":
        _print(article)
        return
    shown = [f.name for f in FIELDS if f.name in article]
    shown += [name for name in article if name not in shown and (name != "evidence" or evidence)]
    write_json({name: _plain(article[name]) for name in shown})


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _print(article: dict[str, Any]) -> None:
    say(line((article["title"] or "(without title)", "bold")))
    when = published(_plain(article["published"]), article["published_precision"])
    say(line((" · ".join(part for part in (when, ", ".join(article["authors"])) if part), "dim")), "")
    say(*(line(text) for text in article["body"].split("\n")))
