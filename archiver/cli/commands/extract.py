"""`archiver extract`: extracts the fields of one page, without an archive, and runs case folders."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.shared_options import is_default, pass_options_as, politeness_options, read_bytes
from archiver.cli.terminal_output import (
    format_time,
    print_json,
    print_lines,
    print_table,
    styled_line,
)
from archiver.model.errors import OutputNotWritable, UnreadableInput
from archiver.model.fields import FIELDS
from archiver.model.items import UNCONFIRMED, format_published

if TYPE_CHECKING:
    from archiver.extraction.explanations import FieldExplanation
    from archiver.extraction.page import Page
    from archiver.model.items import Article
    from archiver.sites.page_objects import LoadedPageObject, PageObjects

_HOW_TO_MAKE_POST = (
    'If it is one, write what marks the posts of the site into a file of rules ([site] post = ["body.single-post"]), '
    "give it with --rules, and to the site with 'archiver sites rules SITE --set FILE'."
)


_START = 1_024
_TAG = re.compile(r"<[!/a-zA-Z]")


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """The options of `archiver extract`. `file` is the page, its URL, or a folder with cases."""

    file: str
    url: str | None
    form: str
    evidence: bool
    rules: str | None
    case: str | None
    delay: float | None
    contact: str | None


_FORM = click.Choice(("json", "text", "markdown", "html", "tei"), case_sensitive=False)


@click.command(short_help="Extract an article from one page, without an archive.")
@click.argument("file", metavar="URL|FILE|FOLDER|-", type=click.Path())
@click.option("--url", metavar="URL", help="The URL that the page in FILE was served at. Required for a file.")
@click.option(
    "-f",
    "--format",
    "form",
    type=_FORM,
    default="json",
    show_default=True,
    help="json: all fields; text: title, date, authors and body as plain text; markdown, html, tei: the article with "
    "the structure of its text.",
)
@click.option("--json", "form", type=_FORM, flag_value="json", help="Same as -f json.")
@click.option("--text", "form", type=_FORM, flag_value="text", help="Same as -f text.")
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
    "page object, or else all). With --rules, the rules are copied into the folder, and the case is read by them.",
)
@politeness_options
@pass_options_as(ExtractOptions)
def extract(options: ExtractOptions) -> None:
    """Extract the article of one page and print it. Nothing is stored.

    The page at a URL is fetched as a crawl would fetch it: robots.txt is obeyed, and a foreign site needs a contact. An
    HTML page in FILE (- for standard input) is only read.

    With a FOLDER, run the case folders in it: extract each page.html, with the rules in rules.toml next to it if there
    are any, and compare the result with expected.json. A case also differs if its page object is not used or fails.

    --rules takes the TOML that 'archiver sites rules SITE' prints. A value that a rule finds takes precedence over
    everything else. If a rule finds nothing, the field is extracted without the rule, and a message on standard error
    names the rule.

    \b
    Examples:
      archiver extract https://blog.example.org/a-post --text --contact me@example.org
      archiver extract page.html --url https://blog.example.org/a-post
      archiver extract page.html --url https://blog.example.org/a-post --text --evidence
      archiver extract page.html --url https://blog.example.org/a-post -f markdown > post.md
      curl -s https://blog.example.org/a-post | archiver extract - --url https://blog.example.org/a-post --text
      archiver extract page.html --url https://blog.example.org/a-post --save-case cases/a-post
      archiver extract cases

    Exit code: 0 extracted, all cases as expected; 1 a case differs, the page cannot be fetched, or it is no HTML page;
    2 wrong usage.
    """
    file, form, evidence, rules, case = options.file, options.form, options.evidence, options.rules, options.case
    if file and Path(file).is_dir():
        if options.url or rules or case or evidence or form not in ("json", "text"):
            raise click.UsageError(
                f"{file} is a folder with cases: only --json or --text can be given with it. A case that is saved with "
                "--rules is read by the rules in its folder, rules.toml."
            )
        _run_cases(Path(file), as_json=form == "json" and not is_default("form"))
        return
    source = _fetch(options) if _is_url(file) else _read_file(file, options.url)
    from archiver.extraction.article import extract_page
    from archiver.extraction.explanations import explain, explanations_as_data
    from archiver.extraction.page import parse_page
    from archiver.markup.text_marks import pack_marks
    from archiver.sites.page_objects import load_page_objects, parse_rules

    html = source.html
    at = source.at or (datetime.now(UTC) if case else None)
    page = parse_page(html, source.url, source.content_type, at)
    if why := _reason_not_html(html, page.text):
        raise UnreadableInput(source.name, why)
    toml = read_bytes(rules) if rules else b""
    site_rules = parse_rules(toml, rules) if rules else None
    page_objects = load_page_objects()
    page_objects.check()
    found = page_objects.apply(extract_page(page, rules=site_rules), page)
    if site_rules is not None:
        _warn_of_unmatched(page, found, site_rules.post)
    used = page_objects.of(page.url)
    if case and at:
        _save_case(Path(case), used, _Case(html, page.url, at, toml), found)
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
        from archiver.search.document_files import FILE_FORMATS, article_record

        click.echo(FILE_FORMATS[form].write(article_record(found)), nl=False)
        return
    article["markup"] = pack_marks(found.markup)
    shown = [f.name for f in FIELDS if f.name in article]
    shown += [name for name in article if name not in shown and name != "evidence"]
    out = {name: _to_plain_data(article[name]) for name in shown}
    print_json({**out, "evidence": explanations_as_data(explain(article, found.evidence))} if evidence else out)


def _reason_not_html(data: bytes, text: str) -> str:
    """Returns why a file is not an HTML page, given its bytes and its decoded text; "" if it may be one."""
    from archiver.extraction.page import unpack_undeclared
    from archiver.warc.payload import is_binary

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
    from archiver.scheduling.single_pages import fetch_page

    found = fetch_page(options.file, delay=options.delay, contact=options.contact)
    return _Source(found.url, found.url, found.body, found.content_type, found.at)


def _read_file(file: str, url: str | None) -> _Source:
    from archiver.model.urls import start_address

    if not file.strip():
        raise UnreadableInput(repr(file), "give the URL of a page, or the name of a file or folder")
    if file != "-" and not Path(file).exists():
        is_address = re.match(r"[\w.-]+\.[^\W\d_]{2,}(?::\d+)?/|(?:localhost|[\d.]+):\d+", file)
        advice = f"; a page is fetched if its URL begins with its scheme: {start_address(file)}" if is_address else ""
        raise UnreadableInput(file, f"there is no such file or folder{advice}")
    if not url:
        raise click.MissingParameter(param_hint="'--url'", param_type="option")
    return _Source("The standard input" if file == "-" else file, start_address(url), read_bytes(file))


def _run_cases(folder: Path, *, as_json: bool) -> None:
    """Runs all case folders in a folder and prints the differences of each case from its expected result, as JSON if
    `as_json` is True. Exits with code 1 if there are any.
    """
    from archiver.sites.page_objects import find_cases, load_page_objects

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
        found, differences = _run_case(case, page_objects)
        reports.append({"case": case.name, "page_object": found, "differences": differences})
    if as_json:
        print_json(reports)
    else:
        for one in reports:
            name = f"{one['case']} ({one['page_object'] or 'no page object'})"
            print_lines(f"{name}: {'differs' if one['differences'] else 'as expected'}")
            print_lines(*(styled_line(text, indent=2) for text in one["differences"]))
    if any(one["differences"] for one in reports):
        sys.exit(1)


def _run_case(folder: Path, page_objects: PageObjects) -> tuple[str | None, list[str]]:
    """Runs one case. Returns the name of its page object (None if there is none), and a sentence for each difference
    from the expected result.
    """
    from archiver.sites.page_objects import (
        EXPECTED,
        case_differences,
        failures_of,
        read_case,
        read_expected,
        why_unused,
    )

    if not (folder / EXPECTED).exists():
        return None, [
            f"there is no {EXPECTED}, so nothing is tested: 'archiver extract page.html --url URL --save-case FOLDER' "
            "writes a whole case"
        ]
    article = read_case(folder, page_objects)
    used = page_objects.of(article.url)
    unused = [why] if used and (why := why_unused(used, article)) else []
    differences = [*unused, *failures_of(article), *case_differences(article, read_expected(folder))]
    return used.name if used else None, differences


@dataclass(frozen=True, slots=True)
class _Case:
    """The input of a case: the page as it was served, its URL, the time at which it was captured, and site rules (TOML;
    empty if there are none).
    """

    html: bytes
    url: str
    at: datetime
    rules: bytes


def _save_case(folder: Path, used: LoadedPageObject | None, case: _Case, article: Article) -> None:
    """Writes a case folder, with the extracted `article` as the expected result. `used` is the page object for the
    page's address, if there is one.
    """
    from archiver.model.fields import EVIDENCE
    from archiver.sites.page_objects import why_unused, write_case

    if used and (why := why_unused(used, article)):
        raise click.UsageError(f"No case was saved, because {why}. {_HOW_TO_MAKE_POST}")
    names = used.fields if used else [name for name in EVIDENCE if getattr(article, name)]
    try:
        write_case(folder, case.html, case.url, case.at, article, names, case.rules)
    except FileExistsError:
        raise click.UsageError(f"{folder} exists. Choose another name, or delete it first.") from None
    except OSError as error:
        raise OutputNotWritable(str(folder), error.strerror or str(error)) from error


def _warn_of_unmatched(page: Page, article: Article, marks: Iterable[str]) -> None:
    """Prints on standard error which rules found nothing on the page (`marks` are those of posts), and whether the page
    is not a post.
    """
    from archiver.model.items import PageKind
    from archiver.model.page_rules import BY_HAND

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
    from archiver.model.items import PAGE_OBJECT, PAGE_OBJECT_FAILED
    from archiver.sites.page_objects import why_unused

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


_WIDTH = 72


def print_explanations(
    explained: Iterable[FieldExplanation], readers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Prints for each field a table of its candidates, with the chosen one marked and the reason for the choice.
    `readers` maps a field to a description of the extractor that extracted it. Fields without any candidate are listed
    at the end.
    """
    empty = []
    for one in explained:
        if not one.chosen and not one.candidates:
            empty.append(one.field)
            continue
        lacking = next((c.value for c in one.candidates if c.source == UNCONFIRMED), "")
        missing = f"the page has not shown it since {format_time(lacking)}" if lacking else ""
        why = "; ".join(filter(None, (one.why, missing, readers.get(one.field))))
        print_lines(
            styled_line((one.field, "bold"), "  ", _shorten(one.chosen) or "(none)"),
            styled_line((why, "dim"), indent=2),
        )
        if one.candidates:
            print_table(
                ("", "candidate", "source", "location", "confidence"),
                [
                    ("*" if won else "", _shorten(c.value) or "(none)", c.source, c.locator, f"{c.confidence:.2f}")
                    for c, won in zip(one.candidates, one.won, strict=True)
                    if c.source != UNCONFIRMED
                ],
                numbers=(4,),
            )
        print_lines("")
    if empty:
        print_lines(styled_line(("not found: ", "dim"), ", ".join(empty)))


def _shorten(value: str) -> str:
    text = " ".join(value.split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
