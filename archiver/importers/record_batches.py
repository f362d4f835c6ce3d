"""Groups the records of a file into batches, reads the batches on all cores, and classifies each record as a post,
another page, a redirect and so on. The articles of posts are extracted.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from multiprocessing.connection import wait
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urljoin, urlsplit

from archiver.api.database import Database, open_archive
from archiver.api.extraction import PageObjects, drop_impossible_values, extract_page, load_page_objects
from archiver.api.pages import SiteRules, parse_page
from archiver.api.politeness import statements_of_headers, statements_of_page
from archiver.api.sites import SiteLookup, rules_valid_at
from archiver.api.warc_files import Exchange
from archiver.api.writing import extractor_of
from archiver.importers.foreign_reader import (
    ByteStream,
    ForeignCapture,
    ForeignRecords,
    RecordPair,
    RecordPairs,
    StreamPosition,
    foreign_capture_in,
    normalize_sha1,
)
from archiver.importers.http_response_parser import HTTPResponse
from archiver.importers.import_inputs import RecordSelector
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.importers.import_rows import ImportCounts, is_capture_processed, kind_read, known_capture
from archiver.model.items import REDIRECTS, Article, PageKind, UsageStatement
from archiver.model.urls import normalize, urlkey

# From a stream of records to batches. Records that need no reading are only counted.

_PAGES, _BYTES, _RECORDS = 48, 4 << 20, 5_000  # a batch has at most this many pages, bytes and records


@dataclass
class RecordBatch:
    """A batch of records.

    - `pairs`: the records to read, with their requests.
    - `not_html`: the URL and payload digest of each response that is not read because it is not HTML.
    - `size`: the total size of `pairs` in bytes.
    - `place`: the position in the file up to which all records are in this batch or an earlier one.
    - `read`: the number of bytes of the file read so far.
    - `end`: "" if more batches follow, otherwise "finished", or "limited" if the requested number of pages was reached.
    """

    pairs: list[RecordPair] = field(default_factory=list)
    not_html: list[tuple[str, str]] = field(default_factory=list)
    size: int = 0
    tally: ImportCounts = field(default_factory=ImportCounts)
    problems: list[Problem] = field(default_factory=list)
    place: StreamPosition = field(default_factory=StreamPosition)
    read: int = 0
    end: str = ""

    @property
    def is_full(self) -> bool:
        return len(self.pairs) >= _PAGES or self.size >= _BYTES or self.tally.records >= _RECORDS


def record_batches(
    unpacked: ByteStream, selector: RecordSelector, *, limit: int = 0, begun: bool = False
) -> Iterator[RecordBatch]:
    """Yields the records of a stream in batches. If `limit` is not 0, stops after that many pages. The last batch has
    `end` set and may be empty.

    If `begun` is True, the stream starts where an earlier run stopped. It is then not an error if no records follow.
    """
    pairing = RecordPairs(ForeignRecords(unpacked, selector))
    batch, pages = RecordBatch(), 0

    def closed(end: str = "") -> RecordBatch:
        batch.place, batch.read, batch.end = pairing.place, unpacked.read, end
        return batch

    for group in pairing:
        for item in group:
            if not (begun and isinstance(item, Problem) and item.kind is ProblemKind.NOT_AN_ARCHIVE):
                _add_to_batch(item, batch, selector)
        if 0 < limit <= pages + len(batch.pairs):
            yield closed("limited")
            return
        if batch.is_full:
            pages += len(batch.pairs)
            yield closed()
            batch = RecordBatch()
    yield closed("finished")


def _add_to_batch(item: RecordPair | Problem, batch: RecordBatch, selector: RecordSelector) -> None:
    tally = batch.tally
    tally.records += 1
    if isinstance(item, Problem):
        batch.problems.append(item)
        tally.damaged += 1
        return
    record = item.record
    if not item.is_answer:
        tally.about += 1
    elif record.block is not None:
        batch.pairs.append(item)
        batch.size += len(record.block)
    elif (why := selector.why_not_kept(record.fields)) == "skipped":
        tally.skipped += 1
    elif why:
        tally.about += 1
    else:
        tally.not_html += 1
        digest = normalize_sha1(record.fields.get("warc-payload-digest", ""))
        if digest and (url := normalize(record.url)):
            batch.not_html.append((url, digest))


# Reading records.

_NOT_FOUND = "not-found"
# Revisit records seldom state the type of their payload. URLs with these endings are not pages.
_NOT_PAGES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".gif",
    ".webp",
    ".svg",
    ".ico",
    ".css",
    ".js",
    ".pdf",
    ".woff",
    ".woff2",
    ".ttf",
    ".mp3",
    ".mp4",
    ".webm",
    ".zip",
    ".json",
    ".xml",
    ".rss",
    ".txt",
    ".swf",
    ".avif",
)


class RecordKind(StrEnum):
    """The kind of an imported record, such as a post, another page or a redirect."""

    POST = "post"
    PAGE = "page"
    NOT_HTML = "not-html"
    GONE = "gone"
    REDIRECT = "redirect"
    STATUS = "status"
    REVISIT = "revisit"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """The result of reading one record.

    - `rule`: the name of the rule that decided whether the record is a post.
    - `target`: the target of a redirect.
    - `digest`: the payload digest in the form that the archive stores.
    - `exchange`: the request and response, if they may be copied into the archive; otherwise None.
    """

    kind: RecordKind
    found: ForeignCapture
    digest: str = ""
    rule: str = ""
    article: Article | None = None
    extractor: str = ""
    usage_statements: tuple[UsageStatement, ...] = ()
    target: str = ""
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Reads records: classifies them, and extracts the articles of posts.

    - `db`: the archive, used only to recognize captures that are already in it.
    - `version`: the version of this program.
    - `now`: the current time; captures with a later time are invalid.
    - `page_objects`: the page objects to use for posts.
    """

    db: Database
    version: str
    now: datetime
    all_captures: bool = False
    page_objects: PageObjects = field(default_factory=PageObjects)

    def read(self, pairs: Iterable[RecordPair]) -> Iterator[ReadRecord | Problem]:
        """Yields the result for each record, and the problems found in it."""
        sites = SiteLookup(self.db)
        ruled = {row[0] for row in self.db.execute("select distinct site_id from site_rules")}

        def rules(url: str, at: datetime) -> SiteRules | None:
            site = sites.of(url) if ruled else None
            return rules_valid_at(self.db, site.id, at) if site and site.id in ruled else None

        for pair in pairs:
            try:
                found = foreign_capture_in(pair.record, pair.request, self.now)
                one = found if isinstance(found, Problem) else self._read_capture(found, sites, rules)
            except Exception as error:
                # An unexpected error in one record must not stop the others.
                yield Problem(
                    ProblemKind.READER,
                    str(pair.record.place),
                    pair.record.url[:2000],
                    f"{type(error).__name__}: {str(error)[:200]}",
                )
                continue
            yield one
            if isinstance(found, ForeignCapture):
                yield from (Problem(kind, found.place, found.url, detail) for kind, detail in found.odd)

    def _read_capture(
        self, found: ForeignCapture, sites: SiteLookup, rules: Callable[[str, datetime], SiteRules | None]
    ) -> ReadRecord:
        answer = found.answer
        if found.is_revisit:
            kind = RecordKind.NOT_HTML if _is_not_page(found, answer) else RecordKind.REVISIT
            read = ReadRecord(kind, _drop_bodies(found), found.digest)
            if answer is None or found.status in (200, 304):
                return read
            return _classify_without_page(replace(read, kind=RecordKind.STATUS), found, answer)
        assert answer is not None
        assert found.exchange is not None
        digest = found.exchange.digest
        copied = found.exchange if self.all_captures else None
        before = known_capture(self.db, found.url, found.at, digest)
        if before is not None and is_capture_processed(self.db, before):
            return ReadRecord(RecordKind.KNOWN, _drop_bodies(found), digest)
        base = ReadRecord(RecordKind.STATUS, _drop_bodies(found), digest, f"http-{found.status}", exchange=copied)
        if found.status != 200:
            return _classify_without_page(base, found, answer)
        if not answer.is_html:
            return replace(base, kind=RecordKind.NOT_HTML, rule="not-html")
        if (rule := kind_read(self.db, found.url, digest)) is not None:
            return replace(base, kind=RecordKind.GONE if rule == _NOT_FOUND else RecordKind.PAGE, rule=rule)
        site = sites.of(found.url)
        home = urlkey(site.start_url) if site else urlkey(urljoin(found.url, "/"))
        return _read_page(
            replace(base, exchange=found.exchange),
            answer,
            rules(found.url, found.at),
            self.version,
            self.page_objects,
            is_home=urlkey(found.url) == home,
            copied=copied,
        )


def _classify_without_page(base: ReadRecord, found: ForeignCapture, answer: HTTPResponse) -> ReadRecord:
    """Returns `base` completed for a response without a page: a post that is gone, a redirect, or another status."""
    if found.status in (404, 410):
        return replace(base, kind=RecordKind.GONE)
    location = answer.header("location") if found.status in REDIRECTS else ""
    target = normalize(urljoin(found.url, location)) if location else None
    if target and urlkey(target) != urlkey(found.url):
        return replace(base, kind=RecordKind.REDIRECT, target=target)
    return base


def _read_page(
    base: ReadRecord,
    answer: HTTPResponse,
    rules: SiteRules | None,
    version: str,
    page_objects: PageObjects,
    *,
    is_home: bool,
    copied: Exchange | None,
) -> ReadRecord:
    """Returns `base` completed for an HTML page: as a post with its article, or as another page with the rule by which
    it is not a post.

    - `rules`: the site's rules; None if it has none.
    - `version`: the version of this program.
    - `is_home`: True if the page is the home page of its site, which is never a post.
    - `copied`: the request and response, if they may be copied into the archive; otherwise None.
    """
    found = base.found
    page = parse_page(answer.body, found.url, answer.content_type, found.at)
    article = page_objects.apply(extract_page(page, None, PageKind.UNKNOWN, posts_only=True, rules=rules), page)
    if is_home or article.kind is not PageKind.POST or article.part_of:
        rule = "the home page" if is_home else "a part" if article.part_of else article.kind_rule
        kind = RecordKind.GONE if rule == _NOT_FOUND else RecordKind.PAGE
        return replace(base, kind=kind, rule=rule, exchange=copied)
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in answer.headers]
    usage_statements = (
        *statements_of_headers(headers, found.url),
        *(statements_of_page(page.index, found.url) if page.root is not None else ()),
    )
    article, _ = drop_impossible_values(article, found.at)
    return replace(
        base,
        kind=RecordKind.POST,
        rule=article.kind_rule,
        article=article,
        usage_statements=usage_statements,
        extractor=extractor_of(version, article),
    )


def _drop_bodies(found: ForeignCapture) -> ForeignCapture:
    """Returns the capture without the payloads of its request and response, which are not needed after extraction. They
    would otherwise be sent to the process that writes the results.
    """
    answer = found.answer
    if found.is_revisit and answer is not None:
        return replace(found, answer=replace(answer, payload=b"", body=b""))
    return replace(found, answer=None, exchange=None)


def _is_not_page(found: ForeignCapture, answer: HTTPResponse | None) -> bool:
    media = answer.media_type if answer else ""
    if media:
        return media not in ("text/html", "application/xhtml+xml")
    return urlsplit(found.url).path.lower().endswith(_NOT_PAGES)


def open_reader(archive: Path, version: str, now: datetime, *, all_captures: bool) -> RecordReader:
    db = open_archive(archive, read_only=True)
    return RecordReader(db, version, now, all_captures, load_page_objects())


# Reader processes on all cores. Their results come back in the order of the batches.

_MAX_BYTES = 96 << 20
_AHEAD = 3  # at most this many batches per process are queued
Results = list[ReadRecord | Problem]
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class ReaderPlan:
    """The data that a reader process needs: the path of the archive, the program's version, and the latest valid time
    of a capture.
    """

    archive: Path
    version: str
    now: datetime
    all_captures: bool = False


_reader: RecordReader | None = None


def _start(plan: ReaderPlan) -> None:
    """Initializes a reader process. It ignores Ctrl-C, and exits when the process that started it does."""
    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _reader = open_reader(plan.archive, plan.version, plan.now, all_captures=plan.all_captures)


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _read(pairs: Sequence[RecordPair]) -> Results:
    assert _reader is not None
    return list(_reader.read(pairs))


class ReaderPool(Generic[B]):
    """Reads batches in several processes, and returns the results in the order of the batches. With one worker, it
    reads in this process.

    If reading a record kills its process, the record is reported as a problem, and all other records are read.
    """

    def __init__(self, plan: ReaderPlan, workers: int) -> None:
        self.plan, self._workers = plan, workers
        self._own = (
            open_reader(plan.archive, plan.version, plan.now, all_captures=plan.all_captures) if (workers < 2) else None
        )
        self._executor = self._processes() if workers > 1 else None
        self._waiting: deque[tuple[B, Sequence[RecordPair], int, Future[Results] | None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def reads_here(self) -> bool:
        """Returns True if this process reads the records itself."""
        return self._own is not None

    @property
    def is_full(self) -> bool:
        """Returns True if the pool holds so many batches that one must be taken out before another is put in. This
        limit bounds the memory.
        """
        return len(self._waiting) >= (1 if self._own else _AHEAD * self._workers) or (
            sum(size for _, _, size, _ in self._waiting) > _MAX_BYTES
        )

    def put(self, batch: B, pairs: Sequence[RecordPair], size: int) -> None:
        future = self._executor.submit(_read, pairs) if self._executor and pairs else None
        self._waiting.append((batch, pairs, size, future))

    def take(self) -> tuple[B, Results]:
        """Waits for the oldest batch, and returns it with its results."""
        batch, pairs, _, future = self._waiting.popleft()
        if self._own is not None or future is None:
            return batch, list(self._own.read(pairs)) if self._own is not None else []
        try:
            return batch, future.result()
        except BrokenProcessPool:
            return batch, self._read_one_by_one(pairs)

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        if self._own is not None:
            self._own.db.close()

    def _read_one_by_one(self, pairs: Sequence[RecordPair]) -> Results:
        """Reads the records of a batch one at a time, because one of them has killed the reader process. Submits the
        other batches again.
        """
        self._executor = self._processes()
        out: Results = []
        for pair in pairs:
            try:
                out += self._executor.submit(_read, [pair]).result()
            except BrokenProcessPool:
                out.append(
                    Problem(
                        ProblemKind.READER,
                        str(pair.record.place),
                        pair.record.url[:2000],
                        "the process that read it died",
                    )
                )
                self._executor = self._processes()
        again = list(self._waiting)
        self._waiting.clear()
        for batch, others, size, _ in again:
            self.put(batch, others, size)
        return out

    def _processes(self) -> ProcessPoolExecutor:
        # A fork of this process would inherit its locks and its database connection. A fork server has no locks and no
        # connection, and imports the modules once for all workers.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        return ProcessPoolExecutor(self._workers, context, _start, (self.plan,))
