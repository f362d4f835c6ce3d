"""`archiver add`: fetches single pages and archives them, without crawling their sites."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

# Scrapy inspects the whole stack when it imports this. That takes a tenth of a second more from a deeper import.
import scrapy.core.downloader.contextfactory  # noqa: F401

from archiver.cli.index_update import update_search_index
from archiver.cli.shared_options import (
    archive_option,
    json_option,
    note_other_archive,
    pass_options_as,
    politeness_options,
    read_bytes,
    refuse_file,
    workers_option,
)
from archiver.cli.terminal_output import count_noun, print_json, print_lines, styled_line
from archiver.scheduling.single_pages import AddOptions, NamedPage, PageOutcome, add_pages
from archiver.storage.requisites import MODES

_STYLES: dict[PageOutcome, str] = {"new": "green", "revised": "green", "unchanged": "dim", "known": "dim"}
_OTHERS = "yellow"
_WIDTH = max(map(len, PageOutcome.__args__))  # type: ignore[attr-defined]
_COMMENT = "#"


@dataclass(frozen=True, slots=True)
class AddCommandOptions:
    """The options of `archiver add`."""

    urls: tuple[str, ...]
    files: tuple[str, ...]
    again: bool
    requisites: str | None
    workers: int
    delay: float | None
    contact: str | None
    quiet: bool
    as_json: bool
    archive: str


@click.command(short_help="Archive single pages, without crawling their sites.")
@click.argument("urls", metavar="[URL|-]...", nargs=-1)
@click.option(
    "--from",
    "files",
    metavar="FILE",
    type=click.Path(),
    multiple=True,
    help="Also add the URLs in this file, one per line; may be repeated.",
)
@click.option("--again", is_flag=True, help="Fetch pages that are archived again, too: an edit becomes a revision.")
@click.option(
    "--requisites",
    type=click.Choice(MODES, case_sensitive=False),
    metavar="none|lead|all",
    help="What else to capture of each page: its lead image, all images, stylesheets and fonts, or nothing  [default: "
    "the site's setting, or lead]",
)
@workers_option("How many sites to fetch from at the same time.")
@politeness_options
@click.option("--quiet", is_flag=True, help="Print only what was not archived.")
@json_option
@archive_option
@pass_options_as(AddCommandOptions)
def add(options: AddCommandOptions) -> None:
    """Fetch these pages now and archive them, and nothing else of their sites. With -, URLs are read from standard
    input, one per line; empty lines and lines that begin with # are skipped.

    robots.txt and delays are obeyed as in a crawl, and each page is stored with its WARC record. A page belongs to the
    site that contains it. If the archive has no such site, its host is added as a site with crawl=no, which keeps
    single pages: it is crawled only if you name it ('archiver crawl HOST'). Pages that are archived are not fetched
    again without --again. The archive is created if it does not exist.

    \b
    Examples:
      archiver add https://blog.example.org/2024/05/a-post --contact me@example.org
      archiver add --again https://blog.example.org/2024/05/a-post
      archiver add --from reading-list.txt --json
      cut -f2 bookmarks.tsv | archiver add -

    Exit code: 0 all pages are archived; 1 some are not, and the reason is printed; 2 wrong usage; 130 or 143 stopped by
    Ctrl-C or SIGTERM.
    """
    addresses = _read_addresses(options.urls, options.files)
    if not addresses:
        raise click.UsageError("Give the URL of at least one page, a list with --from FILE, or - for standard input.")
    silent = options.quiet or options.as_json
    note_other_archive(options.archive, quiet=silent)
    pages, signum = add_pages(
        Path(options.archive),
        addresses,
        AddOptions(
            options.again, options.delay, options.contact, options.requisites or "", options.workers, quiet=silent
        ),
    )
    if any(page.outcome in ("new", "revised") for page in pages):
        update_search_index(options.archive, quiet=silent)
    if options.as_json:
        print_json([page.as_json() for page in pages])
    else:
        _print_pages([page for page in pages if not (options.quiet and page.is_archived)], pages)
    if signum:
        sys.exit(128 + signum)
    if not all(page.is_archived for page in pages):
        sys.exit(1)


def _read_addresses(urls: Iterable[str], files: Sequence[str]) -> list[str]:
    """Returns the addresses given as arguments, on standard input ("-") and in files, in this order."""
    found: list[str] = []
    for url in (*urls, *(("-",) if "-" in files and "-" not in urls else ())):
        refuse_file(url)
        found += _read_list("-") if url == "-" else [url]
    for file in files:
        found += _read_list(file) if file != "-" else []
    return found


def _read_list(file: str) -> list[str]:
    lines = read_bytes(file).decode("utf-8-sig", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith(_COMMENT)]


def _print_pages(shown: Sequence[NamedPage], pages: Sequence[NamedPage]) -> None:
    for page in shown:
        style = _STYLES.get(page.outcome, _OTHERS)
        about = f"  {page.article}  {page.title or '(without title)'}" if page.article else ""
        reason = f": {page.reason}" if page.reason else ""
        print_lines(styled_line((f"{page.outcome:<{_WIDTH}}", style), f"  {page.asked}{reason}"))
        if about:
            print_lines(styled_line(f"{about}", indent=_WIDTH))
    if len(pages) > 1:
        counts = [
            f"{number:,} {outcome}"
            for outcome in PageOutcome.__args__  # type: ignore[attr-defined]
            if (number := sum(page.outcome == outcome for page in pages))
        ]
        print_lines(styled_line(f"{count_noun(len(pages), 'page')}: {', '.join(counts)}"))
