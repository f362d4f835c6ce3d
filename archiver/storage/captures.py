"""Captures with their usage statements, and the records of imports: stores captures, finds those of a URL or an article
by time, and stores how far the import of a file has come.

An import of historical captures also records past redirects, pages that were gone, captures that need not be read
again, and revisit records whose payload is missing. All functions expect to run inside the caller's transaction.

Tombstones, the records of posts that were removed at a person's request, keep these from coming back under any URL.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from archiver.articles.article_comparison import content_digest
from archiver.frontier.fetch_order import next_fetch_time, priority
from archiver.model.errors import ArticleRemoved, BadAddress, NotCaptured
from archiver.model.items import Article, Capture, DiscoverySource, Outcome, PageKind, UsageStatement
from archiver.model.urls import asset_address, normalize, start_address, urlkey
from archiver.storage import Database
from archiver.storage.pages import last_rowid, moment, stamp

if TYPE_CHECKING:
    from archiver.warc.foreign_reader import ForeignCapture


_INSERT_STATEMENT = "insert into usage_statements (capture_id, source, agent, name, value) values (?, ?, ?, ?, ?)"
_VALUES = tuple(one.name for one in fields(Capture))
_INSERT_CAPTURE = (
    # A hint may have been deleted because its post was removed.
    f"insert into captures (id, run_id, hint_id, {', '.join(_VALUES)}) "
    f"values (?, ?, (select id from source_hints where id = ?){', ?' * len(_VALUES)})"
)


def enter_captures(
    db: Database, run_id: int, fetched: Sequence[tuple[Capture, int | None, Iterable[UsageStatement]]]
) -> list[int]:
    """Inserts captures and returns their IDs. Each of `fetched` is a capture with the ID of the source hint with which
    it was extracted (None: without one) and the usage statements of its response.
    """
    first = 1 + (db.conn.execute("select max(id) from captures").fetchone()[0] or 0)
    ids = list(range(first, first + len(fetched)))
    db.conn.executemany(
        _INSERT_CAPTURE,
        [
            (number, run_id, hint_id, *_values(capture))
            for number, (capture, hint_id, _) in zip(ids, fetched, strict=True)
        ],
    )
    said = [
        (number, one.source, one.agent, one.name, one.value)
        for number, (_, _, statements) in zip(ids, fetched, strict=True)
        for one in statements
    ]
    if said:
        db.conn.executemany(_INSERT_STATEMENT, said)
    return ids


def enter_capture(db: Database, run_id: int, capture: Capture, hint_id: int | None = None) -> int:
    """Inserts a capture and returns its ID. `hint_id` is the source hint with which it was extracted, None if without
    one; a hint that has been deleted meanwhile is not stored. Expects to run inside the caller's transaction.
    """
    return int(db.conn.execute(_INSERT_CAPTURE, [None, run_id, hint_id, *_values(capture)]).lastrowid or 0)


def _values(capture: Capture) -> list[Any]:
    """Returns the values of a capture in the order of `_VALUES`."""
    return [stamp(capture.captured_at) if name == "captured_at" else getattr(capture, name) for name in _VALUES]


Row = dict[str, Any]
_COLUMNS = "id, url, captured_at, status, media_type, record_type, digest, warc_file, warc_offset, warc_length"
_REFUSALS = frozenset({401, 403, 407, 429})
"""Statuses of refusals, which depend on the client and say nothing about the page."""


def captures_of_address(db: Database, url: str) -> list[Row]:
    """Returns all captures of a URL, by http and https, with and without www and a trailing slash, oldest first.

    Raises ArticleRemoved if the URL belongs to a removed post, NotCaptured if there is no capture.
    """
    found = list(
        db.query(
            f"select {_COLUMNS} from captures where url in (select value from json_each(?)) order by captured_at, id",
            [json.dumps(sorted(_forms(url)))],
        )
    )
    address = normalize(url)
    if address and (removal := tombstone_at(db, urlkey(address))):
        raise ArticleRemoved(url, removal.explanation)
    if not found:
        raise NotCaptured(url)
    return found


def mementos(db: Database, url: str) -> list[Row]:
    """Returns the captures of a URL, oldest first, without refusals (403, 429 ...) and server errors, since these do
    not show what was at the URL. Raises the same errors as `captures_of_address`.
    """
    found = [
        row
        for row in captures_of_address(db, url)
        if (row["status"] or 0) < 500
        and row["status"] not in _REFUSALS
        and (row["status"] != 304 or row["record_type"] == "revisit")
    ]
    # A redirect from another form of this URL (http to https, without the slash) is not a memento of it.
    shown = [row for row in found if row["url"] == url or not is_redirect(row)] or found
    if not shown:
        raise NotCaptured(url)
    return shown


def is_redirect(row: Row) -> bool:
    return 300 <= (row["status"] or 0) < 400 and row["status"] != 304


def captures_of_article(db: Database, article_id: int) -> list[Row]:
    """Returns the captures of an article's URLs, and the captures from which its revisions were extracted, oldest
    first.
    """
    return list(
        db.query(
            f"select {_COLUMNS} from captures where id in (select id from captures where article_id = :id union "
            "select capture_id from articles where id = :id and capture_id is not null union "
            "select capture_id from revisions where article_id = :id and capture_id is not null union "
            "select c.id from captures c join (select url from articles where id = :id union "
            "select url from article_urls where article_id = :id) a on c.url = a.url) order by captured_at, id",
            {"id": article_id},
        )
    )


def nearest(rows: Iterable[Row], at: datetime) -> Row:
    """Returns the capture nearest to a time. If two captures are equally near, returns the earlier one. `rows` must not
    be empty.
    """
    return min(rows, key=lambda row: abs((time_of(row) - at).total_seconds()))


def time_of(row: Row) -> datetime:
    found = moment(row["captured_at"])
    assert found is not None
    return found


def captured_urls(db: Database, urls: Iterable[str]) -> set[str]:
    """Returns the URLs among `urls` for which there is a capture with a status below 400: one that can be shown, or a
    redirect.
    """
    return {
        row[0]
        for row in db.execute(
            "select distinct url from captures where url in (select value from json_each(?)) and status < 400",
            [json.dumps(list(urls))],
        )
    }


def _forms(url: str) -> set[str]:
    out: set[str] = set()
    for one in filter(None, (url, asset_address(url), normalize(url))):
        _, _, rest = one.partition("://")
        host, slash, path = rest.partition("/")
        bare = host.removeprefix("www.")
        ends = {path, path.rstrip("/"), path if "?" in path or not path else path.rstrip("/") + "/"}
        out |= {
            f"{scheme}://{name}{slash or '/'}{end}"
            for scheme in ("http", "https")
            for name in (bare, f"www.{bare}")
            for end in ends
        }
    return out


# -- usage statements


def store_usage_statements(db: Database, capture_id: int, rights: Iterable[UsageStatement]) -> None:
    """Stores the usage statements (`rights`) of a capture's response. Expects to run inside the caller's
    transaction.
    """
    if rows := [(capture_id, one.source, one.agent, one.name, one.value) for one in rights]:
        db.conn.executemany(_INSERT_STATEMENT, rows)


def usage_statements_of(db: Database, capture_id: int) -> list[dict[str, Any]]:
    """Returns the usage statements of a capture, ready for JSON: source, agent, name, value."""
    return list(
        db.query(
            "select source, agent, name, value from usage_statements where capture_id = ? order by id", [capture_id]
        )
    )


# -- historical responses without a page: gone, or redirects

_MOST_HOPS = 10
_MOST_WAYS = 200


def store_gone(db: Database, url: str, status: int, at: datetime, import_id: int | None) -> None:
    """Records that an import found a page gone at this time: by the response's `status` or, if that is 200, by its
    content. `import_id` is the ID of the import, None if it has no row in `imports`.
    """
    _insert_response(db, url, "gone", str(status), at, import_id)


def last_gone(db: Database, key: str) -> tuple[int, datetime] | None:
    """Returns the status and time of the last historical response by which the page at this urlkey was gone; None if
    there is none.
    """
    row = db.execute(
        "select target, captured_at from historical_responses where urlkey = ? and kind = 'gone' order "
        "by captured_at desc, target "
        "limit 1",
        [key],
    ).fetchone()
    return (int(row[0]), datetime.fromisoformat(row[1])) if row else None


def store_redirect(db: Database, url: str, target: str, at: datetime, import_id: int | None) -> None:
    """Records that an import found that a URL redirected to `target` at this time. `import_id` is the ID of the import,
    None if it has no row in `imports`.
    """
    _insert_response(db, url, "redirect", urlkey(target), at, import_id)


def _insert_response(db: Database, url: str, kind: str, target: str, at: datetime, import_id: int | None) -> None:
    db.execute(
        "insert into historical_responses (urlkey, kind, target, captured_at, url, import_id) values (?, ?, ?, "
        "?, ?, ?) "
        "on conflict do nothing",
        [urlkey(url), kind, target, stamp(at), url, import_id],
    )


@dataclass(frozen=True, slots=True)
class HistoricalRedirect:
    """A URL that redirected to another URL in the past, with the first and last time that a capture showed the
    redirect.
    """

    url: str
    first: datetime
    last: datetime


def redirects_to(db: Database, key: str) -> list[HistoricalRedirect]:
    """Returns the URLs that once redirected to this urlkey, directly or through other URLs, the nearest first."""
    found: dict[str, HistoricalRedirect] = {}
    wave, seen = [key], {key}
    for _ in range(_MOST_HOPS):
        reached: list[str] = []
        for target in wave:
            for source, url, first, last in db.execute(
                "select urlkey, min(url), min(captured_at), max(captured_at) from historical_responses where "
                "target = ? group by urlkey "
                "order by urlkey limit ?",
                [target, _MOST_WAYS],
            ):
                if source not in seen and len(found) < _MOST_WAYS:
                    seen.add(source)
                    found[source] = HistoricalRedirect(url, datetime.fromisoformat(first), datetime.fromisoformat(last))
                    reached.append(source)
        wave = reached
        if not wave:
            break
    return list(found.values())


def redirect_target(db: Database, key: str) -> str:
    """Returns the urlkey at the end of a URL's historical redirects, following the latest redirect of each URL. If the
    URL never redirected, returns the URL's own urlkey.
    """
    seen = {key}
    for _ in range(_MOST_HOPS):
        row = db.execute(
            "select target from historical_responses where urlkey = ? and kind = 'redirect' "
            "order by captured_at desc, target limit 1",
            [key],
        ).fetchone()
        if row is None or row[0] in seen:
            break
        key = row[0]
        seen.add(key)
    return key


def mark_gone_by_history(db: Database, article_id: int) -> bool:
    """Marks an article as gone if historical responses show that its URL was gone after the article was last seen. The
    article counts as gone since the first such response. Returns True if it was not marked as gone before.
    """
    row = db.execute("select urlkey, last_seen, gone_at from articles where id = ?", [article_id]).fetchone()
    if row is None:
        return False
    key, last_seen, gone_at = row
    first = db.execute(
        "select min(captured_at) from historical_responses where urlkey = ? and kind = 'gone' and captured_at > ?",
        [key, last_seen],
    ).fetchone()[0]
    if first is None or (gone_at and gone_at <= first):
        return False
    db.execute("update articles set gone_at = ? where id = ?", [first, article_id])
    return gone_at is None


# -- known captures

_SECOND = timedelta(seconds=1)


def known_capture(db: Database, url: str, at: datetime, digest: str) -> dict[str, Any] | None:
    """Returns the row of `captures` for the capture with this URL, time and payload digest, whether crawled or
    imported; None if not found.
    """
    return _find_capture(db, "url = ? and captured_at = ? and digest = ?", [url, stamp(at), digest])


def is_capture_processed(db: Database, capture: dict[str, Any]) -> bool:
    """Returns True if a capture (a row of `captures`) need not be extracted.

    It must be extracted again if its site, and with it the article, has been removed since.
    """
    if capture["article_id"] or capture["run_id"] or capture["status"] != 200:
        return True
    return kind_read(db, capture["url"], capture["digest"]) is not None


def page_key(url: str, digest: str) -> int:
    """Returns a hash of a URL and its payload digest. It has 63 bits, so that collisions are rare even among hundreds
    of millions of pages.
    """
    return int.from_bytes(hashlib.blake2b(f"{url} {digest}".encode(), digest_size=8).digest(), "big") >> 1


def kind_read(db: Database, url: str, digest: str) -> str | None:
    """Returns the page kind of this URL and payload digest, as found by an earlier extraction; None if the payload was
    never extracted or is a post.
    """
    row = db.execute("select kind from historical_pages where key = ?", [page_key(url, digest)]).fetchone()
    return row[0] if row else None


def store_page_kind(db: Database, url: str, digest: str, kind: str) -> None:
    db.execute(
        "insert into historical_pages (key, kind) values (?, ?) on conflict do nothing", [page_key(url, digest), kind]
    )


def mark_memento_read(db: Database, key: str, at: datetime, digest: str) -> None:
    """Records that a web archive's capture was fetched and extracted. This is needed for captures without a row in
    `captures`. `key` is the capture's urlkey.
    """
    store_page_kind(db, _memento_key(key, at), digest, "memento")


def is_memento_known(db: Database, url: str, at: datetime, digest: str) -> bool:
    """Returns True if a capture that a web archive lists was fetched or imported before, and need not be fetched. `at`
    is compared to the second; `digest` is written as in the list ("sha1:" and base 32).
    """
    if kind_read(db, _memento_key(urlkey(url), at), digest) is not None:
        return True
    second = [stamp(at), stamp(at + _SECOND)]
    for one in with_other_scheme(url):
        row = _find_capture(
            db, "url = ? and captured_at >= ? and captured_at < ? and digest = ?", [one, *second, digest]
        )
        if row and is_capture_processed(db, row):
            return True
    return False


def is_payload_known(db: Database, url: str, digest: str) -> bool:
    """Returns True if a payload of this URL was extracted before, whenever it was captured."""
    return bool(digest) and (
        is_no_post(db, url, digest)
        or any(
            (row := _find_capture(db, "url = ? and digest = ?", [one, digest])) is not None
            and is_capture_processed(db, row)
            for one in with_other_scheme(url)
        )
    )


def is_no_post(db: Database, url: str, digest: str) -> bool:
    """Returns True if a payload of this URL was extracted before and found not to be a post."""
    return any(kind_read(db, one, digest) is not None for one in with_other_scheme(url))


def is_response_known(db: Database, url: str, at: datetime) -> bool:
    """Returns True if a gone page or a redirect is recorded for this URL at this time."""
    return (
        db.execute(
            "select 1 from historical_responses where urlkey = ? and captured_at = ?", [urlkey(url), stamp(at)]
        ).fetchone()
        is not None
    )


def with_other_scheme(url: str) -> tuple[str, str]:
    """Returns the URL as given, and the same URL with https in place of http or http in place of https."""
    scheme, _, rest = url.partition("://")
    return url, f"{'http' if scheme == 'https' else 'https'}://{rest}"


def _memento_key(key: str, at: datetime) -> str:
    return f"memento {key} {at:%Y%m%d%H%M%S}"


def capture_with_payload(db: Database, digest: str) -> dict[str, Any] | None:
    """Returns the row of the first capture whose response record contains the payload with this digest; None if there
    is none.
    """
    return _find_capture(db, "digest = ? and record_type = 'response' order by id", [digest])


def store_capture(db: Database, capture: Capture, import_id: int | None) -> int:
    db.insert("captures", {**asdict(capture), "captured_at": stamp(capture.captured_at), "import_id": import_id})
    return last_rowid(db)


def link_capture_to_article(db: Database, capture_id: int, article_id: int, *, secondary: bool) -> None:
    """Links a capture to the article it shows. `secondary` is True if the capture shows only a stub or another URL of
    the post, and therefore does not prove a revision.
    """
    db.execute(
        "update captures set article_id = ?, secondary = ? where id = ?", [article_id, secondary or None, capture_id]
    )


def capture_of_revisit(db: Database, found: ForeignCapture) -> dict[str, Any] | None:
    """Returns the row of the capture that a revisit record refers to (WARC/1.1, section 6.7); None if that capture is
    not in the archive.

    The capture is found by URL and time, or by the payload digest. For the profile server-not-modified, it may also be
    the last earlier capture of the URL.
    """
    url = found.refers_url or found.url
    if found.refers_at is not None:
        row = _find_capture(
            db,
            "url = ? and captured_at >= ? and captured_at < ? order by captured_at",
            [url, stamp(found.refers_at), stamp(found.refers_at + _SECOND)],
        )
        if row:
            return row
    if found.digest:
        row = _find_capture(db, "digest = ? order by url = ? desc, captured_at", [found.digest, url])
        if row:
            return row
    if found.not_modified and not found.digest:
        return _find_capture(
            db,
            "url = ? and captured_at <= ? and status in (200, 304) order by captured_at desc",
            [url, stamp(found.at)],
        )
    return None


def _find_capture(db: Database, where: str, values: list[Any]) -> dict[str, Any] | None:
    return next(iter(db.query(f"select * from captures where {where} limit 1", values)), None)


def store_unresolved_revisit(db: Database, found: ForeignCapture, import_id: int) -> None:
    """Stores a revisit record whose referred capture is not in the archive, since a later import may add that
    capture.
    """
    db.execute(
        "insert into unresolved_revisits (url, captured_at, digest, refers_to_url, refers_to_date, not_modified, "
        "import_id, place) "
        "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        [
            found.url,
            stamp(found.at),
            found.digest,
            found.refers_url,
            stamp(found.refers_at) if found.refers_at else None,
            found.not_modified,
            import_id,
            found.place,
        ],
    )


def resolvable_revisits(db: Database, import_id: int) -> Iterator[tuple[dict[str, Any], ForeignCapture]]:
    """Yields all revisit records that this import stored, and revisit records of earlier imports that may now be
    resolvable, in the order of their times. Yields each record as its row and as a ForeignCapture.
    """
    from archiver.warc.foreign_reader import ForeignCapture

    rows = db.query(
        "select r.* from unresolved_revisits r where r.import_id = ? or exists (select 1 from captures c where "
        "c.digest = r.digest and r.digest <> '') or exists (select 1 from captures c where "
        "c.url = coalesce(nullif(r.refers_to_url, ''), r.url)) order by r.captured_at, r.id",
        [import_id],
    )
    for row in list(rows):
        at = moment(row["captured_at"])
        assert at is not None
        yield (
            row,
            ForeignCapture(
                row["place"] or "",
                row["url"],
                at,
                304 if row["not_modified"] else 200,
                digest=row["digest"],
                refers_url=row["refers_to_url"] or "",
                refers_at=moment(row["refers_to_date"]),
                not_modified=bool(row["not_modified"]),
                is_revisit=True,
            ),
        )


def delete_revisit(db: Database, row: dict[str, Any]) -> None:
    db.execute("delete from unresolved_revisits where id = ?", [row["id"]])


def find_article_of_capture(db: Database, capture: dict[str, Any]) -> int | None:
    """Returns the ID of the article that a capture (a row of `captures`) shows; None if the capture shows no
    article.
    """
    if capture["article_id"]:
        return int(capture["article_id"])
    row = db.execute("select article_id from article_urls where urlkey = ?", [urlkey(capture["url"])]).fetchone()
    return int(row[0]) if row and row[0] else None


@dataclass(frozen=True, slots=True)
class ImportedPage:
    """The page of an imported post. `import_name` is the name of the import; `rule` is the name of the rule that
    recognized the page as a post.
    """

    site_id: int
    url: str
    article_id: int
    capture_id: int
    at: datetime
    rule: str
    import_name: str
    published: datetime | None


def enter_page(db: Database, imported: ImportedPage) -> None:
    """Inserts or updates the row of `pages` for an imported post, with the import as its discovery source.

    The results of a crawl are kept; if no crawl fetched the URL, the imported capture counts as its result.
    """
    key, seen = urlkey(imported.url), stamp(imported.at)
    due = stamp(next_fetch_time(Outcome.ARCHIVED, PageKind.POST, imported.at, imported.published))
    result = {
        "kind": "post",
        "outcome": "archived",
        "reason": f"imported from {imported.import_name}",
        "rule": imported.rule,
        "status": 200,
        "article_id": imported.article_id,
        "capture_id": imported.capture_id,
        "fetched_at": seen,
        "due_at": due,
    }
    page = db.execute(
        "select id, fetched_at, etag, last_modified, found_at from pages where urlkey = ?", [key]
    ).fetchone()
    if page is None:
        db.insert(
            "pages",
            {
                "site_id": imported.site_id,
                "url": imported.url,
                "urlkey": key,
                "found_at": seen,
                "priority": priority(PageKind.POST, DiscoverySource.IMPORT),
                **result,
            },
        )
        page_id = last_rowid(db)
    else:
        page_id = page[0]
        if page[1] is None or (page[1] < seen and not page[2] and not page[3]):
            db.update("pages", page_id, {**result, "url": imported.url})
        db.execute(
            "update pages set article_id = coalesce(article_id, ?), found_at = min(found_at, ?) where id = ?",
            [imported.article_id, seen, page_id],
        )
    _record_import_source(db, page_id, imported.import_name, seen)


def _record_import_source(db: Database, page_id: int, name: str, seen: str) -> None:
    db.execute(
        "insert into page_discoveries (page_id, source, found_on, first_seen) values (?, 'import', ?, ?) "
        "on conflict (page_id, source) do update set "
        "last_seen = max(coalesce(last_seen, first_seen), excluded.first_seen), found_on = "
        "case when (excluded.first_seen, excluded.found_on) < (first_seen, found_on) then excluded.found_on "
        "else found_on end, first_seen = min(first_seen, excluded.first_seen)",
        [page_id, name, seen],
    )


def enter_gone(db: Database, url: str, status: int, at: datetime, import_name: str) -> None:
    """Records in `pages` that a post was gone at this time, unless a newer result is stored.

    `import_name` is the name of the import; status 200 means that the page's content showed it.
    """
    answer = f"the server answered {status}" if status != 200 else "the page said that it does not exist"
    db.execute(
        "update pages set outcome = 'gone', status = ?, reason = ?, rule = ?, fetched_at = ? where urlkey = ? "
        "and article_id is not null and (fetched_at is null or fetched_at < ?)",
        [
            status,
            f"{answer}, imported from {import_name}",
            f"http-{status}" if status != 200 else "not-found",
            stamp(at),
            urlkey(url),
            stamp(at),
        ],
    )


# -- the table imports, from which an interrupted import continues

MOST_PROBLEMS = 100
"""At most this many problems are listed per file; all are counted."""


@dataclass(slots=True)
class ImportCounts:
    """The counts of an import.

    - `records`: all records in the file. Each record is counted in exactly one of `posts`, `pages`, `not_html`, `gone`,
      `redirects`, `status`, `revisits`, `about`, `skipped`, `removed` and `damaged`.
    - `posts`: records that contain posts, of which `new` made a new article, `revised` added a revision, and `known`
      did neither.
    - `pages`: pages that are not posts.
    - `not_html`: responses that are not HTML.
    - `gone`, `redirects`, `status`: responses that show that a page is gone, that redirect, or that have any other
      status.
    - `revisits`: revisit records.
    - `about`: records about other records, such as requests and metadata.
    - `skipped`: records that the import's filter excluded.
    - `removed`: records of removed posts.
    - `damaged`: damaged records.
    - `mended`: records that could be used in spite of an error.
    - `captures`: captures that were copied into the archive.
    - `aliases`, `tombstones`, `sites`: new aliases, posts newly marked as gone, and new sites.
    """

    records: int = 0
    posts: int = 0
    new: int = 0
    revised: int = 0
    known: int = 0
    pages: int = 0
    not_html: int = 0
    gone: int = 0
    redirects: int = 0
    status: int = 0
    revisits: int = 0
    about: int = 0
    skipped: int = 0
    damaged: int = 0
    removed: int = 0
    mended: int = 0
    captures: int = 0
    aliases: int = 0
    tombstones: int = 0
    sites: int = 0

    def add(self, other: ImportCounts) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def last_import(db: Database, digest: str, options: str) -> dict[str, Any] | None:
    """Returns the last import of the file with this digest and with these options, as a row of `imports`; None if no
    such import was made.
    """
    return next(
        iter(
            db.query(
                "select * from imports where digest = ? and options = ? order by id desc limit 1", [digest, options]
            )
        ),
        None,
    )


def begin_import(db: Database, name: str, digest: str, size: int, options: str, now: datetime) -> int:
    db.insert("imports", {"name": name, "digest": digest, "size": size, "options": options, "started_at": stamp(now)})
    return last_rowid(db)


def record_progress(
    db: Database,
    import_id: int,
    place: tuple[int, int] | None,
    tally: ImportCounts,
    problems: Iterable[dict[str, Any]],
    warc: tuple[str, int],
) -> None:
    """Stores how far an import has come, so that an interrupted import can continue, and adds `problems` to the stored
    list.

    `place` says up to where the file has been imported: the offset of a compressed member, and the offset within the
    decompressed member. None leaves the stored offsets unchanged. `tally` are the counts so far. `warc` is the name of
    the WARC file that the import writes ("" if none), and the offset of its end.
    """
    db.execute(
        "update imports set member_offset = coalesce(?, member_offset), inner_offset = coalesce(?, "
        "inner_offset), counts = ?, "
        "warc_file = coalesce(nullif(?, ''), warc_file), warc_end = case when ? <> '' then ? else warc_end end "
        "where id = ?",
        [*(place or (None, None)), json.dumps(asdict(tally)), warc[0], warc[0], warc[1], import_id],
    )
    add_problems(db, import_id, problems)


def add_problems(db: Database, import_id: int, problems: Iterable[dict[str, Any]]) -> None:
    for problem in problems:
        db.execute(
            "update imports set problems = json_insert(problems, '$[#]', json(?)) where id = ? "
            "and json_array_length(problems) < ?",
            [json.dumps(problem, ensure_ascii=False), import_id, MOST_PROBLEMS],
        )


def end_import(db: Database, import_id: int, outcome: str, tally: ImportCounts, now: datetime) -> None:
    """Marks an import as ended, and stores its counts (`tally`). `outcome` is "finished", or "limited" if only a part
    of the file was requested.
    """
    db.execute(
        "update imports set outcome = ?, finished_at = ?, counts = ? where id = ?",
        [outcome, stamp(now), json.dumps(asdict(tally)), import_id],
    )


def warc_ends_of_imports(db: Database) -> dict[str, int]:
    """Returns, for each WARC file written by imports, the offset in bytes at which its last recorded record ends."""
    return dict(db.execute("select warc_file, max(warc_end) from imports where warc_file is not null group by 1"))


def set_missing_capture(db: Database, article_id: int, capture_id: int | None) -> None:
    """If the capture of the article's current revision was lost, links the revision to the capture `capture_id`, which
    shows the same content.
    """
    db.execute("update articles set capture_id = ? where id = ? and capture_id is null", [capture_id, article_id])
    db.execute(
        "update revisions set capture_id = ? where article_id = ? and capture_id is null and revision = "
        "(select revision from articles where id = ?)",
        [capture_id, article_id, article_id],
    )


_TOMBSTONE_COLUMNS = "id, article_id, site, url, reason, requested_by, removed_at, erased_at, allowed_at"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The tombstone of a post that was removed because a person asked for it. `article_id` is the ID that the article
    had, which is never reused; times are ISO 8601 in UTC.

    `erased_at` is None as long as the database or a file may still contain parts of the post. Once `allowed_at` is set,
    the post may be archived again.
    """

    id: int
    article_id: int | None
    site: str
    url: str
    reason: str
    requested_by: str | None
    removed_at: str
    erased_at: str | None
    allowed_at: str | None

    @property
    def explanation(self) -> str:
        """Returns a phrase for messages, such as "removed from this archive on 2024-05-01: its author asked for it"."""
        return f"removed from this archive on {self.removed_at[:10]}: {self.reason}"


def tombstones(db: Database, where: str = "1", values: Iterable[object] = ()) -> list[Tombstone]:
    """Returns the tombstones that match the SQL condition `where`, whose parameters are `values`, oldest first."""
    return [
        Tombstone(*row)
        for row in db.execute(f"select {_TOMBSTONE_COLUMNS} from tombstones where {where} order by id", list(values))
    ]


def tombstone_at(db: Database, key: str) -> Tombstone | None:
    """Returns the tombstone that forbids archiving the page at this urlkey; None if it may be archived."""
    found = tombstones(db, "id = (select tombstone_id from tombstone_urls where urlkey = ?)", [key])
    return found[0] if found else None


def removed_urlkeys(db: Database, keys: Iterable[str]) -> set[str]:
    """Returns those of these urlkeys that must not be archived."""
    query = "select urlkey from tombstone_urls where urlkey in (select value from json_each(?))"
    return {row[0] for row in db.execute(query, [json.dumps(list(keys))])}


def tombstone_named(db: Database, what: str | int) -> Tombstone | None:
    """Returns the last tombstone of a post; None if there is no such tombstone. `what` is the ID that the article had,
    or a URL that must not be archived.
    """
    text = str(what).strip()
    if text.isascii() and text.isdigit():
        found = tombstones(db, "article_id = ?", [int(text[:18])])
        return found[-1] if found else None
    try:
        return tombstone_at(db, urlkey(start_address(text)))
    except BadAddress:
        return None


def pending_takedowns(db: Database) -> list[Tombstone]:
    """Returns the tombstones of posts whose content may still be in the database or a WARC file."""
    return tombstones(db, "erased_at is null and allowed_at is null")


def is_payload_removed(db: Database, digest: str) -> bool:
    """Returns True if a payload with this digest belonged to a removed post, so that it must not be stored."""
    return db.execute("select 1 from tombstone_payloads where digest = ?", [digest]).fetchone() is not None


def tombstone_of(db: Database, site: str, article: Article) -> Tombstone | None:
    """Returns the tombstone of the post that an extracted article shows, found by URL, platform ID, guid or text; None
    if the post was not removed.
    """
    key = urlkey(article.url)
    here, of_site = db.execute(
        "select exists (select 1 from tombstone_urls where urlkey = ?), "
        "exists (select 1 from tombstones where site = ? and allowed_at is null)",
        [key, site],
    ).fetchone()
    if here or not of_site:
        return tombstone_at(db, key) if here else None
    values = [site, article.post_id or None, article.guid or None, content_digest(article.body) or None]
    same = tombstones(db, "site = ? and allowed_at is null and (post_id = ? or guid = ? or content_digest = ?)", values)
    return same[0] if same else None


def keep_url_out(db: Database, removal: Tombstone, url: str, *, captured: bool = True) -> None:
    """Forbids archiving another URL of a removed post. If `captured` is True, this URL was captured, so the erasure of
    the post is marked as pending again.
    """
    db.execute(
        "insert into tombstone_urls (urlkey, url, tombstone_id) values (?, ?, ?) on conflict do nothing",
        [urlkey(url), url, removal.id],
    )
    if captured:
        db.execute("update tombstones set erased_at = null where id = ?", [removal.id])


def allow_again(db: Database, removal: Tombstone, at: str, due_at: str) -> None:
    """Allows a removed post to be archived again: its URLs are due at `due_at`, and nothing about the post is blocked
    any longer.
    """
    keys = [
        row[0] for row in db.execute("delete from tombstone_urls where tombstone_id = ? returning urlkey", [removal.id])
    ]
    db.execute("delete from tombstone_payloads where tombstone_id = ?", [removal.id])
    db.execute("update tombstones set allowed_at = ? where id = ?", [at, removal.id])
    for key in keys:
        db.execute(
            "update pages set outcome = 'due', rule = null, reason = 'its removal was revoked', due_at = ? "
            "where urlkey = ? and rule = 'removed'",
            [due_at, key],
        )


NEXT_ARTICLE_ID = (
    "(select max(coalesce((select max(id) from articles), 0), "
    "coalesce((select max(article_id) from tombstones), 0)) + 1)"
)
"""SQL: an ID for a new article, which no article has or ever had."""


def next_article_id(db: Database) -> int:
    """Returns an ID for a new article. No article has, or ever had, this ID."""
    return int(db.execute(f"select {NEXT_ARTICLE_ID}").fetchone()[0])


# -- a listing, feed or API response that contains the URL of a removed post is not captured, since it may contain the
# post's text


class RemovedURLs:
    """The URLs of a site's removed posts, in every form in which the site's pages may write them, so that they can be
    found in payloads.
    """

    def __init__(self, db: Database, site: str) -> None:
        urls = [
            row[0]
            for row in db.execute(
                "select a.url from tombstone_urls a join tombstones m on m.id = a.tombstone_id where m.site = ?", [site]
            )
        ]
        paths = {_path_and_query(url) for url in urls} - {""}
        joined = b"|".join(re.escape(path.encode()) for path in sorted(paths))
        self._pattern = re.compile(b"(?:" + joined + rb")(?![\w-])") if paths else None

    def is_in(self, payload: bytes, coding: str) -> bool:
        """Returns True if a payload (compressed as its Content-Encoding `coding` says) contains any of the URLs, or the
        path and query of any of them.
        """
        if self._pattern is None:
            return False
        from archiver.warc.warc_records import decode_payload  # imported late: only a crawl needs the WARC libraries

        body = decode_payload(payload, coding)
        return self._pattern.search(body.replace(b"\\/", b"/").replace(b"&amp;", b"&")) is not None


def _path_and_query(url: str) -> str:
    """Returns the path and the query of a URL, without a trailing slash. However a page writes the URL (relative, with
    another scheme or host), it contains this text.
    """
    parts = urlsplit(url)
    return (parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")).strip()
