"""The URLs of articles (which of them a person would cite, and which are aliases), and identification: finds the stored
article to which an extracted article belongs.

An article has one own URL, and may have aliases. All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from archiver.articles.article_comparison import are_same_post, content_digest, shares_text
from archiver.discovery.url_classifier_and_patterns import path_and_query
from archiver.items import Article
from archiver.storage import Database
from archiver.storage.article_tables.article_and_revision_rows import article_from_row
from archiver.storage.pages_and_source_hints import resolve_redirects, stamp
from archiver.urls import names_post, names_second_form, urlkey


def add_alias(db: Database, target_key: str, alias: str, at: datetime) -> tuple[int | None, bool]:
    """Records that the URL `alias` redirects to the URL with the urlkey `target_key`. Returns the ID of the article at
    that urlkey (None if there is none), and True if the alias is new.
    """
    row = db.execute("select article_id from article_urls where urlkey = ?", [target_key]).fetchone()
    if not row:
        return None, False
    own = db.execute("select urlkey from articles where id = ?", [row[0]]).fetchone()[0]
    if own == urlkey(alias):
        # The post has moved to a URL that was its alias, so the two URLs change places.
        make_own_url(db, row[0], target_key)
        return int(row[0]), False
    if resolve_redirects(db, own) == urlkey(alias):
        # The post has moved to a URL that redirected to the post's own URL through several redirects, of which this is
        # the last.
        is_new = bool(add_aliases(db, row[0], [alias], "redirect", at))
        make_own_url(db, row[0], target_key)
        return int(row[0]), is_new
    return int(row[0]), bool(add_aliases(db, row[0], [alias], "redirect", at))


def make_own_url(db: Database, article_id: int, key: str) -> None:
    """Makes one of an article's URLs (by its urlkey) the article's own URL; its former own URL becomes an alias."""
    db.execute("update article_urls set kind = 'moved' where article_id = ? and kind = 'url'", [article_id])
    db.execute("update article_urls set kind = 'url' where urlkey = ?", [key])
    db.execute(
        "update articles set urlkey = ?, url = (select url from article_urls where urlkey = ?) where id = ?",
        [key, key, article_id],
    )


def urls_redirecting_to(db: Database, key: str) -> list[str]:
    """Returns the URLs that redirected to this urlkey when they were last fetched."""
    pages = "select url from pages where redirect_urlkey = ? and kind not in ('feed', 'sitemap', 'api')"
    return [row[0] for row in db.execute(pages, [key])]


def enter_addresses(
    db: Database, article_id: int, article: Article, redirects: Iterable[str], at: datetime, *, new: bool = False
) -> list[str]:
    """Makes the URL of `article` the stored article's own URL, and makes aliases of the URLs that redirect to it.
    Returns the new aliases.

    `new` is True if the stored article has no URL yet.
    """
    key = urlkey(article.url)
    if not new:
        db.execute(
            "update article_urls set kind = 'moved' where article_id = ? and kind = 'url' and urlkey <> ?",
            [article_id, key],
        )
    if not db.execute(
        "update aliases set kind = 'url', url = ?, article_id = ? where urlkey = ?", [article.url, article_id, key]
    ).rowcount:
        # A row is needed only if another article has this URL as its own, too, or if this article's own URL is a
        # different one.
        db.execute(
            "insert into aliases (urlkey, url, article_id, kind, first_seen) select ?, ?, ?, 'url', ? "
            "where exists (select 1 from articles where urlkey = ? and id <> ?) "
            "or not exists (select 1 from articles where id = ? and urlkey = ?)",
            [key, article.url, article_id, stamp(at), key, article_id, article_id, key],
        )
    return add_aliases(db, article_id, [*redirects, *urls_redirecting_to(db, key)], "redirect", at)


def add_aliases(db: Database, article_id: int, urls: Iterable[str], kind: str, at: datetime) -> list[str]:
    """Adds URLs to an article as aliases of this kind ("copy", "moved", "part" ...), except URLs that already belong to
    an article; returns the added URLs.
    """
    return [
        url
        for url in urls
        if db.execute(
            "insert into aliases (urlkey, url, article_id, kind, first_seen) select ?1, ?2, ?3, ?4, ?5 "
            "where not exists (select 1 from article_urls where urlkey = ?1)",
            [urlkey(url), url, article_id, kind, stamp(at)],
        ).rowcount
    ]


def give_addresses(db: Database, article_id: int, to: int, at: datetime) -> None:
    """Makes the own URL of an article, and its aliases, aliases of another article (`to`) that has the same text."""
    db.execute("update aliases set article_id = ? where article_id = ? and kind <> 'url'", [to, article_id])
    db.execute(
        "insert into aliases (urlkey, url, article_id, kind, first_seen) select urlkey, url, ?, 'copy', ? "
        "from articles where id = ? on conflict (urlkey) do update set article_id = excluded.article_id, kind = 'copy'",
        [to, stamp(at), article_id],
    )


# -- finding the stored article to which an extracted article belongs


def find_article_of(db: Database, site: str, article: Article, redirects: Iterable[str]) -> dict[str, Any] | None:
    """Returns the row of the stored article that an extracted article belongs to, found by platform ID or guid, by URL,
    or by title, date and text; None if the article is new. `redirects` are the URLs that redirected to its page.
    """
    for where, value in (("site = ? and post_id = ?", article.post_id), ("site = ? and guid = ?", article.guid)):
        if value and (row := article_where(db, where, [site, value])):
            return row
    own = urlkey(article.url)
    if (row := _at_address(db, own)) and not _is_another_post(row, article):
        return row
    moved = {
        row["id"]: row
        for url in (*redirects, *urls_redirecting_to(db, own))
        if (row := _at_address(db, urlkey(url))) and not _is_another_post(row, article)
    }
    # A post that redirects to a page need not be there: its site may send the readers of a deleted post to a list. Of
    # several posts that redirect to one page, it is the one that it shows.
    is_single = len(moved) == 1
    moved = {key: row for key, row in moved.items() if _shows_post(article, article_from_row(row), is_single=is_single)}
    return next(iter(moved.values()), None) or _at_canonical(db, article) or _with_text(db, site, article)


_IS_KNOWN = """select exists (select 1 from articles where urlkey in (:own, :canonical))
    or exists (select 1 from aliases where urlkey in (:own, :canonical))
    or exists (select 1 from articles where site = :site and post_id = :post_id)
    or exists (select 1 from articles where site = :site and guid = :guid)
    or exists (select 1 from articles where content_digest = :digest)
    or exists (select 1 from pages where redirect_urlkey = :own)
    or exists (select 1 from tombstone_urls where urlkey = :own)
    or exists (select 1 from tombstones where site = :site and allowed_at is null)"""


def is_unknown(db: Database, site: str, article: Article, redirects: Iterable[str]) -> bool:
    """Returns True if nothing in the archive can belong to an extracted article: no article has its URL, IDs or text,
    no URL redirects to it, and it was not removed. Most posts of a first crawl are unknown, so this test saves many
    look-ups.
    """
    if tuple(redirects):
        return False
    own = urlkey(article.url)
    values = {
        "own": own,
        "canonical": urlkey(article.canonical_url) if article.canonical_url else own,
        "site": site,
        "post_id": article.post_id or None,
        "guid": article.guid or None,
        "digest": content_digest(article.body) or None,
    }
    return not db.conn.execute(_IS_KNOWN, values).fetchone()[0]


def _at_canonical(db: Database, article: Article) -> dict[str, Any] | None:
    key = urlkey(article.canonical_url) if article.canonical_url else ""
    row = _at_address(db, key) if key and key != urlkey(article.url) else None
    if row and not _is_another_post(row, article) and have_same_post_or_text(article_from_row(row), article):
        return row
    return None


def _with_text(db: Database, site: str, article: Article) -> dict[str, Any] | None:
    digest = content_digest(article.body)
    same = _articles_where(db, "content_digest = ? and site = ? order by id", [digest, site]) if digest else ()
    return next((row for row in same if are_same_post(article_from_row(row), article)), None)


def have_same_post_or_text(a: Article, b: Article) -> bool:
    """Returns True if two articles are the same post, or have the same text or title. A canonical URL that leads from
    one to the other is believed only then.
    """
    digest = content_digest(a.body)
    same_text = bool(digest) and digest == content_digest(b.body)
    return same_text or are_same_post(a, b) or (bool(a.title) and a.title == b.title)


def _shows_post(article: Article, post: Article, *, is_single: bool) -> bool:
    """Returns True if the page of `article`, to which a post redirects, shows the post. If it is the only post that
    redirects there, it may have been edited when it was moved.
    """
    return have_same_post_or_text(post, article) or (is_single and shares_text(post.body, article.body))


def _is_another_post(row: dict[str, Any], article: Article) -> bool:
    """Returns True if a platform reused the URL of a stored article for another post: both have platform IDs, and the
    IDs differ.
    """
    return bool(article.post_id and row["post_id"] and article.post_id != row["post_id"])


def article_where(db: Database, where: str, values: list[Any]) -> dict[str, Any] | None:
    return next(_articles_where(db, f"{where} order by id limit 1", values), None)


def _articles_where(db: Database, where: str, values: list[Any]) -> Iterator[dict[str, Any]]:
    cursor = db.execute(f"select * from articles where {where}", values)
    for row in cursor:
        yield dict(zip((column[0] for column in cursor.description), row, strict=True))


def release_borrowed_address(db: Database, row: dict[str, Any], article: Article) -> bool:
    """Removes a URL from the stored article in `row` if the site only showed that article there by mistake for some
    time, and the URL now shows another post, `article`. Returns False if the URL stays with the stored article.

    The URL is removed only if another URL of the stored article is older and still shows it, and the two posts differ
    in title, text and time of publication.
    """
    key, old = urlkey(article.url), article_from_row(row)
    if not (old.published and article.published) or old.published == article.published:
        return False
    other = _address_before(db, row["id"], key)
    if other is None or have_same_post_or_text(old, article):
        return False
    if row["urlkey"] == key:
        make_own_url(db, row["id"], other)
    db.execute("delete from aliases where urlkey = ? and article_id = ?", [key, row["id"]])
    return True


def is_borrowed_address(db: Database, key: str) -> bool:
    """Returns True if the URL with this urlkey belongs to an article only because it showed the same text as an older
    URL of the article, which still answers. A post of its own may appear there later.
    """
    row = db.execute("select article_id from article_urls where urlkey = ?", [key]).fetchone()
    return row is not None and _address_before(db, row[0], key) is not None


def _address_before(db: Database, article_id: int, key: str) -> str | None:
    """Returns the urlkey of an article's oldest URL that is older than the URL `key` and still showed the article,
    without a redirect, when it was last fetched; None if there is none.
    """
    if db.execute("select 1 from aliases where article_id = ? limit 1", [article_id]).fetchone() is None:
        return None  # most articles have no alias, and this query is faster than the next one
    row = db.execute(
        "select u.urlkey from article_urls u join article_urls here on here.article_id = u.article_id "
        "join pages p on p.urlkey = u.urlkey where here.urlkey = ? and u.article_id = ? and u.first_seen < "
        "here.first_seen and here.kind in ('copy', 'url', 'moved') and u.kind in ('copy', 'url') "
        "and p.redirect_urlkey is null and p.outcome in ('archived', 'unchanged', 'duplicate') "
        "order by u.first_seen limit 1",
        [key, article_id],
    ).fetchone()
    return row[0] if row else None


def _at_address(db: Database, key: str) -> dict[str, Any] | None:
    return article_where(db, "id = (select article_id from article_urls where urlkey = ?)", [key])


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """An address at which a post was read.

    - `is_short`: a page of the post declares it as its shortlink.
    - `is_given`: a feed, sitemap or API listed it in this crawl, or another page of the post has it in og:url or
      JSON-LD.
    - `is_canonical`: a page of the post declares it as canonical.
    """

    url: str
    is_short: bool = False
    is_given: bool = False
    is_canonical: bool = False

    @property
    def is_readable(self) -> bool:
        """Returns True unless the address is the shortlink or identifies the post by a number. Examples of such numbers
        are ?p=12 and, in a static copy of a site, index.html%3Fp=12.html.
        """
        _, query = path_and_query(self.url)
        return not self.is_short and not names_post((k, v) for k, v in parse_qsl(query) if v.isdigit())


def is_more_readable(here: KnownAddress, there: KnownAddress) -> bool | None:
    """Returns True if only `here` is readable, False if only `there` is readable, and None if both or neither of them
    are.
    """
    return None if here.is_readable == there.is_readable else here.is_readable


def is_preferred(here: KnownAddress, there: KnownAddress) -> bool | None:
    """Returns True if `here` is the better of two addresses that both respond, False if `there` is the better one, and
    None if nothing distinguishes them.

    The first of these differences decides: which address is readable, which is given (`is_given`), which is declared
    canonical, which does not name a print, AMP or mobile version, and which is shorter.
    """
    one, other = (
        (a.is_readable, a.is_given, a.is_canonical, not names_second_form(a.url), -len(urlkey(a.url)))
        for a in (here, there)
    )
    return None if one == other else one > other
