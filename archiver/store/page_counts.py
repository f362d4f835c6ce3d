"""How many pages of a site are of which kind and came to what, and of how many of them each source told: kept current
by the database, so that a site of a hundred thousand pages is shown as fast as one of ten.

In `page_counts` a row with an empty `source` counts each page once, one with a source those that it told of.
`with_article` says whether an article was read from them. The statements are of migration m031, and released: a later
step drops what it changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

_KEY = "site_id, source, kind, outcome, with_article"
_COLUMNS = f"{_KEY}, pages"
_SOURCES = "(select '' as source union all select source from page_tellers where page_id = {0}.id)"
_CLASS = "{0}.kind, {0}.outcome, {0}.article_id is not null"
# What is taken away may be entered later: of two triggers on one change SQLite says not which comes first.
_ENTER = f"on conflict ({_KEY}) do update set pages = pages + excluded.pages;"
_OF_PAGE = f"insert into page_counts ({_COLUMNS}) select {{0}}.site_id, source, {_CLASS}, {{1}} " \
           f"from {_SOURCES} where true {_ENTER}"
_OF_TELLER = f"insert into page_counts ({_COLUMNS}) select p.site_id, {{0}}.source, {_CLASS.format('p')}, {{1}} " \
             f"from pages p where p.id = {{0}}.page_id {_ENTER}"
_ADD, _TAKE = _OF_PAGE.format("new", 1), _OF_PAGE.format("old", -1)
_TOLD, _UNTOLD = _OF_TELLER.format("new", 1), _OF_TELLER.format("old", -1)
_IS_ANOTHER = " or ".join(f"old.{name} is not new.{name}" for name in ("id", "site_id", "kind", "outcome")) + \
              " or (old.article_id is null) <> (new.article_id is null)"
STATEMENTS = (
    "create table page_counts (site_id integer not null, source text not null, kind text not null, outcome text not "
    f"null, with_article integer not null, pages integer not null, primary key ({_KEY})) without rowid",
    f"create trigger page_counts_ai after insert on pages begin\n        {_ADD}\n    end",
    f"create trigger page_counts_ad after delete on pages begin\n        {_TAKE}\n    end",
    "create trigger page_counts_au after update of id, site_id, kind, outcome, article_id on pages when "
    f"{_IS_ANOTHER} begin\n        {_TAKE}\n        {_ADD}\n    end",
    f"create trigger page_counts_told_ai after insert on page_tellers begin\n        {_TOLD}\n    end",
    f"create trigger page_counts_told_ad after delete on page_tellers begin\n        {_UNTOLD}\n    end",
    "create trigger page_counts_told_au after update of page_id, source on page_tellers begin\n"
    f"        {_UNTOLD}\n        {_TOLD}\n    end",
    "create trigger page_counts_site_ad after delete on sites begin\n"
    "        delete from page_counts where site_id = old.id;\n    end",
)
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
    """All counts of a site; of an archive of an earlier release, which does not keep them, they are made."""
    if "page_counts" in db.table_names():
        rows = db.execute("select source, kind, outcome, with_article, pages from page_counts where site_id = ? "
                          "and pages <> 0", [site_id])
    else:
        rows = db.execute(f"select source, kind, outcome, with_article, pages from "
                          f"({COUNTED.format('where p.site_id = ?1')})", [site_id])
    return [Count(source, kind, outcome, bool(read), pages) for source, kind, outcome, read, pages in rows]


def make(db: Database) -> None:
    """The table, with what is there."""
    db.execute(STATEMENTS[0])
    fill(db)
    for statement in STATEMENTS[1:]:
        db.execute(statement)


def fill(db: Database) -> None:
    """Count all pages anew. Expects to run inside the caller's transaction."""
    db.execute("delete from page_counts")
    db.execute(f"insert into page_counts ({_COLUMNS}) {COUNTED.format('')}")
