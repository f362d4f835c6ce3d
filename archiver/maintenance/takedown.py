"""Takedowns: removes posts and their captures from the archive, and leaves tombstones that keep the posts out.

WARC records are removed by rewriting their file without them, under a new name. One transaction then changes all rows
of `captures` from the old file to the new one. If the process is killed, each row still points to its record, and at
most one surplus file is left, which `delete_unfinished_rewrites` deletes.

A takedown removes the URLs, captures and payloads of a post, and records that quote its text.
"""

from __future__ import annotations

import html
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slugify import slugify

from archiver.articles.article_comparison import fold_words
from archiver.maintenance.verify_captures import is_being_written
from archiver.model.errors import ArchiveLocked, ArchiverError, UnreadableInput
from archiver.model.fields import LINKS
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import urlkey, urlkey_or_empty
from archiver.storage import Database, clusters
from archiver.storage.article_records import record_id_of
from archiver.storage.articles import article_from_revision, revision_rows, settle_duplicates
from archiver.storage.capture_recovery import forget_lost
from archiver.storage.captures import Tombstone, pending_takedowns, tombstones
from archiver.storage.database import open_archive, opened
from archiver.storage.full_text import delete_search_index, drop_fts
from archiver.storage.pages import last_rowid, stamp
from archiver.storage.transactions import environment_error, is_environment_error, lock_archive_exclusively, writing
from archiver.warc.warc_file_maintenance import (
    MovedRecord,
    delete_warc,
    find_free_name,
    read_records_with_fields,
    revisit_as_response,
    rewrite_warc,
)
from archiver.warc.warc_records import StoredResponse, read_record

# Detecting quotes of a text in pages, feeds and API responses: the same words in a row, whatever the markup.

_QUOTE_WORDS = 8
"""This many consecutive words of a post in another text are a quote, since they can hardly be a coincidence."""
_MIN_WORDS = 4
"""A title, or a text with fewer than _QUOTE_WORDS words, is only searched for as a whole, and only if it has at least
this many words."""
_TAG = lazy_regex(r"<!\[CDATA\[|<[^<>]*>")
_ESCAPE = lazy_regex(r"\\(u[0-9a-fA-F]{4}|.)")
_CHARSET = lazy_regex(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_NO_TEXT = ("image/", "audio/", "video/", "font/")


class QuoteDetector:
    """Finds out whether a page, feed or API response quotes a removed post. `texts` are the (title, text) pairs of the
    posts.
    """

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._runs: set[str] = set()
        self._phrases: set[str] = set()
        for title, text in texts:
            words = fold_words(text).split()
            self._runs.update(_runs(words))
            for phrase in (fold_words(title).split(), words if len(words) < _QUOTE_WORDS else []):
                if len(phrase) >= _MIN_WORDS:
                    self._phrases.add(f" {' '.join(phrase)} ")

    def __bool__(self) -> bool:
        return bool(self._runs or self._phrases)

    def is_quoted_in(self, body: bytes, content_type: str) -> bool:
        """Returns True if a response body (content-decoded bytes) contains eight consecutive words of a text, or a
        whole title.
        """
        if content_type.lower().startswith(_NO_TEXT):
            return False
        words = _plain_words(body, content_type).split()
        if any(run in self._runs for run in _runs(words)):
            return True
        whole = f" {' '.join(words)} "
        return any(phrase in whole for phrase in self._phrases)

    def is_mostly(self, body: bytes, content_type: str) -> bool:
        """Returns True if at least half of the words of a response body are quotes of a text."""
        runs = list(_runs(_plain_words(body, content_type).split()))
        return 2 * sum(run in self._runs for run in runs) >= max(len(runs), 1)


def _runs(words: list[str]) -> Iterator[str]:
    return (" ".join(words[at : at + _QUOTE_WORDS]) for at in range(len(words) - _QUOTE_WORDS + 1))


def _plain_words(body: bytes, content_type: str) -> str:
    """Returns the words of a response body in folded form, without markup. HTML that is escaped in a feed is decoded
    first. Of JSON, the words of all strings are returned.
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


Changes = dict[str, dict[int, bytes]]
"""By WARC file and offset, the new content of a record; b"" for a record that is removed."""
Progress = Callable[[str, int, int], None]
"""A function that is called with the name of the file being read, its index, and the number of files."""


@dataclass
class ErasureScope:
    """The scope of a takedown: what it erases from the WARC files.

    - `ids`: the IDs of the removed articles.
    - `keys`: the urlkeys of their URLs.
    - `digests`: the digests of their payloads.
    - `own`: the IDs of the articles' captures.
    - `sites`: the names of the articles' sites.
    - `words`: detects quotes of the articles' texts.
    - `sources`: the URLs of plain texts that consist of the articles, such as their sources in Markdown. They are
      collected while the records are searched.
    """

    ids: set[int]
    keys: set[str]
    digests: set[str] = field(default_factory=set)
    own: set[int] = field(default_factory=set)
    sites: set[str] = field(default_factory=set)
    words: QuoteDetector = field(default_factory=lambda: QuoteDetector(()))
    sources: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class PageLosingCaptures:
    """A page that is not removed and loses captures, because they quote a removed post or repeat one that does.
    `captures` is how many it loses, and `left` how many it keeps.
    """

    url: str
    captures: int
    left: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a takedown erases from the WARC files: the number of records, and the other pages that lose captures."""

    records: int = 0
    pages: tuple[PageLosingCaptures, ...] = ()


def erase_records(
    db: Database, folder: Path, removals: Iterable[Tombstone], progress: Progress, texts: Iterable[tuple[str, str]] = ()
) -> Erasure:
    """Removes the WARC records of posts with these tombstones from the archive's files; returns what was removed.
    `texts` holds further titles and texts of these posts, which are not in the archive's database.

    A record is removed if it has a URL or a payload of one of the posts. Feeds, API responses and listings of a post's
    site are also removed if they quote eight consecutive words of the post. A record on which another article depends
    is kept. If revisit records of other pages repeat a removed payload, one of them is first turned into a response
    with this payload; if the payload quotes a post, they are removed too, unless another article depends on them. A
    plain text that consists of a post, such as its source in Markdown, is kept out of the archive from then on. Uses
    its own transactions. Raises OSError.
    """
    removals = list(removals)
    scope = _erasure_scope(db, removals, texts)
    first, changes = _plan_changes(db, folder, scope, progress)
    erasure = _summarize(db, [first, changes], scope)
    for name, of_file in first.items():
        new, places = _rewrite(db, folder, name, of_file)
        if name in changes:
            changes[new] = {places[offset]: data for offset, data in changes.pop(name).items()}
    for name, of_file in changes.items():
        _rewrite(db, folder, name, of_file)
    if scope.sources and removals:
        with writing(db):
            enter_tombstone(db, removals[0].id, sorted(scope.sources), ())
    return erasure


def preview_erasure(db: Database, folder: Path, article_ids: Collection[int]) -> Erasure:
    """Returns what the takedown of these articles would remove from the WARC files (see `erase_records`)."""
    scope, texts = ErasureScope(set(), set()), []
    for number in article_ids:
        row = next(iter(db.query("select * from articles where id = ?", [number])))
        urls = find_urls_of_post(db, row)
        own = find_own_captures(db, number, urls)
        scope.sites.add(row["site"])
        scope.ids.add(number)
        scope.own |= own
        scope.keys |= {urlkey(url) for url in urls}
        scope.digests |= find_payloads(db, own)
        texts += list(read_texts(db, number))
    scope.words = QuoteDetector(texts)
    return _summarize(db, _plan_changes(db, folder, scope), scope)


def _summarize(db: Database, plan: Iterable[Changes], scope: ErasureScope) -> Erasure:
    records, lost = 0, Counter[str]()
    for changes in plan:
        for name, of_file in changes.items():
            removed = [offset for offset, data in of_file.items() if not data]
            records += len(removed)
            lost.update(
                url
                for number, url in db.execute(
                    "select id, url from captures where warc_file = ? and warc_offset in "
                    "(select value from json_each(?))",
                    [name, json.dumps(removed)],
                )
                if number not in scope.own and urlkey_or_empty(url) not in scope.keys
            )
    pages = (
        PageLosingCaptures(
            url, count, db.execute("select count(*) from captures where url = ?", [url]).fetchone()[0] - count
        )
        for url, count in sorted(lost.items())
    )
    return Erasure(records, tuple(pages))


def delete_unfinished_rewrites(db: Database, folder: Path) -> None:
    """Deletes the surplus files that are left if the process was killed while it rewrote WARC files. If the database
    already points to the new file, this is the old file, otherwise the new one.
    """
    for old, new, done in db.execute("select old_file, new_file, done from warc_rewrites").fetchall():
        delete_warc(folder / (old if done else new))
        with writing(db):
            db.execute("delete from warc_rewrites where old_file = ?", [old])


def _erasure_scope(db: Database, removals: Iterable[Tombstone], more: Iterable[tuple[str, str]]) -> ErasureScope:
    out, texts = ErasureScope(set(), set()), list(more)
    for one in removals:
        out.sites.add(one.site)
        rows = db.execute("select urlkey, url from tombstone_urls where tombstone_id = ?", [one.id]).fetchall()
        own = find_own_captures(db, one.article_id, [url for _, url in rows])
        out.own |= own
        out.keys |= {key for key, _ in rows}
        out.digests |= {
            row[0] for row in db.execute("select digest from tombstone_payloads where tombstone_id = ?", [one.id])
        }
        if one.article_id is not None:
            out.ids.add(one.article_id)
            texts += list(read_texts(db, one.article_id))
    out.words = QuoteDetector(texts)
    return out


def _files_to_search(db: Database, folder: Path, scope: ErasureScope) -> list[str]:
    """Returns the names of the WARC files that may contain the posts: the files of their captures and, if their texts
    are known, all files of their sites.
    """
    found = {
        row[0]
        for row in db.execute(
            "select distinct warc_file from captures where id in (select value from json_each(?)) or digest in "
            "(select value from json_each(?))",
            [json.dumps(sorted(scope.own)), json.dumps(sorted(scope.digests))],
        )
    }
    for site in sorted(scope.sites) if scope.words else ():
        found |= {f"warc/{file.name}" for file in (folder / "warc").glob(f"{slugify(site)}-*.warc.gz")}
        found |= {
            row[0]
            for row in db.execute(
                "select distinct warc_file from captures where run_id in (select r.id from runs r join sites s on "
                "s.id = r.site_id where s.name = ?)",
                [site],
            )
        }
    return sorted(name for name in found if (folder / name).exists() and not is_being_written(folder / name))


def _plan_changes(
    db: Database, folder: Path, scope: ErasureScope, progress: Progress = lambda what, number, of: None
) -> tuple[Changes, Changes]:
    """Returns what changes in the WARC files. The first changes must be made before the second: they concern revisit
    records in other files than those of their originals, which are found only as long as the originals are there.
    """
    changes: Changes = {}
    files = _files_to_search(db, folder, scope)
    for number, name in enumerate(files):
        progress(name, number, len(files))
        if found := _find_removals(db, folder, name, scope):
            changes[name] = found
    first: Changes = {}
    removed = {(name, offset) for name, of_file in changes.items() for offset in of_file}
    for digest in _removed_payloads(db, changes):
        rows = list(
            db.query(
                "select * from captures where digest = ? order by record_type = 'response' desc, status = 304, id",
                [digest],
            )
        )
        rest = [row for row in rows if (row["warc_file"], row["warc_offset"]) not in removed]
        if not rest or rest[0]["record_type"] == "response":
            continue
        response = _read_or_none(folder, rows[0])
        is_quote = (
            response is None
            or digest in scope.digests
            or scope.words.is_quoted_in(response.body, response.content_type)
        )
        kept = [
            row
            for row in rest
            if not is_quote or _belongs_to_kept_article(db, urlkey_or_empty(row["url"]), row["id"], scope)
        ]
        if response is None or not kept or kept[0]["status"] == 304:
            kept = []  # a 304 response has no header fields that describe the payload
        originals = {row["warc_file"] for row in rows if row not in rest}
        for row in rest:
            name, offset = row["warc_file"], row["warc_offset"]
            if row in kept[1:] or not (folder / name).exists():
                continue
            data = revisit_as_response(folder / name, offset, response.payload) if row in kept and response else b""
            (changes if originals == {name} else first).setdefault(name, {})[offset] = data
    for name, of_file in (*changes.items(), *first.items()):
        _add_companions(folder / name, of_file)
    return first, changes


def _removed_payloads(db: Database, changes: Changes) -> set[str]:
    return {
        digest
        for name, of_file in changes.items()
        for (digest,) in db.execute(
            "select distinct digest from captures where warc_file = ? and record_type = 'response' and warc_offset in "
            "(select value from json_each(?))",
            [name, json.dumps(list(of_file))],
        )
    }


def _read_or_none(folder: Path, row: dict[str, Any]) -> StoredResponse | None:
    with suppress(UnreadableInput):
        return read_record(folder / row["warc_file"], row["warc_offset"], row["warc_length"])
    return None


def _find_removals(db: Database, folder: Path, name: str, scope: ErasureScope) -> dict[int, bytes]:
    """Returns the offsets of the records that must be removed from a WARC file, each mapped to b"", as `rewrite_warc`
    expects.
    """
    rows = {
        offset: number
        for number, offset in db.execute("select id, warc_offset from captures where warc_file = ?", [name])
    }
    removed: dict[int, bytes] = {}
    removed_ids: set[str] = set()
    kept_ids: set[str] = set()
    for member, fields in read_records_with_fields(folder / name):
        kind, url = fields.get("warc-type", ""), fields.get("warc-target-uri", "")
        record_id, concurrent_to = fields.get("warc-record-id", ""), fields.get("warc-concurrent-to", "")
        if kind in ("response", "revisit", "resource"):
            remove = _is_removed(db, folder / name, member, fields, rows.get(member.offset), scope)
            (removed_ids if remove else kept_ids).add(record_id)
        else:
            remove = kind != "warcinfo" and (
                concurrent_to in removed_ids or (concurrent_to not in kept_ids and urlkey_or_empty(url) in scope.keys)
            )
        if remove:
            removed[member.offset] = b""
    return removed


def _add_companions(file: Path, changes: dict[int, bytes]) -> None:
    """Adds the requests and metadata of removed captures to the records that are removed from a file."""
    removed_ids = set()
    for member, fields in read_records_with_fields(file):
        if changes.get(member.offset) == b"":
            removed_ids.add(fields.get("warc-record-id", ""))
        elif fields.get("warc-concurrent-to", "") in removed_ids:
            changes[member.offset] = b""


def _is_removed(
    db: Database, file: Path, member: Any, fields: dict[str, str], row: int | None, scope: ErasureScope
) -> bool:
    if row in scope.own:
        return True
    key = urlkey_or_empty(fields.get("warc-target-uri", ""))
    if _belongs_to_kept_article(db, key, row, scope):
        return False
    if key in scope.keys or fields.get("warc-payload-digest", "") in scope.digests:
        return True
    if fields.get("warc-type") == "revisit" or not scope.words:
        return False
    try:
        response = read_record(file, member.offset, member.length)
    except UnreadableInput:
        return False
    is_quoted = scope.words.is_quoted_in(response.body, response.content_type)
    if (
        is_quoted
        and _is_plain_text(response.body, response.content_type)
        and scope.words.is_mostly(response.body, response.content_type)
    ):
        scope.sources.add(response.url)
    return is_quoted


def _is_plain_text(body: bytes, content_type: str) -> bool:
    """Returns True if a response is plain text, such as text/plain or text/markdown, and not a feed or JSON, which some
    servers send as text/plain. A crawl can do without plain text, since it has no links to pages.
    """
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "text" and subtype not in ("html", "xml") and not body.lstrip().startswith((b"<", b"{", b"["))


def _belongs_to_kept_article(db: Database, key: str, row: int | None, scope: ErasureScope) -> bool:
    """Returns True if a record belongs to an article that is not removed: it is a capture of the article, or its URL is
    one of the article's URLs. `key` is the urlkey of the record, and `row` is the ID of its capture, None if the record
    has none.
    """
    ids = json.dumps(sorted(scope.ids))
    return (
        db.execute(
            "select 1 from article_urls where urlkey = :key and article_id not in (select value from json_each(:ids)) "
            "union "
            "select 1 from revisions where capture_id = :row and article_id not in (select value from json_each(:ids)) "
            "union select 1 from articles where capture_id = :row and id not in (select value from json_each(:ids))",
            {"key": key, "row": row, "ids": ids},
        ).fetchone()
        is not None
    )


def _rewrite(db: Database, folder: Path, name: str, changes: dict[int, bytes]) -> tuple[str, dict[int, int]]:
    """Rewrites a WARC file. Returns its new name, and the new offset of each record by its old one."""
    old = folder / name
    new = find_free_name(old)
    new_name = f"warc/{new.name}"
    with writing(db):
        db.execute("insert into warc_rewrites (old_file, new_file) values (?, ?)", [name, new_name])
    moved = rewrite_warc(old, new, changes)
    with writing(db):
        _move_rows(db, name, new_name, moved, changes, new.stat().st_size)
        db.execute("update warc_rewrites set done = 1 where old_file = ?", [name])
    delete_unfinished_rewrites(db, folder)
    return new_name, {one.before: one.offset for one in moved}


def _move_rows(
    db: Database, name: str, new: str, moved: list[MovedRecord], changes: dict[int, bytes], size: int
) -> None:
    rows = {
        offset: number
        for number, offset in db.execute("select id, warc_offset from captures where warc_file = ?", [name])
    }
    removed = [rows[offset] for offset, data in changes.items() if not data and offset in rows]
    for number in removed:
        db.execute(
            "update pages set capture_id = null, etag = null, last_modified = null where capture_id = ?", [number]
        )
        db.execute("update articles set capture_id = null where capture_id = ?", [number])
        db.execute("update revisions set capture_id = null where capture_id = ?", [number])
        db.execute("delete from usage_statements where capture_id = ?", [number])
        db.execute("delete from captures where id = ?", [number])
    for one in moved:
        if one.before in rows:
            db.execute(
                "update captures set warc_offset = ?, warc_length = ?, record_type = case when ? "
                "then 'response' else record_type end where id = ?",
                [one.offset, one.length, one.before in changes, rows[one.before]],
            )
    db.execute("update captures set warc_file = ? where warc_file = ?", [new, name])
    db.execute("update sites set warc_file = ? where warc_file = ?", [new, name])
    forget_lost(db, new, frozenset((one.offset, one.length) for one in moved))
    db.execute("update imports set warc_file = ?, warc_end = ? where warc_file = ?", [new, size, name])


# Removing the rows of a post, and leaving its tombstone.


def begin_takedown(db: Database, article_id: int, reason: str, requested_by: str, at: str) -> Tombstone:
    """Stores the tombstone of a post, which keeps the post out of the archive, with the time `at` (ISO 8601), the
    reason and who asked for it. The post's rows are removed later by `purge_article`, once its records are erased.
    """
    row = next(iter(db.query("select * from articles where id = ?", [article_id])))
    urls = find_urls_of_post(db, row)
    payloads = find_payloads(db, find_own_captures(db, article_id, urls))
    db.insert(
        "tombstones",
        {
            "article_id": article_id,
            "site": row["site"],
            "url": row["url"],
            "post_id": row["post_id"],
            "guid": row["guid"],
            "content_digest": row["content_digest"],
            "reason": reason,
            "requested_by": requested_by or None,
            "removed_at": at,
            "record_id": record_id_of(db, article_id),
        },
    )
    number = last_rowid(db)
    enter_tombstone(db, number, urls, payloads)
    return tombstones(db, "id = ?", [number])[0]


def enter_tombstone(db: Database, tombstone_id: int, urls: Iterable[str], payloads: Iterable[str]) -> None:
    """Stores the URLs and payload digests of a removed post with its tombstone, so that they are kept out of the
    archive, and deletes the source hints of those URLs.
    """
    for url in urls:
        db.execute(
            "insert into tombstone_urls (urlkey, url, tombstone_id) values (?, ?, ?) on conflict do nothing",
            [urlkey(url), url, tombstone_id],
        )
        db.execute("delete from source_hints where page_id in (select id from pages where urlkey = ?)", [urlkey(url)])
    for digest in payloads:
        db.execute(
            "insert into tombstone_payloads (digest, tombstone_id) values (?, ?) on conflict do nothing",
            [digest, tombstone_id],
        )


def purge_article(db: Database, removal: Tombstone) -> None:
    """Deletes the article of a tombstone, if it exists, and all rows derived from it."""
    article_id = removal.article_id
    row = next(iter(db.query("select * from articles where id = ?", [article_id])), None)
    keys = json.dumps(
        [key for (key,) in db.execute("select urlkey from tombstone_urls where tombstone_id = ?", [removal.id])]
    )
    listed = "in (select value from json_each(?))"
    db.execute(f"delete from article_parts where urlkey {listed} or post_urlkey {listed}", [keys, keys])
    db.execute(f"delete from historical_responses where urlkey {listed}", [keys])
    db.execute(
        "delete from unresolved_revisits where url in (select url from tombstone_urls where tombstone_id = ?)",
        [removal.id],
    )
    db.execute(f"update pages set redirect_urlkey = null where urlkey {listed}", [keys])
    if row is None or article_id is None:
        return
    db.conn.executemany(
        "delete from requisites where id = ?", [(number,) for number, _ in find_own_requisites(db, article_id)]
    )
    clusters.leave_clusters(db, [article_id])
    for link in LINKS:
        names = json.dumps(
            [
                number
                for (number,) in db.execute(
                    f"select {link.key} from {link.table_of_links} where article_id = ?", [article_id]
                )
            ]
        )
        db.execute(f"delete from {link.table_of_links} where article_id = ?", [article_id])
        db.execute(
            f"delete from {link.table} where id {listed} and not exists (select 1 from {link.table_of_links} l "
            f"where l.{link.key} = {link.table}.id)",
            [names],
        )
    for table in ("geotags", "article_urls", "revisions"):
        db.execute(f"delete from {table} where article_id = ?", [article_id])
    db.execute("update captures set article_id = null, secondary = null where article_id = ?", [article_id])
    db.execute("update pages set article_id = null where article_id = ?", [article_id])
    db.execute("update articles set duplicate_of = null where duplicate_of = ?", [article_id])
    db.execute("delete from articles where id = ?", [article_id])
    settle_duplicates(db, row["content_digest"])


# A takedown from start to end: records, rows, and unused space in the database file.


def remove_articles(
    db: Database, archive: Path, article_ids: Iterable[int], reason: str, requested_by: str, progress: Progress
) -> Erasure:
    """Takes down articles, and finishes takedowns that were interrupted. Returns what was removed from WARC files.
    `reason` and `requested_by` (who asked for it) are stored with the tombstones. `progress` is called with the name of
    the file being read, its index, and the number of files.

    No other program may write to the archive meanwhile. IDs of articles that no longer exist are skipped. Raises
    storage errors, and ArchiveLocked if another program reads for too long; the takedown is then stored as pending, and
    `finish_takedowns` continues it.
    """
    now = stamp(datetime.now(UTC))
    with writing(db):
        for number in article_ids:
            if db.execute("select 1 from articles where id = ?", [number]).fetchone():
                begin_takedown(db, number, reason, requested_by, now)
    return finish_takedowns(db, archive, progress)


def finish_takedowns(db: Database, archive: Path, progress: Progress = lambda what, number, of: None) -> Erasure:
    """Completes every takedown that was begun but not finished. Returns what was removed from WARC files. No other
    program may write to the archive meanwhile. Raises the same errors as `remove_articles`.
    """
    delete_unfinished_rewrites(db, archive.parent)
    waiting = pending_takedowns(db)
    if not waiting:
        return Erasure()
    erased = erase_records(db, archive.parent, waiting, progress)
    with writing(db):
        for one in waiting:
            purge_article(db, one)
    progress("the database", 0, 1)
    overwrite_free_pages(db, archive)
    with writing(db):
        for one in waiting:
            db.execute("update tombstones set erased_at = ? where id = ?", [stamp(datetime.now(UTC)), one.id])
    return erased


def remove_orphans(db: Database, folder: Path) -> int:
    """Removes the revisit records whose original is not in the archive, as takedowns of version 0.3.0 left them.
    Returns how many WARC records were removed; 0 for an archive without takedowns. No other program may write to the
    archive meanwhile. Raises OSError.
    """
    changes: Changes = {}
    for name, offset in db.execute(
        "select warc_file, warc_offset from captures r where record_type = 'revisit' and exists (select 1 from "
        "tombstones) and not exists (select 1 from captures o where o.digest = r.digest and o.record_type = 'response')"
    ).fetchall():
        if (folder / name).exists():
            changes.setdefault(name, {})[offset] = b""
    for name, of_file in changes.items():
        _add_companions(folder / name, of_file)
        _rewrite(db, folder, name, of_file)
    return sum(map(len, changes.values()))


def overwrite_free_pages(db: Database, archive: Path) -> None:
    """Removes deleted data from the database file. Otherwise SQLite would leave these data in the file until their
    space is reused.

    VACUUM drops free pages and the unused space in other pages. The checkpoint empties the write-ahead log. The search
    index is deleted, and rebuilt at the next search; so is a full-text table for SQL, which is not made again. Raises
    ArchiveLocked if another program keeps reading.
    """
    delete_search_index(archive)
    with writing(db):
        drop_fts(db)
    try:
        db.execute("vacuum")
        busy = db.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        busy = 1
    if busy:
        raise ArchiveLocked(str(archive))


# Unfinished takedowns, and posts that a crawl captured again. They are finished before anything else is written.


@contextmanager
def archive_without_writers(archive: Path) -> Iterator[Database]:
    """Context manager that opens the archive and keeps crawls and imports from starting. Raises ArchiveInUse if a crawl
    or an import is running, the errors of `open_archive`, and database and disk errors as ArchiverErrors
    (`environment_error`).
    """
    db = open_archive(archive)
    try:
        with lock_archive_exclusively(archive):
            yield db
    except (sqlite3.Error, OSError) as error:
        if is_environment_error(error):
            raise environment_error(error, archive) from error
        raise
    finally:
        db.close()


def finish_pending_takedowns(archive: Path, say: Callable[[str], None], *, create: bool = False) -> None:
    """Finishes pending takedowns. If that is not possible now, they stay pending and `say` is called with the
    reason. If `create` is True, a missing archive is created. Raises the errors of `open_archive`.
    """
    with opened(archive, create=create) as db:
        is_pending = bool(pending_takedowns(db)) or db.execute("select 1 from warc_rewrites").fetchone() is not None
    if not is_pending:
        return
    try:
        with archive_without_writers(archive) as db:
            finish_takedowns(db, archive)
    except ArchiverError as error:
        say(f"A takedown is not finished yet: {error}")
