"""The addresses of articles: each has one of its own, and aliases that lead to it.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlite_utils import Database

from archiver.items import Article
from archiver.store.ledger import stamp
from archiver.urls import urlkey


def add_alias(db: Database, target_key: str, alias: str, at: datetime) -> tuple[int | None, bool]:
    """An address that redirects to `target_key`: the article there (if any), and whether the alias is news."""
    row = db.execute("select article_id from article_urls where urlkey = ?", [target_key]).fetchone()
    if not row:
        return None, False
    own = db.execute("select urlkey from articles where id = ?", [row[0]]).fetchone()[0]
    if own == urlkey(alias):
        # Where the post has moved to was entered as its alias already: the two change places.
        promote(db, row[0], target_key)
        return int(row[0]), False
    return int(row[0]), bool(claim(db, row[0], [alias], "redirect", at))


def promote(db: Database, article_id: int, key: str) -> None:
    """Make one of an article's addresses its own; the one it had becomes an alias."""
    db.execute("update article_urls set kind = 'moved' where article_id = ? and kind = 'url'", [article_id])
    db.execute("update article_urls set kind = 'url' where urlkey = ?", [key])
    db.execute("update articles set urlkey = ?, url = (select url from article_urls where urlkey = ?) where id = ?",
               [key, key, article_id])


def redirecting(db: Database, key: str) -> list[str]:
    """The addresses that are known to redirect to this one."""
    return [row[0] for row in db.execute("select url from pages where redirect_urlkey = ?", [key])]


def enter_addresses(db: Database, article_id: int, article: Article, redirects: Iterable[str],
                    at: datetime, *, new: bool = False) -> list[str]:
    """Make this reading's address the article's own, and its redirects (also those met earlier) aliases; `new`: the
    article has no address yet."""
    key = urlkey(article.url)
    if not new:
        db.execute("update article_urls set kind = 'moved' where article_id = ? and kind = 'url' and urlkey <> ?",
                   [article_id, key])
    if not db.execute("update aliases set kind = 'url', url = ?, article_id = ? where urlkey = ?",
                      [article.url, article_id, key]).rowcount:
        # Its row of `articles` says it all, but where another article has the address too, or this one another so far.
        db.execute("insert into aliases (urlkey, url, article_id, kind, first_seen) select ?, ?, ?, 'url', ? "
                   "where exists (select 1 from articles where urlkey = ? and id <> ?) "
                   "or not exists (select 1 from articles where id = ? and urlkey = ?)",
                   [key, article.url, article_id, stamp(at), key, article_id, article_id, key])
    return claim(db, article_id, [*redirects, *redirecting(db, key)], "redirect", at)


def claim(db: Database, article_id: int, urls: Iterable[str], kind: str, at: datetime) -> list[str]:
    """Enter addresses as aliases where nothing owns them; returns those that were new."""
    return [url for url in urls if db.execute(
        "insert into aliases (urlkey, url, article_id, kind, first_seen) select ?1, ?2, ?3, ?4, ?5 "
        "where not exists (select 1 from article_urls where urlkey = ?1)",
        [urlkey(url), url, article_id, kind, stamp(at)]).rowcount]
