"""`archiver diff`: what an edit changed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import count_noun, format_time, print_json, print_line, print_lines
from archiver.errors import OutputNotWritable


@click.command(short_help="Compare two versions of an article.")
@click.argument("article", metavar="ID|URL|SITE", required=False)
@click.argument("a", metavar="[A]", type=click.IntRange(min=1), required=False)
@click.argument("b", metavar="[B]", type=click.IntRange(min=1), required=False)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(),
    help="Write the comparison as one page of HTML to FILE (- for the output).",
)
@click.option("--titles", is_flag=True, help="List headlines that were changed after publication, of SITE or of all.")
@json_option
@archive_option
def diff(
    article: str | None, a: int | None, b: int | None, html: str | None, titles: bool, as_json: bool, archive: str
) -> None:
    """Compare two versions of an article word by word: what was taken out, and what came in.

    A and B are numbers of versions. Without B, A is compared with the current version; without
    both, the current version with the one that stood before it. On a terminal edits are coloured;
    in a pipe they stand between [-marks-] and {+marks+}.

    \b
    Examples:
      archiver diff 12
      archiver diff 12 1 3
      archiver diff https://blog.example.org/a-post 1 --json
      archiver diff 12 --html edit.html
      archiver diff --titles blog.example.org
    """
    from archiver.archive import Archive
    from archiver.search.revision_diff import diff_as_data, previous_revision

    if titles:
        if html or a:
            raise click.UsageError("--titles lists headlines of a site: leave out --html and numbers of versions.")
        with Archive(archive) as opened:
            _titles(opened.headlines(article, changed=True), as_json)
        return
    if article is None:
        raise click.UsageError("Missing argument 'ID|URL': name an article, or list changed headlines with --titles.")
    if html and as_json:
        raise click.UsageError("Give --html or --json, not both.")
    with Archive(archive) as opened:
        current = opened.article(article)
        rows = opened.revisions(current["id"])
        versions = {v["revision"]: v for v in rows}
        after = opened.article(current["id"], b or current["revision"])
        before = opened.article(current["id"], a or previous_revision(rows, after["revision"]))
    if html:
        _write_page(html, before, after, versions)
    elif as_json:
        print_json(diff_as_data(before, after) | {"url": current["url"]})
    elif before["revision"] == after["revision"]:
        what = "only version" if len(versions) <= 1 else f"version {before['revision']} twice"
        click.echo(f"There is nothing to compare: this is the article's {what}.", err=True)
    else:
        from archiver.cli.article_output import print_edits

        print_edits(before, after)


def _write_page(target: str, before: dict[str, Any], after: dict[str, Any], versions: dict[int, Any]) -> None:
    from archiver.search.revision_diff import diff_page_html

    def seen(record: dict[str, Any]) -> str:
        return format_time(versions.get(record["revision"], {}).get("observed_at"))

    data = diff_page_html(before, after, (seen(before), seen(after))).encode("utf-8", errors="replace")
    if target == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        Path(target).write_bytes(data)
    except OSError as error:
        raise OutputNotWritable(target, error.strerror or str(error)) from error
    click.echo(f"The comparison is written to {target}", err=True)


def _titles(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    from archiver.articles.word_diff import word_diff
    from archiver.cli.article_output import styled

    for one in found:
        again = count_noun(one["seen_again"], "time", "times") if one["seen_again"] else ""
        notes = [f"article {one['article_id']}, version {one['revision']}", format_time(one["observed_at"])]
        notes += [f"as version {one['same_as']}"] if one["same_as"] else []
        notes += [f"seen again {again}"] if again else []
        print_lines(
            print_line(*styled(word_diff(one["previous"] or "", one["title"]))),
            print_line((" · ".join(notes), "dim"), indent=2),
        )
    if not found:
        click.echo("No headline was changed after its publication, as far as the archive has seen.", err=True)
