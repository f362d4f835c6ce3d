"""`archiver diff`: what an edit changed."""

from __future__ import annotations

import json
from typing import Any

import click

from archiver.commands.options import archive_option, json_option
from archiver.commands.screen import line, say, write_json

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@click.command(short_help="Compare two versions of an article.")
@click.argument("article", metavar="ID|URL")
@click.argument("a", metavar="[A]", type=click.IntRange(min=1), required=False)
@click.argument("b", metavar="[B]", type=click.IntRange(min=1), required=False)
@json_option
@archive_option
def diff(article: str, a: int | None, b: int | None, as_json: bool, archive: str) -> None:
    """Compare two versions of an article: the fields that changed, and the text as a unified diff.

    A and B are numbers of versions. Without B, A is compared with the current version; without
    both, the current version with the one before it.

    \b
    Examples:
      archiver diff 12
      archiver diff 12 1 3
      archiver diff https://blog.example.org/a-post 1 --json
    """
    from archiver.archive import Archive
    from archiver.search.compare import changed_values, unified

    with Archive(archive) as opened:
        current = opened.article(article)
        after = opened.article(current["id"], b or current["revision"])
        before = opened.article(current["id"], a or max(1, after["revision"] - 1))
    changed = changed_values(before, after)
    text = unified(before, after)
    if as_json:
        write_json({
            "id": current["id"], "url": current["url"], "from": before["revision"], "to": after["revision"],
            "changed": {name: {"before": old, "after": new} for name, (old, new) in changed.items()},
            "diff": "\n".join(text),
        })
        return
    if before["revision"] == after["revision"]:
        what = "only version" if current["revision"] == 1 else f"version {before['revision']} twice"
        click.echo(f"There is nothing to compare: this is the article's {what}.", err=True)
        return
    for name, (old, new) in changed.items():
        if name != "body":
            say(line((f"{name}: ", "bold"), (_value(old), "red"), " -> ", (_value(new), "green")))
    if text:
        say("", *(line((row, _STYLES.get(row[:1], ""))) for row in text))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value) \
            or "none"
    return str(value) if value else "none"
