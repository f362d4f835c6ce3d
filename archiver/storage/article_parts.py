"""Posts that are split over several pages: which pages form one post, their rows in
the table `article_parts`, and the body joined from them.

All functions that take a database expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archiver.articles.article_comparison import fold_words, is_other_post
from archiver.items import (
    Article,
    DiscoveredURL,
    DiscoverySource,
    Mark,
    MarkedText,
    Outcome,
    PageKind,
    PageResult,
)
from archiver.markup.text_marks import captions_of, join_marks, pack_marks, unpack_marks
from archiver.storage import Database, pages
from archiver.storage.articles import add_aliases, article_from_row
from archiver.storage.field_evidence import compact_json
from archiver.storage.sources import record_discovered_urls
from archiver.urls import urlkey

_UNREAD = "of it could not be read"
CLAIMED_PART_RULE = "claims to be a part"
"""The rule of a page that calls itself a part of a post, while the post does not list the page yet."""
_RELEASED = "its post does not list it as a page"


def part_reason(number: int, post: str) -> str:
    """Returns the phrase that explains why a page has the outcome `part`. `number` is the number of the page in the
    post; 0 is a page that shows the complete post.
    """
    return f"page {number} of {post}" if number else f"all pages of {post} on one"


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One of several pages of a post, with the text last extracted from it; `text` is None if the page was never
    fetched.
    """

    number: int
    url: str
    text: str | None
    markup: tuple[Mark, ...] = ()


def join_stored_parts(parts: Mapping[int, MarkedText]) -> MarkedText:
    """Joins the texts of a post's pages, by number, into its body with its marks. Number 0 is a page that shows the
    complete post.
    """
    if 0 in parts:
        return parts[0]
    texts = [parts[number] for number in sorted(parts)]
    body = join_parts([one.text for one in texts])
    return MarkedText(body, join_marks(texts, body))


def parts_of(db: Database, key: str) -> tuple[StoredPart, ...]:
    """Returns the pages whose texts form the post at this urlkey, including its first page (number 1)."""
    rows = db.execute(
        "select number, url, text, markup from article_parts where post_urlkey = ? order by number", [key]
    )
    return tuple(
        StoredPart(number, url, text, unpack_marks(json.loads(markup or "[]"))) for number, url, text, markup in rows
    )


def text_of_part(db: Database, key: str) -> str | None:
    """Returns the text last extracted from a further page of a post, by the page's urlkey; None if its post has not
    confirmed that the page belongs to it.
    """
    row = db.execute(
        "select t.text from article_parts t join pages p on p.urlkey = t.urlkey where t.urlkey = ? and p.rule <> ?",
        [key, CLAIMED_PART_RULE],
    ).fetchone()
    return row[0] if row else None


def article_at(db: Database, key: str) -> Article | None:
    """Returns the stored article that the page at this urlkey shows or is a part of; None if not found."""
    row = next(
        iter(db.query("select a.* from articles a join pages p on p.article_id = a.id where p.urlkey = ?", [key])), None
    )
    return article_from_row(row) if row else None


def is_own_post(db: Database, result: PageResult) -> bool:
    """Returns True if a page that claims to be a part of another post was stored before as a post of its own. It stays
    a post until the other post is fetched, and either lists the page or releases it (`release_parts`). Returns True
    also for a page that was released and makes the claim again.
    """
    known = pages.known_page(db, urlkey(result.url))
    if known is None or known.fetched_at is None or text_of_part(db, known.urlkey) is not None:
        return False
    return known.kind is PageKind.POST or (known.outcome is Outcome.PART and known.kind is not PageKind.PART)


def enter_part(db: Database, result: PageResult) -> int | None:
    """Stores the text of a further page of a post. Returns the ID of the post's article; None if the article is not
    stored or the post does not list this page. If the page only claims to be a part of a stored post, the post is made
    due, to find out.
    """
    key, post = urlkey(result.url), urlkey(result.part_of)
    listed = db.execute("select 1 from article_parts where urlkey = ? and post_urlkey = ?", [key, post]).fetchone()
    db.execute(
        "insert into article_parts (urlkey, url, post_urlkey, number, text, markup) values (?, ?, ?, ?, ?, ?) on "
        "conflict (urlkey) do update set url = excluded.url, post_urlkey = excluded.post_urlkey, number = "
        "excluded.number, text = coalesce(excluded.text, text), markup = coalesce(excluded.markup, markup)",
        [key, result.url, post, result.part, *_columns_of(marked_body(result.article))],
    )
    row = db.execute(
        "select article_id from pages where urlkey = ? and outcome in ('archived', 'unchanged')", [post]
    ).fetchone()
    if row and not listed and result.rule == CLAIMED_PART_RULE:
        # Fetch the post unconditionally: a 304 would not show whether it has parts that were never fetched.
        pages.make_due_again(db, post, f"{result.url} says that it is a page of this post", unconditional=True)
    return row[0] if row and listed else None


def join_parts_of(db: Database, result: PageResult, *, has_parts: bool) -> PageResult:
    """Stores the parts of a post and returns the page result with the texts of all pages joined into the article's
    body. `has_parts` is True if parts of the post are already stored.

    If the first page is unchanged and another page has changed, the result contains the stored article with the new
    body.
    """
    key = urlkey(result.url)
    if not result.parts:
        if result.article is not None and has_parts:
            release_parts(db, key, {urlkey(url) for url in result.article.parts})
            db.execute("delete from article_parts where post_urlkey = ?", [key])
        return result
    own = marked_body(result.article)
    for number, url, text in ((1, result.url, own), *((n, u, None) for n, u in result.parts)):
        db.execute(
            "insert into article_parts (urlkey, url, post_urlkey, number, text, markup) values (?, ?, ?, ?, ?, ?) on "
            "conflict (urlkey) do update set post_urlkey = excluded.post_urlkey, number = excluded.number, text = "
            "coalesce(excluded.text, text), markup = coalesce(excluded.markup, markup)",
            [urlkey(url), url, key, number, *_columns_of(text)],
        )
    release_parts(db, key, {key, *(urlkey(url) for _, url in result.parts)})
    joined = join_stored_parts(
        {part.number: MarkedText(part.text, part.markup) for part in parts_of(db, key) if part.text is not None}
    )
    article = result.article
    if article is None:
        stored = article_at(db, key)
        if stored is None or marked_body(stored) == joined:
            return result
        article = stored
    return replace(result, outcome=Outcome.ARCHIVED, kind=PageKind.POST, article=with_body(article, joined))


def marked_body(article: Article | None) -> MarkedText | None:
    """Returns the body of an article with its marks (the positions of headings, links and other markup); None if there
    is no article.
    """
    return MarkedText(article.body, article.markup) if article else None


def with_body(article: Article, body: MarkedText) -> Article:
    """Returns a copy of the article with this body and the marks that belong to the body."""
    return replace(article, body=body.text, markup=body.markup, captions=captions_of(body.markup))


def update_part(db: Database, key: str, text: MarkedText) -> None:
    """Replaces the stored text of the part of a post at this urlkey by a new extraction of its capture."""
    db.execute("update article_parts set text = ?, markup = ? where urlkey = ?", [*_columns_of(text), key])


def _columns_of(text: MarkedText | None) -> tuple[str | None, str | None]:
    return (text.text, compact_json(pack_marks(text.markup))) if text else (None, None)


def link_parts_to_article(
    db: Database, site_id: int, result: PageResult, article_id: int | None, known: pages.PageState
) -> str:
    """Links the URLs of a post's parts to its stored article, whose ID is `article_id` (None if none was stored).
    `known` is what was stored of its page before. Returns a phrase with the numbers of the parts that could not be
    fetched; "" if all could be fetched.
    """
    has_parts = known.has_parts or bool(result.parts)
    if article_id is None or not (result.parts or result.article):
        if has_parts and result.outcome not in (Outcome.FAILED, Outcome.UNCHANGED):
            release_parts(db, urlkey(result.url), set(), only_claims=True)
        # A post that cannot be fetched now still lacks the same parts, so adding them later is not an edit.
        return _phrase_of_unread_parts(known.reason) if result.outcome is not Outcome.GONE else ""
    urls = [url for _, url in result.parts]
    asked = {urlkey(url) for url in urls}
    for number, url in enumerate(result.article.parts if result.article else (), 2):
        if urlkey(url) not in asked and _enter_part_unfetched(db, site_id, result, url, number):
            urls.append(url)
    for url in urls:
        # Hide an article made from this page before it was known as a part of another post.
        db.execute(
            "update articles set duplicate_of = ? where id = (select article_id from article_urls "
            "where urlkey = ?) and id <> ?",
            [article_id, urlkey(url), article_id],
        )
        db.execute("update pages set article_id = ? where urlkey = ? and kind = 'part'", [article_id, urlkey(url)])
    add_aliases(db, article_id, urls, "part", result.at)
    if not has_parts:
        return ""
    failed = db.execute(
        "select t.number, t.text is null from article_parts t join pages p on p.urlkey = t.urlkey where t.post_urlkey "
        "= ? "
        "and p.outcome in ('failed', 'refused') order by 1",
        [urlkey(result.url)],
    ).fetchall()
    phrases = (
        (_UNREAD, [str(number) for number, unread in failed if unread]),
        (
            "of it cannot be fetched now, so its stored text is kept",
            [str(number) for number, unread in failed if not unread],
        ),
    )
    return "; ".join(f"page {', '.join(numbers)} {phrase}" for phrase, numbers in phrases if numbers)


def is_incomplete(reason: str) -> bool:
    """Returns True if a post was stored without some of its parts, which could not be fetched, according to its page's
    stored reason.
    """
    return bool(_phrase_of_unread_parts(reason))


def _phrase_of_unread_parts(reason: str) -> str:
    """Returns the phrase in a page's stored reason about parts that could not be fetched; "" if all were fetched."""
    return next((phrase for phrase in reason.split("; ") if _UNREAD in phrase), "")


def set_capture_of_parts(db: Database, article_id: int, post: str) -> None:
    """If the current revision of an article has no capture, because only a further page of the post changed, links it
    to the newest capture of any page of the post. `post` is the post's urlkey.
    """
    db.execute(
        "update revisions set capture_id = (select max(c.id) from article_parts t join pages p on p.urlkey = t.urlkey "
        "join captures c on c.id = p.capture_id where t.post_urlkey = ? and c.status = 200) "
        "where article_id = ? and capture_id is null",
        [post, article_id],
    )


def _enter_part_unfetched(db: Database, site_id: int, result: PageResult, url: str, number: int) -> bool:
    """Records a part that need not be fetched, because a source hint contains the part's text.

    Returns False if the page was fetched before and is not a part.
    """
    record_discovered_urls(
        db, site_id, [DiscoveredURL(url, DiscoverySource.LINK, PageKind.PART, found_on=result.url)], result.at
    )
    return bool(
        db.execute(
            "update pages set kind = 'part', outcome = 'part', reason = ?, due_at = null where urlkey = ? "
            "and (fetched_at is null or (kind = 'part' and outcome = 'part')) returning id",
            [f"{part_reason(number, result.url)}; its text is known without fetching it", urlkey(url)],
        ).fetchall()
    )


def release_parts(db: Database, post: str, keep: set[str], *, only_claims: bool = False) -> None:
    """Releases the parts of a post that it no longer lists, so that they are fetched again as pages of their own.
    `post` is the urlkey of the post, and `keep` are the urlkeys of the parts that it still lists.

    If `only_claims` is True, only parts that are not linked to an article are released.
    """
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


_MAX_SEAM = 6
_MAX_PAGER_LENGTH = 120


def is_further_part(first: Article, part: Article) -> bool:
    """Returns True if a page (`part`) can be a further page of the post with the first page `first`. Their post IDs and
    dates must agree as far as both have them, and so must the titles.

    The titles agree if one of the further page's title candidates is the first page's title, with or without a page
    number. A further page may have no title.
    """
    if is_other_post(first, part):
        return False
    titles = {_without_page_number(t) for t in (part.title, *(e.value for e in part.evidence if e.field == "title"))}
    from archiver.extraction.pagination import MARK  # imported late: this loads lxml, which a search does not need

    return fold_words(MARK.sub("", first.title)) in titles or (not part.title and bool(part.body))


def _without_page_number(title: str) -> str:
    from archiver.extraction.pagination import BARE_MARK, MARK

    return fold_words(BARE_MARK.sub("", MARK.sub("", title)))


def repeats_part(text: str, before: Sequence[str]) -> bool:
    """Returns True if the `text` of a page equals the text of one of the pages before it (`before`). Some web servers
    answer the request for a page after the last one with the first or last page of the post.
    """
    return bool(text) and fold_words(text) in {fold_words(t) for t in before}


def join_parts(texts: Sequence[str]) -> str:
    """Joins the texts of a post's pages, in order, into one body without repetitions.

    An introduction that each page repeats above its text is kept only from the first page, and a note that each page
    repeats below its text only from the last page. A paragraph that ends one page and begins the next is kept once.
    Paragraphs that only link to the other pages are dropped.
    """
    pages = [_without_page_links(text.split("\n\n")) for text in texts if text.strip()]
    if len(texts) < 2 or not pages:
        return texts[0] if texts else ""
    foot = min((_count_common_start(pages[0][::-1], page[::-1]) for page in pages[1:]), default=0)
    out = list(pages[0])
    for page in pages[1:]:
        fresh = page[_count_common_start(pages[0], page) :]
        if foot and out and len(fresh) >= foot:
            del out[-foot:]
        out += fresh[_count_repeated_at_seam(out, fresh) :]
    return "\n\n".join(out)


def _without_page_links(paragraphs: list[str]) -> list[str]:
    return [
        p
        for at, p in enumerate(paragraphs)
        if not (at in (0, 1, len(paragraphs) - 2, len(paragraphs) - 1) and _is_page_links(p))
    ]


def _is_page_links(paragraph: str) -> bool:
    from archiver.extraction.pagination import PAGER

    return (
        len(paragraph) <= _MAX_PAGER_LENGTH and bool(re.search(r"\w", paragraph)) and bool(PAGER.fullmatch(paragraph))
    )


def _count_common_start(a: list[str], b: list[str]) -> int:
    """Returns how many paragraphs two pages have in common at their beginning."""
    count = 0
    for one, other in zip(a, b, strict=False):
        if not fold_words(one) or fold_words(one) != fold_words(other):
            break
        count += 1
    return count


def _count_repeated_at_seam(before: list[str], after: list[str]) -> int:
    """Returns how many paragraphs at the end of one page (`before`) are repeated at the beginning of the next page
    (`after`).
    """
    ends = [fold_words(p) for p in before[-_MAX_SEAM:]]
    begins = [fold_words(p) for p in after[:_MAX_SEAM]]
    for n in range(min(len(ends), len(begins)), 0, -1):
        if all(begins[:n]) and ends[-n:] == begins[:n]:
            return n
    return 0
