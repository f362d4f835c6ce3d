"""Writes the captures of some articles to a WACZ file (WACZ 1.1.1, https://specs.webrecorder.net/wacz/1.1.1/).

The selected records of the archive's WARC files are copied unchanged, as whole gzip members. Everything is streamed
in bounded memory, and the same captures produce the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, BinaryIO

from archiver.api.captures import NEEDED_CAPTURES_QUERY
from archiver.api.database import Database
from archiver.api.records import FULL_CONTENT
from archiver.api.warc_files import GzipRecord, make_cdxj_line, parse_capture, parse_named_fields, read_record_at
from archiver.model.items import Capture

# The captures of the articles, the requisites of their pages, and the entries of pages.jsonl.

_CHOSEN = (
    # These are the captures that articles and revisions were extracted from.
    "select a.capture_id from articles a join wacz_articles w on w.id = a.id where a.capture_id is not null",
    "select r.capture_id from revisions r join wacz_articles w on w.id = r.article_id where r.capture_id is not null",
    # These are the other parts of posts that are split over several pages.
    "select p.capture_id from articles a join wacz_articles w on w.id = a.id join article_parts t on t.post_urlkey = "
    "a.urlkey "
    "join pages p on p.urlkey = t.urlkey where p.capture_id is not null",
    # This is the newest capture of each article's own URL, to which redirects lead.
    "select (select c.id from captures c where c.url = a.url and c.status = 200 order by c.captured_at desc limit 1) "
    "from articles a join wacz_articles w on w.id = a.id",
    # These are redirects to the article, and revisit records.
    "select id from captures where (record_type = 'revisit' or status between 300 and 399) "
    "and url in (select url from article_urls where article_id in (select id from wacz_articles))",
)
# A revisit record has no payload, so the response that it refers to is needed as well (WARC/1.1, section 6.7).
_ORIGINAL = (
    "select id from captures where digest = ? and record_type = 'response' "
    "order by url = ? desc, captured_at <= ? desc, captured_at desc, id limit 1"
)


def choose_wacz_captures(db: Database, ids: Iterable[int]) -> None:
    """Enters the captures of these articles in the temporary table `wacz_captures`, from which the other functions read
    them.
    """
    for table in ("wacz_articles", "wacz_captures"):
        db.execute(f"drop table if exists temp.{table}")
        db.execute(f"create temp table {table} (id integer primary key)")
    db.conn.executemany("insert or ignore into temp.wacz_articles values (?)", ((number,) for number in ids))
    for query in _CHOSEN:
        db.execute(
            f"insert or ignore into temp.wacz_captures with found (id) as ({query}) "
            "select id from found where id is not null"
        )
    query = NEEDED_CAPTURES_QUERY.format(articles="select id from temp.wacz_articles")
    db.execute(f"insert or ignore into temp.wacz_captures {query}")
    for revisit in db.execute(
        "select digest, url, captured_at from captures join temp.wacz_captures using (id) where record_type = 'revisit'"
    ).fetchall():
        if (original := db.execute(_ORIGINAL, revisit).fetchone()) is not None:
            db.execute("insert or ignore into temp.wacz_captures values (?)", original)


def capture_offsets(db: Database) -> Iterator[tuple[str, int]]:
    """Yields the WARC file and the offset in bytes of each chosen capture, sorted by both."""
    yield from db.execute(
        "select warc_file, warc_offset from captures join temp.wacz_captures using (id) order by warc_file, warc_offset"
    )


def newest_capture_time(db: Database) -> datetime:
    """Returns the time of the latest chosen capture; 1980-01-01, the earliest time that a ZIP file can hold, if there
    is no chosen capture.
    """
    row = db.execute("select max(captured_at) from captures join temp.wacz_captures using (id)").fetchone()
    found = datetime.fromisoformat(row[0]).astimezone(UTC) if row[0] else datetime(1980, 1, 1, tzinfo=UTC)
    return found.replace(microsecond=0)


def page_entries(db: Database) -> Iterator[dict[str, Any]]:
    """Yields the entries of pages.jsonl, one for each capture from which a revision was extracted: id, url, ts, title,
    text.
    """
    for row in db.execute(
        f"select r.article_id, r.revision, c.url, c.captured_at, r.title, {FULL_CONTENT} from revisions r "
        "join articles a on a.id = r.article_id "
        "join temp.wacz_articles w on w.id = r.article_id join captures c on c.id = r.capture_id "
        "join temp.wacz_captures k on k.id = c.id order by r.article_id, r.revision"
    ):
        article, revision, url, at, title, content = row
        stamp = datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield {
            "id": f"{article}.{revision}",
            "url": url,
            "ts": stamp,
            "title": title,
            "text": json.loads(content).get("body", ""),
        }


# Writing the package.

_LINES_PER_BLOCK = 3000
_CHUNK = 1 << 20


@dataclass(slots=True)
class PackedWACZ:
    """The number of articles and WARC records in a WACZ file. `missing` counts records that could not be read from the
    archive's WARC files.
    """

    articles: int = 0
    records: int = 0
    missing: int = 0


def pack_wacz(
    db: Database, folder: Path, ids: Iterable[int], out: IO[bytes], *, software: str, title: str
) -> PackedWACZ:
    """Writes a WACZ file with the captures of these articles to `out`, which must be seekable. `folder` is the
    archive's folder. `software` (the name of the program) and `title` are written to its datapackage.json.
    """
    choose_wacz_captures(db, ids)
    done = PackedWACZ(articles=db.execute("select count(*) from temp.wacz_articles").fetchone()[0])
    package = _Package(out, newest_capture_time(db))
    db.execute("drop table if exists temp.wacz_lines")
    db.execute("create temp table wacz_lines (line blob primary key) without rowid")
    for warc_file, group in groupby(capture_offsets(db), key=lambda place: place[0]):
        _copy(db, folder, str(warc_file), [offset for _, offset in group], package, done)
    _write_index(db, package)
    with package.entry("pages/pages.jsonl", packed=True) as entry:
        entry.write(_json({"format": "json-pages-1.0", "id": "pages", "title": "Articles", "hasText": True}))
        for page in page_entries(db):
            entry.write(_json(page))
    package.close(software, title)
    return done


class _Package:
    """A WACZ file that is being written. Holds the ZIP file and the list of its entries for datapackage.json."""

    def __init__(self, out: IO[bytes], created: datetime) -> None:
        self._zip = zipfile.ZipFile(out, "w", allowZip64=True)
        self._created = created
        self._resources: list[dict[str, Any]] = []

    @contextmanager
    def entry(self, path: str, *, packed: bool = False, listed: bool = True) -> Iterator[_HashingWriter]:
        """Opens a new file in the ZIP for writing. If `packed` is True, the file is compressed; if `listed` is True,
        datapackage.json will list it. WARC files and compressed indexes are stored without further compression, so that
        a player can read parts of them (WACZ, section "Zip Format").
        """
        info = zipfile.ZipInfo(path, self._created.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.external_attr = 0o644 << 16
        info.create_system = 3
        with self._zip.open(info, "w", force_zip64=True) as handle:
            hashing = _HashingWriter(handle)
            yield hashing
        if listed:
            self._resources.append(
                {
                    "name": path.rpartition("/")[2].lower(),
                    "path": path,
                    "hash": f"sha256:{hashing.digest.hexdigest()}",
                    "bytes": hashing.written,
                }
            )

    def close(self, software: str, title: str) -> None:
        """Writes datapackage.json (with this title and the name of the program, `software`) and its digest to the WACZ
        file, and closes it.
        """
        stamp = self._created.strftime("%Y-%m-%dT%H:%M:%SZ")
        package = {
            "profile": "data-package",
            "wacz_version": "1.1.1",
            "title": title,
            "created": stamp,
            "software": software,
            "resources": self._resources,
        }
        data = json.dumps(package, indent=2, ensure_ascii=False).encode("utf-8", "replace")
        with self.entry("datapackage.json", listed=False) as entry:
            entry.write(data)
            digest = {"path": "datapackage.json", "hash": f"sha256:{entry.digest.hexdigest()}"}
        with self.entry("datapackage-digest.json", listed=False) as entry:
            entry.write(json.dumps(digest, indent=2).encode())
        self._zip.close()


class _HashingWriter:
    """Writes to a file, and computes the SHA-256 and the number of the written bytes."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self.written = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._handle.write(data)
        self.digest.update(data)
        self.written += len(data)


def _copy(db: Database, folder: Path, warc_file: str, offsets: list[int], package: _Package, done: PackedWACZ) -> None:
    """Copies the chosen records of one WARC file (those at `offsets`) to the package, with its warcinfo record and the
    request and metadata records that belong to them. Counts the copied and the missing records in `done`.
    """
    name = warc_file.removeprefix("warc/").replace("/", "-")
    try:
        handle = (folder / warc_file).open("rb")
    except OSError:
        done.missing += len(offsets)
        return
    with handle, package.entry(f"archive/{name}") as entry:
        first = read_record_at(handle, 0)
        if first is not None and offsets[:1] != [0] and _kind(first) == "warcinfo":
            _copy_member(handle, first, entry)
        for offset in offsets:
            member = read_record_at(handle, offset)
            capture = parse_capture(member, warc_file) if member else None
            if member is None or capture is None:
                done.missing += 1
                continue
            _enter(db, replace(capture, warc_file=name, warc_offset=entry.written))
            _copy_member(handle, member, entry)
            done.records += 1
            record_id, after = _header(member).get("warc-record-id"), read_record_at(handle, offset + member.length)
            while after is not None and record_id and _header(after).get("warc-concurrent-to") == record_id:
                _copy_member(handle, after, entry)
                after = read_record_at(handle, after.offset + after.length)


def _header(member: GzipRecord) -> dict[str, str]:
    return parse_named_fields(member.head[: member.head.find(b"\r\n\r\n")])


def _kind(member: GzipRecord) -> str:
    return _header(member).get("warc-type", "")


def _copy_member(handle: BinaryIO, member: GzipRecord, entry: _HashingWriter) -> None:
    handle.seek(member.offset)
    left = member.length
    while left:
        data = handle.read(min(left, _CHUNK))
        entry.write(data)
        left -= len(data)


def _enter(db: Database, capture: Capture) -> None:
    db.execute("insert or ignore into temp.wacz_lines values (?)", [make_cdxj_line(capture)])


def _write_index(db: Database, package: _Package) -> None:
    """Writes indexes/index.cdx.gz in blocks of 3,000 lines, each a gzip member, and index.idx with the offsets of the
    blocks (ZipNum, format cdxj-gzip-1.0)."""
    rows = (row[0] for row in db.conn.execute("select line from temp.wacz_lines order by line"))
    blocks = []
    with package.entry("indexes/index.cdx.gz") as entry:
        while lines := list(islice(rows, _LINES_PER_BLOCK)):
            data = gzip.compress(b"".join(lines), mtime=0)
            key, stamp, _ = lines[0].split(b" ", 2)
            block = {
                "offset": entry.written,
                "length": len(data),
                "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
                "filename": "index.cdx.gz",
            }
            blocks.append(key + b" " + stamp + b" " + _json(block))
            entry.write(data)
    with package.entry("indexes/index.idx", packed=True) as entry:
        entry.write(b"!meta 0 " + _json({"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}))
        for line in blocks:
            entry.write(line)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
