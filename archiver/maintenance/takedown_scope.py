"""Finds what belongs to a post: its URLs, captures, payloads and texts, which a takedown removes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archiver.model.urls import urlkey
from archiver.storage import Database
from archiver.storage.articles import article_from_revision, revision_rows

_EMPTY_DIGEST = "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
"""The digest of an empty payload, which redirects and other responses share."""


@dataclass(frozen=True, slots=True)
class SimilarArticle:
    """Another article with equal or nearly equal text: its ID, its URL, and a phrase that says how similar it is
    (`how`).
    """

    article: int
    url: str
    how: str


@dataclass(frozen=True, slots=True)
class TakedownScope:
    """What the takedown of an article removes, to be shown before the user confirms it.

    - `versions`: the number of the article's revisions.
    - `addresses`: its URLs.
    - `captures`: the IDs of its captures.
    - `copies`: other articles with equal or nearly equal text. They are not removed.
    - `naming`: the number of captures of lists, feeds and other pages that report the article's URLs. They are kept
      unless they quote its text, so its URL and perhaps its title remain in them.
    """

    article_id: int
    url: str
    site: str
    title: str
    versions: int
    addresses: tuple[str, ...]
    captures: tuple[int, ...]
    copies: tuple[SimilarArticle, ...]
    naming: int


def takedown_scope(db: Database, article_id: int) -> TakedownScope:
    """Returns what the takedown of an existing article would remove."""
    row = next(iter(db.query("select * from articles where id = ?", [article_id])))
    urls = find_urls_of_post(db, row)
    many = db.execute("select count(*) from revisions where article_id = ?", [article_id]).fetchone()[0]
    return TakedownScope(
        article_id,
        row["url"],
        row["site"],
        row["title"],
        many,
        tuple(urls),
        tuple(sorted(find_own_captures(db, article_id, urls))),
        tuple(SimilarArticle(*row) for row in _copies(db, article_id)),
        _captures_naming(db, urls),
    )


def _captures_naming(db: Database, urls: Sequence[str]) -> int:
    """Returns the number of captures of the pages (lists, feeds ...) on which one of these URLs was found."""
    marks = ",".join("?" * len(urls))
    [count] = db.execute(
        "select count(distinct c.id) from page_discoveries d join pages p on p.id = d.page_id "
        "join pages f on f.id = d.found_on_page_id join captures c on c.url = f.url "
        f"where p.url in ({marks}) and f.url not in ({marks})",
        [*urls, *urls],
    ).fetchone()
    return int(count)


def find_urls_of_post(db: Database, row: dict[str, Any]) -> list[str]:
    """Returns all URLs of a post, given as its row of `articles`. The home page of the site is left out even if a URL
    of the post redirected to it, because the home page must not be removed.
    """
    homes = {
        urlkey(url)
        for start, host, path in db.execute("select start_url, host, path from sites where name = ?", [row["site"]])
        for url in (start, f"http://{host}{path}")
    }
    found = [
        row["url"],
        *(
            url
            for (url,) in db.execute(
                "select url from article_urls where article_id = ? union select url from pages where article_id = ? "
                "union select url from article_parts where post_urlkey = ?",
                [row["id"], row["id"], row["urlkey"]],
            )
        ),
    ]
    own = {urlkey(url): url for url in reversed(found)}
    return [url for key, url in own.items() if key not in homes and not _of_another(db, key, row["id"])]


def _of_another(db: Database, key: str, article_id: int) -> bool:
    return (
        db.execute("select 1 from article_urls where urlkey = ? and article_id <> ?", [key, article_id]).fetchone()
        is not None
    )


def find_own_requisites(db: Database, article_id: int | None) -> list[tuple[int, str]]:
    """Returns the ID and URL of each requisite that only this article needs; [] if `article_id` is None."""
    return db.execute(
        "select r.id, r.url from requisites r where id in (select requisite_id from article_requisites "
        "where article_id = :id) and not exists (select 1 from article_requisites l where l.requisite_id = r.id and "
        "l.article_id <> :id) and not exists (select 1 from requisite_parts p where p.requisite_id = r.id) and "
        "not exists (select 1 from requisites o where o.url = r.url and o.id <> r.id)",
        {"id": article_id},
    ).fetchall()


def find_own_captures(db: Database, article_id: int | None, urls: list[str]) -> set[int]:
    """Returns the IDs of a post's captures: the captures of its revisions, of its URLs (`urls`), and of requisites that
    only this post needs. `article_id` is None if the post has no article any more. Captures on which revisions of
    another article depend are left out, even if they are captures of this post's URLs.
    """
    urls = [*urls, *(url for _, url in find_own_requisites(db, article_id))]
    both = json.dumps([f"{scheme}://{url.partition('://')[2]}" for url in urls for scheme in ("http", "https")])
    found = {
        row[0]
        for row in db.execute(
            "select capture_id from revisions where article_id = :id and capture_id is not null union "
            "select capture_id from articles where id = :id and capture_id is not null union "
            "select id from captures where article_id = :id union "
            "select id from captures where url in (select value from json_each(:urls))",
            {"id": article_id, "urls": both},
        )
    }
    numbers = json.dumps(sorted(found))
    others = {
        row[0]
        for row in db.execute(
            "select capture_id from articles where id is not :id and capture_id in (select value from json_each(:n)) "
            "union select capture_id from revisions where article_id is not :id and capture_id in "
            "(select value from json_each(:n))",
            {"id": article_id, "n": numbers},
        )
    }
    return found - others


def find_payloads(db: Database, captures: set[int]) -> set[str]:
    """Returns the digests of the payloads that only these captures have."""
    numbers = json.dumps(sorted(captures))
    return {
        row[0]
        for row in db.execute(
            "select distinct digest from captures c where status = 200 and digest <> :empty and digest <> '' "
            "and id in (select value from json_each(:n)) and not exists (select 1 from captures o "
            "where o.digest = c.digest and o.id not in (select value from json_each(:n)))",
            {"empty": _EMPTY_DIGEST, "n": numbers},
        )
    }


def read_texts(db: Database, article_id: int) -> Iterator[tuple[str, str]]:
    """Yields a (title, text) pair for each revision of an article and for each further part of the post. Missing values
    are "".
    """
    for row in revision_rows(db, "article_id = ?", [article_id]):
        article = article_from_revision(row)
        yield article.title or "", article.body or ""
        yield "", article.description or ""
    yield from db.execute("select title, body from articles where id = ?", [article_id])
    yield from (
        ("", text)
        for (text,) in db.execute(
            "select text from article_parts where post_urlkey = (select urlkey from articles where id = ?) and text is "
            "not null",
            [article_id],
        )
    )


def _copies(db: Database, article_id: int) -> Iterator[tuple[int, str, str]]:
    yield from db.execute(
        "select id, url, 'the same text' from articles where id <> :id and content_digest = "
        "(select content_digest from articles where id = :id) union "
        "select a.id, a.url, n.reason from near_duplicates n join articles a on a.id = n.article_id + n.other_id - :id "
        "where n.article_id = :id or n.other_id = :id order by 1",
        {"id": article_id},
    )
