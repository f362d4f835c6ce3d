"""What the database counts as it is written, against what there is to count."""

from __future__ import annotations

from collections.abc import Iterator

from sqlite_utils import Database

from archiver.store.checks.finding import Finding, counted, first_of
from archiver.store.page_counts import COUNTED

_REPAIR = "Run 'archiver verify --repair': the pages are counted anew."


def counts(db: Database) -> Iterator[Finding]:
    """The pages of each site by kind and outcome, which `archiver status` and the pages of sites are made of."""
    names = dict(db.execute("select id, name from sites").fetchall())
    wrong = [row[0] for row in db.execute(
        "select site_id from (select site_id, source, kind, outcome, with_article, pages from page_counts "
        f"where pages <> 0 except {_flat()}) union select site_id from ({_flat()} except select site_id, source, kind, "
        "outcome, with_article, pages from page_counts) order by 1")]
    yield from first_of(
        Finding("counts-differ", f"site {names.get(number, number)}", f"The pages of {names.get(number, number)} are "
                f"miscounted: it has {counted(pages, 'page')}", _REPAIR, "counts")
        for number in wrong
        for pages in db.execute("select count(*) from pages where site_id = ?", [number]).fetchone())


def _flat() -> str:
    return f"select site_id, source, kind, outcome, with_article, pages from ({COUNTED.format('')})"
