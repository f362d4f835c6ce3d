"""Decides again which stored pages of sites are posts, for `archiver reextract --pages`, and prints what changes."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archiver import __version__
from archiver.articles.page_form_verdicts import judge_forms
from archiver.cli.terminal import count_noun, print_json, print_lines
from archiver.items import PageKind
from archiver.maintenance.rejudging import RejudgedPage, Rejudging, RejudgingTally, form_pages, judge_site, rejudge
from archiver.storage.connection import environment_error, opened
from archiver.storage.locks import lock_site
from archiver.storage.page_forms import forms_of_site, pages_without_form
from archiver.storage.page_result_writer import StoringRun
from archiver.storage.runs import last_run
from archiver.storage.sites import find_site, list_sites

_EXAMPLES = 5


def rejudge_sites(archive: Path, words: Sequence[str], *, dry_run: bool, as_json: bool) -> None:
    """Decides again, from their captures, which pages of these sites are posts, stores the changes (unless `dry_run` is
    True) and prints them. `words` are names of sites; () means all sites.

    Exits with code 1 if a capture cannot be read. Raises SiteNotFound, and ArchiveInUse if a site is being crawled.
    """
    reports: list[dict[str, Any]] = []
    with opened(archive, read_only=dry_run) as db:
        names = [find_site(db, word)["name"] for word in words] or [site["name"] for site in list_sites(db)]
        for name in dict.fromkeys(names):
            site = next(iter(db.query("select * from sites where name = ?", [name])))
            with ExitStack() as stack:
                if not dry_run:
                    stack.enter_context(lock_site(archive, name))
                try:
                    reports.append(_rejudge_site(db, archive, site, dry_run=dry_run))
                except (sqlite3.Error, OSError) as error:
                    raise environment_error(error, archive) from error
    if as_json:
        print_json({"dry_run": dry_run, "sites": reports})
    else:
        for report in reports:
            print_lines(*_format_report(report, dry_run=dry_run))
    if any(report["unreadable"] for report in reports):
        sys.exit(1)


def _rejudge_site(db: Any, archive: Path, site: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    formed, now = RejudgingTally(), datetime.now(UTC)
    if dry_run:
        verdicts, run = judge_forms(forms_of_site(db, site["id"])), None
    else:
        form_pages(db, archive.parent, site["id"], formed)
        verdicts = judge_site(db, site["id"], now)
        last = last_run(db, site["id"])
        run = StoringRun(db, site, last["id"] if last else None, now, version=__version__)
    changed: list[RejudgedPage] = []

    def take(page: RejudgedPage) -> None:
        if page.is_changed:
            changed.append(page)

    tally, _ = rejudge(Rejudging(db, archive.parent, site, verdicts), run, everything=True, take=take)
    return {
        "site": site["name"],
        "forms": [
            {"id": one.form_id, "kind": one.kind, "address": one.address, "reason": one.reason}
            for one in verdicts.forms.values()
        ],
        "read": tally.read,
        "formed": formed.formed,
        "without_form": sum(1 for _ in pages_without_form(db, site["id"])),
        "posts": [_as_data(page) for page in changed if page.kind is PageKind.POST],
        "withdrawn": [_as_data(page) for page in changed if page.kind is not PageKind.POST],
        "left": tally.left,
        "unreadable": formed.unreadable,
    }


def _as_data(page: RejudgedPage) -> dict[str, Any]:
    row = page.page.row
    return {"url": row["url"], "before": row["rule"], "rule": page.rule, "article_id": row["article_id"]}


def _format_report(report: dict[str, Any], *, dry_run: bool) -> list[str]:
    verb = "would be " if dry_run else ""
    posts, withdrawn = len(report["posts"]), len(report["withdrawn"])
    lines = [
        f"{report['site']}: {count_noun(report['read'], 'page')} checked again: {posts:,} {verb}stored as "
        f"posts, {withdrawn:,} {verb}withdrawn"
    ]
    for name, pages in (("posts", report["posts"]), ("withdrawn", report["withdrawn"])):
        lines += [f"  {name}: {page['url']} (before: {page['before']})" for page in pages[:_EXAMPLES]]
        if len(pages) > _EXAMPLES:
            lines.append(f"  and {len(pages) - _EXAMPLES:,} more {name} (--json lists all)")
    if report["without_form"]:
        lines.append(
            f"  {count_noun(report['without_form'], 'page')} not yet compared with the other pages"
            + (": run the command without --dry-run to read their captures" if dry_run else "")
        )
    for message in (*report["left"], *report["unreadable"]):
        click.echo(f"  {message}", err=True)
    return lines
