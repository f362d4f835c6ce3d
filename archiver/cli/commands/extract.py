"""`archiver extract`: extracts the fields of one page, without an archive, and runs case folders."""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import read_bytes
from archiver.cli.terminal import print_json, print_lines, styled_line
from archiver.errors import OutputNotWritable, UnreadableInput
from archiver.fields import FIELDS
from archiver.search.engine import format_published

if TYPE_CHECKING:
    from archiver.extraction.page import Page
    from archiver.extraction.template.site_rule import SiteRules
    from archiver.items import Article
    from archiver.sites.page_objects import LoadedPageObject


_START = 1_024
_TAG = re.compile(r"<[!/a-zA-Z]")


@click.command(short_help="Extract an article from one page, without an archive.")
@click.argument("file", metavar="FILE|FOLDER|-", type=click.Path())
@click.option("--url", metavar="URL", help="The URL that the page was served at. Required for a page.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(("json", "text", "markdown", "html", "tei")),
    default="json",
    show_default=True,
    help="json: all fields; text: title, date, authors and body as plain text; markdown, html, tei: the article with "
    "the structure of its text.",
)
@click.option("--json", "form", flag_value="json", help="Same as -f json.")
@click.option("--text", "form", flag_value="text", help="Same as -f text.")
@click.option("--evidence", is_flag=True, help="Show all candidates of each field, and why one of them was chosen.")
@click.option(
    "--rules",
    metavar="FILE",
    type=click.Path(),
    help="Use the site rules (TOML) in this file.",
)
@click.option(
    "--save-case",
    "case",
    metavar="FOLDER",
    type=click.Path(),
    help="Also write a new case folder: the page, and the fields that are expected of it from now on (those of its "
    "page object, or else all).",
)
def extract(file: str, url: str | None, form: str, evidence: bool, rules: str | None, case: str | None) -> None:
    """Extract an article from an HTML page in FILE (- for standard input) and print it. Nothing is fetched or stored.

    With a FOLDER, run the case folders in it: compare what is extracted from each page.html with expected.json.

    Rules have the form that 'archiver sites rules SITE' prints. A value that a rule finds takes precedence over
    everything else. If a rule finds nothing, the field is extracted without it, and a message on standard error names
    the rule.

    \b
    Examples:
      archiver extract page.html --url https://blog.example.org/a-post
      archiver extract page.html --url https://blog.example.org/a-post --text --evidence
      archiver extract page.html --url https://blog.example.org/a-post -f markdown > post.md
      curl -s https://blog.example.org/a-post | archiver extract - --url https://blog.example.org/a-post --text
      archiver extract page.html --url https://blog.example.org/a-post --save-case cases/a-post
      archiver extract cases

    Exit code: 0 extracted, all cases as expected; 1 a case differs, or the file is no HTML page; 2 wrong usage.
    """
    if Path(file).is_dir():
        if url or rules or case or evidence or form not in ("json", "text"):
            raise click.UsageError(f"{file} is a folder with cases: only --json or --text can be given with it.")
        _run_cases(Path(file), as_json=form == "json" and _is_given("form"))
        return
    if not url:
        raise click.MissingParameter(param_hint="'--url'", param_type="option")
    from archiver.extraction.article import extract_page
    from archiver.extraction.explain import explain, explanations_as_data
    from archiver.extraction.page import parse_page
    from archiver.markup.marks import pack_marks
    from archiver.sites.page_objects import load_page_objects
    from archiver.urls import start_address

    html = read_bytes(file)
    at = datetime.now(UTC) if case else None
    page = parse_page(html, start_address(url), captured_at=at)
    if why := _reason_not_html(html, page.text):
        raise UnreadableInput("The standard input" if file == "-" else file, why)
    site_rules = _read_rules(rules) if rules else None
    page_objects = load_page_objects()
    page_objects.check()
    found = page_objects.apply(extract_page(page, rules=site_rules), page)
    if site_rules is not None:
        _warn_of_unmatched(page, found, site_rules)
    if used := page_objects.of(page.url):
        _note_empty_fields(used, found)
    if case and at:
        _save_case(Path(case), html, page.url, at, found)
    article = asdict(found)
    if form == "text":
        _print(article)
        if evidence:
            from archiver.cli.diff_and_evidence_output import print_explanations

            print_lines("")
            print_explanations(explain(article, found.evidence))
        return
    if form != "json":
        if evidence:
            raise click.UsageError(f"--evidence needs -f json or -f text, not -f {form}.")
        from archiver.datasets.article_files import FILE_FORMATS, article_record

        click.echo(FILE_FORMATS[form].write(article_record(found)), nl=False)
        return
    article["markup"] = pack_marks(found.markup)
    shown = [f.name for f in FIELDS if f.name in article]
    shown += [name for name in article if name not in shown and name != "evidence"]
    out = {name: _to_plain_data(article[name]) for name in shown}
    print_json({**out, "evidence": explanations_as_data(explain(article, found.evidence))} if evidence else out)


def _reason_not_html(data: bytes, text: str) -> str:
    """Returns why a file is not an HTML page, given its bytes and its decoded text; "" if it may be one."""
    from archiver.extraction.encoding import unpack_undeclared
    from archiver.warc.http_response import is_binary

    unpacked, _ = unpack_undeclared(data)
    if is_binary(unpacked[:_START]):
        return "it is a binary file (such as an image or a PDF), not an HTML page"
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError):
            json.loads(text)
            return "it is JSON, not an HTML page"
    return "" if _TAG.search(text) else "it has no HTML tags"


def _is_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not click.core.ParameterSource.DEFAULT


def _run_cases(folder: Path, *, as_json: bool) -> None:
    """Runs all case folders in a folder and prints where each differs. Exits with code 1 if one does."""
    from archiver.sites.page_objects import (
        case_differences,
        failures_of,
        find_cases,
        load_page_objects,
        read_case,
        read_expected,
    )

    page_objects = load_page_objects()
    page_objects.check()
    cases = find_cases(folder)
    if not cases:
        raise click.UsageError(
            f"There is no case in {folder}. A case is a folder with page.html, case.json and expected.json: 'archiver "
            f"extract page.html --url URL --save-case {folder}/NAME' writes one."
        )
    reports: list[dict[str, Any]] = []
    for case in cases:
        article = read_case(case, page_objects)
        found = page_objects.of(article.url)
        differences = [*failures_of(article), *case_differences(article, read_expected(case))]
        reports.append({"case": case.name, "page_object": found.name if found else None, "differences": differences})
    if as_json:
        print_json(reports)
    else:
        for one in reports:
            name = f"{one['case']} ({one['page_object'] or 'no page object'})"
            print_lines(f"{name}: {'differs' if one['differences'] else 'as expected'}")
            print_lines(*(styled_line(text, indent=2) for text in one["differences"]))
    if any(one["differences"] for one in reports):
        sys.exit(1)


def _save_case(folder: Path, html: bytes, url: str, at: datetime, article: Article) -> None:
    from archiver.fields import EVIDENCE
    from archiver.sites.page_objects import load_page_objects, write_case

    used = load_page_objects().of(url)
    names = used.fields if used else [name for name in EVIDENCE if getattr(article, name)]
    try:
        write_case(folder, html, url, at, article, names)
    except FileExistsError:
        raise click.UsageError(f"{folder} exists. Choose another name, or delete it first.") from None
    except OSError as error:
        raise OutputNotWritable(str(folder), error.strerror or str(error)) from error


def _read_rules(file: str) -> SiteRules:
    from archiver.extraction.template.site_rule import from_toml

    text = read_bytes(file).decode("utf-8", errors="replace")
    return from_toml(text, file, by_hand=True, version=Path(file).name)


def _warn_of_unmatched(page: Page, article: Article, rules: SiteRules) -> None:
    """Prints on standard error which rules found nothing on the page, and whether the page is not a post."""
    from archiver.extraction.template.site_rule import BY_HAND
    from archiver.items import PageKind

    for mark in (mark for mark in rules.post if not page.ask(mark)):
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


def _note_empty_fields(used: LoadedPageObject, article: Article) -> None:
    """Prints on standard error for which fields the page object returned nothing."""
    from archiver.items import PAGE_OBJECT, PAGE_OBJECT_FAILED, PageKind

    if article.kind is not PageKind.POST:
        click.echo(f"{used.name} is not used: the page is not a post ({article.kind_rule}).", err=True)
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
