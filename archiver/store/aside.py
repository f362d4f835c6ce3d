"""Pages of the ledger that a rule sets aside before they are fetched, and what the rules must know of their like.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from sqlite_utils import Database

from archiver.frontier import allowance, twins
from archiver.items import Source

LEARNED = (allowance.RULE, twins.RULE)
"""How the rules begin by which a run sets pages aside; the others are of the table of addresses."""
_MOST_SIBLINGS = 50


def set_aside(db: Database, page_id: int, rule: str, reason: str) -> None:
    """A page that was never fetched is not asked for: a rule for traps says so. It stays in the ledger."""
    db.execute("update pages set outcome = 'trap', rule = ?, reason = ?, due_at = null where id = ?",
               [rule, reason, page_id])


def put_off(db: Database, page_id: int, until: str) -> None:
    """A page that is due is not asked for before that time."""
    db.execute("update pages set due_at = ? where id = ?", [until, page_id])


def take_up(db: Database, site_id: int, due_at: str) -> None:
    """What a run learned to set aside is due after all; what the table of addresses tells stays where it is."""
    for rule in LEARNED:
        db.execute("update pages set outcome = 'due', reason = '', rule = null, due_at = ? where site_id = ? and "
                   "outcome = 'trap' and rule like ? || '%'", [due_at, site_id, rule])


def told_by(db: Database, page_id: int) -> list[tuple[Source, str]]:
    """Who told of a page, and on which page."""
    rows = db.execute("select source, found_on from page_sources where page_id = ?", [page_id])
    return [(Source(source), found_on or "") for source, found_on in rows]


def is_hearsay(db: Database, key: str) -> bool:
    """Whether nothing but the list of a web archive has told of the page at this urlkey."""
    told = db.execute("select min(source), max(source) from page_sources where page_id = "
                      "(select id from pages where urlkey = ?)", [key]).fetchone()
    return tuple(told) == (Source.CDX, Source.CDX)


def counted(db: Database, site_id: int) -> dict[str, int]:
    """How many addresses each rule has set aside."""
    return dict(db.execute("select rule, count(*) from pages where site_id = ? and outcome = 'trap' group by 1",
                           [site_id]).fetchall())


def posts_known(db: Database, site_id: int) -> int:
    """How many addresses of posts a site has, as far as is known."""
    return int(db.execute("select count(*) from pages where site_id = ? and kind = 'post'", [site_id]).fetchone()[0])


def is_post(db: Database, key: str) -> bool:
    """Whether the page at this urlkey was fetched and is a post."""
    return db.execute("select 1 from pages where urlkey = ? and kind = 'post' and article_id is not null",
                      [key]).fetchone() is not None


def stands_for(db: Database, key: str) -> bool:
    """Whether the page at this urlkey is read, or will be, so that its twin need not."""
    return db.execute("select 1 from pages where urlkey = ? and (outcome in ('archived', 'unchanged', 'duplicate') "
                      "or (outcome = 'due' and due_at is not null))", [key]).fetchone() is not None


def siblings(db: Database, plain: str) -> list[str]:
    """The urlkeys at this address with parameters behind it that were posts or are yet to be read, at most 50."""
    path = plain.partition("?")[0]
    rows = db.execute("select urlkey from pages where urlkey > ? and urlkey < ? and (article_id is not null or "
                      "outcome = 'due') limit ?", [path + "?", path + "@", _MOST_SIBLINGS])
    return [row[0] for row in rows]


def addresses_of(db: Database, article_id: int) -> list[str]:
    """The urlkeys that an article is known at."""
    return [row[0] for row in db.execute("select urlkey from article_urls where article_id = ?", [article_id])]


def article_of(db: Database, key: str) -> int | None:
    row = db.execute("select article_id from article_urls where urlkey = ?", [key]).fetchone()
    return row[0] if row else None
