"""Converts articles and revisions to database rows and back, and writes them.

All functions that write expect to run inside the caller's transaction.

The parts of a post that is split over several pages are kept here, too, with the body joined from them.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from slugify import slugify

from archiver.articles.article_comparison import (
    are_same_post,
    changed_fields,
    content_digest,
    fold_words,
    is_other_post,
    is_part_url,
    is_stub,
    is_wall_text,
    meaning_digest,
    no_longer_shows,
    shares_text,
    unconfirmed_fields,
    with_finer_time,
    with_unconfirmed,
    without_known_tags,
)
from archiver.articles.guard import GONE_RULES
from archiver.articles.revision_order import MOST_REVERTS, Revert, lost_page_object_values, with_page_object_values
from archiver.markup.text_marks import captions_of, join_marks, pack_marks, unpack_marks
from archiver.model.due_reasons import DueFor, Remark, Remarks
from archiver.model.fields import EVIDENCE, LATEST, LINKS, PAGE_FIELDS, PAGE_LISTS, PAGE_TIMES, PROSE, STORED_LISTS
from archiver.model.items import (
    ORGANIZATIONS,
    PAGE_OBJECT_KEPT,
    Article,
    DiscoveredURL,
    DiscoverySource,
    Evidence,
    GeoTag,
    Mark,
    MarkedText,
    Outcome,
    PageKind,
    PageResult,
)
from archiver.model.urls import names_post, names_second_form, normalize, path_and_query, urlkey
from archiver.storage import Database, clusters, pages
from archiver.storage.captures import NEXT_ARTICLE_ID, set_missing_capture
from archiver.storage.columns import IS_LIVE, LISTS, TEXTS, _revision_json, stored_time, with_missing_fields
from archiver.storage.field_evidence import (
    EXTRACTION,
    Entry,
    compact_json,
    decode_evidence,
    encode_evidence,
    has_unconfirmed,
    kept_values,
    mark_unconfirmed,
    pack_evidence,
    unpack_evidence,
)
from archiver.storage.sources import record_discovered_urls

CLAIMED_PART_RULE = "claims to be a part"
"""The rule of a page that calls itself a part of a post, while the post does not list the page yet."""


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
        pages.make_due_again(db, post, DueFor.CLAIMED_PART, result.url, unconditional=True)
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
) -> Remarks:
    """Links the URLs of a post's parts to its stored article, whose ID is `article_id` (None if none was stored).
    `known` is what was stored of its page before. Returns remarks with the numbers of the parts that could not be
    fetched; none if all could be fetched.
    """
    has_parts = known.has_parts or bool(result.parts)
    if article_id is None or not (result.parts or result.article):
        if has_parts and result.outcome not in (Outcome.FAILED, Outcome.UNCHANGED):
            release_parts(db, urlkey(result.url), set(), only_claims=True)
        # A post that cannot be fetched now still lacks the same parts, so adding them later is not an edit.
        unread = known.remarks.get(Remark.UNREAD_PARTS)
        return {Remark.UNREAD_PARTS: unread} if unread and result.outcome is not Outcome.GONE else {}
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
        return {}
    failed = db.execute(
        "select t.number, t.text is null from article_parts t join pages p on p.urlkey = t.urlkey where t.post_urlkey "
        "= ? "
        "and p.outcome in ('failed', 'refused') order by 1",
        [urlkey(result.url)],
    ).fetchall()
    numbers = {
        Remark.UNREAD_PARTS: ", ".join(str(number) for number, unread in failed if unread),
        Remark.KEPT_PARTS: ", ".join(str(number) for number, unread in failed if not unread),
    }
    return {remark: some for remark, some in numbers.items() if some}


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
            pages.make_due_again(db, key, DueFor.NO_PART, unconditional=True)


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
    from archiver.extraction.post_parts import MARK

    return fold_words(MARK.sub("", first.title)) in titles or (not part.title and bool(part.body))


def _without_page_number(title: str) -> str:
    from archiver.extraction.post_parts import BARE_MARK, MARK

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
    from archiver.extraction.post_parts import PAGER

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


# -- SQL for revisions: the row of the current revision has only the fields that differ from `articles`, so that no text
# is stored twice


FULL_CONTENT = (
    f"case when r.revision = a.revision and json_valid(r.content) "
    f"then {with_missing_fields('r.content', 'a', TEXTS + LISTS)} "
    "else r.content end"
)
"""SQL: all fields of a revision as JSON, from a row `r` of revisions and the row `a` of its article."""


SHORTENED = f"""
    update revisions set content = (
        select json_remove(revisions.content, '$._', {
    ", ".join(f"iif(json_extract(revisions.content, '$.{n}') is a.{n}, '$.{n}', '$._')" for n in TEXTS)
}, {
    ", ".join(
        f"iif(json_extract(revisions.content, '$.{n}') = {_revision_json('a', n)}, '$.{n}', '$._')" for n in LISTS
    )
})
        from articles a where a.id = revisions.article_id)
    where json_valid(content) and revision = (select a.revision from articles a where a.id = revisions.article_id)"""
"""SQL statement: removes from the current revisions the fields that equal those in `articles`. A further condition
(`and ...`) may be appended."""


# -- articles as rows

_as_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would create an encoder for each call

Reread = Callable[[dict[str, Any]], Sequence[Article]]
"""A function that extracts the capture of a stored article (a row of `articles`) again; () if the capture is lost."""


def article_row(article: Article) -> dict[str, Any]:
    """Returns an extracted article as column values of `articles`, without the columns that do not come from a page.
    Lists are JSON; times are ISO 8601, in the time zone that the page gives.
    """
    row: dict[str, Any] = {name: getattr(article, name) for name in PAGE_FIELDS}
    for name in PAGE_LISTS:
        row[name] = _as_json(row[name]) if row[name] else "[]"
    row["geotags"] = _as_json([asdict(g) for g in article.geotags]) if article.geotags else "[]"
    row["markup"] = compact_json(pack_marks(article.markup)) if article.markup else "[]"
    for name in PAGE_TIMES:
        row[name] = row[name].isoformat() if row[name] else None
    return row


def article_from_row(row: dict[str, Any]) -> Article:
    """Returns the Article stored in a row of `articles`: the inverse of `article_row`, and in addition platform, post
    ID and guid. Columns that are missing or null (the row may be older than a field of the field table) give empty
    fields.
    """
    values = {name: row[name] for name in PAGE_FIELDS if name in row and (row[name] is not None or name not in PROSE)}
    for name in PAGE_LISTS:
        values[name] = tuple(json.loads(values.get(name) or "[]"))
    values["geotags"] = tuple(GeoTag(**g) for g in json.loads(values.get("geotags") or "[]"))
    values["markup"] = unpack_marks(json.loads(values.get("markup") or "[]"))
    for name in PAGE_TIMES:
        values[name] = pages.moment(values.get(name))
    return Article(
        **values, post_id=row.get("post_id") or "", guid=row.get("guid") or "", platform=row.get("platform") or ""
    )


def extractor_of(version: str, article: Article) -> str:
    """Returns the value of `articles.extractor` for an extracted article: the version of the program and, if site rules
    were used, the version of these rules.
    """
    return f"{version} {article.read_by}".strip()


def used_site_rules(extractor: str | None) -> bool:
    """Returns True if an article was extracted with site rules, by the value of its column `extractor`; False if that
    is None (unknown).
    """
    return " " in (extractor or "")


def write_facets(db: Database, article_id: int, article: Article) -> None:
    """Replaces the stored authors, categories, tags and places of an article."""
    for statements in _FACETS.values():
        db.conn.execute(statements.delete, [article_id])
    db.conn.execute("delete from geotags where article_id = ?", [article_id])
    write_new_facets(db, [(article_id, article)])


def write_new_facets(db: Database, articles: Sequence[tuple[int, Article]]) -> None:
    """Stores the authors, categories, tags and places of new articles, each given as its ID and its extracted
    article.
    """
    conn = db.conn
    for table, statements in _FACETS.items():
        names = [(article_id, found) for article_id, article in articles if (found := getattr(article, table))]
        if names:
            wanted = dict.fromkeys(name for _, found in names for name in found)
            known = {row[0] for row in conn.execute(statements.find, [_as_json(list(wanted))])}
            if new := [(name, slugify(name, allow_unicode=True)) for name in wanted if name not in known]:
                conn.executemany(statements.insert, new)
            conn.executemany(statements.link, [(article_id, _as_json(found)) for article_id, found in names])
    places = [(article_id, *astuple(place)) for article_id, article in articles for place in article.geotags]
    if places:
        conn.executemany(_INSERT_GEOTAG, places)


@dataclass(frozen=True, slots=True)
class _FacetStatements:
    """The SQL statements that write one of the lists of an article: its authors, categories or tags.

    - `delete`: deletes the links of an article to its names.
    - `link`: links an article to the names in a JSON list.
    - `find`: selects those names of a JSON list that are stored.
    - `insert`: inserts a name.
    """

    delete: str
    link: str
    find: str
    insert: str


_FACETS = {
    link.table: _FacetStatements(
        f"delete from {link.table_of_links} where article_id = ?",
        f"insert into {link.table_of_links} (article_id, {link.key}, position) select ?, f.id, j.key "
        f"from json_each(?) j cross join {link.table} f on f.name = j.value where true on conflict do nothing",
        f"select name from {link.table} where name in (select value from json_each(?))",
        f"insert into {link.table} (name, slug) values (?, ?)",
    )
    for link in LINKS
}
_PLACE = tuple(one.name for one in fields(GeoTag))
_INSERT_GEOTAG = f"insert into geotags (article_id, {', '.join(_PLACE)}) values (?{', ?' * len(_PLACE)})"


def revision_rows(db: Database, where: str, values: Sequence[Any] = (), more: str = "") -> Iterator[dict[str, Any]]:
    """Yields the rows of `revisions` that match an SQL condition. In each row, `said` holds all fields of the revision
    as JSON, including the fields that are stored only in `articles`.

    The condition refers to the revision as `r` and to its article as `a`; `order by` may follow it, and `values` are
    its parameters. `more` is SQL for further columns.
    """
    return db.query(
        f"select r.*, {FULL_CONTENT} as said{more and ', '}{more} from revisions r join articles a "
        f"on a.id = r.article_id where {where}",
        list(values),
    )


@dataclass(frozen=True, slots=True)
class NewRevision:
    """A revision to store.

    - `number`: its number.
    - `article`: the extracted article.
    - `observed_at`: when it was observed.
    - `changed`: the fields that changed.
    - `previous`: the number of the revision that was current until then.
    - `same_as`: the number of the earlier revision with the same content to which the post reverted; None if it did not
      revert.
    """

    number: int
    article: Article
    observed_at: datetime
    changed: tuple[str, ...] = ()
    capture_id: int | None = None
    run_id: int | None = None
    previous: int | None = None
    same_as: int | None = None


def write_revision(db: Database, article_id: int, new: NewRevision) -> None:
    """Stores a new revision. If it is the article's current revision, fields that equal those in `articles` are left
    out.
    """
    pages.insert_row(
        db,
        "revisions",
        {
            "article_id": article_id,
            "revision": new.number,
            "observed_at": pages.stamp(new.observed_at),
            "run_id": new.run_id,
            "capture_id": new.capture_id,
            "changed": json.dumps(list(new.changed)) if new.changed else "[]",
            "previous": new.previous,
            "same_as": new.same_as,
            **_content(new.article, _current_fields(db, article_id, new.number)),
        },
    )


class FirstRevision(NamedTuple):
    """The row of an article's first revision. All its fields equal those in `articles`, so that only its title is
    stored. `observed_at` is ISO 8601, UTC.
    """

    article_id: int
    observed_at: str
    run_id: int | None
    capture_id: int | None
    title: str
    meaning_digest: str


_INSERT_FIRST = (
    f"insert into revisions ({', '.join(FirstRevision._fields)}, revision, changed, content) "
    "values (?, ?, ?, ?, ?, ?, 1, '[]', '{}')"
)


def write_first_revisions(db: Database, rows: Sequence[FirstRevision]) -> None:
    """Stores the first revisions of new articles."""
    db.conn.executemany(_INSERT_FIRST, rows)


def store_superseded(db: Database, row: dict[str, Any]) -> None:
    """Stores the full content, extractor and evidence of an article's current revision, since another revision is about
    to replace it. `row` is the article's row.
    """
    evidence = pack_evidence(decode_evidence(db, row)) if row["evidence"] else None
    db.execute(
        "update revisions as r set content = "
        f"(select {FULL_CONTENT} from articles a where a.id = r.article_id), extractor = ?, read_at = ?, evidence = ? "
        "where article_id = ? and revision = ?",
        [row["extractor"], row["read_at"], evidence, row["id"], row["revision"]],
    )


def shorten_current(db: Database, article_id: int) -> None:
    """Removes from an article's current revision the fields that have the same value in `articles`. Called when the
    revisions of the article have been renumbered.
    """
    db.execute(f"{SHORTENED} and article_id = ?", [article_id])


def article_from_revision(row: dict[str, Any]) -> Article:
    """Returns the Article stored in a revision, given a row of `revision_rows`."""
    content = json.loads(row["said"])
    return article_from_row({k: json.dumps(v) if isinstance(v, list) else v for k, v in content.items()})


def rewrite_revision(db: Database, article_id: int, number: int, article: Article) -> None:
    """Replaces the content of a revision with another extraction of the same capture; its times and changed fields are
    kept.
    """
    content = _content(article, _current_fields(db, article_id, number))
    db.execute(
        f"update revisions set {', '.join(f'{name} = :{name}' for name in content)} "
        "where article_id = :article_id and revision = :revision",
        {**content, "article_id": article_id, "revision": number},
    )


def _current_fields(db: Database, article_id: int, number: int) -> dict[str, Any]:
    """Returns the field values in the row of an article if revision `number` is its current one; otherwise {}."""
    return next(
        iter(
            db.query(
                f"select {', '.join(PAGE_FIELDS)} from articles where id = ? and revision = ?", [article_id, number]
            )
        ),
        {},
    )


def _content(article: Article, current: dict[str, Any]) -> dict[str, Any]:
    row = article_row(article)
    content = {
        k: json.loads(v) if k in STORED_LISTS else v for k, v in row.items() if k not in current or current[k] != v
    }
    return {
        "title": article.title,
        "content": json.dumps(content, ensure_ascii=False),
        "meaning_digest": meaning_digest(article),
    }


def last_revision(db: Database, article_id: int) -> int:
    """Returns the highest revision number of an article. This need not be the current revision: after a revert, an
    earlier one is.
    """
    return int(db.execute("select max(revision) from revisions where article_id = ?", [article_id]).fetchone()[0] or 0)


def count_revert(db: Database, article_id: int, revision: int, at: datetime) -> None:
    """Records that the post reverted once more to this revision, at this time, without storing a new revision. If the
    revision had been undone, it counts again.
    """
    db.execute(
        "update revisions set seen_again = seen_again + 1, seen_again_at = ?, undone_at = null "
        "where article_id = ? and revision = ?",
        [pages.stamp(at), article_id, revision],
    )


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
    if pages.resolve_redirects(db, own) == urlkey(alias):
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
            [key, article.url, article_id, pages.stamp(at), key, article_id, article_id, key],
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
            [urlkey(url), url, article_id, kind, pages.stamp(at)],
        ).rowcount
    ]


def give_addresses(db: Database, article_id: int, to: int, at: datetime) -> None:
    """Makes the own URL of an article, and its aliases, aliases of another article (`to`) that has the same text."""
    db.execute("update aliases set article_id = ? where article_id = ? and kind <> 'url'", [to, article_id])
    db.execute(
        "insert into aliases (urlkey, url, article_id, kind, first_seen) select urlkey, url, ?, 'copy', ? "
        "from articles where id = ? on conflict (urlkey) do update set article_id = excluded.article_id, kind = 'copy'",
        [to, pages.stamp(at), article_id],
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


# -- duplicates: among articles with equal texts, the one published first is the original

_ORDER = "order by datetime(published) is null, datetime(published), id"


_IS_WITHDRAWN = "select 1 from withdrawn_articles where article_id = ?"


def settle_duplicates(db: Database, digest: str | None, newcomer: int | None = None) -> bool:
    """Chooses the original among the articles whose text has this digest (the one published first) and marks the others
    as its duplicates. A withdrawn article is neither an original nor a duplicate. Returns True if several articles have
    the digest.

    If `newcomer` (the ID of a new article) is given, the other articles have been marked before, so the newcomer is
    compared only with their original. This saves time, because the same notice may be repeated thousands of times.
    """
    if not digest:
        return False
    if newcomer is not None:
        other = db.execute(
            f"select ifnull(duplicate_of, id) from articles where content_digest = ? and id <> ? and {IS_LIVE} limit 1",
            [digest, newcomer],
        ).fetchone()
        if other is None:
            return False
        pair = [newcomer, other[0]]
        first = db.execute(
            f"select id from articles where id in (?, ?) and content_digest = ? and {IS_LIVE} {_ORDER} limit 1",
            [*pair, digest],
        ).fetchone()
        if first[0] == other[0] and not db.execute(_IS_WITHDRAWN, [newcomer]).fetchone():
            db.execute("update articles set duplicate_of = ? where id = ?", pair[::-1])
            return True
    db.execute(
        "update articles set duplicate_of = null where content_digest = ? and duplicate_of is not null "
        f"and not {IS_LIVE}",
        [digest],
    )
    query = f"select id from articles where content_digest = ? and {IS_LIVE} {_ORDER}"
    ids = [row[0] for row in db.execute(query, [digest])]
    for article_id in ids:
        original = None if article_id == ids[0] else ids[0]
        db.execute(
            "update articles set duplicate_of = ? where id = ? and duplicate_of is not ?",
            [original, article_id, original],
        )
    return len(ids) > 1


# -- edits and reverts

_HINT_SOURCES = ("api", "feed", "listing")
_COMPARED = 40
"""A post is compared with at most this many of its newest revisions. Only live blogs have more revisions, and they
never return to an old text."""


def edited_fields(
    then: Iterable[Entry], new: Article, changed: Sequence[str], readings: Sequence[Article]
) -> tuple[str, ...]:
    """Returns those of the fields `changed` that the site edited. A field is left out if it differs only because the
    extractor has changed: one of `readings`, the results of extracting the old capture again today, has the new value,
    too.

    If the site's API or feed now gives another value for a field than in the stored evidence (`then`), the field always
    counts as edited. Source hints are not part of a capture, so `readings` cannot show their changes.
    """
    same = [set(changed) - set(changed_fields(reading, new)) for reading in readings]
    before = list(then)
    return tuple(name for name in changed if _hint_changed(name, before, new) or not any(name in one for one in same))


def _hint_changed(name: str, then: list[Entry], new: Article) -> bool:
    for source in _HINT_SOURCES:
        now = {e.value for e in new.evidence if e.field == name and e.source == source}
        before = {e["value"] for e in then if e["field"] == name and e["source"] == source}
        if now and now != before and (before or (source == "api" and any(e["source"] == source for e in then))):
            return True
    return False


def revert_of(db: Database, row: dict[str, Any], article: Article) -> Revert | None:
    """Returns how to store an extracted article as a revert, because it equals an earlier revision of the stored one
    (`row`); None if it equals none. The article must differ from the current revision.
    """
    same = [r["revision"] for r in _equal_revisions(db, row, article)]
    return Revert(max(same), counted=count_reverts(db, row["id"]) >= MOST_REVERTS) if same else None


def count_reverts(db: Database, article_id: int) -> int:
    """Returns the number of an article's revisions that repeat an earlier one."""
    return int(db.execute("select count(same_as) from revisions where article_id = ?", [article_id]).fetchone()[0])


def repeated_revision(db: Database, row: dict[str, Any], article: Article) -> dict[str, Any] | None:
    """Returns the row of the latest revision that an extracted article equals; None if there is none, or if all of them
    were undone. The article must differ from the current revision (`row`). A value that the page no longer has counts
    as unchanged.
    """
    stored = article_from_row(row)
    article = with_finer_time(stored, with_unconfirmed(stored, article, unconfirmed_fields(stored, article)))
    return next((r for r in reversed(_equal_revisions(db, row, article)) if r["undone_at"] is None), None)


def _equal_revisions(db: Database, row: dict[str, Any], article: Article) -> list[dict[str, Any]]:
    """Returns the rows of those revisions of a stored article (`row`), without the current one, in which no field
    differs from an extracted article.
    """
    if row["revision"] == 1 and last_revision(db, row["id"]) == 1:
        return []
    rows = list(revision_rows(db, "r.article_id = ? order by r.revision desc limit ?", [row["id"], _COMPARED]))[::-1]
    return [
        r for r in rows if r["revision"] != row["revision"] and not changed_fields(article_from_revision(r), article)
    ]


# -- storing an extracted article


class Change(StrEnum):
    """How storing an extracted article changed the archive.

    - REEXTRACTED: the post is unchanged, but its extraction differs.
    - REVERTED: the post repeats an earlier revision, which becomes the current one again, because it has done so too
      often for a further revision (`articles.revision_order_reverts_and_kept_values`).
    - STUB: the page shows only a stub of the stored text.
    - COPY: the page is at a second URL of the post.
    """

    NEW = "new"
    REVISED = "revised"
    UNCHANGED = "unchanged"
    REEXTRACTED = "reextracted"
    REVERTED = "reverted"
    STUB = "stub"
    GONE = "gone"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Stored:
    """The result of storing an extracted article: its ID, what changed in the archive, and the fields that changed.

    `aliases` are the URLs that were added to the article. `shares_text` is True if the article is new and its text
    equals that of another article. If the change is REVERTED, `back` is the number of the revision that is current
    again.
    """

    article_id: int
    change: Change
    changed: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    shares_text: bool = False
    back: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """The time and circumstances in which an extracted article was observed. `redirects` are the URLs that led to its
    page; `extractor` is None if the article was assembled from stored data. `run_started` is when the crawl began.
    """

    at: datetime
    run_started: datetime
    capture_id: int | None = None
    run_id: int | None = None
    redirects: tuple[str, ...] = ()
    extractor: str | None = None


def store_article(
    db: Database,
    site: str,
    article: Article,
    observed: Observation,
    *,
    reread: Reread = lambda row: (),
    completes: bool = False,
) -> Stored:
    """Stores an article extracted from a page: as a new article, as a new revision of an existing one, or only as the
    time it was last seen. `observed` says when and in which run.

    If another version of the extractor extracted the stored article, a difference need not be an edit. To find out,
    `reread` extracts the stored article's capture again. `completes` is True if the stored text lacks pages of the post
    that could not be fetched. Adding these pages is not an edit.
    """
    row = find_article_of(db, site, article, observed.redirects)
    article = keep_page_object_values(db, row, article)
    return store_identified(db, row, site, article, observed, reread=reread, completes=completes)


def keep_page_object_values(db: Database, row: dict[str, Any] | None, article: Article) -> Article:
    """Returns `article` with the stored value of each field that a page object returned earlier but cannot return now.
    The article's evidence says for which fields this is so. `row` is the stored article; None if the article is new.
    """
    if row is None or not has_page_object(row):
        return article
    then = decode_evidence(db, row)
    marks = lost_page_object_values(then, article)
    return with_page_object_values(article_from_row(row), then, article, row["extractor"], marks)


def has_page_object(row: dict[str, Any]) -> bool:
    """Returns True if the stored article in `row` was extracted with a page object."""
    return "@" in (row["extractor"] or "")


def store_identified(
    db: Database,
    row: dict[str, Any] | None,
    site: str,
    article: Article,
    observed: Observation,
    *,
    reread: Reread = lambda row: (),
    completes: bool = False,
) -> Stored:
    """Stores an extracted article for a caller that has already found the stored article to which it belongs: `row`,
    None if the article is new. All other parameters, and the result, are those of `store_article`.
    """
    if row is None:
        return _insert(db, site, article, observed)
    old = article_from_row(row)
    if observed.run_id is not None:
        article = without_known_tags(old, with_finer_time(old, article))
    known = _KnownArticle(db, row, old, article, observed).with_unconfirmed(reread)
    return (
        known.store_as_stub()
        or known.store_as_gone()
        or known.store_as_copy()
        or known.store(reread, completes=completes)
    )


@dataclass(frozen=True, slots=True)
class _KnownArticle:
    """Stores an extracted article (`article`) of a post that is already stored. `row` is the stored article's row, and
    `old` is the stored article as an Article. `unconfirmed` are the fields whose values are taken from `old` because
    the page no longer shows them.
    """

    db: Database
    row: dict[str, Any]
    old: Article
    article: Article
    observed: Observation
    unconfirmed: tuple[str, ...] = ()

    @property
    def id(self) -> int:
        return int(self.row["id"])

    @property
    def has_moved(self) -> bool:
        return bool(urlkey(self.article.url) != self.row["urlkey"])

    def with_unconfirmed(self, reread: Reread) -> _KnownArticle:
        """Returns a copy in which `article` has the stored values of fields that the crawled page no longer shows. A
        field stays empty if today's extractor does not find it in the stored capture either; `reread` extracts this
        capture.
        """
        names = unconfirmed_fields(self.old, self.article) if self.observed.run_id is not None else ()
        if names and self.observed.extractor not in (None, self.row["extractor"]):
            readings = reread(self.row)
            names = tuple(n for n in names if not readings or any(getattr(one, n) for one in readings))
        if not names:
            return self
        return replace(self, article=with_unconfirmed(self.old, self.article, names), unconfirmed=names)

    @property
    def _replaces_wall(self) -> bool:
        """True if the stored text is that of a paywall or consent form, and the crawled page shows an earlier revision
        again.
        """
        is_wall = self.observed.run_id is not None and is_wall_text(self.old.body)
        return is_wall and repeated_revision(self.db, self.row, self.article) is not None

    def store_as_stub(self) -> Stored | None:
        if is_stub(self.old.body, self.article.body) and not self._replaces_wall:
            mark_seen(self.db, self.id, self.observed.at)
            return Stored(self.id, Change.STUB)
        return None

    def store_as_gone(self) -> Stored | None:
        if self.has_moved or not no_longer_shows(self.old, self.article) or self._replaces_wall:
            return None
        gone = mark_gone(self.db, self.row["urlkey"], self.observed.at)
        return Stored(self.id, Change.GONE, ("gone_at",) if gone else ())

    def store_as_copy(self) -> Stored | None:
        """Stores the URL of the page as an alias, and leaves the post unchanged, if this is a second URL of a post that
        has not moved. Otherwise returns None.
        """
        if not self.has_moved:
            return None
        here = urlkey(self.article.url)
        part = is_part_url(here, self.row["urlkey"])
        if not part and is_move(self.db, self.row, self.article, self.observed.run_started):
            return None
        urls = [self.article.url, *self.observed.redirects, *urls_redirecting_to(self.db, here)]
        aliases = [] if part else add_aliases(self.db, self.id, urls, "copy", self.observed.at)
        mark_seen(self.db, self.id, self.observed.at)
        return Stored(self.id, Change.COPY, aliases=tuple(aliases))

    def store(self, reread: Reread, *, completes: bool) -> Stored:
        """Stores an article extracted at the post's own URL. If the site edited the post, the article becomes a new
        revision or a revert. If only the extraction differs, the current revision is corrected. If nothing differs,
        only the time at which the post was last seen is stored. `reread` and `completes` are those of `store_article`.
        """
        aliases = enter_addresses(self.db, self.id, self.article, self.observed.redirects, self.observed.at)
        if self.has_moved:
            aliases.append(self.row["url"])
            if _answers(self.db, self.row["urlkey"], self.observed.run_started):
                self.db.execute("update article_urls set kind = 'copy' where urlkey = ?", [self.row["urlkey"]])
        changed = changed_fields(self.old, self.article)
        edited = self._edited_fields(changed, reread, completes=completes)
        if edited:
            return self._store_revision(edited, tuple(aliases))
        if changed and (completes or self.article.read_by or not used_site_rules(self.row["extractor"])):
            return self._store_reextraction(changed, tuple(aliases))
        return self._store_as_seen(tuple(aliases))

    def _edited_fields(self, changed: tuple[str, ...], reread: Reread, *, completes: bool) -> tuple[str, ...]:
        """Returns the fields among `changed` that the site has edited, without fields that differ only because the
        extractor has changed or because sources reported them late. `reread` and `completes` are those of
        `store_article`.
        """
        extractor, edited = self.observed.extractor, changed
        is_reread = changed and extractor is not None and (extractor != self.row["extractor"] or self._has_late_hint())
        if is_reread and (readings := reread(self.row)):
            edited = edited_fields(decode_evidence(self.db, self.row), self.article, changed, readings)
        if (
            completes
            and edited == ("body",)
            and (set(self.old.body.split("\n\n")) < set(self.article.body.split("\n\n")))
        ):
            return ()
        return edited

    def _has_late_hint(self) -> bool:
        return pages.late_hint(self.db, self.row["urlkey"], self.row["capture_id"]) is not None

    @property
    def _seen(self) -> dict[str, Any]:
        return {"last_seen": pages.stamp(self.observed.at), "gone_at": None}

    @property
    def _evidence(self) -> list[Entry] | None:
        """Returns the evidence of the article, with the stored evidence of the fields that keep their stored value;
        None if no field keeps it.
        """
        marks = kept_values(self.article)
        kept = {*self.unconfirmed, *(one.field for one in marks)}
        if not kept:
            return None
        row, fields = self.row, [name for name in (*EVIDENCE, "encoding") if name not in kept]
        own = row["extractor"], row["capture_id"], row["read_at"]
        merged = merge_evidence(decode_evidence(self.db, row), self.article, fields, own=own)
        return mark_kept(mark_unconfirmed(merged, self.unconfirmed, pages.stamp(self.observed.at)), marks)

    def _store_reextraction(self, changed: tuple[str, ...], aliases: tuple[str, ...]) -> Stored:
        seen, evidence = self.observed, self._evidence
        overwrite(
            self.db,
            self.row,
            self.article,
            seen.extractor,
            evidence=evidence,
            **self._seen,
            read_at=pages.stamp(seen.at),
        )
        rewrite_revision(self.db, self.id, self.row["revision"], self.article)
        set_missing_capture(self.db, self.id, seen.capture_id)
        return Stored(self.id, Change.REEXTRACTED, changed, aliases)

    def _store_as_seen(self, aliases: tuple[str, ...]) -> Stored:
        db, row, article, seen = self.db, self.row, self.article, self.observed
        set_missing_capture(db, self.id, seen.capture_id)
        values = latest_values(db, row, article, (seen.extractor, seen.capture_id, pages.stamp(seen.at)))
        if self.unconfirmed or has_unconfirmed(row) or has_page_object(row):
            marked = mark_unconfirmed(decode_evidence(db, row | values), self.unconfirmed, pages.stamp(seen.at))
            if seen.extractor is not None:
                marked = mark_kept(marked, kept_values(article))
            values["evidence"] = encode_evidence(db, marked, row | values)
        pages.update_row(
            db,
            "articles",
            self.id,
            {
                **values,
                **self._seen,
                "urlkey": urlkey(article.url),
                "post_id": article.post_id or row["post_id"],
                "guid": article.guid or row["guid"],
            },
        )
        return Stored(self.id, Change.UNCHANGED, aliases=aliases)

    def _store_revision(self, edited: tuple[str, ...], aliases: tuple[str, ...]) -> Stored:
        """Stores the article as a new revision or, after many reverts, makes an earlier revision current again.
        `edited` are the fields that the site edited; `aliases` are URLs that were just added, for the result.
        """
        db, row, article, observed = self.db, self.row, self.article, self.observed
        store_superseded(db, row)
        revert = revert_of(db, row, article)
        only_counted = revert is not None and revert.counted
        number = revert.of if revert and only_counted else last_revision(db, self.id) + 1
        overwrite(
            db,
            row,
            article,
            observed.extractor,
            evidence=self._evidence,
            **self._seen,
            revision=number,
            capture_id=observed.capture_id or row["capture_id"],
            read_at=pages.stamp(observed.at),
        )
        if only_counted:
            count_revert(db, self.id, number, observed.at)
            rewrite_revision(db, self.id, number, article)
            return Stored(self.id, Change.REVERTED, edited, aliases, back=number)
        write_revision(
            db,
            self.id,
            NewRevision(
                number,
                article,
                observed.at,
                edited,
                observed.capture_id,
                observed.run_id,
                previous=row["revision"],
                same_as=revert.of if revert else None,
            ),
        )
        return Stored(self.id, Change.REVISED, edited, aliases)


def latest_values(db: Database, row: dict[str, Any], article: Article, extraction: tuple[Any, ...]) -> dict[str, Any]:
    """Returns the columns to update in a stored article (`row`) although its post has not changed: the fields marked
    `latest` in the field table, and their evidence. These fields always have the newest value that a page showed.

    `extraction` is the extractor's version, the ID of the capture and the time of the new extraction.
    """
    values = {k: v for k, v in article_row(article).items() if k in LATEST and v not in (None, "")}
    fresh = [name for name in values if name != "url" and values[name] != row[name]]
    if fresh:
        mix = merge_evidence(decode_evidence(db, row), article, fresh, other=extraction)
        values["evidence"] = encode_evidence(db, mix, row | values)
    return values


def replace_extraction(db: Database, before: Article, after: Article, extractor: str, since: datetime) -> bool:
    """Replaces the stored article `before` with `after`, another extraction of the same page, without a new revision.
    `extractor` is the new value of the column of this name.

    Returns False and changes nothing in three cases: `before` is no longer stored; `after` lacks values that a page
    object returned; or the article's capture is older than `since`, so that it may contain values that have left the
    page.
    """
    row = article_where(db, "urlkey = ? and gone_at is null", [urlkey(before.url)])
    if row is None or changed_fields(article_from_row(row), before):
        return False
    if has_page_object(row) and lost_page_object_values(decode_evidence(db, row), after):
        return False
    is_of_crawl = "select 1 from captures where id = ? and captured_at >= ?"
    if not db.execute(is_of_crawl, [row["capture_id"], pages.stamp(since)]).fetchone():
        return False
    overwrite(db, row, after, extractor)
    rewrite_revision(db, row["id"], row["revision"], after)
    return True


def overwrite(
    db: Database,
    row: dict[str, Any],
    article: Article,
    extractor: str | None,
    *,
    evidence: list[Entry] | None = None,
    **more: Any,
) -> None:
    """Overwrites the current state of an article (its row), its authors, categories, tags and places, and its
    duplicates with an extracted article. If `extractor` is None, the stored value of this column is kept.

    `evidence` must be given if it comes from several extractions. By default the evidence of `article` is stored or, if
    there is none, the stored evidence is kept. `more` are values for further columns.
    """
    article_id, digest = row["id"], content_digest(article.body)
    if evidence is None:
        evidence = entries(article) if article.evidence else decode_evidence(db, row)
    now = article_row(article)
    pages.update_row(
        db,
        "articles",
        article_id,
        {
            **now,
            "urlkey": urlkey(article.url),
            "content_digest": digest or None,
            "post_id": article.post_id or row["post_id"],
            "guid": article.guid or row["guid"],
            "meaning_digest": meaning_digest(article),
            "evidence": encode_evidence(db, evidence, now),
            "extractor": row["extractor"] if extractor is None else extractor,
            **more,
        },
    )
    if digest != row["content_digest"]:
        db.execute("update articles set duplicate_of = null where id = ?", [article_id])
    for text in {digest, row["content_digest"]}:
        settle_duplicates(db, text)
    write_facets(db, article_id, article)
    clusters.update_cluster(db, article_id, was=row["body"] if digest != row["content_digest"] else None)


def mark_gone(db: Database, key: str, at: datetime) -> int | None:
    """Marks the article whose current URL has this urlkey as gone; returns its ID, or None if no article was marked.

    It is not marked if only an old URL of a moved post is gone. It is not marked either if the post is still online at
    another of its URLs (`answering_address`), which then becomes its own URL.
    """
    row = db.execute("select id from articles where urlkey = ? and gone_at is null", [key]).fetchone()
    if not row:
        return None
    if other := answering_address(db, row[0], key):
        make_own_url(db, row[0], other)
        return None
    db.execute("update articles set gone_at = ? where id = ?", [pages.stamp(at), row[0]])
    return int(row[0])


def gone_since(db: Database, key: str) -> datetime | None:
    """Returns when the article at this urlkey was first found gone; None if it is not gone."""
    row = db.execute("select gone_at from articles where urlkey = ? and gone_at is not null", [key]).fetchone()
    return stored_time(row[0]) if row else None


def answering_address(db: Database, article_id: int, key: str) -> str | None:
    """Returns the urlkey of a URL of the article, other than `key`, that shows it without a redirect; None if there is
    none. A former URL counts only if it was fetched later than `key`.
    """
    row = db.execute(
        "select a.urlkey from article_urls a join pages p on p.urlkey = a.urlkey and p.article_id = a.article_id "
        "where a.article_id = ? and a.urlkey <> ? and p.redirect_urlkey is null "
        "and p.outcome in ('archived', 'unchanged', 'duplicate') and (a.kind = 'copy' "
        "or p.fetched_at >= (select o.fetched_at from pages o where o.urlkey = ?)) order by p.fetched_at desc limit 1",
        [article_id, key, key],
    ).fetchone()
    return row[0] if row else None


def edited_at(db: Database, article_id: int | None) -> datetime | None:
    """Returns when an article's newest edit was first seen; None if the article was never edited, or if there is no
    article (`article_id` is None).
    """
    if article_id is None:
        return None
    row = db.execute(
        "select max(observed_at) from revisions where article_id = ? and revision > 1", [article_id]
    ).fetchone()
    return datetime.fromisoformat(row[0]) if row[0] else None


def publication_time(db: Database, article_id: int | None) -> datetime | None:
    """Returns when an article was published; None if unknown, or if there is no article (`article_id` is None)."""
    if article_id is None:
        return None
    row = db.execute("select published from articles where id = ?", [article_id]).fetchone()
    return stored_time(row[0]) if row else None


def mark_seen(db: Database, article_id: int, at: datetime) -> None:
    """Records that a post was seen online and unchanged at this time."""
    db.execute("update articles set last_seen = ?, gone_at = null where id = ?", [pages.stamp(at), article_id])


def is_move(db: Database, row: dict[str, Any], article: Article, run_started: datetime) -> bool:
    """Returns True if the URL where `article` was extracted becomes the own URL of a stored post (`row`); False if it
    is only a second URL of the post. `run_started` is the start of the present crawl.

    If both URLs answer, `articles.article_comparison.is_preferred` decides. If the old URL is gone, the new one becomes
    the post's own. Otherwise the first of these that applies decides:

    - the canonical URL;
    - the old URL, if it redirects to the new one;
    - for a post with a platform ID, whether this crawl began after the post was last seen at its old URL.
    """
    here, there = urlkey(article.url), row["urlkey"]
    if not row["gone_at"] and _answers(db, there):
        new, old = (_known_address(db, url, row, article, run_started) for url in (article.url, row["url"]))
        compare = is_preferred if _answers(db, there, run_started) else is_more_readable
        if (preferred := compare(new, old)) is not None:
            return preferred
    if row["gone_at"] or _is_gone(db, there):
        return True
    if article.canonical_url:
        declared = urlkey(article.canonical_url)
        if declared in (here, there):
            return declared == here
    if row["canonical_url"] and urlkey(row["canonical_url"]) == here:
        return True
    if (
        pages.resolve_redirects(db, there) == here
        or db.execute(
            "select 1 from historical_responses where urlkey = ? and kind = 'redirect' and target = ?", [there, here]
        ).fetchone()
    ):
        return True
    return bool(article.post_id) and row["last_seen"] < pages.stamp(run_started)


def _answers(db: Database, key: str, since: datetime | None = None) -> bool:
    """Returns True if the page at this urlkey showed its post, without a redirect, when it was last fetched. If `since`
    is given, the page must also have been fetched after that time.
    """
    return (
        db.execute(
            "select 1 from pages where urlkey = ? and outcome in ('archived', 'unchanged', 'duplicate') "
            "and redirect_urlkey is null and fetched_at >= ?",
            [key, pages.stamp(since) if since else ""],
        ).fetchone()
        is not None
    )


def _is_gone(db: Database, key: str) -> bool:
    """Returns True if the page at this urlkey was gone when it was last fetched. This includes pages whose end is not
    confirmed yet.
    """
    rules = ", ".join("?" * len(GONE_RULES))
    query = f"select 1 from pages where urlkey = ? and (outcome = 'gone' or (outcome = 'held' and rule in ({rules})))"
    return db.execute(query, [key, *sorted(GONE_RULES)]).fetchone() is not None


def _known_address(
    db: Database, url: str, row: dict[str, Any], article: Article, run_started: datetime
) -> KnownAddress:
    """Returns what is known of `url`, an address of a post, to decide which of its addresses is preferred. `url` is
    either the address in `row`, the stored article, or the address at which `article` was just extracted.
    """
    key, read_at = urlkey(url), urlkey(article.url)
    listed = db.execute(
        "select 1 from page_discoveries d join pages p on p.id = d.page_id where p.urlkey = ? "
        "and d.source in ('feed', 'sitemap', 'api') and coalesce(d.last_seen, d.first_seen) >= ?",
        [key, pages.stamp(run_started)],
    ).fetchone()
    declared = (article.canonical_url, row["canonical_url"])
    short = normalize(article.short_url) if article.short_url else None
    return KnownAddress(
        url,
        is_short=short is not None and urlkey(short) == key,
        # A page's own statement does not count: many themes set og:url to the address that was requested.
        is_given=listed is not None or (key != read_at and key in map(urlkey, article.given_urls)),
        is_canonical=any(one and urlkey(one) == key for one in declared),
    )


@dataclass(frozen=True, slots=True)
class NewArticle:
    """A new article of which only the row of `articles` is stored so far. `meaning` is the digest of its fields
    (`meaning_digest`).
    """

    id: int
    site: str
    article: Article
    observed: Observation
    meaning: str


def insert_article(db: Database, site: str, article: Article, observed: Observation) -> NewArticle:
    """Inserts the row of a new article. `complete_articles` must follow before anything changes the article."""
    seen = pages.stamp(observed.at)
    now = article_row(article)
    meaning = meaning_digest(article)
    row = {
        **now,
        "site": site,
        "revision": 1,
        "first_seen": seen,
        "last_seen": seen,
        "urlkey": urlkey(article.url),
        "post_id": article.post_id or None,
        "guid": article.guid or None,
        "platform": article.platform or None,
        "content_digest": content_digest(article.body) or None,
        "meaning_digest": meaning,
        "capture_id": observed.capture_id,
        "evidence": encode_evidence(db, entries(article), now) if article.evidence else None,
        "extractor": observed.extractor,
        "read_at": seen,
    }
    return NewArticle(pages.insert_row(db, "articles", row, row_id=NEXT_ARTICLE_ID), site, article, observed, meaning)


def complete_articles(db: Database, new: Sequence[NewArticle]) -> None:
    """Stores the authors, categories, tags, places and first revisions of new articles whose texts no other article
    has, and puts them into the clusters of their near-duplicates.
    """
    _write_facets_and_revisions(db, new)
    texts = [clusters.ArticleText(one.id, None, one.site, one.article.title, one.article.body) for one in new]
    clusters.assign_clusters(db, texts)


def _write_facets_and_revisions(db: Database, new: Sequence[NewArticle]) -> None:
    write_new_facets(db, [(one.id, one.article) for one in new])
    revisions = [
        FirstRevision(
            one.id,
            pages.stamp(one.observed.at),
            one.observed.run_id,
            one.observed.capture_id,
            one.article.title,
            one.meaning,
        )
        for one in new
    ]
    write_first_revisions(db, revisions)


def _insert(db: Database, site: str, article: Article, observed: Observation) -> Stored:
    new = insert_article(db, site, article, observed)
    aliases = enter_addresses(db, new.id, article, observed.redirects, observed.at, new=True)
    _write_facets_and_revisions(db, [new])
    shares_text = settle_duplicates(db, content_digest(article.body), new.id)
    clusters.assign_cluster(db, new.id)
    return Stored(new.id, Change.NEW, aliases=tuple(aliases), shares_text=shares_text)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The time at which an article was withdrawn (ISO 8601, UTC), the reason, and the rule as in `withdraw_article`."""

    at: str
    reason: str
    rule: str = ""


def withdraw_article(db: Database, article_id: int, reason: str, at: datetime, rule: str = "") -> bool:
    """Marks an article as withdrawn, so that searches and datasets leave it out. `rule` is COPY if it repeats another
    post. Returns False if it was already withdrawn.
    """
    if withdrawal_of(db, article_id) is not None:
        return False
    db.execute(
        "insert into withdrawn_articles (article_id, withdrawn_at, reason, rule) values (?, ?, ?, ?)",
        [article_id, pages.stamp(at), reason, rule or None],
    )
    _settle_copies(db, article_id)
    return True


def restore_article(db: Database, article_id: int) -> bool:
    """Ends the withdrawal of an article, so that it counts as a post again. Returns False if it was not withdrawn."""
    if not db.execute("delete from withdrawn_articles where article_id = ?", [article_id]).rowcount:
        return False
    _settle_copies(db, article_id)
    return True


def _settle_copies(db: Database, article_id: int) -> None:
    """Chooses a new original among the articles with the same text as this article."""
    row = db.execute("select content_digest from articles where id = ?", [article_id]).fetchone()
    settle_duplicates(db, row[0] if row else None)


def count_duplicates_of_text(db: Database, article_id: int) -> int:
    """Returns the number of duplicates among the articles that have the same text as this article, itself included."""
    query = (
        "select count(*) from articles where duplicate_of is not null "
        "and content_digest = (select content_digest from articles where id = ?)"
    )
    return int(db.execute(query, [article_id]).fetchone()[0])


def is_first_seen_since(db: Database, article_id: int, at: datetime) -> bool:
    query = "select 1 from articles where id = ? and first_seen >= ?"
    return db.execute(query, [article_id, pages.stamp(at)]).fetchone() is not None


def count_withdrawals(db: Database, site: str) -> dict[str, int]:
    """Returns the number of a site's withdrawn articles for each reason, the most frequent first. All copies have one
    reason.
    """
    query = (
        "select iif(w.rule = ?, 'it is a copy of another post', w.reason), count(*) from withdrawn_articles w "
        "join articles a on a.id = w.article_id where a.site = ? group by 1 order by 2 desc, 1"
    )
    return dict(db.execute(query, [clusters.COPY, site]).fetchall())


def undone_withdrawal(db: Database, article_id: int, run_id: int | None) -> Withdrawal | None:
    """Returns the withdrawal of an article whose run was undone; None if the article is not withdrawn, if the run that
    stored it was not undone, or if the present run (`run_id`) fetches only pages that a person has named.
    """
    row = db.execute(
        "select 1 from revisions v join runs r on r.id = v.run_id where v.article_id = ? and v.revision = 1 "
        "and r.undone_at is not null and not exists (select 1 from runs where id = ? and mode = 'pages')",
        [article_id, run_id],
    ).fetchone()
    return withdrawal_of(db, article_id) if row else None


def withdrawal_of(db: Database, article_id: int) -> Withdrawal | None:
    """Returns when and why an article was withdrawn; None if it was not withdrawn."""
    row = db.execute(
        "select withdrawn_at, reason, coalesce(rule, '') from withdrawn_articles where article_id = ?", [article_id]
    ).fetchone()
    return Withdrawal(*row) if row else None


def undo_revision(db: Database, article_id: int, number: int, at: datetime) -> bool:
    """Marks revision `number` as undone, and makes the revision that was current before it current again. The article
    keeps its present URL, since a post may have moved in the meantime.

    Returns False and changes nothing if revision `number` is the first revision or is not the current one.
    """
    row = next(iter(db.query("select * from articles where id = ?", [article_id])), None)
    if row is None or row["revision"] != number:
        return False
    found = db.execute(
        "select coalesce(previous, revision - 1) from revisions where article_id = ? and revision = ? and revision > 1",
        [article_id, number],
    ).fetchone()
    before = (
        next(iter(revision_rows(db, "r.article_id = ? and r.revision = ?", [article_id, found[0]])), None)
        if found
        else None
    )
    if before is None:
        return False
    store_superseded(db, row)
    overwrite(
        db,
        row,
        replace(article_from_revision(before), url=row["url"]),
        before["extractor"],
        evidence=unpack_evidence(before["evidence"]),
        revision=before["revision"],
        capture_id=before["capture_id"] or row["capture_id"],
        read_at=before["read_at"],
    )
    shorten_current(db, article_id)
    db.execute(
        "update revisions set undone_at = ? where article_id = ? and revision = ?",
        [pages.stamp(at), article_id, number],
    )
    return True


def undo_gone(db: Database, article_id: int) -> bool:
    """Marks a post as online again. Returns False if it was not marked as gone."""
    return bool(
        db.execute("update articles set gone_at = null where id = ? and gone_at is not null", [article_id]).rowcount
    )


_NEW_FOR = timedelta(days=7)
_CONDITIONS = {
    "all": IS_LIVE,
    "new": f"first_seen >= :new_since and {IS_LIVE}",
    "revised": f"revision > 1 and {IS_LIVE}",
    "gone": f"gone_at is not null and {IS_LIVE}",
    "duplicates": f"duplicate_of is not null and {IS_LIVE}",
    "withdrawn": "id in (select article_id from withdrawn_articles)",
}


@dataclass(frozen=True, slots=True)
class ArticleCounts:
    """How many articles a site has. An article that was removed is in none of the numbers.

    - `all`: those that are not withdrawn. The next four numbers are parts of this one.
    - `new`: those first seen in the last seven days.
    - `revised`: those whose current state is not the first one.
    - `gone`: those that are no longer online.
    - `duplicates`: those with the same text as an earlier one.
    - `withdrawn`: the further articles, which are withdrawn.
    """

    all: int = 0
    new: int = 0
    revised: int = 0
    gone: int = 0
    duplicates: int = 0
    withdrawn: int = 0


def count_articles(db: Database, now: datetime, site: str = "") -> defaultdict[str, ArticleCounts]:
    """Returns the counts of the articles of each site, or only of `site`, by the site's name."""
    own = "site = :site and " if site else ""
    values = {"site": site, "new_since": pages.stamp(now - _NEW_FOR)}
    numbers: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, condition in _CONDITIONS.items():
        for one, number in db.execute(
            f"select site, count(*) from articles where {own}{condition} group by site", values
        ):
            numbers[one][name] = number
    return defaultdict(ArticleCounts, {one: ArticleCounts(**counts) for one, counts in numbers.items()})


def _entry(one: Evidence) -> Entry:
    return {
        "field": one.field,
        "value": one.value,
        "source": one.source,
        "locator": one.locator,
        "confidence": one.confidence,
    }


def entries(article: Article) -> list[Entry]:
    """Returns the evidence of an extracted article as dicts, with the chosen candidates marked as `won`."""
    values = {name: getattr(article, name) for name in (*EVIDENCE, "url")}
    found = [_entry(one) for one in article.evidence]
    by_field: dict[str, list[int]] = {}
    for n, one in enumerate(article.evidence):
        by_field.setdefault(one.field, []).append(n)
    weighed = {name for name, places in by_field.items() if len(places) > 1}
    from archiver.extraction.explanations import explain

    explained = (
        {e.field: e for e in explain(values, [e for e in article.evidence if e.field in weighed], weighed)}
        if weighed
        else {}
    )
    for name in EVIDENCE:
        if not values[name]:
            continue
        # A single candidate is chosen without calling `explain`, which would double the time for a page that is
        # extracted by site rules.
        places = by_field.get(name, [])
        won = [True] if len(places) == 1 else list(explained[name].won) if name in weighed else []
        for place, wins in zip(places, won, strict=True):
            if wins:
                found[place]["won"] = 1
        if not any(won):
            found.append(
                {
                    "field": name,
                    "value": _as_text(values[name])[:80],
                    "source": "",
                    "locator": "",
                    "confidence": None,
                    "won": 1,
                }
            )
    return found


def merge_evidence(
    stored: Iterable[Entry],
    extraction: Article,
    fields: Collection[str],
    *,
    own: tuple[Any, ...] | None = None,
    other: tuple[Any, ...] | None = None,
) -> list[Entry]:
    """Returns the stored candidates, with those for `fields` replaced by the candidates of `extraction`, another
    extraction of the article.

    The columns of a row (extractor, capture, time) name only one extraction. A chosen candidate that comes from another
    one therefore carries its own `EXTRACTION` values: `own` is set on the stored candidates that stay, `other` on the
    new ones. None means that the columns name this extraction.
    """
    replaced = {*fields, *((ORGANIZATIONS,) if "authors" in fields else ())}
    kept = [_with_extraction(one, own) for one in stored if one["field"] not in replaced]
    return kept + [_with_extraction(one, other) for one in entries(extraction) if one["field"] in replaced]


def mark_kept(stored: Iterable[Entry], marks: Iterable[Evidence], fields: Collection[str] = EVIDENCE) -> list[Entry]:
    """Returns the stored evidence in which the `PAGE_OBJECT_KEPT` entries for `fields` are replaced by those of
    `marks`. Such an entry says that a field keeps the value of a page object that no longer returns one.
    """
    others = [one for one in stored if one["source"] != PAGE_OBJECT_KEPT or one["field"] not in fields]
    return others + [_entry(one) for one in marks if one.field in fields]


def _as_text(value: Any) -> str:
    if not isinstance(value, tuple):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    return ", ".join(value) if isinstance(value[0], str) else f"{len(value)} places"


def _with_extraction(one: Entry, extraction: tuple[Any, ...] | None) -> Entry:
    """Returns the candidate with the values of `extraction` (None: unchanged) if it was chosen and does not carry such
    values yet; otherwise returns it unchanged. Unknown values are stored as "", since missing ones would be taken from
    the row's columns.
    """
    if extraction is None or not one.get("won") or "read_at" in one:
        return one
    return one | {key: value or "" for key, value in zip(EXTRACTION, extraction, strict=True)}
