"""`archiver show` prints one article with its metadata; `archiver cite` prints articles as bibliographic references."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import (
    count_noun,
    format_percent,
    format_time,
    print_details,
    print_json,
    print_lines,
    styled_line,
)
from archiver.items import format_degrees
from archiver.search.engine import format_published

_MAX_NAMED = 8


@click.command(short_help="Show one article.")
@click.argument("article", metavar="ID|URL")
@click.option("--revision", type=click.IntRange(min=1), metavar="N", help="Show revision N  [default: the current one]")
@click.option("--evidence", is_flag=True, help="Show all candidates of each field, and why one of them was chosen.")
@click.option("--markdown", is_flag=True, help="Print it as Markdown with front matter.")
@click.option("--html", is_flag=True, help="Print it as HTML.")
@json_option
@archive_option
def show(
    article: str, revision: int | None, evidence: bool, markdown: bool, html: bool, as_json: bool, archive: str
) -> None:
    """Show one article, by its ID or by any URL at which it was found.

    \b
    Examples:
      archiver show 12
      archiver show https://blog.example.org/?p=7 --json
      archiver show 12 --revision 1
      archiver show 12 --markdown
      archiver show 12 --evidence
      archiver show 12 --revision 1 --evidence
    """
    from archiver.archive import Archive
    from archiver.extraction.explain import explanations_as_data
    from archiver.storage.article_tables.article_records import cluster_of
    from archiver.storage.article_tables.articles import withdrawal_of
    from archiver.storage.requisites import captured_lead_image

    if (markdown or html) and (as_json or evidence or (markdown and html)):
        raise click.UsageError(
            "Use only one of --markdown, --html or --json, and --evidence only with --json or alone."
        )
    form = "markdown" if markdown else "html" if html else ""
    with Archive(archive) as opened:
        record = opened.article(article, revision)
        if form:
            from archiver.datasets.article_files import FILE_FORMATS

            click.echo(FILE_FORMATS[form].write(record), nl=False)
            return
        why = opened.explain(record["id"], revision) if evidence else ()
        readers = opened.readers(record["id"], revision) if evidence else {}
        image = captured_lead_image(opened.db, record["id"])
        withdrawn = withdrawal_of(opened.db, record["id"])
        if as_json:
            if withdrawn is not None:
                record |= {"withdrawn": asdict(withdrawn)}
            more = {"image_capture": image, "evidence": _add_readers(explanations_as_data(why), readers)}
            print_json(record | more if evidence else record)
            return
        if withdrawn is not None:
            print_lines(
                styled_line((f"Withdrawn on {withdrawn.at[:10]}: {withdrawn.reason}", "bold red")),
                "Searches and datasets leave it out.",
                "",
            )
        _print_article(record, opened.revisions(record["id"]), cluster_of(opened.db, record["id"]), image)
        if evidence:
            from archiver.cli.commands.extract import print_explanations

            print_lines("")
            print_explanations(why, {name: _describe_reader(one) for name, one in readers.items()})


def _add_readers(evidence: dict[str, Any], readers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: {**one, **readers.get(name, {})} for name, one in evidence.items()}


def _describe_reader(one: dict[str, Any]) -> str:
    when = f" on {one['read_at'][:10]}" if one["read_at"] else ""
    capture = f" from capture {one['capture_id']}" if one["capture_id"] else ""
    return f"read by {one['extractor']}{capture}{when}" if one["extractor"] else ""


def _print_article(
    record: dict[str, Any],
    revisions: list[dict[str, Any]],
    cluster: dict[str, Any] | None,
    image: dict[str, Any] | None,
) -> None:
    print_lines(styled_line((record["title"] or "(without title)", "bold")))
    about = [
        format_published(record["published"], record["published_precision"]),
        ", ".join(record["authors"]),
        record["site"],
    ]
    print_lines(
        styled_line((" · ".join(part for part in about if part), "dim")), styled_line((record["url"], "blue")), ""
    )
    if record["body"]:
        print_lines(*(styled_line(text) for text in record["body"].split("\n")), "")
    print_details(
        [
            *_format_fields(record, revisions),
            ("lead image", _describe_image(image, record["image"])),
            *_describe_copies(record, cluster),
        ]
    )


def _format_fields(record: dict[str, Any], revisions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    capture = record["capture"]
    places = [_describe_place(tag) for tag in record["geotags"]]
    edits = [_describe_revision(one) for one in revisions]
    return [
        ("ID", str(record["id"])),
        ("categories", ", ".join(record["categories"])),
        ("tags", ", ".join(record["tags"])),
        ("places", "; ".join(places)),
        ("language", record["language"]),
        ("credits", ", ".join(record["credits"])),
        ("modified", record["modified"]),
        ("aliases", " ".join(record["aliases"])),
        ("revision", _describe_number(record["revision"], revisions)),
        ("revisions", "; ".join(edits) if len(edits) > 1 else ""),
        ("seen", f"{format_time(record['first_seen'])} to {format_time(record['last_seen'])}"),
        ("gone", f"since {format_time(record['gone_at'])}" if record["gone_at"] else ""),
        ("same text as", str(record["duplicate_of"] or "")),
        (
            "capture",
            f"{capture['warc_file']} at {capture['warc_offset']} ({capture['warc_length']} bytes, {capture['digest']})"
            if capture
            else "",
        ),
    ]


def _describe_number(number: int, revisions: list[dict[str, Any]]) -> str:
    at = next((one["undone_at"] for one in revisions if one["revision"] == number), None)
    return f"{number} of {len(revisions)}{f' (taken back on {at[:10]})' if at else ''}"


def _describe_revision(revision: dict[str, Any]) -> str:
    notes = [", ".join(revision["changed"])]
    notes += [f"same as {revision['same_as']}"] if revision["same_as"] else []
    notes += [f"taken back on {revision['undone_at'][:10]}"] if revision["undone_at"] else []
    notes += [f"seen again {count_noun(revision['seen_again'], 'time')}"] if revision["seen_again"] else []
    details = "; ".join(filter(None, notes))
    return f"{revision['revision']} ({revision['observed_at'][:10]}{': ' + details if details else ''})"


def _describe_image(image: dict[str, Any] | None, address: str | None) -> str:
    """Returns a text that describes the lead image of an article and its capture. `image` is the image's data, None if
    only its URL (`address`) is known; the text is then this URL, or "" if there is none.
    """
    if image is None:
        return address or ""
    capture = image["capture"]
    if capture is None:
        return f"{image['url']} (not captured: {image['reason'] or image['outcome']})"
    size = f", {image['width']} x {image['height']}" if image["width"] else ""
    return (
        f"{image['url']} ({image['media_type']}{size}; {capture['warc_file']} at {capture['warc_offset']}, "
        f"{capture['digest']})"
    )


def _describe_copies(record: dict[str, Any], cluster: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Describes an article's cluster as (label, text) rows: the original of which the article is a near-duplicate or,
    for the original itself, its near-duplicates. Returns [] if the article is in no cluster.
    """
    if cluster is None:
        return []
    source, own = cluster["members"][0], next(m for m in cluster["members"] if m["id"] == record["id"])
    number = f"cluster {cluster['id']} of {count_noun(cluster['size'], 'article')}"
    if own is source:
        copies = ", ".join(
            f"{m['id']} ({m['site']}, {format_percent(m['similarity'])})" for m in cluster["members"][1:_MAX_NAMED]
        )
        more = f" and {cluster['size'] - _MAX_NAMED + 1} more" if cluster["size"] > _MAX_NAMED else ""
        return [("near-duplicates", f"{copies}{more}; this article is the source: {cluster['reason']} ({number})")]
    near = next((m for m in cluster["members"] if m["id"] == own["near"]), source)
    return [
        ("near-duplicate of", f"{near['id']} {near['url']} ({format_percent(own['similarity'])}: {own['how']})"),
        ("source", f"{source['id']} {source['url']}: {cluster['reason']} ({number})"),
    ]


def _describe_place(tag: dict[str, Any]) -> str:
    name = ", ".join(part for part in (tag["placename"], tag["region"]) if part)
    position = format_degrees(tag["latitude"], tag["longitude"]) if tag["latitude"] is not None else ""
    return f"{name} ({position})" if name and position else name or position


# `archiver cite`

_STYLES = ("bibtex", "ris", "csl-json", "apa", "chicago", "mla")


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
    """Print citations of articles for a reference manager, LaTeX or a list of references.

    A citation includes the URL of the post, the time of the capture (UTC), the digest of its payload, and the
    revision.

    \b
    Examples:
      archiver cite 12
      archiver cite 12 --revision 1
      archiver cite 12 15 --style chicago
      archiver cite 12 15 --style ris > references.ris
      archiver cite --query 'flood site:blog.example.org date:2024' --style csl-json > references.json
    """
    from archiver.archive import Archive
    from archiver.search.citations import STYLES, build_citation
    from archiver.storage.article_tables.article_records import find_article

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
