"""The table `page_counts`: the numbers of a site's pages by source, kind and outcome, kept by triggers."""

from __future__ import annotations

from dataclasses import dataclass

from archiver.storage import Database

_KEY = "site_id, source, kind, outcome, with_article"


_COLUMNS = f"{_KEY}, pages"


_CLASS = "{0}.kind, {0}.outcome, {0}.article_id is not null"


PAGE_COUNTS_QUERY = f"""select p.site_id, '' as source, {_CLASS.format("p")} as with_article, count(*) as pages
    from pages p {{0}} group by 1, 3, 4, 5
    union all select p.site_id, s.source, {_CLASS.format("p")}, count(*)
    from pages p join page_sources s on s.page_id = p.id {{0}} group by 1, 2, 3, 4, 5"""
"""SQL that computes the rows of `page_counts` from the table `pages`; {0} is a condition on `p`."""


@dataclass(frozen=True, slots=True)
class Count:
    """The number of a site's pages that have the same kind and outcome, were reported by `source` ("" means all pages
    of the site), and either all show an article or all show none.
    """

    source: str
    kind: str
    outcome: str
    with_article: bool
    pages: int


def page_counts(db: Database, site_id: int) -> list[Count]:
    """Returns the counts of a site's pages by source, kind and outcome."""
    rows = db.execute(
        "select source, kind, outcome, with_article, pages from page_counts where site_id = ? and pages <> 0", [site_id]
    )
    return [Count(source, kind, outcome, bool(article), pages) for source, kind, outcome, article, pages in rows]


def page_counts_of_sites(db: Database) -> dict[int, list[Count]]:
    """Returns for each site, by ID, the counts of all its pages by kind and outcome, with one query for all sites."""
    out: dict[int, list[Count]] = {}
    for site, kind, outcome, article, pages in db.execute(
        "select site_id, kind, outcome, with_article, pages from page_counts where source = '' and pages <> 0"
    ):
        out.setdefault(site, []).append(Count("", kind, outcome, bool(article), pages))
    return out


def recount_pages(db: Database) -> None:
    """Rebuilds the table `page_counts` by counting all pages."""
    db.execute("delete from page_counts")
    db.execute(f"insert into page_counts ({_COLUMNS}) {PAGE_COUNTS_QUERY.format('')}")
