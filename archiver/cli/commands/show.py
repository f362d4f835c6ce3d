"""`archiver show` prints articles with their metadata; `archiver cite` prints articles as bibliographic references."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Any

import click

from archiver.archive import Archive
from archiver.cli.explanation_output import print_explanations
from archiver.cli.search_output import print_advice
from archiver.cli.shared_options import archive_option, json_option, pass_options_as
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    count_noun,
    format_percent,
    format_time,
    print_details,
    print_json,
    print_lines,
    styled_line,
)
from archiver.extraction.explanations import explanations_as_data
from archiver.model.items import format_degrees, format_published
from archiver.search.citations import CITATION_STYLES, build_citation
from archiver.search.document_files import FILE_FORMATS
from archiver.search.query import Query
from archiver.storage.article_records import cluster_of, find_article
from archiver.storage.articles import withdrawal_of
from archiver.storage.requisites import captured_lead_image

_MAX_NAMED = 8
_RULE = 60


@dataclass(frozen=True, slots=True)
class ShowOptions:
    """The options of `archiver show`."""

    articles: tuple[str, ...]
    revision: int | None
    evidence: bool
    markdown: bool
    html: bool
    as_json: bool
    archive: str

    @property
    def form(self) -> str:
        """The file format in which the article is printed: "markdown" or "html"; "" if it is printed as text."""
        return "markdown" if self.markdown else "html" if self.html else ""

    def check(self) -> None:
        """Raises UsageError for options that cannot be combined."""
        if self.markdown + self.html + self.as_json > 1 or (self.form and self.evidence):
            raise click.UsageError(
                "Use only one of --markdown, --html or --json, and --evidence only with --json or alone."
            )
        if self.revision and len(self.articles) > 1:
            raise click.UsageError("--revision needs exactly one article.")


@click.command(short_help="Show articles.")
@click.argument("articles", metavar="ID|URL...", nargs=-1, required=True, shell_complete=complete("article"))
@click.option("--revision", type=click.IntRange(min=1), metavar="N", help="Show revision N  [default: the current one]")
@click.option("--evidence", is_flag=True, help="Show all candidates of each field, and why one of them was chosen.")
@click.option("--markdown", is_flag=True, help="Print it as Markdown with front matter.")
@click.option("--html", is_flag=True, help="Print it as HTML.")
@json_option
@archive_option
@pass_options_as(ShowOptions)
def show(options: ShowOptions) -> None:
    """Show articles, by their IDs or by any URLs at which they were found.

    \b
    Examples:
      archiver show 12
      archiver show 12 15 --json
      archiver show https://blog.example.org/?p=7 --json
      archiver show 12 --revision 1
      archiver show 12 --markdown
      archiver show 12 --evidence
      archiver show 12 --revision 1 --evidence
    """
    options.check()
    with Archive(options.archive) as opened:
        found = [opened.article(one, options.revision) for one in options.articles]
        if options.form:
            click.echo("".join(FILE_FORMATS[options.form].write(one) for one in found), nl=False)
            return
        if options.as_json:
            values = [_as_json(opened, one, options) for one in found]
            print_json(values if len(values) > 1 else values[0])
            return
        for number, one in enumerate(found):
            if number:
                print_lines("", styled_line(("─" * _RULE, "dim")), "")
            _print_whole(opened, one, options)


def _as_json(opened: Archive, record: dict[str, Any], options: ShowOptions) -> dict[str, Any]:
    """Returns a record as `show --json` prints it: with the reason for a withdrawal, and the evidence of its fields."""
    withdrawn = withdrawal_of(opened.db, record["id"])
    if withdrawn is not None:
        record = record | {"withdrawn": asdict(withdrawn)}
    if not options.evidence:
        return record
    why = explanations_as_data(opened.explain(record["id"], options.revision))
    readers = opened.readers(record["id"], options.revision)
    image = captured_lead_image(opened.db, record["id"])
    evidence = {name: {**one, **readers.get(name, {})} for name, one in why.items()}
    return record | {"image_capture": image, "evidence": evidence}


def _print_whole(opened: Archive, record: dict[str, Any], options: ShowOptions) -> None:
    """Prints an article as text: whether it was withdrawn, its text and fields, and the evidence if it is asked for."""
    withdrawn = withdrawal_of(opened.db, record["id"])
    if withdrawn is not None:
        print_lines(
            styled_line((f"Withdrawn on {withdrawn.at[:10]}: {withdrawn.reason}", "bold red")),
            "Searches and datasets leave it out.",
            "",
        )
    image = captured_lead_image(opened.db, record["id"])
    _print_article(record, opened.revisions(record["id"]), cluster_of(opened.db, record["id"]), image)
    if options.evidence:
        readers = opened.readers(record["id"], options.revision)
        print_lines("")
        print_explanations(
            opened.explain(record["id"], options.revision),
            {name: _describe_reader(one) for name, one in readers.items()},
        )


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
    published = format_published(record["published"], record["published_precision"])
    about = [published, ", ".join(record["authors"]), record["site"]]
    print_lines(
        styled_line((record["title"] or "(without title)", "bold")),
        styled_line((" · ".join(part for part in about if part), "dim")),
        styled_line((record["url"], "blue")),
        "",
    )
    if record["body"]:
        print_lines(*(styled_line(text) for text in record["body"].split("\n")), "")
    capture, edits = record["capture"], [_describe_revision(one) for one in revisions]
    number = f"{record['revision']} of {len(revisions)}"
    undone = next((one["undone_at"] for one in revisions if one["revision"] == record["revision"]), None)
    place = f"{capture['warc_file']} at {capture['warc_offset']}" if capture else ""
    print_details(
        [
            ("ID", str(record["id"])),
            ("categories", ", ".join(record["categories"])),
            ("tags", ", ".join(record["tags"])),
            ("places", "; ".join(map(_describe_place, record["geotags"]))),
            ("language", record["language"]),
            ("credits", ", ".join(record["credits"])),
            ("modified", record["modified"]),
            ("aliases", " ".join(record["aliases"])),
            ("revision", number + (f" (taken back on {undone[:10]})" if undone else "")),
            ("revisions", "; ".join(edits) if len(edits) > 1 else ""),
            ("seen", " to ".join(dict.fromkeys(format_time(record[name]) for name in ("first_seen", "last_seen")))),
            ("gone", f"since {format_time(record['gone_at'])}" if record["gone_at"] else ""),
            ("same text as", str(record["duplicate_of"] or "")),
            ("capture", f"{place} ({capture['warc_length']} bytes, {capture['digest']})" if capture else ""),
            ("lead image", _describe_image(image, record["image"])),
            *_describe_copies(record, cluster),
        ]
    )


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


# `archiver cite`.

_STYLES = ("bibtex", "ris", "csl-json", "apa", "chicago", "mla")


@click.command(short_help="Print citations of articles.")
@click.argument("articles", metavar="[ID|URL]...", nargs=-1, shell_complete=complete("article"))
@click.option("--query", metavar="QUERY", help="Also cite all results of this search, best first.")
@click.option(
    "--style",
    type=click.Choice(_STYLES, case_sensitive=False),
    default="bibtex",
    show_default=True,
    help="Format of the references.",
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
        if not references and query is not None:
            click.echo("Nothing found.", err=True)
            print_advice(opened.db, Query(query), archive)
    sys.stdout.buffer.write(CITATION_STYLES[style](references).encode())
    if not references:
        sys.exit(1)
