"""The rows that imports read and write: how far each import has come, past responses without a page (gone, or
redirects), captures and payloads that need not be read again, and revisit records whose payload is missing.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from archiver.api.database import Database, last_rowid, moment, stamp
from archiver.api.writing import next_fetch_time, priority
from archiver.importers.foreign_reader import ForeignCapture
from archiver.model.items import Capture, DiscoverySource, Outcome, PageKind
from archiver.model.urls import urlkey

_MOST_HOPS = 10
"""At most this many redirects of a URL are followed."""


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
