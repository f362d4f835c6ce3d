"""An import from a web archive: decides which captures to fetch, and stores them. `wayback_spider` fetches them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlite_utils import Database

from archiver import __version__
from archiver.discovery.web_archive_services import CaptureAction, CaptureListEntry
from archiver.importers.import_writer import ImportSource, ImportTarget
from archiver.importers.memento_response import RequestedCapture, digest_field
from archiver.importers.record_batches import ReadRecord, RecordKind, RecordReader
from archiver.importers.wayback_capture_list import CaptureList, ListedCapture, WaybackOutcome, WaybackPlan
from archiver.storage import tombstones
from archiver.storage.article_tables import historical_captures
from archiver.storage.article_tables.historical_captures import ImportCounts
from archiver.storage.connection import open_archive, writing
from archiver.storage.full_text import batch_indexing
from archiver.urls import urlkey
from archiver.warc.foreign_captures import ForeignCapture, RecordPair, normalize_sha1, warc_date
from archiver.warc.foreign_reader import ForeignRecord
from archiver.warc.problems import Problem

_PREFIX = "wayback"
_BATCH, _BATCH_SECONDS = 16, 2.0
_LISTED_BATCH = 200


class WaybackImport:
    """An import from a web archive. Raises what `ImportTarget` raises.

    The caller adds the list of captures to `listing`, calls `decide`, fetches each capture of `rows`, and passes the
    result to `enter`. Results that were not written when the process dies are fetched again.
    """

    def __init__(self, plan: WaybackPlan) -> None:
        self.plan, self.result = plan, WaybackOutcome()
        self.listing = CaptureList(plan)
        self._now = datetime.now(UTC)
        self._open: ImportTarget | None = None
        self._waiting: list[tuple[ListedCapture, ReadRecord | Problem | None]] = []
        self._written = time.monotonic()
        if plan.dry_run:
            self._db = open_archive(plan.archive, read_only=True) if plan.archive.exists() else None
            return
        self._open = ImportTarget(
            plan.archive,
            _PREFIX,
            "Captures that were made by others, fetched from a web archive",
            self._now,
            known_sites=False,
        )
        self._db = self._open.db
        self._open.repair()
        self._reader = RecordReader(self._db, __version__, self._now, plan.all_captures)
        self._counted = ImportCounts()
        self._source = ImportSource(self._begin(), plan.service.replay)

    def _begin(self) -> int:
        """Registers the import and returns its ID. If the same import ran before, its ID and counts are continued."""
        assert self._db is not None
        before = historical_captures.last_import(self._db, self.plan.digest, self.plan.options)
        if before is not None:
            self._counted = ImportCounts(**json.loads(before["counts"]))
            return int(before["id"])
        with writing(self._db):
            return historical_captures.begin_import(
                self._db, self.plan.service.replay, self.plan.digest, 0, self.plan.options, self._now
            )

    def decide(self) -> None:
        """Decides which captures to fetch, once the list is complete. Captures that the archive has, and captures of
        removed posts, are left out.
        """
        listing, result = self.listing, self.result
        listing.decide()
        if self._db is not None:
            self._drop_removed(self._db)
            if not self.plan.again:
                self._drop_known(self._db)
        result.listed, result.left_out, result.addresses = listing.total, listing.left_out, listing.addresses
        result.chosen = listing.count(CaptureAction.FETCH)
        if self.plan.limit:
            result.chosen = min(result.chosen, self.plan.limit)

    def _drop_removed(self, db: Database) -> None:
        for row in self.listing.rows(*CaptureAction):
            if tombstones.tombstone_at(db, urlkey(row.listed.url)):
                self.result.tally.removed += 1
                self.listing.drop(row)

    def _drop_known(self, db: Database) -> None:
        """Removes captures that the archive already has. If the archive has the same payload from another time, only
        the time of the capture remains to be stored, and the capture is not fetched.
        """
        listing, result = self.listing, self.result
        for row in listing.rows(CaptureAction.FETCH):
            if self._is_here(row.listed):
                result.here += 1
                listing.drop(row)
            elif row.listed.is_page and historical_captures.is_payload_known(db, row.listed.url, _sha1(row.listed)):
                listing.change(row, CaptureAction.SEEN)
        for row in listing.rows(CaptureAction.GONE):
            if historical_captures.is_response_known(db, row.listed.url, row.listed.at):
                result.here += 1
                listing.drop(row)
        for row in listing.rows(CaptureAction.SEEN):
            if historical_captures.is_memento_known(db, row.listed.url, row.listed.at, _sha1(row.listed)):
                listing.drop(row)

    def _is_here(self, one: CaptureListEntry) -> bool:
        assert self._db is not None
        if not one.is_page and historical_captures.is_response_known(self._db, one.url, one.at):
            return True
        return historical_captures.is_memento_known(self._db, one.url, one.at, _sha1(one))

    def rows(self) -> Iterator[ListedCapture]:
        """Yields the listed captures that are to be fetched from the web archive, at most `plan.limit`."""
        for n, row in enumerate(self.listing.rows(CaptureAction.FETCH)):
            if self.plan.limit and n >= self.plan.limit:
                return
            yield row

    def enter(self, row: ListedCapture, result: ForeignRecord | Problem) -> ListedCapture | None:
        """Stores the result of fetching a capture of `rows`. For a problem, returns another capture to fetch in its
        place, or None. Raises errors of the disk and the database.
        """
        self.result.fetched += 1
        other = None
        if isinstance(result, Problem):
            other = self.listing.take_replacement(row)
            self._waiting.append((row, result))
        elif not self._in_time(result):
            self._waiting.append((row, None))
        else:
            # The reader yields one result for the record, and its problems.
            self._waiting += [(row, one) for one in self._reader.read([RecordPair(result)])]
        if len(self._waiting) >= _BATCH or time.monotonic() - self._written > _BATCH_SECONDS:
            self.flush()
        return other

    def _in_time(self, record: ForeignRecord) -> bool:
        at = warc_date(record.fields.get("warc-date", ""))
        return at is None or self.plan.includes(at)

    def flush(self) -> None:
        """Writes the results that `enter` has collected, in one transaction."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._write([one for _, one in waiting if one is not None], waiting)
        self._written = time.monotonic()

    def _write(
        self, results: list[ReadRecord | Problem], waiting: list[tuple[ListedCapture, ReadRecord | Problem | None]]
    ) -> None:
        assert self._open is not None
        tally, problems = ImportCounts(), list[Problem]()
        tally.records = len({row.n for row, _ in waiting})
        tally.skipped = sum(one is None for _, one in waiting)
        with writing(self._open.db), batch_indexing(self._open.db):
            total = self._open.enter(results, self._source, tally, problems, self._counted, None)
            for row, one in waiting:
                if not isinstance(one, Problem) and not _is_stored_as_listed(row, one):
                    historical_captures.mark_memento_read(self._open.db, row.key, row.listed.at, _sha1(row.listed))
        self._counted = total
        self.result.tally.add(tally)
        for problem in problems:
            self.result.add_problem(problem)

    def enter_listed(self) -> Iterator[int]:
        """Stores what the list shows about captures that need not be fetched. Yields the number of captures in each
        batch.

        A listed payload that could not be fetched is left out, because nothing is known about it.
        """
        batch: list[ReadRecord] = []
        for row in self.listing.rows(CaptureAction.SEEN, CaptureAction.GONE):
            one = self._gone(row.listed) if row.do is CaptureAction.GONE else self._seen(row.listed)
            if one is not None:
                batch.append(one)
            if len(batch) >= _LISTED_BATCH:
                yield self._write_listed(batch)
                batch = []
        yield self._write_listed(batch)

    def _write_listed(self, batch: list[ReadRecord]) -> int:
        if batch:
            self._write(list(batch), [])
            self.result.seen += len(batch)
        return len(batch)

    def _gone(self, one: CaptureListEntry) -> ReadRecord:
        found = ForeignCapture(
            self.plan.service.memento(one.at, one.asked or one.url), one.url, one.at, one.status or 404
        )
        return ReadRecord(RecordKind.GONE, found, rule=f"http-{one.status}")

    def _seen(self, one: CaptureListEntry) -> ReadRecord | None:
        digest = _sha1(one)
        if (
            self._db is None
            or not historical_captures.is_payload_known(self._db, one.url, digest)
            or (historical_captures.is_no_post(self._db, one.url, digest))
        ):
            return None
        found = ForeignCapture(
            self.plan.service.memento(one.at, one.asked or one.url),
            one.url,
            one.at,
            200,
            digest=digest,
            is_revisit=True,
            was="line of a list of captures",
        )
        return ReadRecord(RecordKind.REVISIT, found, digest)

    def finish(self, outcome: str, reason: str = "") -> None:
        """Writes the remaining results and the outcome of the import. Raises OSError and sqlite3.Error."""
        self.result.outcome, self.result.reason = outcome, reason
        if self._open is None:
            return
        self.flush()
        with writing(self._open.db):
            historical_captures.end_import(
                self._open.db, self._source.import_id or 0, outcome, self._counted, datetime.now(UTC)
            )
        self._open.seal()

    def close(self) -> None:
        self.listing.close()
        if self._open is not None:
            self._open.close()
        elif self._db is not None:
            self._db.close()


def make_requested_capture(row: ListedCapture) -> RequestedCapture:
    """Converts a listed capture to the form in which it is requested from the web archive."""
    one = row.listed
    return RequestedCapture(one.at, one.asked or one.url, one.digest, one.status)


def _sha1(one: CaptureListEntry) -> str:
    """Returns a listed capture's digest as the archive stores it ("sha1:" and base 32). A digest of another algorithm
    is returned unchanged.
    """
    return normalize_sha1(digest_field(one.digest) or one.digest)


def _is_stored_as_listed(row: ListedCapture, one: ReadRecord | None) -> bool:
    """Returns True if the table `captures` already shows that a listed capture was fetched: it was stored as a post
    with the listed time and digest.
    """
    return (
        one is not None
        and one.kind in (RecordKind.POST, RecordKind.KNOWN)
        and one.digest == _sha1(row.listed)
        and (one.found.at == row.listed.at and urlkey(one.found.url) == row.key)
    )
