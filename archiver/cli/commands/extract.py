"""`archiver extract`: extracts the fields of one page, without an archive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from archiver.cli.explanation_output import print_explanations
from archiver.cli.shared_options import pass_options_as, politeness_options, read_bytes
from archiver.cli.terminal_output import (
    print_json,
    print_lines,
    styled_line,
)
from archiver.extraction.article import extract_page
from archiver.extraction.explanations import explain, explanations_as_data
from archiver.extraction.page import Page, parse_page, unpack_undeclared
from archiver.markup.text_marks import pack_marks
from archiver.model.errors import UnreadableInput
from archiver.model.fields import FIELDS
from archiver.model.items import PAGE_OBJECT, PAGE_OBJECT_FAILED, Article, PageKind, format_published
from archiver.model.page_rules import BY_HAND
from archiver.model.urls import start_address
from archiver.search.document_files import FILE_FORMATS, article_record
from archiver.sites.page_objects import LoadedPageObject, load_page_objects, parse_rules, why_unused
from archiver.warc.payload import is_binary

_HOW_TO_MAKE_POST = (
    'If it is one, write what marks the posts of the site into a file of rules ([site] post = ["body.single-post"]), '
    "give it with --rules, and to the site with 'archiver sites rules SITE --set FILE'."
)


_START = 1_024
_TAG = re.compile(r"<[!/a-zA-Z]")


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """The options of `archiver extract`. `file` is the page or its URL."""

    file: str
    url: str | None
    form: str
    evidence: bool
    rules: str | None
    delay: float | None
    contact: str | None


@click.command(short_help="Extract an article from one page, without an archive.")
@click.argument("file", metavar="URL|FILE|-", type=click.Path())
@click.option("--url", metavar="URL", help="The URL that the page in FILE was served at. Required for a file.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(("json", "text", "markdown", "html", "tei"), case_sensitive=False),
    default="json",
    show_default=True,
    help="json: all fields; text: title, date, authors and body as plain text; markdown, html, tei: the article with "
    "the structure of its text.",
)
@click.option("--evidence", is_flag=True, help="Show all candidates of each field, and why one of them was chosen.")
@click.option(
    "--rules",
    metavar="FILE",
    type=click.Path(),
    help="Use the site rules (TOML) in this file.",
)
@politeness_options
@pass_options_as(ExtractOptions)
def extract(options: ExtractOptions) -> None:
    """Extract the article of one page and print it. Nothing is stored.

    The page at a URL is fetched as a crawl would fetch it: robots.txt is obeyed, and a foreign site needs a contact. An
    HTML page in FILE (- for standard input) is only read.

    --rules takes the TOML that 'archiver sites rules SITE' prints. A value that a rule finds takes precedence over
    everything else. If a rule finds nothing, the field is extracted without the rule, and a message on standard error
    names the rule.

    \b
    Examples:
      archiver extract https://blog.example.org/a-post -f text --contact me@example.org
      archiver extract page.html --url https://blog.example.org/a-post
      archiver extract page.html --url https://blog.example.org/a-post -f text --evidence
      archiver extract page.html --url https://blog.example.org/a-post -f markdown > post.md
      curl -s https://blog.example.org/a-post | archiver extract - --url https://blog.example.org/a-post -f text

    Exit code: 0 extracted; 1 the page cannot be fetched, or it is no HTML page; 2 wrong usage.
    """
    file, form, evidence, rules = options.file, options.form, options.evidence, options.rules
    source = _fetch(options) if _is_url(file) else _read_file(file, options.url)

    html = source.html
    page = parse_page(html, source.url, source.content_type, source.at)
    if why := _reason_not_html(html, page.text):
        raise UnreadableInput(source.name, why)
    site_rules = parse_rules(read_bytes(rules), rules) if rules else None
    page_objects = load_page_objects()
    page_objects.check()
    found = page_objects.apply(extract_page(page, rules=site_rules), page)
    if site_rules is not None:
        _warn_of_unmatched(page, found, site_rules.post)
    used = page_objects.of(page.url)
    if used:
        _note_empty_fields(used, found, has_rules=bool(rules))
    article = asdict(found)
    if form == "text":
        _print(article)
        if evidence:
            print_lines("")
            print_explanations(explain(article, found.evidence))
        return
    if form != "json":
        if evidence:
            raise click.UsageError(f"--evidence needs -f json or -f text, not -f {form}.")

        click.echo(FILE_FORMATS[form].write(article_record(found)), nl=False)
        return
    article["markup"] = pack_marks(found.markup)
    shown = [f.name for f in FIELDS if f.name in article]
    shown += [name for name in article if name not in shown and name != "evidence"]
    out = {name: _to_plain_data(article[name]) for name in shown}
    print_json({**out, "evidence": explanations_as_data(explain(article, found.evidence))} if evidence else out)


def _reason_not_html(data: bytes, text: str) -> str:
    """Returns why a file is not an HTML page, given its bytes and its decoded text; "" if it may be one."""
    unpacked, _ = unpack_undeclared(data)
    if is_binary(unpacked[:_START]):
        return "it is a binary file (such as an image or a PDF), not an HTML page"
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError):
            json.loads(text)
            return "it is JSON, not an HTML page"
    return "" if _TAG.search(text) else "it has no HTML tags"


@dataclass(frozen=True, slots=True)
class _Source:
    """The page to extract: `name` is that of its file, or its URL. `content_type` and `at`, the time at which it was
    fetched, are only known of a page that was fetched.
    """

    name: str
    url: str
    html: bytes
    content_type: str = ""
    at: datetime | None = None


def _is_url(file: str) -> bool:
    return bool(re.match(r"https?://", file, re.IGNORECASE))


def _fetch(options: ExtractOptions) -> _Source:
    """Fetches the page that `file` names. Raises UsageError if a `url` is given, too."""
    if options.url:
        raise click.UsageError("--url is the URL of a page in a file. Leave it out for a page that is fetched.")
    from archiver.scheduling.single_pages import fetch_page  # loads Scrapy, which a page in a file does not need

    found = fetch_page(options.file, delay=options.delay, contact=options.contact)
    return _Source(found.url, found.url, found.body, found.content_type, found.at)


def _read_file(file: str, url: str | None) -> _Source:
    if not file.strip():
        raise UnreadableInput(repr(file), "give the URL of a page, or the name of a file")
    if file != "-" and not Path(file).is_file():
        is_address = re.match(r"[\w.-]+\.[^\W\d_]{2,}(?::\d+)?/|(?:localhost|[\d.]+):\d+", file)
        advice = f"; a page is fetched if its URL begins with its scheme: {start_address(file)}" if is_address else ""
        raise UnreadableInput(file, f"there is no such file{advice}")
    if not url:
        raise click.MissingParameter(param_hint="'--url'", param_type="option")
    return _Source("The standard input" if file == "-" else file, start_address(url), read_bytes(file))


def _warn_of_unmatched(page: Page, article: Article, marks: Iterable[str]) -> None:
    """Prints on standard error which rules found nothing on the page (`marks` are those of posts), and whether the page
    is not a post.
    """
    for mark in (mark for mark in marks if not page.ask(mark)):
        click.echo(f"[site] post: {mark} matches nothing on this page.", err=True)
    for one in article.evidence:
        if one.source == BY_HAND and not one.value:
            click.echo(
                f"[{one.field}] select: {one.locator} finds nothing on this page; "
                "the field is extracted without this rule.",
                err=True,
            )
    if article.kind is not PageKind.POST:
        click.echo(
            f"A crawl would not store this page: it is not a post ({article.kind_rule}). If it is one, describe posts "
            "in [site] post.",
            err=True,
        )


def _note_empty_fields(used: LoadedPageObject, article: Article, *, has_rules: bool) -> None:
    """Prints on standard error why the page object `used` was not used or, if it was, for which fields it returned
    nothing. If it was not used because the page is not a post, also prints how to make the page a post, unless
    `has_rules` is True, because `_warn_of_unmatched` has then printed this.
    """
    if why := why_unused(used, article):
        click.echo(f"{why}." if has_rules else f"{why}. {_HOW_TO_MAKE_POST}", err=True)
        return
    known = {one.field for one in article.evidence if one.source in (PAGE_OBJECT, PAGE_OBJECT_FAILED)}
    for name in used.fields:
        if name not in known:
            click.echo(f"{used.name}.{name} returned nothing; the field is extracted without it.", err=True)


def _to_plain_data(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _print(article: dict[str, Any]) -> None:
    print_lines(styled_line((article["title"] or "(without title)", "bold")))
    when = format_published(_to_plain_data(article["published"]), article["published_precision"])
    print_lines(styled_line((" · ".join(part for part in (when, ", ".join(article["authors"])) if part), "dim")), "")
    print_lines(*(styled_line(text) for text in article["body"].split("\n")))
