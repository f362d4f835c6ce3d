"""Decides again which pages of a site are posts, from their captures: stores pages that prove to be posts, and
withdraws articles whose pages prove not to be.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.articles.post_verdicts import judge_forms
from archiver.learning.form_verdicts import form_pages, judge_site
from archiver.learning.rejudging import RejudgedPage, Rejudging, RejudgingTally, rejudge
from archiver.model.items import PageKind
from archiver.storage import Database
from archiver.storage.page_forms import forms_of_site, pages_without_form
from archiver.storage.page_writer import StoringRun
from archiver.storage.runs import last_run
from archiver.storage.transactions import lock_site


def rejudge_site(db: Database, archive: Path, site: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """Decides again which pages of a site are posts, and stores the changes unless `dry_run` is True. Returns a report
    with the forms of its pages and their verdicts, the pages that changed, and those that could not be read. Raises
    ArchiveInUse if the site is being crawled.
    """
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(lock_site(archive, site["name"]))
        return _rejudge(db, archive, site, dry_run=dry_run)


def _rejudge(db: Database, archive: Path, site: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
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
        "posts": [_rejudged_as_data(page) for page in changed if page.kind is PageKind.POST],
        "withdrawn": [_rejudged_as_data(page) for page in changed if page.kind is not PageKind.POST],
        "left": tally.left,
        "unreadable": formed.unreadable,
    }


def _rejudged_as_data(page: RejudgedPage) -> dict[str, Any]:
    row = page.page.row
    return {"url": row["url"], "before": row["rule"], "rule": page.rule, "article_id": row["article_id"]}
