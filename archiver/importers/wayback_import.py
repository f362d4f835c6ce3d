"""Imports captures from a web archive: reads its list of captures, fetches those that are needed at the pace that it
allows, and stores them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Request, Response
from scrapy.http.request import NO_CALLBACK

from archiver import __version__
from archiver.api.captures import tombstone_at
from archiver.api.database import Database, environment_error, is_environment_error, open_archive, writing
from archiver.api.extraction import load_page_objects
from archiver.api.fetching import (
    FailureStreak,
    ForbiddenByRobots,
    HostBusy,
    RobotsUnreadable,
    SharedThrottle,
    ThrottleExtension,
    outcome_of_failure,
)
from archiver.api.politeness import AddressZone, Throttle, permission_for, zone_of_host
from archiver.importers import import_rows
from archiver.importers.capture_list import (
    CaptureAction,
    CaptureList,
    CaptureListEntry,
    ListedCapture,
    ListRequests,
    NoCaptureList,
    WaybackPlan,
)
from archiver.importers.foreign_reader import ForeignCapture, ForeignRecord, RecordPair, normalize_sha1
from archiver.importers.foreign_reader import warc_date as parse_warc_date
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.importers.import_writer import ImportSource, ImportTarget
from archiver.importers.memento_records import (
    ArchiveResponse,
    OtherMemento,
    RequestedCapture,
    digest_field,
    memento_record,
)
from archiver.importers.record_batches import ReadRecord, RecordKind, RecordReader
from archiver.model.items import BUSY_STATUSES
from archiver.model.urls import urlkey

# The plan of an import from a web archive, and its outcome.

LIST_SECONDS = 2.5
"""At least this many seconds pass between requests for lists: 0.4 requests per second, the limit of the Internet
Archive.
"""
CAPTURE_SECONDS = 0.125
"""At least this many seconds pass between requests for captures: 8 requests per second."""


@dataclass
class WaybackOutcome:
    """The result of an import from a web archive. All numbers except `addresses` and `requests` count captures.

    - `listed`: those in the list of captures; `addresses`: the number of their URLs.
    - `left_out`: those that cannot be posts.
    - `here`: those that are already in the archive.
    - `chosen`: those that were selected for fetching.
    - `fetched`, `failed`: those that were fetched, and those that could not be fetched or stored.
    - `seen`: those that were not fetched because their payload is known from another time.
    - `outcome`: finished, limited, interrupted, waiting (the service asks for a pause) or failed; `reason` says why.
    """

    listed: int = 0
    addresses: int = 0
    left_out: int = 0
    here: int = 0
    chosen: int = 0
    fetched: int = 0
    seen: int = 0
    failed: int = 0
    requests: int = 0
    outcome: str = "interrupted"
    reason: str = ""
    tally: import_rows.ImportCounts = field(default_factory=import_rows.ImportCounts)
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, problem: Problem) -> None:
        """Counts a problem. Also keeps its details, unless enough problems are kept already."""
        self.kinds[problem.kind.value] += 1
        self.failed += not problem.kept
        if len(self.problems) < import_rows.MOST_PROBLEMS:
            self.problems.append(problem)


# Choosing the captures of one address to fetch.


# The list.


# Requesting the whole list: with resume keys if the server sends them, otherwise with shorter and shorter time ranges.


_PREFIX = "wayback"
_BATCH, _BATCH_SECONDS = 16, 2.0
_LISTED_BATCH = 200


class WaybackImport:
    """An import from a web archive. Raises the errors of `open_archive`, and ArchiveInUse if another import is running.

    The caller adds the list of captures to `listing`, calls `decide`, fetches each capture that `rows` yields, and
    passes the result to `enter`. If the process dies, results that were not written yet are fetched again by the next
    run.
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
        self._reader = RecordReader(self._db, __version__, self._now, plan.all_captures, load_page_objects())
        self._counted = import_rows.ImportCounts()
        self._source = ImportSource(self._begin(), plan.service.replay)

    def _begin(self) -> int:
        """Registers the import and returns its ID. If the same import ran before, continues with its ID and counts."""
        assert self._db is not None
        before = import_rows.last_import(self._db, self.plan.digest, self.plan.options)
        if before is not None:
            self._counted = import_rows.ImportCounts(**json.loads(before["counts"]))
            return int(before["id"])
        with writing(self._db):
            return import_rows.begin_import(
                self._db, self.plan.service.replay, self.plan.digest, 0, self.plan.options, self._now
            )

    def decide(self) -> None:
        """Decides which captures to fetch, once the list is complete. Captures that are already in the archive, and
        captures of removed posts, are left out.
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
            if tombstone_at(db, urlkey(row.listed.url)):
                self.result.tally.removed += 1
                self.listing.drop(row)

    def _drop_known(self, db: Database) -> None:
        """Removes captures that are already in the archive from the list. A capture whose payload is in the archive
        from another time is not fetched either: only its time remains to be stored.
        """
        listing, result = self.listing, self.result
        for row in listing.rows(CaptureAction.FETCH):
            if self._is_here(row.listed):
                result.here += 1
                listing.drop(row)
            elif row.listed.is_page and import_rows.is_payload_known(db, row.listed.url, _sha1(row.listed)):
                listing.change(row, CaptureAction.SEEN)
        for row in listing.rows(CaptureAction.GONE):
            if import_rows.is_response_known(db, row.listed.url, row.listed.at):
                result.here += 1
                listing.drop(row)
        for row in listing.rows(CaptureAction.SEEN):
            if import_rows.is_memento_known(db, row.listed.url, row.listed.at, _sha1(row.listed)):
                listing.drop(row)

    def _is_here(self, one: CaptureListEntry) -> bool:
        assert self._db is not None
        if not one.is_page and import_rows.is_response_known(self._db, one.url, one.at):
            return True
        return import_rows.is_memento_known(self._db, one.url, one.at, _sha1(one))

    def rows(self) -> Iterator[ListedCapture]:
        """Yields the listed captures that are to be fetched from the web archive, at most `plan.limit`."""
        for n, row in enumerate(self.listing.rows(CaptureAction.FETCH)):
            if self.plan.limit and n >= self.plan.limit:
                return
            yield row

    def enter(self, row: ListedCapture, result: ForeignRecord | Problem) -> ListedCapture | None:
        """Stores the result of fetching a capture of `rows`. If the result is a problem, returns another capture to
        fetch in place of this one, or None. Raises errors of the disk and the database.
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
        at = parse_warc_date(record.fields.get("warc-date", ""))
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
        tally, problems = import_rows.ImportCounts(), list[Problem]()
        tally.records = len({row.n for row, _ in waiting})
        tally.skipped = sum(one is None for _, one in waiting)
        with writing(self._open.db):
            total = self._open.enter(results, self._source, tally, problems, self._counted, None)
            for row, one in waiting:
                if not isinstance(one, Problem) and not _is_stored_as_listed(row, one):
                    import_rows.mark_memento_read(self._open.db, row.key, row.listed.at, _sha1(row.listed))
        self._counted = total
        self.result.tally.add(tally)
        for problem in problems:
            self.result.add_problem(problem)

    def enter_listed(self) -> Iterator[int]:
        """Stores what the list says about captures that are not fetched. Yields the number of captures in each batch.

        If the payload of a listed capture is not in the archive, because fetching it failed, nothing is stored for it.
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
            or not import_rows.is_payload_known(self._db, one.url, digest)
            or (import_rows.is_no_post(self._db, one.url, digest))
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
            import_rows.end_import(
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
    """Converts a listed capture to the RequestedCapture that is to be fetched."""
    one = row.listed
    return RequestedCapture(one.at, one.asked or one.url, one.digest, one.status)


def _sha1(one: CaptureListEntry) -> str:
    """Returns the SHA-1 digest of a listed capture in the form that the archive stores ("sha1:" and base 32). A digest
    of another algorithm is returned unchanged.
    """
    return normalize_sha1(digest_field(one.digest) or one.digest)


def _is_stored_as_listed(row: ListedCapture, one: ReadRecord | None) -> bool:
    """Returns True if a listed capture was stored as a post with the time and digest of the list. `one` is what was
    read from the fetched capture; None if it could not be read. The table `captures` then shows that it was fetched,
    and no other record of this is needed.
    """
    return (
        one is not None
        and one.kind in (RecordKind.POST, RecordKind.KNOWN)
        and one.digest == _sha1(row.listed)
        and (one.found.at == row.listed.at and urlkey(one.found.url) == row.key)
    )


# The spider: fetches the list of captures, then the captures themselves. No links are followed: all requested URLs are
# made from the list.

_log = logging.getLogger(__name__)
_LANES = 8
_MAX_REDIRECTS = 4
_MAX_FAILURES = 8
"""The service counts as down if this many captures in a row got no response, each after several attempts."""
_RETRY_STATUSES = frozenset({500, 502, 504, 520, 521, 522, 523, 524})


class ServiceUnavailable(Exception):
    """Raised if no more requests should be sent in this run. `outcome` is waiting or failed."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.reason = outcome, reason


class WaybackSpider(scrapy.Spider):
    """Spider that fetches the captures for a WaybackImport (`run`), which stores the results. `error` is the unexpected
    error that ended the spider, or None. It has these settings:

    - PAST_TRIES: the number of attempts if there is no response.
    - PAST_WAIT: seconds before the second attempt; doubled for each further attempt.
    - PAST_LIST_TIMEOUT: seconds to wait for a list.
    """

    name = "wayback"

    def __init__(self, run: WaybackImport, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run, self.plan = run, run.plan
        self.service = run.plan.service
        self.permission = permission_for(self.service.replay, service=self.service.asks)
        self.error: Exception | None = None
        self.ended = False
        self._host = urlsplit(self.service.replay).hostname or ""
        self._turns = SharedThrottle(self.plan.archive.parent)
        self._streak = FailureStreak(_MAX_FAILURES)
        self._rows: Iterator[Any] = iter(())

    async def start(self) -> AsyncIterator[Any]:
        """Runs the whole import. Requests that are running when the process is stopped are abandoned; the next run
        sends them again.
        """
        try:
            await self._work()
            outcome = "limited" if self._is_limited else "finished"
            self._finish(outcome)
        except asyncio.CancelledError:
            self._finish("interrupted", "stopped")
            raise
        except ServiceUnavailable as unavailable:
            self._finish(unavailable.outcome, unavailable.reason)
        except NoCaptureList as error:
            self.run.result.add_problem(Problem(ProblemKind.NO_LIST, error.url, self.plan.url, error.reason))
            self._finish("failed", str(error))
        except Exception as error:
            self._fail(error)
        return
        yield  # never reached: it only makes this function a generator

    @property
    def _is_limited(self) -> bool:
        return bool(self.plan.limit) and self.run.result.fetched >= self.plan.limit

    async def _work(self) -> None:
        self._set_pace()
        lists = ListRequests(self.plan, self.run.listing)
        while (url := lists.next()) is not None:
            response = await self._ask(url, "list")
            if isinstance(response, str):
                raise NoCaptureList(url, response)
            location = (response.headers.get("Location") or b"").decode("latin-1")
            lists.read(response.status, location, response.body)
        for problem in lists.problems:
            self.run.result.add_problem(problem)
        self.run.decide()
        if self.plan.dry_run:
            return
        self._rows = self.run.rows()
        lanes = [asyncio.ensure_future(self._lane()) for _ in range(_LANES)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
        self.run.flush()
        for _ in self.run.enter_listed():
            await asyncio.sleep(0)

    def _set_pace(self) -> None:
        """Sets the minimum delays between requests: the configured delay, but at least LIST_SECONDS and
        CAPTURE_SECONDS. For a service on this machine, only the configured delay applies.
        """
        throttle = self.crawler.get_extension(ThrottleExtension)
        delay, limited = self.plan.delay, self._is_rate_limited
        if throttle is not None:
            throttle.keep(self._slot("list"), Throttle(max(delay, LIST_SECONDS if limited else 0.0)))
            throttle.keep(
                self._slot("captures"), Throttle(max(delay, CAPTURE_SECONDS if limited else 0.0), lanes=_LANES)
            )

    @property
    def _is_rate_limited(self) -> bool:
        return zone_of_host(self._host) is not AddressZone.LOOPBACK

    def _slot(self, what: str) -> str:
        return f"{self._host} {what}"

    async def _lane(self) -> None:
        for row in self._rows:
            current = row
            while current is not None:
                current = self.run.enter(current, await self._capture(make_requested_capture(current)))

    async def _capture(self, requested: RequestedCapture) -> ForeignRecord | Problem:
        for _ in range(_MAX_REDIRECTS):
            uri = self.service.memento(requested.at, requested.url)
            response = await self._ask(uri, "captures")
            if isinstance(response, str):
                return Problem(ProblemKind.UNANSWERED, uri, requested.url, response)
            headers = tuple((name, value) for name, values in response.headers.items() for value in values)
            result = memento_record(
                ArchiveResponse(uri, datetime.now(UTC), response.status, headers, response.body),
                requested,
                self.service,
            )
            if not isinstance(result, OtherMemento):
                return result
            digest = requested.digest if result.at == requested.at else ""
            requested = RequestedCapture(result.at, result.url, digest, requested.status)
        return Problem(ProblemKind.NOT_A_MEMENTO, uri, requested.url, "it redirects too many times")

    async def _ask(self, url: str, what: str) -> Response | str:
        """Requests a URL, with retries. Returns the response, or the reason why there is none. `what` is "list" or
        "captures", which have separate throttles. Raises ServiceUnavailable if no more requests should be sent.
        """
        tries, n = self.crawler.settings.getint("PAST_TRIES"), 0
        reason = ""
        while n < tries:
            if n:
                await asyncio.sleep(self.crawler.settings.getfloat("PAST_WAIT") * 2 ** (n - 1))
            await self._wait_for_turn(what)
            self.run.result.requests += 1
            try:
                response = await self._download(url, what)
            except HostBusy as busy:
                raise ServiceUnavailable("waiting", str(busy).replace(self._slot(what), self._host)) from busy
            except (ForbiddenByRobots, RobotsUnreadable) as refused:
                raise ServiceUnavailable(
                    "failed", f"{self._host} does not allow it: {outcome_of_failure(refused)[2]}"
                ) from refused
            except (IgnoreRequest, DownloadCancelledError) as refused:
                return outcome_of_failure(refused)[2]
            except (
                DownloadFailedError,
                DownloadTimeoutError,
                CannotResolveHostError,
                DownloadConnectionRefusedError,
                ResponseDataLossError,
            ) as error:
                reason, n = outcome_of_failure(error)[2], n + 1
                continue
            if response.status in BUSY_STATUSES:
                continue  # the throttle waits as long as the service asked for, and finally raises HostBusy
            if response.status not in _RETRY_STATUSES:
                self._streak.add(failed=False)
                return response
            reason, n = f"the server responds with {response.status}", n + 1
        if what == "captures" and self._streak.add(failed=True):
            raise ServiceUnavailable("failed", f"{self._host} no longer responds ({reason})")
        return f"{reason}, {tries} times"

    async def _download(self, url: str, what: str) -> Response:
        assert self.crawler.engine is not None
        meta: dict[str, Any] = {"download_slot": self._slot(what), "dont_redirect": True, "dont_retry": True}
        if what == "captures":
            meta["download_maxsize"] = self.crawler.settings.getint("PAGE_MAXSIZE")
        else:
            meta["download_timeout"] = self.crawler.settings.getfloat("PAST_LIST_TIMEOUT")
        headers = {"Accept-Encoding": "gzip" if what == "list" else "gzip, deflate", "Accept": "*/*"}
        return await self.crawler.engine.download_async(
            Request(url, headers=headers, meta=meta, callback=NO_CALLBACK, dont_filter=True)
        )

    async def _wait_for_turn(self, what: str) -> None:
        """Waits until the next request may be sent. All imports and crawls whose archives are in the same folder share
        this throttle. `what` is "list" or "captures".
        """
        if self._is_rate_limited:
            one = (self._host, LIST_SECONDS) if what == "list" else (self._slot(what), CAPTURE_SECONDS)
            wait = self._turns.reserve_turn(*one)
            await asyncio.sleep(wait)

    def _finish(self, outcome: str, reason: str = "") -> None:
        if self.ended:
            return
        self.ended = True
        try:
            self.run.finish(outcome, reason)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Ends the import with an error. An error of the disk or the database is converted to a message for the
        user.
        """
        self.ended = True
        self.error = (
            environment_error(error, self.plan.archive)
            if (isinstance(error, (sqlite3.Error, OSError)) and is_environment_error(error))
            else error
        )
        _log.exception("%s", self.plan.url)

    def closed(self, reason: str) -> None:
        self._finish("interrupted", "stopped")


def make_settings(plan: WaybackPlan, agent: str) -> dict[str, Any]:
    """Returns the Scrapy settings of an import; `agent` is the User-Agent. Bodies are not decompressed, because the
    digest of a capture is that of the bytes as sent.
    """
    return {
        "USER_AGENT": agent,
        "COMPRESSION_ENABLED": False,
        "DOWNLOAD_DELAY": plan.delay,
        "CONCURRENT_REQUESTS_PER_DOMAIN": _LANES,
        "PROGRESS": False,
        "ARCHIVE_PATH": str(plan.archive),
        "LOG_INSTALL_ROOT_HANDLER": False,
    }
