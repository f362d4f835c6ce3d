"""The pages of posts that are split over several: table `parts`, and what it makes of a post's body.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from archiver.articles.identity import join_parts
from archiver.items import Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.storage import pages
from archiver.storage.article_tables.identification import claim
from archiver.storage.article_tables.revisions import article_from_row
from archiver.storage.page_discoveries import record_targets
from archiver.urls import urlkey

_UNREAD = "of it could not be read"
CLAIM = "claims to be a part"
"""The rule by which a page is a part that no post has listed yet."""
_RELEASED = "its post does not list it as a page"


def part_reason(number: int, post: str) -> str:
    """What a page of a post is, in words; number 0 is the view that has all of them."""
    return f"page {number} of {post}" if number else f"all pages of {post} on one"


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A page of a post as it was last read; `text` is None where it was never read."""

    number: int
    url: str
    text: str | None


def parts_of(db: Database, key: str) -> tuple[StoredPart, ...]:
    """The pages that were joined into the post at this urlkey, its own first page (number 1) among them."""
    rows = db.execute("select number, url, text from article_parts where post_urlkey = ? order by number", [key])
    return tuple(StoredPart(*row) for row in rows)


def text_of(db: Database, key: str) -> str | None:
    """What the page at this urlkey last showed of its post, None where no reading of the post has confirmed any."""
    row = db.execute(
        "select t.text from article_parts t join pages p on p.urlkey = t.urlkey where t.urlkey = ? and p.rule <> ?",
        [key, CLAIM],
    ).fetchone()
    return row[0] if row else None


def article_at(db: Database, key: str) -> Article | None:
    """The article that the page at this urlkey belongs to, as it is stored."""
    row = next(
        iter(db.query("select a.* from articles a join pages p on p.article_id = a.id where p.urlkey = ?", [key])), None
    )
    return article_from_row(row) if row else None


def is_own_post(db: Database, visit: PageResult) -> bool:
    """Whether a page that calls itself a page of another post is a post after all: it was read as one before.

    A claim is settled when that post itself is read (`release`); a page that is released and claims again is no part.
    """
    known = pages.known_page(db, urlkey(visit.url))
    if known is None or known.fetched_at is None or text_of(db, known.urlkey) is not None:
        return False
    return known.kind is PageKind.POST or (known.outcome is Outcome.PART and known.kind is not PageKind.PART)


def enter_part(db: Database, visit: PageResult) -> int | None:
    """Keep what a page of a post shows; the article's number where it is known. A mere claim makes the post due."""
    key, post = urlkey(visit.url), urlkey(visit.part_of)
    listed = db.execute("select 1 from article_parts where urlkey = ? and post_urlkey = ?", [key, post]).fetchone()
    text = visit.article.body if visit.article else None
    db.execute(
        "insert into article_parts (urlkey, url, post_urlkey, number, text) values (?, ?, ?, ?, ?) on conflict "
        "(urlkey) do update "
        "set url = excluded.url, post_urlkey = excluded.post_urlkey, number = excluded.number, text = "
        "coalesce(excluded.text, text)",
        [key, visit.url, post, visit.part, text],
    )
    row = db.execute(
        "select article_id from pages where urlkey = ? and outcome in ('archived', 'unchanged')", [post]
    ).fetchone()
    if row and not listed and visit.rule == CLAIM:
        # What the post lists must be read anew: that it is unchanged says nothing where its pages were never asked for.
        pages.make_due_again(db, post, f"{visit.url} says that it is a page of it", unconditional=True)
    return row[0] if row and listed else None


def join(db: Database, visit: PageResult) -> PageResult:
    """The visit of a post with the texts of all of its pages as its body, and its pages entered.

    A first page that is unchanged while another changed becomes a new reading of the stored article.
    """
    key = urlkey(visit.url)
    if not visit.parts:
        if visit.article is not None and parts_of(db, key):
            release(db, key, {urlkey(url) for url in visit.article.parts})
            db.execute("delete from article_parts where post_urlkey = ?", [key])
        return visit
    own = visit.article.body if visit.article else None
    for number, url, text in ((1, visit.url, own), *((n, u, None) for n, u in visit.parts)):
        db.execute(
            "insert into article_parts (urlkey, url, post_urlkey, number, text) values (?, ?, ?, ?, ?) on conflict "
            "(urlkey) do update "
            "set post_urlkey = excluded.post_urlkey, number = excluded.number, text = coalesce(excluded.text, text)",
            [urlkey(url), url, key, number, text],
        )
    release(db, key, {key, *(urlkey(url) for _, url in visit.parts)})
    texts = {part.number: part.text for part in parts_of(db, key) if part.text is not None}
    body = texts[0] if 0 in texts else join_parts([texts[n] for n in sorted(texts)])
    article = visit.article
    if article is None:
        stored = article_at(db, key)
        if stored is None or stored.body == body:
            return visit
        article = stored
    return replace(visit, outcome=Outcome.ARCHIVED, kind=PageKind.POST, article=replace(article, body=body))


def settle(db: Database, site_id: int, visit: PageResult, article_id: int | None) -> str:
    """After a post is stored: the addresses of its pages lead to it. A phrase for the pages that are missing, or ""."""
    if article_id is None or not (visit.parts or visit.article):
        if visit.outcome not in (Outcome.FAILED, Outcome.UNCHANGED):
            release(db, urlkey(visit.url), set(), only_claims=True)
        # A post that fails now still lacks what it lacked: when its pages come, they are no edit of it.
        return _unread(db, urlkey(visit.url)) if visit.outcome is not Outcome.GONE else ""
    urls = [url for _, url in visit.parts]
    asked = {urlkey(url) for url in urls}
    for number, url in enumerate(visit.article.parts if visit.article else (), 2):
        if urlkey(url) not in asked and _enter_unread(db, site_id, visit, url, number):
            urls.append(url)
    for url in urls:
        # An article that was made of this page alone, before it was known as a page of another, is told no more.
        db.execute(
            "update articles set duplicate_of = ? where id = (select article_id from article_urls "
            "where urlkey = ?) and id <> ?",
            [article_id, urlkey(url), article_id],
        )
        db.execute("update pages set article_id = ? where urlkey = ? and kind = 'part'", [article_id, urlkey(url)])
    claim(db, article_id, urls, "part", visit.at)
    failed = db.execute(
        "select t.number, t.text is null from article_parts t join pages p on p.urlkey = t.urlkey where t.post_urlkey "
        "= ? "
        "and p.outcome in ('failed', 'refused') order by 1",
        [urlkey(visit.url)],
    ).fetchall()
    phrases = (
        (_UNREAD, [str(number) for number, unread in failed if unread]),
        ("of it fails now, its text is kept", [str(number) for number, unread in failed if not unread]),
    )
    return "; ".join(f"page {', '.join(numbers)} {phrase}" for phrase, numbers in phrases if numbers)


def was_incomplete(db: Database, key: str) -> bool:
    """Whether the post at this urlkey was stored without some of its pages, since they could not be read."""
    return bool(_unread(db, key))


def _unread(db: Database, key: str) -> str:
    """The phrase by which the page at this urlkey tells which pages of its post could not be read; "" without one."""
    row = db.execute("select reason from pages where urlkey = ?", [key]).fetchone()
    return next((phrase for phrase in ((row[0] if row else "") or "").split("; ") if _UNREAD in phrase), "")


def prove(db: Database, article_id: int, post: str) -> None:
    """A version that came of a further page alone points to the newest capture of the post's pages."""
    db.execute(
        "update revisions set capture_id = (select max(c.id) from article_parts t join pages p on p.urlkey = t.urlkey "
        "join captures c on c.id = p.capture_id where t.post_urlkey = ? and c.status = 200) "
        "where article_id = ? and capture_id is null",
        [post, article_id],
    )


def _enter_unread(db: Database, site_id: int, visit: PageResult, url: str, number: int) -> bool:
    """A page whose text another source told: it need not be read. False where it was read, and was no page of it."""
    record_targets(db, site_id, [DiscoveredURL(url, DiscoverySource.LINK, PageKind.PART, found_on=visit.url)], visit.at)
    return bool(
        db.execute(
            "update pages set kind = 'part', outcome = 'part', reason = ?, due_at = null where urlkey = ? "
            "and (fetched_at is null or (kind = 'part' and outcome = 'part')) returning id",
            [f"{part_reason(number, visit.url)}; its text is known without it", urlkey(url)],
        ).fetchall()
    )


def release(db: Database, post: str, keep: set[str], *, only_claims: bool = False) -> None:
    """Pages that the post at this urlkey does not list are no pages of it: they are read once more, for themselves."""
    claims = " and p.article_id is null" if only_claims else ""
    rows: list[Any] = db.execute(
        "select t.urlkey from article_parts t join pages p on p.urlkey = t.urlkey where "
        "t.post_urlkey = ? "
        f"and t.urlkey <> t.post_urlkey and p.kind = 'part'{claims}",
        [post],
    ).fetchall()
    for (key,) in rows:
        if key not in keep:
            db.execute("delete from article_parts where urlkey = ?", [key])
            db.execute("update pages set kind = 'unknown' where urlkey = ?", [key])
            pages.make_due_again(db, key, _RELEASED, unconditional=True)
