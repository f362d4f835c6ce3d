"""How many pages of a site have which kind and outcome, in all and by discovery source: kept by triggers, so that a
site of a hundred thousand pages is shown as fast as one of ten.

In `page_counts` a row with an empty `source` counts each page once, one with a source those that it found.
`with_article` says whether an article was read from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

_KEY = "site_id, source, kind, outcome, with_article"
_COLUMNS = f"{_KEY}, pages"
_CLASS = "{0}.kind, {0}.outcome, {0}.article_id is not null"
COUNTED = f"""select p.site_id, '' as source, {_CLASS.format('p')} as with_article, count(*) as pages
    from pages p {{0}} group by 1, 3, 4, 5
    union all select p.site_id, s.source, {_CLASS.format('p')}, count(*)
    from pages p join page_sources s on s.page_id = p.id {{0}} group by 1, 2, 3, 4, 5"""
"""SQL: the same, counted from the pages; {0} is a condition on `p`."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many pages that `source` told of ("": all) are of one kind and came to one outcome."""

    source: str
    kind: str
    outcome: str
    with_article: bool
    pages: int


def counts(db: Database, site_id: int) -> list[Count]:
    """All counts of a site."""
    rows = db.execute("select source, kind, outcome, with_article, pages from page_counts where site_id = ? "
                      "and pages <> 0", [site_id])
    return [Count(source, kind, outcome, bool(read), pages) for source, kind, outcome, read, pages in rows]


def fill(db: Database) -> None:
    """Count all pages anew. Expects to run inside the caller's transaction."""
    db.execute("delete from page_counts")
    db.execute(f"insert into page_counts ({_COLUMNS}) {COUNTED.format('')}")
