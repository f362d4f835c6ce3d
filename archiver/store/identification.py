"""Which article a reading is of: one post is one article, whatever it is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlite_utils import Database

from archiver.items import Article
from archiver.record.identity import content_digest, same_post
from archiver.store.addresses import redirecting
from archiver.store.versions import article_from_row
from archiver.urls import urlkey


def find(db: Database, site: str, article: Article, redirects: Iterable[str]) -> dict[str, Any] | None:
    """The article that this reading is of: by the platform's number or guid, by address, by title, time and text."""
    for where, value in (("site = ? and post_id = ?", article.post_id), ("site = ? and guid = ?", article.guid)):
        if value and (row := article_where(db, where, [site, value])):
            return row
    for key in _keys(db, article, redirects):
        row = _at_address(db, key)
        if row and not _another_post(row, article):
            return row
    return _at_canonical(db, article) or _with_text(db, site, article)


def _keys(db: Database, article: Article, redirects: Iterable[str]) -> Iterator[str]:
    """The keys of the addresses of a reading: its own first, then those that lead to it."""
    own = urlkey(article.url)
    yield own
    yield from map(urlkey, (*redirects, *redirecting(db, own)))


def _at_canonical(db: Database, article: Article) -> dict[str, Any] | None:
    key = urlkey(article.canonical_url) if article.canonical_url else ""
    row = _at_address(db, key) if key and key != urlkey(article.url) else None
    if row and not _another_post(row, article) and same_post_or_text(article_from_row(row), article):
        return row
    return None


def _with_text(db: Database, site: str, article: Article) -> dict[str, Any] | None:
    digest = content_digest(article.body)
    same = _articles_where(db, "content_digest = ? and site = ? order by id", [digest, site]) if digest else ()
    return next((row for row in same if same_post(article_from_row(row), article)), None)


def same_post_or_text(a: Article, b: Article) -> bool:
    """A declared canonical is believed only where the content agrees: the same post, or the same text or title."""
    digest = content_digest(a.body)
    same_text = bool(digest) and digest == content_digest(b.body)
    return same_text or same_post(a, b) or (bool(a.title) and a.title == b.title)


def _another_post(row: dict[str, Any], article: Article) -> bool:
    """An address that a platform gave to another post: both have numbers, and the numbers differ."""
    return bool(article.post_id and row["post_id"] and article.post_id != row["post_id"])


def article_where(db: Database, where: str, values: list[Any]) -> dict[str, Any] | None:
    return next(_articles_where(db, f"{where} order by id limit 1", values), None)


def _articles_where(db: Database, where: str, values: list[Any]) -> Iterator[dict[str, Any]]:
    cursor = db.execute(f"select * from articles where {where}", values)
    for row in cursor:
        yield dict(zip((column[0] for column in cursor.description), row, strict=True))


def _at_address(db: Database, key: str) -> dict[str, Any] | None:
    return article_where(db, "id = (select article_id from article_urls where urlkey = ?)", [key])
