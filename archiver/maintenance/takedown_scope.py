"""Finds what a takedown must remove: the URLs, captures and payloads of a post, and records that quote its text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from archiver.articles.identity import fold_words
from archiver.storage.article_tables.revisions import article_from_revision, revision_rows
from archiver.urls import urlkey

# Detecting quotes of a text in pages, feeds and API responses: the same words in a row, whatever the markup.

_RUN = 8
"""A quote has at least this many equal words in a row, since so many cannot be a coincidence."""
_FEWEST = 4
"""A title, or a text with fewer than _RUN words, is searched for only if it has at least this many words."""
_TAG = re.compile(r"<!\[CDATA\[|<[^<>]*>")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_NO_TEXT = ("image/", "audio/", "video/", "font/")


class QuoteDetector:
    """Detects whether a page, feed or API response quotes any of the given texts, which are pairs of title and text."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._runs: set[str] = set()
        self._phrases: set[str] = set()
        for title, text in texts:
            words = fold_words(text).split()
            self._runs.update(_runs(words))
            for phrase in (fold_words(title).split(), words if len(words) < _RUN else []):
                if len(phrase) >= _FEWEST:
                    self._phrases.add(f" {' '.join(phrase)} ")

    def __bool__(self) -> bool:
        return bool(self._runs or self._phrases)

    def is_quoted_in(self, body: bytes, content_type: str) -> bool:
        """Returns True if a response body (content-decoded bytes) has eight consecutive words of a text, or a whole
        title.
        """
        if content_type.lower().startswith(_NO_TEXT):
            return False
        words = _plain_words(body, content_type).split()
        if any(run in self._runs for run in _runs(words)):
            return True
        whole = f" {' '.join(words)} "
        return any(phrase in whole for phrase in self._phrases)


def _runs(words: list[str]) -> Iterator[str]:
    return (" ".join(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1))


def _plain_words(body: bytes, content_type: str) -> str:
    """Returns the words of a response body in folded form. Removes markup, including HTML that is escaped in a feed,
    and reads the strings in JSON.
    """
    found = _CHARSET.search(content_type)
    try:
        text = body.decode(found[1] if found else "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    if "json" in content_type.lower() or text.lstrip()[:1] in ("{", "["):
        text = _ESCAPE.sub(_unescaped, text)
    for _ in range(2):
        text = _TAG.sub(" ", html.unescape(text))
    return fold_words(text)


def _unescaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else sign if sign in '"/\\' else " "


# The scope of a takedown.

_EMPTY = "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
"""The digest of an empty payload, which redirects and other responses share."""


@dataclass(frozen=True, slots=True)
class SimilarArticle:
    """Another article with equal or nearly equal text: its ID, its URL, and `how` similar it is, as a phrase."""

    article: int
    url: str
    how: str


@dataclass(frozen=True, slots=True)
class TakedownScope:
    """The data that a takedown of one article removes, for display before the user confirms it. `captures` are the IDs
    of its captures, `versions` is the number of its revisions. `copies` are other articles with equal or nearly equal
    text, which are not removed.
    """

    article_id: int
    url: str
    site: str
    title: str
    versions: int
    addresses: tuple[str, ...]
    captures: tuple[int, ...]
    copies: tuple[SimilarArticle, ...]


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
    )


def find_urls_of_post(db: Database, row: dict[str, Any]) -> list[str]:
    """Returns all URLs of a post, given as its row of `articles`. The home page of its site is left out, because a URL
    of a removed post may have redirected to it.
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
    """Returns the ID and URL of each requisite that only this article needs."""
    return db.execute(
        "select r.id, r.url from requisites r where id in (select requisite_id from article_requisites "
        "where article_id = :id) and not exists (select 1 from article_requisites l where l.requisite_id = r.id and "
        "l.article_id <> :id) and not exists (select 1 from requisite_parts p where p.requisite_id = r.id) and "
        "not exists (select 1 from requisites o where o.url = r.url and o.id <> r.id)",
        {"id": article_id},
    ).fetchall()


def find_own_captures(db: Database, article_id: int | None, urls: list[str]) -> set[int]:
    """Returns the IDs of a post's captures: the captures of its revisions, of its URLs, and of requisites that only
    this post needs. Captures that revisions of another article depend on are left out, even if they are captures of
    this post's URLs.
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


def find_payloads(db: Database, captures: set[int], *, shared: bool = False) -> set[str]:
    """Returns the digests of the payloads that only these captures have, or, if `shared` is True, of those that other
    captures have, too.
    """
    numbers = json.dumps(sorted(captures))
    return {
        row[0]
        for row in db.execute(
            "select distinct digest from captures c where status = 200 and digest <> :empty and digest <> '' "
            "and id in (select value from json_each(:n)) and :shared = exists (select 1 from captures o "
            "where o.digest = c.digest and o.id not in (select value from json_each(:n)))",
            {"empty": _EMPTY, "n": numbers, "shared": shared},
        )
    }


def read_texts(db: Database, article_id: int) -> Iterator[tuple[str, str]]:
    """Yields each title and text that an article ever had, as pairs, including the texts of its further parts. Missing
    values are "".
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
