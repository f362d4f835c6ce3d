"""Runs re-extractions: several processes extract articles from their captures, and one process writes the results in
batches.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.maintenance.reextraction_reader import (
    ReextractedArticle,
    ReextractedRevision,
    ReextractionReader,
    seen_values,
)
from archiver.maintenance.reextraction_request import ReextractionRequest, request_key, select_articles
from archiver.storage import Database
from archiver.storage.articles import overwrite, rewrite_revision, update_part
from archiver.storage.database import open_archive
from archiver.storage.field_evidence import encode_evidence, unpack_evidence
from archiver.storage.pages import last_rowid, stamp
from archiver.storage.transactions import writing


@dataclass(slots=True)
class ReextractionTally:
    """Counts the results of a re-extraction. `fields` maps each field to the number of revisions in which its value
    differs. `unreadable`, `left` and `kept` collect the messages of all articles (see `ReextractedArticle`).
    `continued` is the number of articles that an interrupted re-extraction, which was continued, had done.
    """

    articles: int = 0
    versions: int = 0
    changed: int = 0
    without_capture: int = 0
    unreadable: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    fields: dict[str, int] = field(default_factory=dict)
    continued: int = 0

    def add(self, outcome: ReextractedArticle) -> None:
        self.articles += 1
        self.versions += len(outcome.versions)
        self.changed += outcome.differs
        self.without_capture += outcome.without_capture
        self.unreadable += outcome.unreadable
        self.left += outcome.left
        self.kept += outcome.kept
        for version in outcome.versions:
            for name in version.differs:
                self.fields[name] = self.fields.get(name, 0) + 1


@dataclass(frozen=True, slots=True)
class StartedReextraction:
    """A re-extraction that was started or continued: its ID, when it started (ISO 8601), and how many articles were
    done before it was interrupted.
    """

    id: int
    started_at: str
    done: int


def begin_reextraction(db: Database, request: ReextractionRequest, version: str, at: datetime) -> StartedReextraction:
    """Starts a re-extraction by storing a row for it. If the last re-extraction was interrupted and had the same
    request and program version, continues that one instead.
    """
    key = request_key(db, request)
    with writing(db):
        last = next(iter(db.query("select * from reextractions order by id desc limit 1")), None)
        if last and not last["finished_at"] and (last["request"], last["version"]) == (key, version):
            done = db.execute("select count(*) from articles where reextraction_id = ?", [last["id"]]).fetchone()[0]
            return StartedReextraction(last["id"], last["started_at"], done)
        db.insert("reextractions", {"started_at": stamp(at), "version": version, "request": key})
        return StartedReextraction(last_rowid(db), stamp(at), 0)


def finish_reextraction(db: Database, number: int, tally: ReextractionTally, at: datetime) -> None:
    with writing(db):
        db.update(
            "reextractions",
            number,
            {
                "finished_at": stamp(at),
                "changed": tally.changed,
                "unreadable": len(tally.unreadable),
                "articles": db.execute("select count(*) from articles where reextraction_id = ?", [number]).fetchone()[
                    0
                ],
            },
        )


def write_reextraction(
    db: Database, outcomes: Sequence[ReextractedArticle], begun: StartedReextraction
) -> list[ReextractedArticle]:
    """Writes the results `outcomes` of the re-extraction `begun` to the archive in one transaction. Returns the results
    that were not written, because a crawl has changed the article since it was read. These articles must be extracted
    again.
    """
    stale = []
    with writing(db):
        for outcome in outcomes:
            row = next(iter(db.query("select * from articles where id = ?", [outcome.article_id])), None)
            if row is None:
                continue
            if seen_values(row) != outcome.seen:
                stale.append(outcome)
                continue
            for version in outcome.versions:
                (_write_current if version.is_current else _write_past)(db, row, version, begun)
            for key, text in outcome.parts:
                update_part(db, key, text)
            db.execute("update articles set reextraction_id = ? where id = ?", [begun.id, row["id"]])
    return stale


def _write_current(db: Database, row: dict[str, Any], version: ReextractedRevision, begun: StartedReextraction) -> None:
    whole = version.extractor is not None
    read_at = begun.started_at if whole else row["read_at"]
    evidence = unpack_evidence(version.evidence)
    if version.article is not None:
        overwrite(db, row, version.article, version.extractor, evidence=evidence, read_at=read_at)
        rewrite_revision(db, row["id"], version.revision, version.article)
    else:
        db.update(
            "articles",
            row["id"],
            {
                "evidence": encode_evidence(db, evidence, row),
                "read_at": read_at,
                "extractor": version.extractor if whole else row["extractor"],
            },
        )
    _write_edit(db, row["id"], version)


def _write_past(db: Database, row: dict[str, Any], version: ReextractedRevision, begun: StartedReextraction) -> None:
    if version.article is not None:
        rewrite_revision(db, row["id"], version.revision, version.article)
    extractor, read_at = ("", "") if version.extractor is None else (version.extractor, begun.started_at)
    db.execute(
        "update revisions set evidence = ?, extractor = coalesce(nullif(?, ''), extractor), "
        "read_at = coalesce(nullif(?, ''), read_at) where article_id = ? and revision = ?",
        [version.evidence, extractor, read_at, row["id"], version.revision],
    )
    _write_edit(db, row["id"], version)


def _write_edit(db: Database, article_id: int, version: ReextractedRevision) -> None:
    if version.changed is not None:
        db.execute(
            "update revisions set changed = ? where article_id = ? and revision = ?",
            [json.dumps(list(version.changed)), article_id, version.revision],
        )


# One re-extraction.

_BATCH = 200
Read = Callable[[list[int]], Iterable[list[ReextractedArticle]]]
"""A function that takes article IDs, extracts these articles again, and yields the results in lists, in any order."""


def reextract(
    db: Database,
    begun: StartedReextraction | None,
    ids: list[int],
    read: Read,
    take: Callable[[ReextractedArticle], None] = lambda outcome: None,
) -> ReextractionTally:
    """Extracts the articles with these IDs again (by calling `read`), and writes the values that differ. If `begun` is
    None, writes nothing. If a crawl changes an article meanwhile, the article is extracted once more. `take` is called
    with the final result of each article.
    """
    tally, waiting = ReextractionTally(), list[ReextractedArticle]()

    def settle() -> list[int]:
        stale = write_reextraction(db, waiting, begun) if begun else []
        for outcome in waiting:
            if outcome not in stale:
                tally.add(outcome)
                take(outcome)
        waiting.clear()
        return [outcome.article_id for outcome in stale]

    todo = ids
    while todo:
        again: list[int] = []
        for outcomes in read(todo):
            waiting += outcomes
            if len(waiting) >= _BATCH:
                again += settle()
        todo = again + settle()
    if begun:
        finish_reextraction(db, begun.id, tally, datetime.now(UTC))
    return tally


def reextract_archive(
    db: Database,
    archive: Path,
    request: ReextractionRequest,
    *,
    workers: int,
    dry_run: bool,
    take: Callable[[ReextractedArticle], None],
    progress: Callable[[int, int], None],
) -> ReextractionTally:
    """Extracts the articles that a request selects again in `workers` processes, and continues a re-extraction with the
    same request that was interrupted. If `dry_run` is True, writes nothing. `take` is called with the result of each
    article, and `progress` with the number of articles done and their total.
    """
    now = datetime.now(UTC)
    begun = None if dry_run else begin_reextraction(db, request, __version__, now)
    ids = select_articles(db, request, begun.id if begun else None)
    done = 0

    def read(todo: list[int]) -> Iterator[list[ReextractedArticle]]:
        nonlocal done
        at = begun.started_at if begun else stamp(now)
        for outcomes in reextract_all(archive, __version__, at, request, todo, workers):
            done += len(outcomes)
            progress(done, len(ids))
            yield outcomes

    tally = reextract(db, begun, ids, read, take)
    tally.continued = begun.done if begun else 0
    return tally


# The reading processes: each opens the archive itself.

_CHUNK = 40
"""Number of articles per task. Their captures are next to each other in the WARC files."""
_FEW_ARTICLES = 4 * _CHUNK
"""If at most this many articles are to be extracted, this process extracts them itself, because it is done before other
processes would have started."""
_reader: ReextractionReader | None = None


def count_cores() -> int:
    """Returns the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def reextract_all(
    archive: Path, version: str, at: str, request: ReextractionRequest, ids: list[int], workers: int
) -> Iterator[list[ReextractedArticle]]:
    """Extracts every article of `ids` again without writing anything, in `workers` processes. `version` is the version
    of this program, and `at` the time of the re-extraction (ISO 8601 in UTC). Yields the results in chunks, in any
    order.
    """
    if workers <= 1 or len(ids) <= _FEW_ARTICLES:
        _open(archive, version, at, request)
        yield from map(_read, _chunks(ids))
        _close()
        return
    # A process forked from this one would share the open database, which SQLite forbids (howtocorrupt, section 2.6). A
    # process forked from a fork server does not share it, and imports are done once for all workers.
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(workers, context, _start_worker, (archive, version, at, request, list(sys.path)))
    chunks = _chunks(ids)
    try:
        waiting: set[Future[list[ReextractedArticle]]] = {
            pool.submit(_read, one) for one in islice(chunks, 3 * workers)
        }
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(_read, one) for one in islice(chunks, len(done))}
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _chunks(ids: list[int]) -> Iterator[tuple[int, ...]]:
    return (tuple(ids[n : n + _CHUNK]) for n in range(0, len(ids), _CHUNK))


def _start_worker(archive: Path, version: str, at: str, request: ReextractionRequest, path: list[str]) -> None:
    """Initializes a process that extracts articles. `path` is its module search path (`sys.path`). The process ignores
    Ctrl-C, which its parent handles, and exits when the parent does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (connection.wait([parent.sentinel]), os._exit(1)), daemon=True).start()
    sys.path[:] = path
    _open(archive, version, at, request)


def _open(archive: Path, version: str, at: str, request: ReextractionRequest) -> None:
    global _reader
    _reader = ReextractionReader(open_archive(archive, read_only=True), archive.parent, version, at, request)


def _close() -> None:
    global _reader
    if _reader is not None:
        _reader.db.close()
    _reader = None


def _read(ids: tuple[int, ...]) -> list[ReextractedArticle]:
    assert _reader is not None
    return [_reader.read(number) for number in ids]
